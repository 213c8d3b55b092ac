"""Policies without a token.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from ctypes import byref, c_bool, c_void_p
from typing import TYPE_CHECKING, Any, Optional

from . import _convert as convert
from ._convert import Document
from ._handle import Handle, Ref, call
from ._native import held, lib
from ._open import StoreRef

if TYPE_CHECKING:
    from .store import Store


class PolicyRef(Ref):
    """Owns a policy."""

    __slots__ = ()

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing,
                free: Callable[[int], None] = lib.rbtoken_policy_free) -> None:
        if not is_finalizing():
            free(self.pointer)


def _open_store(store: Store) -> Ref:
    from .store import Store
    if not isinstance(store, Store):
        convert.refuse_type(store, "store", "a Store or None")
    return store._open(StoreRef)


class Policy(Handle[PolicyRef]):
    """A policy of its own. Policies are equal if their documents are."""

    __slots__ = ("_text",)
    _text: bytes

    def __init__(self, document: Document, store: Optional[Store] = None) -> None:
        """Reads and checks a policy. Its ids, and those of later questions, must be registered in
        the store; None: any id is known."""
        self._ref = None
        self._text = convert.document(document, "document")
        pointer = c_void_p()
        ref = None if store is None else _open_store(store)
        try:
            call(lib.rbtoken_policy_parse, None if ref is None else ref.pointer,
                 *convert.pair(self._text), byref(pointer))
        finally:
            ref = None
        self._ref = PolicyRef(pointer.value or 0)

    def allows(self, policy_id: str, method: str, resource_id: Optional[str] = None) -> bool:
        """Returns whether the policy allows an HTTP method on a resource."""
        allowed = c_bool()
        self._call(PolicyRef, held.rbtoken_policy_allows,
                   *convert.pair(convert.text(policy_id, "policy_id")),
                   *convert.pair(convert.text(method, "method")),
                   *convert.pair(convert.optional_text(resource_id, "resource_id")),
                   byref(allowed))
        return allowed.value

    @property
    def document(self) -> dict[str, Any]:
        """The document."""
        self._open(PolicyRef)
        return dict(json.loads(self._text))

    def __copy__(self) -> Policy:
        copy = super().__copy__()
        copy._text = self._text
        return copy

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Policy):
            return NotImplemented
        # A closed policy equals only itself.
        return self is other or (
            not self.closed and not other.closed and self.document == other.document)

    def __hash__(self) -> int:
        return hash(json.dumps(self.document, sort_keys=True))

    def __repr__(self) -> str:
        return "<Policy (closed)>" if self.closed else f"<Policy {self._text.decode()}>"
