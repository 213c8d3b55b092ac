// The package as a whole: its version, its exports.
//
// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";

import * as rbtoken from "rbtoken";

import { TESTS } from "./support.mjs";

const require = createRequire(import.meta.url);

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
