"""Converts arguments for the library, and refuses what it must not see.

Each function is given the name of the argument, which is in the error.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn, TypeVar, Union

from ._abi import Status
from .errors import InvalidArgument, InvalidDocument, InvalidType

#: A JSON object, as such or as text.
Document = Union[Mapping[str, Any], str]
#: Untrusted text, or its bytes.
Untrusted = Union[str, bytes, bytearray, memoryview]
#: The path of a file.
Path = Union[str, "os.PathLike[str]"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_Struct = TypeVar("_Struct", bound=ctypes.Structure)


def refuse_type(value: object, name: str, expected: str) -> NoReturn:
    found = type(value).__name__
    raise InvalidType(Status.INVALID_ARGUMENT, f"expected {expected}, found {found}", name)


def text(value: str, name: str) -> bytes:
    if not isinstance(value, str):
        refuse_type(value, name, "a str")
    try:
        # `str.encode`: a subclass could return anything, with any length. Likewise below.
        return str.encode(value)
    except UnicodeEncodeError:
        pass
    # Outside the handler: the encoder's error has the text, which may be a secret.
    raise InvalidArgument(Status.INVALID_UTF8, "text must not have lone surrogates", name)


def optional_text(value: str | None, name: str) -> bytes | None:
    return None if value is None else text(value, name)


def untrusted_text(value: Untrusted, name: str) -> bytes:
    """Encodes untrusted text. The library checks bytes that are not Unicode."""
    if isinstance(value, str):
        try:
            return str.encode(value)
        except UnicodeEncodeError:
            return str.encode(value, "utf-8", "surrogatepass")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return memoryview(value).tobytes()
    refuse_type(value, name, "a str or bytes")


def texts(values: Iterable[str], name: str) -> tuple[ctypes.Array[ctypes.c_char_p], int]:
    """An array of C strings, and their number."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        refuse_type(values, name, "an iterable of str")
    encoded = [text(value, name) for value in values]
    if any(b"\0" in value for value in encoded):
        raise InvalidArgument(Status.EMBEDDED_NUL, "text must not have a NUL", name)
    # An array without elements has no address.
    return (ctypes.c_char_p * max(len(encoded), 1))(*encoded), len(encoded)


def path(value: Path, name: str) -> bytes:
    if not isinstance(value, (str, os.PathLike)):
        refuse_type(value, name, "a str or a path")
    converted = os.fspath(value)
    return text(converted, name) if isinstance(converted, str) else refuse_type(
        value, name, "a path that is text")


def integer(value: int, name: str, bits: int = 64, signed: bool = True) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        refuse_type(value, name, "an int")
    number = int.__index__(value)
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    if not low <= number < high:
        raise InvalidArgument(Status.INVALID_ARGUMENT,
                              f"expected an integer from {low} to {high - 1}", name)
    return number


def boolean(value: bool, name: str) -> bool:
    if not isinstance(value, bool):
        refuse_type(value, name, "a bool")
    return value


def microseconds(value: datetime, name: str) -> int:
    if not isinstance(value, datetime):
        refuse_type(value, name, "a datetime")
    if datetime.utcoffset(value) is None:
        raise InvalidArgument(Status.INVALID_ARGUMENT, "a time must have a time zone", name)
    return timedelta.__floordiv__(datetime.__sub__(value, _EPOCH), _MICROSECOND)


def time(time_us: int) -> datetime:
    return _EPOCH + time_us * _MICROSECOND


def now_us() -> int:
    return (datetime.now(timezone.utc) - _EPOCH) // _MICROSECOND


def seconds(value: timedelta, name: str) -> int:
    if not isinstance(value, timedelta):
        refuse_type(value, name, "a timedelta")
    whole, rest = timedelta.__divmod__(value, _SECOND)
    if rest:
        raise InvalidArgument(Status.INVALID_ARGUMENT, "expected whole seconds", name)
    return whole


def document(value: Document, name: str) -> bytes:
    if isinstance(value, str):
        return text(value, name)
    if not isinstance(value, Mapping):
        refuse_type(value, name, "a mapping or JSON text")
    return json_value(value, name)


def optional_document(value: Document | None, name: str) -> bytes | None:
    return None if value is None else document(value, name)


def json_value(value: Any, name: str) -> bytes:
    try:
        return json.dumps(_plain(value, name, "$"), allow_nan=False).encode()
    except RecursionError:
        status, message = Status.JSON_TOO_DEEP, "a document is nested too deep"
    except ValueError as error:
        if isinstance(error, InvalidArgument):
            raise
        status, message = Status.JSON_NUMBER, "expected finite numbers"
    raise InvalidDocument(status, message, name)


def _plain(value: Any, name: str, where: str) -> Any:
    """Returns what `json` writes as it is meant: other keys than texts, it would convert."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                found = type(key).__name__
                raise InvalidType(Status.JSON_TYPE, f"expected keys of str, found {found}", name,
                                  where)
        return {key: _plain(item, name, f"{where}[{json.dumps(key)}]")
                for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, name, f"{where}[{index}]") for index, item in enumerate(value)]
    found = type(value).__name__
    raise InvalidType(Status.JSON_TYPE, f"expected a JSON value, found {found}", name, where)


def pair(value: bytes | None) -> tuple[bytes | None, int]:
    """A text as the two arguments that the library takes."""
    return value, 0 if value is None else len(value)


def struct(kind: type[_Struct], **fields: Any) -> _Struct:
    """Returns a struct with defaults but for the fields given. It keeps their texts alive."""
    made = kind()
    made.struct_size = ctypes.sizeof(made)
    for name, value in fields.items():
        if isinstance(value, bytes):
            setattr(made, f"{name}_len", len(value))
        setattr(made, name, value)
    return made
