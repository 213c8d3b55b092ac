"""Misuse: what an argument must not be, and what the error says.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import copy
import pickle
import unittest
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import rbtoken
from rbtoken import (ClientTokenOptions, InvalidArgument, InvalidType, RBTokenError,
                     ServiceAccount, Status, Store, TokenUpdate)
from support import NEW_YEAR


class Arguments(unittest.TestCase):
    def setUp(self) -> None:
        self.store: Any = Store()
        self.addCleanup(self.store.close)

    def assert_refused(self, kind: type[RBTokenError], argument: str,
                       call: Callable[[], object]) -> RBTokenError:
        """The error is of this kind, and both it and its text name the argument."""
        with self.assertRaises(kind) as raised:
            call()
        error = raised.exception
        self.assertEqual(error.argument, argument)
        self.assertIn(argument, str(error))
        return error

    def test_number_outside_64_bits_is_refused(self) -> None:
        token = self.store.generate_token("alice")
        for number in (2 ** 64 + token.id, 2 ** 63, -2 ** 63 - 1, 10 ** 100):
            for call in (self.store.delete_token, self.store.get_token, self.store.update_token,
                         self.store.invalidate_token_by_id):
                self.assert_refused(InvalidArgument, "token_id", lambda: call(number))
        self.assertEqual(self.store.get_token(token.id), token)
        for number in (-1, 2 ** 64):
            self.assert_refused(
                InvalidArgument, "hooks_id", lambda: self.store.remove_hooks(number))
        for version in (-1, 2 ** 32):
            self.assert_refused(InvalidArgument, "token_version",
                                lambda: ServiceAccount("bot", token_version=version))

    def test_what_is_no_datetime_with_a_zone_is_refused(self) -> None:
        wrong: tuple[Any, ...] = ("2030-01-01", date(2030, 1, 1), 1893456000, 0, False, object())
        for expires in wrong:
            for call in (
                    lambda: self.store.generate_token("alice", expires=expires),
                    lambda: self.store.get_or_create_client_token("alice", "c", expires=expires),
                    lambda: self.store.import_token("alice", "value", expires=expires),
                    lambda: self.store.update_token(1, expires=expires),
                    lambda: self.store.update_token(1, TokenUpdate(expires=expires))):
                self.assert_refused(InvalidType, "expires", call)
        naive = datetime(2030, 1, 1)
        self.assert_refused(InvalidArgument, "expires",
                            lambda: self.store.generate_token("alice", expires=naive))
        self.assert_refused(InvalidArgument, "dead_before", lambda: self.store.purge_tokens(naive))
        token = self.store.generate_token("bob")
        self.assert_refused(InvalidArgument, "at", lambda: token.is_expired(naive))
        self.assert_refused(InvalidArgument, "at", lambda: token.to_json(at=naive))
        self.assert_refused(InvalidArgument, "expires_before",
                            lambda: self.store.list_tokens(expires_before=naive))
        self.assertEqual(len(self.store), 1)

    def test_time_at_the_edge_of_the_calendar_is_exact(self) -> None:
        for time in (datetime.max.replace(tzinfo=timezone.utc),
                     datetime.min.replace(tzinfo=timezone.utc)):
            self.assertEqual(self.store.generate_token("alice", expires=time).expires, time)
        east = timezone(timedelta(hours=23, minutes=59))
        with self.assertRaises(InvalidArgument):
            self.store.generate_token("alice", expires=datetime.min.replace(tzinfo=east))

    def test_wrong_type_is_refused(self) -> None:
        store = self.store
        for argument, call in (
                ("user", lambda: store.generate_token(b"alice")),
                ("user", lambda: store.generate_token(None)),
                ("client_name", lambda: store.get_or_create_client_token("alice", 7)),
                ("min_validity",
                 lambda: store.get_or_create_client_token("alice", "c", min_validity=60)),
                ("ignore_deprecated",
                 lambda: store.get_or_create_client_token("alice", "c", ignore_deprecated=1)),
                ("local_site", lambda: store.generate_token("alice", local_site=1)),
                ("policy", lambda: store.generate_token("alice", policy=["x"])),
                ("extra_data", lambda: store.generate_token("alice", extra_data={1: 2})),
                ("extra_data", lambda: store.generate_token("alice", extra_data={"a": object()})),
                ("valid", lambda: store.generate_token("alice", valid="no")),
                ("options", lambda: store.generate_token("alice", ClientTokenOptions())),
                ("value", lambda: store.authenticate(None)),
                ("header", lambda: store.authenticate_header(7)),
                ("site", lambda: store.authenticate("x", site=7)),
                ("token_id", lambda: store.get_token("1")),
                ("token_id", lambda: store.get_token(1.0)),
                ("token_id", lambda: store.get_token(True)),
                ("active", lambda: store.set_user_active("alice", 0)),
                ("ids", lambda: store.set_policy_ids("review")),
                ("ids", lambda: store.set_policy_ids([1])),
                ("ids", lambda: store.set_policy_ids(5)),
                ("generator_ids", lambda: store.set_deprecated_generators("abc")),
                ("generator_ids", lambda: store.set_deprecated_generators(5)),
                ("generator_ids", lambda: store.set_deprecated_generators(None)),
                ("path", lambda: store.backup(7)),
                ("progress", lambda: store.export_file("x", progress=7)),
                ("created", lambda: store.add_hooks(created=7)),
                ("validate", lambda: store.add_generator("g", create=str, validate=None)),
                ("location", lambda: Store(7)),  # type: ignore[arg-type]
                ("clock", lambda: Store(clock=7)),  # type: ignore[arg-type]
                ("entropy", lambda: Store(entropy=7)),  # type: ignore[arg-type]
                ("store", lambda: ServiceAccount("bot").get_api_token(7)),  # type: ignore[arg-type]
                ("expiration", lambda: ServiceAccount("bot", expiration=7))):  # type: ignore
            with self.subTest(argument):
                self.assert_refused(InvalidType, argument, call)
        self.assertEqual(len(store), 0)

    def test_handle_of_another_kind_is_refused(self) -> None:
        """The library trusts an address: that of another kind of handle would be misread."""
        token = self.store.generate_token("alice")
        instance = rbtoken.Instance()
        self.addCleanup(instance.close)
        others: tuple[Any, ...] = (token, self.store.list_tokens(), rbtoken.Policy({}),
                                   ServiceAccount("bot"), instance)
        for other in others:
            for call in (lambda: rbtoken.Policy({}, other), lambda: rbtoken.AsyncStore(other),
                         lambda: ServiceAccount("bot").get_api_token(other)):
                self.assert_refused(InvalidType, "store", call)
            self.assert_refused(InvalidType, "self", lambda: Store.token_count(other))
        self.assert_refused(InvalidType, "store", lambda: rbtoken.Policy({}, 5))  # type: ignore
        for other in (*others[1:], self.store):
            self.assert_refused(InvalidType, "self", lambda: rbtoken.Token.to_json(other))
            self.assert_refused(
                InvalidType, "self", lambda: rbtoken.Token.id.fget(other))  # type: ignore

    def test_token_of_another_store_is_refused(self) -> None:
        token = self.store.generate_token("alice")
        with Store() as other:
            theirs = other.generate_token("bob")
            self.assertEqual(theirs.id, token.id)
            for call in (lambda: self.store.delete_token(theirs),
                         lambda: self.store.update_token(theirs, note="x"),
                         lambda: self.store.invalidate_token_by_id(theirs)):
                self.assert_refused(rbtoken.NotFound, "token_id", call)
            # The same value under another id.
            other.import_token("bob", token.value)
            self.assert_refused(rbtoken.NotFound, "token_id", lambda: self.store.delete_token(
                other.find_token(token.value)))
        self.assertEqual(self.store.get_token(token.id), token)
        self.store.delete_token(token)
        self.assertEqual(len(self.store), 0)

    def test_token_is_revoked_by_its_value(self) -> None:
        token = self.store.generate_token("alice")
        self.store.delete_token(token)
        again = self.store.import_token("alice", token.value)
        self.store.invalidate_token_by_id(token, "stolen")
        self.assertEqual(self.store.get_token(again.id).invalid_reason, "stolen")

    def test_unknown_name_is_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "expiry"):
            self.store.generate_token("alice", expiry=NEW_YEAR)
        with self.assertRaisesRegex(TypeError, "clientname"):
            ClientTokenOptions(clientname="x")  # type: ignore[call-arg]
        self.assert_refused(rbtoken.NotFound, "name", lambda: self.store.set_setting("speed", 1))
        with self.assertRaises(RBTokenError) as raised:
            Store(settings={"speed": 1})
        self.assertEqual((raised.exception.argument, raised.exception.json_path),
                         ("settings", "$.speed"))
        self.assertIn("$.speed", str(raised.exception))

    def test_options_and_keywords_together_are_refused(self) -> None:
        self.assert_refused(InvalidArgument, "note", lambda: self.store.update_token(
            1, TokenUpdate(expires=None), note="x"))
        # Equal to the default, but not of its type.
        for name, value in (("valid", 1), ("auto_generated", 0)):
            self.assert_refused(InvalidArgument, name, lambda: self.store.generate_token(
                "alice", rbtoken.GenerateOptions(), **{name: value}))

    def test_text_with_a_lone_surrogate_is_refused(self) -> None:
        secret = "rbp_secret\udc80"
        for argument, call in (
                ("user", lambda: self.store.generate_token(secret)),
                ("value", lambda: self.store.find_token(secret)),
                ("note", lambda: self.store.generate_token("alice", note=secret)),
                ("policy", lambda: self.store.generate_token("alice", policy=secret)),
                ("name", lambda: self.store.get_setting(secret))):
            error = self.assert_refused(InvalidArgument, argument, call)
            self.assertEqual(error.status, Status.INVALID_UTF8)
            # The secret is not in the log either.
            self.assertIsNone(error.__context__)
            self.assertNotIn("secret", str(error))
        self.assert_refused(RBTokenError, "extra_data", lambda: self.store.generate_token(
            "alice", extra_data={"a": "\udc80"}))

    def test_text_with_a_nul_is_refused(self) -> None:
        error = self.assert_refused(
            InvalidArgument, "user", lambda: self.store.generate_token("alice\0bob"))
        self.assertEqual(error.status, Status.EMBEDDED_NUL)
        self.assert_refused(InvalidArgument, "ids", lambda: self.store.set_policy_ids(["a\0b"]))

    def test_document_error_names_the_place(self) -> None:
        bad = {"resources": {"*": {"allow": "GET"}}}
        error = self.assert_refused(
            rbtoken.InvalidPolicy, "default_policy",
            lambda: self.store.get_or_create_client_token("alice", "c", default_policy=bad))
        self.assertEqual((error.status, error.name), (Status.POLICY, "RBTOKEN_E_POLICY"))
        self.assertEqual(error.json_path, '$.resources["*"].allow')
        for part in (error.message, "default_policy", '$.resources["*"].allow', error.name):
            self.assertIn(part, str(error))
        nested = {"a": [0, {"b": {3: 4}}]}
        error = self.assert_refused(InvalidType, "extra_data", lambda: self.store.generate_token(
            "alice", extra_data=nested))
        self.assertEqual(error.json_path, '$["a"][1]["b"]')

    def test_number_in_a_document_must_fit(self) -> None:
        for number in (2 ** 64, -2 ** 63 - 1, float("nan"), float("inf")):
            error = self.assert_refused(
                rbtoken.InvalidDocument, "extra_data",
                lambda: self.store.generate_token("alice", extra_data={"a": number}))
            self.assertEqual(error.status, Status.JSON_NUMBER)

    def test_deep_document_is_refused(self) -> None:
        deep: dict[str, Any] = {}
        for _ in range(100000):
            deep = {"a": deep}
        error = self.assert_refused(rbtoken.InvalidDocument, "extra_data",
                                    lambda: self.store.generate_token("alice", extra_data=deep))
        self.assertEqual(error.status, Status.JSON_TOO_DEEP)
        while deep:  # Python's own destructor would recurse.
            deep = deep["a"]

    def test_error_names_the_parameter_of_python(self) -> None:
        late = datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))
        years = timedelta(days=10 ** 7)
        store = self.store
        for argument, call in (
                ("expires", lambda: store.generate_token("alice", expires=late)),
                ("expires", lambda: store.update_token(1, expires=late)),
                ("expires", lambda: store.import_token("alice", "x", expires=late)),
                ("time_added", lambda: store.import_token("alice", "x", time_added=late)),
                ("last_used", lambda: store.import_token("alice", "x", last_used=late)),
                ("invalid_date", lambda: store.import_token(
                    "alice", "x", invalid=True, invalid_date=late)),
                ("expires_before", lambda: store.list_tokens(expires_before=late)),
                ("dead_before", lambda: store.purge_tokens(late)),
                ("at", lambda: store.generate_token("alice").to_json(at=late)),
                ("min_validity",
                 lambda: store.get_or_create_client_token("alice", "c", min_validity=years)),
                ("expiration", lambda: ServiceAccount("bot", expiration=-years)),
                ("hooks", lambda: store.add_hooks(print)),
                ("id", lambda: ServiceAccount("a b"))):
            with self.subTest(argument):
                self.assert_refused(InvalidArgument, argument, call)
        for unknown in (lambda: store.get_token(9), lambda: store.delete_token(9),
                        lambda: store.update_token(9, note="x"),
                        lambda: store.invalidate_token_by_id(9)):
            self.assert_refused(rbtoken.NotFound, "token_id", unknown)

    def test_subclass_cannot_lie_about_its_value(self) -> None:
        class LongBytes(bytes):
            def __len__(self) -> int:
                return 2 ** 40

        class Text(str):
            def encode(self, *_: Any) -> bytes:
                return LongBytes(b"x")

        class Number(int):
            def __int__(self) -> int:
                return 2 ** 64 + 1

            def __le__(self, _: object) -> bool:
                return True

            __ge__ = __lt__ = __gt__ = __le__

        class Time(datetime):
            def __sub__(self, _: Any) -> Any:
                return timedelta(days=10 ** 8)

        store = self.store
        token = store.generate_token(Text("alice"), note=Text("note"))
        self.assertEqual((token.user, token.note), ("alice", "note"))
        self.assertEqual(store.authenticate(LongBytes(token.value.encode())).token.user, "alice")
        self.assertEqual(store.authenticate(Text(token.value)).token.user, "alice")
        with self.assertRaises(rbtoken.NotFound):
            store.delete_token(Number(7))
        self.assert_refused(InvalidArgument, "token_id", lambda: store.get_token(Number(2 ** 64)))
        expires = store.update_token(token, expires=Time(2030, 1, 1, tzinfo=timezone.utc)).expires
        self.assertEqual(expires, datetime(2030, 1, 1, tzinfo=timezone.utc))

    def test_number_outside_32_bits_has_no_name(self) -> None:
        self.assert_refused(
            InvalidArgument, "status", lambda: rbtoken.status_name(2 ** 32 + Status.NOT_FOUND))
        self.assert_refused(InvalidArgument, "verdict", lambda: rbtoken.verdict_name(2 ** 32))
        self.assert_refused(
            InvalidType, "status", lambda: rbtoken.status_name("x"))  # type: ignore[arg-type]
        self.assertEqual(RBTokenError(2 ** 32 + Status.NOT_FOUND, "").name, "unknown status")

    def test_fraction_of_a_second_is_refused(self) -> None:
        half = timedelta(seconds=0.5)
        self.assert_refused(InvalidArgument, "min_validity", lambda:
                            self.store.get_or_create_client_token("a", "c", min_validity=half))
        self.assert_refused(
            InvalidArgument, "expiration", lambda: ServiceAccount("bot", expiration=half))

    def test_errors_are_copied_and_pickled(self) -> None:
        error = self.assert_refused(rbtoken.InvalidPolicy, "policy", lambda:
                                    self.store.generate_token("alice", policy={"resources": 1}))
        for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            self.assertIs(type(other), rbtoken.InvalidPolicy)
            self.assertEqual(
                (str(other), other.status, other.name, other.argument, other.json_path),
                (str(error), error.status, error.name, error.argument, error.json_path))

    def test_errors_are_python_errors_too(self) -> None:
        for kind, builtin in ((rbtoken.NotFound, LookupError), (InvalidArgument, ValueError),
                              (InvalidType, TypeError), (rbtoken.Timeout, TimeoutError),
                              (rbtoken.NoMemory, MemoryError), (rbtoken.Closed, ValueError),
                              (rbtoken.InputOutputError, OSError)):
            self.assertTrue(issubclass(kind, builtin) and issubclass(kind, RBTokenError))

    def test_status_that_is_not_known_is_a_number(self) -> None:
        error = RBTokenError(7777, "message")
        self.assertEqual((error.status, error.name), (7777, "unknown status"))

    def test_secret_is_not_in_what_is_shown(self) -> None:
        token = self.store.generate_token("alice")
        login = self.store.authenticate(token.value)
        self.assertNotIn(token.value, repr(token) + str(token) + repr(login))
        with self.assertRaises(RBTokenError) as raised:
            self.store.find_token(token.value + "\0")
        self.assertNotIn(token.value, str(raised.exception))
        self.assertEqual(repr(Store(settings={})), "<Store of settings>")


if __name__ == "__main__":
    unittest.main()
