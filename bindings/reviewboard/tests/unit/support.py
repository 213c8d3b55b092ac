"""What the unit tests share."""

import traceback
from datetime import timedelta

from django.contrib.auth.models import User
from django.test import RequestFactory
from django.utils import timezone
from django.views.debug import SafeExceptionReporterFilter
from reviewboard.extensions.base import get_extension_manager
from reviewboard.testing import TestCase
from reviewboard.webapi.models import WebAPIToken

from enabled import EXTENSION
from rbtoken_reviewboard import sessions

BASE = f"/admin/extensions/{EXTENSION}/config/"
API = f"/api/extensions/{EXTENSION}/"
REASON = "Found in a log."


class TokenTestCase(TestCase):
    """A test on a server with users, in which the extension has its default settings."""

    fixtures = ["test_users"]

    def setUp(self):
        super().setUp()
        sessions._checked.clear()
        self.extension = get_extension_manager().get_enabled_extension(EXTENSION)
        self.doc = User.objects.get(username="doc")
        self.dopey = User.objects.get(username="dopey")

    def tearDown(self):
        self.extension.settings.clear()
        super().tearDown()

    def configure(self, **settings):
        self.extension.settings.update(settings)

    def make_token(self, user=None, client="RBTools", days=None, generator="vendor_checksum",
                   **fields):
        """Creates a token with the server's own methods."""
        user = user or self.doc
        expires = None if days is None else timezone.now() + timedelta(days=days)
        token = WebAPIToken.objects.generate_token(
            user, token_generator_id=generator, expires=expires,
            extra_data={} if client is None else {"client_name": client},
            token_info={"token_type": "rbp", "user": user, "attempt": 0})
        if fields:
            WebAPIToken.objects.filter(pk=token.pk).update(**fields)
            token.refresh_from_db()
        return token

    def open_session(self, token):
        response = self.client.get("/api/session/", HTTP_AUTHORIZATION=f"token {token.token}")
        self.assertTrue(response.json()["session"]["authenticated"])

    def is_logged_in(self, **headers):
        return self.client.get("/api/session/", **headers).json()["session"]["authenticated"]

    def log_in_admin(self):
        self.assertTrue(self.client.login(username="admin", password="admin"))

    def assert_not_reported(self, secret, call):
        """Fails if the report of a call's error would show a secret in the extension's frames."""
        reporter, request = SafeExceptionReporterFilter(), RequestFactory().get("/")
        try:
            call()
        except RuntimeError as error:
            # `assertRaises` would clear the frames.
            frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)
                      if frame.f_globals["__name__"].startswith("rbtoken_reviewboard.")]
            shown = [reporter.get_traceback_frame_variables(request, frame) for frame in frames]
        self.assertTrue(shown)
        self.assertNotIn(secret, repr([dict(variables) for variables in shown]))
