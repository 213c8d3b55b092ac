"""Service accounts: users that only log in with a token of their own.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from ctypes import byref, c_bool, c_void_p
from datetime import timedelta
from typing import TYPE_CHECKING, Optional, Union

from . import _abi as abi
from . import _convert as convert
from ._convert import Document
from ._handle import Handle, Ref, call
from ._native import held, lib
from ._open import StoreRef
from .login import ClientToken
from .options import NEVER, Never, ServiceTokenOptions, merge
from .token import Token, TokenRef

if TYPE_CHECKING:
    from .store import Store


class ServiceAccountRef(Ref):
    """Owns a service account."""

    __slots__ = ()

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing,
                free: Callable[[int], None] = held.rbtoken_service_account_free) -> None:
        if not is_finalizing():
            free(self.pointer)


class ServiceAccount(Handle[ServiceAccountRef]):
    """A service account. It belongs to no store."""

    __slots__ = ("_id",)
    _id: str

    def __init__(self, id: str, *, user: Optional[str] = None, token_version: int = 1,
                 expiration: Union[timedelta, Never, None] = None,
                 policy: Optional[Document] = None) -> None:
        """Describes an account.

        ``id`` has letters, digits, ``_`` and ``-``. ``user`` owns the tokens; None: the user of
        the account's id. A higher ``token_version`` gives a new token, for instance when the policy
        has changed. A new token lives for ``expiration``; None: 30 days.
        """
        self._ref = None
        mode, seconds = abi.ExpirationMode.DEFAULT, 0
        if expiration is NEVER:
            mode = abi.ExpirationMode.NEVER
        elif expiration is not None:
            mode = abi.ExpirationMode.SECS
            seconds = convert.seconds(expiration, "expiration")
        options = convert.struct(
            abi.ServiceAccountOptions, id=convert.text(id, "id"),
            user=convert.optional_text(user, "user"),
            token_version=convert.integer(token_version, "token_version", 32, signed=False),
            expiration_mode=mode, expiration_secs=seconds,
            policy=convert.optional_document(policy, "policy"))
        pointer = c_void_p()
        call(lib.rbtoken_service_account_new, byref(options), byref(pointer))
        self._ref = ServiceAccountRef(pointer.value or 0)
        self._id = id

    @property
    def id(self) -> str:
        """The account's id."""
        self._open(ServiceAccountRef)
        return self._id

    def get_api_token(self, store: Store, options: Optional[ServiceTokenOptions] = None, *,
                      min_validity: Optional[timedelta] = None,
                      local_site: Optional[str] = None) -> ClientToken:
        """Returns the account's token and whether it is new. **Authenticate the asker first**: it
        gives out the secret."""
        from .store import Store
        if not isinstance(store, Store):
            convert.refuse_type(store, "store", "a Store")
        struct = merge(ServiceTokenOptions, options, {
            "min_validity": min_validity, "local_site": local_site})._struct()
        token, created = c_void_p(), c_bool()
        ref = store._open(StoreRef)
        try:
            self._call(ServiceAccountRef, lib.rbtoken_service_account_get_api_token, ref.pointer,
                       byref(struct), byref(token), byref(created))
        except BaseException:
            TokenRef(token.value or 0)
            raise
        finally:
            del ref
        return ClientToken(Token._of(TokenRef(token.value or 0)), created.value)

    def __copy__(self) -> ServiceAccount:
        copy = super().__copy__()
        copy._id = self._id
        return copy

    def __repr__(self) -> str:
        return f"<ServiceAccount {getattr(self, '_id', None)!r}{' (closed)' if self.closed else ''}>"
