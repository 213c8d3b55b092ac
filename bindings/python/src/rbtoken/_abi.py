"""The C ABI of librbtoken for ctypes: constants, layouts and signatures of rbtoken.h.

Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import ctypes
import enum
from ctypes import CFUNCTYPE, POINTER, c_bool, c_char_p, c_int32, c_int64, c_size_t
from ctypes import c_uint32, c_uint64, c_void_p
from typing import Any

#: The version of the ABI that this module describes, for rbtoken_abi_is_compatible().
ABI_VERSION = 0 << 16 | 2


class Status(enum.IntEnum):
    """Statuses. Later versions can add statuses, but never use a number for another one."""

    #: The call succeeded.
    OK = 0
    #: A required argument is NULL, or a text is NULL and its length is not 0.
    NULL_ARGUMENT = 1
    #: An argument has a value that is not allowed.
    INVALID_ARGUMENT = 2
    #: A text is not valid UTF-8.
    INVALID_UTF8 = 3
    #: A text contains a NUL character.
    EMBEDDED_NUL = 4
    #: A text or a list is longer than allowed.
    TOO_LONG = 5
    #: ``struct_size`` is not a possible size of the struct, for example because it was not set with
    #: ``RBTOKEN_INIT``.
    STRUCT_SIZE = 6
    #: A field of a newer header is set, which this library does not know.
    UNSUPPORTED_OPTION = 7
    #: A time is outside the years 1 to 9999.
    TIME_RANGE = 8
    #: A document is not valid JSON.
    JSON_SYNTAX = 40
    #: A JSON value has the wrong type.
    JSON_TYPE = 41
    #: A document is nested more than 128 levels deep.
    JSON_TOO_DEEP = 42
    #: A number is neither a 64-bit integer nor a finite float.
    JSON_NUMBER = 43
    #: A policy breaks a rule; the error's JSON path shows where.
    POLICY = 44
    #: There is no such token, user, Local Site, setting or hooks.
    NOT_FOUND = 80
    #: The object already exists.
    EXISTS = 81
    #: The object is in a state that does not allow the call.
    STATE = 82
    #: This build, or this kind of store, does not support the call.
    UNSUPPORTED = 83
    #: The store was opened before fork(), and this process is the child.
    FORKED = 84
    #: An earlier ``RBTOKEN_E_INTERNAL`` may have left the store inconsistent, so that it rejects all
    #: calls.
    POISONED = 85
    #: No token value could be generated: there is no such generator, no random bytes are
    #: available, or 20 values in a row already exist.
    GENERATION = 120
    #: A callback of the host broke its contract.
    CALLBACK = 121
    #: Another store, in this process or another, has the file open.
    LOCKED = 160
    #: The operating system reported an input or output error.
    IO = 161
    #: Stored data is damaged.
    CORRUPT = 162
    #: Stored data has an incompatible version.
    VERSION = 163
    #: The database reported an error.
    DATABASE = 164
    #: The operation exceeded its time limit.
    TIMEOUT = 165
    #: Memory is exhausted.
    NO_MEMORY = 200
    #: There is a bug in the library. Nothing was changed, or the store returns
    #: ``RBTOKEN_E_POISONED`` from now on.
    INTERNAL = 201


class LogLevel(enum.IntEnum):
    """Severity of a log message."""

    #: No message has this level yet.
    ERROR = 1
    #: An instance could not be configured, initialized or shut down.
    WARN = 2
    #: An instance changed its state.
    INFO = 3
    #: An event of a token, as in ``rbtoken_hooks_t``.
    DEBUG = 4


class ExpiresMode(enum.IntEnum):
    """Expiration of a new token: the values of ``expires_mode`` in ``rbtoken_client_token_options_t`` and
    ``rbtoken_generate_options_t``."""

    #: ``get_or_create_client_token``: after ``client_token_expiration`` days.
    #: ``generate_token``: never.
    DEFAULT = 0
    #: Never.
    NEVER = 1
    #: At the time in ``expires_at_us``.
    AT = 2


class MinValidityMode(enum.IntEnum):
    """Minimum validity of an existing token: the values of ``min_validity_mode``."""

    #: The setting ``min_validity_secs``; 2 hours for service accounts.
    DEFAULT = 0
    #: The number of seconds in ``min_validity_secs``.
    SECS = 1


class FilterSiteMode(enum.IntEnum):
    """Sites whose tokens are listed: the values of ``local_site_mode`` in ``rbtoken_token_filter_t``."""

    #: The global site and all Local Sites.
    ALL = 0
    #: The global site.
    GLOBAL = 1
    #: The Local Site in ``local_site``.
    NAMED = 2


class FilterValidityMode(enum.IntEnum):
    """Validity of the tokens that are listed: the values of ``validity_mode`` in
    ``rbtoken_token_filter_t``."""

    #: All tokens.
    ANY = 0
    #: Usable tokens: those that are neither invalidated nor expired.
    VALID = 1
    #: Tokens that are invalidated or expired.
    DEAD = 2


class Verdict(enum.IntEnum):
    """Verdicts: the results of a login."""

    #: No verdict: the call failed.
    REFUSED = 0
    #: The caller is the token's user.
    OK = 1
    #: There is no such token, or the token's value in the header is missing or contains spaces.
    UNKNOWN = 2
    #: The token was invalidated.
    INVALID = 3
    #: The token has expired.
    EXPIRED = 4
    #: The token's user is not active. Respond as for an unknown token.
    INACTIVE_USER = 5
    #: The token belongs to a Local Site, and the request is for another site.
    WRONG_SITE = 6
    #: The header is for another kind of login, which this library does not handle.
    NOT_A_TOKEN = 7


class SiteMode(enum.IntEnum):
    """Site of a request: the values of ``site_mode`` in ``rbtoken_login_options_t``."""

    #: The global site: tokens of Local Sites are rejected.
    GLOBAL = 0
    #: The Local Site in ``site``: tokens of other Local Sites are rejected.
    NAMED = 1
    #: Any site: the host checks ``rbtoken_token_local_site()`` itself.
    ANY = 2


class FieldMode(enum.IntEnum):
    """Change of a field: the values of the fields ``…_mode`` in ``rbtoken_token_update_t``."""

    #: Keeps the field.
    KEEP = 0
    #: Clears the field: the token never expires, has an empty note, a policy for full access, or
    #: the extra data ``{}``.
    NONE = 1
    #: Sets the field to the given value.
    SET = 2


class ExpirationMode(enum.IntEnum):
    """Lifetime of a service account's new tokens: the values of ``expiration_mode`` in
    ``rbtoken_service_account_options_t``."""

    #: 30 days.
    DEFAULT = 0
    #: Unlimited: the tokens never expire.
    NEVER = 1
    #: The number of seconds in ``expiration_secs``.
    SECS = 2


# Flags.

#: Flag of ``rbtoken_client_token_options_t``: skips tokens of deprecated generators.
CLIENT_TOKEN_IGNORE_DEPRECATED = 1
#: Flag of ``rbtoken_generate_options_t``: creates a token that is invalid from the start.
GENERATE_INVALID = 1
#: Flag of ``rbtoken_generate_options_t``: tells the *created* callback that no person asked for the
#: token.
GENERATE_AUTO_GENERATED = 2
#: Flag of ``rbtoken_import_options_t``: the token was invalidated.
IMPORT_INVALID = 1
#: Flag of ``rbtoken_import_options_t``: ``time_added_us`` is set.
IMPORT_TIME_ADDED_KNOWN = 2
#: Flag of ``rbtoken_import_options_t``: ``last_updated_us`` is set.
IMPORT_LAST_UPDATED_KNOWN = 4
#: Flag of ``rbtoken_import_options_t``: ``last_used_us`` is set.
IMPORT_LAST_USED_KNOWN = 8
#: Flag of ``rbtoken_import_options_t``: ``expires_at_us`` is set.
IMPORT_EXPIRES_KNOWN = 16
#: Flag of ``rbtoken_import_options_t``: ``invalid_date_us`` is set.
IMPORT_INVALID_DATE_KNOWN = 32
#: Flag of ``rbtoken_token_filter_t``: lists only tokens that expire before ``expires_before_us``.
FILTER_EXPIRES_BEFORE = 1
#: Flag of ``rbtoken_token_to_json()``: includes the token's value.
JSON_WITH_VALUE = 1
#: Minor version of the tables in this header, for ``rbtoken_extension_entry_v1()``.
EXTENSION_MINOR = 0


# Callbacks.

DestroyFn = CFUNCTYPE(None, c_void_p)
ClockFn = CFUNCTYPE(c_int32, c_void_p, POINTER(c_int64))
EntropyFn = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t)
LogFn = CFUNCTYPE(None, c_void_p, c_int32, c_char_p, c_char_p)
ProgressFn = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_uint64)
EventFn = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
CreatedFn = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p, c_bool)
GeneratorCreateFn = CFUNCTYPE(c_int32, c_void_p, c_char_p, c_uint32, c_void_p, c_size_t, POINTER(c_size_t))
GeneratorValidateFn = CFUNCTYPE(c_int32, c_void_p, c_char_p, c_void_p, c_size_t, POINTER(c_bool))


class Clock(ctypes.Structure):
    """rbtoken_clock_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("user_data", c_void_p),
        ("now", ClockFn),
        ("destroy", DestroyFn),
    ]


class Entropy(ctypes.Structure):
    """rbtoken_entropy_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("user_data", c_void_p),
        ("fill", EntropyFn),
        ("destroy", DestroyFn),
    ]


class Log(ctypes.Structure):
    """rbtoken_log_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("user_data", c_void_p),
        ("log", LogFn),
        ("destroy", DestroyFn),
    ]


class StoreOptions(ctypes.Structure):
    """rbtoken_store_options_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("location", c_char_p),
        ("location_len", c_size_t),
        ("settings", c_char_p),
        ("settings_len", c_size_t),
        ("clock", POINTER(Clock)),
        ("entropy", POINTER(Entropy)),
        ("log", POINTER(Log)),
    ]


class Progress(ctypes.Structure):
    """rbtoken_progress_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("user_data", c_void_p),
        ("progress", ProgressFn),
        ("destroy", DestroyFn),
    ]


class ClientTokenOptions(ctypes.Structure):
    """rbtoken_client_token_options_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("expires_mode", c_int32),
        ("min_validity_mode", c_int32),
        ("expires_at_us", c_int64),
        ("min_validity_secs", c_int64),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("local_site", c_char_p),
        ("local_site_len", c_size_t),
        ("default_policy", c_char_p),
        ("default_policy_len", c_size_t),
        ("default_extra_data", c_char_p),
        ("default_extra_data_len", c_size_t),
    ]


class GenerateOptions(ctypes.Structure):
    """rbtoken_generate_options_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("expires_mode", c_int32),
        ("flags", c_uint32),
        ("expires_at_us", c_int64),
        ("generator_id", c_char_p),
        ("generator_id_len", c_size_t),
        ("token_type", c_char_p),
        ("token_type_len", c_size_t),
        ("local_site", c_char_p),
        ("local_site_len", c_size_t),
        ("note", c_char_p),
        ("note_len", c_size_t),
        ("policy", c_char_p),
        ("policy_len", c_size_t),
        ("extra_data", c_char_p),
        ("extra_data_len", c_size_t),
    ]


class ImportOptions(ctypes.Structure):
    """rbtoken_import_options_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("time_added_us", c_int64),
        ("last_updated_us", c_int64),
        ("last_used_us", c_int64),
        ("expires_at_us", c_int64),
        ("invalid_date_us", c_int64),
        ("invalid_reason", c_char_p),
        ("invalid_reason_len", c_size_t),
        ("generator_id", c_char_p),
        ("generator_id_len", c_size_t),
        ("local_site", c_char_p),
        ("local_site_len", c_size_t),
        ("note", c_char_p),
        ("note_len", c_size_t),
        ("policy", c_char_p),
        ("policy_len", c_size_t),
        ("extra_data", c_char_p),
        ("extra_data_len", c_size_t),
    ]


class TokenFilter(ctypes.Structure):
    """rbtoken_token_filter_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("local_site_mode", c_int32),
        ("validity_mode", c_int32),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("expires_before_us", c_int64),
        ("local_site", c_char_p),
        ("local_site_len", c_size_t),
        ("user", c_char_p),
        ("user_len", c_size_t),
        ("client_name", c_char_p),
        ("client_name_len", c_size_t),
    ]


class LoginOptions(ctypes.Structure):
    """rbtoken_login_options_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("site_mode", c_int32),
        ("reserved", c_uint32),
        ("site", c_char_p),
        ("site_len", c_size_t),
    ]


class TokenUpdate(ctypes.Structure):
    """rbtoken_token_update_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("expires_mode", c_int32),
        ("note_mode", c_int32),
        ("policy_mode", c_int32),
        ("extra_data_mode", c_int32),
        ("expires_at_us", c_int64),
        ("note", c_char_p),
        ("note_len", c_size_t),
        ("policy", c_char_p),
        ("policy_len", c_size_t),
        ("extra_data", c_char_p),
        ("extra_data_len", c_size_t),
    ]


class Hooks(ctypes.Structure):
    """rbtoken_hooks_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("user_data", c_void_p),
        ("created", CreatedFn),
        ("updated", EventFn),
        ("invalidated", EventFn),
        ("expired", EventFn),
        ("used", EventFn),
        ("deleted", EventFn),
        ("destroy", DestroyFn),
    ]


class Generator(ctypes.Structure):
    """rbtoken_generator_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("user_data", c_void_p),
        ("create", GeneratorCreateFn),
        ("validate", GeneratorValidateFn),
        ("destroy", DestroyFn),
    ]


class ServiceAccountOptions(ctypes.Structure):
    """rbtoken_service_account_options_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("expiration_mode", c_int32),
        ("token_version", c_uint32),
        ("expiration_secs", c_int64),
        ("id", c_char_p),
        ("id_len", c_size_t),
        ("user", c_char_p),
        ("user_len", c_size_t),
        ("policy", c_char_p),
        ("policy_len", c_size_t),
    ]


class ServiceTokenOptions(ctypes.Structure):
    """rbtoken_service_token_options_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("min_validity_mode", c_int32),
        ("reserved", c_uint32),
        ("min_validity_secs", c_int64),
        ("local_site", c_char_p),
        ("local_site_len", c_size_t),
    ]


class HostV1(ctypes.Structure):
    """rbtoken_host_v1_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("user_data", c_void_p),
        ("log", LogFn),
        ("now", ClockFn),
        ("fill", EntropyFn),
    ]


class ExtensionV1(ctypes.Structure):
    """rbtoken_extension_v1_t"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("id", c_char_p),
        ("name", c_char_p),
        ("version", c_char_p),
        ("author", c_char_p),
        ("license", c_char_p),
        ("summary", c_char_p),
        ("url", c_char_p),
        ("create", CFUNCTYPE(c_int32, POINTER(HostV1), POINTER(c_void_p), POINTER(c_void_p))),
        ("configure", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_size_t, POINTER(c_void_p))),
        ("initialize", CFUNCTYPE(c_int32, c_void_p, POINTER(c_void_p))),
        ("shutdown", CFUNCTYPE(c_int32, c_void_p, POINTER(c_void_p))),
        ("destroy", CFUNCTYPE(None, c_void_p)),
        ("get_store", CFUNCTYPE(c_int32, c_void_p, POINTER(c_void_p), POINTER(c_void_p))),
        ("get_settings", CFUNCTYPE(c_int32, c_void_p, POINTER(c_void_p), POINTER(c_void_p))),
        ("get_settings_schema", CFUNCTYPE(c_char_p)),
        ("get_interface", CFUNCTYPE(c_void_p, c_char_p)),
    ]


#: The result and the parameters of each function.
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "rbtoken_version": (
        c_char_p, []),
    "rbtoken_abi_version": (
        c_uint32, []),
    "rbtoken_abi_is_compatible": (
        c_bool, [c_uint32]),
    "rbtoken_status_name": (
        c_char_p, [c_int32]),
    "rbtoken_error_status": (
        c_int32, [c_void_p]),
    "rbtoken_error_message": (
        c_char_p, [c_void_p]),
    "rbtoken_error_argument": (
        c_char_p, [c_void_p]),
    "rbtoken_error_json_path": (
        c_char_p, [c_void_p]),
    "rbtoken_error_free": (
        None, [c_void_p]),
    "rbtoken_buffer_data": (
        c_void_p, [c_void_p, POINTER(c_size_t)]),
    "rbtoken_buffer_free": (
        None, [c_void_p]),
    "rbtoken_store_open": (
        c_int32, [POINTER(StoreOptions), POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_shared": (
        c_int32, [POINTER(StoreOptions), POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_retain": (
        c_void_p, [c_void_p]),
    "rbtoken_store_release": (
        None, [c_void_p]),
    "rbtoken_store_flush": (
        c_int32, [c_void_p, POINTER(c_void_p)]),
    "rbtoken_store_set_setting": (
        c_int32, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, POINTER(c_void_p)]),
    "rbtoken_store_get_setting": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_statistics": (
        c_int32, [c_void_p, POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_add_local_site": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(c_void_p)]),
    "rbtoken_store_remove_local_site": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(c_void_p)]),
    "rbtoken_store_set_user_active": (
        c_int32, [c_void_p, c_char_p, c_size_t, c_int32, POINTER(c_void_p)]),
    "rbtoken_store_set_policy_ids": (
        c_int32, [c_void_p, POINTER(c_char_p), c_size_t, POINTER(c_void_p)]),
    "rbtoken_store_backup": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(c_void_p)]),
    "rbtoken_store_export_file": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(Progress), POINTER(c_uint64), POINTER(c_void_p)]),
    "rbtoken_store_import_file": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(Progress), POINTER(c_uint64), POINTER(c_void_p)]),
    "rbtoken_store_get_or_create_client_token": (
        c_int32, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, POINTER(ClientTokenOptions), POINTER(c_void_p), POINTER(c_bool), POINTER(c_void_p)]),
    "rbtoken_store_generate_token": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(GenerateOptions), POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_import_token": (
        c_int32, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, POINTER(ImportOptions), POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_find_token": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_get_token": (
        c_int32, [c_void_p, c_int64, POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_list_tokens": (
        c_int32, [c_void_p, POINTER(TokenFilter), POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_token_count": (
        c_int32, [c_void_p, POINTER(c_uint64), POINTER(c_void_p)]),
    "rbtoken_store_value_is_valid": (
        c_int32, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_char_p, c_size_t, POINTER(c_bool), POINTER(c_void_p)]),
    "rbtoken_verdict_name": (
        c_char_p, [c_int32]),
    "rbtoken_store_authenticate": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(LoginOptions), POINTER(c_int32), POINTER(c_void_p), POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_forget_logins": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(c_void_p)]),
    "rbtoken_store_authenticate_header": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(LoginOptions), POINTER(c_int32), POINTER(c_void_p), POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_update_token": (
        c_int32, [c_void_p, c_int64, POINTER(TokenUpdate), POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_store_invalidate_token": (
        c_int32, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, POINTER(c_void_p)]),
    "rbtoken_store_invalidate_token_by_id": (
        c_int32, [c_void_p, c_int64, c_char_p, c_size_t, POINTER(c_void_p)]),
    "rbtoken_store_invalidate_user_tokens": (
        c_int32, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, POINTER(c_uint64), POINTER(c_void_p)]),
    "rbtoken_store_invalidate_all_tokens": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(c_uint64), POINTER(c_void_p)]),
    "rbtoken_store_delete_token": (
        c_int32, [c_void_p, c_int64, POINTER(c_void_p)]),
    "rbtoken_store_purge_tokens": (
        c_int32, [c_void_p, c_int64, POINTER(c_uint64), POINTER(c_void_p)]),
    "rbtoken_store_add_hooks": (
        c_int32, [c_void_p, POINTER(Hooks), POINTER(c_uint64), POINTER(c_void_p)]),
    "rbtoken_store_remove_hooks": (
        c_int32, [c_void_p, c_uint64, POINTER(c_void_p)]),
    "rbtoken_store_add_generator": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(Generator), POINTER(c_void_p)]),
    "rbtoken_store_set_default_generator": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(c_void_p)]),
    "rbtoken_store_set_deprecated_generators": (
        c_int32, [c_void_p, POINTER(c_char_p), c_size_t, POINTER(c_void_p)]),
    "rbtoken_service_account_new": (
        c_int32, [POINTER(ServiceAccountOptions), POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_service_account_get_api_token": (
        c_int32, [c_void_p, c_void_p, POINTER(ServiceTokenOptions), POINTER(c_void_p), POINTER(c_bool), POINTER(c_void_p)]),
    "rbtoken_service_account_free": (
        None, [c_void_p]),
    "rbtoken_token_retain": (
        c_void_p, [c_void_p]),
    "rbtoken_token_release": (
        None, [c_void_p]),
    "rbtoken_token_id": (
        c_int64, [c_void_p]),
    "rbtoken_token_value": (
        c_void_p, [c_void_p, POINTER(c_size_t)]),
    "rbtoken_token_redacted": (
        c_void_p, [c_void_p, POINTER(c_size_t)]),
    "rbtoken_token_user": (
        c_void_p, [c_void_p, POINTER(c_size_t)]),
    "rbtoken_token_local_site": (
        c_void_p, [c_void_p, POINTER(c_size_t)]),
    "rbtoken_token_client_name": (
        c_void_p, [c_void_p, POINTER(c_size_t)]),
    "rbtoken_token_note": (
        c_void_p, [c_void_p, POINTER(c_size_t)]),
    "rbtoken_token_generator_id": (
        c_void_p, [c_void_p, POINTER(c_size_t)]),
    "rbtoken_token_policy": (
        c_void_p, [c_void_p, POINTER(c_size_t)]),
    "rbtoken_token_extra_data": (
        c_void_p, [c_void_p, POINTER(c_size_t)]),
    "rbtoken_token_invalid_reason": (
        c_void_p, [c_void_p, POINTER(c_size_t)]),
    "rbtoken_token_expires": (
        c_bool, [c_void_p, POINTER(c_int64)]),
    "rbtoken_token_time_added": (
        c_bool, [c_void_p, POINTER(c_int64)]),
    "rbtoken_token_last_updated": (
        c_bool, [c_void_p, POINTER(c_int64)]),
    "rbtoken_token_last_used": (
        c_bool, [c_void_p, POINTER(c_int64)]),
    "rbtoken_token_invalid_date": (
        c_bool, [c_void_p, POINTER(c_int64)]),
    "rbtoken_token_is_invalidated": (
        c_bool, [c_void_p]),
    "rbtoken_token_is_expired": (
        c_bool, [c_void_p, c_int64]),
    "rbtoken_token_is_deprecated": (
        c_bool, [c_void_p]),
    "rbtoken_token_to_json": (
        c_int32, [c_void_p, c_int64, c_uint32, POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_token_list_count": (
        c_size_t, [c_void_p]),
    "rbtoken_token_list_get": (
        c_void_p, [c_void_p, c_size_t]),
    "rbtoken_token_list_free": (
        None, [c_void_p]),
    "rbtoken_token_allows": (
        c_int32, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_char_p, c_size_t, POINTER(c_bool), POINTER(c_void_p)]),
    "rbtoken_policy_parse": (
        c_int32, [c_void_p, c_char_p, c_size_t, POINTER(c_void_p), POINTER(c_void_p)]),
    "rbtoken_policy_allows": (
        c_int32, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_char_p, c_size_t, POINTER(c_bool), POINTER(c_void_p)]),
    "rbtoken_policy_free": (
        None, [c_void_p]),
    "rbtoken_extension_entry_v1": (
        c_int32, [c_uint32, POINTER(POINTER(ExtensionV1))]),
}


def declare(library: ctypes.CDLL) -> None:
    """Sets the types of every function of the library."""
    for name, (result, parameters) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, parameters
