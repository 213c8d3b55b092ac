"""Runs all tests: `python tests`.

With a library that was built with `--cfg count_calls`, fails if a function of the header was not
called.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import ctypes
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rbtoken import _abi, _handle, _native

#: Functions that no test calls, with the reason.
NOT_CALLED: dict[str, str] = {}


def uncalled() -> list[str]:
    """Returns the functions, and the members of the extension table, that were not called."""
    counts_function = _native.lib.rbtoken_call_counts
    counts_function.restype = ctypes.c_void_p
    counts = json.loads(_handle.take_text(ctypes.c_void_p(counts_function())))
    # Only function types have flags.
    members = [field[0] for field in _abi.ExtensionV1._fields_ if hasattr(field[1], "_flags_")]
    functions = [*_abi.FUNCTIONS, *(f"rbtoken_extension_v1_t.{name}" for name in members)]
    assert len(functions) > 85
    missing = [name for name in functions if not counts.get(name) and name not in NOT_CALLED]
    print(f"{len(functions) - len(missing)} of {len(functions)} functions were called, "
          f"{sum(counts.values())} times", file=sys.stderr)
    return missing


def main() -> int:
    suite = unittest.defaultTestLoader.discover(str(Path(__file__).parent))
    result = unittest.TextTestRunner().run(suite)
    if not result.wasSuccessful():
        return 1
    if hasattr(_native.lib, "rbtoken_call_counts"):
        missing = uncalled()
        if missing:
            print("not called:", ", ".join(missing), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
