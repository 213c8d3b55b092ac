"""Loads librbtoken and declares its functions.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import ctypes
import os
from ctypes import c_void_p
from pathlib import Path
from typing import Any

from . import _abi as abi


def _library_path() -> str:
    named = os.environ.get("RBTOKEN_LIBRARY")
    bundled = Path(__file__).with_name("librbtoken.so")
    return named or (str(bundled) if bundled.exists() else "librbtoken.so.0")


def _load() -> ctypes.CDLL:
    path = _library_path()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"librbtoken cannot be loaded: {error}") from error
    # Checked first: an older library lacks some of the functions.
    compatible = library.rbtoken_abi_is_compatible
    compatible.restype, compatible.argtypes = abi.FUNCTIONS["rbtoken_abi_is_compatible"]
    if not compatible(abi.ABI_VERSION):
        library.rbtoken_version.restype = ctypes.c_char_p
        version = library.rbtoken_version().decode()
        raise ImportError(f"{path} is version {version}, which this package does not work with")
    try:
        abi.declare(library)
    except AttributeError as error:
        raise ImportError(f"{path} is older than this package: {error}") from error
    return library


def _declared_with_gil(library: ctypes.CDLL) -> ctypes.PyDLL:
    """Returns the library with functions that keep the GIL: for those that only read or free
    memory and never call back, where releasing it would cost more than the function."""
    held = ctypes.PyDLL(library._name)
    abi.declare(held)
    return held


def _with_addresses(name: str) -> Any:
    """Returns a function whose pointers are passed as integers, which costs less than `byref`."""
    result, parameters = abi.FUNCTIONS[name]
    function = lib[name]  # A new function object, unlike an attribute of the library.
    function.restype = result
    function.argtypes = [
        c_void_p if issubclass(kind, ctypes._Pointer) else kind for kind in parameters]
    return function


#: Functions that may block or call back. The GIL is released during a call.
lib = _load()
#: Functions that do neither.
held = _declared_with_gil(lib)
authenticate = _with_addresses("rbtoken_store_authenticate")
authenticate_header = _with_addresses("rbtoken_store_authenticate_header")


def version() -> str:
    """Returns the version of the library, such as ``0.2.0``."""
    return str(held.rbtoken_version().decode())


def abi_version() -> int:
    """Returns the version of the library's ABI: the major version times 65536 plus the minor."""
    return int(held.rbtoken_abi_version())


def known_status_name(status: int) -> str:
    """Returns the name of a status. A number outside 32 bits would be taken for another."""
    within = -1 << 31 <= status < 1 << 31
    return str(held.rbtoken_status_name(status if within else -1).decode())


def status_name(status: int) -> str:
    """Returns the name of a status, such as ``RBTOKEN_E_NOT_FOUND``."""
    from ._convert import integer  # Imported here, since it imports this module.
    return str(held.rbtoken_status_name(integer(status, "status", 32)).decode())


def verdict_name(verdict: int) -> str:
    """Returns the name of a verdict, such as ``RBTOKEN_VERDICT_EXPIRED``."""
    from ._convert import integer
    return str(held.rbtoken_verdict_name(integer(verdict, "verdict", 32)).decode())
