"""Handles: Python objects for objects of the library.

A `Ref` owns one reference of the library and releases it when it is collected. A handle, each copy of
it and each call in flight hold the `Ref`. So closing or dropping a handle releases nothing that a
call still uses, and nothing is released twice. There is no lock that a fork or a signal handler
could find taken.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable
from ctypes import byref, c_size_t, c_void_p, string_at
from threading import get_ident
from types import TracebackType
from typing import Any, Generic, NoReturn, Optional, TypeVar

from ._abi import Status
from ._native import held
from .errors import Closed, InvalidType, ShuttingDown, finish, interrupts

#: Seconds for which the shutdown of the interpreter waits for calls in other threads.
SHUTDOWN_WAIT = 10.0
#: Number of signals that raise, such as Ctrl-C, which do not interrupt this wait.
MAX_INTERRUPTS = 1


class _Gate:
    """Lets no thread into the library once the interpreter shuts down.

    A callback that reaches Python after that ends the process: Python ends the thread, and the
    library's frames on its stack cannot be unwound. Calls that may call back are therefore counted
    for each thread. At exit, new calls of other threads are refused, and those in flight are
    waited for.
    """

    def __init__(self) -> None:
        #: Depth of nested calls of each thread that is in a call.
        self.calls: dict[int, int] = {}
        #: The thread that shuts the interpreter down, or 0.
        self.closed_by = 0
        #: Whether the shutdown has waited for calls in other threads.
        self.waited = False
        #: Functions that run before the shutdown waits for calls in other threads.
        self.closing: list[Callable[[], None]] = []

    def enter(self) -> None:
        thread = get_ident()
        depth = self.calls.get(thread, 0)
        # Counted before it looks: either the thread that closes sees the call, or the call that it
        # is closed.
        self.calls[thread] = depth + 1
        if self.closed_by:
            self.check(thread, depth)

    def check(self, thread: int, depth: int) -> None:
        """Refuses a call that was counted, unless it may go on although the gate is closed."""
        if not depth and thread != self.closed_by:
            self.leave()
            raise ShuttingDown(Status.STATE, "the interpreter is shutting down")

    def leave(self) -> None:
        thread = get_ident()
        depth = self.calls[thread] - 1
        if depth:
            self.calls[thread] = depth
        else:
            del self.calls[thread]

    def close(self) -> None:
        """Closes the gate, whatever is raised meanwhile, and raises the first of that at the end.

        A gate left open, or calls that are not waited for, would end in an abort.
        """
        if self.waited:
            return
        raised: list[BaseException] = []
        if not self.closed_by:
            try:
                for action in list(self.closing):
                    try:
                        action()
                    except BaseException as error:
                        raised.append(error)
            except BaseException as error:
                raised.append(error)
            finally:
                self.closed_by = get_ident()
        end = time.monotonic() + SHUTDOWN_WAIT
        for _ in range(MAX_INTERRUPTS + 1):
            try:
                self._wait(end)
                break
            except BaseException as error:
                raised.append(error)
        self.waited = True
        if raised:
            raise raised[0]

    def _wait(self, end: float) -> None:
        """Waits until no other thread is inside a call, or the time is over."""
        while any(other != self.closed_by for other in list(self.calls)):
            if time.monotonic() >= end:
                break
            time.sleep(0.002)

    def after_fork(self) -> None:
        # A forked child does not have the other threads.
        thread = get_ident()
        for other in [other for other in self.calls if other != thread]:
            del self.calls[other]


gate = _Gate()
# Twice: a signal handler may raise where `close` does not catch it, as before its first line.
atexit.register(gate.close)
atexit.register(gate.close)
os.register_at_fork(after_in_child=gate.after_fork)


class Ref:
    """Owns a reference of the library. A subclass releases it."""

    __slots__ = ("pointer",)

    def __init__(self, pointer: int) -> None:
        self.pointer = pointer


class CallingRef(Ref):
    """A `Ref` whose release may call back. It happens on no thread that Python is leaving."""

    __slots__ = ()

    def release(self) -> None:
        raise NotImplementedError

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if is_finalizing():
            return
        try:
            gate.enter()
        except ShuttingDown:
            return
        try:
            self.release()
        finally:
            gate.leave()
        if interrupts and get_ident() not in gate.calls:
            finish(Status.OK, None)  # Python prints it. Inside a call, that call raises it.


_Ref = TypeVar("_Ref", bound=Ref)
_Kind = TypeVar("_Kind", bound=Ref)
_Self = TypeVar("_Self", bound="Handle[Any]")


class Handle(Generic[_Ref]):
    """A handle. It is closed by `close`, by the end of a ``with``, or when it is garbage.

    A copy shares what the handle refers to, and is closed on its own.
    """

    __slots__ = ("_ref", "__weakref__")
    _ref: Optional[_Ref]

    def __new__(cls: type[_Self], *_: Any, **__: Any) -> _Self:
        handle = object.__new__(cls)
        # Closed until it is opened, also if `__init__` of the class is never called.
        handle._ref = None
        return handle

    @classmethod
    def _of(cls: type[_Self], ref: Any) -> _Self:
        handle = object.__new__(cls)
        handle._ref = ref
        return handle

    @property
    def closed(self) -> bool:
        """Whether the handle was closed."""
        return self._ref is None

    def close(self) -> None:
        """Closes the handle. Calls in flight go on. Closing it again does nothing."""
        self._ref = None

    def _open(self, kind: type[_Kind]) -> _Kind:
        """Returns what the handle refers to, which must be of the kind that the caller expects.

        A method may be called with any handle, as in ``Store.token_count(policy)``, and the library
        trusts the address that it is given.
        """
        ref = self._ref
        if ref is None:
            self._refuse()
        if not isinstance(ref, kind):
            raise InvalidType(Status.INVALID_ARGUMENT,
                              f"this method is not one of {type(self).__name__}", "self")
        return ref

    def _refuse(self) -> NoReturn:
        raise Closed(Status.STATE, f"this {type(self).__name__} is closed")

    def _call(self, kind: type[Ref], function: Any, *arguments: Any) -> None:
        """Calls a function of handles of a kind that can fail, and raises its failure."""
        ref: Ref | None = self._open(kind)
        assert ref is not None
        error = c_void_p()
        gate.enter()
        try:
            status = function(ref.pointer, *arguments, byref(error))
        finally:
            gate.leave()
            # An exception refers to this frame, which must not keep the handle open.
            ref = None
        if status or interrupts:
            finish(status, error)

    def _call_for_text(self, kind: type[Ref], function: Any, *arguments: Any) -> str:
        """Calls a function whose output is a text."""
        buffer = c_void_p()
        try:
            self._call(kind, function, *arguments, byref(buffer))
            return read_text(held.rbtoken_buffer_data, buffer) or ""
        finally:
            held.rbtoken_buffer_free(buffer)

    def __enter__(self: _Self) -> _Self:
        self._open(Ref)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __copy__(self: _Self) -> _Self:
        return self._of(self._open(Ref))

    def __deepcopy__(self: _Self, memo: dict[int, Any]) -> _Self:
        return self.__copy__()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"a {name} cannot be pickled: it belongs to this process")


def call(function: Any, *arguments: Any) -> None:
    """Calls a function that can fail and that belongs to no handle, and raises its failure."""
    error = c_void_p()
    gate.enter()
    try:
        status = function(*arguments, byref(error))
    finally:
        gate.leave()
    if status or interrupts:
        finish(status, error)


def read_text(function: Any, pointer: Any) -> str | None:
    """Copies a text that the library owns. `function` returns its pointer and length."""
    length = c_size_t()
    data = function(pointer, byref(length))
    return None if data is None else string_at(data, length.value).decode()


def take_text(buffer: c_void_p) -> str:
    """Returns the text of a buffer, and frees the buffer."""
    try:
        return read_text(held.rbtoken_buffer_data, buffer) or ""
    finally:
        held.rbtoken_buffer_free(buffer)
