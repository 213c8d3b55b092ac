"""The exceptions. All of them are `RBTokenError`; a call that raises one has changed nothing.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import threading
from ctypes import c_void_p
from threading import get_ident
from typing import Any, Optional

from . import _native
from ._abi import Status


class RBTokenError(Exception):
    """A call that failed.

    The text has the message, which names the argument at fault and the place in its JSON document,
    and the name of the status. It never contains a token's value.
    """

    #: The `Status`, or the number of one that this package does not know.
    status: int
    #: The name of the status, such as ``RBTOKEN_E_NOT_FOUND``.
    name: str
    #: What was wrong or expected, in English. It names the argument and the place in it.
    message: str
    #: The parameter or option that the error is about, or None.
    argument: Optional[str]
    #: The JSONPath of the invalid value, such as ``$.resources["*"].allow``, or None.
    json_path: Optional[str]

    def __init__(self, status: int, message: str, argument: str | None = None,
                 json_path: str | None = None) -> None:
        self.status = _STATUSES.get(status, status)
        self.name = _native.known_status_name(status)
        self.message = message
        self.argument = argument
        self.json_path = json_path
        # The library's messages name both; those of this package do not.
        named = argument is not None and message.startswith(argument)
        places = [f"argument {argument!r}"] if argument is not None and not named else []
        places += [f"at {json_path}"] if json_path is not None and not named else []
        where = f" ({', '.join(places)})" if places else ""
        super().__init__(f"{message}{where} [{self.name}]")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (int(self.status), self.message, self.argument, self.json_path)


class InvalidArgument(RBTokenError, ValueError):
    """An argument has a value that is not allowed."""


class InvalidType(InvalidArgument, TypeError):
    """An argument has a type that is not allowed."""


class InvalidDocument(InvalidArgument):
    """A JSON document is malformed; `RBTokenError.json_path` tells where."""


class InvalidPolicy(InvalidDocument):
    """A policy breaks a rule of policies; `RBTokenError.json_path` tells where."""


class NotFound(RBTokenError, LookupError):
    """There is no such token, user, Local Site, hooks or setting."""


class Exists(RBTokenError):
    """There is such an object already."""


class InvalidState(RBTokenError):
    """The object is in a state that does not allow the call."""


class Closed(InvalidState, ValueError):
    """The object was closed."""


class ShuttingDown(InvalidState):
    """The interpreter is shutting down: threads make no more calls."""


class Unsupported(RBTokenError):
    """This build, or this kind of store, cannot do that."""


class Forked(InvalidState):
    """The store was opened before fork(), and this process is the child. Open it after the fork."""


class Poisoned(InvalidState):
    """An earlier defect may have left the store half-changed; it refuses everything."""


class GenerationFailed(RBTokenError):
    """No token value could be generated."""


class CallbackFailed(RBTokenError):
    """A callback of the host broke its contract."""


class StorageError(RBTokenError):
    """What keeps the tokens failed."""


class Locked(StorageError):
    """Another process, or another store of this one, owns the file."""


class InputOutputError(StorageError, OSError):
    """The operating system refused an input or output operation, or a database is unreachable."""


class Corrupt(StorageError):
    """Stored data is damaged."""


class IncompatibleVersion(StorageError):
    """Stored data was written by an incompatible version."""


class DatabaseError(StorageError):
    """The database refused or failed."""


class Timeout(StorageError, TimeoutError):
    """The operation did not end in its time."""


class NoMemory(RBTokenError, MemoryError):
    """The memory is exhausted."""


class InternalError(RBTokenError):
    """A defect of the library."""


_STATUSES = {int(status): status for status in Status}

_KINDS: dict[int, type[RBTokenError]] = {
    Status.NULL_ARGUMENT: InvalidArgument,
    Status.INVALID_ARGUMENT: InvalidArgument,
    Status.INVALID_UTF8: InvalidArgument,
    Status.EMBEDDED_NUL: InvalidArgument,
    Status.TOO_LONG: InvalidArgument,
    Status.STRUCT_SIZE: InvalidArgument,
    Status.UNSUPPORTED_OPTION: InvalidArgument,
    Status.TIME_RANGE: InvalidArgument,
    Status.JSON_SYNTAX: InvalidDocument,
    Status.JSON_TYPE: InvalidDocument,
    Status.JSON_TOO_DEEP: InvalidDocument,
    Status.JSON_NUMBER: InvalidDocument,
    Status.POLICY: InvalidPolicy,
    Status.NOT_FOUND: NotFound,
    Status.EXISTS: Exists,
    Status.STATE: InvalidState,
    Status.UNSUPPORTED: Unsupported,
    Status.FORKED: Forked,
    Status.POISONED: Poisoned,
    Status.GENERATION: GenerationFailed,
    Status.CALLBACK: CallbackFailed,
    Status.LOCKED: Locked,
    Status.IO: InputOutputError,
    Status.CORRUPT: Corrupt,
    Status.VERSION: IncompatibleVersion,
    Status.DATABASE: DatabaseError,
    Status.TIMEOUT: Timeout,
    Status.NO_MEMORY: NoMemory,
    Status.INTERNAL: InternalError,
}

#: Status of a callback that raised. The library returns it to the call, which raises the exception.
RAISED = 0x5079
_raised = threading.local()


def keep_raised(error: BaseException) -> int:
    """Keeps what a callback raised for the call that it was part of; returns the status."""
    _raised.error = error
    return RAISED


#: Exceptions of hooks that are not an `Exception`, such as `KeyboardInterrupt`, by the thread whose
#: call raises them when it returns.
interrupts: dict[int, BaseException] = {}


def keep_interrupt(error: BaseException) -> None:
    interrupts.setdefault(get_ident(), error)


def finish(status: int, error: c_void_p | int | None) -> None:
    """Raises the failure of a call, or what interrupted its hooks."""
    raised = failure(status, error) if status else None
    interrupt = interrupts.pop(get_ident(), None)
    try:
        if interrupt is not None:
            raise interrupt from raised
        if raised is not None:
            raise raised
    finally:
        # They would form a cycle with their traceback, and keep its frames alive.
        del raised, interrupt


def failure(status: int, error: c_void_p | int | None) -> BaseException:
    """Returns what to raise for a call that failed, and frees its error."""
    native = _native.held
    try:
        if status == RAISED and getattr(_raised, "error", None) is not None:
            raised: BaseException = _raised.error
            _raised.error = None
            return raised
        status = native.rbtoken_error_status(error) or status
        parts = (native.rbtoken_error_message(error), native.rbtoken_error_argument(error),
                 native.rbtoken_error_json_path(error))
    finally:
        native.rbtoken_error_free(error)
    message, argument, json_path = (None if part is None else part.decode() for part in parts)
    message = message or "the call failed"
    if argument is not None:
        parameter = _parameter(argument, status)
        if message.startswith(argument):
            message = parameter + message[len(argument):]
        argument = parameter
    kind = _KINDS.get(status, RBTokenError)
    return kind(status, message, argument, json_path)


def _parameter(field: str, status: int) -> str:
    """Returns the parameter of this package for an argument or field of the C API, whose names
    have units."""
    if field == "id" and status == Status.NOT_FOUND:
        return "token_id"  # Not the id of a service account.
    for unit in ("_at_us", "_us", "_secs"):
        if field.endswith(unit):
            return field[:-len(unit)]
    return field
