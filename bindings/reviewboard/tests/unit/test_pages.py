"""The pages of the extension."""

from datetime import timedelta
from unittest import mock

from django.db import OperationalError
from django.db.models import QuerySet
from django.utils import timezone
from reviewboard.webapi.models import WebAPIToken

from rbtoken_reviewboard import forms, library, tokens
from rbtoken_reviewboard.gateway import hash_secret
from rbtoken_reviewboard.revocation import revoke

from support import BASE, REASON, TokenTestCase

TOKENS = BASE + "tokens/"


class ConfigureTests(TokenTestCase):
    def setUp(self):
        super().setUp()
        self.log_in_admin()

    def post(self, **fields):
        return self.client.post(BASE, {"session_check_secs": "0", **fields})

    def test_settings_are_shown_and_saved(self):
        self.assertContains(self.client.get(BASE), 'name="session_check_secs" value="0"')
        self.assertEqual(self.post(session_check_secs="30").status_code, 302)
        self.assertEqual(self.extension.settings.get("session_check_secs"), 30)
        self.assertContains(self.client.get(BASE), 'name="session_check_secs" value="30"')

    def test_only_a_hash_of_the_secret_is_stored(self):
        secret = "s" * forms.MIN_SECRET
        self.post(gateway_secret=secret)
        self.extension.registration.refresh_from_db()
        stored = self.extension.registration.settings
        self.assertEqual(stored["gateway_secret_hash"], hash_secret(secret))
        self.assertNotIn(secret, repr(stored))
        page = self.client.get(BASE)
        self.assertNotContains(page, secret)
        self.assertNotContains(page, hash_secret(secret))
        self.assertContains(page, "A gateway is trusted.")
        self.post()
        self.assertEqual(
            self.extension.settings.get("gateway_secret_hash"), hash_secret(secret))
        self.post(gateway_off="on")
        self.assertEqual(self.extension.settings.get("gateway_secret_hash"), "")

    def test_invalid_settings_are_refused(self):
        for fields in [{"session_check_secs": "-1"}, {"session_check_secs": "soon"},
                       {"gateway_secret": "s" * (forms.MIN_SECRET - 1)},
                       *({"gateway_secret": secret}
                         for secret in ["s" * 40 + " ", " " + "s" * 40, "s" * 20 + " " + "s" * 20,
                                        "s" * 40 + "\xe9", "s" * 40 + "\t"])]:
            response = self.post(**fields)
            self.assertEqual(response.status_code, 200)
            self.assertNotContains(response, "s" * 20)
        self.assertEqual(self.extension.settings.get("session_check_secs"), 0)
        self.assertEqual(self.extension.settings.get("gateway_secret_hash"), "")

    def test_only_superusers_are_let_in(self):
        self.dopey.is_staff = True
        self.dopey.save()
        for name, status in [(None, 302), ("doc", 302), ("dopey", 403), ("admin", 200)]:
            self.client.logout()
            if name is not None:
                self.assertTrue(self.client.login(username=name, password=name))
            for page in [BASE, TOKENS]:
                self.assertEqual(self.client.get(page).status_code, status)
            if status != 200:
                self.assertEqual(self.client.post(TOKENS).status_code, status)


class TokenPageTests(TokenTestCase):
    def setUp(self):
        super().setUp()
        self.log_in_admin()

    def page(self, **query):
        return self.client.get(TOKENS, query)

    def numbers(self, **query):
        """The numbers on the page, by the ids of their cells."""
        page = self.page(**query).content.decode()
        names = ["total", "usable", "revoked", "expired", "deprecated", "expiring", "clients"]
        return {name: int(page.split(f'id="rbtoken-{name}">')[1].split("<")[0])
                for name in names}

    def make_tokens(self):
        self.make_token()
        self.make_token(days=10)
        self.make_token(days=29, generator="legacy_sha1", client=None)
        self.make_token(days=31)
        self.make_token(days=-1)
        self.make_token(valid=False, invalid_date=timezone.now())
        self.make_token(user=self.dopey, client="IDE <3>")
        self.make_token(user=self.dopey, client="IDE <3>", valid=False, days=-1)

    def run_action(self, action, **fields):
        response = self.client.post(TOKENS, {"action": action, **fields}, follow=True)
        self.assertEqual([status for _, status in response.redirect_chain], [302])
        return response

    def test_counts_are_right(self):
        self.make_tokens()
        self.assertEqual(self.numbers(), {
            "total": 8, "usable": 5, "revoked": 2, "expired": 1, "deprecated": 1, "expiring": 2,
            "clients": 2})

    def test_filters_select_what_is_counted_and_listed(self):
        self.make_tokens()
        page = self.page(client="IDE <3>", condition="usable")
        self.assertContains(page, "<td>dopey</td>", count=1)
        self.assertNotContains(page, "<td>doc</td>")
        self.assertEqual(self.numbers(user="dopey")["total"], 2)
        self.assertEqual(self.numbers(condition="deprecated")["total"], 1)
        self.assertEqual(self.numbers(condition="expiring", user="doc")["total"], 2)
        self.assertEqual(self.numbers(condition="unknown")["total"], 8)
        self.assertEqual(self.numbers(client="IDE <3>")["revoked"], 1)
        self.assertEqual(self.numbers(client="RBTools", condition="expired")["total"], 1)
        self.assertEqual(self.numbers(client="nothing")["total"], 0)
        self.assertEqual(self.numbers(user="doc", client="IDE <3>")["total"], 0)

    def test_clients_with_spaces_at_the_ends_are_filtered_and_revoked(self):
        numbers = {"IDE": 1, " IDE": 2, "IDE ": 3}
        for name, number in numbers.items():
            for _ in range(number):
                self.make_token(client=name)
        for name, number in numbers.items():
            self.assertEqual(self.numbers(client=name)["total"], number)
        self.run_action("revoke-client", client="IDE ", reason=REASON)
        revoked = WebAPIToken.objects.filter(valid=False)
        self.assertEqual([token.extra_data["client_name"] for token in revoked], ["IDE "] * 3)

    def test_page_says_if_clients_are_missing(self):
        for name in ["a", "a", "b"]:
            self.make_token(client=name)
        self.assertNotContains(self.page(), "rbtoken-incomplete")
        with mock.patch.object(tokens, "MAX_DOCUMENTS", 1):
            self.assertContains(self.page(), "rbtoken-incomplete")
            self.assertEqual(self.numbers()["clients"], 1)
            self.assertEqual(self.numbers(client="a")["total"], 2)
            # An action reads all.
            self.run_action("revoke-client", client="b", reason=REASON)
        self.assertEqual(WebAPIToken.objects.filter(valid=False).count(), 1)

    def test_line_breaks_in_a_name_are_escaped_in_the_log(self):
        with self.assertLogs("rbtoken_reviewboard.views", "INFO") as logged:
            self.run_action("revoke-client", client="a\nadmin: Deleted", reason=REASON)
        self.assertNotIn("\n", logged.output[0])

    def test_page_never_has_a_value(self):
        values = [self.make_token().token, self.make_token(generator="legacy_sha1").token]
        page = self.page().content.decode()
        for value in values:
            self.assertNotIn(value[:20], page)

    def test_leaked_values_are_revoked(self):
        leaked, revoked, kept = self.make_token(), self.make_token(valid=False), self.make_token()
        unknown = "rbp_" + "x" * 30
        pasted = f"{leaked.token}\n {revoked.token} {unknown} {leaked.token}"
        with self.assertLogs("rbtoken_reviewboard", "INFO") as logged:
            response = self.run_action("revoke-values", values=pasted, reason=REASON)
        self.assertContains(
            response, "Revoked tokens: 1. Revoked before: 1. Unknown values: 1")
        for value in pasted.split():
            self.assertNotContains(response, value)
            self.assertNotIn(value, repr(logged.output))
        leaked.refresh_from_db()
        kept.refresh_from_db()
        self.assertEqual((leaked.valid, leaked.invalid_reason), (False, REASON))
        self.assertTrue(kept.valid)

    def test_values_are_not_repeated_in_an_error(self):
        value = self.make_token().token
        response = self.client.post(
            TOKENS, {"action": "revoke-values", "values": value, "reason": ""})
        self.assertContains(response, "This field is required")
        self.assertNotContains(response, value)

    def test_tokens_of_a_user_are_revoked(self):
        self.make_tokens()
        response = self.run_action("revoke-user", user="doc", reason=REASON)
        self.assertContains(response, "Revoked tokens of the user doc: 5.")
        self.assertFalse(WebAPIToken.objects.filter(user=self.doc, valid=True).exists())
        self.assertTrue(WebAPIToken.objects.filter(user=self.dopey, valid=True).exists())
        response = self.client.post(
            TOKENS, {"action": "revoke-user", "user": "nobody", "reason": REASON})
        self.assertContains(response, "No user has this name.")

    def test_tokens_of_a_client_are_revoked(self):
        self.make_tokens()
        response = self.run_action("revoke-client", client="IDE <3>", reason=REASON)
        self.assertContains(response, "Revoked tokens of the client IDE &lt;3&gt;: 1.")
        self.assertFalse(WebAPIToken.objects.filter(user=self.dopey, valid=True).exists())
        self.assertEqual(WebAPIToken.objects.filter(user=self.doc, valid=True).count(), 5)

    def test_client_is_revoked_as_a_whole_or_not_at_all(self):
        for number in range(2):
            self.make_token(extra_data=f'{{"client_name": "IDE", "number": {number}}}')
        update, calls = QuerySet.update, []

        def fail_later(queryset, **fields):
            calls.append(update(queryset, **fields))
            if len(calls) == 2:
                raise OperationalError("timeout")
            return calls[-1]

        with mock.patch.object(tokens, "CHUNK", 1), \
                mock.patch.object(QuerySet, "update", fail_later), \
                self.assertRaises(OperationalError):
            revoke(tokens.Selection(client="IDE"), REASON)
        self.assertEqual(calls, [1, 1])
        self.assertFalse(WebAPIToken.objects.filter(valid=False).exists())

    def test_earlier_revocation_keeps_its_reason(self):
        token = self.make_token(valid=False, invalid_reason="first")
        self.run_action("revoke-user", user="doc", reason=REASON)
        self.run_action("revoke-values", values=token.token, reason=REASON)
        token.refresh_from_db()
        self.assertEqual(token.invalid_reason, "first")

    def test_dead_tokens_are_deleted(self):
        old = timezone.now() - timedelta(days=91)
        kept = [self.make_token(), self.make_token(days=-89),
                self.make_token(valid=False, invalid_date=timezone.now())]
        for _ in range(3):
            self.make_token(valid=False, invalid_date=old)
            self.make_token(days=-91)
        with mock.patch("rbtoken_reviewboard.revocation.CHUNK", 4):
            response = self.run_action("purge", days="90")
        self.assertContains(response, "Deleted tokens: 6.")
        self.assertEqual(set(WebAPIToken.objects.all()), set(kept))

    def test_revoked_token_without_a_date_is_deleted_by_its_last_update(self):
        old = timezone.now() - timedelta(days=91)
        kept = [self.make_token(valid=False), self.make_token(last_updated=old),
                self.make_token(valid=False, invalid_date=timezone.now(), last_updated=old)]
        self.make_token(valid=False, last_updated=old)
        self.assertContains(self.run_action("purge", days="90"), "Deleted tokens: 1.")
        self.assertEqual(set(WebAPIToken.objects.all()), set(kept))

    def test_unknown_action_is_refused(self):
        self.assertEqual(self.client.post(TOKENS, {"action": "all"}).status_code, 400)

    def test_page_says_that_the_library_cannot_be_loaded(self):
        with mock.patch.object(library, "rbtoken", None), \
                mock.patch.object(library, "problem", "no such file"):
            self.assertContains(self.page(), "The library cannot be loaded: no such file.")
            self.run_action("revoke-values", values="unknown", reason=REASON)
