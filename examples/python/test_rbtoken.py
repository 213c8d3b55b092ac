"""What rbtoken.py promises, tried on the real library.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import gc
import pickle
import threading
import unittest
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import rbtoken
from rbtoken import (NEVER, ClientTokenOptions, GenerateOptions, Hooks, ImportOptions,
                     RBTokenError, Status, Store, Token, TokenUpdate, Verdict)

NEW_YEAR = datetime(2026, 1, 1, 0, 0, 0, 1, timezone.utc)


class Clock:
    def __init__(self) -> None:
        self.now = NEW_YEAR

    def __call__(self) -> datetime:
        return self.now


class Tokens(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.store = Store(clock=self.clock, settings={"local_sites": ["north"]})
        self.addCleanup(self.store.close)

    def test_a_client_gets_the_same_token_again(self) -> None:
        token, created = self.store.get_or_create_client_token("alice", "RBTools")
        again, created_again = self.store.get_or_create_client_token("alice", "RBTools")
        self.assertTrue(created)
        self.assertFalse(created_again)
        self.assertEqual(token.value, again.value)
        self.assertEqual(token.client_name, "RBTools")
        self.assertEqual(token.expires, NEW_YEAR + timedelta(days=365))

    def test_options_reach_the_token(self) -> None:
        expires = datetime(2030, 1, 1, 12, 0, 0, 123456, timezone(timedelta(hours=2)))
        policy = {"resources": {"*": {"block": ["*"]}}}
        token, _ = self.store.get_or_create_client_token("zoë", "RBTools", ClientTokenOptions(
            expires=expires, local_site="north", default_policy=policy,
            default_extra_data={"Größe": 1}))
        self.assertEqual(token.expires, expires)
        self.assertEqual((token.user, token.local_site), ("zoë", "north"))
        self.assertEqual(token.policy, policy)
        self.assertEqual(token.extra_data, {"Größe": 1, "client_name": "RBTools"})
        never, _ = self.store.get_or_create_client_token(
            "bob", "RBTools", ClientTokenOptions(expires=NEVER))
        self.assertIsNone(never.expires)

    def test_the_minimum_validity_makes_a_new_token(self) -> None:
        def get(seconds: int) -> bool:
            options = ClientTokenOptions(
                expires=NEW_YEAR + timedelta(seconds=60), min_validity=timedelta(seconds=seconds))
            return self.store.get_or_create_client_token("alice", "RBTools", options)[1]

        self.assertEqual([get(0), get(59), get(60)], [True, False, True])

    def test_a_time_without_a_zone_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            self.store.generate_token("alice", GenerateOptions(expires=datetime(2030, 1, 1)))
        self.assertEqual(len(self.store), 0)

    def test_logins_are_judged(self) -> None:
        token = self.store.generate_token("alice", GenerateOptions(
            local_site="north", expires=NEW_YEAR + timedelta(hours=1)))
        login = self.store.authenticate_header(f"token {token.value}", site="north")
        assert login.token is not None
        self.assertTrue(login.ok)
        self.assertEqual((login.token.user, login.token.last_used), ("alice", NEW_YEAR))
        self.assertEqual(self.store.authenticate(token.value).verdict, Verdict.WRONG_SITE)
        self.assertEqual(self.store.authenticate("nobody").verdict, Verdict.UNKNOWN)
        self.assertEqual(self.store.authenticate_header("Basic x").verdict, Verdict.NOT_A_TOKEN)

        self.clock.now += timedelta(hours=1)
        expired = self.store.authenticate(token.value, site="north")
        assert expired.refused is not None
        self.assertEqual((expired.verdict, expired.ok), (Verdict.EXPIRED, False))
        self.assertTrue(expired.refused.is_expired(self.clock.now))
        self.store.set_user_active("bob", False)
        bobs = self.store.generate_token("bob")
        self.assertEqual(self.store.authenticate(bobs.value).verdict, Verdict.INACTIVE_USER)

    def test_a_revoked_token_tells_when_and_why(self) -> None:
        token = self.store.generate_token("alice")
        self.store.invalidate_token(token.value, "Lost.")
        login = self.store.authenticate(token.value)
        assert login.refused is not None
        self.assertEqual(login.verdict, Verdict.INVALID)
        self.assertEqual(
            (login.refused.is_invalidated, login.refused.invalid_reason,
             login.refused.invalid_date), (True, "Lost.", NEW_YEAR))
        self.assertFalse(token.is_invalidated, "what is here already is a snapshot")

    def test_tokens_are_found_listed_changed_and_deleted(self) -> None:
        token = self.store.generate_token("alice", GenerateOptions(note="a", policy="{}"))
        self.store.generate_token("bob")
        self.assertEqual(self.store.find_token(token.value).id, token.id)
        self.assertEqual([found.id for found in self.store.list_tokens(user="alice")], [token.id])
        self.assertEqual(len(self.store.list_tokens()), len(self.store))
        changed = self.store.update_token(token.id, TokenUpdate(expires=NEW_YEAR, note=None))
        self.assertEqual((changed.expires, changed.note), (NEW_YEAR, ""))
        kept = self.store.update_token(token.id, TokenUpdate(extra_data={"a": [1]}))
        self.assertEqual((kept.expires, kept.extra_data), (NEW_YEAR, {"a": [1]}))
        self.assertEqual(self.store.invalidate_user_tokens("bob"), 1)
        self.store.delete_token(token.id)
        with self.assertRaises(RBTokenError) as raised:
            self.store.get_token(token.id)
        self.assertEqual(raised.exception.status, Status.NOT_FOUND)
        self.assertEqual(self.store.purge_tokens(NEW_YEAR + timedelta(days=1)), 1)
        self.assertEqual(len(self.store), 0)
        self.assertTrue(self.store)

    def test_a_token_of_another_server_is_brought_in_with_its_fields(self) -> None:
        def day(number: int) -> datetime:
            return datetime(2025, 1, number, tzinfo=timezone.utc)

        token = self.store.import_token("alice", "0" * 40, ImportOptions(
            time_added=day(1), last_updated=day(2), last_used=day(3), expires=day(4), invalid=True,
            invalid_date=day(5), invalid_reason="Lost.", generator_id="legacy_sha1",
            local_site="north", note="old", policy={}, extra_data={"a": None}))
        self.assertEqual(
            [token.time_added, token.last_updated, token.last_used, token.expires,
             token.invalid_date], [day(number) for number in range(1, 6)])
        self.assertTrue(token.is_deprecated and token.is_invalidated)
        self.assertEqual((token.invalid_reason, token.local_site, token.note, token.extra_data),
                         ("Lost.", "north", "old", {"a": None}))
        plain = self.store.import_token("bob", "plain")
        self.assertEqual((plain.value, plain.expires, plain.last_used), ("plain", None, None))

    def test_the_payload_has_the_secret_only_if_asked_for(self) -> None:
        token = self.store.generate_token("alice", GenerateOptions(note="a"))
        self.assertEqual(token.payload()["note"], "a")
        self.assertNotIn("token", token.payload())
        self.assertEqual(token.payload(with_value=True)["token"], token.value)

    def test_settings_are_json(self) -> None:
        self.store.set_setting("client_token_expiration", 0)
        self.assertEqual(self.store.get_setting("client_token_expiration"), 0)
        self.store.set_policy_ids(["review"])
        self.assertEqual(self.store.get_setting("policy_ids"), ["review"])
        self.store.set_policy_ids([])
        self.assertEqual(self.store.get_setting("policy_ids"), [])
        self.store.set_policy_ids(None)
        self.assertIsNone(self.store.get_setting("policy_ids"))
        self.store.add_local_site("south")
        self.store.remove_local_site("south")

    def test_an_error_tells_status_name_message_argument_and_path(self) -> None:
        bad = {"resources": {"*": {"allow": "GET"}}}
        with self.assertRaises(RBTokenError) as raised:
            self.store.get_or_create_client_token(
                "alice", "RBTools", ClientTokenOptions(default_policy=bad))
        for error in (raised.exception, pickle.loads(pickle.dumps(raised.exception))):
            self.assertEqual(error.status, Status.POLICY)
            self.assertEqual(error.name, "RBTOKEN_E_POLICY")
            self.assertEqual(error.argument, "default_policy")
            self.assertEqual(error.json_path, '$.resources["*"].allow')
            self.assertIn("lists", error.message)

    def test_texts_are_passed_with_their_length(self) -> None:
        with self.assertRaises(RBTokenError) as nul:
            self.store.generate_token("alice\0bob")
        self.assertEqual((nul.exception.status, nul.exception.argument),
                         (Status.EMBEDDED_NUL, "user"))
        with self.assertRaises(RBTokenError) as surrogate:
            self.store.generate_token("\udc80")
        self.assertEqual(surrogate.exception.status, Status.INVALID_UTF8)

    def test_the_policy_is_asked(self) -> None:
        policy = {"resources": {"*": {"block": ["*"]}, "review": {"7": {"allow": ["GET"]}}}}
        token = self.store.generate_token("alice", GenerateOptions(policy=policy))
        self.assertTrue(token.allows("review", "GET", "7"))
        self.assertFalse(token.allows("review", "GET", "8"))
        self.assertFalse(token.allows("review", "GET"))
        with self.assertRaises(RBTokenError):
            token.allows("review", "get")

    def test_a_value_is_not_in_what_is_printed(self) -> None:
        token = self.store.generate_token("alice")
        self.assertNotIn(token.value, repr(token) + str(token))
        with self.assertRaises(RBTokenError) as raised:
            self.store.find_token(token.value + "\0")
        self.assertNotIn(token.value, str(raised.exception))

    def test_a_clock_that_fails_makes_the_call_fail(self) -> None:
        self.clock.now = NEW_YEAR.replace(tzinfo=None)
        with self.assertLogs("rbtoken", "ERROR"), self.assertRaises(RBTokenError) as raised:
            self.store.generate_token("alice")
        self.assertEqual(raised.exception.status, Status.CALLBACK)


class Events(unittest.TestCase):
    def test_hooks_hear_each_event_and_may_use_the_store(self) -> None:
        heard: list[str] = []

        def hook(name: str, store: Store, token: Token) -> None:
            heard.append(f"{name} {token.user} {len(store)}")

        with Store() as store:
            hooks = store.add_hooks(Hooks(
                created=lambda s, t: hook("created", s, t), used=lambda s, t: hook("used", s, t),
                invalidated=lambda s, t: hook("invalidated", s, t),
                updated=lambda s, t: hook("updated", s, t),
                expired=lambda s, t: hook("expired", s, t),
                deleted=lambda s, t: hook("deleted", s, t)))
            token = store.generate_token("alice")
            store.authenticate(token.value)
            store.update_token(token.id, TokenUpdate(expires=NEW_YEAR - timedelta(days=3650)))
            store.authenticate(token.value)
            store.invalidate_token_by_id(token.id)
            store.delete_token(token.id)
            store.remove_hooks(hooks)
            store.generate_token("bob")
        self.assertEqual(heard, ["created alice 1", "used alice 1", "updated alice 1",
                                 "expired alice 1", "invalidated alice 1", "deleted alice 0"])

    def test_what_a_hook_raises_goes_no_further(self) -> None:
        def fail(_store: Store, _token: Token) -> None:
            raise KeyboardInterrupt

        with Store() as store:
            store.add_hooks(Hooks(created=fail))
            with self.assertLogs("rbtoken", "ERROR"):
                self.assertTrue(store.generate_token("alice").value)

    def test_a_hook_may_keep_the_token_and_remove_itself(self) -> None:
        kept: list[Token] = []
        ids: list[int] = []

        def once(store: Store, token: Token) -> None:
            kept.append(token)
            store.remove_hooks(ids[0])

        with Store() as store:
            ids.append(store.add_hooks(Hooks(created=once)))
            store.generate_token("alice")
            store.generate_token("bob")
        self.assertEqual([token.user for token in kept], ["alice"])


class Lifetime(unittest.TestCase):
    def test_handles_go_in_any_order(self) -> None:
        store = Store()
        token = store.generate_token("alice")
        store.close()
        store.close()
        self.assertEqual(token.user, "alice")
        with self.assertRaises(ValueError):
            store.generate_token("bob")
        with token:
            self.assertTrue(token.allows("review", "GET"))
        with self.assertRaises(ValueError):
            token.user
        self.assertEqual(repr(token), "<Token (closed)>")

    def test_what_is_closed_during_a_call_goes_when_the_call_ends(self) -> None:
        held: list[bool] = []

        def close(_store: Store, _token: Token) -> None:
            store.close()
            held.append(store._pointer is not None)

        store = Store()
        store.add_hooks(Hooks(created=close))
        self.assertEqual(store.generate_token("alice").user, "alice")
        self.assertEqual((held, store._pointer), ([True], None))

    def test_garbage_is_given_back(self) -> None:
        class Hook:
            def __call__(self, _store: Store, _token: Token) -> None:
                pass

        store, hook, clock = Store(), Hook(), Clock()
        store.add_hooks(Hooks(created=hook))
        timed = Store(clock=clock)
        timed.generate_token("alice")
        seen: list[weakref.ref[Hook] | weakref.ref[Clock]] = [
            weakref.ref(hook), weakref.ref(clock)]
        cycle: list[object] = [store, timed, store.generate_token("alice")]
        cycle.append(cycle)
        del store, timed, hook, clock, cycle
        gc.collect()
        # Python's objects go when the library destroys what it holds of them.
        self.assertEqual([reference() for reference in seen], [None, None])
        self.assertEqual(rbtoken._kept, {})

    def test_a_store_that_cannot_be_opened_keeps_nothing(self) -> None:
        with self.assertRaises(RBTokenError) as raised:
            Store(settings={"token_type": 7}, clock=Clock())
        self.assertEqual(raised.exception.json_path, "$.token_type")
        self.assertEqual(rbtoken._kept, {})


class Threads(unittest.TestCase):
    def test_callers_at_once_get_one_token(self) -> None:
        barrier = threading.Barrier(8)
        created: list[int] = []
        with Store() as store:
            store.add_hooks(Hooks(created=lambda _, token: created.append(token.id)))

            def ask(_: int) -> int:
                barrier.wait(60)
                return store.get_or_create_client_token("alice", "RBTools")[0].id

            with ThreadPoolExecutor(8) as pool:
                self.assertEqual(len(set(pool.map(ask, range(8)))), 1)
        self.assertEqual(len(created), 1)

    def test_a_store_may_be_closed_while_others_use_it(self) -> None:
        for _ in range(20):
            store = Store()
            barrier = threading.Barrier(4)

            def use() -> None:
                barrier.wait(60)
                try:
                    for _ in range(50):
                        store.get_or_create_client_token("alice", "RBTools")[0].value
                except ValueError:
                    pass

            with ThreadPoolExecutor(3) as pool:
                users = [pool.submit(use) for _ in range(3)]
                barrier.wait(60)
                store.close()
                for user in users:
                    user.result(60)


if __name__ == "__main__":
    unittest.main()
