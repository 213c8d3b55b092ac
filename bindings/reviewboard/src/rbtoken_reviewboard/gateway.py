"""Trusts a gateway in front of the server to name the user of a request.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from typing import Optional

from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

logger = logging.getLogger(__name__)

USER_HEADER = "HTTP_X_FORWARDED_USER"
SECRET_HEADER = "HTTP_X_GATEWAY_SECRET"


@sensitive_variables("secret")
def hash_secret(secret: str) -> str:
    """Returns what is stored of a gateway's secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def is_cross_site(request: HttpRequest) -> bool:
    """Returns whether a page of another site makes a browser send a request that changes something.

    The server's API does not check that. A gateway may authenticate by what browsers send on their
    own, such as certificates and cookies.
    """
    if request.method in ("GET", "HEAD", "OPTIONS", "TRACE"):
        return False
    origin = request.META.get("HTTP_ORIGIN")
    if origin is not None and origin.rpartition("://")[2].lower() != request.get_host().lower():
        return True
    return request.META.get("HTTP_SEC_FETCH_SITE") == "cross-site"


def find_user(header: str) -> Optional[User]:
    """Returns the active user that a header names in UTF-8."""
    try:
        # WSGI decodes headers as Latin-1.
        name = header.encode("latin-1").decode()
    except UnicodeError:
        return None
    user = User.objects.filter(username=name, is_active=True).first()
    # The database may ignore the case of letters.
    return user if user is not None and user.username == name else None


@sensitive_variables("secret")
def trust_gateway(request: HttpRequest, secret_hash: str) -> None:
    """Makes the user of `X-Forwarded-User` that of the request if the gateway's secret is right.

    Both headers are removed, so that nothing behind this reads them. If no gateway is trusted, the
    request stays as it is.
    """
    if not secret_hash:
        return
    header = request.META.pop(USER_HEADER, None)
    secret = request.META.pop(SECRET_HEADER, "")
    # A copy of META that Django makes when it is first used.
    request.__dict__.pop("headers", None)
    if header is None or not hmac.compare_digest(hash_secret(secret), secret_hash):
        return
    if is_cross_site(request):
        logger.warning("The gateway named a user in a request of another site")
        return
    user = find_user(header)
    if user is None:
        logger.warning("The gateway named a user that does not exist or is inactive")
    if request.user.is_authenticated and request.user != user:
        # The session belongs to somebody else.
        logout(request)
    if user is not None:
        request.user = user
