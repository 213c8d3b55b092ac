"""Revokes and purges tokens, on Django's own connection.

A token that is revoked already keeps the date and the reason of its revocation.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple, Optional

from django.db import router, transaction
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from reviewboard.webapi.models import WebAPIToken

from . import library
from .tokens import CHUNK, Selection, chunks

#: Maximum length of a token's value.
MAX_VALUE = 255


class Revocation(NamedTuple):
    """What became of pasted values. None of them is in it."""

    #: The ids of the tokens that were usable or expired, and are revoked now.
    revoked: list[int]
    #: How many values are of tokens that had been revoked before.
    already_revoked: int
    #: How many values are of no token.
    unknown: int
    #: How many of the unknown values are not in the format of a token's value; None: not checked.
    malformed: Optional[int]


def revoke(selection: Selection, reason: str) -> int:
    """Revokes the selected tokens, all or none; returns how many."""
    now = timezone.now()
    using = router.db_for_write(WebAPIToken)
    with transaction.atomic(using=using):
        _, parts = selection.select(now, using)
        return sum(
            tokens.filter(valid=True).update(valid=False, invalid_date=now, invalid_reason=reason)
            for tokens in parts)


@sensitive_variables()
def revoke_values(values: Iterable[str], reason: str) -> Revocation:
    """Revokes the tokens that have these values."""
    wanted = {value for value in values if value}
    possible = sorted(value for value in wanted if len(value) <= MAX_VALUE and "\0" not in value)
    found: set[str] = set()
    revoked: list[int] = []
    for part in chunks(possible):
        # The database may ignore the case of letters.
        rows = [row for row in WebAPIToken.objects.filter(token__in=part).values_list(
            "pk", "token", "valid") if row[1] in wanted]
        found.update(value for _, value, _ in rows)
        ids = [token_id for token_id, _, valid in rows if valid]
        WebAPIToken.objects.invalidate_tokens(
            extra_query=Q(pk__in=ids, valid=True), invalid_reason=reason)
        revoked += ids
    unknown = wanted - found
    return Revocation(
        revoked=sorted(revoked), already_revoked=len(found) - len(revoked), unknown=len(unknown),
        malformed=library.count_malformed(unknown))


def purge(days: int) -> int:
    """Deletes the tokens that were revoked or have expired over `days` days ago; returns how many.

    If it is not known when a token was revoked, that was at its last update. Deletes in parts, so
    that other transactions need not wait for all.
    """
    before = timezone.now() - timedelta(days=days)
    dead = WebAPIToken.objects.filter(
        Q(valid=False, invalid_date__lt=before) | Q(expires__lt=before)
        | Q(valid=False, invalid_date=None, last_updated__lt=before)).order_by("pk")
    count = 0
    while ids := list(dead.values_list("pk", flat=True)[:CHUNK]):
        _, deleted = dead.model.objects.filter(pk__in=ids).delete()
        count += deleted.get(dead.model._meta.label, 0)
    return count
