"""Sessions end with their tokens."""

from datetime import timedelta
from unittest import mock

from django.utils import timezone
from reviewboard.webapi.models import WebAPIToken

from rbtoken_reviewboard import sessions

from support import TokenTestCase


class SessionTests(TokenTestCase):
    def update(self, token, **fields):
        WebAPIToken.objects.filter(pk=token.pk).update(**fields)

    def assert_ended(self, problem):
        with self.assertLogs("rbtoken_reviewboard", "INFO") as logged:
            self.assertFalse(self.is_logged_in())
        self.assertEqual(len(logged.output), 1)
        self.assertIn(problem, logged.output[0])
        self.assertFalse(self.is_logged_in())

    def test_usable_token_keeps_its_session(self):
        self.open_session(self.make_token(days=1))
        self.assertTrue(self.is_logged_in())

    def test_revoked_token_ends_its_session(self):
        token = self.make_token()
        self.open_session(token)
        self.update(token, valid=False)
        self.assert_ended(f"{token.pk} was revoked")

    def test_expired_token_ends_its_session(self):
        token = self.make_token(days=1)
        self.open_session(token)
        self.update(token, expires=timezone.now() - timedelta(seconds=1))
        self.assert_ended(f"{token.pk} has expired")

    def test_deleted_token_ends_its_session(self):
        token = self.make_token()
        self.open_session(token)
        token_id = token.pk
        token.delete()
        self.assert_ended(f"{token_id} was deleted")

    def test_token_of_another_user_ends_the_session(self):
        token = self.make_token()
        self.open_session(token)
        self.update(token, user=self.dopey)
        self.assert_ended("was deleted")

    def test_session_of_a_page_ends(self):
        token = self.make_token()
        self.open_session(token)
        self.assertEqual(self.client.get("/account/preferences/").status_code, 200)
        self.update(token, valid=False)
        self.assertEqual(self.client.get("/account/preferences/").status_code, 302)

    def test_session_of_a_password_stays(self):
        self.client.login(username="doc", password="doc")
        self.update(self.make_token(), valid=False)
        self.assertTrue(self.is_logged_in())

    def test_other_token_opens_a_session_in_the_same_request(self):
        token = self.make_token()
        self.open_session(token)
        self.update(token, valid=False)
        self.open_session(self.make_token(client="other"))
        self.assertTrue(self.is_logged_in())

    def test_token_is_not_looked_up_again_within_the_setting(self):
        self.configure(session_check_secs=60)
        token = self.make_token()
        self.open_session(token)
        with mock.patch.object(sessions.time, "monotonic", return_value=1000.0):
            self.assertTrue(self.is_logged_in())
        self.update(token, valid=False)
        with mock.patch.object(sessions.time, "monotonic", return_value=1059.9):
            self.assertTrue(self.is_logged_in())
        with mock.patch.object(sessions.time, "monotonic", return_value=1060.0):
            self.assertFalse(self.is_logged_in())

    def test_expiration_is_checked_within_the_setting(self):
        self.configure(session_check_secs=60)
        self.open_session(self.make_token(days=1))
        self.assertTrue(self.is_logged_in())
        later = timezone.now() + timedelta(days=2)
        with mock.patch.object(sessions.timezone, "now", return_value=later):
            self.assertEqual(
                sessions.find_problem(*next(iter(sessions._checked)), 60), "has expired")

    def test_cache_is_bounded(self):
        self.configure(session_check_secs=60)
        self.open_session(self.make_token())
        with mock.patch.object(sessions, "MAX_CHECKED", 1):
            sessions._checked[0, 0] = 0.0, None
            self.assertTrue(self.is_logged_in())
        self.assertEqual(len(sessions._checked), 1)

    def test_nothing_is_cached_by_default(self):
        self.open_session(self.make_token())
        self.assertTrue(self.is_logged_in())
        self.assertEqual(sessions._checked, {})
