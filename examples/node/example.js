// A walk through librbtoken: get or create, log in, ask the policy, hooks, errors, calls at once.
//
//     make node
//
// SPDX-License-Identifier: MIT

import { RBTokenError, TokenStore } from "./rbtoken.js";

const READ_ONLY = { resources: { "*": { allow: ["GET"], block: ["*"] } } };
const yesOrNo = (value) => (value ? "yes" : "no");

// Whoever may do this may act as alice: a real host finds out first who is asking.
function getOrCreate(store) {
  const options = {
    expires: new Date("2100-01-01T00:00:00Z"),
    minValiditySecs: 60 * 60,
    localSite: "north",
    defaultPolicy: JSON.stringify(READ_ONLY),
    defaultExtraData: JSON.stringify({ machine: "build-7" }),
  };
  const { token, created } = store.clientToken("alice", "RBTools", options);
  console.log(`A token for ${token.user}, created: ${yesOrNo(created)}`);
  console.log(`  token       ${token.redacted}`);
  console.log(`  client      ${token.clientName}`);
  console.log(`  local site  ${token.localSite}`);
  console.log(`  policy      ${token.policy}`);
  console.log(`  extra data  ${token.extraData}`);
  console.log(`  expires     ${token.expires.toISOString().replace(".000Z", "Z")}`);

  const again = store.clientToken("alice", "RBTools", options);
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

function logIn(store, token) {
  const show = (where, header, site) => {
    const { ok, verdict, token, refused } = store.authenticate(header, site);
    const more = ok ? token.user : refused?.invalidReason;
    console.log(`  ${where}: ${verdict}${more ? `, ${more}` : ""}`);
  };
  console.log("\nLogins");
  const header = `token ${token.value}`;
  show("on north", header, "north");
  show("at the root", header);
  show("with another scheme", "Basic YTpi");
  show("of nobody", "token rbp_unknown");
  store.invalidate(token.value, "The laptop was stolen.");
  show("once revoked", header, "north");
}

function showAnError(store) {
  console.log("\nA bad policy");
  const bad = { resources: { review_request: { "*": { allow: "GET" } } } };
  try {
    store.clientToken("bob", "RBTools", { defaultPolicy: JSON.stringify(bad) });
  } catch (error) {
    if (!(error instanceof RBTokenError)) throw error;
    console.log(`  status    ${error.status} ${error.name}`);
    console.log(`  message   ${error.detail}`);
    console.log(`  argument  ${error.argument}`);
    console.log(`  path      ${error.jsonPath}`);
  }
}

// The calls are made on threads of koffi's.
async function askAtOnce(store) {
  const calls = Array.from({ length: 8 }, () => store.clientTokenAsync("zoë", "RBTools"));
  const answers = await Promise.all(calls);
  const tokens = new Set(answers.map(({ token }) => token.id)).size;
  const created = answers.filter(({ created }) => created).length;
  console.log(`\n8 callers at once: tokens ${tokens}, created ${created}`);
}

const heard = [];
const store = new TokenStore();
store.addLocalSite("north");
const hooks = store.addHooks({
  created: (token) => heard.push(`created ${token.redacted} of ${token.user}`),
  used: (token) => heard.push(`used ${token.redacted} of ${token.user}`),
  invalidated: (token) => heard.push(`revoked ${token.redacted} of ${token.user}`),
});
const token = getOrCreate(store);
askThePolicy(token);
logIn(store, token);
showAnError(store);
await askAtOnce(store);
store.removeHooks(hooks);
store.close();

console.log("\nThe hooks heard");
heard.forEach((line) => console.log(`  ${line}`));
console.log(`\nStill here after its store: ${token.redacted}`);
