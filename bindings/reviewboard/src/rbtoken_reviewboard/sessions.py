"""Ends sessions whose token is revoked, expired or gone.

The server checks a token when a session is opened with it, and afterward serves the session's
cookie until that expires.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import Any, Optional

from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest
from django.utils import timezone
from reviewboard.webapi.models import WebAPIToken

logger = logging.getLogger(__name__)

#: The key in a session under which the server stores the id of the token that opened it.
TOKEN_ID_KEY = "webapi_token_id"

MAX_CHECKED = 10_000

#: When each token of a session was found usable, by its id and the user's, and when it expires.
_checked: dict[tuple[Any, Any], tuple[float, Optional[datetime]]] = {}


def end_dead_session(request: HttpRequest, check_secs: int) -> None:
    """Ends the session if the token that opened it was deleted, was revoked, or has expired.

    A token that was found usable is not looked up again for `check_secs` seconds. Its expiration
    is checked nevertheless.
    """
    token_id = request.session.get(TOKEN_ID_KEY)
    if token_id is None:
        return
    problem = find_problem(token_id, request.session.get(SESSION_KEY), check_secs)
    if problem is not None:
        logger.info("Ended a session because its API token %s %s", token_id, problem)
        logout(request)


def find_problem(token_id: Any, user_id: Any, check_secs: int) -> Optional[str]:
    """Returns why a token is not usable for a session of a user, or None."""
    key = token_id, user_id
    checked = _checked.get(key)
    if checked is None or time.monotonic() - checked[0] >= check_secs:
        checked_at = time.monotonic()
        row = WebAPIToken.objects.filter(pk=token_id, user=user_id).values_list(
            "valid", "expires").first()
        _checked.pop(key, None)
        if row is None:
            return "was deleted"
        valid, expires = row
        if not valid:
            return "was revoked"
        checked = checked_at, expires
        if check_secs > 0:
            if len(_checked) >= MAX_CHECKED:
                _checked.clear()
            _checked[key] = checked
    expires = checked[1]
    if expires is not None and timezone.now() >= expires:
        return "has expired"
    return None
