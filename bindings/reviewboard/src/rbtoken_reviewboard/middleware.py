"""The middleware, which Review Board runs after its own.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .extension import RBTokenExtension
from .gateway import trust_gateway
from .sessions import end_dead_session


def token_middleware(
        get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Ends sessions with their tokens, then reads what a trusted gateway says."""
    def middleware(request: HttpRequest) -> HttpResponseBase:
        # There is no instance while another thread reloads the extensions.
        extension = RBTokenExtension.instance
        settings = RBTokenExtension.default_settings if extension is None else extension.settings
        end_dead_session(request, settings.get("session_check_secs"))
        trust_gateway(request, settings.get("gateway_secret_hash"))
        return get_response(request)

    return middleware
