"""The package as a whole: its version, its layouts, its documentation.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import ctypes
import inspect
import re
import unittest
from pathlib import Path

import rbtoken
from rbtoken import _abi
from support import ROOT

PACKAGE = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "Cargo.toml"


class Package(unittest.TestCase):
    @unittest.skipUnless(SOURCE.exists(), "needs the sources of the library")
    def test_version_is_that_of_the_library(self) -> None:
        def version(path: Path) -> str:
            found = re.search(r'^version = "(.*)"', path.read_text(), re.MULTILINE)
            assert found is not None
            return found[1]

        self.assertEqual(version(PACKAGE / "pyproject.toml"), version(SOURCE))
        self.assertEqual(rbtoken.__version__, version(SOURCE))

    @unittest.skipUnless(SOURCE.exists(), "needs the sources of the library")
    def test_structs_have_the_layout_of_the_header(self) -> None:
        snapshot = (ROOT / "tests/abi/snapshot.txt").read_text().splitlines()
        fields = 0
        for struct in vars(_abi).values():
            if isinstance(struct, type) and issubclass(struct, ctypes.Structure):
                for name, *_ in struct._fields_:
                    at = getattr(struct, name)
                    line = f"field {struct.__doc__}.{name}: offset {at.offset}, size {at.size},"
                    self.assertTrue(any(it.startswith(line) for it in snapshot), line)
                    fields += 1
        self.assertGreater(fields, 130)

    def test_everything_public_is_documented(self) -> None:
        for name in rbtoken.__all__:
            item = getattr(rbtoken, name)
            if not inspect.isclass(item) and not inspect.isfunction(item):
                continue
            self.assertTrue(item.__doc__, name)
            for member, value in vars(item).items() if inspect.isclass(item) else ():
                if not member.startswith("_") and callable(value) or isinstance(value, property):
                    self.assertTrue(value.__doc__, f"{name}.{member}")


if __name__ == "__main__":
    unittest.main()
