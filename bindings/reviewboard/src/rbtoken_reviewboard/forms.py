"""The forms of the extension's pages.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from djblets.extensions.forms import SettingsForm

from .gateway import hash_secret
from .revocation import purge, revoke, revoke_values
from .tokens import SOON, Selection

MIN_SECRET = 32

#: What the page calls the conditions of tokens.
CONDITIONS = {
    "usable": "Usable",
    "revoked": "Revoked",
    "expired": "Expired",
    "deprecated": "Usable, but in a deprecated format",
    "expiring": f"Usable, but expire within {SOON.days} days",
}


class TokenSettingsForm(SettingsForm):
    """The settings of the extension."""

    session_check_secs = forms.IntegerField(
        label="Check sessions every", min_value=0, max_value=86400,
        help_text="Seconds for which the token of a session is not looked up again. With 0, it is "
                  "looked up at each request.")
    gateway_secret = forms.CharField(
        label="New secret of the gateway", required=False, min_length=MIN_SECRET, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="A gateway that sends this secret in X-Gateway-Secret can act as any user, by "
                  "the name in X-Forwarded-User. Only a hash of it is stored. Leave it empty to "
                  "keep the current one.")
    gateway_off = forms.BooleanField(
        label="Trust no gateway", required=False, help_text="Removes the stored secret.")

    class Meta:
        title = "API tokens"
        load_blacklist = ("gateway_secret", "gateway_off")
        save_blacklist = ("gateway_secret", "gateway_off")
        fieldsets = (
            ("Sessions", {"fields": ("session_check_secs",)}),
            ("Gateway", {"fields": ("gateway_secret", "gateway_off")}),
        )

    def clean_gateway_secret(self) -> str:
        """Refuses what a header cannot carry unchanged."""
        secret = str(self.cleaned_data["gateway_secret"])
        if not all("!" <= character <= "~" for character in secret):
            raise forms.ValidationError(
                "Only printable ASCII characters without spaces are accepted.")
        return secret

    def save(self) -> None:
        """Saves the settings, with a hash in the secret's place."""
        if self.cleaned_data["gateway_off"]:
            self.settings.set("gateway_secret_hash", "")
        elif self.cleaned_data["gateway_secret"]:
            self.settings.set("gateway_secret_hash",
                              hash_secret(self.cleaned_data["gateway_secret"]))
        super().save()


class FilterForm(forms.Form):
    """The filter of the page of tokens."""

    user = forms.CharField(required=False)
    client = forms.CharField(required=False, strip=False)
    condition = forms.ChoiceField(
        label="Show", required=False, choices=[("", "All"), *CONDITIONS.items()])

    def selection(self) -> Selection:
        """Returns the tokens that the filter selects; all if it is not valid."""
        return Selection(**self.cleaned_data) if self.is_valid() else Selection()


class SecretTextarea(forms.Textarea):
    """A text area that never shows what was entered."""

    def format_value(self, value: Any) -> str:
        return ""


class ActionForm(forms.Form):
    """A form that changes tokens. `run` does it, and returns what to tell the administrator."""

    name: str
    title: str

    def run(self) -> str:
        raise NotImplementedError


class RevokeForm(ActionForm):
    """A form that revokes tokens, with a reason that the server shows to who uses them."""

    reason = forms.CharField(max_length=500, initial="Revoked by an administrator.")

    field_order = ("user", "client", "values", "reason")


class RevokeUserForm(RevokeForm):
    name, title = "revoke-user", "Revoke the tokens of a user"
    user = forms.CharField()

    def clean_user(self) -> str:
        name = str(self.cleaned_data["user"])
        if not User.objects.filter(username=name).exists():
            raise forms.ValidationError("No user has this name.")
        return name

    def run(self) -> str:
        user = self.cleaned_data["user"]
        count = revoke(Selection(user=user), self.cleaned_data["reason"])
        return f"Revoked tokens of the user {user}: {count}."


class RevokeClientForm(RevokeForm):
    name, title = "revoke-client", "Revoke the tokens of a client"
    client = forms.CharField(strip=False, help_text="The name as in the table of clients.")

    def run(self) -> str:
        client = self.cleaned_data["client"]
        count = revoke(Selection(client=client), self.cleaned_data["reason"])
        return f"Revoked tokens of the client {client}: {count}."


class RevokeValuesForm(RevokeForm):
    name, title = "revoke-values", "Revoke leaked tokens"
    values = forms.CharField(
        label="Values", widget=SecretTextarea(attrs={"rows": 4, "autocomplete": "off"}),
        help_text="The values, separated by white space. They are not shown or logged.")

    def run(self) -> str:
        result = revoke_values(self.cleaned_data["values"].split(), self.cleaned_data["reason"])
        text = (f"Revoked tokens: {len(result.revoked)}. Revoked before: "
                f"{result.already_revoked}. Unknown values: {result.unknown}")
        if result.malformed:
            text += f" (not in the format of a token: {result.malformed})"
        return text + "."


class PurgeForm(ActionForm):
    name, title = "purge", "Delete dead tokens"
    days = forms.IntegerField(
        label="Days", min_value=0, max_value=36500, initial=90,
        help_text="Deletes the tokens that were revoked or expired longer ago.")

    def run(self) -> str:
        return f"Deleted tokens: {purge(self.cleaned_data['days'])}."


ACTIONS = {form.name: form for form in (
    RevokeValuesForm, RevokeUserForm, RevokeClientForm, PurgeForm)}
