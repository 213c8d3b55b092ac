"""Web API resources for administrators: `token-revocations/` and `token-states/`.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from djblets.webapi.decorators import (webapi_login_required, webapi_request_fields,
                                       webapi_response_errors)
from djblets.webapi.errors import INVALID_FORM_DATA, NOT_LOGGED_IN, PERMISSION_DENIED
from djblets.webapi.fields import StringFieldType
from reviewboard.webapi.base import WebAPIResource
from reviewboard.webapi.decorators import webapi_check_local_site

from .revocation import revoke_values
from .tokens import states

logger = logging.getLogger(__name__)

#: Maximum number of values or ids of a request.
MAX_ITEMS = 1000


def field_error(field: str, message: str) -> tuple[Any, dict[str, Any]]:
    """Returns the error of a field. The message must not repeat what was sent."""
    return INVALID_FORM_DATA, {"fields": {field: [message]}}


def is_allowed(request: HttpRequest, local_site: Any) -> bool:
    """Returns whether a request may see and change the tokens of all users.

    A token that is limited to a Local Site must not reach those of others.
    """
    return local_site is None and bool(request.user.is_superuser)


class RevocationResource(WebAPIResource):
    """Revokes tokens by their values, such as those that a scanner found in a repository."""

    name = "token_revocation"
    uri_name = "token-revocations"
    singleton = True
    allowed_methods = ("GET", "POST")

    @webapi_check_local_site
    @webapi_login_required
    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Returns the links of the resource."""
        return 200, {"links": self.get_links(request=request, *args, **kwargs)}

    @webapi_check_local_site
    @webapi_login_required
    @webapi_response_errors(INVALID_FORM_DATA, NOT_LOGGED_IN, PERMISSION_DENIED)
    @webapi_request_fields(
        required={"values": {
            "type": StringFieldType,
            "description": "At most 1,000 values of tokens, separated by white space.",
        }},
        optional={"reason": {
            "type": StringFieldType,
            "description": "The reason that is stored with the tokens.",
        }},
    )
    @method_decorator(sensitive_post_parameters("values"))
    @sensitive_variables()
    def create(self, request: HttpRequest, values: str, reason: str = "",
               local_site: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Revokes the tokens that have these values; returns the ids of those that were valid."""
        if not is_allowed(request, local_site):
            return PERMISSION_DENIED
        items = values.split()
        if len(items) > MAX_ITEMS:
            return field_error("values", f"At most {MAX_ITEMS} values are accepted.")
        result = revoke_values(items, reason)
        logger.info("%s revoked %d tokens by their values", request.user.username,
                    len(result.revoked))
        return 201, {self.name: result._asdict()}


class StateResource(WebAPIResource):
    """Returns the states of tokens by their ids."""

    name = "token_states"
    uri_name = "token-states"
    singleton = True
    allowed_methods = ("GET",)

    @webapi_check_local_site
    @webapi_login_required
    @webapi_response_errors(INVALID_FORM_DATA, NOT_LOGGED_IN, PERMISSION_DENIED)
    @webapi_request_fields(
        required={"ids": {
            "type": StringFieldType,
            "description": "At most 1,000 ids of tokens, separated by commas.",
        }},
    )
    def get(self, request: HttpRequest, ids: str, local_site: Any = None, *args: Any,
            **kwargs: Any) -> Any:
        """Returns the tokens that exist, in the order of their ids."""
        if not is_allowed(request, local_site):
            return PERMISSION_DENIED
        items = ids.split(",")
        if len(items) > MAX_ITEMS:
            return field_error("ids", f"At most {MAX_ITEMS} ids are accepted.")
        # Numbers of more than 64 bits are errors in some databases.
        if not all(item.isascii() and item.isdigit() and len(item) < 19 for item in items):
            return field_error("ids", "Expected numbers, separated by commas.")
        return 200, {self.name: states(map(int, items))}


revocation_resource = RevocationResource()
state_resource = StateResource()
