"""Opens stores, and writes what is left to write when the interpreter ends.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import ctypes
import os
import weakref
from ctypes import byref, c_void_p
from typing import Any, Optional

from . import _abi as abi
from . import _convert as convert
from . import callbacks
from ._convert import Document, Path
from ._handle import CallingRef, call, gate
from ._native import held, lib
from .callbacks import Clock, Entropy, HostKey


class StoreRef(CallingRef):
    """Owns a reference to a store."""

    __slots__ = ("where", "keep", "__weakref__")

    def __init__(self, pointer: int, where: str, keep: Optional[HostKey] = None) -> None:
        super().__init__(pointer)
        #: Shown by `repr`. Contains no password.
        self.where = where
        #: Objects that the callbacks of the store need.
        self.keep = keep
        _stores[id(self)] = weakref.ref(self)

    def release(self) -> None:
        _stores.pop(id(self), None)
        lib.rbtoken_store_release(self.pointer)


#: Open stores by the id of their `StoreRef`. They may have unwritten times of last use. Not a
#: `WeakSet`, which cannot be copied while other threads change it.
_stores: dict[int, weakref.ref[StoreRef]] = {}


def _flush_stores() -> None:
    raised: list[BaseException] = []
    refs = [reference() for reference in list(_stores.values())]
    for ref in {ref.pointer: ref for ref in refs if ref is not None}.values():
        try:
            error = c_void_p()
            if lib.rbtoken_store_flush(ref.pointer, byref(error)):
                # Nobody could handle the error.
                held.rbtoken_error_free(error)
        except BaseException as interrupt:
            # Ctrl-C: the other stores are flushed nevertheless.
            raised.append(interrupt)
    if raised:
        raise raised[0]


gate.closing.append(_flush_stores)
# The parent flushes its stores. Other threads of it may have been using them during the fork.
os.register_at_fork(after_in_child=_stores.clear)


def opened(function: Any, location: Path | None, settings: Document | None, clock: Clock | None,
            entropy: Entropy | None, clock_struct: Any, entropy_struct: Any) -> StoreRef:
    """Opens a store."""
    encoded = None if location is None else convert.path(location, "location")
    options = convert.struct(abi.StoreOptions, location=encoded,
                             settings=convert.optional_document(settings, "settings"))
    callbacks.optional_callable(clock, "clock")
    callbacks.optional_callable(entropy, "entropy")
    # Last: from here on, the library releases the kept objects in any case.
    if clock is not None:
        options.clock = ctypes.pointer(clock_struct(clock))
    if entropy is not None:
        options.entropy = ctypes.pointer(entropy_struct(entropy))
    # For the shared store, no options mean those it was opened with.
    given = any(value is not None for value in (location, settings, clock, entropy))
    pointer = c_void_p()
    try:
        call(function, byref(options) if given else None, byref(pointer))
    except BaseException:
        StoreRef(pointer.value or 0, "")
        raise
    return StoreRef(pointer.value or 0, _shown(encoded, settings))


def _shown(location: bytes | None, settings: Document | None) -> str:
    """Returns where a store is, without a password."""
    if location is None:
        return "in memory" if settings is None else "of settings"
    scheme, found, _ = location.decode().partition("://")
    return f"on {scheme}" if found else f"in {scheme!r}"
