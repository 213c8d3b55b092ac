// The end of the process, and worker threads.
//
// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";

import { ADDON, PACKAGE, folder, run } from "./support.mjs";

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

  test("exit_with_calls_on_a_file_under_way_ends", async (context) => {
    const path = JSON.stringify(join(folder(context), "tokens"));
    await endsWith({ status: 4, output: "" }, `
      const source = rbtoken.Store.openSync();
      for (let index = 0; index < 1000; index++) source.generateTokenSync("theirs");
      source.exportFileSync(${path} + ".in");
      const store = rbtoken.Store.openSync(${path}, { clock: () => new Date() });
      store.addGenerator("mine", { create: () => crypto.randomUUID(), validate: () => true });
      store.setDefaultGenerator("mine");
      store.on("created", () => {});
      const instance = new rbtoken.Instance({ settings: { location: ${path} + ".2" },
        clock: () => new Date(), log() {} });
      // The pool waits for callbacks, which can only run after this: the exit comes first.
      store.importFile(${path} + ".in", { progress() {} }).catch(() => {});
      instance.initialize().catch(() => {});
      for (let index = 0; index < 50; index++) store.generateToken("alice").catch(() => {});
      store.generateTokenSync("bob");
      process.exit(4);`);
  });

  test("package_that_cannot_be_loaded_says_why", async () => {
    for (const [env, message] of [
      [{ RBTOKEN_LIBRARY: "/nonexistent/librbtoken.so" },
        /^Error: .*librbtoken\.so cannot be loaded: .*No such file/m],
      [{ RBTOKEN_LIBRARY: process.execPath }, /^Error: .*node cannot be loaded: (?!dl)\w/m],
      [{ RBTOKEN_LIBRARY: ADDON }, /^Error: .* cannot be loaded: .*rbtoken_abi_is_compatible/m],
      [{ RBTOKEN_ADDON: "/nonexistent/rbtoken.node" },
        /^Error: \/nonexistent\/rbtoken\.node cannot be loaded: .*No such file/m],
    ]) {
      const { status, errors } = await run("", { env });
      assert.equal(status, 1);
      assert.match(errors, message);
    }
  });

  test("empty_variable_names_no_library", async () => {
    const addon = { RBTOKEN_ADDON: ADDON, RBTOKEN_LIBRARY: "" };
    const { errors, output } = await run("console.log(rbtoken.version())", { env: addon });
    // Beside the addon, where a package has the library and a build does not.
    const beside = join(dirname(ADDON), "librbtoken.so");
    if (existsSync(beside)) assert.equal(errors, "");
    else assert.ok(errors.includes(`${beside} cannot be loaded`), errors);
    assert.equal(output !== "", existsSync(beside));
  });

  test("addon_refuses_calls_that_the_package_does_not_make", async () => {
    const abuse = `
      const addon = { exports: {} };
      process.dlopen(addon, ${JSON.stringify(ADDON)});
      const foreign = (await import("node:net")).createServer().listen(0);
      const external = foreign._handle._externalStream;
      foreign.close();
      const values = [[], [0], [false], [true], [external], [false, external], [false, {}, 1n, "x"],
        [{}, -1], [null, null], ["x"], [NaN, Symbol("x")], [external, 0, false]];
      let refused = 0;
      for (const [name, call] of Object.entries(addon.exports)) {
        if (["load", "setHost", "end"].includes(name)) continue;
        for (const given of values) {
          try {
            const answer = call(...given);
            if (answer instanceof Promise) await answer.catch(() => refused++);
          } catch {
            refused++;
          }
        }
      }
      console.log(refused > 500);`;
    await endsWith({ output: "true\n" }, abuse);
    // Before the library is loaded.
    const child = spawnSync(process.execPath, ["--input-type=module", "--eval", abuse],
      { encoding: "utf8" });
    assert.deepEqual([child.status, child.stdout, child.stderr], [0, "true\n", ""]);
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

  test("shared_store_is_opened_again_with_its_callbacks", async () => {
    await endsWith({ output: "2030 2030\n" }, `
      const options = { clock: () => new Date(Date.UTC(2030, 0)),
        entropy: (length) => crypto.getRandomValues(new Uint8Array(length)) };
      const stores = [];
      for (let round = 0; round < 3; round++) {
        stores.push(rbtoken.Store.sharedSync(undefined, options),
          await rbtoken.Store.shared(undefined, options));
      }
      stores.pop().closeSync();
      gc();
      const years = [stores[0].generateTokenSync("alice"), await stores[1].generateToken("alice")]
        .map((token) => token.timeAdded.getUTCFullYear());
      console.log(...years);`);
  });

  test("threads_that_wait_for_each_others_callbacks_go_on", async () => {
    const source = `
      const { workerData: done } = await import("node:worker_threads");
      const store = rbtoken.Store.sharedSync();
      let made = 0;
      store.addGenerator("theirs", { create: () => "theirs" + made++, validate: () => true });
      parentPort.postMessage("ready");
      // The event loop does not run until the main thread has its answers.
      while (Atomics.load(done, 0) === 0) store.generateTokenSync("worker");`;
    await endsWith({ output: "10 theirs9\n" }, `${WORKERS}
      const store = rbtoken.Store.sharedSync(undefined, { clock: () => new Date() });
      const workerData = new Int32Array(new SharedArrayBuffer(4));
      const worker = ${worker(source).replace("eval: true", "eval: true, workerData")};
      await once(worker, "message");
      const exit = once(worker, "exit");
      let token;
      for (let round = 0; round < 10; round++) {
        token = store.generateTokenSync("main", { generatorId: "theirs" });
      }
      Atomics.store(workerData, 0, 1);
      await exit;
      console.log(store.listTokensSync({ user: "main" }).length, token.value);`);
  });

  test("callback_of_another_thread_that_throws_fails_the_call", async () => {
    const source = `
      const store = await rbtoken.Store.shared();
      const names = [];
      for (const call of [() => store.generateToken("a"), () => store.generateTokenSync("a")]) {
        try { await call(); } catch (error) { names.push(error.name); }
      }
      parentPort.postMessage(names.join(" "));`;
    const { output, status } = await run(`${WORKERS}
      import { createRequire } from "node:module";
      const require = createRequire(${JSON.stringify(PACKAGE)});
      let isBroken = false;
      const clock = () => {
        if (isBroken) throw new Error("the clock of the main thread");
        return new Date();
      };
      rbtoken.Store.sharedSync(undefined, { clock });
      isBroken = true;
      let warned = 0;
      process.on("warning", ({ message }) => { warned += message.includes("the clock of"); });
      const worker = ${worker(source)};
      const exit = once(worker, "exit");
      const [message] = await once(worker, "message");
      await exit;
      while (warned < 2) await sleep(5);
      console.log(message, require("./errors.js").thrownCount());`,
    { env: { NODE_NO_WARNINGS: "1" } });
    assert.deepEqual([output, status], ["CallbackError CallbackError 0\n", 0]);
  });

  test("exit_in_a_callback_of_a_worker_ends_it", async () => {
    const sources = ["store.generateTokenSync('a')", "await store.generateToken('a')"].flatMap(
      (call) => [
        `const store = rbtoken.Store.openSync();
         store.on("created", () => process.exit(3)); ${call};`,
        `const store = rbtoken.Store.openSync(undefined, { clock: () => process.exit(3) });
         ${call};`,
        `const store = rbtoken.Store.openSync();
         store.addGenerator("mine", { create: () => process.exit(3), validate: () => true });
         store.setDefaultGenerator("mine"); ${call};`,
      ]);
    await endsWith({ output: `${sources.map(() => 3).join(" ")}\n` }, `${WORKERS}
      const workers = [${sources.map(worker).join(",\n")}];
      const codes = await Promise.all(workers.map((it) => once(it, "exit")));
      console.log(codes.flat().join(" "));`);
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
