"""Tokens, and lists of them.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from ctypes import byref, c_bool, c_int64
from datetime import datetime
from typing import Any, Optional, Union, overload

from . import _abi as abi
from . import _convert as convert
from ._handle import Handle, Ref, read_text
from ._native import held, lib


class TokenRef(Ref):
    """Owns a reference to a token."""

    __slots__ = ()

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing,
                release: Callable[[int], None] = held.rbtoken_token_release) -> None:
        if not is_finalizing():
            release(self.pointer)


class TokenListRef(Ref):
    """Owns a list of tokens."""

    __slots__ = ()

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing,
                free: Callable[[int], None] = lib.rbtoken_token_list_free) -> None:
        if not is_finalizing():
            free(self.pointer)


class Token(Handle[TokenRef]):
    """A token as it was when a call returned it. It never changes, and may outlive its store.

    Tokens are equal if all of their fields are.
    """

    __slots__ = ()

    def __init__(self) -> None:
        raise TypeError("tokens come from a Store")

    def _text(self, function: Any) -> str | None:
        ref = self._open(TokenRef)
        return read_text(function, ref.pointer)

    def _time(self, function: Any) -> datetime | None:
        ref = self._open(TokenRef)
        time_us = c_int64()
        return convert.time(time_us.value) if function(ref.pointer, byref(time_us)) else None

    def _known_time(self, function: Any) -> datetime:
        time = self._time(function)
        assert time is not None
        return time

    def _flag(self, function: Any, *arguments: int) -> bool:
        ref = self._open(TokenRef)
        return bool(function(ref.pointer, *arguments))

    @property
    def id(self) -> int:
        """The id, which the store never gives to another token."""
        ref = self._open(TokenRef)
        return int(held.rbtoken_token_id(ref.pointer))

    @property
    def value(self) -> str:
        """The secret. Do not log it; `redacted` is for that."""
        return self._text(held.rbtoken_token_value) or ""

    @property
    def redacted(self) -> str:
        """What may be logged: the type and the id, such as ``rbp_***#17``."""
        return self._text(held.rbtoken_token_redacted) or ""

    @property
    def user(self) -> str:
        """The owner's name."""
        return self._text(held.rbtoken_token_user) or ""

    @property
    def local_site(self) -> Optional[str]:
        """The Local Site of the token; None: the global site."""
        return self._text(held.rbtoken_token_local_site)

    @property
    def client_name(self) -> Optional[str]:
        """The client of the token, if it is a client's."""
        return self._text(held.rbtoken_token_client_name)

    @property
    def note(self) -> str:
        """The note for people."""
        return self._text(held.rbtoken_token_note) or ""

    @property
    def generator_id(self) -> str:
        """The generator of the value, such as ``vendor_checksum``."""
        return self._text(held.rbtoken_token_generator_id) or ""

    @property
    def policy_text(self) -> str:
        """The policy as it is stored. On Review Board's database it need not be JSON."""
        return self._text(held.rbtoken_token_policy) or ""

    @property
    def extra_data_text(self) -> str:
        """The extra data as it is stored. On Review Board's database it need not be JSON."""
        return self._text(held.rbtoken_token_extra_data) or ""

    @property
    def policy(self) -> Optional[dict[str, Any]]:
        """The policy. An empty one gives full access; None: what is stored is no policy, and
        denies everything."""
        return self._document(self.policy_text, "policy")

    @property
    def extra_data(self) -> Optional[dict[str, Any]]:
        """The extra data."""
        return self._document(self.extra_data_text, "extra_data")

    def _document(self, text: str, member: str) -> dict[str, Any] | None:
        try:
            document = json.loads(text)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            # The text of another program may be something else, which the library parses.
            document = self.to_dict()[member]
        return document if isinstance(document, dict) else None

    @property
    def invalid_reason(self) -> str:
        """Why the token was invalidated."""
        return self._text(held.rbtoken_token_invalid_reason) or ""

    @property
    def expires(self) -> Optional[datetime]:
        """From when on the token is expired; None: never."""
        return self._time(held.rbtoken_token_expires)

    @property
    def time_added(self) -> datetime:
        """When the token was created."""
        return self._known_time(held.rbtoken_token_time_added)

    @property
    def last_updated(self) -> datetime:
        """When the token was last changed. Logins and invalidation are no changes."""
        return self._known_time(held.rbtoken_token_last_updated)

    @property
    def last_used(self) -> Optional[datetime]:
        """When the token was last used to log in; None: never."""
        return self._time(held.rbtoken_token_last_used)

    @property
    def invalid_date(self) -> Optional[datetime]:
        """When the token was invalidated, if it was and the time is known."""
        return self._time(held.rbtoken_token_invalid_date)

    @property
    def is_invalidated(self) -> bool:
        """Whether the token was invalidated, which is final."""
        return self._flag(held.rbtoken_token_is_invalidated)

    @property
    def is_deprecated(self) -> bool:
        """Whether the generator was deprecated when the token was returned."""
        return self._flag(held.rbtoken_token_is_deprecated)

    def is_expired(self, at: Optional[datetime] = None) -> bool:
        """Returns whether the token is expired at a time; None: now."""
        at_us = convert.now_us() if at is None else convert.microseconds(at, "at")
        return self._flag(held.rbtoken_token_is_expired, at_us)

    def allows(self, policy_id: str, method: str, resource_id: Optional[str] = None) -> bool:
        """Returns whether the policy allows an HTTP method on a resource.

        It says nothing of whether the token is valid: `Store.authenticate` does.
        """
        allowed = c_bool()
        self._call(TokenRef, held.rbtoken_token_allows,
                   *convert.pair(convert.text(policy_id, "policy_id")),
                   *convert.pair(convert.text(method, "method")),
                   *convert.pair(convert.optional_text(resource_id, "resource_id")),
                   byref(allowed))
        return allowed.value

    def to_json(self, *, with_value: bool = False, at: Optional[datetime] = None) -> str:
        """Returns the fields of Review Board's API token payload as JSON.

        The secret is among them only if ``with_value`` is True. ``at`` is the time for which
        ``expired`` is told; None: now.
        """
        at_us = convert.now_us() if at is None else convert.microseconds(at, "at")
        flags = abi.JSON_WITH_VALUE if convert.boolean(with_value, "with_value") else 0
        return self._call_for_text(TokenRef, lib.rbtoken_token_to_json, at_us, flags)

    def to_dict(self, *, with_value: bool = False, at: Optional[datetime] = None) -> dict[str, Any]:
        """Returns what `to_json` does, as an object."""
        return dict(json.loads(self.to_json(with_value=with_value, at=at)))

    def _state(self) -> tuple[object, ...]:
        return (self.id, self.value, self.user, self.local_site, self.note, self.generator_id,
                self.policy_text, self.extra_data_text, self.invalid_reason, self.expires,
                self.time_added, self.last_updated, self.last_used, self.invalid_date,
                self.is_invalidated, self.is_deprecated)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Token):
            return NotImplemented
        # A closed token equals only itself.
        return self is other or (
            not self.closed and not other.closed and self._state() == other._state())

    def __hash__(self) -> int:
        return hash((self.id, self.user))

    def __repr__(self) -> str:
        return "<Token (closed)>" if self.closed else f"<Token {self.redacted} of {self.user!r}>"


class TokenList(Handle[TokenListRef], Sequence[Token]):
    """A list of tokens as they were when it was made, in order of their ids."""

    __slots__ = ()

    def __init__(self) -> None:
        raise TypeError("lists come from a Store")

    def __len__(self) -> int:
        ref = self._open(TokenListRef)
        return int(held.rbtoken_token_list_count(ref.pointer))

    @overload
    def __getitem__(self, index: int) -> Token: ...

    @overload
    def __getitem__(self, index: slice) -> list[Token]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Token, list[Token]]:
        ref = self._open(TokenListRef)
        indexes = range(len(self))[index]
        if isinstance(indexes, range):
            return [self._token(ref, at) for at in indexes]
        return self._token(ref, indexes)

    @staticmethod
    def _token(ref: TokenListRef, index: int) -> Token:
        lent = held.rbtoken_token_list_get(ref.pointer, index)
        return Token._of(TokenRef(held.rbtoken_token_retain(lent)))

    def __iter__(self) -> Iterator[Token]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TokenList):
            return NotImplemented
        return self is other or list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<TokenList (closed)>" if self.closed else f"<TokenList of {len(self)}>"
