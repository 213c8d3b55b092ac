// Packs both packages: `node pack.mjs FOLDER` writes their tarballs into a folder. Needs Rust, and
// `dist`, which `npm run build` makes.
//
// With cargo-zigbuild on PATH, the library and the addon run on every Linux with glibc 2.17 or
// newer. Without it, they are for systems like this one.
//
//     RBTOKEN_TARGET_DIR   the folder that Cargo builds in
//     RBTOKEN_PROFILE      the Cargo profile (release)
//
// SPDX-License-Identifier: MIT

import { execFileSync } from "node:child_process";
import {
  cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const FEATURES = "sqlite,postgres,mysql";
const TARGET = "x86_64-unknown-linux-gnu";
const GLIBC = "2.17";
const PLATFORM = "@rbtoken/linux-x64-gnu";
// Those of what the library contains.
const NOTICES = ["THIRD-PARTY.txt", "rbtoken.cdx.json"];

const folder = dirname(fileURLToPath(import.meta.url));
const root = resolve(folder, "../..");
const targetDir = resolve(process.env.RBTOKEN_TARGET_DIR ?? join(root, "target"));
const profile = process.env.RBTOKEN_PROFILE ?? "release";
const hasZig = (process.env.PATH ?? "").split(delimiter)
  .some((path) => existsSync(join(path, "cargo-zigbuild")));

/** Builds a shared library; returns its path. */
function build(source, into, name, options) {
  const [command, target] = hasZig ? ["cargo-zigbuild", ["--target", `${TARGET}.${GLIBC}`]]
    : ["cargo", []];
  execFileSync(command, ["rustc", "--quiet", "--locked", "--profile", profile, "--lib", ...options,
    "--target-dir", into, ...target, "--", "-C", "strip=symbols"],
  { cwd: source, stdio: "inherit" });
  const output = profile === "dev" ? "debug" : profile;
  return join(into, hasZig ? TARGET : "", output, name);
}

function pack(source, into) {
  execFileSync("npm", ["pack", "--silent", "--pack-destination", into],
    { cwd: source, stdio: ["ignore", "ignore", "inherit"] });
}

const into = resolve(process.argv[2] ?? ".");
mkdirSync(into, { recursive: true });
const library = build(root, targetDir, "librbtoken.so",
  ["--crate-type", "cdylib", "--features", FEATURES]);
const addon = build(join(folder, "native"), join(targetDir, "node"), "librbtoken_node.so", []);

const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const { version, license, author, engines } = manifest;
const staged = mkdtempSync(join(tmpdir(), "rbtoken-"));

/** Packs a package of these files, by their names in it. */
function stage(name, packageManifest, files) {
  const path = join(staged, name);
  mkdirSync(path);
  for (const [to, from] of Object.entries({ LICENSE: join(folder, "LICENSE"), ...files })) {
    cpSync(from, join(path, to), { recursive: true });
  }
  writeFileSync(join(path, "package.json"), `${JSON.stringify(packageManifest, null, 2)}\n`);
  pack(path, into);
}

try {
  stage("platform", {
    name: PLATFORM, version, description: "The native library of rbtoken for Linux on x86-64",
    license, author, engines, os: ["linux"], cpu: ["x64"], libc: ["glibc"], main: "rbtoken.node",
    files: ["librbtoken.so", "rbtoken.node", ...NOTICES],
  }, {
    "librbtoken.so": library,
    "rbtoken.node": addon,
    ...Object.fromEntries(NOTICES.map((name) => [name, join(root, "packaging/notices", name)])),
  });
  // Here alone: npm does not install what is built from the same sources, and not published yet.
  stage("package", { ...manifest, optionalDependencies: { [PLATFORM]: version } },
    { "README.md": join(folder, "README.md"), dist: join(folder, "dist") });
} finally {
  rmSync(staged, { recursive: true });
}
