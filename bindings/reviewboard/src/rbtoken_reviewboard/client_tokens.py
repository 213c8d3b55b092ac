"""Makes the server's get-or-create of client tokens atomic.

The server searches for a token and then creates one, so that simultaneous calls for one client
create several. Here the user is locked first, on Django's own connection and with the lock that
librbtoken takes, so that native hosts wait for the server and the other way round.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connections, router, transaction

METHOD = "get_or_create_client_token"

#: The first key of librbtoken's advisory locks. The second is the user's id modulo `LOCK_KEYS`.
LOCK_SPACE = 1919054443
LOCK_KEYS = 2147483647


def lock_user(connection: Any, user_id: int) -> None:
    """Locks a user, as librbtoken does, until the transaction ends."""
    table = connection.ops.quote_name(User._meta.db_table)
    if connection.vendor == "postgresql":
        statement = "SELECT pg_advisory_xact_lock(%s, %s)"
        parameters = [LOCK_SPACE, user_id % LOCK_KEYS]
    elif connection.features.has_select_for_update:
        statement = f"SELECT id FROM {table} WHERE id = %s FOR UPDATE"
        parameters = [user_id]
    else:
        # SQLite locks the database at the first write. A transaction that reads first could fail
        # when it writes later.
        statement = f"UPDATE {table} SET id = id WHERE id = %s"
        parameters = [user_id]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def with_savepoints(manager: Any, using: str) -> Any:
    """Returns a copy of a manager that uses a database, and creates each row in a savepoint.

    The server creates a token with another value if its value exists already. Without a savepoint,
    the error of the first attempt would end the transaction.
    """
    copied = manager.db_manager(using)
    create_row = copied.create

    def create(**fields: Any) -> Any:
        with transaction.atomic(using=using):
            return create_row(**fields)

    copied.create = create
    return copied


def make_atomic(manager_class: type) -> Callable[[], None]:
    """Replaces a manager's method by one that locks the user and calls the server's own.

    Returns a function that restores the server's method.
    """
    original = getattr(manager_class, METHOD)
    active = True

    @functools.wraps(original)
    def get_or_create(manager: Any, *args: Any, **kwargs: Any) -> Any:
        user = kwargs.get("user", args[0] if args else None)
        user_id = getattr(user, "pk", None)
        if not active or user_id is None:
            return original(manager, *args, **kwargs)
        using = router.db_for_write(manager.model)
        with transaction.atomic(using=using):
            lock_user(connections[using], user_id)
            return original(with_savepoints(manager, using), *args, **kwargs)

    def restore() -> None:
        nonlocal active
        # If somebody else has replaced the method since, it is called on, without the lock.
        active = False
        if manager_class.__dict__.get(METHOD) is get_or_create:
            setattr(manager_class, METHOD, original)

    setattr(manager_class, METHOD, get_or_create)
    return restore
