"""Review Board API tokens from Python: a typed module over librbtoken, with ctypes alone.

It comes with ``rbtoken_abi``, the generated module of constants, layouts and signatures.

    with rbtoken.Store() as store:
        token, created = store.get_or_create_client_token("alice", "RBTools")
        login = store.authenticate_header(f"token {token.value}")
        if login.ok and login.token.allows("review_request", "GET", "42"):
            ...

Whoever can ask a store for tokens can act as any user: authenticate who asks first.

The library is the one that the environment variable RBTOKEN_LIBRARY names, or the installed one.
Stores and tokens may be used from any thread. They are given back when they are closed, at the end
of a ``with``, or when they are garbage, in any order; one that is closed while another thread is
inside a call goes when that call ends. Fields are snapshots: what becomes of a token later does not
change an object that is here already.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import ctypes
import enum
import itertools
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import byref, c_bool, c_char_p, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, Literal, TypeVar, Union

import rbtoken_abi as abi
from rbtoken_abi import Status, Verdict

__all__ = [
    "KEEP", "NEVER", "ClientTokenOptions", "GenerateOptions", "Hooks", "ImportOptions", "Login",
    "RBTokenError", "Status", "Store", "Token", "TokenUpdate", "Verdict", "version",
]

_log = logging.getLogger("rbtoken")


class _Mark(enum.Enum):
    NEVER = "never"
    KEEP = "keep"


#: As an expiration: the token is good for ever.
NEVER: Literal[_Mark.NEVER] = _Mark.NEVER
#: As a field of an update: it stays as it is.
KEEP: Literal[_Mark.KEEP] = _Mark.KEEP

#: A JSON object, as such or as text.
Document = Union[Mapping[str, Any], str]
_Keep = Literal[_Mark.KEEP]


class RBTokenError(Exception):
    """A call that failed. It has changed nothing.

    ``status`` is a `Status`, or the number of one that this module does not know; ``name`` its
    name; ``argument`` the parameter or option at fault, if one is; ``json_path`` the place in its
    JSON document, if one is. No token's value is ever in it.
    """

    def __init__(self, status: int, name: str, message: str, argument: str | None = None,
                 json_path: str | None = None) -> None:
        super().__init__(f"{name}: {message}")
        known = status in Status.__members__.values()
        self.status: int = Status(status) if known else status
        self.name = name
        self.message = message
        self.argument = argument
        self.json_path = json_path

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (int(self.status), self.name, self.message, self.argument, self.json_path)
        return type(self), parts


_Struct = TypeVar("_Struct", bound=ctypes.Structure)


def _struct(kind: type[_Struct], **fields: Any) -> _Struct:
    """Returns a struct with defaults but for the fields given. It keeps its encoded texts alive."""
    struct = kind()
    struct.struct_size = ctypes.sizeof(struct)
    for name, value in fields.items():
        if isinstance(value, str):
            value = _utf8(value)
            setattr(struct, f"{name}_len", len(value))
        setattr(struct, name, value)
    return struct


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ.get("RBTOKEN_LIBRARY", "librbtoken.so.0"))
    # Asked first: an older library lacks some of the functions.
    compatible = library.rbtoken_abi_is_compatible
    compatible.restype, compatible.argtypes = abi.FUNCTIONS["rbtoken_abi_is_compatible"]
    if not compatible(abi.ABI_VERSION):
        raise ImportError("librbtoken has another ABI than this module")
    abi.declare(library)
    return library


_lib = _load()


def version() -> str:
    """The library's version."""
    return str(_lib.rbtoken_version().decode())


def _utf8(text: str) -> bytes:
    # What is no Unicode is the library's to refuse, with the argument's name.
    return text.encode("utf-8", "surrogatepass")


def _pair(text: str | None) -> tuple[bytes | None, int]:
    data = None if text is None else _utf8(text)
    return data, 0 if data is None else len(data)


def _json(document: Document | None) -> str | None:
    if document is None or isinstance(document, str):
        return document
    return json.dumps(document)


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _to_us(time: datetime) -> int:
    if time.utcoffset() is None:
        raise ValueError("a time must have a time zone")
    return (time - _EPOCH) // timedelta(microseconds=1)


def _from_us(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)


def _call(name: str, *arguments: Any) -> None:
    """Calls a function that can fail; its failure is raised."""
    error = c_void_p()
    status = getattr(_lib, f"rbtoken_{name}")(*arguments, byref(error))
    if status == Status.OK:
        return
    try:
        parts = [getattr(_lib, f"rbtoken_error_{part}")(error)
                 for part in ("message", "argument", "json_path")]
        message, argument, path = (part.decode() if part else None for part in parts)
    finally:
        _lib.rbtoken_error_free(error)
    raise RBTokenError(status, _lib.rbtoken_status_name(status).decode(), message or "",
                       argument, path)


def _read_text(name: str, handle: int) -> str | None:
    length = c_size_t()
    data = getattr(_lib, f"rbtoken_{name}")(handle, byref(length))
    return ctypes.string_at(data, length.value).decode() if data else None


def _take_json(buffer: c_void_p) -> Any:
    """Reads a buffer, and frees it."""
    try:
        return json.loads(_read_text("buffer_data", buffer.value or 0) or "null")
    finally:
        _lib.rbtoken_buffer_free(buffer)


_Self = TypeVar("_Self", bound="_Handle")


class _Handle:
    """A reference of the library's. It is released once, when it is closed and no call uses it."""

    _release = ""

    def __init__(self, pointer: c_void_p | int | None) -> None:
        self._pointer = pointer.value if isinstance(pointer, c_void_p) else pointer
        self._lock = threading.Lock()
        self._calls = 0
        self._closed = False

    @contextmanager
    def _borrow(self) -> Iterator[int]:
        with self._lock:
            if self._closed or self._pointer is None:
                raise ValueError(f"this {type(self).__name__} is closed")
            self._calls += 1
            pointer = self._pointer
        try:
            yield pointer
        finally:
            with self._lock:
                self._calls -= 1
            self._release_if_unused()

    def _release_if_unused(self) -> None:
        with self._lock:
            if not self._closed or self._calls > 0:
                return
            pointer, self._pointer = self._pointer, None
        # Without the lock: it may call back into Python.
        if pointer is not None:
            getattr(_lib, self._release)(pointer)

    def close(self) -> None:
        """Gives it back; a second time does nothing."""
        self._closed = True
        self._release_if_unused()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        # Garbage is used by no call. (It has no lock if it was never made.)
        if getattr(self, "_pointer", None) is not None:
            self.close()


class Token(_Handle):
    """A token as it was when it was given out. It may outlive its store."""

    _release = "rbtoken_token_release"

    def _text(self, name: str) -> str | None:
        with self._borrow() as token:
            return _read_text(f"token_{name}", token)

    def _time(self, name: str) -> datetime | None:
        time_us = c_int64()
        with self._borrow() as token:
            known = getattr(_lib, f"rbtoken_token_{name}")(token, byref(time_us))
        return _from_us(time_us.value) if known else None

    @property
    def id(self) -> int:
        with self._borrow() as token:
            return int(_lib.rbtoken_token_id(token))

    @property
    def value(self) -> str:
        """The secret."""
        return self._text("value") or ""

    @property
    def redacted(self) -> str:
        """What may be logged."""
        return self._text("redacted") or ""

    @property
    def user(self) -> str:
        return self._text("user") or ""

    @property
    def local_site(self) -> str | None:
        """None: the global site."""
        return self._text("local_site")

    @property
    def client_name(self) -> str | None:
        """None: it is no client's token."""
        return self._text("client_name")

    @property
    def note(self) -> str:
        return self._text("note") or ""

    @property
    def generator_id(self) -> str:
        return self._text("generator_id") or ""

    @property
    def policy(self) -> dict[str, Any]:
        """Empty: full access."""
        return dict(json.loads(self._text("policy") or "{}") or {})

    @property
    def extra_data(self) -> dict[str, Any]:
        return dict(json.loads(self._text("extra_data") or "{}") or {})

    @property
    def invalid_reason(self) -> str:
        return self._text("invalid_reason") or ""

    @property
    def expires(self) -> datetime | None:
        """None: never."""
        return self._time("expires")

    @property
    def time_added(self) -> datetime | None:
        return self._time("time_added")

    @property
    def last_updated(self) -> datetime | None:
        return self._time("last_updated")

    @property
    def last_used(self) -> datetime | None:
        return self._time("last_used")

    @property
    def invalid_date(self) -> datetime | None:
        return self._time("invalid_date")

    @property
    def is_invalidated(self) -> bool:
        with self._borrow() as token:
            return bool(_lib.rbtoken_token_is_invalidated(token))

    @property
    def is_deprecated(self) -> bool:
        with self._borrow() as token:
            return bool(_lib.rbtoken_token_is_deprecated(token))

    def is_expired(self, at: datetime | None = None) -> bool:
        """Whether it is expired at a time; None: now."""
        at_us = _to_us(at if at is not None else datetime.now(timezone.utc))
        with self._borrow() as token:
            return bool(_lib.rbtoken_token_is_expired(token, at_us))

    def allows(self, policy_id: str, method: str, resource_id: str | None = None) -> bool:
        """Whether its policy allows an HTTP method. It says nothing of whether it is valid."""
        allowed = c_bool()
        with self._borrow() as token:
            _call("token_allows", token, *_pair(policy_id), *_pair(method), *_pair(resource_id),
                  byref(allowed))
        return allowed.value

    def payload(self, *, with_value: bool = False) -> dict[str, Any]:
        """The fields of Review Board's API token payload; with the secret only if asked for."""
        buffer = c_void_p()
        now_us = _to_us(datetime.now(timezone.utc))
        with self._borrow() as token:
            _call("token_to_json", token, now_us, int(with_value), byref(buffer))
        return dict(_take_json(buffer))

    def __repr__(self) -> str:
        return "<Token (closed)>" if self._closed else f"<Token {self.redacted} of {self.user}>"


@dataclass(frozen=True)
class ClientTokenOptions:
    """How to search for, or make, a client's token. The defaults are the store's."""

    #: When a new one expires; None: as the store's ``client_token_expiration`` says.
    expires: datetime | Literal[_Mark.NEVER] | None = None
    #: For how long an existing one must still be good; None: as the store says.
    min_validity: timedelta | None = None
    ignore_deprecated: bool = False
    local_site: str | None = None
    default_policy: Document | None = None
    default_extra_data: Document | None = None

    def _struct(self) -> abi.ClientTokenOptions:
        at = self.expires if isinstance(self.expires, datetime) else None
        return _struct(abi.ClientTokenOptions,
            expires_mode=(
                abi.ExpiresMode.DEFAULT if self.expires is None else
                abi.ExpiresMode.NEVER if self.expires is NEVER else abi.ExpiresMode.AT),
            expires_at_us=_to_us(at) if at is not None else 0,
            min_validity_mode=(
                abi.MinValidityMode.DEFAULT if self.min_validity is None
                else abi.MinValidityMode.SECS),
            min_validity_secs=(self.min_validity or timedelta()) // timedelta(seconds=1),
            flags=abi.CLIENT_TOKEN_IGNORE_DEPRECATED if self.ignore_deprecated else 0,
            local_site=self.local_site,
            default_policy=_json(self.default_policy),
            default_extra_data=_json(self.default_extra_data))


@dataclass(frozen=True)
class GenerateOptions:
    """How to make a token that need not be a client's."""

    #: None: never.
    expires: datetime | None = None
    valid: bool = True
    auto_generated: bool = False
    generator_id: str | None = None
    token_type: str | None = None
    local_site: str | None = None
    note: str | None = None
    policy: Document | None = None
    extra_data: Document | None = None

    def _struct(self) -> abi.GenerateOptions:
        return _struct(abi.GenerateOptions,
            expires_mode=(
                abi.ExpiresMode.DEFAULT if self.expires is None else abi.ExpiresMode.AT),
            expires_at_us=_to_us(self.expires) if self.expires is not None else 0,
            flags=(0 if self.valid else abi.GENERATE_INVALID)
            | (abi.GENERATE_AUTO_GENERATED if self.auto_generated else 0),
            generator_id=self.generator_id, token_type=self.token_type,
            local_site=self.local_site, note=self.note, policy=_json(self.policy),
            extra_data=_json(self.extra_data))


@dataclass(frozen=True)
class ImportOptions:
    """The fields of a token that exists elsewhere. None: not known, or none."""

    time_added: datetime | None = None
    last_updated: datetime | None = None
    last_used: datetime | None = None
    expires: datetime | None = None
    invalid: bool = False
    invalid_date: datetime | None = None
    invalid_reason: str | None = None
    generator_id: str | None = None
    local_site: str | None = None
    note: str | None = None
    policy: Document | None = None
    extra_data: Document | None = None

    def _struct(self) -> abi.ImportOptions:
        times = {
            "time_added_us": (abi.IMPORT_TIME_ADDED_KNOWN, self.time_added),
            "last_updated_us": (abi.IMPORT_LAST_UPDATED_KNOWN, self.last_updated),
            "last_used_us": (abi.IMPORT_LAST_USED_KNOWN, self.last_used),
            "expires_at_us": (abi.IMPORT_EXPIRES_KNOWN, self.expires),
            "invalid_date_us": (abi.IMPORT_INVALID_DATE_KNOWN, self.invalid_date),
        }
        known = {name: time for name, (_, time) in times.items() if time is not None}
        return _struct(abi.ImportOptions,
            flags=(abi.IMPORT_INVALID if self.invalid else 0)
            | sum(times[name][0] for name in known),
            **{name: _to_us(time) for name, time in known.items()},
            invalid_reason=self.invalid_reason, generator_id=self.generator_id,
            local_site=self.local_site, note=self.note, policy=_json(self.policy),
            extra_data=_json(self.extra_data))


@dataclass(frozen=True)
class TokenUpdate:
    """What an update changes. None: never, the empty note, full access, no extra data."""

    expires: datetime | None | _Keep = KEEP
    note: str | None | _Keep = KEEP
    policy: Document | None | _Keep = KEEP
    extra_data: Document | None | _Keep = KEEP

    def _struct(self) -> abi.TokenUpdate:
        def mode(value: object) -> int:
            kept, none = abi.FieldMode.KEEP, abi.FieldMode.NONE
            return kept if value is KEEP else none if value is None else abi.FieldMode.SET

        at = self.expires if isinstance(self.expires, datetime) else None
        return _struct(abi.TokenUpdate,
            expires_mode=mode(self.expires), expires_at_us=_to_us(at) if at is not None else 0,
            note_mode=mode(self.note), note=None if self.note is KEEP else self.note,
            policy_mode=mode(self.policy),
            policy=None if self.policy is KEEP else _json(self.policy),
            extra_data_mode=mode(self.extra_data),
            extra_data=None if self.extra_data is KEEP else _json(self.extra_data))


@dataclass(frozen=True)
class Login:
    """What came of a login. ``refused`` explains INVALID, EXPIRED and WRONG_SITE."""

    verdict: int
    token: Token | None = None
    refused: Token | None = None

    @property
    def ok(self) -> bool:
        """Whether somebody is logged in: the token's user."""
        return self.verdict == Verdict.OK


@dataclass(frozen=True)
class Hooks:
    """Whom to tell of events: functions of the store and the token.

    They are called on the thread that caused the event, and may use the store. They cannot prevent
    what has happened: what they raise is logged and goes no further.
    """

    created: Callable[[Store, Token], object] | None = None
    updated: Callable[[Store, Token], object] | None = None
    invalidated: Callable[[Store, Token], object] | None = None
    expired: Callable[[Store, Token], object] | None = None
    used: Callable[[Store, Token], object] | None = None
    deleted: Callable[[Store, Token], object] | None = None


class Store(_Handle):
    """A store of tokens."""

    _release = "rbtoken_store_release"

    def __init__(self, *, location: str | None = None, settings: Document | None = None,
                 clock: Callable[[], datetime] | None = None) -> None:
        """Opens a store of its own: in memory, unless a location is given."""
        pointer = c_void_p()
        options = _struct(abi.StoreOptions, location=location, settings=_json(settings))
        if clock is not None:
            key = _keep(clock)
            options.clock = ctypes.pointer(
                _struct(abi.Clock, user_data=key, now=_now, destroy=_forget))
        _call("store_open", byref(options), byref(pointer))
        super().__init__(pointer)

    @classmethod
    def _of(cls, pointer: int) -> Store:
        store = cls.__new__(cls)
        _Handle.__init__(store, pointer)
        return store

    def _call(self, name: str, *arguments: Any) -> None:
        with self._borrow() as store:
            _call(f"store_{name}", store, *arguments)

    def _token(self, name: str, *arguments: Any) -> Token:
        token = c_void_p()
        self._call(name, *arguments, byref(token))
        return Token(token)

    # Settings.

    def set_setting(self, name: str, value: Any) -> None:
        """Changes a setting, such as ``client_token_expiration``, to a JSON value."""
        self._call("set_setting", *_pair(name), *_pair(json.dumps(value)))

    def get_setting(self, name: str) -> Any:
        buffer = c_void_p()
        self._call("get_setting", *_pair(name), byref(buffer))
        return _take_json(buffer)

    def statistics(self) -> dict[str, Any]:
        """Returns the store's counters."""
        buffer = c_void_p()
        self._call("statistics", byref(buffer))
        statistics: dict[str, Any] = _take_json(buffer)
        return statistics

    def add_local_site(self, name: str) -> None:
        self._call("add_local_site", *_pair(name))

    def remove_local_site(self, name: str) -> None:
        """Removes a Local Site and the tokens that belong to it."""
        self._call("remove_local_site", *_pair(name))

    def set_user_active(self, user: str, active: bool) -> None:
        """Says whether a user may log in."""
        self._call("set_user_active", *_pair(user), int(active))

    def set_policy_ids(self, ids: Iterable[str] | None) -> None:
        """Registers the policy ids of the host's resources; None: any id is known."""
        if ids is None:
            self._call("set_policy_ids", None, 0)
        else:
            encoded = [_utf8(policy_id) for policy_id in ids]
            if any(b"\0" in policy_id for policy_id in encoded):
                raise ValueError("a policy id has a NUL")
            array = (c_char_p * max(len(encoded), 1))(*encoded)
            self._call("set_policy_ids", array, len(encoded))

    # Tokens.

    def get_or_create_client_token(
            self, user: str, client_name: str,
            options: ClientTokenOptions | None = None) -> tuple[Token, bool]:
        """Gives a client's token for a user, and whether it is new. Authenticate who asks!"""
        created = c_bool()
        token = c_void_p()
        struct = (options or ClientTokenOptions())._struct()
        self._call("get_or_create_client_token", *_pair(user), *_pair(client_name), byref(struct),
                   byref(token), byref(created))
        return Token(token), created.value

    def generate_token(self, user: str, options: GenerateOptions | None = None) -> Token:
        """Makes a new token. Authenticate who asks!"""
        struct = (options or GenerateOptions())._struct()
        return self._token("generate_token", *_pair(user), byref(struct))

    def import_token(self, user: str, value: str, options: ImportOptions | None = None) -> Token:
        """Stores a token that exists elsewhere, with its value."""
        struct = (options or ImportOptions())._struct()
        return self._token("import_token", *_pair(user), *_pair(value), byref(struct))

    def find_token(self, value: str) -> Token:
        """Finds a token by its value, usable or not: this is no login."""
        return self._token("find_token", *_pair(value))

    def get_token(self, token_id: int) -> Token:
        return self._token("get_token", token_id)

    def list_tokens(self, *, user: str | None = None,
                    client_name: str | None = None) -> list[Token]:
        """The tokens that match, by id."""
        struct = _struct(abi.TokenFilter, user=user, client_name=client_name)
        tokens = c_void_p()
        self._call("list_tokens", byref(struct), byref(tokens))
        try:
            count = _lib.rbtoken_token_list_count(tokens)
            return [Token(_lib.rbtoken_token_retain(_lib.rbtoken_token_list_get(tokens, index)))
                    for index in range(count)]
        finally:
            _lib.rbtoken_token_list_free(tokens)

    def __len__(self) -> int:
        count = c_uint64()
        self._call("token_count", byref(count))
        return count.value

    def __bool__(self) -> bool:
        # A store without tokens is a store.
        return True

    def update_token(self, token_id: int, update: TokenUpdate) -> Token:
        struct = update._struct()
        return self._token("update_token", token_id, byref(struct))

    def invalidate_token(self, value: str, reason: str = "") -> None:
        """Makes a token invalid, which is final."""
        self._call("invalidate_token", *_pair(value), *_pair(reason))

    def invalidate_token_by_id(self, token_id: int, reason: str = "") -> None:
        self._call("invalidate_token_by_id", token_id, *_pair(reason))

    def invalidate_user_tokens(self, user: str, reason: str = "") -> int:
        """Makes all tokens of a user invalid, and tells how many."""
        count = c_uint64()
        self._call("invalidate_user_tokens", *_pair(user), *_pair(reason), byref(count))
        return count.value

    def delete_token(self, token_id: int) -> None:
        self._call("delete_token", token_id)

    def purge_tokens(self, dead_before: datetime) -> int:
        """Deletes the tokens that were dead before a time, and tells how many."""
        count = c_uint64()
        self._call("purge_tokens", _to_us(dead_before), byref(count))
        return count.value

    # Logins.

    def authenticate(self, value: str, *, site: str | None = None) -> Login:
        """Judges a token's value for a request on a Local Site, or at the root."""
        return self._login("authenticate", value, site)

    def authenticate_header(self, header: str, *, site: str | None = None) -> Login:
        """Judges the value of an Authorization header."""
        return self._login("authenticate_header", header, site)

    def _login(self, name: str, text: str, site: str | None) -> Login:
        struct = _struct(abi.LoginOptions, site_mode=(
            abi.SiteMode.GLOBAL if site is None else abi.SiteMode.NAMED), site=site)
        verdict, token, refused = c_int32(), c_void_p(), c_void_p()
        self._call(name, *_pair(text), byref(struct), byref(verdict), byref(token), byref(refused))
        known = verdict.value in Verdict.__members__.values()
        return Login(Verdict(verdict.value) if known else verdict.value,
                     Token(token) if token else None, Token(refused) if refused else None)

    # Events.

    def add_hooks(self, hooks: Hooks) -> int:
        """Tells of events from now on; gives the id by which the hooks are removed."""
        functions = {name: thunk for name, thunk in _thunks.items()
                     if getattr(hooks, name) is not None}
        struct = _struct(abi.Hooks, user_data=_keep(hooks), destroy=_forget, **functions)
        hooks_id = c_uint64()
        self._call("add_hooks", byref(struct), byref(hooks_id))
        return hooks_id.value

    def remove_hooks(self, hooks_id: int) -> None:
        self._call("remove_hooks", hooks_id)


# Callbacks. What the library holds of a Python object is its number in a table, which `destroy`
# takes out; the functions that it calls live as long as the module.

_kept: dict[int, Any] = {}
_keys = itertools.count(1)


def _keep(thing: object) -> int:
    key = next(_keys)
    _kept[key] = thing
    return key


def _forget_kept(key: int) -> None:
    _kept.pop(key, None)


def _tell_time(key: int, now_us: Any) -> int:
    try:
        now_us[0] = _to_us(_kept[key]())
        return Status.OK
    except BaseException:
        _log.exception("the clock failed")
        return Status.CALLBACK


_forget = abi.DestroyFn(_forget_kept)
_now = abi.ClockFn(_tell_time)


def _thunk(name: str) -> Callable[..., None]:
    def call(key: int, store: int, token: int, *_auto_generated: bool) -> None:
        try:
            # They are lent for the call; a hook may keep them.
            function = getattr(_kept[key], name)
            function(Store._of(_lib.rbtoken_store_retain(store)),
                     Token(_lib.rbtoken_token_retain(token)))
        except BaseException:
            _log.exception("the hook for %r failed", name)

    return call


_thunks: dict[str, Any] = {
    name: (abi.CreatedFn if name == "created" else abi.EventFn)(_thunk(name))
    for name in ("created", "updated", "invalidated", "expired", "used", "deleted")
}
