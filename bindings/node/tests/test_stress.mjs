// Calls that open, use, close and drop stores and tokens at random, under listeners and workers.
//
// RBTOKEN_STRESS_SECONDS says for how long (2).
//
// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

import { Policy, ServiceAccount, Store } from "rbtoken";

import { collect, folder, internal, liveHandles } from "./support.mjs";

const SECONDS = Number(process.env.RBTOKEN_STRESS_SECONDS ?? 2);
const CALLS = 1000;
const WORKERS = 2;
/** At the least, for each thread. */
const MIN_EVENTS = 50;
/** What may fail while others close and delete. */
const EXPECTED = new Set(["ClosedError", "LockedError", "NotFoundError"]);

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const number = (limit) => Math.floor(Math.random() * limit);

/** Stores and tokens that all users take, replace and close. */
class Shelf {
  stores = new Array(6);
  /** Tokens, with the users that they must have. */
  tokens = new Array(40);
  events = 0;
  steps = 0;
  /** What listeners threw. */
  failures = [];

  constructor(path) {
    this.path = path;
  }

  keep(token, user) {
    this.tokens[number(this.tokens.length)] = [token, user];
  }

  hear(store, token) {
    this.events++;
    assert.match(token.user, /^user/);
    const chance = Math.random();
    if (chance < 0.1) this.keep(token, token.user);
    else if (chance < 0.15) store.closeSync();
    else if (chance < 0.2) assert.equal(store.findTokenSync(token.value).user, token.user);
  }

  async open() {
    const which = number(9);
    const clock = which > 6 ? { clock: () => new Date() } : {};
    const place = which > 2 ? undefined : join(this.path, `${which}.db`);
    const open = (at) => Store.open(at, clock).catch((error) => {
      if (error.name !== "LockedError") throw error;
      return Store.open(undefined, clock);
    });
    const store = which === 8 ? await Store.shared() : await open(place);
    store.setMaxListeners(0);
    for (const event of ["created", "used", "deleted", "invalidated"]) {
      store.on(event, (token) => this.hear(store, token));
    }
    store.on("error", (error) => {
      // What a listener of `error` throws is only a warning.
      if (!EXPECTED.has(error.name)) this.failures.push(error);
    });
    return store;
  }

  /** One action of a user, chosen at random. */
  async step() {
    const slot = number(this.stores.length);
    const store = this.stores[slot];
    const chance = Math.random();
    this.steps++;
    if (store === undefined || chance < 0.03) {
      this.stores[slot] = await this.open();
    } else if (chance < 0.05) {
      await (Math.random() < 0.5 ? store.close() : store.closeSync());
    } else if (chance < 0.08) {
      this.stores[slot] = undefined;
    } else if (chance < 0.3) {
      const user = `user${number(10 ** 6)}`;
      const token = Math.random() < 0.5 ? await store.generateToken(user)
        : store.generateTokenSync(user);
      assert.equal(token.user, user);
      this.keep(token, user);
    } else if (chance < 0.34) {
      for await (const token of store.tokens({ valid: true })) {
        assert.match(token.user, /^user/);
        if (Math.random() < 0.2) break;
      }
    } else if (chance < 0.38) {
      const { token } = await store.getOrCreateClientToken("user1", `client${number(5)}`);
      assert.equal(token.user, "user1");
    } else if (chance < 0.4) {
      const account = new ServiceAccount("bot", { user: "user2" });
      assert.equal((await account.getApiToken(store)).token.user, "user2");
    } else if (chance < 0.42) {
      assert.ok(new Policy({}, store).allows("review", "GET"));
    } else {
      await this.use(store, pick(this.tokens), chance);
    }
  }

  async use(store, kept, chance) {
    if (kept === undefined) return;
    const [token, user] = kept;
    assert.equal(token.user, user);
    if (chance < 0.85) {
      const login = Math.random() < 0.5 ? await store.authenticate(token.value)
        : store.authenticateSync(token.value);
      assert.equal((login.token ?? login.refused)?.user ?? user, user);
    } else if (chance < 0.9) {
      await store.invalidateToken(token.value);
    } else if (chance < 0.95) {
      await store.deleteToken(token);
    } else {
      token.close();
    }
  }

  async run(end) {
    // However slow the machine is, enough happens.
    while (Date.now() < end || Math.min(this.steps, this.events) <= MIN_EVENTS) {
      try {
        await this.step();
      } catch (error) {
        if (!EXPECTED.has(error.name)) throw error;
      }
    }
  }
}

async function stress(path, calls) {
  const shelf = new Shelf(path);
  for (let slot = 0; slot < shelf.stores.length; slot++) shelf.stores[slot] = await shelf.open();
  const end = Date.now() + SECONDS * 1000;
  await Promise.all(Array.from({ length: calls }, () => shelf.run(end)));
  for (const store of shelf.stores) await store?.close();
  if (shelf.failures.length > 0) throw shelf.failures[0];
  return { steps: shelf.steps, events: shelf.events };
}

if (isMainThread) {
  test("calls_and_workers_at_random_end_without_a_wrong_answer", async (context) => {
    const path = folder(context);
    const before = await liveHandles();
    const workers = Array.from({ length: WORKERS }, () =>
      new Worker(new URL(import.meta.url), { workerData: { path } }));
    const exits = workers.map((worker) => once(worker, "exit"));
    const [own, ...others] = await Promise.all([
      stress(path, CALLS),
      ...workers.map(async (worker) => (await once(worker, "message"))[0]),
    ]);
    await Promise.all(exits);
    for (const { steps, events } of [own, ...others]) {
      assert.ok(Math.min(steps, events) > MIN_EVENTS, `${steps} steps, ${events} events`);
    }
    await collect();
    const after = await liveHandles();
    // The process keeps the store that its parts share.
    delete after.store;
    assert.deepEqual([after, before], [{}, {}]);
    assert.equal(internal("host.js").keptCount(), 0);
  });
} else {
  parentPort.postMessage(await stress(workerData.path, 100));
}
