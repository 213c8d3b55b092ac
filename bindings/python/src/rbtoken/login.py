"""What comes of a login, and of asking for a client's token.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import ctypes
from ctypes import c_int32, c_void_p
from typing import NamedTuple, Optional

from ._abi import Verdict
from .token import Token

# Not a class, whose annotations would be strings that tools cannot resolve.
ClientToken = NamedTuple("ClientToken", [("token", Token), ("created", bool)])
ClientToken.__doc__ = "A token, and whether it is new."


class Login:
    """What came of a login. It is true if somebody is logged in."""

    __slots__ = ("verdict", "token", "refused")

    #: A `Verdict`, or the number of one that this package does not know, which is a refusal.
    verdict: int
    #: The token, if the login succeeded; its owner is the user.
    token: Optional[Token]
    #: The refused token, for ``INVALID``, ``EXPIRED`` and ``WRONG_SITE``.
    refused: Optional[Token]

    def __init__(self, verdict: int, token: Optional[Token] = None,
                 refused: Optional[Token] = None) -> None:
        self.verdict = verdict
        self.token = token
        self.refused = refused

    @property
    def ok(self) -> bool:
        """Whether somebody is logged in: the token's user."""
        return self.verdict == _OK

    def __bool__(self) -> bool:
        return self.verdict == _OK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Login):
            return NotImplemented
        return (self.verdict, self.token, self.refused) == (
            other.verdict, other.token, other.refused)

    def __hash__(self) -> int:
        return hash((self.verdict, self.token, self.refused))

    def __repr__(self) -> str:
        name = getattr(self.verdict, "name", self.verdict)
        return f"<Login {name}: {self.token or self.refused}>"


_OK = Verdict.OK
VERDICTS: dict[int, int] = {int(verdict): verdict for verdict in Verdict}


class LoginOutputs(ctypes.Structure):
    """The outputs of a login, so that one object is made for all."""

    _fields_ = [("verdict", c_int32), ("token", c_void_p), ("refused", c_void_p),
                ("error", c_void_p)]


TOKEN_AT = LoginOutputs.token.offset
REFUSED_AT = LoginOutputs.refused.offset
ERROR_AT = LoginOutputs.error.offset
