"""RBTools and other clients through the gateway, to a server with the extension.

These are the gateway's own tests. They create a `Site` of their own.
"""

import pytest

from support import ask
from test_rbtools import ComparisonTest, RBToolsTest  # noqa: F401 (pytest runs them)
from test_rbtools import SessionTest as StockSessionTest


@pytest.fixture(scope="module", autouse=True)
def enabled(postgresql_site):
    postgresql_site.set_enabled(True)


class SessionTest(StockSessionTest):
    def test_session_of_a_revoked_token_is_refused(self):
        value = self.site.token("alice", "revoked later")
        session = self.open_session(value)
        self.site.set_token(value, "valid = false, invalid_reason = 'stolen'")
        response = self.ask("GET", "/api/session/", session)
        self.assertEqual(response.status, 401)
        self.assertIn("became invalid", response.json["err"]["msg"])
        # Beside the gateway, too.
        self.assertFalse(ask(self.site.port, "GET", "/api/session/", session)
                         .json["session"]["authenticated"])


del StockSessionTest
