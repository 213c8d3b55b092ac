// A walk through rbtoken: get or create, log in, ask the policy, events, errors, calls at once.
//
//     make node
//
// SPDX-License-Identifier: MIT

import { RBTokenError, Store } from "rbtoken";

const READ_ONLY = '{"resources": {"*": {"allow": ["GET"], "block": ["*"]}}}';
const yesOrNo = (value) => (value ? "yes" : "no");

// Whoever may do this may act as alice: a real host finds out first who is asking.
async function getOrCreate(store) {
  const options = {
    expires: new Date("2100-01-01T00:00:00Z"),
    minValiditySecs: 60 * 60,
    localSite: "north",
    defaultPolicy: READ_ONLY,
    defaultExtraData: { machine: "build-7" },
  };
  const { token, created } = await store.getOrCreateClientToken("alice", "RBTools", options);
  console.log(`A token for ${token.user}, created: ${yesOrNo(created)}`);
  console.log(`  token       ${token.redacted}`);
  console.log(`  client      ${token.clientName}`);
  console.log(`  local site  ${token.localSite}`);
  console.log(`  policy      ${token.policyText}`);
  console.log(`  extra data  ${token.extraDataText}`);
  console.log(`  expires     ${token.expires.toISOString().replace(".000Z", "Z")}`);

  const again = await store.getOrCreateClientToken("alice", "RBTools", options);
  const same = again.token.id === token.id;
  console.log(`Again, created: ${yesOrNo(again.created)}, the same: ${yesOrNo(same)}`);
  return token;
}

function askThePolicy(token) {
  console.log("\nThe policy");
  for (const method of ["GET", "DELETE"]) {
    const allowed = token.allows("review_request", method, "42");
    console.log(`  ${method}: ${allowed ? "allowed" : "blocked"}`);
  }
}

async function logIn(store, token) {
  const show = async (where, header, site) => {
    const login = await store.authenticateHeader(header, { site });
    const more = login.ok ? login.token.user : login.refused?.invalidReason;
    console.log(`  ${where}: ${login.verdict}${more ? `, ${more}` : ""}`);
  };
  console.log("\nLogins");
  const header = `token ${token.value}`;
  await show("on north", header, "north");
  await show("at the root", header);
  await show("with another scheme", "Basic YTpi");
  await show("of nobody", "token rbp_unknown");
  await store.invalidateToken(token.value, "The laptop was stolen.");
  await show("once revoked", header, "north");
}

// An argument has the name that it has here; the other languages print that of C.
function nameInC(argument) {
  return argument.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

async function showAnError(store) {
  console.log("\nA bad policy");
  const defaultPolicy = { resources: { review_request: { "*": { allow: "GET" } } } };
  try {
    await store.getOrCreateClientToken("bob", "RBTools", { defaultPolicy });
  } catch (error) {
    if (!(error instanceof RBTokenError)) throw error;
    console.log(`  status    ${error.status} ${error.code}`);
    console.log(`  message   ${error.detail}`);
    console.log(`  argument  ${nameInC(error.argument)}`);
    console.log(`  path      ${error.jsonPath}`);
  }
}

// The calls are made on threads of Node.js's pool.
async function askAtOnce(store) {
  const calls = Array.from({ length: 8 }, () => store.getOrCreateClientToken("zoë", "RBTools"));
  const answers = await Promise.all(calls);
  const tokens = new Set(answers.map(({ token }) => token.id)).size;
  const created = answers.filter((answer) => answer.created).length;
  console.log(`\n8 callers at once: tokens ${tokens}, created ${created}`);
}

const heard = [];
const hear = (what) => (token) => heard.push(`${what} ${token.redacted} of ${token.user}`);
const store = await Store.open(undefined, { settings: { local_sites: ["north"] } });
store.on("created", hear("created")).on("used", hear("used")).on("invalidated", hear("revoked"));
const token = await getOrCreate(store);
askThePolicy(token);
await logIn(store, token);
await showAnError(store);
await askAtOnce(store);
await store.close();

console.log("\nThe hooks heard");
heard.forEach((line) => console.log(`  ${line}`));
console.log(`\nStill here after its store: ${token.redacted}`);
