// The package as a whole: its version, its exports.
//
// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";

import * as rbtoken from "rbtoken";

import { ADDON, TESTS, folder } from "./support.mjs";

const require = createRequire(import.meta.url);

/** Loads a copy of the package, which finds the addon of the original. */
function requireCopy(path) {
  const before = process.env.RBTOKEN_ADDON;
  process.env.RBTOKEN_ADDON = ADDON;
  try {
    return require(join(path, "index.js"));
  } finally {
    if (before === undefined) delete process.env.RBTOKEN_ADDON;
    else process.env.RBTOKEN_ADDON = before;
  }
}

describe("package", () => {
  test("version_is_that_of_the_library", () => {
    const { version, optionalDependencies } = require("rbtoken/package.json");
    assert.equal(version, rbtoken.version());
    // A checkout has none: the tarball gets it.
    for (const exact of Object.values(optionalDependencies ?? {})) assert.equal(exact, version);
    const source = join(TESTS, "../../../Cargo.toml");
    if (!existsSync(source)) return;
    const pattern = /^version = "(.*)"/m;
    assert.equal(pattern.exec(readFileSync(source, "utf8"))[1], version);
    const addon = readFileSync(join(TESTS, "../native/Cargo.toml"), "utf8");
    assert.equal(pattern.exec(addon)[1], version);
  });

  test("both_kinds_of_modules_are_one_package", () => {
    const required = require("rbtoken");
    const imported = { ...rbtoken };
    for (const name of ["default", "module.exports", "__esModule"]) delete imported[name];
    assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort());
    for (const [name, value] of Object.entries(imported)) assert.equal(value, required[name]);
    assert.ok(Object.keys(imported).length > 30);
  });

  test("copies_of_the_package_keep_their_callbacks_apart", async (context) => {
    const copy = join(folder(context), "dist");
    cpSync(dirname(require.resolve("rbtoken")), copy, { recursive: true });
    const heard = [];
    const stores = [];
    for (const [index, { Store }] of [rbtoken, requireCopy(copy)].entries()) {
      const clock = () => new Date(Date.UTC(2030 + index, 0));
      const store = Store.openSync(undefined, { clock });
      store.on("created", ({ user }) => heard.push(`${index} ${user}`));
      stores.push(store);
    }
    assert.notEqual(stores[0].constructor, stores[1].constructor);
    for (const [index, store] of stores.entries()) {
      const tokens = [store.generateTokenSync("sync"), await store.generateToken("async")];
      for (const token of tokens) assert.equal(token.timeAdded.getUTCFullYear(), 2030 + index);
      await store.close();
    }
    assert.deepEqual(heard, ["0 sync", "0 async", "1 sync", "1 async"]);
  });

  test("missing_platform_package_is_an_error_that_names_it", (context) => {
    // Outside of every node_modules.
    const copy = join(folder(context), "dist");
    cpSync(dirname(require.resolve("rbtoken")), copy, { recursive: true });
    const load = `require(${JSON.stringify(join(copy, "index.js"))})`;
    const arm = 'Object.defineProperty(process, "arch", { value: "arm64" });';
    for (const [program, message] of [
      [load, /^Error: the package @rbtoken\/linux-x64-gnu is missing: .*optional dependency/m],
      [arm + load, /^Error: rbtoken has no package for linux-arm64 \(expected linux-x64\); build/m],
    ]) {
      const { status, stderr } = spawnSync(process.execPath, ["--eval", program],
        { encoding: "utf8", env: { ...process.env, RBTOKEN_ADDON: "" } });
      assert.equal(status, 1);
      assert.match(stderr, message);
    }
  });

  test("nothing_internal_is_exported", () => {
    for (const path of ["rbtoken/dist/native.js", "rbtoken/dist/handle.js", "rbtoken/native"]) {
      assert.throws(() => require(path), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" });
    }
  });

  test("errors_have_their_names", () => {
    for (const [name, value] of Object.entries(rbtoken)) {
      if (!name.endsWith("Error")) continue;
      assert.ok(value.prototype instanceof Error, name);
      assert.equal(new value(80, "message", "argument", "$.path").name, name);
    }
    const error = new rbtoken.NotFoundError(7777, "message");
    assert.deepEqual([error.status, error.code], [7777, "unknown status"]);
  });
});
