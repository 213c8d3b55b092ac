"""The plugin interface: who the library is, and instances with a store and settings of their own.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import functools
import json
import logging
from ctypes import POINTER, byref, c_void_p
from dataclasses import dataclass
from typing import Any, Optional, Union

from . import _abi as abi
from . import _convert as convert
from ._convert import Document
from ._handle import CallingRef, Handle, call
from ._native import lib
from ._open import StoreRef
from .callbacks import Clock, Entropy, HostKey, Log, host_struct
from .errors import failure
from .store import Store


@functools.lru_cache(maxsize=None)
def _table() -> abi.ExtensionV1:
    table = POINTER(abi.ExtensionV1)()
    status = lib.rbtoken_extension_entry_v1(abi.EXTENSION_MINOR, byref(table))
    if status:
        raise failure(status, None)
    return table.contents


@dataclass(frozen=True)
class Extension:
    """What the library says of itself."""

    id: str
    name: str
    version: str
    author: str
    license: str
    summary: str
    url: str

    def settings_schema(self) -> dict[str, Any]:
        """Returns a JSON Schema of the settings."""
        return dict(json.loads(_table().get_settings_schema()))

    def has_interface(self, name: str) -> bool:
        """Returns whether the library has a table of functions, such as ``rbtoken.store/1``."""
        encoded = convert.text(name, "name")
        return b"\0" not in encoded and bool(_table().get_interface(encoded))


def extension() -> Extension:
    """Returns what the library says of itself."""
    table = _table()
    return Extension(*(getattr(table, name).decode() for name in (
        "id", "name", "version", "author", "license", "summary", "url")))


class InstanceRef(CallingRef):
    """Owns an instance, and the host's services as long as it can call them."""

    __slots__ = ("keep",)

    def __init__(self, pointer: int, keep: HostKey) -> None:
        super().__init__(pointer)
        self.keep = keep

    def release(self) -> None:
        if self.pointer:
            _table().destroy(self.pointer)


class Instance(Handle[InstanceRef]):
    """An instance of the extension: created, configured, initialized, shut down.

    Instances live side by side and share nothing. Closing one shuts it down.
    """

    __slots__ = ()

    def __init__(self, settings: Optional[Document] = None, *,
                 log: Union[Log, logging.Logger, None] = None, clock: Optional[Clock] = None,
                 entropy: Optional[Entropy] = None) -> None:
        """Creates an instance, and configures it if there are settings.

        ``log`` is told of the life of the instance and of each token: a logger, or a function of
        the level (`LogLevel`), the part of the library and the message.
        """
        self._ref = None
        host, keep = host_struct(log, clock, entropy)
        pointer = c_void_p()
        try:
            call(_table().create, byref(host), byref(pointer))
        except BaseException:
            InstanceRef(pointer.value or 0, keep)
            raise
        self._ref = InstanceRef(pointer.value or 0, keep)
        if settings is not None:
            try:
                self.configure(settings)
            except BaseException:
                self.close()
                raise

    def configure(self, settings: Optional[Document] = None) -> None:
        """Sets the settings, in place of earlier ones; None: all defaults. Not while the instance
        is initialized."""
        self._call(InstanceRef, _table().configure,
                   *convert.pair(convert.optional_document(settings, "settings")))

    def initialize(self) -> None:
        """Opens the instance's store."""
        self._call(InstanceRef, _table().initialize)

    def shutdown(self) -> None:
        """Closes the instance's store, and removes its hooks and generators."""
        self._call(InstanceRef, _table().shutdown)

    def store(self) -> Store:
        """Returns the instance's store, while the instance is initialized."""
        pointer, keep = c_void_p(), self._open(InstanceRef).keep
        try:
            self._call(InstanceRef, _table().get_store, byref(pointer))
        except BaseException:
            StoreRef(pointer.value or 0, "", keep)
            raise
        return Store._of(StoreRef(pointer.value or 0, "of an Instance", keep))

    def settings(self) -> dict[str, Any]:
        """Returns all settings in force."""
        return dict(json.loads(self._call_for_text(InstanceRef, _table().get_settings)))

    def __repr__(self) -> str:
        return "<Instance (closed)>" if self.closed else "<Instance>"
