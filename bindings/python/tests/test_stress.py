"""Threads and tasks that open, use, copy, close and drop at random, under hooks.

RBTOKEN_STRESS_SECONDS says for how long (2).

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import asyncio
import copy
import os
import random
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Optional

from rbtoken import (AsyncStore, Closed, Locked, NotFound, Policy, ServiceAccount, Store, Token,
                     callbacks)
from support import live_handles

SECONDS = float(os.environ.get("RBTOKEN_STRESS_SECONDS", "2"))
THREADS = 8
TASKS = 50


class Wrong(AssertionError):
    """An answer that is not right."""


def check(condition: object, message: str) -> None:
    if not condition:
        raise Wrong(message)


class Shelf:
    """Stores and tokens that all users take, replace and close."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores: list[Optional[Store]] = [None] * 6
        #: Tokens with their expected users.
        self.tokens: list[Optional[tuple[Token, str]]] = [None] * 40
        self.events = 0
        self.wrong: list[BaseException] = []

    def hook(self, store: Store, token: Token, *_: Any) -> None:
        try:
            self.events += 1
            check(token.user.startswith("user"), f"a hook was given a token of {token.user}")
            chance = random.random()
            if chance < 0.1:
                self.tokens[random.randrange(len(self.tokens))] = (token, token.user)
            elif chance < 0.2:
                check(store.find_token(token.value).user == token.user, "another user")
            elif chance < 0.3:
                store.close()
            elif chance < 0.35:
                self.stores[random.randrange(len(self.stores))] = store
        except (Closed, NotFound):
            pass
        except BaseException as error:
            self.wrong.append(error)

    def open(self) -> Store:
        number = random.randrange(9)
        try:
            store = Store(None if number > 2 else self.folder / f"{number}.db")
        except Locked:
            store = Store()
        store.add_hooks(created=self.hook, used=self.hook, deleted=self.hook,
                        invalidated=self.hook)
        return store

    def step(self) -> None:
        """One action of a user, chosen at random."""
        slot = random.randrange(len(self.stores))
        store = self.stores[slot]
        kept = self.tokens[random.randrange(len(self.tokens))]
        chance = random.random()
        try:
            if store is None or chance < 0.04:
                self.stores[slot] = self.open()
            elif chance < 0.08:
                store.close()
            elif chance < 0.12:
                self.stores[slot] = None
            elif chance < 0.16:
                self.stores[slot] = copy.copy(store)
            elif chance < 0.30:
                user = f"user{random.randrange(10 ** 6)}"
                token = store.generate_token(user)
                check(token.user == user, f"{token.user} instead of {user}")
                self.tokens[random.randrange(len(self.tokens))] = (token, user)
            elif chance < 0.34:
                for token in store.list_tokens()[:5]:
                    check(token.user.startswith("user"), token.user)
            elif chance < 0.38:
                store.get_or_create_client_token("user1", f"client{random.randrange(5)}")
            elif chance < 0.40:
                with ServiceAccount("bot", user="user2") as account:
                    check(account.get_api_token(store).token.user == "user2", "a bot")
            elif chance < 0.42:
                check(Policy({}, store).allows("review", "GET"), "a policy")
            elif kept is not None:
                self.use(store, *kept, chance)
        except (Closed, NotFound):
            pass

    def use(self, store: Store, token: Token, user: str, chance: float) -> None:
        if chance < 0.5:
            token = copy.deepcopy(token)
        check(token.user == user, f"{token.user} instead of {user}")
        if chance < 0.8:
            login = store.authenticate(token.value)
            person = login.token or login.refused
            check(person is None or person.user == user, "another user is logged in")
        elif chance < 0.85:
            store.invalidate_token(token.value)
        elif chance < 0.9:
            # Its number may be that of another token in this store.
            store.delete_token(store.find_token(token.value))
        elif chance < 0.95:
            token.close()
        else:
            check(token.allows("review", "GET"), "allowed")

    def run_thread(self, end: float) -> int:
        steps = 0
        try:
            while time.monotonic() < end and not self.wrong:
                self.step()
                steps += 1
        except BaseException as error:
            self.wrong.append(error)
        return steps

    async def run_task(self, end: float) -> int:
        steps = 0
        store = await AsyncStore.open()
        await store.add_hooks(created=self.hook, used=self.hook)
        while time.monotonic() < end and not self.wrong:
            user = f"user{random.randrange(10 ** 6)}"
            try:
                token = await store.generate_token(user)
                check(token.user == user, f"{token.user} instead of {user}")
                login = await store.authenticate(token.value)
                check(login.token and login.token.user == user, "another user is logged in")
                self.tokens[random.randrange(len(self.tokens))] = (copy.copy(token), user)
                if random.random() < 0.2:
                    await store.close()
            except Closed:
                store = await AsyncStore.open()
            steps += 1
        return steps


class Stress(unittest.TestCase):
    def test_threads_and_tasks_end_without_a_wrong_answer(self) -> None:
        before = live_handles()
        with tempfile.TemporaryDirectory() as folder:
            shelf = Shelf(Path(folder))
            end = time.monotonic() + SECONDS

            async def tasks() -> int:
                return sum(await asyncio.gather(*(shelf.run_task(end) for _ in range(TASKS))))

            with ThreadPoolExecutor(THREADS) as pool:
                threads = [pool.submit(shelf.run_thread, end) for _ in range(THREADS)]
                awaited = asyncio.run(tasks())
                steps = sum(thread.result(60) for thread in threads)
            if shelf.wrong:
                raise shelf.wrong[0]
            self.assertGreater(min(steps, awaited, shelf.events), 50)
            shelf.stores.clear()
            shelf.tokens.clear()
            self.assertEqual(live_handles(), before)
        self.assertEqual(callbacks._kept, {})
        self.assertEqual(threading.active_count(), 1)


if __name__ == "__main__":
    unittest.main()
