// Measures what a login costs, in empty calls of the addon: `node cost.mjs`.
//
// Ends with status 1 if it is more than 40. The library and the addon should be optimized.
//
// SPDX-License-Identifier: MIT

import { Store, abiVersion } from "rbtoken";

const LIMIT = 40;
const ROUNDS = 300;
const CALLS = 300;

/** The time of one call, in microseconds. */
function measure(call) {
  const start = process.hrtime.bigint();
  for (let index = 0; index < CALLS; index++) call();
  return Number(process.hrtime.bigint() - start) / CALLS / 1000;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

const store = Store.openSync();
const { value } = store.generateTokenSync("alice");
if (!store.authenticateSync(value).ok) throw new Error("the login was refused");
// Pairs, so that a busy machine slows both.
const pairs = Array.from({ length: ROUNDS }, () =>
  [measure(abiVersion), measure(() => store.authenticateSync(value))]);
const ratio = median(pairs.map(([empty, login]) => login / empty));
const [empty, login] = [0, 1].map((column) => median(pairs.map((pair) => pair[column])));
store.closeSync();
console.log(`authenticateSync: ${login.toFixed(2)} µs, ${ratio.toFixed(1)} empty calls of `
  + `${empty.toFixed(3)} µs (at most ${LIMIT})`);
process.exitCode = ratio > LIMIT ? 1 : 0;
