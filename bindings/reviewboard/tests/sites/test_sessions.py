"""Sessions of tokens that were revoked by the server's page, by the library, and by SQL.

`test_browser.py` revokes one on a page for administrators.
"""

import subprocess
import sys

from conftest import API, BASE

REVOKE = "import sys, rbtoken\nrbtoken.Store(sys.argv[1]).invalidate_token(sys.stdin.read())"


def by_the_account_page(site, value):
    """As the button "Remove" of the page "API Tokens" does."""
    site.admin("DELETE", f"/api/users/alice/api-tokens/{site.token_id(value)}/")


def by_the_library(site, value):
    """In a process of its own, which does not open SQLite otherwise."""
    subprocess.run(
        [sys.executable, "-c", REVOKE, site.location], input=value, text=True, check=True)


def by_sql(site, value):
    site.set_token(value, "valid = false")


def by_expiration(site, value):
    site.set_token(value, "expires = '2025-07-01 13:05:00'")


WAYS = [by_the_account_page, by_the_library, by_sql, by_expiration]


def revoked_sessions(site, when):
    """Opens sessions, and then revokes their tokens."""
    sessions = {}
    for way in WAYS:
        value = site.token("alice", f"{way.__name__} {when}")
        sessions[way.__name__] = site.open_session(value)
        assert site.post(sessions[way.__name__]) == 201
        way(site, value)
    return sessions


def statuses(site, sessions):
    """The statuses of a page, and then of a change by the API, for each session."""
    return {name: (site.ask("GET", "/account/preferences/", session).status, site.post(session))
            for name, session in sessions.items()}


#: The server alone serves all of them, but changes nothing for a token that was deleted.
STOCK = {way.__name__: (200, 201) for way in WAYS} | {"by_the_account_page": (200, 401)}
REFUSED = {way.__name__: (302, 401) for way in WAYS}


def test_sessions_end_with_their_tokens(any_site):
    site = any_site
    first, second = (revoked_sessions(site, f"before, {number}") for number in [1, 2])
    kept = site.open_session(site.token("alice", "kept"))
    assert statuses(site, first) == STOCK

    site.set_enabled(True)
    assert statuses(site, second) == REFUSED
    assert statuses(site, revoked_sessions(site, "after")) == REFUSED
    assert statuses(site, {"kept": kept}) == {"kept": (200, 201)}

    # The collation of MariaDB ignores the case of letters.
    value = site.token("alice", "by the extension")
    session = site.open_session(value)
    for sent, unknown, status in [(value.swapcase(), 1, 201), (value, 0, 401)]:
        result = site.admin("POST", API + "token-revocations/", f"values={sent}")
        assert result["token_revocation"]["unknown"] == unknown
        assert site.post(session) == status

    site.set_enabled(False)
    assert statuses(site, revoked_sessions(site, "disabled")) == STOCK
    assert site.ask("GET", BASE).status == 404
