"""The pages of the extension. Only superusers may see them, for they concern all users' tokens.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.db import connections, router
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from djblets.extensions.views import configure_extension
from reviewboard.extensions.base import get_extension_manager
from reviewboard.webapi.models import WebAPIToken

from . import library
from .extension import RBTokenExtension
from .forms import ACTIONS, CONDITIONS, FilterForm, TokenSettingsForm
from .tokens import MAX_DOCUMENTS, summarize

logger = logging.getLogger(__name__)

#: Maximum numbers of rows of a page.
MAX_TOKENS = 100
MAX_CLIENTS = 50


def superuser_required(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Asks for a login, and refuses everybody but superusers."""
    @csrf_protect
    @staff_member_required
    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if not request.user.is_superuser:
            raise PermissionDenied
        return view(request)

    return checked


@sensitive_post_parameters("gateway_secret")
@superuser_required
def configure(request: HttpRequest) -> HttpResponse:
    """Shows and saves the settings."""
    return configure_extension(
        request, ext_class=RBTokenExtension, form_class=TokenSettingsForm,
        extension_manager=get_extension_manager(),
        template_name="rbtoken_reviewboard/configure.html")


@sensitive_post_parameters("values")
@superuser_required
def manage_tokens(request: HttpRequest) -> HttpResponse:
    """Shows the tokens that a filter selects, and runs an action."""
    actions: dict[str, Any] = {name: form() for name, form in ACTIONS.items()}
    if request.method == "POST":
        action = ACTIONS.get(request.POST.get("action", ""))
        if action is None:
            return HttpResponse("unknown action", status=400, content_type="text/plain")
        form = action(request.POST)
        if form.is_valid():
            result = form.run()
            # A name may contain line breaks.
            logger.info("%s: %r", request.user.username, result)
            messages.success(request, result)
            return HttpResponseRedirect(request.get_full_path())
        actions[action.name] = form
    filter_form = FilterForm(request.GET)
    summary = summarize(filter_form.selection(), MAX_TOKENS)
    database = connections[router.db_for_read(WebAPIToken)].settings_dict
    return render(request, "rbtoken_reviewboard/tokens.html", {
        "title": "API tokens", "filter_form": filter_form, "actions": actions.values(),
        "summary": summary, "clients": summary.clients[:MAX_CLIENTS],
        "numbers": [(name, label, summary.numbers[name]) for name, label in CONDITIONS.items()],
        "max_documents": MAX_DOCUMENTS, "library": library.report(database)})
