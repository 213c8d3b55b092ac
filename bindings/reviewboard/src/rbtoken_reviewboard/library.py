"""The native library, if it can be loaded.

The extension works without it. What the server's own connection does is never done here: the
library neither sees the rows of an open transaction nor may open an SQLite database that Django has
opened.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Optional
from urllib.parse import quote, urlencode

try:
    import rbtoken
except Exception as error:  # Whatever is wrong with a native library, the server must start.
    rbtoken = None  # type: ignore[assignment]
    problem: Optional[str] = str(error)
else:
    problem = None

#: Generators whose values have a format, and the type of their tokens.
FORMATS = (("vendor_checksum", "rbp"), ("legacy_sha1", ""))

SETTINGS = {"pool_size": 1, "connect_timeout_secs": 2, "call_timeout_secs": 5,
            "statement_timeout_secs": 5}

TLS_PARAMETERS = ("sslmode", "sslrootcert", "sslcert", "sslkey")


class Report(NamedTuple):
    """What the library says: its version, the tokens that a native host sees, and problems."""

    version: Optional[str]
    tokens: Optional[int]
    problem: Optional[str]


def count_malformed(values: Iterable[str]) -> Optional[int]:
    """Counts the texts that are not in the format of a token's value, its checksum included."""
    if rbtoken is None:
        return None
    with rbtoken.Store() as store:
        return sum(not has_token_format(store, value) for value in values)


def has_token_format(store: rbtoken.Store, value: str) -> bool:
    """Returns whether a text is in the format of a token's value."""
    try:
        return any(store.value_is_valid(*generator, value) for generator in FORMATS)
    except rbtoken.RBTokenError:
        # It is not even a text that the library accepts.
        return False


def location(database: dict[str, Any]) -> Optional[str]:
    """Returns the library's location for one of Django's databases, or None if it has none."""
    engine = database["ENGINE"].rpartition(".")[2]
    scheme = {"postgresql": "postgresql", "mysql": "mysql"}.get(engine)
    host, options = database.get("HOST") or "", database.get("OPTIONS") or {}
    parameters = {}
    if scheme == "postgresql":
        parameters = {name: options[name] for name in TLS_PARAMETERS if options.get(name)}
    if scheme is None or not host:
        return None
    if host.startswith("/"):
        parameters["host" if scheme == "postgresql" else "socket"] = host
        host = ""
    account = quote(database.get("USER") or "", safe="")
    if database.get("PASSWORD"):
        account += ":" + quote(database["PASSWORD"], safe="")
    port = f":{database['PORT']}" if database.get("PORT") else ""
    host = f"[{host}]" if ":" in host else host
    query = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
    return f"{scheme}://{account}@{host}{port}/{quote(database['NAME'], safe='')}{query}"


def report(database: dict[str, Any]) -> Report:
    """Asks the library how many tokens it finds in a database, as a native host would."""
    if rbtoken is None:
        return Report(None, None, problem)
    where = location(database)
    if where is None:
        return Report(rbtoken.version(), None, None)
    try:
        with rbtoken.Store(where, settings=SETTINGS) as store:
            return Report(rbtoken.version(), len(store), None)
    except rbtoken.RBTokenError as error:
        return Report(rbtoken.version(), None, str(error))
