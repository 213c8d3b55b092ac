"""Get-or-create of client tokens."""

import warnings
from unittest import mock

from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, connection, router
from django.test.utils import CaptureQueriesContext
from djblets.secrets.token_generators import token_generator_registry
from djblets.webapi.signals import webapi_token_created
from kgb import SpyAgency
from reviewboard.webapi.managers import WebAPITokenManager
from reviewboard.webapi.models import WebAPIToken

from rbtoken_reviewboard.client_tokens import make_atomic

from support import TokenTestCase


class ClientTokenTests(SpyAgency, TokenTestCase):
    def get(self, user=None, **options):
        return WebAPIToken.objects.get_or_create_client_token(
            user=user or self.doc, client_name="RBTools", **options)

    def test_user_is_locked_before_the_search(self):
        with CaptureQueriesContext(connection) as captured:
            self.get()
        statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
        self.assertEqual(
            statements[0], f'UPDATE "auth_user" SET id = id WHERE id = {self.doc.pk}')
        self.assertIn('FROM "webapi_webapitoken"', " ".join(statements[1:]))

    def test_existing_token_is_returned(self):
        token, created = self.get()
        self.assertTrue(created)
        self.assertEqual(self.get(), (token, False))

    def test_arguments_reach_the_server(self):
        token, _ = self.get(expires=None, default_policy={"resources": {"*": {"allow": ["GET"]}}},
                            default_extra_data={"machine": "a"})
        self.assertIsNone(token.expires)
        self.assertEqual(token.extra_data, {"client_name": "RBTools", "machine": "a"})
        self.assertEqual(token.policy, {"resources": {"*": {"allow": ["GET"]}}})

    def test_positional_arguments_reach_the_server(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            token, _ = WebAPIToken.objects.get_or_create_client_token(self.doc, "RBTools")
        self.assertEqual(token.user, self.doc)

    def test_tokens_are_searched_where_the_user_is_locked(self):
        def db_for_read(model, **hints):
            return "replica" if model is WebAPIToken else "default"

        with mock.patch.object(router, "db_for_read", db_for_read):
            token, created = self.get()
            self.assertTrue(created)
            self.assertEqual(self.get(), (token, False))

    def test_value_that_exists_is_replaced(self):
        taken = self.make_token(user=self.dopey).token
        generator = token_generator_registry.get_default()
        values = iter([taken, taken, "rbp_other"])
        self.spy_on(generator.create_token,
                    call_fake=lambda *args, **kwargs: next(values))
        token, created = self.get()
        self.assertTrue(created)
        self.assertEqual(token.token, "rbp_other")
        self.assertEqual(WebAPIToken.objects.count(), 2)

    def test_failure_in_a_signal_handler_creates_no_token(self):
        def fail(**kwargs):
            raise RuntimeError("the handler failed")

        webapi_token_created.connect(fail)
        try:
            with self.assertRaisesMessage(RuntimeError, "the handler failed"):
                self.get()
        finally:
            webapi_token_created.disconnect(fail)
        self.assertEqual(WebAPIToken.objects.count(), 0)

    def test_user_without_a_row_gets_the_servers_own_error(self):
        for user in [User(username="new"), AnonymousUser()]:
            with self.subTest(user=user):
                with self.assertRaises((IntegrityError, ValueError, TypeError)):
                    self.get(user=user)


class RestoreTests(TokenTestCase):
    def make_manager(self):
        class Manager(WebAPITokenManager):
            def get_or_create_client_token(self, **options):
                return options

        return Manager

    def test_method_is_restored(self):
        manager = self.make_manager()
        original = manager.get_or_create_client_token
        restore = make_atomic(manager)
        self.assertIsNot(manager.get_or_create_client_token, original)
        restore()
        self.assertIs(manager.get_or_create_client_token, original)

    def test_method_that_others_replaced_stays_and_locks_nothing(self):
        manager = self.make_manager()
        restore = make_atomic(manager)
        locking = manager.get_or_create_client_token

        def replacement(self, **options):
            return locking(self, **options)

        manager.get_or_create_client_token = replacement
        restore()
        self.assertIs(manager.get_or_create_client_token, replacement)
        with CaptureQueriesContext(connection) as captured:
            self.assertEqual(manager().get_or_create_client_token(user=self.doc),
                             {"user": self.doc})
        self.assertEqual(len(captured), 0)

    def test_extension_restores_the_servers_method(self):
        locking = WebAPITokenManager.get_or_create_client_token
        self.extension.shutdown()
        try:
            original = WebAPITokenManager.get_or_create_client_token
            self.assertIsNot(original, locking)
            self.assertEqual(original.__module__, "reviewboard.webapi.managers")
            self.assertFalse(hasattr(original, "__wrapped__")
                             and original.__wrapped__ is locking)
        finally:
            self.extension.initialize()
        self.assertIsNot(WebAPITokenManager.get_or_create_client_token, original)
