"""A pytest plugin that runs tests in a server in which the extension is enabled.

It counts how often a user was locked, and fails if that never happened.
"""

import pytest

EXTENSION = "rbtoken_reviewboard.extension.RBTokenExtension"

locks = 0


@pytest.fixture(autouse=True, scope="session")
def extension(django_db_setup, django_db_blocker):
    from reviewboard.extensions.base import get_extension_manager

    from rbtoken_reviewboard import client_tokens

    lock_user = client_tokens.lock_user

    def counted(*arguments):
        global locks
        locks += 1
        lock_user(*arguments)

    client_tokens.lock_user = counted
    manager = get_extension_manager()
    with django_db_blocker.unblock():
        manager.load()
        manager.enable_extension(EXTENSION)
        yield manager.get_enabled_extension(EXTENSION)
        manager.disable_extension(EXTENSION)


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"rbtoken: a user was locked {locks} times")


def pytest_sessionfinish(session, exitstatus):
    if locks == 0 and exitstatus == 0:
        session.exitstatus = 1
