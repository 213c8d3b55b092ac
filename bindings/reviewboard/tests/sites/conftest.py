"""Real Review Board sites, on which the extension is enabled and disabled.

They stay as they were: the last fixture removes what the server keeps of a disabled extension.
"""

import base64
import os

import pytest

# That of the gateway's tests.
from support import TIMEOUT, Site, ask

EXTENSION = "rbtoken_reviewboard.extension.RBTokenExtension"
BASE = f"/admin/extensions/{EXTENSION}/config/"
API = f"/api/extensions/{EXTENSION}/"
TABLE = "extensions_registeredextension"
ADMIN = {"Authorization": "Basic " + base64.b64encode(b"admin:admin").decode()}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

report = []


class ReviewBoard(Site):
    """A site with the extension installed, but not enabled."""

    def __init__(self, database):
        self.database = database
        super().__init__(database)

    def ask(self, method, path, headers=None, body=None):
        return ask(self.port, method, path, headers, body)

    def admin(self, method, path, body=None):
        """The JSON of a successful request of the administrator."""
        response = self.ask(method, path, {**ADMIN, **FORM}, body)
        assert response.status in (200, 201, 204), response.text
        return response.json if response.body else None

    def set_enabled(self, enabled):
        """Enables or disables the extension as the server's page does."""
        self.admin("PUT", f"/api/extensions/{EXTENSION}/", f"enabled={int(enabled)}")

    def open_session(self, value):
        response = self.ask("GET", "/api/session/", {"Authorization": f"token {value}"})
        assert response.status == 200, response.text
        return {"Cookie": response.cookie}

    def post(self, session):
        """The status of a request that changes something, by a session."""
        return self.ask("POST", "/api/review-requests/", {**session, **FORM}, "").status

    def token_id(self, value):
        return int(self.fetch(
            statement=f"SELECT id FROM webapi_webapitoken WHERE token = '{value}'")[0][0])

    def count(self, condition="1 = 1"):
        return int(self.fetch(
            statement=f"SELECT COUNT(*) FROM webapi_webapitoken WHERE {condition}")[0][0])

    def remove_extension(self):
        """Removes what the server keeps of the extension."""
        if self.fetch(statement=f"SELECT id FROM {TABLE} WHERE class_name = '{EXTENSION}'"):
            self.set_enabled(False)
        self.execute(statement=f"DELETE FROM {TABLE} WHERE class_name = '{EXTENSION}'")

    def state(self):
        """What the extension could have left: tables, extensions, and files."""
        inspect = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
            "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
            "mysql": "SHOW TABLES"}[self.database]
        files = {os.path.join(folder, name)
                 for part in ("conf", "htdocs/static/ext", "htdocs/media/ext")
                 for folder, _, names in os.walk(os.path.join(self.folder, part))
                 for name in names}
        extensions = self.fetch(statement=f"SELECT class_name, enabled FROM {TABLE}")
        return files | {" ".join(row) for row in self.fetch(statement=inspect) + extensions}


@pytest.fixture(scope="module", params=["postgresql", "mysql", "sqlite"])
def any_site(request):
    yield from prepared(request.param)


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def server_site(request):
    yield from prepared(request.param)


@pytest.fixture(scope="module")
def sqlite_site():
    yield from prepared("sqlite")


@pytest.fixture(scope="module")
def postgresql_site():
    yield from prepared("postgresql")


def prepared(database):
    site = ReviewBoard(database)
    try:
        before = site.state()
        yield site
        site.remove_extension()
        assert site.state() ^ before == set(), "the extension left something"
    finally:
        site.close()


def pytest_terminal_summary(terminalreporter):
    for line in report:
        terminalreporter.write_line(f"   {line}")
