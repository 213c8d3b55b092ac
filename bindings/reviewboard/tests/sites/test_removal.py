"""The commands of the README remove the extension."""

import os
import pathlib
import re
import subprocess
import sys

from conftest import EXTENSION

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"


def test_removal_leaves_no_trace(sqlite_site):
    site = sqlite_site
    before = site.state()
    site.set_enabled(True)
    assert any(EXTENSION in line for line in site.state() - before)
    site.set_enabled(False)
    assert len(site.state() - before) == 1

    command = re.search(r'rb-site manage \S+ shell -c "(.*?)"', README.read_text(), re.DOTALL)[1]
    # The packages are uninstalled before.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([os.path.join(os.path.dirname(sys.executable), "rb-site"), "manage", site.folder,
                    "shell", "-c", command], env=environment, check=True)
    assert site.state() == before
