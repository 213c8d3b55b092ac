"""The clients of tokens."""

from unittest import mock

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from reviewboard.webapi.models import WebAPIToken

from rbtoken_reviewboard import clients, tokens
from rbtoken_reviewboard.revocation import revoke

from support import BASE, REASON, TokenTestCase

DOCUMENTS = [
    ('{"client_name": "a"}', "a"), ('{"client\\u005fname": "b"}', "b"),
    ('"{\\"client_name\\": \\"c\\"}"', "c"), ("{'client_name': 'd'}", "d"),
    ('"{\'client_name\': \'e\'}"', "e"), ('{"client_name": "\xe9"}', "\xe9"),
    ('{"client_name": 3}', None), ('["client_name"]', None), ("client_name", None),
    ('"client_name"', None), ('{"client_name":', None), ("", None), (None, None)]


class ClientTests(TokenTestCase):
    def select(self, **selection):
        """The found clients and the ids of the selected tokens."""
        found, parts = tokens.Selection(**selection).select(timezone.now())
        return found, [token_id for part in parts for token_id in part.values_list("pk", flat=True)]

    def test_documents_are_read_as_the_server_reads_them(self):
        for document, name in DOCUMENTS:
            with self.subTest(document=document):
                token = self.make_token(client=None, extra_data=document)
                server = token.extra_data.get("client_name") \
                    if isinstance(token.extra_data, dict) else None
                self.assertEqual(server if isinstance(server, str) else None, name)
                self.assertEqual(clients.client_name(document), name)
                if document is not None:
                    self.assertEqual(clients.client_name(document.encode()), name)
                if name is not None:
                    found, ids = self.select(client=name)
                    self.assertEqual((found.counts, ids), ({name: 1}, [token.pk]))
        found, ids = self.select()
        self.assertEqual(found.counts, {name: 1 for _, name in DOCUMENTS if name})
        self.assertEqual(len(ids), len(DOCUMENTS))

    def test_deeply_nested_document_has_no_client(self):
        self.assertIsNone(clients.client_name("[" * 100_000 + '"client_name"'))

    def test_malformed_documents_are_not_logged(self):
        for document, _ in DOCUMENTS:
            self.make_token(client=None)
        for token, (document, _) in zip(WebAPIToken.objects.all(), DOCUMENTS):
            WebAPIToken.objects.filter(pk=token.pk).update(extra_data=document)
        self.log_in_admin()
        with self.assertNoLogs("djblets.db.fields.json_field"):
            self.assertContains(self.client.get(BASE + "tokens/"), "<td>d</td>", html=True)

    def test_same_documents_are_parsed_once(self):
        for _ in range(5):
            self.make_token()
        with mock.patch.object(clients, "client_name", wraps=clients.client_name) as parse:
            self.assertEqual(self.select(client="RBTools")[0].counts, {"RBTools": 5})
        self.assertEqual(parse.call_count, 1)

    def test_client_with_more_documents_than_a_statement_takes(self):
        made = [self.make_token(extra_data=f'{{"client_name": "RBTools", "number": {number}}}')
                for number in range(5)]
        self.make_token(client="other")
        with mock.patch.object(tokens, "CHUNK", 2):
            summary = tokens.summarize(tokens.Selection(client="RBTools"), 3)
        self.assertEqual((summary.total, summary.clients), (5, [("RBTools", 5)]))
        self.assertEqual([row["id"] for row in summary.newest],
                         [token.pk for token in reversed(made)][:3])

    def test_number_of_statements_does_not_grow_with_the_tokens(self):
        def statements(selection):
            with CaptureQueriesContext(connection) as captured:
                tokens.summarize(selection, 3)
                revoke(selection, REASON)
            return len(captured)

        with mock.patch.object(tokens, "CHUNK", 1):
            for selection in [tokens.Selection(), tokens.Selection(client="RBTools")]:
                self.make_token()
                before = statements(selection)
                for _ in range(5):
                    self.make_token()
                self.assertEqual(statements(selection), before)
