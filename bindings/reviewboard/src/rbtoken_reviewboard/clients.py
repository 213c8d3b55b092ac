"""Finds the clients of tokens in their extra data, on Django's own connection.

Others may have written the extra data, and databases cannot search every document that the server
can read. They group the tokens by their documents instead: tokens of a client mostly have the same.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import json
from ast import literal_eval
from collections import Counter, defaultdict
from typing import Any, NamedTuple, Optional

from django.db.models import Count, Field, Func, Q, QuerySet
from reviewboard.webapi.models import WebAPIToken


class Document(Func):
    """The extra data of a token as it is stored, which is compared byte by byte.

    The collation of MySQL may ignore the case of letters, so that its documents are bytes.
    """

    arity = 1
    template = "%(expressions)s"
    output_field = Field()

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="CAST(%(expressions)s AS BINARY)", **context)


class Clients(NamedTuple):
    """The clients of tokens."""

    #: How many tokens each client has, by its name.
    counts: Counter[str]
    #: The documents that have the name of each client.
    documents: dict[str, list[Any]]
    #: Whether all documents were read.
    complete: bool


def client_name(document: Any) -> Optional[str]:
    """Returns the name of the client in a document.

    Reads it as the server does, which would log each malformed document.
    """
    try:
        document = json.loads(document or "{}")
        if isinstance(document, str):
            document = json.loads(document)
    except (ValueError, RecursionError):
        if isinstance(document, bytes):
            document = document.decode(errors="replace")
        try:
            document = literal_eval(document)
        except Exception:  # There are many for what is no literal.
            return None
    name = document.get("client_name") if isinstance(document, dict) else None
    return name if isinstance(name, str) else None


def find_clients(tokens: QuerySet[WebAPIToken], limit: Optional[int] = None) -> Clients:
    """Returns the clients of tokens. Reads the `limit` documents that the most tokens have."""
    # Other documents have no client. The name of the key may be escaped.
    groups = tokens.filter(
        Q(extra_data__contains="client_name") | Q(extra_data__contains="\\"),
    ).annotate(document=Document("extra_data")).values_list("document").annotate(
        number=Count("pk")).order_by("-number")
    rows = list(groups if limit is None else groups[:limit + 1])
    counts: Counter[str] = Counter()
    documents: defaultdict[str, list[Any]] = defaultdict(list)
    for document, number in rows[:limit]:
        name = client_name(document)
        if name is not None:
            counts[name] += number
            documents[name].append(document)
    return Clients(counts, documents, limit is None or len(rows) <= limit)
