"""The web API resources."""

import json
from unittest import mock

from django.contrib.auth.models import User
from reviewboard.webapi.models import WebAPIToken

from support import API, REASON, TokenTestCase

REVOCATIONS, STATES = API + "token-revocations/", API + "token-states/"


class ResourceTests(TokenTestCase):
    def setUp(self):
        super().setUp()
        self.log_in_admin()

    def test_values_are_revoked(self):
        tokens = [self.make_token(), self.make_token(valid=False), self.make_token()]
        values = [token.token for token in tokens[:2]] + ["unknown"]
        with self.assertLogs("rbtoken_reviewboard", "INFO") as logged:
            response = self.client.post(
                REVOCATIONS, {"values": "\n".join(values), "reason": REASON})
        self.assertEqual(response.status_code, 201)
        result = response.json()["token_revocation"]
        self.assertEqual(result["revoked"], [tokens[0].pk])
        self.assertEqual((result["already_revoked"], result["unknown"]), (1, 1))
        for value in values[:2]:
            self.assertNotContains(response, value, status_code=201)
            self.assertNotIn(value, repr(logged.output))
        valid = WebAPIToken.objects.filter(valid=True)
        self.assertEqual([token.pk for token in valid], [tokens[2].pk])

    def test_token_of_a_superuser_is_accepted(self):
        self.client.logout()
        own = self.make_token(user=User.objects.get(username="admin"))
        leaked = self.make_token()
        response = self.client.post(REVOCATIONS, {"values": leaked.token},
                                    HTTP_AUTHORIZATION=f"token {own.token}")
        self.assertEqual(response.json()["token_revocation"]["revoked"], [leaked.pk])

    def test_token_of_a_local_site_is_refused(self):
        self.client.logout()
        admin = User.objects.get(username="admin")
        site = self.create_local_site(name="site", users=[admin])
        own = self.make_token(user=admin, local_site=site)
        leaked = self.make_token()
        headers = {"HTTP_AUTHORIZATION": f"token {own.token}"}
        for prefix in ["", "/s/site"]:
            for response in [
                    self.client.post(prefix + REVOCATIONS, {"values": leaked.token}, **headers),
                    self.client.get(prefix + STATES, {"ids": str(leaked.pk)}, **headers)]:
                self.assertEqual(response.status_code, 403)
        leaked.refresh_from_db()
        self.assertTrue(leaked.valid)

    def test_error_report_shows_no_values(self):
        value = self.make_token().token
        with mock.patch("rbtoken_reviewboard.resources.revoke_values",
                        side_effect=RuntimeError("failed")):
            self.assert_not_reported(
                value, lambda: self.client.post(REVOCATIONS, {"values": value}))

    def test_policy_of_a_token_applies(self):
        self.client.logout()
        policy = {"resources": {"token_revocation": {"*": {"block": ["*"]}}}}
        own = self.make_token(user=User.objects.get(username="admin"), policy=json.dumps(policy))
        response = self.client.post(REVOCATIONS, {"values": "a"},
                                    HTTP_AUTHORIZATION=f"token {own.token}")
        self.assertEqual(response.status_code, 403)

    def test_values_are_compared_exactly(self):
        token = self.make_token()
        for value in [token.token.swapcase(), token.token + "x", token.token[:-1], "x" * 300,
                      token.token + "\0"]:
            response = self.client.post(REVOCATIONS, {"values": value})
            self.assertEqual(response.status_code, 201)
            self.assertEqual(response.json()["token_revocation"]["unknown"], 1)

    def test_states_are_returned_by_id(self):
        tokens = [self.make_token(), self.make_token(valid=False), self.make_token(days=-1)]
        ids = [str(token.pk) for token in reversed(tokens)] + ["999999", "9" * 18]
        response = self.client.get(STATES, {"ids": ",".join(ids)})
        self.assertEqual(response.status_code, 200)
        self.assertEqual(
            [(row["id"], row["user"], row["state"]) for row in response.json()["token_states"]],
            [(token.pk, "doc", state)
             for token, state in zip(tokens, ["usable", "revoked", "expired"])])
        for token in tokens:
            self.assertNotContains(response, token.token)

    def test_thousand_items_are_accepted_and_more_refused(self):
        token = self.make_token()
        ids = [str(token.pk)] * 1000
        self.assertEqual(
            len(self.client.get(STATES, {"ids": ",".join(ids)}).json()["token_states"]), 1)
        numbers = ",".join(map(str, range(1000)))
        self.assertEqual(self.client.get(STATES, {"ids": numbers}).status_code, 200)
        self.assertEqual(self.client.get(STATES, {"ids": numbers + ",1"}).status_code, 400)
        values = " ".join(f"rbp_{number}" for number in range(1000))
        self.assertEqual(self.client.post(REVOCATIONS, {"values": values}).status_code, 201)
        refused = self.client.post(REVOCATIONS, {"values": f"{values} {token.token}"})
        self.assertEqual(refused.status_code, 400)
        self.assertNotContains(refused, token.token, status_code=400)
        token.refresh_from_db()
        self.assertTrue(token.valid)

    def test_ids_must_be_numbers(self):
        for ids in ["", "a", "1,", "-1", "1 2", "\u0661", "1" * 19]:
            with self.subTest(ids=ids):
                self.assertEqual(self.client.get(STATES, {"ids": ids}).status_code, 400)

    def test_only_superusers_are_let_in(self):
        token = self.make_token()
        for status, log_in in [(401, self.client.logout), (403, lambda: self.client.login(
                username="doc", password="doc"))]:
            log_in()
            self.assertEqual(self.client.get(STATES, {"ids": "1"}).status_code, status)
            self.assertEqual(
                self.client.post(REVOCATIONS, {"values": token.token}).status_code, status)
        token.refresh_from_db()
        self.assertTrue(token.valid)

    def test_resources_are_listed_by_the_extension(self):
        links = self.client.get(API).json()["extension"]["links"]
        self.assertIn("token_revocation", links)
        self.assertIn("token_states", links)
