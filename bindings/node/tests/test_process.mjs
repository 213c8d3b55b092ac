// The end of the process, and worker threads.
//
// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";

import { PACKAGE, folder, run } from "./support.mjs";

/** A program that makes many calls whose callbacks need the thread of JavaScript. */
const BUSY = `
  const store = await rbtoken.Store.open(undefined, { clock: () => new Date() });
  let made = 0;
  store.addGenerator("mine", { create: () => "value" + made++, validate: () => true });
  store.setDefaultGenerator("mine");
  store.on("created", () => {}).on("used", () => {});
  const use = async () => {
    for (;;) await store.authenticate((await store.generateToken("alice")).value);
  };
  for (let index = 0; index < 100; index++) use().catch(() => {});
`;

/** The expression that starts a worker, which has the same package. */
function worker(source) {
  const program = `(async () => {
    const { parentPort } = await import("node:worker_threads");
    const rbtoken = await import(${JSON.stringify(PACKAGE)});
    ${source}
  })();`;
  return `new Worker(${JSON.stringify(program)}, { eval: true })`;
}

const WORKERS = `
  import { Worker } from "node:worker_threads";
  import { once } from "node:events";
  import { setTimeout as sleep } from "node:timers/promises";
`;

async function endsWith(expected, program) {
  const ended = await run(program);
  assert.deepEqual(ended, { status: 0, signal: null, errors: "", ...expected });
}

describe("process", () => {
  test("exit_with_callbacks_under_way_ends", async () => {
    for (let round = 0; round < 3; round++) {
      await endsWith({ status: 7, output: "" }, `${BUSY}
        setTimeout(() => process.exit(7), 100);`);
    }
  });

  test("exit_in_a_callback_ends", async () => {
    await endsWith({ status: 8, output: "" }, `${BUSY}
      setTimeout(() => store.once("created", () => process.exit(8)), 50);`);
    await endsWith({ status: 9, output: "" }, `
      const store = rbtoken.Store.openSync(undefined, { clock: () => process.exit(9) });
      await store.generateToken("alice");`);
  });

  test("uncaught_error_with_calls_under_way_ends", async () => {
    const { status, signal, errors } = await run(`${BUSY}
      setTimeout(() => { throw new Error("uncaught"); }, 50);`);
    assert.deepEqual([status, signal], [1, null]);
    assert.ok(errors.includes("uncaught"));
  });

  test("handles_at_exit_are_no_harm", async () => {
    await endsWith({ output: "bob\n" }, `
      const store = rbtoken.Store.openSync(undefined, { clock: () => new Date() });
      store.on("created", () => {});
      globalThis.kept = [store, store.generateTokenSync("alice"), store.listTokensSync(),
        new rbtoken.Policy({}), new rbtoken.ServiceAccount("bot"),
        new rbtoken.Instance({ log() {} })];
      // Listeners of the host still work.
      process.on("exit", () => console.log(store.generateTokenSync("bob").user));`);
  });

  test("open_store_with_listeners_keeps_no_process", async () => {
    await endsWith({ output: "end\n" }, `
      const store = await rbtoken.Store.open(undefined, { clock: () => new Date() });
      store.on("created", () => {});
      await store.generateToken("alice");
      console.log("end");`);
  });

  test("exit_writes_the_times_of_the_last_logins", async (context) => {
    const path = JSON.stringify(join(folder(context), "tokens.db"));
    await endsWith({ output: "" }, `
      const store = rbtoken.Store.openSync(${path});
      const { value } = store.generateTokenSync("alice");
      store.authenticateSync(value);
      process.exit();`);
    await endsWith({ output: "true\n" }, `
      const store = rbtoken.Store.openSync(${path});
      console.log(store.getTokenSync(1).lastUsed instanceof Date);`);
  });

  test("library_that_is_missing_is_an_error", async () => {
    const missing = { RBTOKEN_LIBRARY: "/nonexistent/librbtoken.so" };
    const { status, errors } = await run("", { env: missing });
    assert.equal(status, 1);
    assert.match(errors, /librbtoken\.so cannot be loaded/);
  });
});

describe("workers", () => {
  test("workers_share_a_store", async () => {
    const source = `
      const { threadId } = await import("node:worker_threads");
      const store = await rbtoken.Store.shared();
      const user = "worker" + threadId;
      let own = 0;
      store.on("created", (token) => { if (token.user === user) own++; });
      for (let index = 0; index < 100; index++) await store.generateToken(user);
      parentPort.postMessage(own);
      await store.close();`;
    await endsWith({ output: "[ 100, 100 ] 200 true\n" }, `${WORKERS}
      const store = rbtoken.Store.sharedSync();
      let heard = 0;
      store.on("created", () => heard++);
      const workers = [${worker(source)}, ${worker(source)}];
      const exits = workers.map((it) => once(it, "exit"));
      const counts = (await Promise.all(workers.map((it) => once(it, "message")))).flat();
      await Promise.all(exits);
      while (heard < 200) await sleep(5);
      console.log(counts, store.tokenCountSync(), heard === 200);`);
  });

  test("worker_that_is_terminated_leaves_nothing", async () => {
    const source = `
      ${BUSY}
      const shared = await rbtoken.Store.shared();
      shared.on("created", () => {});
      parentPort.postMessage("busy");`;
    await endsWith({ output: "{}\n" }, `${WORKERS}
      const shared = rbtoken.Store.sharedSync();
      for (let round = 0; round < 5; round++) {
        const worker = ${worker(source)};
        await once(worker, "message");
        await sleep(10 * round);
        await Promise.all([worker.terminate(), shared.generateToken("main")]);
        shared.generateTokenSync("main");
      }
      shared.closeSync();
      for (let round = 0; round < 5; round++) { gc(); await sleep(10); }
      const other = rbtoken.Store.openSync();
      const { handles } = other.statisticsSync();
      handles.store -= 1;
      console.log(Object.fromEntries(Object.entries(handles).filter(([, count]) => count > 0)));`);
  });

  test("process_exits_while_workers_are_busy", async () => {
    const source = `
      ${BUSY}
      parentPort.postMessage("busy");`;
    await endsWith({ status: 3, output: "" }, `${WORKERS}
      const workers = [${worker(source)}, ${worker(source)}];
      await Promise.all(workers.map((it) => once(it, "message")));
      await sleep(50);
      process.exit(3);`);
  });

  test("handle_cannot_be_sent_to_a_worker", async () => {
    await endsWith({ output: "Object DataCloneError\n" }, `
      const store = rbtoken.Store.openSync();
      const token = store.generateTokenSync("alice");
      let caught;
      try { structuredClone({ f: store.on }); } catch (error) { caught = error.name; }
      console.log(structuredClone(token).constructor.name, caught);`);
  });
});
