"""Handles: released once, after the last call; copies; what is closed.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import copy
import gc
import pickle
import tempfile
import threading
import unittest
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import rbtoken
from rbtoken import Closed, Instance, Policy, ServiceAccount, Store, Token, callbacks
from support import NEW_YEAR, Clock, live_handles


class Lifetime(unittest.TestCase):
    def setUp(self) -> None:
        self.assertEqual(live_handles(), {})

    def tearDown(self) -> None:
        self.assertEqual(live_handles(), {})

    def test_handles_are_closed_in_any_order(self) -> None:
        store = Store()
        token = store.generate_token("alice")
        tokens = store.list_tokens()
        store.close()
        store.close()
        self.assertEqual(token.user, "alice")
        self.assertEqual(tokens[0], token)
        with token:
            self.assertTrue(token.allows("review", "GET"))
        self.assertEqual(tokens[0].user, "alice")
        tokens.close()

    def test_copy_shares_the_handle(self) -> None:
        with Store() as store:
            token = store.generate_token("alice")
            others = [store.generate_token("bob") for _ in range(3)]
            for make in (copy.copy, copy.deepcopy):
                other = make(token)
                self.assertEqual(other, token)
                del token
                gc.collect()
                # The memory is not reused for another token.
                others += [store.generate_token("eve") for _ in range(3)]
                self.assertEqual(other.user, "alice")
                token = other
            twin: dict[str, Any] = copy.deepcopy({"store": store, "token": token})
            self.assertEqual(twin["store"], store)
            twin["token"].close()
            self.assertEqual(token.user, "alice")
            policy, account = Policy({}), ServiceAccount("bot")
            self.assertEqual(copy.copy(policy), policy)
            self.assertEqual(copy.copy(account).id, "bot")
            self.assertEqual(hash(copy.copy(store)), hash(store))
        self.assertFalse(twin["store"].closed)
        self.assertEqual(len(twin["store"]), 10)

    def test_handles_are_not_pickled(self) -> None:
        with Store() as store, store.generate_token("alice") as token:
            for handle in (store, token, store.list_tokens(), Policy({}), ServiceAccount("bot")):
                for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                    with self.assertRaisesRegex(TypeError, type(handle).__name__):
                        pickle.dumps(handle, protocol)

    def test_every_method_raises_after_close(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            arguments: dict[str, tuple[Any, ...]] = {
                "set_setting": ("token_type", "x"), "get_setting": ("token_type",),
                "add_local_site": ("x",), "remove_local_site": ("x",),
                "set_user_active": ("x", True), "set_policy_ids": (None,),
                "backup": (f"{folder}/a",), "export_file": (f"{folder}/b", lambda *_: None),
                "import_file": (f"{folder}/c", lambda *_: None),
                "get_or_create_client_token": ("x", "y"), "generate_token": ("x",),
                "import_token": ("x", "y"), "find_token": ("x",), "get_token": (1,),
                "value_is_valid": ("x", "y", "z"), "update_token": (1,),
                "invalidate_token": ("x",), "invalidate_token_by_id": (1,),
                "invalidate_user_tokens": ("x",), "delete_token": (1,),
                "purge_tokens": (NEW_YEAR,), "authenticate": ("x",),
                "authenticate_header": ("x",), "remove_hooks": (1,),
                "set_default_generator": ("x",), "set_deprecated_generators": ((),),
                "allows": ("x", "GET"), "configure": ({},), "get_api_token": (Store(),),
                "index": (None,), "count": (None,)}
            keywords = {"add_generator": {"generator_id": "x", "create": str, "validate": bool}}
            with Store() as store:
                token = store.generate_token("alice")
                handles: tuple[Any, ...] = (
                    copy.copy(store), token, store.list_tokens(), Policy({}),
                    ServiceAccount("bot"), Instance())
            for handle in handles:
                handle.close()
                called = 0
                for name in dir(type(handle)):
                    if name.startswith("_") or name in ("close", "closed", "shared"):
                        continue
                    with self.subTest(f"{type(handle).__name__}.{name}"), self.assertRaises(Closed):
                        method = getattr(handle, name)
                        method(*arguments.get(name, ()), **keywords.get(name, {}))
                    called += 1
                self.assertGreater(called, 1)
                self.assertTrue(handle.closed)
                self.assertIn("closed", repr(handle))
                for call in (copy.copy, copy.deepcopy, handle.__enter__):
                    with self.assertRaises(Closed):
                        call(*([handle] if call in (copy.copy, copy.deepcopy) else []))
            for function in (len, iter, list):
                with self.assertRaises(Closed):
                    function(handles[0])
            arguments.clear()
        self.assertEqual(callbacks._kept, {})

    def test_closed_handle_is_equal_to_itself_only(self) -> None:
        with Store() as store:
            for handle, other in ((Store(), store), (store.generate_token("a"), store.get_token(1)),
                                  (Policy({}), Policy({}))):
                handles: list[Any] = [handle, other]
                handle.close()
                self.assertNotEqual(handle, other)
                self.assertEqual(handle, handle)
                handles.remove(other)
                self.assertEqual(len(handles), 1)
            closed = Store()
            stores = {closed, store}
            closed.close()
            self.assertIn(closed, stores)
            stores.remove(closed)
            self.assertEqual(stores, {store})

    def test_handle_that_was_never_opened_is_closed(self) -> None:
        for kind in (Store, Policy, ServiceAccount, Instance, Token):
            handle = kind.__new__(kind)
            self.assertTrue(handle.closed)
            self.assertIn("closed", repr(handle))
        with self.assertRaises(Closed):
            len(Store.__new__(Store))

    def test_handles_are_not_made_by_hand(self) -> None:
        for kind in (Token, rbtoken.TokenList):
            with self.assertRaises(TypeError):
                kind()

    def test_close_during_a_call_waits_for_the_call(self) -> None:
        seen: list[dict[str, int]] = []

        def close(_: Store, token: Token, __: bool) -> None:
            store.close()
            seen.append({"users": len(token.user), "closed": store.closed})

        store = Store()
        store.add_hooks(created=close)
        self.assertEqual(store.generate_token("alice").user, "alice")
        self.assertEqual(seen, [{"users": 5, "closed": True}])
        self.assertEqual(callbacks._kept, {}, "the store went when its call ended")

    def test_error_that_is_kept_does_not_keep_the_store(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tokens.db"
            kept: list[BaseException] = []
            calls: list[Callable[[Any], object]] = [
                lambda store: store.get_token(7), lambda store: store.generate_token("\0"),
                lambda store: store.authenticate("x", site=""),
                lambda store: ServiceAccount("b").get_api_token(store, local_site="x"),
                lambda store: Policy("[", store)]
            for call in calls:
                store = Store(path)
                try:
                    call(store)
                except rbtoken.RBTokenError as error:
                    kept.append(error)
                store.close()
                # The file is not locked any more.
                Store(path).close()
            self.assertEqual(len(kept), len(calls))
            del kept, store

    def test_garbage_is_given_back(self) -> None:
        class Hook:
            def __call__(self, *_: object) -> None:
                pass

        store, hook, clock = Store(), Hook(), Clock()
        store.add_hooks(created=hook)
        timed = Store(clock=clock)
        timed.generate_token("alice")
        seen: list[weakref.ref[Any]] = [weakref.ref(hook), weakref.ref(clock)]
        cycle: list[object] = [store, timed, store.generate_token("alice")]
        cycle.append(cycle)
        del store, timed, hook, clock, cycle
        gc.collect()
        # Python's objects are released when the library destroys its references.
        self.assertEqual([reference() for reference in seen], [None, None])
        self.assertEqual(callbacks._kept, {})

    def test_store_that_cannot_be_opened_keeps_nothing(self) -> None:
        with self.assertRaises(rbtoken.RBTokenError) as raised:
            Store(settings={"token_type": 7}, clock=Clock(), entropy=bytes)
        self.assertEqual(raised.exception.json_path, "$.token_type")
        self.assertEqual(callbacks._kept, {})

    def test_threads_at_once_get_one_token(self) -> None:
        barrier = threading.Barrier(8)
        created: list[int] = []
        with Store() as store:
            store.add_hooks(created=lambda _, token, __: created.append(token.id))

            def ask(_: int) -> int:
                barrier.wait(60)
                return store.get_or_create_client_token("alice", "RBTools").token.id

            with ThreadPoolExecutor(8) as pool:
                self.assertEqual(len(set(pool.map(ask, range(8)))), 1)
        self.assertEqual(len(created), 1)

    def test_store_is_closed_while_threads_use_it(self) -> None:
        for _ in range(20):
            store = Store()
            barrier = threading.Barrier(4)

            def use() -> None:
                barrier.wait(60)
                try:
                    while True:
                        store.get_or_create_client_token("alice", "RBTools").token.value
                except Closed:
                    pass

            with ThreadPoolExecutor(3) as pool:
                users = [pool.submit(use) for _ in range(3)]
                barrier.wait(60)
                store.close()
                for user in users:
                    user.result(60)


if __name__ == "__main__":
    unittest.main()
