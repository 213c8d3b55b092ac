"""Review Board API tokens: issue, find, check and revoke them, by the rules of Review Board 8.1.

    with rbtoken.Store("tokens.db") as store:
        token, created = store.get_or_create_client_token("alice", "RBTools")
        login = store.authenticate_header(f"token {token.value}")
        if login and login.token.allows("review_request", "GET", "42"):
            ...

Whoever can ask a store for tokens can act as any user: authenticate the asker first.

Stores, tokens and everything else may be used from any thread. They are closed by ``close``, by the
end of a ``with``, or when they are garbage, in any order. What was closed raises `Closed`; calls on
it that are in flight go on.

SPDX-License-Identifier: MIT
"""

from . import _interpreter
from ._abi import LogLevel, Status, Verdict
from ._native import abi_version, status_name, verdict_name, version
from .aio import AsyncStore
from .callbacks import Hooks
from .errors import (CallbackFailed, Closed, Corrupt, DatabaseError, Exists, Forked,
                     GenerationFailed, IncompatibleVersion, InputOutputError, InternalError,
                     InvalidArgument, InvalidDocument, InvalidPolicy, InvalidState, InvalidType,
                     Locked, NoMemory, NotFound, Poisoned, RBTokenError, ShuttingDown,
                     StorageError, Timeout, Unsupported)
from .extension import Extension, Instance, extension
from .login import ClientToken, Login
from .options import (ANY, KEEP, NEVER, ClientTokenOptions, GenerateOptions, ImportOptions,
                      LoginOptions, ServiceTokenOptions, TokenFilter, TokenUpdate)
from .policy import Policy
from .service_account import ServiceAccount
from .store import Store
from .token import Token, TokenList

del _interpreter
__version__ = version()

__all__ = [
    "ANY", "KEEP", "NEVER", "AsyncStore", "CallbackFailed", "ClientToken", "ClientTokenOptions",
    "Closed", "Corrupt", "DatabaseError", "Exists", "Extension", "Forked", "GenerateOptions",
    "GenerationFailed", "Hooks", "ImportOptions", "IncompatibleVersion", "InputOutputError",
    "Instance", "InternalError", "InvalidArgument", "InvalidDocument", "InvalidPolicy",
    "InvalidState", "InvalidType", "Locked", "LogLevel", "Login", "LoginOptions", "NoMemory",
    "NotFound", "Poisoned", "Policy", "RBTokenError", "ServiceAccount", "ServiceTokenOptions",
    "ShuttingDown", "Status", "StorageError", "Store", "Timeout", "Token", "TokenFilter",
    "TokenList", "TokenUpdate", "Unsupported", "Verdict", "abi_version", "extension",
    "status_name", "verdict_name", "version",
]
