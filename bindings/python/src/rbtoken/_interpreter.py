"""Refuses subinterpreters, before anything that cannot be imported there.

ctypes runs callbacks in the main interpreter, whichever registered them.

SPDX-License-Identifier: MIT
"""

import importlib

for _name in ("_interpreters", "_xxsubinterpreters"):
    try:
        _interpreters = importlib.import_module(_name)
    except ImportError:
        continue
    if _interpreters.get_current() != _interpreters.get_main():
        raise ImportError("rbtoken works in the main interpreter only, not in subinterpreters")
    break
