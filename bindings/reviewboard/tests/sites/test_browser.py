"""An administrator in a browser, on the server's own pages.

RBTOKEN_SCREENSHOTS is a folder for pictures of the pages, to look at.
"""

import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from conftest import BASE, EXTENSION

SECRET = "a-secret-of-the-gateway-of-enough-characters"
NUMBERS = {
    "total": "1 = 1", "usable": "valid AND (expires IS NULL OR expires > now())",
    "revoked": "NOT valid", "expired": "valid AND expires <= now()",
    "deprecated": "valid AND (expires IS NULL OR expires > now())"
                  " AND token_generator_id = 'legacy_sha1'",
    "expiring": "valid AND expires > now() AND expires <= now() + interval '30 days'"}


class Browser:
    """A page in a headless Chromium."""

    def __init__(self, playwright, site):
        self.site = site
        self.base = f"http://127.0.0.1:{site.port}"
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        self.page = browser.new_page(viewport={"width": 1400, "height": 1000})
        self.page.set_default_timeout(60_000)
        self.errors = []
        self.page.on("pageerror", lambda error: self.errors.append(error))
        self.pictures = 0

    def open(self, path):
        return self.page.goto(self.base + path)

    def picture(self, name):
        folder = os.environ.get("RBTOKEN_SCREENSHOTS")
        self.pictures += 1
        if folder:
            self.page.screenshot(
                path=os.path.join(folder, f"{self.pictures:02}-{name}.png"), full_page=True)

    def log_in(self):
        self.open("/account/login/")
        self.page.fill("#id_username", "admin")
        self.page.fill("#id_password", "admin")
        self.page.click("#login_form button[type=submit]")
        self.page.wait_for_url("**/dashboard/**")

    def extension(self):
        """The extension's row on the server's page of extensions."""
        self.open("/admin/extensions/")
        return self.page.locator(".djblets-c-extension-item", has_text="API tokens (rbtoken)")

    def set_enabled(self, action):
        """Clicks on the button that enables or disables the extension."""
        row = self.extension()
        row.get_by_text(action, exact=True).click()
        other = {"Enable": "Disable", "Disable": "Enable"}[action]
        expect(row.get_by_text(other, exact=True)).to_be_visible()

    def revoke(self, value):
        """Revokes a token on the server's own page."""
        self.open(f"/admin/db/webapi/webapitoken/{self.site.token_id(value)}/change/")
        self.page.uncheck("[name=valid]")
        self.page.locator("[name=_save]").first.click()
        self.page.wait_for_url("**/webapitoken/")
        assert self.site.count(f"token = '{value}' AND NOT valid") == 1

    def numbers(self):
        return {name: int(self.page.inner_text(f"#rbtoken-{name}")) for name in NUMBERS}

    def run_action(self, name, **fields):
        """Fills in the form of an action, and returns what the page then says."""
        form = self.page.locator(f"#rbtoken-{name}")
        for field, text in fields.items():
            form.locator(f"[name={field}]").fill(text)
        form.locator("input[type=submit]").click()
        alert = self.page.locator(".rb-c-alert")
        alert.wait_for()
        return alert.inner_text().strip()


@pytest.fixture(scope="module")
def browser(postgresql_site):
    with sync_playwright() as playwright:
        browser = Browser(playwright, postgresql_site)
        yield browser
        assert browser.errors == []


def make_tokens(site):
    """Tokens in every state; returns the values of some by name."""
    values = {name: site.token(user, client) for name, user, client in [
        ("plain", "alice", "RBTools"), ("soon", "alice", "IDE"), ("expired", "alice", "CI"),
        ("dead", "alice", "old"), ("revoked", "bob", "CI"), ("leaked", "bob", "RBTools"),
        ("legacy", "bob", "IDE")]}
    site.set_token(values["soon"], "expires = now() + interval '10 days'")
    site.set_token(values["expired"], "expires = now() - interval '1 hour'")
    site.set_token(values["dead"], "expires = now() - interval '100 days'")
    site.set_token(values["revoked"], "valid = false, invalid_date = now()")
    site.set_token(values["legacy"], "token_generator_id = 'legacy_sha1'")
    return values


def test_administrator_enables_configures_and_uses_the_extension(browser):
    site, page = browser.site, browser.page
    values = make_tokens(site)
    session = site.open_session(values["leaked"])

    def expected():
        return {name: site.count(condition) for name, condition in NUMBERS.items()}

    browser.log_in()
    assert browser.open(BASE).status == 404
    browser.extension()
    browser.picture("not-enabled")
    browser.set_enabled("Enable")
    browser.picture("enabled")

    browser.extension().get_by_text("Configure", exact=True).click()
    page.wait_for_url(f"**{BASE}")
    assert page.input_value("[name=session_check_secs]") == "0"
    page.fill("[name=gateway_secret]", SECRET)
    browser.picture("settings")
    page.locator("form[method=post i] [type=submit]").last.click()
    page.wait_for_url("**saved=1")
    assert page.input_value("[name=gateway_secret]") == ""
    assert SECRET not in page.content()
    assert "A gateway is trusted." in page.content()
    browser.picture("settings-saved")
    named = {"X-Forwarded-User": "alice", "X-Gateway-Secret": SECRET}
    assert site.ask("GET", "/api/session/", named).json["session"]["authenticated"]
    assert not site.ask("GET", "/api/session/", {"X-Forwarded-User": "alice"}).json[
        "session"]["authenticated"]

    page.click("#rbtoken-tokens-link")
    page.wait_for_url("**/tokens/")
    assert browser.numbers() == expected() == {
        "total": 7, "usable": 4, "revoked": 1, "expired": 2, "deprecated": 1, "expiring": 1}
    assert page.inner_text("#rbtoken-clients") == "4"
    assert "it counts 7 tokens" in page.inner_text("#rbtoken-library")
    for value in values.values():
        assert value[:30] not in page.content()
    browser.picture("tokens")

    page.locator("#rbtoken-client-table").get_by_text("RBTools").click()
    page.wait_for_url("**client=RBTools")
    assert browser.numbers() == {
        "total": 2, "usable": 2, "revoked": 0, "expired": 0, "deprecated": 0, "expiring": 0}
    page.select_option("#rbtoken-filter [name=condition]", "revoked")
    page.fill("#rbtoken-filter [name=client]", "CI")
    page.click("#rbtoken-filter [type=submit]")
    page.wait_for_url("**condition=revoked")
    assert browser.numbers()["total"] == 1
    assert page.locator("#rbtoken-newest tr").count() == 2
    browser.picture("tokens-filtered")

    browser.open(BASE + "tokens/")
    assert site.post(session) == 201
    text = browser.run_action("revoke-values", values=f"{values['leaked']}\n{values['revoked']} a")
    assert text == ("Revoked tokens: 1. Revoked before: 1. Unknown values: 1"
                    " (not in the format of a token: 1).")
    assert values["leaked"] not in page.content()
    assert site.post(session) == 401
    browser.picture("values-revoked")
    assert browser.run_action("revoke-client", client="IDE") == \
        "Revoked tokens of the client IDE: 2."
    assert browser.run_action("revoke-user", user="alice") == \
        "Revoked tokens of the user alice: 3."
    assert browser.run_action("purge", days="90") == "Deleted tokens: 1."
    assert browser.numbers() == expected() == {
        "total": 6, "usable": 0, "revoked": 6, "expired": 0, "deprecated": 0, "expiring": 0}
    browser.picture("tokens-at-the-end")


def test_administrator_disables_and_enables_the_extension_again(browser):
    site = browser.site
    values = [site.token("alice", name) for name in ["enabled", "disabled"]]
    sessions = [site.open_session(value) for value in values]
    browser.revoke(values[0])
    assert site.post(sessions[0]) == 401

    browser.set_enabled("Disable")
    browser.picture("disabled")
    assert browser.open(BASE).status == 404
    browser.revoke(values[1])
    assert site.post(sessions[1]) == 201

    browser.set_enabled("Enable")
    assert site.post(sessions[1]) == 401
    # The settings were kept.
    named = {"X-Forwarded-User": "alice", "X-Gateway-Secret": SECRET}
    assert site.ask("GET", "/api/session/", named).json["session"]["authenticated"]
    browser.open(BASE + "tokens/")
    assert browser.page.inner_text("#rbtoken-usable") == "0"
    browser.picture("enabled-again")
    assert site.admin("GET", f"/api/extensions/{EXTENSION}/")["extension"]["enabled"]
