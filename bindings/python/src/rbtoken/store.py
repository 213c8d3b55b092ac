"""Stores of tokens.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from ctypes import addressof, byref, c_bool, c_uint64, c_void_p
from datetime import datetime, timedelta
from threading import get_ident
from typing import Any, Optional, Union

from . import _convert as convert
from . import _native
from . import callbacks
from ._abi import Status
from ._convert import Document, Path, Untrusted
from ._handle import Handle, gate
from ._native import lib
from ._open import StoreRef, opened
from .callbacks import Clock, Create, Created, Entropy, Event, Hooks, Progress, Validate
from .errors import NotFound, RBTokenError, finish, interrupts
from .login import (ERROR_AT, REFUSED_AT, TOKEN_AT, VERDICTS, ClientToken, Login, LoginOutputs)
from .options import (ANY, KEEP, Any_, ClientTokenOptions, GenerateOptions, ImportOptions, Keep,
                      LoginOptions, Never, TokenFilter, TokenUpdate, merge)
from .token import Token, TokenList, TokenListRef, TokenRef

#: Call depth of each thread, for logins, which update it directly.
_calls = gate.calls


class Store(Handle[StoreRef]):
    """A store of tokens: in memory, in a file, or on the database of a Review Board server.

    It may be used from any thread. `len` counts its tokens, and iterating gives them.

    Whoever can ask a store for tokens can act as any user: authenticate the asker first.
    """

    __slots__ = ("_hash",)
    _hash: int

    def __init__(self, location: Optional[Path] = None, *, settings: Optional[Document] = None,
                 clock: Optional[Clock] = None, entropy: Optional[Entropy] = None) -> None:
        """Opens a store.

        ``location`` is the path of a file, or the URL of a database, such as
        ``postgresql://user:password@host/database``; None: in memory. ``settings`` are those of
        `set_setting`. ``clock`` and ``entropy`` replace those of the system.
        """
        self._ref = None
        self._ref = opened(lib.rbtoken_store_open, location, settings, clock, entropy,
                            callbacks.clock_struct, callbacks.entropy_struct)

    @classmethod
    def shared(cls, location: Optional[Path] = None, *, settings: Optional[Document] = None,
               clock: Optional[Clock] = None, entropy: Optional[Entropy] = None) -> Store:
        """Returns the one store that the parts of a process share.

        The first call opens it. Later calls pass nothing or the same. The process keeps the store
        until it ends.
        """
        sharing = callbacks.Sharing()
        try:
            return cls._of(opened(lib.rbtoken_store_shared, location, settings, clock, entropy,
                                  sharing.clock_struct, sharing.entropy_struct))
        except RBTokenError:
            sharing.undo()
            raise

    def __repr__(self) -> str:
        ref = self._ref
        return "<Store (closed)>" if ref is None else f"<Store {ref.where}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Store):
            return NotImplemented
        # A closed store equals only itself, so that it can be in a list or a set.
        ref, others = self._ref, other._ref
        return self is other or (
            ref is not None and others is not None and ref.pointer == others.pointer)

    def __hash__(self) -> int:
        ref = self._ref
        return getattr(self, "_hash", 0) if ref is None else hash(ref.pointer)

    def close(self) -> None:
        """Closes the store. Calls in flight go on. Closing it again does nothing."""
        # Keeps its hash, so that it can still be found in a set.
        self._hash = hash(self)
        super().close()

    def __len__(self) -> int:
        return self.token_count()

    def __bool__(self) -> bool:
        # A store without tokens is truthy, too.
        return True

    def __iter__(self) -> Iterator[Token]:
        return iter(self.list_tokens())

    # Settings.

    def set_setting(self, name: str, value: Any) -> None:
        """Changes a setting, such as ``client_token_expiration``, to a JSON value."""
        self._call(StoreRef, lib.rbtoken_store_set_setting,
                   *convert.pair(convert.text(name, "name")),
                   *convert.pair(convert.json_value(value, "value")))

    def get_setting(self, name: str) -> Any:
        """Returns a setting."""
        return json.loads(self._call_for_text(StoreRef, lib.rbtoken_store_get_setting,
                                              *convert.pair(convert.text(name, "name"))))

    def statistics(self) -> dict[str, Any]:
        """Returns the counters of the store, and those of the process's handles."""
        return dict(json.loads(self._call_for_text(StoreRef, lib.rbtoken_store_statistics)))

    def add_local_site(self, local_site: str) -> None:
        """Adds a Local Site, to which tokens can belong from then on."""
        self._call(StoreRef, lib.rbtoken_store_add_local_site,
                   *convert.pair(convert.text(local_site, "local_site")))

    def remove_local_site(self, local_site: str) -> None:
        """Removes a Local Site and the tokens that belong to it."""
        self._call(StoreRef, lib.rbtoken_store_remove_local_site,
                   *convert.pair(convert.text(local_site, "local_site")))

    def set_user_active(self, user: str, active: bool) -> None:
        """Enables or disables login for a user. Tokens of a disabled user are kept."""
        self._call(StoreRef, lib.rbtoken_store_set_user_active,
                   *convert.pair(convert.text(user, "user")),
                   int(convert.boolean(active, "active")))

    def set_policy_ids(self, ids: Optional[Iterable[str]]) -> None:
        """Registers the policy ids of the host's resources; None: any id is known."""
        if ids is None:
            self._call(StoreRef, lib.rbtoken_store_set_policy_ids, None, 0)
        else:
            self._call(StoreRef, lib.rbtoken_store_set_policy_ids, *convert.texts(ids, "ids"))

    # Copies.

    def flush(self) -> None:
        """Waits until everything is on the disk, the times of the last logins included."""
        self._call(StoreRef, lib.rbtoken_store_flush)

    def backup(self, path: Path) -> None:
        """Writes the whole store into a new file that opens as a store. It has all secrets."""
        self._call(StoreRef, lib.rbtoken_store_backup, *convert.pair(convert.path(path, "path")))

    def export_file(self, path: Path, progress: Optional[Progress] = None) -> int:
        """Writes the whole store into a new file of JSON lines; returns the number of tokens.

        ``progress`` is called with the numbers of tokens that are done and of all; what it raises
        ends the call. The file has all secrets.
        """
        return self._transfer(lib.rbtoken_store_export_file, path, progress)

    def import_file(self, path: Path, progress: Optional[Progress] = None) -> int:
        """Adds everything that `export_file` wrote, or nothing; returns the number of tokens."""
        return self._transfer(lib.rbtoken_store_import_file, path, progress)

    def _transfer(self, function: Any, path: Path, progress: Progress | None) -> int:
        encoded = convert.path(path, "path")
        callbacks.optional_callable(progress, "progress")
        self._open(StoreRef)
        reporter = None if progress is None else callbacks.Reporter(progress)
        struct = None if reporter is None else reporter.struct()
        count = c_uint64()
        self._call(StoreRef, function, *convert.pair(encoded),
                   None if struct is None else byref(struct), byref(count))
        if reporter is not None:
            reporter.check()
        return count.value

    # Tokens.

    def _token(self, function: Any, *arguments: Any) -> Token:
        token = c_void_p()
        try:
            self._call(StoreRef, function, *arguments, byref(token))
        except BaseException:
            # Released even if a hook was interrupted, as in the methods below. Not stored in a
            # variable: whoever keeps the error of a callback also keeps this frame's variables.
            TokenRef(token.value or 0)
            raise
        return Token._of(TokenRef(token.value or 0))

    def _token_id(self, token: int | Token) -> int:
        """Returns the id of a token, which must be of this store if it is given as a `Token`.

        Another store may have given the same id to the token of another user. A value is of one
        token only, also when the store of a file was opened again.
        """
        if not isinstance(token, Token):
            return convert.integer(token, "token_id")
        token_id = token.id
        try:
            with self.find_token(token.value) as found:
                if found.id == token_id:
                    return token_id
        except NotFound:
            pass
        raise self._no_such_token()

    @staticmethod
    def _no_such_token() -> NotFound:
        return NotFound(Status.NOT_FOUND, "this store has no such token", "token_id")

    def get_or_create_client_token(
            self, user: str, client_name: str, options: Optional[ClientTokenOptions] = None, *,
            expires: Union[datetime, Never, None] = None,
            min_validity: Optional[timedelta] = None, ignore_deprecated: bool = False,
            local_site: Optional[str] = None, default_policy: Optional[Document] = None,
            default_extra_data: Optional[Document] = None) -> ClientToken:
        """Returns a client's token for a user, the existing one or a new one, and whether it is
        new. The options are those of `ClientTokenOptions`.

        **Authenticate the asker first**: this gives out the secret of any user.
        """
        struct = merge(ClientTokenOptions, options, {
            "expires": expires, "min_validity": min_validity,
            "ignore_deprecated": ignore_deprecated, "local_site": local_site,
            "default_policy": default_policy, "default_extra_data": default_extra_data})._struct()
        token, created = c_void_p(), c_bool()
        try:
            self._call(StoreRef, lib.rbtoken_store_get_or_create_client_token,
                       *convert.pair(convert.text(user, "user")),
                       *convert.pair(convert.text(client_name, "client_name")),
                       byref(struct), byref(token), byref(created))
        except BaseException:
            TokenRef(token.value or 0)
            raise
        return ClientToken(Token._of(TokenRef(token.value or 0)), created.value)

    def generate_token(
            self, user: str, options: Optional[GenerateOptions] = None, *,
            expires: Union[datetime, Never, None] = None, valid: bool = True,
            auto_generated: bool = False, generator_id: Optional[str] = None,
            token_type: Optional[str] = None, local_site: Optional[str] = None,
            note: Optional[str] = None, policy: Optional[Document] = None,
            extra_data: Optional[Document] = None) -> Token:
        """Creates a token. The options are those of `GenerateOptions`.

        **Authenticate the asker first**: this gives out a secret of any user.
        """
        struct = merge(GenerateOptions, options, {
            "expires": expires, "valid": valid, "auto_generated": auto_generated,
            "generator_id": generator_id, "token_type": token_type, "local_site": local_site,
            "note": note, "policy": policy, "extra_data": extra_data})._struct()
        return self._token(lib.rbtoken_store_generate_token,
                           *convert.pair(convert.text(user, "user")), byref(struct))

    def import_token(
            self, user: str, value: str, options: Optional[ImportOptions] = None, *,
            time_added: Optional[datetime] = None, last_updated: Optional[datetime] = None,
            last_used: Optional[datetime] = None, expires: Optional[datetime] = None,
            invalid: bool = False, invalid_date: Optional[datetime] = None,
            invalid_reason: Optional[str] = None, generator_id: Optional[str] = None,
            local_site: Optional[str] = None, note: Optional[str] = None,
            policy: Optional[Document] = None, extra_data: Optional[Document] = None) -> Token:
        """Stores a token that exists elsewhere. The options are those of `ImportOptions`."""
        struct = merge(ImportOptions, options, {
            "time_added": time_added, "last_updated": last_updated, "last_used": last_used,
            "expires": expires, "invalid": invalid, "invalid_date": invalid_date,
            "invalid_reason": invalid_reason, "generator_id": generator_id,
            "local_site": local_site, "note": note, "policy": policy,
            "extra_data": extra_data})._struct()
        return self._token(lib.rbtoken_store_import_token,
                           *convert.pair(convert.text(user, "user")),
                           *convert.pair(convert.text(value, "value")), byref(struct))

    def find_token(self, value: str) -> Token:
        """Finds the token of a value, usable or not. **This is no login: it checks nothing.**"""
        return self._token(lib.rbtoken_store_find_token,
                           *convert.pair(convert.text(value, "value")))

    def get_token(self, token_id: int) -> Token:
        """Returns the token of an id, usable or not."""
        return self._token(lib.rbtoken_store_get_token, convert.integer(token_id, "token_id"))

    def list_tokens(
            self, options: Optional[TokenFilter] = None, *, user: Optional[str] = None,
            client_name: Optional[str] = None, local_site: Union[str, Any_, None] = ANY,
            valid: Optional[bool] = None,
            expires_before: Optional[datetime] = None) -> TokenList:
        """Returns the tokens that match every part of a `TokenFilter`, in order of their ids."""
        struct = merge(TokenFilter, options, {
            "user": user, "client_name": client_name, "local_site": local_site, "valid": valid,
            "expires_before": expires_before})._struct()
        tokens = c_void_p()
        try:
            self._call(StoreRef, lib.rbtoken_store_list_tokens, byref(struct), byref(tokens))
        except BaseException:
            TokenListRef(tokens.value or 0)
            raise
        return TokenList._of(TokenListRef(tokens.value or 0))

    def token_count(self) -> int:
        """Returns the number of tokens, usable or not."""
        count = c_uint64()
        self._call(StoreRef, lib.rbtoken_store_token_count, byref(count))
        return count.value

    def value_is_valid(self, generator_id: str, token_type: str, value: str) -> bool:
        """Returns whether a value has a generator's format. **This is no login.**"""
        valid = c_bool()
        self._call(StoreRef, lib.rbtoken_store_value_is_valid,
                   *convert.pair(convert.text(generator_id, "generator_id")),
                   *convert.pair(convert.text(token_type, "token_type")),
                   *convert.pair(convert.text(value, "value")), byref(valid))
        return valid.value

    def update_token(
            self, token_id: Union[int, Token], options: Optional[TokenUpdate] = None, *,
            expires: Union[datetime, Never, Keep, None] = KEEP,
            note: Union[str, Keep, None] = KEEP, policy: Union[Document, Keep, None] = KEEP,
            extra_data: Union[Document, Keep, None] = KEEP) -> Token:
        """Changes fields of a token, given by its id or as a token of this store; returns the
        changed token. The options are those of `TokenUpdate`."""
        struct = merge(TokenUpdate, options, {
            "expires": expires, "note": note, "policy": policy,
            "extra_data": extra_data})._struct()
        return self._token(lib.rbtoken_store_update_token, self._token_id(token_id),
                           byref(struct))

    def invalidate_token(self, value: str, reason: str = "") -> None:
        """Invalidates the token of a value, for good."""
        self._call(StoreRef, lib.rbtoken_store_invalidate_token,
                   *convert.pair(convert.text(value, "value")),
                   *convert.pair(convert.text(reason, "reason")))

    def invalidate_token_by_id(self, token_id: Union[int, Token], reason: str = "") -> None:
        """Invalidates a token, given by its id or as a token of this store, for good."""
        if isinstance(token_id, Token):
            # By the value, without a lookup: a token that cannot be read can still be revoked.
            try:
                return self.invalidate_token(token_id.value, reason)
            except NotFound:
                raise self._no_such_token() from None
        self._call(StoreRef, lib.rbtoken_store_invalidate_token_by_id, self._token_id(token_id),
                   *convert.pair(convert.text(reason, "reason")))

    def invalidate_user_tokens(self, user: str, reason: str = "") -> int:
        """Invalidates all tokens of a user; returns how many the user has."""
        count = c_uint64()
        self._call(StoreRef, lib.rbtoken_store_invalidate_user_tokens,
                   *convert.pair(convert.text(user, "user")),
                   *convert.pair(convert.text(reason, "reason")), byref(count))
        return count.value

    def invalidate_all_tokens(self, reason: str = "") -> int:
        """Invalidates all tokens of all users; returns how many there are."""
        count = c_uint64()
        self._call(StoreRef, lib.rbtoken_store_invalidate_all_tokens,
                   *convert.pair(convert.text(reason, "reason")), byref(count))
        return count.value

    def delete_token(self, token_id: Union[int, Token]) -> None:
        """Deletes a token, given by its id or as a token of this store."""
        self._call(StoreRef, lib.rbtoken_store_delete_token, self._token_id(token_id))

    def purge_tokens(self, dead_before: datetime) -> int:
        """Deletes the tokens that were invalidated or expired before a time; returns how many."""
        count = c_uint64()
        self._call(StoreRef, lib.rbtoken_store_purge_tokens,
                   convert.microseconds(dead_before, "dead_before"), byref(count))
        return count.value

    # Logins.

    def authenticate(self, value: Untrusted, *, site: Union[str, Any_, None] = None,
                     options: Optional[LoginOptions] = None) -> Login:
        """Judges a login with a token's value, for a request on a Local Site or on none.

        What cannot be a value is `Verdict.UNKNOWN`, never an error.
        """
        return self._login(_native.authenticate, convert.untrusted_text(value, "value"), site,
                           options)

    def authenticate_header(self, header: Optional[Untrusted], *,
                            site: Union[str, Any_, None] = None,
                            options: Optional[LoginOptions] = None) -> Login:
        """Judges a login with the value of an ``Authorization`` header; None: there is none, which
        is `Verdict.NOT_A_TOKEN`."""
        text = b"" if header is None else convert.untrusted_text(header, "header")
        return self._login(_native.authenticate_header, text, site, options)

    def forget_logins(self, value: Optional[str] = None) -> None:
        """Removes the cached login with a value, or all, so that the next one asks the server.

        Call it when the host learns that others revoked a token, and the setting
        ``login_cache_secs`` is not 0.
        """
        self._call(StoreRef, lib.rbtoken_store_forget_logins,
                   *convert.pair(convert.optional_text(value, "value")))

    def _login(self, function: Any, text: bytes, site: Union[str, Any_, None],
               options: Optional[LoginOptions]) -> Login:
        struct = None
        if site is not None or options is not None:
            struct = merge(LoginOptions, options, {"site": site})._struct()
        outputs = LoginOutputs()
        address = addressof(outputs)
        ref: StoreRef | None = self._ref
        if ref is None:
            self._refuse()
        # Inlined gate.enter() and gate.leave(), to save the calls.
        thread = get_ident()
        depth = _calls.get(thread, 0)
        _calls[thread] = depth + 1
        if gate.closed_by:
            gate.check(thread, depth)
        try:
            status = function(ref.pointer, text, len(text),
                              None if struct is None else addressof(struct), address,
                              address + TOKEN_AT, address + REFUSED_AT, address + ERROR_AT)
        finally:
            if depth:
                _calls[thread] = depth
            else:
                del _calls[thread]
            ref = None
        if status:
            finish(status, outputs.error)
        verdict, token, refused = outputs.verdict, outputs.token, outputs.refused
        if interrupts and thread in interrupts:
            TokenRef(token or 0)
            TokenRef(refused or 0)
            finish(Status.OK, None)
        return Login(VERDICTS.get(verdict, verdict),
                     None if token is None else Token._of(TokenRef(token)),
                     None if refused is None else Token._of(TokenRef(refused)))

    # Callbacks.

    def add_hooks(self, hooks: Optional[Hooks] = None, *, created: Optional[Created] = None,
                  updated: Optional[Event] = None, invalidated: Optional[Event] = None,
                  expired: Optional[Event] = None, used: Optional[Event] = None,
                  deleted: Optional[Event] = None) -> int:
        """Calls functions for events from now on; returns the id for `remove_hooks`. The events are
        those of `Hooks`.

        The store keeps the functions until it is closed. A function that refers to its own store
        keeps the store until one of both is closed or removed.
        """
        hooks = merge(Hooks, hooks, {
            "created": created, "updated": updated, "invalidated": invalidated,
            "expired": expired, "used": used, "deleted": deleted}, "hooks")
        ref = self._open(StoreRef)
        where, keep = ref.where, ref.keep
        del ref
        struct = callbacks.hooks_struct(
            hooks, lambda pointer: Store._of(StoreRef(pointer, where, keep)))
        hooks_id = c_uint64()
        self._call(StoreRef, lib.rbtoken_store_add_hooks, byref(struct), byref(hooks_id))
        return hooks_id.value

    def remove_hooks(self, hooks_id: int) -> None:
        """Removes hooks. Calls of them in flight go on."""
        self._call(StoreRef, lib.rbtoken_store_remove_hooks,
                   convert.integer(hooks_id, "hooks_id", signed=False))

    def add_generator(self, generator_id: str, *, create: Create, validate: Validate) -> None:
        """Adds a token generator.

        ``create`` returns a value for a token type and the number of the attempt, 0 to 19.
        ``validate`` returns whether a value of a token type has the generator's format. What they
        raise, the call that needed them raises.
        """
        encoded = convert.text(generator_id, "generator_id")
        self._open(StoreRef)
        struct = callbacks.generator_struct(create, validate)
        self._call(StoreRef, lib.rbtoken_store_add_generator, *convert.pair(encoded), byref(struct))

    def set_default_generator(self, generator_id: str) -> None:
        """Makes a generator the one of client tokens, and of others that name none."""
        self._call(StoreRef, lib.rbtoken_store_set_default_generator,
                   *convert.pair(convert.text(generator_id, "generator_id")))

    def set_deprecated_generators(self, generator_ids: Iterable[str]) -> None:
        """Sets which generators are deprecated. Their tokens can still be used."""
        self._call(StoreRef, lib.rbtoken_store_set_deprecated_generators,
                   *convert.texts(generator_ids, "generator_ids"))
