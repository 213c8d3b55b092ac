#!/usr/bin/env python3
"""The notices of what the libraries and the command-line tool contain.

    notices.py update             writes THIRD-PARTY.txt and rbtoken.cdx.json beside this program,
                                  with cargo-about and cargo-cyclonedx
    notices.py check [ARCHIVE]    compares them with Cargo.lock, and with a static library
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
NOTICES = FOLDER / "THIRD-PARTY.txt"
BOM = FOLDER / "rbtoken.cdx.json"
FEATURES = "sqlite,postgres,mysql,cli"
TARGET = "x86_64-unknown-linux-gnu"
RULE = "-" * 80
SQLITE_LICENSE = (
    "SQLite is in the public domain: its authors have given up their copyright.\n"
    "See https://sqlite.org/copyright.html."
)
HEADING = """\
Third-party notices of rbtoken

The libraries and the command-line tool of rbtoken contain the software below. The list is that of a
build for Linux on x86-64 with all features (sqlite, postgres, mysql, cli). It follows Cargo.lock; the
texts of the licenses come from the packages. Programs that contain the static library contain this
software, too.
"""


def run(*command):
    """Returns what a command prints."""
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


def linked_crates():
    """Returns the crates that are linked, as a set of names and versions, without our own."""
    tree = run("cargo", "tree", "--locked", "--edges", "normal,no-proc-macro", "--features", FEATURES,
               "--target", TARGET, "--prefix", "none", "--format", "{p}")  # fmt: skip
    crates = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    return {(name, version.removeprefix("v")) for name, version in crates if name != "rbtoken"}


def packages():
    """Returns what Cargo knows of all packages."""
    return json.loads(run("cargo", "metadata", "--locked", "--all-features", "--format-version", "1"))["packages"]


def sqlite_version():
    """Returns the version of the SQLite that libsqlite3-sys contains."""
    (manifest,) = (it["manifest_path"] for it in packages() if it["name"] == "libsqlite3-sys")
    header = Path(manifest).parent / "sqlite3/sqlite3.h"
    return re.search(r'#define SQLITE_VERSION +"(.+)"', header.read_text())[1]


def notices(about, crates):
    """Returns the text of the notices."""
    licenses = {(it["package"]["name"], it["package"]["version"]): it["license"] for it in about["crates"]}
    lines = [HEADING]
    width = max(len(f"{name} {version}") for name, version in crates)
    for crate in sorted(crates):
        lines.append(f"{' '.join(crate):{width}}  {licenses[crate]}")
    lines.append(f"{'SQLite ' + sqlite_version():{width}}  public domain (in libsqlite3-sys)")
    lines.append(f"{'Rust standard library':{width}}  MIT OR Apache-2.0 (of the compiler)")
    lines += ["", RULE, "SQLite", "", SQLITE_LICENSE]
    texts = {}
    for it in about["licenses"]:
        users = {(user["crate"]["name"], user["crate"]["version"]) for user in it["used_by"]} & crates
        if users:
            texts.setdefault((it["name"], it["text"].strip()), set()).update(users)
    for (name, text), users in sorted(texts.items(), key=lambda item: (item[0][0], sorted(item[1]))):
        used_by = ", ".join(" ".join(user) for user in sorted(users))
        lines += ["", RULE, f"{name}: {used_by}", "", *(line.rstrip() for line in text.splitlines())]
    return "\n".join(lines) + "\n"


def bill_of_materials(bom, crates):
    """Returns the CycloneDX document without what differs from one run or machine to the next."""
    del bom["serialNumber"], bom["metadata"]["timestamp"]
    bom["metadata"].pop("tools", None)
    root = bom["metadata"]["component"]
    names = {root["bom-ref"]: f"pkg:cargo/rbtoken@{root['version']}"}
    root.pop("components", None)
    kept = [it for it in bom["components"] if (it["name"], it["version"]) in crates]
    names.update((it["bom-ref"], it["purl"]) for it in kept)
    for component in [root, *kept]:
        component["bom-ref"] = component["purl"] = names[component["bom-ref"]]
    sqlite = f"pkg:generic/sqlite@{sqlite_version()}"
    kept.append({
        "type": "library", "bom-ref": sqlite, "name": "sqlite", "version": sqlite_version(), "scope": "required",
        "licenses": [{"license": {"id": "blessing"}}], "purl": sqlite,
    })  # fmt: skip
    bom["components"] = sorted(kept, key=lambda it: it["bom-ref"])
    edges = {}
    for edge in bom["dependencies"]:
        if edge["ref"] in names:
            edges[names[edge["ref"]]] = sorted(names[to] for to in edge.get("dependsOn", []) if to in names)
    for ref, to in edges.items():
        if ref.startswith("pkg:cargo/libsqlite3-sys@"):
            to.append(sqlite)
    bom["dependencies"] = [{"ref": ref, "dependsOn": to} for ref, to in sorted(edges.items())]
    return json.dumps(bom, indent=1, sort_keys=True) + "\n"


def update():
    """Writes both files."""
    # The licenses that cargo-deny allows.
    allowed = tomllib.loads((ROOT / ".ci/deny.toml").read_text())["licenses"]["allow"]
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write(f'accepted = {json.dumps(allowed)}\ntargets = ["{TARGET}"]\n'
                     "ignore-build-dependencies = true\nignore-dev-dependencies = true\n")  # fmt: skip
        config.flush()
        about = run("cargo", "about", "generate", "--locked", "--fail", "--features", FEATURES,
                    "--config", config.name, "--format", "json")  # fmt: skip
    # It only writes beside Cargo.toml.
    written = ROOT / "rbtoken-notices.json"
    run("cargo", "cyclonedx", "--features", FEATURES, "--target", TARGET, "--format", "json",
        "--override-filename", written.stem, "--quiet")  # fmt: skip
    bom = written.read_text()
    written.unlink()
    crates = linked_crates()
    NOTICES.write_text(notices(json.loads(about), crates))
    BOM.write_text(bill_of_materials(json.loads(bom), crates))


def check_crates():
    """Compares both files with Cargo.lock."""
    expected = linked_crates() | {("SQLite", sqlite_version())}
    listing = NOTICES.read_text().split(RULE)[0].removeprefix(HEADING).split("\n")
    noticed = {tuple(line.split()[:2]) for line in listing if line and not line.startswith("Rust ")}
    components = json.loads(BOM.read_text())["components"]
    billed = {("SQLite" if it["name"] == "sqlite" else it["name"], it["version"]) for it in components}
    for file, found in [(NOTICES, noticed), (BOM, billed)]:
        wrong = sorted(" ".join(crate) for crate in found ^ expected)
        if wrong:
            sys.exit(f"notices: FAILED: {file.name} differs from Cargo.lock: {', '.join(wrong)}; "
                     "run .ci/notices update")  # fmt: skip
    return expected


def check_archive(archive, expected):
    """Checks that every crate whose code is in a static library is listed. The library must be built
    without link-time optimization, so that its members have the names of the crates."""
    members = run("ar", "t", archive).split()
    linked = {match[1] for it in members if (match := re.match(r"(\w+)-[0-9a-f]{16}\.", it))}
    folder = Path(run("rustc", "--print", "target-libdir").strip())
    standard = {it.name[3:].split("-")[0] for it in folder.glob("*.rlib")}
    libraries = {(it["name"], it["version"]): it["targets"] for it in packages()}
    listed = {target["name"].replace("-", "_") for crate in expected for target in libraries.get(crate, [])}
    unlisted = sorted(linked - standard - listed - {"rbtoken"})
    if unlisted:
        sys.exit(f"notices: FAILED: {archive} has code of {', '.join(unlisted)}, which is not listed")
    if len(linked & listed) < 20:
        sys.exit(f"notices: FAILED: {archive} has code of only {len(linked & listed)} crates")
    return len(linked & listed)


def main():
    """Runs the command."""
    match sys.argv[1:]:
        case ["update"]:
            update()
        case ["check", *archives]:
            expected = check_crates()
            print(f"notices: both files list {len(expected)} packages, as Cargo.lock")
            for archive in archives:
                print(f"notices: code of {check_archive(archive, expected)} crates in {archive}, all listed")
        case _:
            sys.exit(__doc__)


main()
