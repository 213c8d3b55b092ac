"""Functions of the host that the library calls.

What the library holds of a Python object is its number in a table, which ``destroy`` takes out. The
functions that it calls live as long as the module.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import ctypes
import inspect
import itertools
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _abi as abi
from . import _convert as convert
from ._abi import LogLevel, Status
from ._native import held
from .errors import CallbackFailed, InvalidArgument, InvalidType, keep_interrupt, keep_raised

if TYPE_CHECKING:
    from .store import Store
    from .token import Token

_log = logging.getLogger("rbtoken")

#: Returns the current time with a time zone.
Clock = Callable[[], datetime]
#: Returns the given number of cryptographically secure random bytes.
Entropy = Callable[[int], bytes]
#: Gets the number of tokens done and of all tokens. An exception aborts the call, which raises it.
Progress = Callable[[int, int], object]
#: Writes a message to a log: the level, the part of the library, and the text.
Log = Callable[[int, str, str], object]
Event = Callable[["Store", "Token"], object]
Created = Callable[["Store", "Token", bool], object]
#: Creates a token value: from the token type and the number of the attempt, 0 to 19.
Create = Callable[[str, int], str]
#: Whether a value has the generator's format, as a `bool`: from the token type and the value.
Validate = Callable[[str, str], bool]


@dataclass(frozen=True)
class Hooks:
    """Whom to tell of events: functions of the store and the token.

    They are called after the event, on the thread that caused it, and may use the store. They are
    plain functions: nothing would await what an ``async`` one returns. They cannot prevent what has
    happened: an `Exception` that they raise is logged and goes no further. What is no `Exception`,
    such as `KeyboardInterrupt` and `SystemExit`, the call raises when it returns, although what it
    did is done.
    """

    #: A token was created. The third argument is the caller's flag that no person requested it.
    created: Optional[Created] = None
    #: A token's fields were changed.
    updated: Optional[Event] = None
    #: A token was invalidated, for the first time or again.
    invalidated: Optional[Event] = None
    #: A login failed because the token has expired.
    expired: Optional[Event] = None
    #: A login succeeded.
    used: Optional[Event] = None
    #: A token was deleted, purged, or removed with its Local Site.
    deleted: Optional[Event] = None


EVENTS = ("created", "updated", "invalidated", "expired", "used", "deleted")

_kept: dict[int, Any] = {}
_keys = itertools.count(1)


def keep(thing: object) -> int:
    """Keeps an object for the library; returns the number that stands for it."""
    key = next(_keys)
    _kept[key] = thing
    return key


def forget(key: int) -> None:
    _kept.pop(key, None)


def check_callable(function: Any, name: str) -> Any:
    """Refuses what is no function, and functions that only promise an answer."""
    if not callable(function):
        convert.refuse_type(function, name, "a callable")
    for called in (function, getattr(function, "__call__", None)):
        if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
            raise InvalidType(Status.INVALID_ARGUMENT,
                              "expected a plain function, found an async one", name)
    return function


def optional_callable(function: Any, name: str) -> Any:
    return None if function is None else check_callable(function, name)


def _refuse_awaitable(answer: object, name: str) -> None:
    """Refuses an awaitable from a callback whose answer is not looked at: nothing awaits it."""
    if answer is not None and inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()  # Without a warning that it was never awaited.
        raise InvalidType(Status.CALLBACK, "expected a plain function, found one that returns an "
                          "awaitable", name)


@dataclass(frozen=True)
class _Listener:
    hooks: Hooks
    #: Creates the store object that is passed to hooks.
    store: Callable[[int], Store]


@dataclass(frozen=True)
class _Generator:
    create: Create
    validate: Validate


@dataclass(frozen=True)
class _Host:
    log: Optional[Log]
    now: Optional[Clock]
    fill: Optional[Entropy]


class HostKey:
    """The number of a host's services, taken out of the table when nothing can call them."""

    __slots__ = ("key",)

    def __init__(self, key: int) -> None:
        self.key = key

    def __del__(self, take: Callable[..., object] = _kept.pop) -> None:
        take(self.key, None)


def _tell_time(clock: Clock, now_us: Any) -> int:
    try:
        now_us[0] = convert.microseconds(clock(), "clock")
        return Status.OK
    except BaseException as error:
        return keep_raised(error)


def _fill(entropy: Entropy, address: int, length: int) -> int:
    try:
        data = entropy(length)
        if not isinstance(data, (bytes, bytearray)):
            convert.refuse_type(data, "entropy", "bytes")
        if len(data) != length:
            raise InvalidArgument(Status.CALLBACK,
                                  f"expected {length} bytes, found {len(data)}", "entropy")
        ctypes.memmove(address, bytes(data), length)
        return Status.OK
    except BaseException as error:
        return keep_raised(error)


def _report(key: int, done: int, total: int) -> int:
    try:
        reporter: Reporter = _kept[key]
        _refuse_awaitable(reporter.progress(done, total), "progress")
        reporter.ended = done == total
        return Status.OK
    except BaseException as error:
        return keep_raised(error)


def _create(key: int, token_type: bytes, attempt: int, address: int, capacity: int,
            length: Any) -> int:
    try:
        value = convert.text(_kept[key].create(token_type.decode(), attempt), "create")
        if len(value) > capacity:
            raise InvalidArgument(Status.TOO_LONG,
                                  "a token value must not exceed 255 characters", "create")
        ctypes.memmove(address, value, len(value))
        length[0] = len(value)
        return Status.OK
    except BaseException as error:
        return keep_raised(error)


def _validate(key: int, token_type: bytes, address: int, length: int, valid: Any) -> int:
    try:
        value = ctypes.string_at(address, length).decode()
        answer = _kept[key].validate(token_type.decode(), value)
        # Only a bool: a text or an awaitable would be truthy.
        valid[0] = convert.boolean(answer, "validate")
        return Status.OK
    except BaseException as error:
        return keep_raised(error)


def _write_log(key: int, level: int, target: bytes, message: bytes) -> None:
    def log() -> None:
        _refuse_awaitable(_kept[key].log(level, target.decode(), message.decode()), "log")

    _run("the callback %r failed", "log", log)


def _run(message: str, name: str, callback: Callable[..., None], *arguments: Any) -> None:
    """Runs a callback whose call cannot fail, and logs what it raises. What is meant to end the
    program, such as `KeyboardInterrupt`, is kept for the call."""
    try:
        try:
            callback(*arguments)
        except Exception as error:
            # A handler may keep the exception, whose frames would keep the store open.
            traceback.clear_frames(error.__traceback__)
            _log.error(message, name, exc_info=error)
    except Exception:
        raise
    except BaseException as interrupt:
        keep_interrupt(interrupt)


def _notify(key: int, name: str, store: int, token: int, rest: tuple[bool, ...]) -> None:
    from . import token as tokens
    listener: _Listener = _kept[key]
    # Borrowed for the call; a hook may keep them, so they are retained.
    handle = listener.store(held.rbtoken_store_retain(store))
    lent = tokens.Token._of(tokens.TokenRef(held.rbtoken_token_retain(token)))
    _refuse_awaitable(getattr(listener.hooks, name)(handle, lent, *rest), name)


def _hook(name: str) -> Callable[..., None]:
    def call(key: int, store: int, token: int, *rest: bool) -> None:
        _run("the hook %r failed", name, _notify, key, name, store, token, rest)

    return call


_forget = abi.DestroyFn(forget)
_now = abi.ClockFn(lambda key, now_us: _tell_time(_kept[key], now_us))
_fill_bytes = abi.EntropyFn(lambda key, address, length: _fill(_kept[key], address, length))
_progress = abi.ProgressFn(_report)
_create_value = abi.GeneratorCreateFn(_create)
_validate_value = abi.GeneratorValidateFn(_validate)
_host_log = abi.LogFn(_write_log)
_host_now = abi.ClockFn(lambda key, now_us: _tell_time(_kept[key].now, now_us))
_host_fill = abi.EntropyFn(lambda key, address, length: _fill(_kept[key].fill, address, length))
_hooks: dict[str, Any] = {
    name: (abi.CreatedFn if name == "created" else abi.EventFn)(_hook(name)) for name in EVENTS
}


def clock_struct(clock: Clock) -> abi.Clock:
    return convert.struct(abi.Clock, user_data=keep(clock), now=_now, destroy=_forget)


def entropy_struct(entropy: Entropy) -> abi.Entropy:
    return convert.struct(abi.Entropy, user_data=keep(entropy), fill=_fill_bytes, destroy=_forget)


class _Shared:
    """What the store that the process shares was given. It is never destroyed: the process keeps
    that store, and a later call must pass the same."""

    __slots__ = ("thing", "key", "calls")

    def __init__(self, thing: object) -> None:
        self.thing = thing
        self.key = keep(thing)
        #: An element for each call that passes it, except rejected ones.
        self.calls: list[None] = []


_shared: list[_Shared] = []


class Sharing:
    """What one call passes to the shared store. Without a lock, which a fork could find taken."""

    def __init__(self) -> None:
        self._passed: list[_Shared] = []

    def clock_struct(self, clock: Clock) -> abi.Clock:
        return convert.struct(abi.Clock, user_data=self._key(clock), now=_now)

    def entropy_struct(self, entropy: Entropy) -> abi.Entropy:
        return convert.struct(abi.Entropy, user_data=self._key(entropy), fill=_fill_bytes)

    def _key(self, thing: object) -> int:
        while True:
            known = next((it for it in list(_shared) if it.thing == thing), None)
            if known is None:
                _shared.append(_Shared(thing))
                continue
            known.calls.append(None)
            # Otherwise another thread removes it.
            if known in _shared:
                self._passed.append(known)
                return known.key
            known.calls.pop()

    def undo(self) -> None:
        """Forgets what only this call passed, which was refused."""
        for passed in self._passed:
            passed.calls.pop()
            if passed.calls or passed not in _shared:
                continue
            _shared.remove(passed)
            if passed.calls:
                _shared.append(passed)  # Another thread has used it meanwhile.
            else:
                forget(passed.key)


class Reporter:
    """What is told of a transfer, and whether it was told of its end.

    It is not if a signal handler raised, or the memory was exhausted, before the first line of
    `_report`: ctypes then prints the error and may answer 0, as if all were well.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.ended = False

    def struct(self) -> abi.Progress:
        return convert.struct(abi.Progress, user_data=keep(self), progress=_progress,
                              destroy=_forget)

    def check(self) -> None:
        if not self.ended:
            raise CallbackFailed(Status.CALLBACK, "the callback was interrupted before it began; "
                                 "the transfer is complete", "progress")


def hooks_struct(hooks: Hooks, store: Callable[[int], Store]) -> abi.Hooks:
    functions = {name: _hooks[name] for name in EVENTS
                 if optional_callable(getattr(hooks, name), name) is not None}
    return convert.struct(abi.Hooks, user_data=keep(_Listener(hooks, store)), destroy=_forget,
                          **functions)


def generator_struct(create: Create, validate: Validate) -> abi.Generator:
    for function, name in ((create, "create"), (validate, "validate")):
        check_callable(function, name)
    return convert.struct(abi.Generator, user_data=keep(_Generator(create, validate)),
                          create=_create_value, validate=_validate_value, destroy=_forget)


_LEVELS = {LogLevel.ERROR: logging.ERROR, LogLevel.WARN: logging.WARNING,
           LogLevel.INFO: logging.INFO, LogLevel.DEBUG: logging.DEBUG}


def _to_logger(logger: logging.Logger) -> Log:
    return lambda level, target, message: logger.log(
        _LEVELS.get(level, logging.DEBUG),  # type: ignore[call-overload]
        "%s: %s", target, message)


def host_struct(log: Union[Log, logging.Logger, None], clock: Optional[Clock],
                entropy: Optional[Entropy]) -> tuple[abi.HostV1, HostKey]:
    """The services of a host, and what must live as long as they can be called."""
    if isinstance(log, logging.Logger):
        log = _to_logger(log)
    host = _Host(optional_callable(log, "log"), optional_callable(clock, "clock"),
                 optional_callable(entropy, "entropy"))
    functions: dict[str, Any] = {}
    if host.log is not None:
        functions["log"] = _host_log
    if host.now is not None:
        functions["now"] = _host_now
    if host.fill is not None:
        functions["fill"] = _host_fill
    key = HostKey(keep(host))
    return convert.struct(abi.HostV1, user_data=key.key, **functions), key
