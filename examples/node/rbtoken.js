// Review Board API tokens from Node.js: what a program needs of librbtoken, with koffi.
//
// The library is the one that the environment variable RBTOKEN_LIBRARY names, or the installed one.
//
// SPDX-License-Identifier: MIT

import koffi from "koffi";

import { ClientTokenOptions, ExpiresMode, Hooks, LoginOptions, MinValidityMode, SiteMode, Status,
         Verdict, declare } from "./abi.js";

const lib = koffi.load(process.env.RBTOKEN_LIBRARY ?? "librbtoken.so.0");

const c = declare(lib);

// A text as the two arguments that it takes; undefined: absent.
function pair(string) {
  if (string === undefined) return [null, 0];
  const bytes = Buffer.from(string, "utf8");
  // An empty text is an address of no bytes, which null is not.
  return [bytes.length > 0 ? bytes : Buffer.alloc(1), bytes.length];
}

function texts(strings) {
  return Object.fromEntries(Object.entries(strings).flatMap(([name, string]) => {
    const [data, length] = pair(string);
    return [[name, data], [`${name}_len`, length]];
  }));
}

/** A call that failed. It has changed nothing. */
export class RBTokenError extends Error {
  constructor(status, handle) {
    const name = c.statusName(status);
    super(`${name}: ${c.errorMessage(handle)}`);
    this.status = status;
    this.name = name;
    this.detail = c.errorMessage(handle);
    this.argument = c.errorArgument(handle);
    this.jsonPath = c.errorJsonPath(handle);
    c.errorFree(handle);
  }
}

// Calls a function whose last argument is an error.
function call(fn, ...args) {
  const error = [null];
  const status = fn(...args, error);
  if (status !== Status.OK) throw new RBTokenError(status, error[0]);
}

// The same on a thread of koffi's, while this one goes on.
function callAsync(fn, ...args) {
  const error = [null];
  return new Promise((resolve, reject) => fn.async(...args, error, (failure, status) => {
    if (failure) reject(failure);
    else if (status !== Status.OK) reject(new RBTokenError(status, error[0]));
    else resolve();
  }));
}

const garbage = new FinalizationRegistry((handle) => c.tokenRelease(handle));

/** A token as it was when it was given out. It may outlive its store. */
export class Token {
  #handle;
  constructor(handle) {
    this.#handle = handle;
    garbage.register(this, handle);
  }
  #text(name) {
    const length = [0];
    const data = c[`token${name}`](this.#handle, length);
    if (data === null) return undefined;
    const bytes = Number(length[0]);
    // A copy: the token's memory is wiped when it goes.
    return bytes === 0 ? "" : Buffer.from(koffi.decode(data, "uint8_t", bytes)).toString("utf8");
  }
  get id() { return Number(c.tokenId(this.#handle)); }
  get value() { return this.#text("Value"); }
  get redacted() { return this.#text("Redacted"); }
  get user() { return this.#text("User"); }
  get localSite() { return this.#text("LocalSite"); }
  get clientName() { return this.#text("ClientName"); }
  get policy() { return this.#text("Policy"); }
  get extraData() { return this.#text("ExtraData"); }
  get invalidReason() { return this.#text("InvalidReason"); }
  /** A Date, or undefined: never. */
  get expires() {
    const us = [0];
    return c.tokenExpires(this.#handle, us) ? new Date(Number(us[0]) / 1000) : undefined;
  }
  allows(policyId, method, resourceId) {
    const allowed = [false];
    call(c.tokenAllows, this.#handle, ...pair(policyId), ...pair(method), ...pair(resourceId), allowed);
    return allowed[0];
  }
}

const tokenOf = (handle) => (handle === null ? undefined : new Token(handle));

/** A store of tokens in memory. */
export class TokenStore {
  #handle;
  #hooks = new Map();
  constructor() {
    const store = [null];
    call(c.storeOpen, null, store);
    this.#handle = store[0];
  }
  /** Gives the store back. No call may be under way. */
  close() {
    c.storeRelease(this.#handle);
    this.#handle = null;
    for (const callbacks of this.#hooks.values()) callbacks.forEach(koffi.unregister);
    this.#hooks.clear();
  }
  addLocalSite(name) { call(c.storeAddLocalSite, this.#handle, ...pair(name)); }

  static #clientOptions({ expires, minValiditySecs, ...strings }) {
    return {
      struct_size: koffi.sizeof(ClientTokenOptions),
      expires_mode: expires === undefined ? ExpiresMode.DEFAULT : ExpiresMode.AT,
      expires_at_us: expires === undefined ? 0 : BigInt(expires.getTime()) * 1000n,
      min_validity_mode: minValiditySecs === undefined ? MinValidityMode.DEFAULT
                                                       : MinValidityMode.SECS,
      min_validity_secs: minValiditySecs ?? 0,
      flags: 0, reserved: 0,
      ...texts({ local_site: strings.localSite, default_policy: strings.defaultPolicy,
                 default_extra_data: strings.defaultExtraData }),
    };
  }
  /** A client's token for a user, and whether it is new. Authenticate who asks first! */
  clientToken(user, client, options = {}) {
    const token = [null], created = [false];
    call(c.storeGetOrCreateClientToken, this.#handle, ...pair(user), ...pair(client),
         TokenStore.#clientOptions(options), token, created);
    return { token: new Token(token[0]), created: created[0] };
  }
  async clientTokenAsync(user, client, options = {}) {
    const token = [null], created = [false];
    await callAsync(c.storeGetOrCreateClientToken, this.#handle, ...pair(user), ...pair(client),
                    TokenStore.#clientOptions(options), token, created);
    return { token: new Token(token[0]), created: created[0] };
  }
  /** Judges an Authorization header. Only the verdict OK lets anybody in. */
  authenticate(header, site) {
    const verdict = [0], token = [null], refused = [null];
    const options = { struct_size: koffi.sizeof(LoginOptions), reserved: 0,
                      site_mode: site === undefined ? SiteMode.GLOBAL : SiteMode.NAMED,
                      ...texts({ site }) };
    call(c.storeAuthenticateHeader, this.#handle, ...pair(header), options, verdict, token, refused);
    return { ok: verdict[0] === Verdict.OK,
             verdict: c.verdictName(verdict[0]).replace("RBTOKEN_VERDICT_", ""),
             token: tokenOf(token[0]), refused: tokenOf(refused[0]) };
  }
  invalidate(value, reason) {
    call(c.storeInvalidateToken, this.#handle, ...pair(value), ...pair(reason));
  }
  /** Tells functions of tokens by event. koffi calls them on this thread, wherever the event is. */
  addHooks(functions) {
    const callbacks = [];
    const hooks = { struct_size: koffi.sizeof(Hooks), user_data: null, destroy: null };
    for (const event of ["created", "updated", "invalidated", "expired", "used", "deleted"]) {
      const heard = functions[event];
      hooks[event] = null;
      if (heard === undefined) continue;
      const type = event === "created" ? "rbtoken_created_fn *" : "rbtoken_event_fn *";
      hooks[event] = koffi.register((_data, _store, token) => {
        try {
          heard(new Token(c.tokenRetain(token)));
        } catch (error) {
          console.error("a hook failed:", error); // it must not reach the library
        }
      }, type);
      callbacks.push(hooks[event]);
    }
    const id = [0];
    call(c.storeAddHooks, this.#handle, hooks, id);
    this.#hooks.set(id[0], callbacks);
    return id[0];
  }
  removeHooks(id) { call(c.storeRemoveHooks, this.#handle, id); }
}
