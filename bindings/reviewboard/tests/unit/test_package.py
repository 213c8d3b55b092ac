"""The package as a whole."""

import re
from pathlib import Path

from support import TokenTestCase

PACKAGE = Path(__file__).resolve().parents[2]
ROOT = PACKAGE.parents[1]


class PackageTests(TokenTestCase):
    def test_version_is_that_of_the_library(self):
        [version] = re.findall(r'^version = "(.*)"', (PACKAGE / "pyproject.toml").read_text(), re.M)
        self.assertEqual(
            re.findall(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[0], version)
        self.assertIn(f'"rbtoken=={version}"', (PACKAGE / "pyproject.toml").read_text())
        self.assertEqual(self.extension.info.version, version)

    def test_extension_describes_itself(self):
        self.assertEqual(self.extension.info.name, "API tokens (rbtoken)")
        self.assertIn("token", self.extension.info.summary)
        self.assertTrue(self.extension.info.is_configurable)
