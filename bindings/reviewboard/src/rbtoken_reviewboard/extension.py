"""The extension, which Review Board finds by its entry point.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

from reviewboard.extensions.base import Extension
from reviewboard.webapi.managers import WebAPITokenManager

from .client_tokens import make_atomic
from .resources import revocation_resource, state_resource


class RBTokenExtension(Extension):
    """Makes client tokens atomic, ends sessions with their tokens, and manages tokens."""

    metadata = {
        "Name": "API tokens (rbtoken)",
        "Summary": "Creates one token per client, ends sessions when their tokens end, and "
                   "counts, purges and revokes tokens.",
    }

    is_configurable = True
    default_settings = {
        # The time for which a session's token is not looked up again.
        "session_check_secs": 0,
        # The SHA-256 of the secret of a trusted gateway, in hexadecimal. Empty: none is trusted.
        "gateway_secret_hash": "",
    }
    middleware = ["rbtoken_reviewboard.middleware.token_middleware"]
    resources = [revocation_resource, state_resource]

    def initialize(self) -> None:
        """Replaces the server's method. Called when the extension is enabled or loaded."""
        self._restore_method = make_atomic(WebAPITokenManager)

    def shutdown(self) -> None:
        """Restores the server's method. Called when the extension is disabled or reloaded."""
        restore = self.__dict__.pop("_restore_method", None)
        if restore is not None:
            restore()
        super().shutdown()
