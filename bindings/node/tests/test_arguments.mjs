// Misuse: what an argument must not be, and what the error says.
//
// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import * as rbtoken from "rbtoken";

const { Instance, Policy, ServiceAccount, Store, Token, TokenList } = rbtoken;

describe("arguments", () => {
  let store;

  beforeEach(() => {
    store = Store.openSync();
  });

  afterEach(() => store.closeSync());

  /** The error is of this kind, and both it and its text name the argument. */
  async function refused(kind, argument, call) {
    let error;
    try {
      await call();
    } catch (thrown) {
      error = thrown;
    }
    assert.ok(error instanceof kind, `${argument}: expected ${kind.name}, found ${error}`);
    assert.equal(error.argument, argument);
    assert.ok(error.message.includes(`'${argument}'`), error.message);
    return error;
  }

  test("wrong_type_is_a_type_error_that_names_the_argument", async () => {
    const token = store.generateTokenSync("alice");
    const cases = [
      ["user", () => store.generateToken(7)], ["user", () => store.generateTokenSync()],
      ["user", () => store.generateToken(new String("alice"))],
      ["clientName", () => store.getOrCreateClientToken("alice", null)],
      ["minValiditySecs",
        () => store.getOrCreateClientToken("alice", "c", { minValiditySecs: "abc" })],
      ["minValiditySecs",
        () => store.getOrCreateClientTokenSync("alice", "c", { minValiditySecs: 5n })],
      ["ignoreDeprecated", () => store.getOrCreateClientToken("a", "c", { ignoreDeprecated: 1 })],
      ["localSite", () => store.generateToken("alice", { localSite: 1 })],
      ["policy", () => store.generateToken("alice", { policy: ["x"] })],
      ["extraData", () => store.generateToken("alice", { extraData: { a: () => 1 } })],
      ["extraData", () => store.generateToken("alice", { extraData: { a: undefined } })],
      ["extraData", () => store.generateToken("alice", { extraData: { a: new Date() } })],
      ["valid", () => store.generateToken("alice", { valid: "no" })],
      ["options", () => store.generateToken("alice", "x")],
      ["options", () => store.generateToken("alice", null)],
      ["options", () => store.generateToken("alice", [])],
      ["options", () => store.generateToken("alice", new Map([["note", "x"]]))],
      ["options", () => store.generateToken("alice", new (class { get note() { return "x"; } })())],
      ["valid", () => store.generateToken("alice", { valid: null })],
      ["invalid", () => store.importToken("alice", "x", { invalid: null })],
      ["tokenVersion", () => new ServiceAccount("bot", { tokenVersion: null })],
      ["expires", () => store.generateToken("alice", { expires: "2030-01-01" })],
      ["expires", () => store.generateToken("alice", { expires: 1893456000000 })],
      ["expires", () => store.updateToken(token, { expires: "2030-01-01" })],
      ["deadBefore", () => store.purgeTokens(0)], ["at", () => token.isExpired(5)],
      ["value", () => store.authenticate()], ["value", () => store.authenticateSync(null)],
      ["value", () => store.authenticateSync(new Float64Array(2))],
      ["header", () => store.authenticateHeader(7)],
      ["site", () => store.authenticate("x", { site: 7 })],
      ["site", () => store.authenticate("x", { site: Symbol("any site") })],
      ["id", () => store.getToken("1")], ["token", () => store.deleteToken("1")],
      ["token", () => store.deleteToken({ id: 1n })],
      ["active", () => store.setUserActive("alice", 0)],
      ["ids", () => store.setPolicyIds("review")], ["ids", () => store.setPolicyIds([1])],
      ["ids", () => store.setPolicyIds(5)],
      ["generatorIds", () => store.setDeprecatedGenerators("abc")],
      ["path", () => store.backup(7)], ["path", () => store.backup()],
      ["path", () => store.exportFile(new URL("https://localhost/x"))],
      ["path", () => store.importFileSync(new URL("file://elsewhere/x"))],
      ["location", () => Store.open(new URL("file://elsewhere/x"))],
      ["progress", () => store.exportFile("x", { progress: 7 })],
      ["create", () => store.addGenerator("g", { create: 7, validate: () => true })],
      ["validate", () => store.addGenerator("g", { create: () => "x" })],
      ["location", () => Store.open(7)], ["location", () => Store.openSync({})],
      ["clock", () => Store.open(undefined, { clock: 7 })],
      ["entropy", () => Store.openSync(undefined, { entropy: 7 })],
      ["store", () => new ServiceAccount("bot").getApiToken(7)],
      ["store", () => new Policy({}, token)], ["id", () => new ServiceAccount(7)],
      ["expirationSecs", () => new ServiceAccount("bot", { expirationSecs: "1" })],
      ["log", () => new Instance({ log: 7 })],
      ["listener", () => store.on("created", 7)], ["listener", () => store.addListener("used")],
      ["listener", () => store.once("created", null)], ["listener", () => store.off("created", 7)],
      ["listener", () => store.prependListener("used", {})],
      ["listener", () => store.prependOnceListener("used", "x")],
      ["event", () => store.on(7, () => {})], ["event", () => store.once(undefined, () => {})],
      ["withValue", () => token.toPayload({ withValue: 1 })],
      ["status", () => rbtoken.statusName("x")], ["name", () => rbtoken.hasInterface(7)],
      ["index", () => store.listTokensSync().at("0")],
    ];
    for (const [argument, call] of cases) await refused(TypeError, argument, call);
    assert.equal(store.tokenCountSync(), 1);
  });

  test("type_of_a_hostile_value_is_named_without_an_error", async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    class Nameless { static name = Symbol("no text"); }
    const getter = { get constructor() { throw new Error("the getter"); } };
    for (const value of [proxy, new Nameless(), getter]) {
      const error = await refused(TypeError, "user", () => store.generateToken(value));
      assert.ok(error.message.startsWith("expected a string, found an object"), error.message);
    }
    const inherited = Object.create(Object.create({}), Object.getOwnPropertyDescriptors(getter));
    await refused(TypeError, "extraData", () =>
      store.generateToken("alice", { extraData: inherited }));
  });

  test("bytes_of_any_buffer_are_read_at_the_call", async () => {
    const secret = Buffer.from(store.generateTokenSync("alice").value);
    const detached = new Uint8Array(8);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    const resized = new ArrayBuffer(16, { maxByteLength: 512 });
    const outside = new Uint8Array(resized, 8);
    const whole = new Uint8Array(resized);
    resized.resize(4);
    for (const bytes of [detached, outside]) {
      assert.equal(store.authenticateSync(bytes).verdict, "UNKNOWN");
    }
    resized.resize(secret.length);
    whole.set(secret);
    const shared = new Uint8Array(new SharedArrayBuffer(secret.length));
    shared.set(secret);
    class Liar extends Uint8Array {
      get length() { return 2 ** 30; }
      get byteLength() { return 2 ** 30; }
    }
    for (const bytes of [whole, shared, new Liar(secret)]) {
      assert.equal(store.authenticateSync(bytes).verdict, "OK");
    }
    const login = store.authenticate(secret);
    secret.fill(0);
    assert.equal((await login).verdict, "OK");
  });

  test("number_out_of_range_is_a_range_error", async () => {
    const token = store.generateTokenSync("alice");
    for (const id of [2n ** 64n + token.id, 2n ** 63n, -(2n ** 63n) - 1n, 1.5, NaN, 2 ** 60]) {
      await refused(RangeError, "token", () => store.deleteToken(id));
      await refused(RangeError, "id", () => store.getTokenSync(id));
    }
    assert.ok(store.getTokenSync(token.id).equals(token));
    for (const [argument, call] of [
      ["minValiditySecs", () => store.getOrCreateClientToken("a", "c", { minValiditySecs: 0.5 })],
      ["minValiditySecs", () => store.getOrCreateClientToken("a", "c", { minValiditySecs: NaN })],
      ["expirationSecs", () => new ServiceAccount("bot", { expirationSecs: Infinity })],
      ["tokenVersion", () => new ServiceAccount("bot", { tokenVersion: 2 ** 32 })],
      ["tokenVersion", () => new ServiceAccount("bot", { tokenVersion: -1 })],
      ["expires", () => store.generateToken("alice", { expires: new Date(NaN) })],
      ["expires", () => store.generateToken("alice", { expires: 2n ** 63n })],
      ["status", () => rbtoken.statusName(2 ** 32 + 80)],
    ]) await refused(RangeError, argument, call);
  });

  test("unknown_option_is_refused", async () => {
    for (const [argument, call] of [
      ["expiry", () => store.generateToken("alice", { expiry: new Date() })],
      ["Symbol(note)", () => store.generateToken("alice", { [Symbol("note")]: "x" })],
      ["clientname", () => store.listTokens({ clientname: "x" })],
      ["site", () => store.getOrCreateClientToken("alice", "c", { site: "x" })],
      ["reason", () => store.updateToken(1, { reason: "x" })],
      ["localSite", () => store.authenticate("x", { localSite: "x" })],
      ["setting", () => Store.open(undefined, { setting: {} })],
      ["onProgress", () => store.importFile("x", { onProgress: () => {} })],
      ["expiration", () => new ServiceAccount("bot", { expiration: 1 })],
      ["name", () => new Instance({ name: "x" })],
      ["check", () => store.addGenerator("g", { create() {}, validate() {}, check() {} })],
    ]) await refused(TypeError, argument, call);
    await refused(TypeError, "event", () => store.on("creatd", () => {}));
    await refused(rbtoken.NotFoundError, "name", () => store.setSetting("speed", 1));
    const error = await refused(rbtoken.RBTokenError, "settings", () =>
      Store.open(undefined, { settings: { speed: 1 } }));
    assert.equal(error.jsonPath, "$.speed");
  });

  test("option_of_a_prototype_is_not_read", () => {
    Object.prototype.localSite = "polluted";
    try {
      assert.equal(store.generateTokenSync("alice", {}).localSite, undefined);
      assert.ok(store.authenticateSync(store.generateTokenSync("alice").value).ok);
    } finally {
      delete Object.prototype.localSite;
    }
  });

  test("lone_surrogate_is_refused", async () => {
    const secret = "rbp_secret\udc80";
    for (const [argument, call] of [
      ["user", () => store.generateToken(secret)], ["value", () => store.findToken(secret)],
      ["note", () => store.generateToken("alice", { note: secret })],
      ["policy", () => store.generateToken("alice", { policy: secret })],
      ["extraData", () => store.generateToken("alice", { extraData: { a: [secret] } })],
      ["extraData", () => store.generateToken("alice", { extraData: { [secret]: 1 } })],
      ["name", () => store.getSetting(secret)], ["ids", () => store.setPolicyIds([secret])],
    ]) {
      const error = await refused(TypeError, argument, call);
      assert.equal(error.code, "RBTOKEN_E_INVALID_UTF8");
      assert.ok(!error.stack.includes("secret\\u") && !error.message.includes("secret"));
    }
    // As U+FFFD it would be somebody else's.
    store.importTokenSync("mallory", "value\ufffd");
    assert.equal(store.authenticateSync("value\ufffd").token.user, "mallory");
    for (const call of [
      () => store.authenticate("value\udc80"),
      () => store.authenticateHeader("token value\udc80"),
      () => store.authenticate(Buffer.from([0xff, 0xfe])),
    ]) assert.equal((await call()).verdict, "UNKNOWN");
  });

  test("nul_is_refused", async () => {
    const error = await refused(
      rbtoken.InvalidArgumentError, "user", () => store.generateToken("alice\0bob"));
    assert.equal(error.code, "RBTOKEN_E_EMBEDDED_NUL");
    await refused(TypeError, "ids", () => store.setPolicyIds(["a\0b"]));
  });

  test("document_error_names_the_place", async () => {
    const policy = { resources: { "*": { allow: "GET" } } };
    const error = await refused(rbtoken.InvalidPolicyError, "defaultPolicy", () =>
      store.getOrCreateClientToken("alice", "c", { defaultPolicy: policy }));
    assert.deepEqual([error.status, error.code, error.jsonPath],
      [44, "RBTOKEN_E_POLICY", '$.resources["*"].allow']);
    for (const part of [error.detail, error.jsonPath, error.code]) {
      assert.ok(error.message.includes(part));
    }
    const nested = await refused(TypeError, "extraData", () =>
      store.generateToken("alice", { extraData: { a: [0, { b: undefined }] } }));
    assert.equal(nested.jsonPath, '$["a"][1]["b"]');
  });

  test("document_keeps_what_it_means", async () => {
    const big = 2n ** 62n;
    const token = store.generateTokenSync("alice", { extraData: { big, list: [null, true, "ä"] } });
    assert.ok(token.extraDataText.includes(String(big)));
    for (const number of [NaN, Infinity, 2n ** 64n]) {
      const error = await refused(rbtoken.InvalidDocumentError, "extraData", () =>
        store.generateToken("alice", { extraData: { number } }));
      assert.equal(error.code, "RBTOKEN_E_JSON_NUMBER");
    }
    const loop = {};
    loop.loop = loop;
    const error = await refused(rbtoken.InvalidDocumentError, "extraData", () =>
      store.generateToken("alice", { extraData: loop }));
    assert.equal(error.code, "RBTOKEN_E_JSON_TOO_DEEP");
  });

  test("error_names_the_parameter_of_javascript", async () => {
    const late = new Date(8.64e15);
    for (const [argument, call] of [
      ["expiresAt", null], ["timeAdded", { timeAdded: late }], ["lastUsed", { lastUsed: late }],
      ["expires", { expires: late }],
      ["invalidDate", { invalid: true, invalidDate: late }],
    ].filter(([, options]) => options !== null).map(([argument, options]) =>
      [argument, () => store.importToken("alice", "x", options)])) {
      await refused(rbtoken.InvalidArgumentError, argument, call);
    }
    for (const [argument, call] of [
      ["expires", () => store.generateToken("alice", { expires: late })],
      ["expiresBefore", () => store.listTokens({ expiresBefore: late })],
      ["deadBefore", () => store.purgeTokens(late)],
      ["at", () => store.generateTokenSync("alice").toPayload({ at: late })],
      ["minValiditySecs",
        () => store.getOrCreateClientToken("a", "c", { minValiditySecs: 10 ** 12 })],
      ["id", () => new ServiceAccount("a b")],
    ]) await refused(rbtoken.InvalidArgumentError, argument, call);
  });

  test("token_of_another_store_is_refused", async () => {
    const token = store.generateTokenSync("alice");
    const other = Store.openSync();
    const theirs = other.generateTokenSync("bob");
    assert.equal(theirs.id, token.id);
    for (const call of [
      () => store.deleteToken(theirs), () => store.deleteTokenSync(theirs),
      () => store.updateToken(theirs, { note: "x" }),
      () => store.updateTokenSync(theirs, { note: "x" }),
      () => store.invalidateTokenById(theirs), () => store.invalidateTokenByIdSync(theirs),
    ]) await refused(rbtoken.NotFoundError, "token", call);
    other.closeSync();
    assert.ok(store.getTokenSync(token.id).equals(token));
    await store.deleteToken(token);
    assert.equal(store.tokenCountSync(), 0);
  });

  test("token_is_revoked_by_its_value", async () => {
    const revoke = [
      (token) => store.invalidateTokenById(token, "stolen"),
      (token) => { store.invalidateTokenByIdSync(token, "stolen"); },
    ];
    for (const call of revoke) {
      const token = store.generateTokenSync("alice");
      store.deleteTokenSync(token);
      const again = store.importTokenSync("alice", token.value);
      await call(token);
      assert.equal(store.getTokenSync(again.id).invalidReason, "stolen");
      store.deleteTokenSync(again);
    }
  });

  test("handle_is_not_made_by_hand", () => {
    for (const kind of [Store, Token, TokenList]) {
      for (const values of [[], [1n], [Symbol("made by a call"), {}], [{}, {}]]) {
        assert.throws(() => new kind(...values), /^TypeError: .* is not made with new/);
      }
      assert.throws(() => Reflect.construct(kind, [], Array), TypeError);
    }
  });

  test("method_of_another_class_is_a_type_error", () => {
    const token = store.generateTokenSync("alice");
    const others = [token, store.listTokensSync(), new Policy({}), new ServiceAccount("b"), {}];
    for (const other of others) {
      assert.throws(() => Store.prototype.tokenCountSync.call(other), TypeError);
      if (other === token) continue;
      assert.throws(() => Token.prototype.allows.call(other, "x", "GET"), TypeError);
      assert.throws(() => Token.prototype.toPayload.call(other), TypeError);
    }
    const id = Object.getOwnPropertyDescriptor(Token.prototype, "id").get;
    for (const other of others.slice(1)) assert.throws(() => id.call(other), TypeError);
    assert.throws(() => Policy.prototype.allows.call(token, "x", "GET"), TypeError);
  });

  test("subclass_of_date_cannot_lie_about_its_time", () => {
    class Liar extends Date {
      getTime() { return NaN; }
      valueOf() { return "x"; }
    }
    const time = Date.UTC(2030, 0, 1);
    const token = store.generateTokenSync("alice", { expires: new Liar(time) });
    assert.equal(token.expires.getTime(), time);
  });

  test("time_is_exact_to_the_microsecond", () => {
    const expires = BigInt(Date.UTC(2030, 0, 1)) * 1000n + 7n;
    const token = store.generateTokenSync("alice", { expires });
    assert.equal(token.microseconds.expires, expires);
    assert.equal(token.expires.getTime(), Date.UTC(2030, 0, 1));
    const early = store.importTokenSync("alice", "early", { timeAdded: -1n });
    assert.equal(early.microseconds.timeAdded, -1n);
    assert.equal(early.timeAdded.getTime(), -1);
    const first = new Date(0);
    first.setUTCFullYear(1, 0, 1);
    const edge = store.importTokenSync("alice", "edge", { timeAdded: first });
    assert.deepEqual(edge.timeAdded, first);
  });

  test("secret_is_not_in_what_is_shown", async () => {
    const { inspect } = await import("node:util");
    const token = store.generateTokenSync("alice");
    const login = store.authenticateSync(token.value);
    const shown = inspect([token, login, store], { showHidden: true, depth: 9 })
      + JSON.stringify([token, login]) + String(token);
    assert.ok(!shown.includes(token.value));
    await assert.rejects(store.findToken(`${token.value}\0`), (error) =>
      !inspect(error).includes(token.value));
    const place = inspect(store);
    assert.equal(place, "Store in memory");
    const url = "postgresql://user:password@127.0.0.1:1/none";
    await assert.rejects(Store.open(url), (error) => !inspect(error).includes("password"));
  });
});
