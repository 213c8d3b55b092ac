"""Tokens: issuing, finding, changing, logins, policies, settings.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import unittest
from datetime import datetime, timedelta, timezone

import rbtoken
from rbtoken import (ANY, KEEP, NEVER, ClientTokenOptions, GenerateOptions, ImportOptions, Login,
                     LoginOptions, NotFound, Policy, ServiceAccount, ServiceTokenOptions, Store,
                     TokenFilter, TokenUpdate, Verdict)
from support import NEW_YEAR, Clock


class WithStore(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.store = Store(clock=self.clock, settings={"local_sites": ["north"]})
        self.addCleanup(self.store.close)


class Issuing(WithStore):
    def test_same_client_gets_same_token(self) -> None:
        token, created = self.store.get_or_create_client_token("alice", "RBTools")
        again = self.store.get_or_create_client_token("alice", "RBTools")
        self.assertTrue(created)
        self.assertFalse(again.created)
        self.assertEqual(token, again.token)
        self.assertEqual(token.value, again.token.value)
        self.assertEqual(token.client_name, "RBTools")
        self.assertEqual(token.expires, NEW_YEAR + timedelta(days=365))

    def test_keywords_and_options_do_the_same(self) -> None:
        expires = datetime(2030, 1, 1, 12, 0, 0, 123456, timezone(timedelta(hours=2)))
        policy = {"resources": {"*": {"block": ["*"]}}}
        by_keywords, _ = self.store.get_or_create_client_token(
            "zoë", "RBTools", expires=expires, local_site="north", default_policy=policy,
            default_extra_data={"Größe": [1, None, {"a": 1.5}]}, ignore_deprecated=True)
        by_options, _ = self.store.get_or_create_client_token("bob", "RBTools", ClientTokenOptions(
            expires=expires, local_site="north", default_policy=policy,
            default_extra_data={"Größe": [1, None, {"a": 1.5}]}, ignore_deprecated=True))
        for token in (by_keywords, by_options):
            self.assertEqual(token.expires, expires)
            self.assertEqual(token.local_site, "north")
            self.assertEqual(token.policy, policy)
            self.assertEqual(token.extra_data,
                             {"Größe": [1, None, {"a": 1.5}], "client_name": "RBTools"})

    def test_never_is_no_expiration(self) -> None:
        client, _ = self.store.get_or_create_client_token("bob", "RBTools", expires=NEVER)
        self.assertIsNone(client.expires)
        self.assertIsNone(self.store.generate_token("bob", expires=NEVER).expires)

    def test_minimum_validity_creates_a_new_token(self) -> None:
        def get(seconds: int) -> bool:
            return self.store.get_or_create_client_token(
                "alice", "RBTools", expires=NEW_YEAR + timedelta(seconds=60),
                min_validity=timedelta(seconds=seconds)).created

        self.assertEqual([get(0), get(59), get(60)], [True, False, True])

    def test_generated_token_has_the_options(self) -> None:
        options = GenerateOptions(expires=NEW_YEAR, valid=False, generator_id="vendor_checksum",
                                  token_type="abc", local_site="north", note="n", policy="{}",
                                  extra_data={"a": 1})
        for token in (self.store.generate_token("alice", options),
                      self.store.generate_token(
                          "alice", expires=NEW_YEAR, valid=False, token_type="abc",
                          generator_id="vendor_checksum", local_site="north", note="n",
                          policy={}, extra_data='{"a": 1}')):
            self.assertTrue(token.value.startswith("abc_"))
            self.assertTrue(token.is_invalidated and token.is_expired(NEW_YEAR))
            self.assertFalse(token.is_deprecated)
            self.assertEqual((token.note, token.policy, token.extra_data, token.generator_id),
                             ("n", {}, {"a": 1}, "vendor_checksum"))

    def test_imported_token_keeps_its_fields(self) -> None:
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
        plain = self.store.import_token("bob", "plain", note="new")
        self.assertEqual((plain.value, plain.expires, plain.last_used, plain.note),
                         ("plain", None, None, "new"))

    def test_service_account_gets_its_token(self) -> None:
        with ServiceAccount("build-bot", user="bots", token_version=2,
                            expiration=timedelta(days=1), policy={}) as account:
            self.assertEqual(account.id, "build-bot")
            self.assertIn("build-bot", repr(account))
            token, created = account.get_api_token(self.store, local_site="north")
            again = account.get_api_token(
                self.store, ServiceTokenOptions(min_validity=timedelta(hours=1),
                                                local_site="north"))
        self.assertEqual((created, again.created), (True, False))
        self.assertEqual((token.user, token.client_name), ("bots", "build-bot_v2"))
        self.assertEqual(token.expires, NEW_YEAR + timedelta(days=1))
        forever = ServiceAccount("bot", expiration=NEVER).get_api_token(self.store).token
        self.assertIsNone(forever.expires)


class Finding(WithStore):
    def test_tokens_are_found_listed_changed_and_deleted(self) -> None:
        token = self.store.generate_token("alice", note="a", policy="{}")
        self.store.generate_token("bob")
        self.assertEqual(self.store.find_token(token.value), token)
        self.assertEqual(self.store.get_token(token.id), token)
        self.assertEqual([found.id for found in self.store.list_tokens(user="alice")], [token.id])
        self.assertEqual(len(self.store.list_tokens()), len(self.store))
        changed = self.store.update_token(token, expires=NEW_YEAR, note=None)
        self.assertEqual((changed.expires, changed.note), (NEW_YEAR, ""))
        self.assertNotEqual(changed, token)
        kept = self.store.update_token(token.id, TokenUpdate(extra_data={"a": [1]}, note=KEEP))
        self.assertEqual((kept.expires, kept.extra_data), (NEW_YEAR, {"a": [1]}))
        self.assertIsNone(self.store.update_token(token, expires=NEVER, policy=None).expires)
        self.store.delete_token(token)
        with self.assertRaises(NotFound):
            self.store.get_token(token.id)
        self.assertEqual(len(self.store), 1)
        self.assertTrue(self.store)

    def test_list_has_what_matches_the_filter(self) -> None:
        client, _ = self.store.get_or_create_client_token("alice", "RBTools")
        north = self.store.generate_token("bob", local_site="north", expires=NEW_YEAR)

        def ids(options: TokenFilter) -> list[int]:
            return [token.id for token in self.store.list_tokens(options)]

        self.assertEqual(ids(TokenFilter(client_name="RBTools")), [client.id])
        self.assertEqual(ids(TokenFilter(local_site=None)), [client.id])
        self.assertEqual(ids(TokenFilter(local_site=ANY)), [client.id, north.id])
        self.assertEqual(ids(TokenFilter(local_site="north")), [north.id])
        self.assertEqual(ids(TokenFilter(valid=True)), [client.id])
        self.assertEqual(ids(TokenFilter(valid=False)), [north.id])
        self.assertEqual(
            ids(TokenFilter(expires_before=NEW_YEAR + timedelta(days=1))), [north.id])
        self.assertEqual([token.id for token in self.store], [client.id, north.id])

    def test_list_is_a_sequence(self) -> None:
        made = [self.store.generate_token(f"user{number}") for number in range(5)]
        tokens = self.store.list_tokens()
        self.assertEqual(list(tokens), made)
        self.assertEqual((tokens[0], tokens[-1], tokens[1:4:2]), (made[0], made[4], made[1:4:2]))
        self.assertEqual(list(reversed(tokens)), made[::-1])
        self.assertIn(made[2], tokens)
        self.assertEqual((tokens.index(made[3]), tokens.count(made[3])), (3, 1))
        self.assertEqual(tokens, self.store.list_tokens())
        self.assertNotEqual(tokens, made)
        self.assertEqual(repr(tokens), "<TokenList of 5>")
        with self.assertRaises(IndexError):
            tokens[5]
        with self.assertRaises(IndexError):
            tokens[2 ** 70]

    def test_equal_tokens_have_equal_hashes(self) -> None:
        token = self.store.generate_token("alice")
        self.assertEqual({token}, {self.store.get_token(token.id)})
        self.store.invalidate_token(token.value)
        self.assertNotEqual(token, self.store.get_token(token.id))
        self.assertNotEqual(token, "alice")

    def test_format_of_a_value_is_checked(self) -> None:
        token = self.store.generate_token("alice")
        check = self.store.value_is_valid
        self.assertTrue(check("vendor_checksum", "rbp", token.value))
        self.assertFalse(check("vendor_checksum", "rbp", token.value + "x"))

    def test_payload_has_the_secret_only_if_asked_for(self) -> None:
        token = self.store.generate_token("alice", note="a", expires=NEW_YEAR)
        self.assertEqual(token.to_dict()["note"], "a")
        self.assertNotIn("token", token.to_dict())
        self.assertEqual(token.to_dict(with_value=True)["token"], token.value)
        self.assertFalse(token.to_dict(at=NEW_YEAR - timedelta(days=1))["expired"])
        self.assertIn('"expired": true', token.to_json(at=NEW_YEAR))


class Revoking(WithStore):
    def test_revoked_token_tells_when_and_why(self) -> None:
        token = self.store.generate_token("alice")
        self.store.invalidate_token(token.value, "Lost.")
        login = self.store.authenticate(token.value)
        assert login.refused is not None
        self.assertEqual(login.verdict, Verdict.INVALID)
        self.assertEqual(
            (login.refused.is_invalidated, login.refused.invalid_reason,
             login.refused.invalid_date), (True, "Lost.", NEW_YEAR))
        self.assertFalse(token.is_invalidated, "a token that is here is a snapshot")

    def test_tokens_are_revoked_by_id_by_user_and_all(self) -> None:
        first, second = self.store.generate_token("alice"), self.store.generate_token("alice")
        third = self.store.generate_token("bob")
        self.store.invalidate_token_by_id(first, "a")
        self.assertEqual(self.store.get_token(first.id).invalid_reason, "a")
        self.assertEqual(self.store.invalidate_user_tokens("alice", "b"), 2)
        self.assertEqual(self.store.get_token(second.id).invalid_reason, "b")
        self.assertTrue(self.store.authenticate(third.value))
        self.assertEqual(self.store.invalidate_all_tokens("c"), 3)
        self.assertEqual(self.store.get_token(third.id).invalid_reason, "c")
        self.assertEqual(self.store.purge_tokens(NEW_YEAR), 0)
        self.assertEqual(self.store.purge_tokens(NEW_YEAR + timedelta(days=1)), 3)


class Logins(WithStore):
    def test_logins_are_judged(self) -> None:
        token = self.store.generate_token(
            "alice", local_site="north", expires=NEW_YEAR + timedelta(hours=1))
        login = self.store.authenticate_header(f"token {token.value}", site="north")
        assert login.token is not None
        self.assertTrue(login and login.ok)
        self.assertEqual((login.token.user, login.token.last_used), ("alice", NEW_YEAR))
        self.assertTrue(self.store.authenticate(token.value, site=ANY))
        self.assertTrue(self.store.authenticate(token.value, options=LoginOptions(site="north")))
        refused = self.store.authenticate(token.value)
        self.assertEqual((refused.verdict, bool(refused)), (Verdict.WRONG_SITE, False))
        self.assertEqual(self.store.authenticate("nobody").verdict, Verdict.UNKNOWN)
        self.assertEqual(self.store.authenticate_header("Basic x").verdict, Verdict.NOT_A_TOKEN)
        # The value that a web framework returns for a missing header.
        self.assertEqual(self.store.authenticate_header(None).verdict, Verdict.NOT_A_TOKEN)
        for kind in (bytes, bytearray, memoryview):
            header = f"token {token.value}".encode()
            self.assertTrue(self.store.authenticate_header(kind(header), site=ANY))
            self.assertTrue(self.store.authenticate(kind(header[6:]), site=ANY))

        self.clock.now += timedelta(hours=1)
        expired = self.store.authenticate(token.value, site="north")
        assert expired.refused is not None
        self.assertEqual((expired.verdict, expired.ok), (Verdict.EXPIRED, False))
        self.assertTrue(expired.refused.is_expired(self.clock.now))
        self.store.set_user_active("bob", False)
        bobs = self.store.generate_token("bob")
        self.assertEqual(self.store.authenticate(bobs.value).verdict, Verdict.INACTIVE_USER)
        self.store.set_user_active("bob", True)
        self.assertTrue(self.store.authenticate(bobs.value.encode()))

    def test_what_is_no_value_is_unknown(self) -> None:
        for value in ("", "\udc80", "a\0b", b"\xff", "x" * 5000, "rbp_\ud800"):
            self.assertEqual(self.store.authenticate(value).verdict, Verdict.UNKNOWN, value[:9])

    def test_cached_logins_are_forgotten(self) -> None:
        token = self.store.generate_token("alice")
        self.assertTrue(self.store.authenticate(token.value))
        self.store.forget_logins(token.value)
        self.store.forget_logins()
        self.assertTrue(self.store.authenticate(token.value))
        with self.assertRaises(rbtoken.InvalidArgument) as raised:
            self.store.forget_logins("")
        self.assertEqual(raised.exception.argument, "value")

    def test_logins_are_compared_and_shown(self) -> None:
        unknown = self.store.authenticate("nobody")
        self.assertEqual(unknown, Login(Verdict.UNKNOWN))
        self.assertEqual(hash(unknown), hash(Login(Verdict.UNKNOWN)))
        self.assertNotEqual(unknown, Login(Verdict.OK))
        self.assertEqual(repr(unknown), "<Login UNKNOWN: None>")
        self.assertFalse(Login(99))


class Policies(WithStore):
    def test_token_answers_by_its_policy(self) -> None:
        policy = {"resources": {"*": {"block": ["*"]}, "review": {"7": {"allow": ["GET"]}}}}
        token = self.store.generate_token("alice", policy=policy)
        for subject in (token, Policy(policy), Policy(policy, self.store)):
            self.assertTrue(subject.allows("review", "GET", "7"))
            self.assertFalse(subject.allows("review", "GET", "8"))
            self.assertFalse(subject.allows("review", "GET"))
            with self.assertRaises(rbtoken.InvalidArgument):
                subject.allows("review", "get")

    def test_policies_are_compared_and_shown(self) -> None:
        document = {"resources": {"*": {"allow": ["GET"]}}}
        with Policy('{"resources":{"*":{"allow":["GET"]}}}') as policy:
            self.assertEqual(policy, Policy(document))
            self.assertEqual(hash(policy), hash(Policy(document)))
            self.assertNotEqual(policy, Policy({}))
            self.assertEqual(policy.document, document)
            self.assertEqual(repr(policy), '<Policy {"resources":{"*":{"allow":["GET"]}}}>')

    def test_unregistered_policy_ids_are_refused(self) -> None:
        self.store.set_policy_ids(["review"])
        self.assertEqual(self.store.get_setting("policy_ids"), ["review"])
        bad = {"resources": {"other": {"*": {"allow": ["GET"]}}}}
        with self.assertRaises(rbtoken.InvalidPolicy) as raised:
            Policy(bad, self.store)
        self.assertEqual(raised.exception.argument, "document")
        Policy(bad)
        self.store.set_policy_ids(iter(()))
        self.assertEqual(self.store.get_setting("policy_ids"), [])
        self.store.set_policy_ids(None)
        self.assertIsNone(self.store.get_setting("policy_ids"))


class Settings(WithStore):
    def test_settings_are_json_values(self) -> None:
        self.store.set_setting("client_token_expiration", 0)
        self.assertEqual(self.store.get_setting("client_token_expiration"), 0)
        self.store.set_deprecated_generators(["vendor_checksum"])
        self.assertEqual(self.store.get_setting("deprecated_generators"), ["vendor_checksum"])
        self.store.add_local_site("south")
        with self.assertRaises(rbtoken.Exists):
            self.store.add_local_site("south")
        self.store.remove_local_site("south")

    def test_statistics_tell_the_handles(self) -> None:
        before = self.store.statistics()["handles"]["token"]
        token = self.store.generate_token("alice")
        statistics = self.store.statistics()
        self.assertEqual((statistics["kind"], statistics["tokens"]), ("memory", 1))
        self.assertEqual(statistics["handles"]["token"], before + 1)
        token.close()


if __name__ == "__main__":
    unittest.main()
