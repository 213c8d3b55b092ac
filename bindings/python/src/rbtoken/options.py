"""Options of calls, for hosts that keep them: every call takes the same as keywords.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal, Optional, TypeVar, Union

from . import _abi as abi
from . import _convert as convert
from ._convert import Document
from .errors import InvalidArgument


class Mark(enum.Enum):
    """Values that stand for something that no other value can."""

    NEVER = "never"
    KEEP = "keep"
    ANY = "any"

    def __repr__(self) -> str:
        return self.name


#: An expiration: never.
NEVER: Literal[Mark.NEVER] = Mark.NEVER
#: A field of an update: unchanged.
KEEP: Literal[Mark.KEEP] = Mark.KEEP
#: The site of a login or of a list: any.
ANY: Literal[Mark.ANY] = Mark.ANY

Keep = Literal[Mark.KEEP]
Never = Literal[Mark.NEVER]
Any_ = Literal[Mark.ANY]

_Options = TypeVar("_Options")


def merge(kind: type[_Options], options: _Options | None, keywords: Mapping[str, Any],
          name: str = "options") -> _Options:
    """Returns the options of a call, which are passed whole or as keywords."""
    if options is None:
        return kind(**keywords)
    if not isinstance(options, kind):
        convert.refuse_type(options, name, f"{kind.__name__} or None")
    for field in fields(kind):  # type: ignore[arg-type]
        assert field.default is not MISSING
        # Defaults are compared by identity: 1 equals True, but is a mistake.
        if keywords[field.name] is not field.default:
            raise InvalidArgument(abi.Status.INVALID_ARGUMENT,
                                  "pass options or keywords, not both", field.name)
    return options


def _validity(value: timedelta | None) -> dict[str, int]:
    if value is None:
        return {"min_validity_mode": abi.MinValidityMode.DEFAULT}
    return {"min_validity_mode": abi.MinValidityMode.SECS,
            "min_validity_secs": convert.seconds(value, "min_validity")}


@dataclass(frozen=True)
class ClientTokenOptions:
    """How to search for a client's token, or to create it. The defaults are the store's."""

    #: When a new token expires; `NEVER`; None: as ``client_token_expiration`` says.
    expires: Union[datetime, Never, None] = None
    #: Minimum remaining validity of an existing token; None: the store's setting.
    min_validity: Optional[timedelta] = None
    #: Whether to ignore tokens of deprecated generators.
    ignore_deprecated: bool = False
    #: The Local Site of the token; None: the global site.
    local_site: Optional[str] = None
    #: A new token's policy; None: full access.
    default_policy: Optional[Document] = None
    #: A new token's extra data, to which the client's name is added.
    default_extra_data: Optional[Document] = None

    def _struct(self) -> abi.ClientTokenOptions:
        mode, at_us = abi.ExpiresMode.DEFAULT, 0
        if self.expires is NEVER:
            mode = abi.ExpiresMode.NEVER
        elif self.expires is not None:
            mode, at_us = abi.ExpiresMode.AT, convert.microseconds(self.expires, "expires")
        ignore = convert.boolean(self.ignore_deprecated, "ignore_deprecated")
        return convert.struct(
            abi.ClientTokenOptions, expires_mode=mode, expires_at_us=at_us,
            flags=abi.CLIENT_TOKEN_IGNORE_DEPRECATED if ignore else 0,
            local_site=convert.optional_text(self.local_site, "local_site"),
            default_policy=convert.optional_document(self.default_policy, "default_policy"),
            default_extra_data=convert.optional_document(
                self.default_extra_data, "default_extra_data"),
            **_validity(self.min_validity))


@dataclass(frozen=True)
class GenerateOptions:
    """How to create a token that need not be a client's."""

    #: When the token expires; None: never.
    expires: Union[datetime, Never, None] = None
    #: Whether the token is valid from the start.
    valid: bool = True
    #: Passed to the *created* hook: whether no person requested the token.
    auto_generated: bool = False
    #: The generator; None: the store's default.
    generator_id: Optional[str] = None
    #: The token type, with which the value starts; None: the store's ``token_type``.
    token_type: Optional[str] = None
    #: The Local Site of the token; None: the global site.
    local_site: Optional[str] = None
    #: A note for people.
    note: Optional[str] = None
    #: The policy; None: full access.
    policy: Optional[Document] = None
    #: The extra data; a string ``client_name`` in it makes this a client's token.
    extra_data: Optional[Document] = None

    def _struct(self) -> abi.GenerateOptions:
        mode, at_us = abi.ExpiresMode.NEVER, 0
        if self.expires is not None and self.expires is not NEVER:
            mode, at_us = abi.ExpiresMode.AT, convert.microseconds(self.expires, "expires")
        flags = 0 if convert.boolean(self.valid, "valid") else abi.GENERATE_INVALID
        if convert.boolean(self.auto_generated, "auto_generated"):
            flags |= abi.GENERATE_AUTO_GENERATED
        return convert.struct(
            abi.GenerateOptions, expires_mode=mode, expires_at_us=at_us, flags=flags,
            generator_id=convert.optional_text(self.generator_id, "generator_id"),
            token_type=convert.optional_text(self.token_type, "token_type"),
            local_site=convert.optional_text(self.local_site, "local_site"),
            note=convert.optional_text(self.note, "note"),
            policy=convert.optional_document(self.policy, "policy"),
            extra_data=convert.optional_document(self.extra_data, "extra_data"))


@dataclass(frozen=True)
class ImportOptions:
    """The fields of a token that exists elsewhere. None: unknown, or none."""

    #: When the token was created; None: now.
    time_added: Optional[datetime] = None
    #: When the token was last changed; None: when it was created.
    last_updated: Optional[datetime] = None
    #: When the token was last used; None: never.
    last_used: Optional[datetime] = None
    #: When the token expires; None: never.
    expires: Optional[datetime] = None
    #: Whether the token was invalidated.
    invalid: bool = False
    #: When the token was invalidated.
    invalid_date: Optional[datetime] = None
    #: Why the token was invalidated.
    invalid_reason: Optional[str] = None
    #: The generator of the value, which the store need not know; None: the store's default.
    generator_id: Optional[str] = None
    #: The Local Site of the token; None: the global site.
    local_site: Optional[str] = None
    #: A note for people.
    note: Optional[str] = None
    #: The policy; None: full access.
    policy: Optional[Document] = None
    #: The extra data; a string ``client_name`` in it makes this a client's token.
    extra_data: Optional[Document] = None

    def _struct(self) -> abi.ImportOptions:
        flags = abi.IMPORT_INVALID if convert.boolean(self.invalid, "invalid") else 0
        times = {}
        for name, field, flag in (
                ("time_added", "time_added_us", abi.IMPORT_TIME_ADDED_KNOWN),
                ("last_updated", "last_updated_us", abi.IMPORT_LAST_UPDATED_KNOWN),
                ("last_used", "last_used_us", abi.IMPORT_LAST_USED_KNOWN),
                ("expires", "expires_at_us", abi.IMPORT_EXPIRES_KNOWN),
                ("invalid_date", "invalid_date_us", abi.IMPORT_INVALID_DATE_KNOWN)):
            value = getattr(self, name)
            if value is not None:
                times[field] = convert.microseconds(value, name)
                flags |= flag
        return convert.struct(
            abi.ImportOptions, flags=flags, **times,
            invalid_reason=convert.optional_text(self.invalid_reason, "invalid_reason"),
            generator_id=convert.optional_text(self.generator_id, "generator_id"),
            local_site=convert.optional_text(self.local_site, "local_site"),
            note=convert.optional_text(self.note, "note"),
            policy=convert.optional_document(self.policy, "policy"),
            extra_data=convert.optional_document(self.extra_data, "extra_data"))


@dataclass(frozen=True)
class TokenUpdate:
    """What an update changes. `KEEP` leaves a field as it is, and None empties it."""

    #: When the token expires; None or `NEVER`: never.
    expires: Union[datetime, Never, Keep, None] = KEEP
    #: A note for people.
    note: Union[str, Keep, None] = KEEP
    #: The policy; None: full access.
    policy: Union[Document, Keep, None] = KEEP
    #: The extra data, which replaces all of the old one, including ``client_name``.
    extra_data: Union[Document, Keep, None] = KEEP

    def _struct(self) -> abi.TokenUpdate:
        values: dict[str, Any] = {}
        for name, field, converted in (
                ("expires", "expires_at_us", convert.microseconds),
                ("note", "note", convert.text),
                ("policy", "policy", convert.document),
                ("extra_data", "extra_data", convert.document)):
            value = getattr(self, name)
            if value is KEEP:
                mode = abi.FieldMode.KEEP
            elif value is None or name == "expires" and value is NEVER:
                mode = abi.FieldMode.NONE
            else:
                mode = abi.FieldMode.SET
                values[field] = converted(value, name)
            values[f"{name}_mode"] = mode
        return convert.struct(abi.TokenUpdate, **values)


@dataclass(frozen=True)
class TokenFilter:
    """Which tokens a list has: those that match every part."""

    #: Only this user's tokens.
    user: Optional[str] = None
    #: Only this client's tokens.
    client_name: Optional[str] = None
    #: Only this Local Site's tokens; `ANY`: those of every site; None: those of the global site.
    local_site: Union[str, Any_, None] = ANY
    #: Only tokens that are usable (True), or invalidated or expired (False); None: both.
    valid: Optional[bool] = None
    #: Only tokens that expire before this time.
    expires_before: Optional[datetime] = None

    def _struct(self) -> abi.TokenFilter:
        site = self.local_site
        validity = abi.FilterValidityMode.ANY
        if self.valid is not None:
            validity = (abi.FilterValidityMode.VALID if convert.boolean(self.valid, "valid")
                        else abi.FilterValidityMode.DEAD)
        before = self.expires_before
        return convert.struct(
            abi.TokenFilter,
            local_site_mode=(abi.FilterSiteMode.ALL if site is ANY else
                             abi.FilterSiteMode.GLOBAL if site is None else
                             abi.FilterSiteMode.NAMED),
            local_site=None if site is ANY else convert.optional_text(site, "local_site"),
            validity_mode=validity,
            flags=0 if before is None else abi.FILTER_EXPIRES_BEFORE,
            expires_before_us=0 if before is None else convert.microseconds(
                before, "expires_before"),
            user=convert.optional_text(self.user, "user"),
            client_name=convert.optional_text(self.client_name, "client_name"))


@dataclass(frozen=True)
class LoginOptions:
    """What is known of a request that comes with a token."""

    #: The Local Site of the request; None: none; `ANY`: the host checks the token's site itself.
    site: Union[str, Any_, None] = None

    def _struct(self) -> abi.LoginOptions:
        site = self.site
        mode = (abi.SiteMode.GLOBAL if site is None else
                abi.SiteMode.ANY if site is ANY else abi.SiteMode.NAMED)
        return convert.struct(
            abi.LoginOptions, site_mode=mode,
            site=None if site is ANY else convert.optional_text(site, "site"))


@dataclass(frozen=True)
class ServiceTokenOptions:
    """Which token of a service account is asked for."""

    #: Minimum remaining validity of an existing token; None: 2 hours.
    min_validity: Optional[timedelta] = None
    #: The Local Site of the token; None: the global site.
    local_site: Optional[str] = None

    def _struct(self) -> abi.ServiceTokenOptions:
        return convert.struct(
            abi.ServiceTokenOptions,
            local_site=convert.optional_text(self.local_site, "local_site"),
            **_validity(self.min_validity))
