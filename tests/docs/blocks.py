#!/usr/bin/env python3
"""Runs the code blocks of the documentation: of each page in docs/SUMMARY.md, and of README.md.

    tests/docs/blocks.py [PAGE...]

A page is named as in SUMMARY.md, such as `start/c.md`; without names, all pages are checked. The
info string of a block is its language, and options after commas:

    c, cpp           compiled and linked with warnings as errors; a program with main() is run. A
                     block without main() gets the headers of PREAMBLE
    sh               run by bash, in the order of the page, in one new folder with the tool
                     `rbtoken`. tests/docs/setup/PAGE.sh runs before them
    python           run with the installed library
    js go java rust  need `file=`, and an `sh` block that runs them
    json             parsed. The tool checks a policy, and with the option `settings`, settings
    toml xml         parsed
    nginx            checked by nginx, in a copy of this machine
    cmake            must be a block of README.md
    sql              with the option `postgresql` or `mysql`: executed on that site, and undone
    text             output. After the line "It prints:", the last `sh` block must have printed it

    file=NAME        is written to the page's folder, where the `sh` blocks are run
    site=NAME        an `sh` block that needs the Review Board site NAME of RBTOKEN_TEST_SITES: its
                     URLs and /etc/rbtoken/location are replaced, and alice is a user made for this
    gateway, packages, fresh
                     a block that this stage of CI runs; see STAGES
    root             an `sh` block for root: run in the checkout, in a copy of this machine. There,
                     systemd's programs check and enable units, and start nothing.
                     tests/docs/setup/PAGE.root.sh runs before the page's first

Builds the library from a copy of the working tree, in RBTOKEN_DOCS_TARGET (target/docs). Prints
each failure, and at the end a line `N passed, N failed, N skipped`. With REQUIRE_ALL=1, a skipped
block is a failure. First checks that it finds planted broken blocks.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree
from typing import Callable, NamedTuple, Optional

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SETUP = ROOT / "tests/docs/setup"
TARGET = pathlib.Path(
    os.environ.get("RBTOKEN_DOCS_TARGET")
    or ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "docs").resolve()
# A build of every package, on a busy machine.
TIMEOUT = 3000
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
PREAMBLE = {
    "c": "#include <rbtoken.h>\n#include <stdio.h>\n#line 1\n",
    "cpp": "#include <rbtoken.hpp>\n#include <iostream>\n#line 1\n",
}
OPTIONS = {"settings", "postgresql", "mysql", "root"}
#: Stages that run blocks, and the file that does so. It must contain the path of the page and the
#: info string, or each line of the block.
STAGES = {
    "gateway": (".ci/gateway", "tests/gateway/test_rbtools.py"),
    "fresh": (".ci/fresh", ".ci/fresh"),
    "packages": (".ci/packages", ".ci/packages"),
}
#: Blocks of README.md that other tests run, by language. Of `sh`, those between these headings.
README_TESTS = {
    "c": ("tests/it/c_programs.rs", "the_code_in_the_readme_compiles_and_its_program_runs"),
    "cpp": ("tests/it/cpp_face.rs", "readme_shows_the_example"),
    "cmake": ("tests/it/install.rs", "commands_in_the_readme_work"),
    "python": ("tests/it/install.rs", "commands_in_the_readme_work"),
    "sh": ("tests/it/install.rs", "commands_in_the_readme_work"),
}
README_COMMANDS = ("\n## Install\n", "\n## Durability\n")
#: What nginx needs to check a configuration: its keys, and `nginx -t`.
NGINX_CHECK = """
for file in $(sed -n 's/^ *ssl_certificate\\(_key\\)\\? *\\(.*\\);/\\2/p' block.conf); do
    mkdir -p "$(dirname "$file")"
    cat key.pem >"$file"
done
cp block.conf /etc/nginx/conf.d/
nginx -q -t
"""
SITE_USER = "rbtoken-docs"
NEED_FILE = {"js", "go", "java", "rust"}


class Skip(Exception):
    """A block cannot run here."""


class Broken(Exception):
    """A block is wrong."""


class Block(NamedTuple):
    line: int
    info: str
    text: str
    before: str

    @property
    def language(self) -> str:
        return self.info.split(",")[0]

    @property
    def options(self) -> list[str]:
        return self.info.split(",")[1:]

    def option(self, name: str) -> Optional[str]:
        values = [it.partition("=")[2] for it in self.options if it.startswith(f"{name}=")]
        return values[0] if values else None

    @property
    def stage(self) -> Optional[str]:
        names = [it for it in self.options if "=" not in it and it not in OPTIONS]
        return names[0] if names else None


class Page(NamedTuple):
    name: str
    path: str
    text: str

    def blocks(self) -> list[Block]:
        found, opened, lines, paragraph = [], None, [], ""
        for number, line in enumerate(self.text.split("\n"), 1):
            if line.startswith("```"):
                if opened is None:
                    opened, lines = (number, line[3:].strip(), paragraph), []
                    continue
                if line != "```":
                    raise Broken(f"{self.path}:{number}: a block in a block")
                found.append(Block(opened[0], opened[1], "".join(it + "\n" for it in lines), opened[2]))
                opened, paragraph = None, ""
            elif opened is not None:
                lines.append(line)
            elif line.strip():
                paragraph = line
        if opened is not None:
            raise Broken(f"{self.path}:{opened[0]}: the block does not end")
        return found


def included(text: str, folder: pathlib.Path) -> str:
    """Replaces mdBook's {{#include FILE:ANCHOR}}."""
    def replace(match: re.Match[str]) -> str:
        name, _, anchor = match[1].partition(":")
        content = (folder / name).read_text()
        if not anchor:
            return "\n".join(it for it in content.rstrip("\n").split("\n") if "ANCHOR" not in it)
        part = re.search(rf"ANCHOR: {re.escape(anchor)}\b[^\n]*\n(.*?)\n[^\n]*ANCHOR_END: "
                         rf"{re.escape(anchor)}\b", content, re.DOTALL)
        if part is None:
            raise Broken(f"{name} has no anchor {anchor}")
        return part[1]
    return re.sub(r"\{\{#include ([^}]+)\}\}", replace, text)


def pages() -> list[Page]:
    names = re.findall(r"\]\(([^)]+\.md)\)", (DOCS / "SUMMARY.md").read_text())
    found = [Page("README.md", "README.md", (ROOT / "README.md").read_text())]
    for name in names:
        path = DOCS / name
        found.append(Page(name, f"docs/{name}", included(path.read_text(), path.parent)))
    return found


def run(command: list[str], *, cwd: pathlib.Path, env: dict[str, str],
        timeout: int = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Runs a command in a process group of its own, which ends with it."""
    with subprocess.Popen(command, cwd=cwd, env=env, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            return subprocess.CompletedProcess(command, 124, out, err + f"\nno end within {timeout} s")
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def last_lines(text: str, count: int = 30) -> str:
    return "\n".join(text.strip().split("\n")[-count:])


class Machine:
    """The folder of a new user, with the library and the tool, and the sites."""

    def __init__(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rbtoken-docs-"))
        self.home = self.folder / "home"
        self.home.mkdir()
        self.checkout = TARGET / "checkout"
        sites = os.environ.get("RBTOKEN_TEST_SITES")
        self.sites = pathlib.Path(sites).resolve() if sites else None
        self.prepared_sites: set[str] = set()
        #: Whether `tests/docs/discarded` works here, once that is known.
        self.can_copy: Optional[bool] = None
        self.env = self.environment()

    def environment(self) -> dict[str, str]:
        home = pathlib.Path.home()
        wrappers = self.folder / "bin"
        wrappers.mkdir()
        kept = {name: os.environ[name] for name in os.environ
                if re.match(r"PIP_|npm_config_|https?_proxy|no_proxy|SSL_|RUSTUP|LANG|LC_", name, re.I)}
        local = self.home / ".local"
        user_files = {"NPM_CONFIG_USERCONFIG": home / ".npmrc",
                      "PIP_CONFIG_FILE": home / ".config/pip/pip.conf"}
        kept.update({name: str(path) for name, path in user_files.items() if path.exists()})
        env = {
            **kept,
            "HOME": str(self.home),
            "PATH": f"{wrappers}:{local / 'bin'}:{os.environ['PATH']}",
            "CHECKOUT": str(self.checkout),
            "CARGO_HOME": os.environ.get("CARGO_HOME", str(home / ".cargo")),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(home / ".rustup")),
            "CARGO_TARGET_DIR": str(TARGET / "target"),
            "CARGO_NET_OFFLINE": "true",
            "CARGO_BUILD_JOBS": os.environ.get("CARGO_BUILD_JOBS", "1"),
            # Not optimized, which would take minutes.
            "PROFILE": "dev", "RBTOKEN_PROFILE": "dev", "RBTOKEN_TARGET_DIR": str(TARGET / "target"),
            "FEATURES": "postgres,mysql",
            "PKG_CONFIG_PATH": str(local / "lib/pkgconfig"), "LD_LIBRARY_PATH": str(local / "lib"),
            "npm_config_cache": str(TARGET / "npm"), "PIP_CACHE_DIR": str(TARGET / "pip"),
            # New for each run: Go keeps the path of the library in it.
            "GOCACHE": str(self.folder / "go"), "GOFLAGS": "-buildvcs=false", "GOPROXY": "off",
            "GOTOOLCHAIN": "local", "GOPATH": str(TARGET / "gopath"),
            "REPOSITORY": str(self.folder / "repository"),
        }
        # Maven without a network, with Debian's packages.
        maven = shutil.which("mvn")
        if maven:
            wrapper = wrappers / "mvn"
            wrapper.write_text("#!/bin/sh\n[ -e \"$REPOSITORY\" ] || "
                               "cp -rs /usr/share/maven-repo \"$REPOSITORY\"\n"
                               f"exec {maven} -o -B -Dmaven.javadoc.skip=true "
                               "-Dmaven.repo.local=\"$REPOSITORY\" \"$@\"\n")
            wrapper.chmod(0o755)
        return env

    def install(self) -> None:
        """Copies the working tree, and installs the library and the tool in the home."""
        names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                               cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
        wanted = {name for name in names if name and (ROOT / name).is_file()}
        for name in wanted:
            source, copy = ROOT / name, self.checkout / name
            status = source.stat()
            if copy.exists() and (copy.stat().st_mtime_ns, copy.stat().st_size) == (
                    status.st_mtime_ns, status.st_size):
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
        for folder, folders, files in os.walk(self.checkout):
            folders[:] = [it for it in folders if it not in ("node_modules", "dist", "tarballs")]
            for file in files:
                path = pathlib.Path(folder, file)
                if str(path.relative_to(self.checkout)) not in wanted:
                    path.unlink()
        for tarball in (self.checkout / "bindings/node/tarballs").glob("*"):
            tarball.unlink()
        # In the same folder as the library, whose dependencies it shares.
        commands = [["cargo", "build", "--quiet", "--locked", "--bin", "rbtoken",
                     "--features", f"cli,{self.env['FEATURES']}"]]
        self.env["CLI_PROGRAM"] = str(TARGET / "target/debug/rbtoken")
        commands += [["make", "-s", it, f"PREFIX={self.home}/.local"] for it in ("install", "install-cli")]
        for command in commands:
            result = run(command, cwd=self.checkout, env=self.env)
            if result.returncode != 0:
                sys.exit(f"{shlex.join(command)}:\n{last_lines(result.stderr)}")

    def run_as_root(self, script: str) -> subprocess.CompletedProcess[str]:
        """Runs a script as root, in a copy of this machine."""
        discarded = str(ROOT / "tests/docs/discarded")
        if self.can_copy is None:
            probe = run([discarded, "true"], cwd=self.checkout, env=self.env)
            self.can_copy = probe.returncode == 0
            print(probe.stderr, end="")
        if not self.can_copy:
            raise Skip("needs root, and the right to mount an overlay")
        shared = [self.folder, TARGET, pathlib.Path(self.env["CARGO_HOME"])]
        return run([discarded, script, *map(str, shared)], cwd=self.checkout, env=self.env)

    def flags(self) -> list[str]:
        library = self.home / ".local"
        return [f"-I{library}/include", f"-L{library}/lib", f"-Wl,-rpath,{library}/lib", "-lrbtoken", "-ldl"]

    def location(self, site: str) -> str:
        """Returns the location of a site, which has the user SITE_USER with two tokens."""
        if self.sites is None:
            raise Skip("RBTOKEN_TEST_SITES is not set")
        file = self.sites / site / "location"
        if not file.exists():
            raise Broken(f"unknown site {site}")
        location = file.read_text().strip()
        if site != "sqlite" and site not in self.prepared_sites:
            self.prepared_sites.add(site)
            self.in_site(site, f"User.objects.get_or_create(username={SITE_USER!r})")
            for client in ("Old tool", "RBTools"):
                result = run(["rbtoken", "--location", location, "token", "client", SITE_USER, client, "-q"],
                             cwd=self.folder, env=self.env)
                if result.returncode != 0:
                    raise Broken(f"the site {site}: {result.stderr}")
        return location

    def in_site(self, site: str, statement: str) -> None:
        assert self.sites is not None
        program = ("import os, sys, django\n"
                   "from reviewboard.wsgi import application\ndjango.setup()\n"
                   "from django.contrib.auth.models import User\n"
                   "from reviewboard.webapi.models import WebAPIToken\n" + statement)
        python = self.sites.parent / "venv/bin/python"
        env = {**os.environ, "REVIEWBOARD_SITEDIR": str(self.sites / site),
               "VIRTUAL_ENV": str(self.sites.parent / "venv")}
        result = run([str(python), "-c", program], cwd=self.folder, env=env)
        if result.returncode != 0:
            raise Broken(f"the site {site}: {last_lines(result.stderr)}")

    def sql(self, site: str, statements: str) -> None:
        """Grants rights to a new account, and undoes it."""
        location = self.location(site)
        statements = re.sub(r"\bTO (tokens|readers)\b", "TO rbtoken_docs", statements)
        program = SQL[site]
        assert self.sites is not None
        result = run([str(self.sites.parent / "venv/bin/python"), "-c", program, location, statements],
                     cwd=self.folder, env=dict(os.environ))
        if result.returncode != 0:
            raise Broken(last_lines(result.stderr))

    def close(self) -> None:
        for site in self.prepared_sites:
            try:
                self.in_site(site, f"WebAPIToken.objects.filter(user__username={SITE_USER!r}).delete()\n"
                                   f"User.objects.filter(username={SITE_USER!r}).delete()")
            except Broken as error:
                print(f"warning: {error}")
        shutil.rmtree(self.folder, ignore_errors=True)


SQL = {
    "postgresql": """
import sys, psycopg2
connection = psycopg2.connect(sys.argv[1])
cursor = connection.cursor()
cursor.execute("CREATE ROLE rbtoken_docs")
cursor.execute(sys.argv[2])
connection.rollback()
""",
    "mysql": """
import sys, urllib.parse, pymysql
url = urllib.parse.urlsplit(sys.argv[1])
connection = pymysql.connect(host=url.hostname, port=url.port, user=url.username, database=url.path[1:])
cursor = connection.cursor()
cursor.execute("DROP USER IF EXISTS rbtoken_docs")
cursor.execute("CREATE USER rbtoken_docs")
try:
    for statement in sys.argv[2].split(";"):
        if statement.strip():
            cursor.execute(statement)
finally:
    cursor.execute("DROP USER rbtoken_docs")
""",
}


def compile_and_run(machine: Machine, block: Block) -> None:
    compiler, standard = {"c": ("gcc", "-std=c11"), "cpp": ("g++", "-std=c++17")}[block.language]
    folder = pathlib.Path(tempfile.mkdtemp(dir=machine.folder))
    source = folder / f"block.{block.language}"
    is_program = re.search(r"\bint main\(", block.text) is not None
    source.write_text(block.text if is_program else PREAMBLE[block.language] + block.text)
    program = folder / "block"
    command = [compiler, standard, *WARNINGS, str(source), "-o", str(program)]
    command += machine.flags() if is_program else [*machine.flags()[:1], "-c"]
    result = run(command, cwd=folder, env=machine.env)
    if result.returncode != 0:
        raise Broken(last_lines(result.stderr))
    if is_program:
        result = run([str(program)], cwd=folder, env=machine.env, timeout=300)
        if result.returncode != 0:
            raise Broken(f"the program ended with {result.returncode}: {last_lines(result.stderr)}")


def run_python(machine: Machine, block: Block) -> None:
    env = {**machine.env, "PYTHONPATH": str(ROOT / "bindings/python/src"), "PYTHONDONTWRITEBYTECODE": "1",
           "RBTOKEN_LIBRARY": str(machine.home / ".local/lib/librbtoken.so.0")}
    folder = pathlib.Path(tempfile.mkdtemp(dir=machine.folder))
    result = run([sys.executable, "-c", block.text], cwd=folder, env=env, timeout=300)
    if result.returncode != 0:
        raise Broken(last_lines(result.stderr))


def check_json(machine: Machine, block: Block) -> None:
    document = json.loads(block.text)
    kind = ["setting"] if "settings" in block.options else ["policy"] if "resources" in document else []
    if kind:
        file = machine.folder / "document.json"
        file.write_text(block.text)
        result = run(["rbtoken", *kind, "check", str(file)], cwd=machine.folder, env=machine.env)
        if result.returncode != 0:
            raise Broken(result.stderr.strip())


def check_nginx(machine: Machine, text: str) -> None:
    key = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
           "-keyout", "key.pem", "-out", "certificate.pem"]
    (machine.folder / "block.conf").write_text(text)
    commands = f"cd {machine.folder}\n{shlex.join(key)} 2>/dev/null\ncat certificate.pem >>key.pem\n"
    result = machine.run_as_root(commands + NGINX_CHECK)
    if result.returncode != 0:
        raise Broken(last_lines(result.stderr))


def check_stage(page: Page, block: Block) -> None:
    stage = block.stage
    if stage not in STAGES:
        raise Broken(f"unknown option or stage {stage}")
    script, runner = (ROOT / it for it in STAGES[stage])
    name = str(script.relative_to(ROOT))
    if name not in (ROOT / ".ci/run").read_text():
        raise Broken(f"unknown stage {name}: not in .ci/run")
    if str(runner.relative_to(ROOT).name).split(".")[0].removeprefix("test_") not in script.read_text():
        raise Broken(f"{name} does not run {runner.name}")
    text = runner.read_text()
    if page.path in text and f"```{block.info}" in text:
        return
    lines = [it.strip() for it in block.text.split("\n") if it.strip() and not it.startswith("#")]
    missing = [it for it in lines if re.sub(r"\s+#.*", "", it) not in text]
    if missing:
        raise Broken(f"{runner.relative_to(ROOT)} does not run: {missing[0]}")


def is_run_elsewhere(page: Page, block: Block) -> bool:
    """Returns whether another test runs a block of README.md, or the same block there."""
    readme = (ROOT / "README.md").read_text()
    if page.name != "README.md":
        return block.language == "cmake" and f"```cmake\n{block.text}```" in readme
    if block.language not in README_TESTS:
        return False
    if block.language == "sh":
        if block.text.startswith("make run "):
            fresh = (ROOT / ".ci/fresh").read_text()
            return "as_user 'make run'" in fresh and "as_user 'make test'" in fresh
        start, end = (readme.index(it) for it in README_COMMANDS)
        if not start < readme.index(block.text) < end:
            return False
    file, test = README_TESTS[block.language]
    if f"fn {test}(" not in (ROOT / file).read_text():
        raise Broken(f"{file} has no test {test}")
    return True


def setup_of(page: Page, kind: str = "") -> list[tuple[int, str]]:
    """Returns what runs before the `sh` blocks of a page."""
    file = SETUP / (page.name.replace("/", "_").removesuffix(".md") + f"{kind}.sh")
    return [(0, file.read_text())] if file.exists() else []


class Shell:
    """Runs the `sh` blocks of a page: one script, and one for root."""

    def __init__(self, machine: Machine, page: Page, blocks: list[Block]) -> None:
        self.failures: dict[int, Exception] = {}
        self.printed: dict[int, str] = {}
        commands = [it for it in blocks if it.language == "sh" and it.stage is None
                    and not is_run_elsewhere(page, it)]
        of_root = [(it.line, it.text) for it in commands if "root" in it.options]
        if of_root:
            folder = pathlib.Path(tempfile.mkdtemp(dir=machine.folder))
            self.run(machine.run_as_root, folder, machine.checkout, setup_of(page, ".root") + of_root)
        of_user = [it for it in commands if "root" not in it.options]
        if of_user:
            self.run_as_user(machine, page, blocks, of_user)

    def run_as_user(self, machine: Machine, page: Page, blocks: list[Block], commands: list[Block]) -> None:
        folder = pathlib.Path(tempfile.mkdtemp(dir=machine.folder))
        work = folder / "work"
        work.mkdir()
        for block in blocks:
            name = block.option("file")
            if name:
                (work / name).parent.mkdir(parents=True, exist_ok=True)
                (work / name).write_text(block.text)
        parts = setup_of(page)
        for block in commands:
            try:
                text = self.on_site(machine, block, folder) if block.option("site") else block.text
            except (Skip, Broken) as error:
                self.failures[block.line] = error
                continue
            parts.append((block.line, text))
        if machine.sites is not None and any(it.option("site") for it in commands):
            parts = [(line, re.sub(r"\balice\b", SITE_USER, text)) for line, text in parts]
        self.run(lambda script: run(["bash", "-c", script], cwd=work, env=machine.env), folder, work, parts)

    def run(self, run_script: Callable[[str], subprocess.CompletedProcess[str]], folder: pathlib.Path,
            work: pathlib.Path, parts: list[tuple[int, str]]) -> None:
        """Runs parts, each a line number and its commands, as one script in the folder `work`."""
        out = folder / "out"
        out.mkdir()
        script = ["set -eu", f"cd {shlex.quote(str(work))}"]
        script += [f"echo {line} >{out}/last\nexec >{out}/{line}.out 2>{out}/{line}.err\n{text}"
                   for line, text in parts]
        try:
            result = run_script("\n".join([*script, f"echo end >{out}/last"]))
        except Skip as reason:
            self.failures.update((line, reason) for line, _ in parts)
            return
        last = (out / "last").read_text().strip() if (out / "last").exists() else "0"
        is_reached = True
        for line in (line for line, _ in parts if line != 0):
            stdout = out / f"{line}.out"
            if stdout.exists():
                # Maven ends with codes for colors, even if there are none.
                self.printed[line] = re.sub(r"\x1b\[[0-9;]*m", "", stdout.read_text())
            if last in ("0", str(line)) and is_reached:
                is_reached = False
                at = out / f"{last}.err"
                detail = last_lines(at.read_text() if at.exists() else result.stderr)
                place = "the setup of the page" if last == "0" else "the commands"
                self.failures[line] = Broken(f"{place} ended with {result.returncode}: {detail}")
            elif not is_reached:
                self.failures[line] = Broken("not reached")

    @staticmethod
    def on_site(machine: Machine, block: Block, folder: pathlib.Path) -> str:
        location = machine.location(block.option("site") or "")
        file = folder / "location"
        file.write_text(location + "\n")
        file.chmod(0o600)
        text = block.text.replace("/etc/rbtoken/location", str(file))
        return re.sub(r"(postgresql|mysql|reviewboard\+sqlite)://[^\s'\"]+", lambda _: location, text)


def check_block(machine: Machine, page: Page, blocks: list[Block], block: Block, shell: Shell) -> None:
    """Raises Broken or Skip, unless the block is right."""
    language = block.language
    if is_run_elsewhere(page, block):
        return
    if block.stage is not None:
        check_stage(page, block)
    elif language == "sh":
        if block.line in shell.failures:
            raise shell.failures[block.line]
    elif language in ("c", "cpp"):
        compile_and_run(machine, block)
    elif language == "python" and block.option("file") is None:
        run_python(machine, block)
    elif language in NEED_FILE | {"python"}:
        name = block.option("file")
        is_built = {"go": "go run", "java": "mvn", "rust": "cargo run"}
        wanted = is_built.get(language) or (name or "").rpartition("/")[2]
        if name is None or not any(wanted in it.text for it in blocks if it.language == "sh"):
            raise Broken("needs file=NAME, and an sh block that runs it")
    elif language == "json":
        check_json(machine, block)
    elif language == "toml":
        tomllib.loads(block.text)
    elif language == "xml":
        xml.etree.ElementTree.fromstring(block.text)
    elif language == "nginx":
        check_nginx(machine, block.text)
    elif language == "cmake":
        raise Broken("not a block of README.md")
    elif language == "sql":
        sites = [it for it in block.options if it in SQL]
        if not sites:
            raise Broken("needs the option postgresql or mysql")
        machine.sql(sites[0], block.text)
    elif language == "text":
        before = [it for it in blocks if it.language == "sh" and it.line < block.line]
        if block.before == "It prints:" and before and before[-1].line in shell.printed:
            printed = shell.printed[before[-1].line]
            if printed != block.text:
                raise Broken(f"the commands printed something else:\n{printed}")
    else:
        raise Broken(f"unknown language {language!r}")


def check_page(machine: Machine, page: Page) -> dict[str, list[str]]:
    """Returns the blocks that passed, failed and were skipped, each with the reason."""
    results: dict[str, list[str]] = {"passed": [], "failed": [], "skipped": []}
    try:
        blocks = page.blocks()
        shell = Shell(machine, page, blocks)
    except Broken as error:
        results["failed"].append(f"{page.path}: {error}")
        return results
    for block in blocks:
        place = f"{page.path}:{block.line} ({block.info})"
        try:
            check_block(machine, page, blocks, block, shell)
        except Skip as reason:
            results["skipped"].append(f"{place}: {reason}")
        except (Broken, ValueError, SyntaxError) as error:
            results["failed"].append(f"{place}: {error}")
        else:
            results["passed"].append(place)
    return results


PLANTED = [
    "```c\nint broken(void) { return undeclared; }\n```\n",
    "```c\nint main(void)\n{\n    return 1;\n}\n```\n",
    "```c\nbool unused(void) { int number; return true; }\n```\n",
    "```cpp\nint main() { rbtoken::Store::open() }\n```\n",
    "```sh\ntrue\nfalse\n```\n",
    "```sh\nrbtoken --location none.db token list\n```\n",
    "```sh\necho one\n```\n\nIt prints:\n\n```text\ntwo\n```\n",
    "```sh,unheard\ntrue\n```\n",
    "```sh,fresh\nmake something-else\n```\n",
    "```sh,root\nmake no-such-target\n```\n",
    "```python\nimport rbtoken\nrbtoken.Store().get_token(7)\n```\n",
    "```js\nconsole.log(1);\n```\n",
    "```json\n{\"a\": }\n```\n",
    "```json\n{\"resources\": {\"*\": {\"allow\": \"GET\"}}}\n```\n",
    "```json,settings\n{\"colour\": 1}\n```\n",
    "```toml\na = \n```\n",
    "```xml\n<a>\n```\n",
    "```nginx\nserver { listen 80 }\n```\n",
    "```cmake\nfind_package(other)\n```\n",
    "```\nno language\n```\n",
    "```cobol\nSTOP RUN.\n```\n",
]


def check_planted(machine: Machine) -> None:
    """Checks that each planted block is found, unless it cannot run here."""
    found = 0
    for text in PLANTED:
        results = check_page(machine, Page("planted.md", "docs/planted.md", text))
        if len(results["failed"] + results["skipped"]) != 1:
            sys.exit(f"a planted block was not found:\n{text}{results}")
        found += len(results["failed"])
    print(f"{found} planted blocks of {len(PLANTED)} were found", flush=True)


def main() -> int:
    wanted = sys.argv[1:]
    selected = [it for it in pages() if not wanted or it.name in wanted]
    unknown = set(wanted) - {it.name for it in selected}
    if unknown:
        sys.exit(f"docs/SUMMARY.md has no page {', '.join(sorted(unknown))}")
    machine = Machine()
    totals: dict[str, list[str]] = {"passed": [], "failed": [], "skipped": []}
    try:
        machine.install()
        check_planted(machine)
        for page in selected:
            results = check_page(machine, page)
            for kind, entries in results.items():
                totals[kind] += entries
            for entry in results["failed"]:
                print(f"FAILED: {entry}")
            for entry in results["skipped"]:
                print(f"NOT RUN: {entry}")
            print(f"   {page.path}: " + ", ".join(f"{len(it)} {kind}" for kind, it in results.items()),
                  flush=True)
    finally:
        machine.close()
    counts = {kind: len(entries) for kind, entries in totals.items()}
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    is_strict = os.environ.get("REQUIRE_ALL") == "1"
    return 1 if counts["failed"] or (is_strict and counts["skipped"]) else 0


if __name__ == "__main__":
    sys.exit(main())
