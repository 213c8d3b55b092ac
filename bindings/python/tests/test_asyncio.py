"""Stores for asyncio.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import rbtoken
from rbtoken import AsyncStore, ServiceAccount, Store
from support import NEW_YEAR, live_handles


class Awaited(unittest.IsolatedAsyncioTestCase):
    async def test_calls_are_awaited(self) -> None:
        async with await AsyncStore.open() as store:
            token, created = await store.get_or_create_client_token("alice", "RBTools")
            self.assertTrue(created)
            login = await store.authenticate(token.value)
            self.assertTrue(login)
            self.assertEqual(await store.token_count(), 1)
            self.assertEqual(repr(store), "<AsyncStore in memory>")
            with self.assertRaises(rbtoken.NotFound):
                await store.get_token(7)
            with ServiceAccount("bot") as account:
                self.assertTrue((await store.get_api_token(account)).created)
        with self.assertRaises(rbtoken.Closed):
            await store.token_count()

    async def test_opening_is_awaited_or_entered(self) -> None:
        async with AsyncStore.open() as store:
            await store.generate_token("alice")
            self.assertFalse(store.store.closed)
        self.assertTrue(store.store.closed)
        (await asyncio.create_task(AsyncStore.open())).store.close()
        (await asyncio.wait_for(AsyncStore.open(), 60)).store.close()
        with self.assertRaises(rbtoken.InvalidType):
            async with AsyncStore.open(7):  # type: ignore[arg-type]
                pass

    async def test_every_method_of_a_store_is_there(self) -> None:
        for name, method in inspect.getmembers(Store, inspect.isfunction):
            if not name.startswith("_") and name != "close":
                awaited = getattr(AsyncStore, name)
                self.assertTrue(inspect.iscoroutinefunction(awaited), name)
                self.assertEqual(awaited.__doc__, method.__doc__)

    async def test_loop_goes_on_during_a_call(self) -> None:
        loop_went_on = threading.Event()

        def wait(*_: object) -> None:
            self.assertTrue(loop_went_on.wait(60))

        with ThreadPoolExecutor(1) as executor:
            async with await AsyncStore.open(executor=executor) as store:
                await store.add_hooks(created=wait)
                call = asyncio.ensure_future(store.generate_token("alice"))
                await asyncio.sleep(0.01)
                loop_went_on.set()
                self.assertEqual((await call).user, "alice")

    async def test_callbacks_see_the_variables_of_the_task(self) -> None:
        variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
        seen: list[str] = []
        async with await AsyncStore.open() as store:
            await store.add_hooks(created=lambda *_: seen.append(variable.get()))
            variable.set("mine")
            await store.generate_token("alice")
        self.assertEqual(seen, ["mine"])

    async def test_canceled_call_goes_on_and_leaves_nothing(self) -> None:
        go_on = threading.Event()
        async with await AsyncStore.open() as store:
            await store.add_hooks(created=lambda *_: go_on.wait(60) and None)
            call = asyncio.ensure_future(store.generate_token("alice"))
            await asyncio.sleep(0.05)
            call.cancel()
            go_on.set()
            with self.assertRaises(asyncio.CancelledError):
                await call
            while await store.token_count() == 0:
                await asyncio.sleep(0.01)

    async def test_stop_iteration_of_a_callback_ends_the_call(self) -> None:
        async with await AsyncStore.open(clock=iter([NEW_YEAR] * 2).__next__) as store:
            with self.assertRaises(RuntimeError) as raised:
                for _ in range(3):
                    await asyncio.wait_for(store.generate_token("alice"), 30)
            self.assertIsInstance(raised.exception.__cause__, StopIteration)

    async def test_many_calls_on_a_file_are_right(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with await AsyncStore.open(Path(folder) / "tokens.db") as store:
                tokens = await asyncio.gather(
                    *(store.generate_token(f"user{number}") for number in range(50)))
                logins = await asyncio.gather(
                    *(store.authenticate(token.value) for token in tokens))
                self.assertEqual([login.token and login.token.user for login in logins],
                                 [f"user{number}" for number in range(50)])


class Left(unittest.TestCase):
    def test_nothing_is_left(self) -> None:
        asyncio.run(self.use())
        self.assertEqual(live_handles(), {})

    async def use(self) -> None:
        store = await AsyncStore.open()
        await asyncio.gather(*(store.generate_token("alice") for _ in range(20)))


if __name__ == "__main__":
    unittest.main()
