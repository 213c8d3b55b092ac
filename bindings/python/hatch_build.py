"""Builds librbtoken for the wheel.

With cargo-zigbuild on PATH, the library runs on every Linux with glibc 2.17 or newer. Without it,
the library is for systems like this one. Needs Rust.

    RBTOKEN_TARGET_DIR   the folder that Cargo builds in
    RBTOKEN_PROFILE      the Cargo profile (release)

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FEATURES = "sqlite,postgres,mysql"
TARGET = "x86_64-unknown-linux-gnu"
GLIBC = "2.17"


def sources(root: Path) -> Path:
    """Returns the folder of the library: in an sdist, or in a checkout."""
    for folder in (root / "native", root.parent.parent):
        if (folder / "Cargo.toml").exists():
            return folder
    raise RuntimeError("the sources of the library are missing")


def build(root: Path) -> tuple[Path, str]:
    """Builds the library; returns its path and the platform of the wheel."""
    folder = sources(root)
    target_dir = Path(os.environ.get("RBTOKEN_TARGET_DIR", folder / "target")).absolute()
    profile = os.environ.get("RBTOKEN_PROFILE", "release")
    command = ["cargo", "rustc"]
    arguments = ["--locked", "--profile", profile, "--lib", "--crate-type", "cdylib",
                 "--features", FEATURES, "--target-dir", str(target_dir)]
    output = target_dir
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if platform == "linux_x86_64" and shutil.which("cargo-zigbuild"):
        command = ["cargo-zigbuild", "rustc"]
        arguments += ["--target", f"{TARGET}.{GLIBC}"]
        output = target_dir / TARGET
        platform = f"manylinux_{GLIBC.replace('.', '_')}_x86_64"
    subprocess.run([*command, *arguments, "--", "-C", "strip=symbols"], cwd=folder, check=True)
    return output / ("debug" if profile == "dev" else profile) / "librbtoken.so", platform


class LibraryHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # An editable installation uses RBTOKEN_LIBRARY, or the library that is installed.
        if version == "editable":
            return
        library, platform = build(Path(self.root))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["force_include"][str(library)] = "rbtoken/librbtoken.so"
        notices = sources(Path(self.root)) / "packaging" / "notices"
        build_data["force_include"][str(notices / "THIRD-PARTY.txt")] = "rbtoken/THIRD-PARTY.txt"
        bom = str(notices / "rbtoken.cdx.json")
        # Hatchling has it since 1.28, which needs Python 3.10.
        if "sbom_files" in build_data:
            build_data["sbom_files"].append(bom)
        else:
            build_data["force_include"][bom] = "rbtoken/rbtoken.cdx.json"
