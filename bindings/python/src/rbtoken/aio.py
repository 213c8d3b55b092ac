"""Stores for asyncio: every call that may wait is awaited, and runs on a thread.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import sys
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from . import _convert as convert
from ._convert import Document, Path
from .callbacks import Clock, Entropy
from .login import ClientToken
from .options import ServiceTokenOptions
from .service_account import ServiceAccount
from .store import Store

if TYPE_CHECKING:
    if sys.version_info >= (3, 10):
        from typing import Concatenate, ParamSpec
    else:
        from typing_extensions import Concatenate, ParamSpec

    _P = ParamSpec("_P")
_R = TypeVar("_R")

__all__ = ["AsyncStore"]


async def _run(executor: Executor | None, function: Callable[[], _R]) -> _R:
    def call() -> _R:
        try:
            return function()
        except StopIteration as error:
            # A future does not accept it, and the task would wait forever.
            raise RuntimeError("a callback raised StopIteration") from error

    loop = asyncio.get_running_loop()
    # Callbacks run in the context of the task.
    context = contextvars.copy_context()
    return await loop.run_in_executor(executor, context.run, call)


def _awaited(
        method: Callable[Concatenate[Store, _P], _R]
) -> Callable[Concatenate[AsyncStore, _P], Coroutine[Any, Any, _R]]:
    @functools.wraps(method)
    async def run(self: AsyncStore, /, *arguments: _P.args, **keywords: _P.kwargs) -> _R:
        call = functools.partial(method, self.store, *arguments, **keywords)
        return await _run(self.executor, call)

    return run


class Opening(Coroutine[Any, Any, "AsyncStore"]):
    """A store that is being opened: it is awaited, or entered by ``async with``."""

    __slots__ = ("_coroutine", "_store")

    def __init__(self, coroutine: Coroutine[Any, Any, AsyncStore]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, AsyncStore]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    async def __aenter__(self) -> AsyncStore:
        self._store = await self
        return self._store

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self._store.close()


class AsyncStore:
    """A `Store` whose methods are awaited. They are those of `Store`.

    A call runs on a thread of the executor, and releases the GIL. A task that is canceled stops
    waiting, but its call goes on: what it changes is changed. Hooks are called on that thread.
    """

    def __init__(self, store: Store, *, executor: Optional[Executor] = None) -> None:
        """Wraps a store. ``executor``: None: the loop's own."""
        if not isinstance(store, Store):
            convert.refuse_type(store, "store", "a Store")
        #: The store, for calls that do not block.
        self.store = store
        #: The executor for the calls; None: the default executor of the loop.
        self.executor = executor

    @classmethod
    def open(cls, location: Optional[Path] = None, *, settings: Optional[Document] = None,
             clock: Optional[Clock] = None, entropy: Optional[Entropy] = None,
             executor: Optional[Executor] = None) -> Opening:
        """Opens a store, as `Store` does: ``await AsyncStore.open()``, or
        ``async with AsyncStore.open() as store``."""
        call = functools.partial(
            Store, location, settings=settings, clock=clock, entropy=entropy)

        async def open() -> AsyncStore:
            return cls(await _run(executor, call), executor=executor)

        return Opening(open())

    async def close(self) -> None:
        """Closes the store. Calls in flight go on."""
        await _run(self.executor, self.store.close)

    async def __aenter__(self) -> AsyncStore:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Async{repr(self.store)[1:]}"

    async def get_api_token(self, account: ServiceAccount,
                            options: Optional[ServiceTokenOptions] = None, *,
                            min_validity: Optional[timedelta] = None,
                            local_site: Optional[str] = None) -> ClientToken:
        """Returns the token of a service account, as `ServiceAccount.get_api_token` does."""
        call = functools.partial(account.get_api_token, self.store, options,
                                 min_validity=min_validity, local_site=local_site)
        return await _run(self.executor, call)

    set_setting = _awaited(Store.set_setting)
    get_setting = _awaited(Store.get_setting)
    statistics = _awaited(Store.statistics)
    add_local_site = _awaited(Store.add_local_site)
    remove_local_site = _awaited(Store.remove_local_site)
    set_user_active = _awaited(Store.set_user_active)
    set_policy_ids = _awaited(Store.set_policy_ids)
    flush = _awaited(Store.flush)
    backup = _awaited(Store.backup)
    export_file = _awaited(Store.export_file)
    import_file = _awaited(Store.import_file)
    get_or_create_client_token = _awaited(Store.get_or_create_client_token)
    generate_token = _awaited(Store.generate_token)
    import_token = _awaited(Store.import_token)
    find_token = _awaited(Store.find_token)
    get_token = _awaited(Store.get_token)
    list_tokens = _awaited(Store.list_tokens)
    token_count = _awaited(Store.token_count)
    value_is_valid = _awaited(Store.value_is_valid)
    update_token = _awaited(Store.update_token)
    invalidate_token = _awaited(Store.invalidate_token)
    invalidate_token_by_id = _awaited(Store.invalidate_token_by_id)
    invalidate_user_tokens = _awaited(Store.invalidate_user_tokens)
    invalidate_all_tokens = _awaited(Store.invalidate_all_tokens)
    delete_token = _awaited(Store.delete_token)
    purge_tokens = _awaited(Store.purge_tokens)
    authenticate = _awaited(Store.authenticate)
    authenticate_header = _awaited(Store.authenticate_header)
    forget_logins = _awaited(Store.forget_logins)
    add_hooks = _awaited(Store.add_hooks)
    remove_hooks = _awaited(Store.remove_hooks)
    add_generator = _awaited(Store.add_generator)
    set_default_generator = _awaited(Store.set_default_generator)
    set_deprecated_generators = _awaited(Store.set_deprecated_generators)
