"""Selects and counts tokens, on Django's own connection.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Optional

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from djblets.secrets.token_generators import token_generator_registry
from reviewboard.webapi.models import WebAPIToken

from .clients import Clients, Document, client_name, find_clients

#: A token is about to expire if it does within this time.
SOON = timedelta(days=30)

#: Maximum number of parameters of a statement, which databases limit.
CHUNK = 500

#: Maximum number of documents that are read to find the clients of a page.
MAX_DOCUMENTS = 10_000

#: Each token is in one of these states.
STATES = ("usable", "revoked", "expired")


def conditions(now: datetime) -> dict[str, Q]:
    """Returns the conditions by which tokens are counted and selected, by name."""
    usable = Q(valid=True) & (Q(expires=None) | Q(expires__gt=now))
    generators = token_generator_registry.get_deprecated_token_generators()
    return {
        "usable": usable,
        "revoked": Q(valid=False),
        "expired": Q(valid=True, expires__lte=now),
        "deprecated": usable & Q(token_generator_id__in=generators),
        "expiring": usable & Q(expires__lte=now + SOON),
    }


def state_of(token: WebAPIToken, now: datetime) -> str:
    """Returns the state of a token."""
    if not token.valid:
        return "revoked"
    return "usable" if token.expires is None or token.expires > now else "expired"


def chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yields the items in parts of `CHUNK`."""
    for start in range(0, len(items), CHUNK):
        yield items[start:start + CHUNK]


@dataclass(frozen=True)
class Selection:
    """Tokens of a user, of a client, and of a condition. An empty part selects all."""

    user: str = ""
    client: str = ""
    condition: str = ""

    def select(self, now: datetime, using: Optional[str] = None, limit: Optional[int] = None,
               ) -> tuple[Clients, list[QuerySet[WebAPIToken]]]:
        """Returns the clients of the selected tokens, and the tokens, in one queryset or several.

        `using` names the database, and `limit` is that of `find_clients`.
        """
        tokens = WebAPIToken.objects.using(using)
        if self.user:
            tokens = tokens.filter(user__username=self.user)
        if self.condition:
            tokens = tokens.filter(conditions(now)[self.condition])
        clients = find_clients(tokens, limit)
        if not self.client:
            return clients, [tokens]
        documents = clients.documents.get(self.client, [])
        tokens = tokens.annotate(document=Document("extra_data"))
        counts = Counter({self.client: clients.counts[self.client]} if documents else {})
        return (clients._replace(counts=counts),
                [tokens.filter(document__in=part) for part in chunks(documents)])


@dataclass(frozen=True)
class Summary:
    """What a page shows of selected tokens."""

    total: int
    #: How many meet each of the `conditions`.
    numbers: dict[str, int]
    #: The clients, and how many tokens each has, the most first.
    clients: Sequence[tuple[str, int]]
    #: Whether the documents of all tokens were read to find the clients.
    complete: bool
    #: The newest tokens, without their values.
    newest: list[dict[str, Any]]


def summarize(selection: Selection, limit: int) -> Summary:
    """Counts the selected tokens, and lists the `limit` newest."""
    now = timezone.now()
    columns = {name: Count("pk", filter=condition) for name, condition in conditions(now).items()}
    numbers: Counter[str] = Counter(dict.fromkeys(columns, 0))
    total = 0
    newest: list[dict[str, Any]] = []
    clients, parts = selection.select(now, limit=MAX_DOCUMENTS)
    for tokens in parts:
        counted = tokens.aggregate(total=Count("pk"), **columns)
        total += counted.pop("total")
        numbers.update(counted)
        newest += newest_of(tokens, limit, now)
    newest.sort(key=lambda row: -row["id"])
    return Summary(
        total, dict(numbers), clients.counts.most_common(), clients.complete, newest[:limit])


def newest_of(tokens: QuerySet[WebAPIToken], limit: int, now: datetime) -> list[dict[str, Any]]:
    """Returns what a page may show of the newest tokens: all but their values."""
    # The server's model would parse the extra data, and log it if it is malformed.
    shown = tokens.annotate(document=Document("extra_data")).select_related("user").defer(
        "token", "policy", "extra_data").order_by("-pk")[:limit]
    return [{
        "id": token.pk, "user": token.user.username, "state": state_of(token, now),
        "client": client_name(token.document) or "", "note": token.note,
        "time_added": token.time_added, "last_used": token.last_used,
        "expires": token.expires, "deprecated": token.is_deprecated(),
    } for token in shown]


def states(ids: Iterable[int]) -> list[dict[str, Any]]:
    """Returns the states of tokens by their ids. Unknown ids are left out."""
    now = timezone.now()
    found = []
    for part in chunks(sorted(set(ids))):
        tokens = WebAPIToken.objects.filter(pk__in=part).select_related("user").only(
            "valid", "expires", "invalid_date", "user__username").order_by("pk")
        found += [{
            "id": token.pk, "user": token.user.username, "state": state_of(token, now),
            "expires": token.expires, "invalid_date": token.invalid_date,
        } for token in tokens]
    return found
