// Handles: given back once, after the last call; what is closed.
//
// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";

import { Instance, Policy, ServiceAccount, Store } from "rbtoken";

import { collect, folder, internal, liveHandles } from "./support.mjs";

const { keptCount } = internal("host.js");

describe("lifetime", () => {
  beforeEach(async () => assert.deepEqual(await liveHandles(), {}));
  afterEach(async () => {
    assert.deepEqual(await liveHandles(), {});
    assert.equal(keptCount(), 0);
  });

  test("handles_are_closed_in_any_order", async () => {
    const store = await Store.open();
    const token = await store.generateToken("alice");
    const list = await store.listTokens();
    store.closeSync();
    store.closeSync();
    await store.close();
    assert.equal(token.user, "alice");
    const other = list.at(0);
    list.close();
    list.close();
    assert.ok(other.equals(token) && token.allows("review", "GET"));
    other.close();
    assert.ok(!other.equals(token) && other.equals(other) && other.closed);
    token.close();
  });

  test("every_method_throws_after_close", async (context) => {
    const path = join(folder(context), "x");
    const values = {
      setSetting: ["token_type", "x"], getSetting: ["token_type"], addLocalSite: ["x"],
      removeLocalSite: ["x"], setUserActive: ["x", true], setPolicyIds: [null], backup: [path],
      exportFile: [path, { progress() {} }], importFile: [path, { progress() {} }],
      getOrCreateClientToken: ["x", "y"], generateToken: ["x"], importToken: ["x", "y"],
      findToken: ["x"], getToken: [1], valueIsValid: ["x", "y", "z"], updateToken: [1, {}],
      invalidateToken: ["x"], invalidateTokenById: [1], invalidateUserTokens: ["x"],
      deleteToken: [1], purgeTokens: [new Date()], authenticate: ["x"], authenticateHeader: ["x"],
      addGenerator: ["x", { create() {}, validate() {} }], setDefaultGenerator: ["x"],
      setDeprecatedGenerators: [[]], on: ["used", () => {}], addListener: ["used", () => {}],
      prependListener: ["used", () => {}], once: ["used", () => {}],
      prependOnceListener: ["used", () => {}], allows: ["x", "GET"],
      getApiToken: [Store.openSync()],
      at: [0], equals: null, tokens: null, off: null, removeListener: null,
      removeAllListeners: null, toJSON: [], configure: [{}],
    };
    const store = Store.openSync();
    const token = store.generateTokenSync("alice");
    const handles = [store, token, store.listTokensSync(), new Policy({}),
      new ServiceAccount("bot"), new Instance()];
    for (const handle of handles) {
      await handle.close();
      await handle.close();
      const prototype = Object.getPrototypeOf(handle);
      let called = 0;
      for (const [name, property] of Object.entries(
        Object.getOwnPropertyDescriptors(prototype))) {
        const given = values[name] ?? values[name.replace(/Sync$/, "")];
        if (["constructor", "close", "closeSync", "closed"].includes(name)) continue;
        if (values[name] === null) continue;
        const call = async () =>
          (property.get === undefined ? handle[name](...(given ?? [])) : handle[name]);
        await assert.rejects(call, { name: "ClosedError", status: 82 },
          `${prototype.constructor.name}.${name}`);
        called++;
      }
      assert.ok(called > 1 && handle.closed);
    }
    await assert.rejects(store.tokens().next(), { name: "ClosedError" });
    assert.throws(() => [...handles[2]], { name: "ClosedError" });
    await values.getApiToken[0].close();
  });

  test("close_waits_for_calls_under_way", async (context) => {
    const path = join(folder(context), "tokens.db");
    for (let round = 0; round < 10; round++) {
      const store = await Store.open(path);
      const calls = Array.from({ length: 100 }, (_, index) => store.generateToken(`u${index}`));
      const closing = store.close();
      assert.equal(store.close(), closing);
      await assert.rejects(store.generateToken("late"), { name: "ClosedError" });
      await closing;
      // The file is free, and nothing was lost.
      const again = Store.openSync(path);
      assert.equal(again.tokenCountSync(), 100 * (round + 1));
      again.closeSync();
      assert.equal((await Promise.all(calls)).length, 100);
    }
  });

  test("close_leaves_calls_with_a_token_alone", async () => {
    for (const close of [(store) => store.close(), (store) => store.closeSync()]) {
      const store = Store.openSync();
      const tokens = ["a", "b", "c"].map((user) => store.generateTokenSync(user));
      const calls = [store.updateToken(tokens[0], { note: "changed" }),
        store.invalidateTokenById(tokens[1]), store.deleteToken(tokens[2])];
      await close(store);
      assert.equal((await Promise.all(calls))[0].note, "changed");
    }
  });

  test("instance_close_waits_for_calls_under_way", async (context) => {
    const location = join(folder(context), "tokens.db");
    const instance = new Instance({ settings: { location }, clock: () => new Date() });
    let hasEnded = false;
    const call = instance.initialize().then(() => { hasEnded = true; });
    const closing = instance.close();
    assert.equal(instance.close(), closing);
    await closing;
    assert.ok(hasEnded);
    await call;
    Store.openSync(location).closeSync();
  });

  test("getter_that_closes_a_handle_is_a_closed_error", async (context) => {
    const path = join(folder(context), "tokens.jsonl");
    const closing = (handle, name, value) => Object.defineProperty({}, name, {
      get() {
        handle[Symbol.dispose]();
        return value;
      },
    });
    for (const call of [
      (store) => store.exportFile(path, closing(store, "progress", () => {})),
      (store) => store.importFileSync(path, closing(store, "progress", () => {})),
      (store) => store.generateToken("alice", closing(store, "note", "x")),
      (store, account) => account.getApiToken(store, closing(store, "localSite")),
      (store, account) => account.getApiTokenSync(store, closing(account, "localSite")),
    ]) {
      const [store, account] = [Store.openSync(), new ServiceAccount("bot")];
      await assert.rejects(async () => call(store, account), { name: "ClosedError" });
      account.close();
      store.closeSync();
    }
  });

  test("close_sync_leaves_calls_under_way_alone", async () => {
    const store = await Store.open();
    const calls = Array.from({ length: 500 }, () => store.getOrCreateClientToken("a", "b"));
    store.closeSync();
    const answers = await Promise.all(calls);
    assert.equal(new Set(answers.map(({ token }) => token.id)).size, 1);
  });

  test("garbage_is_given_back", async () => {
    const seen = [];
    await (async () => {
      const store = Store.openSync(undefined, { clock: () => new Date() });
      const listener = () => store.closed;
      store.on("created", listener);
      const token = await store.generateToken("alice");
      const [list, policy] = [store.listTokensSync(), new Policy({})];
      const [account, instance] = [new ServiceAccount("bot"), new Instance({ log() {} })];
      seen.push(...[store, listener, token, list, policy, account, instance].map(
        (it) => new WeakRef(it)));
    })();
    await collect();
    assert.deepEqual(seen.map((it) => it.deref()), Array(seen.length).fill(undefined));
    await collect();
  });

  test("disposal_closes", async () => {
    const store = Store.openSync();
    const token = store.generateTokenSync("alice");
    token[Symbol.dispose]();
    store[Symbol.dispose]();
    const other = Store.openSync();
    await other[Symbol.asyncDispose]();
    const instance = new Instance();
    await instance[Symbol.asyncDispose]();
    assert.ok([token, store, other, instance].every(({ closed }) => closed));
  });

  test("store_that_cannot_be_opened_keeps_nothing", async () => {
    const options = { settings: { token_type: 7 }, clock: () => new Date(), entropy: () => null };
    await assert.rejects(Store.open(undefined, options), { jsonPath: "$.token_type" });
    assert.throws(() => Store.openSync(undefined, options), { jsonPath: "$.token_type" });
  });
});
