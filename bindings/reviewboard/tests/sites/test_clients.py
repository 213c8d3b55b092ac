"""Clients whose names differ in what a collation may ignore."""

import re

import pytest

from conftest import ADMIN, BASE, FORM

NAMES = ["IDE", "ide", "IDE ", "\xcfDE"]


@pytest.fixture
def session(any_site):
    """The administrator's session, whose token against forged requests is the same everywhere."""
    any_site.set_enabled(True)
    token = "t" * 32
    cookie = any_site.ask("GET", "/api/session/", ADMIN).cookie
    return {"Cookie": f"{cookie}; csrftoken={token}"}, f"csrfmiddlewaretoken={token}"


def test_clients_are_told_apart(any_site, session):
    site, (headers, body) = any_site, session
    values = [site.token("alice", name) for name in NAMES]

    def total(query):
        page = site.ask("GET", f"{BASE}tokens/?{query}", headers)
        assert page.status == 200
        return int(re.search('id="rbtoken-total">([0-9]+)<', page.text)[1])

    assert total("") == len(NAMES)
    for query in ["client=IDE", "client=ide", "client=IDE+", "client=%C3%8FDE"]:
        assert total(query) == 1
    assert total("client=Ide") == 0
    response = site.ask("POST", f"{BASE}tokens/", {**headers, **FORM},
                        f"{body}&action=revoke-client&client=IDE&reason=test")
    assert response.status == 302
    assert site.count("NOT valid") == site.count(f"token = '{values[0]}' AND NOT valid") == 1
