// Runs all tests in one process: `node --expose-gc all.mjs`.
//
// With a library that was built with `--cfg count_calls`, fails if a function of the header was not
// called. Needs --expose-gc.
//
// SPDX-License-Identifier: MIT

import { internal } from "./support.mjs";

await import("./test_arguments.mjs");
await import("./test_store.mjs");
await import("./test_callbacks.mjs");
await import("./test_lifetime.mjs");
await import("./test_process.mjs");
await import("./test_extension.mjs");
await import("./test_package.mjs");
await import("./test_stress.mjs");

/** Functions that no test calls, and why. */
const NOT_CALLED = new Set([
  // The addon shares one reference to a store among all that hold it.
  "rbtoken_store_retain",
]);

process.on("exit", () => {
  const text = internal("native.js").native.callCounts();
  if (text === undefined) return;
  const counts = JSON.parse(text);
  const functions = internal("abi.js").FUNCTIONS;
  const missing = functions.filter((name) => !counts[name] && !NOT_CALLED.has(name));
  const calls = Object.values(counts).reduce((sum, count) => sum + count, 0);
  console.log(`# ${functions.length - missing.length - NOT_CALLED.size} of ${functions.length} `
    + `functions were called, ${calls} times`);
  if (functions.length > 85 && missing.length === 0) return;
  console.log(`# not called: ${missing.join(", ")}`);
  process.exitCode = 1;
});
