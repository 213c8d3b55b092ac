"""Measures what a login costs, in empty calls of ctypes: `python cost.py`.

Ends with status 1 if it is more than 40. The library should be optimized.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from rbtoken import Store, _native

LIMIT = 40
ROUNDS = 200
CALLS = 200


def seconds(call: Callable[[], object]) -> float:
    """The time of one call."""
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS


def main() -> int:
    with Store() as store:
        value = store.generate_token("alice").value
        assert store.authenticate(value)
        empty = _native.lib.rbtoken_abi_version
        # In pairs, so that a busy machine slows both.
        pairs = [(seconds(empty), seconds(lambda: store.authenticate(value)))
                 for _ in range(ROUNDS)]
    ratio = statistics.median(login / call for call, login in pairs)
    call, login = (statistics.median(column) for column in zip(*pairs))
    print(f"authenticate: {login * 1e6:.2f} µs, {ratio:.1f} empty calls of {call * 1e6:.3f} µs "
          f"(at most {LIMIT})")
    return ratio > LIMIT


if __name__ == "__main__":
    sys.exit(main())
