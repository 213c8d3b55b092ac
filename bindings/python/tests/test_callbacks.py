"""Hooks, generators, clocks, entropy, and what they raise.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import functools
import os
import sys
import unittest
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import rbtoken
from rbtoken import Hooks, RBTokenError, Store, Token, _abi, callbacks
from rbtoken.errors import interrupts
from support import NEW_YEAR, Clock, live_handles


class Oops(Exception):
    """What a callback raises."""


class Events(unittest.TestCase):
    def tearDown(self) -> None:
        self.assertEqual(callbacks._kept, {})

    def test_hooks_are_told_of_each_event(self) -> None:
        heard: list[str] = []

        def hook(name: str) -> Any:
            def told(store: Store, token: Token, *rest: bool) -> None:
                heard.append(" ".join([name, token.user, str(len(store)), *map(str, rest)]))
            return told

        names = ("created", "updated", "invalidated", "expired", "used", "deleted")
        with Store() as store:
            hooks = store.add_hooks(Hooks(**{name: hook(name) for name in names}))
            token = store.generate_token("alice", auto_generated=True)
            store.authenticate(token.value)
            store.update_token(token.id, expires=NEW_YEAR - timedelta(days=3650))
            store.authenticate(token.value)
            store.invalidate_token_by_id(token.id)
            store.delete_token(token.id)
            store.remove_hooks(hooks)
            store.generate_token("bob")
            with self.assertRaises(rbtoken.NotFound):
                store.remove_hooks(hooks)
        self.assertEqual(heard, [
            "created alice 1 True", "used alice 1", "updated alice 1", "expired alice 1",
            "invalidated alice 1", "deleted alice 0"])

    def test_what_a_hook_raises_is_logged(self) -> None:
        def fail(*_: object) -> None:
            raise Oops

        with Store() as store:
            store.add_hooks(created=fail)
            with self.assertLogs("rbtoken", "ERROR") as logs:
                self.assertTrue(store.generate_token("alice").value)
            self.assertIn("the hook 'created' failed", logs.output[0])

    def test_interrupt_in_a_hook_is_raised_by_the_call(self) -> None:
        ran: list[str] = []

        def again(store: Store, *_: object) -> None:
            ran.append(store.get_setting("token_type"))

        for error in (KeyboardInterrupt, SystemExit):
            def fail(*_: object) -> None:
                raise error

            before = live_handles()
            with Store() as store:
                store.add_hooks(created=fail, used=fail, updated=fail)
                # Another hook of the event, which uses the store, does not affect it.
                store.add_hooks(created=again, used=again)
                calls: tuple[Any, ...] = (
                    lambda: store.generate_token("alice"),
                    lambda: store.get_or_create_client_token("alice", "c"),
                    lambda: rbtoken.ServiceAccount("bot").get_api_token(store),
                    lambda: store.update_token(1, note="x"),
                    lambda: store.authenticate(store.get_token(1).value))
                for call in calls:
                    with self.assertRaises(error):
                        call()
                # The calls had their effect, and no later call raises the exception again.
                self.assertEqual((len(store), store.get_token(1).note), (3, "x"))
            self.assertEqual(interrupts, {})
            self.assertEqual(live_handles(), before)

    def test_interrupt_of_a_release_is_printed(self) -> None:
        def fail(*_: object) -> None:
            raise KeyboardInterrupt

        instance = rbtoken.Instance(log=lambda *_: None)
        object.__setattr__(callbacks._kept[max(callbacks._kept)], "log", fail)
        printed: list[Any] = []
        with patch.object(sys, "unraisablehook", lambda it: printed.append(it.exc_type)):
            instance.close()
        self.assertEqual(printed, [KeyboardInterrupt])
        self.assertEqual(interrupts, {})

    def test_hook_keeps_its_token_and_removes_itself(self) -> None:
        kept: list[Token] = []
        ids: list[int] = []

        def once(store: Store, token: Token, _: bool) -> None:
            kept.append(token)
            store.remove_hooks(ids[0])

        with Store() as store:
            ids.append(store.add_hooks(created=once))
            store.generate_token("alice")
            store.generate_token("bob")
        self.assertEqual([token.user for token in kept], ["alice"])

    def test_store_that_a_hook_keeps_stays_open(self) -> None:
        kept: list[Store] = []
        with Store() as store:
            hooks = store.add_hooks(created=lambda store, *_: kept.append(store))
            store.generate_token("alice")
            store.remove_hooks(hooks)
        self.assertEqual(len(kept[0]), 1)
        self.assertEqual(repr(kept[0]), "<Store in memory>")

    def test_hook_calls_its_store_again(self) -> None:
        def again(store: Store, token: Token, _: bool) -> None:
            if len(store) < 20:
                store.generate_token("alice")
                self.assertTrue(store.authenticate(token.value))

        with Store() as store:
            store.add_hooks(created=again)
            store.generate_token("alice")
            self.assertEqual(len(store), 20)


class Async(unittest.TestCase):
    """Nothing awaits what an async function returns, which would be true."""

    def tearDown(self) -> None:
        self.assertEqual(callbacks._kept, {})

    def test_async_function_is_refused(self) -> None:
        async def wait(*_: object) -> Any:
            return False

        async def count(*_: object) -> Any:
            yield False

        class Waiting:
            async def __call__(self, *_: object) -> Any:
                return False

        with Store() as store:
            for function in (wait, count, Waiting(), functools.partial(wait, 1)):
                any_: Any = function
                plain: Any = str
                for name, call in (
                        ("clock", lambda: Store(clock=any_)),
                        ("entropy", lambda: Store(entropy=any_)),
                        ("used", lambda: store.add_hooks(used=any_)),
                        ("progress", lambda: store.export_file("x", any_)),
                        ("create", lambda: store.add_generator("g", create=any_, validate=any_)),
                        ("validate", lambda: store.add_generator("g", create=plain, validate=any_)),
                        ("log", lambda: rbtoken.Instance(log=any_))):
                    with self.assertRaises(rbtoken.InvalidType) as raised:
                        call()
                    self.assertEqual(raised.exception.argument, name)

    def test_hook_that_returns_an_awaitable_is_logged(self) -> None:
        async def wait() -> None:
            pass

        with Store() as store:
            store.add_hooks(created=lambda *_: wait())
            with self.assertLogs("rbtoken", "ERROR") as logs:
                store.generate_token("alice")
            self.assertIn("awaitable", logs.output[0])

    def test_validation_must_answer_a_bool(self) -> None:
        async def wait() -> bool:
            return False

        waiting = wait()
        for answer in (waiting, "no", 1, None):
            with Store() as store:
                store.add_generator("g", create=str, validate=lambda *_: answer)  # type: ignore
                with self.assertRaises(rbtoken.InvalidType) as raised:
                    store.value_is_valid("g", "rbp", "x")
                self.assertEqual(raised.exception.argument, "validate")
        waiting.close()


class Failures(unittest.TestCase):
    """What a callback raises, the call raises."""

    def tearDown(self) -> None:
        self.assertEqual(callbacks._kept, {})

    def test_clock_that_raises_fails_the_call(self) -> None:
        clock = Clock()

        def now() -> Any:
            if clock.now == NEW_YEAR:
                return NEW_YEAR
            raise Oops("the clock is broken")

        with Store(clock=now) as store:
            token = store.generate_token("alice")
            clock.now += timedelta(days=1)
            for call in (lambda: store.generate_token("alice"),
                         lambda: store.authenticate(token.value)):
                with self.assertRaisesRegex(Oops, "the clock is broken"):
                    call()
            clock.now = NEW_YEAR
            self.assertEqual(len(store), 1)
            self.assertTrue(store.authenticate(token.value))

    def test_clock_without_a_zone_fails_the_call(self) -> None:
        for wrong in (NEW_YEAR.replace(tzinfo=None), 7, None):
            with Store(clock=lambda: wrong) as store:  # type: ignore
                with self.assertRaises(rbtoken.InvalidArgument) as raised:
                    store.generate_token("alice")
                self.assertEqual(raised.exception.argument, "clock")

    def test_entropy_makes_the_values(self) -> None:
        def values() -> list[str]:
            with Store(entropy=lambda length: bytes(range(length % 256)) + bytes(
                    length - length % 256)) as store:
                return [store.generate_token("alice").value]

        self.assertEqual(values(), values())

    def test_entropy_that_fails_fails_the_call(self) -> None:
        def fail(_: int) -> bytes:
            raise Oops

        cases: tuple[tuple[Any, type[Exception]], ...] = (
            (fail, Oops), (lambda length: b"", rbtoken.InvalidArgument),
            (lambda length: "x" * length, rbtoken.InvalidType))
        for entropy, kind in cases:
            with Store(entropy=entropy) as store:
                with self.assertRaises(kind):
                    store.generate_token("alice")
                self.assertEqual(len(store), 0)

    def test_entropy_that_never_began_fails_the_call(self) -> None:
        # The result that ctypes returns if a signal handler raises at the start of a callback.
        interrupted = _abi.EntropyFn(lambda *_: 0)
        with patch.object(callbacks, "_fill_bytes", interrupted):
            with Store(entropy=os.urandom) as store:
                with self.assertRaises(rbtoken.CallbackFailed):
                    store.generate_token("alice")
                self.assertEqual(len(store), 0)

    def test_generator_of_the_host_makes_values(self) -> None:
        attempts: list[int] = []

        def create(token_type: str, attempt: int) -> str:
            attempts.append(attempt)
            return f"{token_type}-ä-{attempt}"

        with Store() as store:
            store.add_generator("mine", create=create,
                                validate=lambda kind, value: value.startswith(f"{kind}-"))
            store.set_default_generator("mine")
            values = [store.generate_token("alice").value for _ in range(3)]
            self.assertEqual(values, ["rbp-ä-0", "rbp-ä-1", "rbp-ä-2"])
            self.assertEqual(attempts, [0, 0, 1, 0, 1, 2])
            self.assertTrue(store.value_is_valid("mine", "rbp", "rbp-x"))
            self.assertFalse(store.value_is_valid("mine", "rbp", "x-rbp"))
            with self.assertRaises(rbtoken.Exists):
                store.add_generator("mine", create=create, validate=lambda kind, value: True)
            with self.assertRaises(rbtoken.GenerationFailed):
                store.set_default_generator("theirs")

    def test_generator_that_fails_fails_the_call(self) -> None:
        def fail(*_: object) -> Any:
            raise Oops

        cases: tuple[tuple[Any, type[Exception]], ...] = (
            (fail, Oops), (lambda *_: "x" * 2000, rbtoken.InvalidArgument),
            (lambda *_: None, rbtoken.InvalidType), (lambda *_: "", RBTokenError),
            (lambda *_: "\udc80", RBTokenError))
        for create, kind in cases:
            with Store() as store:
                store.add_generator("mine", create=create, validate=fail)
                with self.assertRaises(kind):
                    store.generate_token("alice", generator_id="mine")
                with self.assertRaises(Oops):
                    store.value_is_valid("mine", "rbp", "x")
                self.assertEqual(len(store), 0)


if __name__ == "__main__":
    unittest.main()
