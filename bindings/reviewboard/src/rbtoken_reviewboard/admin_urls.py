"""The addresses of the extension's pages, which Djblets finds by the name of this module.

SPDX-License-Identifier: MIT
"""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.configure, name="rbtoken-configure"),
    path("tokens/", views.manage_tokens, name="rbtoken-tokens"),
]
