// The plugin interface.
//
// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, describe, test } from "node:test";

import {
  Instance, InvalidStateError, LogLevel, abiVersion, extension, hasInterface, statusName,
  verdictName, version,
} from "rbtoken";

import { collect, folder, internal } from "./support.mjs";

const { keptCount } = internal("host.js");
const NEW_YEAR = new Date("2026-01-01T00:00:00Z");

describe("extension", () => {
  afterEach(async () => {
    await collect();
    assert.equal(keptCount(), 0);
  });

  test("extension_says_who_it_is", () => {
    const it = extension();
    assert.deepEqual([it.id, it.version, it.license], ["rbtoken", version(), "MIT"]);
    assert.ok(it.settingsSchema.properties.token_type);
    assert.ok(hasInterface("rbtoken.store/1"));
    assert.ok(!hasInterface("rbtoken.store/2") && !hasInterface("rbtoken.store/1\0"));
  });

  test("library_names_its_numbers", () => {
    assert.equal(abiVersion() >> 16, Number(version().split(".")[0]));
    assert.equal(statusName(80), "RBTOKEN_E_NOT_FOUND");
    assert.equal(verdictName(4), "RBTOKEN_VERDICT_EXPIRED");
  });

  test("instance_has_a_life", async () => {
    const instance = new Instance({
      settings: { token_type: "abc" }, clock: () => NEW_YEAR,
      entropy: (length) => crypto.getRandomValues(new Uint8Array(length)) });
    assert.equal(instance.settings().token_type, "abc");
    assert.throws(() => instance.store(), InvalidStateError);
    await instance.initialize();
    await assert.rejects(instance.initialize(), InvalidStateError);
    assert.throws(() => instance.configure(), InvalidStateError);
    const store = instance.store();
    const token = await store.generateToken("alice");
    assert.ok(token.value.startsWith("abc_"));
    assert.deepEqual(token.timeAdded, NEW_YEAR);
    await instance.shutdown();
    await assert.rejects(store.generateToken("alice"), InvalidStateError);
    for (const add of ["on", "once", "prependListener", "prependOnceListener"]) {
      assert.throws(() => store[add]("created", () => {}), InvalidStateError);
    }
    assert.equal(store.listenerCount("created"), 0);
    assert.throws(() => instance.shutdownSync(), InvalidStateError);
    instance.configure();
    assert.equal(instance.settings().token_type, "rbp");
    await store.close();
    await instance.close();
  });

  test("bad_settings_leave_nothing", () => {
    assert.throws(() => new Instance({ settings: { token_type: 7 }, clock: () => NEW_YEAR }),
      { jsonPath: "$.token_type" });
  });

  test("store_outlives_its_instance", async (context) => {
    const location = join(folder(context), "a.db");
    const instance = new Instance({ settings: { location }, clock: () => NEW_YEAR });
    instance.initializeSync();
    const store = instance.store();
    instance.closeSync();
    assert.throws(() => store.generateTokenSync("alice"), InvalidStateError);
    store.closeSync();
  });

  test("log_is_told", async () => {
    const lines = [];
    const instance = new Instance({ settings: {}, log: (...line) => lines.push(line) });
    await instance.initialize();
    const store = instance.store();
    await store.generateToken("alice");
    await store.close();
    await instance.close();
    assert.ok(lines.some(([level]) => level === LogLevel.DEBUG));
    assert.ok(lines.some(([, , message]) => message.includes("alice")));
  });

  test("log_that_throws_is_a_warning", async () => {
    const warned = [];
    const listener = (warning) => { warned.push(warning.message); };
    process.on("warning", listener);
    const instance = new Instance({ settings: {}, log: () => { throw new Error("no log"); } });
    await instance.initialize();
    await instance.close();
    await collect();
    process.off("warning", listener);
    assert.ok(warned.includes("no log"));
  });
});
