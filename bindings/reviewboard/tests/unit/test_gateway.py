"""The user that a trusted gateway names."""

from unittest import mock

from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory

from rbtoken_reviewboard.gateway import hash_secret, trust_gateway

from support import TokenTestCase

SECRET = "correct-horse-battery-staple-and-more"


class GatewayTests(TokenTestCase):
    def user(self, **headers):
        """The user of a request with these headers."""
        session = self.client.get("/api/session/", **headers).json()["session"]
        return session["links"]["user"]["title"] if session["authenticated"] else None

    def trust(self):
        self.configure(gateway_secret_hash=hash_secret(SECRET))

    def named(self, name, secret=SECRET):
        return {"HTTP_X_FORWARDED_USER": name, "HTTP_X_GATEWAY_SECRET": secret}

    def test_gateway_names_the_user_of_each_request(self):
        self.trust()
        self.assertEqual(self.user(**self.named("doc")), "doc")
        self.assertEqual(self.user(**self.named("dopey")), "dopey")
        self.assertIsNone(self.user())

    def test_no_gateway_is_trusted_by_default(self):
        self.assertIsNone(self.user(**self.named("doc")))
        self.assertIsNone(self.user(**self.named("doc", "")))

    def test_secret_must_be_right(self):
        self.trust()
        for secret in ["", "wrong", SECRET[:-1], SECRET + " ", SECRET.upper(), "\xff" * 40,
                       hash_secret(SECRET)]:
            with self.subTest(secret=secret):
                self.assertIsNone(self.user(**self.named("doc", secret)))
        self.assertIsNone(self.user(HTTP_X_FORWARDED_USER="doc"))

    def test_headers_are_removed(self):
        self.trust()
        for headers in [self.named("doc"), self.named("doc", "wrong")]:
            request = self.client.get("/api/session/", **headers).wsgi_request
            self.assertNotIn("HTTP_X_FORWARDED_USER", request.META)
            self.assertNotIn("HTTP_X_GATEWAY_SECRET", request.META)
            self.assertNotIn("X-Forwarded-User", request.headers)

    def test_copy_of_the_headers_is_removed(self):
        for name in ["doc", "nobody"]:
            request = RequestFactory().get("/", **self.named(name))
            request.user = AnonymousUser()
            self.assertEqual(request.headers["X-Forwarded-User"], name)
            trust_gateway(request, hash_secret(SECRET))
            self.assertNotIn("X-Forwarded-User", request.headers)
            self.assertNotIn("X-Gateway-Secret", request.headers)

    def test_header_stays_without_a_trusted_gateway(self):
        request = self.client.get("/api/session/", HTTP_X_FORWARDED_USER="doc").wsgi_request
        self.assertIn("HTTP_X_FORWARDED_USER", request.META)

    def test_unknown_and_inactive_users_are_anonymous(self):
        self.trust()
        self.dopey.is_active = False
        self.dopey.save()
        for name in ["nobody", "dopey", "DOC", "doc ", "", "\xff"]:
            with self.subTest(name=name):
                self.assertIsNone(self.user(**self.named(name)))

    def test_session_of_another_user_ends(self):
        self.trust()
        self.open_session(self.make_token(user=self.dopey))
        self.assertEqual(self.user(**self.named("doc")), "doc")
        self.assertIsNone(self.user())

    def test_session_ends_if_the_named_user_is_unknown(self):
        self.trust()
        self.open_session(self.make_token())
        self.assertIsNone(self.user(**self.named("nobody")))
        self.assertIsNone(self.user())

    def test_session_of_the_named_user_stays(self):
        self.trust()
        self.open_session(self.make_token())
        self.assertEqual(self.user(**self.named("doc")), "doc")
        self.assertEqual(self.user(), "doc")

    def test_tokens_work_beside_a_trusted_gateway(self):
        self.trust()
        token = self.make_token()
        self.assertEqual(self.user(HTTP_AUTHORIZATION=f"token {token.token}"), "doc")

    def test_name_is_utf_8(self):
        for name in ["zo\xeb", "\u0142ukasz"]:
            User.objects.create(username=name)
            request = RequestFactory().get("/", **self.named(name.encode().decode("latin-1")))
            request.user = AnonymousUser()
            trust_gateway(request, hash_secret(SECRET))
            self.assertEqual(request.user.username, name)

    def test_page_of_another_site_changes_nothing(self):
        self.trust()
        for headers, status in [
                ({}, 201), ({"HTTP_ORIGIN": "http://testserver"}, 201),
                ({"HTTP_ORIGIN": "https://TESTSERVER", "HTTP_SEC_FETCH_SITE": "same-origin"}, 201),
                ({"HTTP_SEC_FETCH_SITE": "none"}, 201),
                ({"HTTP_SEC_FETCH_SITE": "cross-site"}, 401),
                ({"HTTP_ORIGIN": "http://testserver", "HTTP_SEC_FETCH_SITE": "cross-site"}, 401),
                ({"HTTP_ORIGIN": "http://testserver.example.com"}, 401),
                ({"HTTP_ORIGIN": "http://testserver:8080"}, 401),
                ({"HTTP_ORIGIN": "null"}, 401), ({"HTTP_ORIGIN": ""}, 401)]:
            with self.subTest(headers=headers):
                response = self.client.post("/api/review-requests/", **self.named("doc"), **headers)
                self.assertEqual(response.status_code, status)
                self.assertEqual(self.user(**self.named("doc"), **headers), "doc")

    def test_page_of_another_site_ends_no_session(self):
        self.trust()
        self.open_session(self.make_token(user=self.dopey))
        self.client.post("/api/review-requests/", HTTP_SEC_FETCH_SITE="cross-site",
                         **self.named("doc"))
        self.assertEqual(self.user(), "dopey")

    def test_error_report_shows_no_secret(self):
        request = RequestFactory().get("/", **self.named("doc"))
        for name, call in [("hmac.compare_digest", lambda: trust_gateway(request, "stored")),
                           ("hashlib.sha256", lambda: hash_secret(SECRET))]:
            with mock.patch(f"rbtoken_reviewboard.gateway.{name}",
                            side_effect=RuntimeError("failed")):
                self.assert_not_reported(SECRET, call)
