// What several tests need.
//
// SPDX-License-Identifier: MIT

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

import { Store } from "rbtoken";

const require = createRequire(import.meta.url);
const dist = dirname(require.resolve("rbtoken"));

/** The folder of the tests. */
export const TESTS = dirname(fileURLToPath(import.meta.url));
/** The package, for programs that are not in it. */
export const PACKAGE = pathToFileURL(join(dist, "index.mjs")).href;

/** The addon. */
export const ADDON = process.env.RBTOKEN_ADDON
  ?? createRequire(require.resolve("rbtoken")).resolve("@rbtoken/linux-x64-gnu/rbtoken.node");

/** A module of the package that its users cannot import. */
export function internal(name) {
  return require(join(dist, name));
}

/** A new folder, which goes with the test. */
export function folder(context) {
  const path = mkdtempSync(join(tmpdir(), "rbtoken-"));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

/** Collects garbage, until its finalizers have run. */
export async function collect() {
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await sleep(5);
  }
}

/** The handles of the process that are not given back, by kind. */
export async function liveHandles() {
  await collect();
  const store = Store.openSync();
  const { handles } = store.statisticsSync();
  store.closeSync();
  handles.store -= 1;
  return Object.fromEntries(Object.entries(handles).filter(([, number]) => number !== 0));
}

/** Runs a program in a process of its own; returns how it ended and what it printed. */
export function run(program, { seconds = 60, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const source = `import * as rbtoken from ${JSON.stringify(PACKAGE)};\n${program}`;
    const child = spawn(
      process.execPath, ["--expose-gc", "--input-type=module", "--eval", source],
      { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
    let [output, errors] = ["", ""];
    child.stdout.on("data", (data) => { output += data; });
    child.stderr.on("data", (data) => { errors += data; });
    const deadline = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(deadline);
      resolve({ status, signal, output, errors });
    });
  });
}
