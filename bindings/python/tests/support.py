"""What several tests need.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
from datetime import datetime, timezone
from pathlib import Path

from rbtoken import Store

NEW_YEAR = datetime(2026, 1, 1, 0, 0, 0, 1, timezone.utc)
ROOT = Path(__file__).resolve().parents[3]


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NEW_YEAR

    def __call__(self) -> datetime:
        return self.now


def live_handles() -> dict[str, int]:
    """The handles of the process that are not given back, by kind."""
    gc.collect()
    with Store() as store:
        handles: dict[str, int] = store.statistics()["handles"]
    handles["store"] -= 1
    return {kind: number for kind, number in handles.items() if number}


def run(program: str, *, expected: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs a program in a Python of its own, which must end with a status."""
    process = subprocess.run(
        [sys.executable, "-B", "-X", "faulthandler", "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    if process.returncode != expected:
        raise AssertionError(
            f"status {process.returncode}, not {expected}\n{process.stdout}\n{process.stderr}")
    return process
