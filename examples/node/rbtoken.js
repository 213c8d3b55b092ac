// Review Board API tokens from Node.js: what a program needs of librbtoken, with koffi.
//
// The library is the one that the environment variable RBTOKEN_LIBRARY names, or the installed one.
//
// SPDX-License-Identifier: MIT

import koffi from "koffi";

const lib = koffi.load(process.env.RBTOKEN_LIBRARY ?? "librbtoken.so.0");

const Store = koffi.opaque("rbtoken_store_t");
const TokenHandle = koffi.opaque("rbtoken_token_t");
const ErrorHandle = koffi.opaque("rbtoken_error_t");

// The structs, as in rbtoken.h. A text is a pointer to bytes and their number.
const text = (name) => ({ [name]: "const uint8_t *", [`${name}_len`]: "size_t" });
const ClientOptions = koffi.struct("rbtoken_client_token_options_t", {
  struct_size: "size_t", expires_mode: "int32_t", min_validity_mode: "int32_t",
  expires_at_us: "int64_t", min_validity_secs: "int64_t", flags: "uint32_t", reserved: "uint32_t",
  ...text("local_site"), ...text("default_policy"), ...text("default_extra_data"),
});
const LoginOptions = koffi.struct("rbtoken_login_options_t", {
  struct_size: "size_t", site_mode: "int32_t", reserved: "uint32_t", ...text("site"),
});
const EVENT = "void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token";
koffi.proto(`void rbtoken_created_fn(${EVENT}, bool auto_generated)`);
koffi.proto(`void rbtoken_event_fn(${EVENT})`);
const HooksStruct = koffi.struct("rbtoken_hooks_t", {
  struct_size: "size_t", user_data: "void *", created: "rbtoken_created_fn *",
  updated: "rbtoken_event_fn *", invalidated: "rbtoken_event_fn *", expired: "rbtoken_event_fn *",
  used: "rbtoken_event_fn *", deleted: "rbtoken_event_fn *", destroy: "void *",
});

const T = "const uint8_t *, size_t"; // a text
const E = "_Out_ rbtoken_error_t **error";
const f = (prototype) => lib.func(prototype);
const c = {
  statusName: f("const char *rbtoken_status_name(int32_t)"),
  verdictName: f("const char *rbtoken_verdict_name(int32_t)"),
  errorMessage: f("const char *rbtoken_error_message(const rbtoken_error_t *)"),
  errorArgument: f("const char *rbtoken_error_argument(const rbtoken_error_t *)"),
  errorJsonPath: f("const char *rbtoken_error_json_path(const rbtoken_error_t *)"),
  errorFree: f("void rbtoken_error_free(rbtoken_error_t *)"),
  open: f(`int32_t rbtoken_store_open(const void *options, _Out_ rbtoken_store_t **store, ${E})`),
  release: f("void rbtoken_store_release(rbtoken_store_t *)"),
  addLocalSite: f(`int32_t rbtoken_store_add_local_site(rbtoken_store_t *, ${T}, ${E})`),
  clientToken: f(`int32_t rbtoken_store_get_or_create_client_token(rbtoken_store_t *, ${T}, ${T},
    const rbtoken_client_token_options_t *, _Out_ rbtoken_token_t **, _Out_ bool *, ${E})`),
  authenticate: f(`int32_t rbtoken_store_authenticate_header(rbtoken_store_t *, ${T},
    const rbtoken_login_options_t *, _Out_ int32_t *, _Out_ rbtoken_token_t **,
    _Out_ rbtoken_token_t **, ${E})`),
  invalidate: f(`int32_t rbtoken_store_invalidate_token(rbtoken_store_t *, ${T}, ${T}, ${E})`),
  addHooks: f(`int32_t rbtoken_store_add_hooks(rbtoken_store_t *, const rbtoken_hooks_t *,
    _Out_ uint64_t *, ${E})`),
  removeHooks: f(`int32_t rbtoken_store_remove_hooks(rbtoken_store_t *, uint64_t, ${E})`),
  tokenRelease: f("void rbtoken_token_release(rbtoken_token_t *)"),
  tokenRetain: f("rbtoken_token_t *rbtoken_token_retain(const rbtoken_token_t *)"),
  tokenId: f("int64_t rbtoken_token_id(const rbtoken_token_t *)"),
  tokenExpires: f("bool rbtoken_token_expires(const rbtoken_token_t *, _Out_ int64_t *)"),
  allows: f(`int32_t rbtoken_token_allows(const rbtoken_token_t *, ${T}, ${T}, ${T},
    _Out_ bool *, ${E})`),
};
const fields = Object.fromEntries(
  ["value", "redacted", "user", "local_site", "client_name", "policy", "extra_data",
   "invalid_reason"].map((name) =>
    [name, f(`const uint8_t *rbtoken_token_${name}(const rbtoken_token_t *, _Out_ size_t *)`)]));

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
  if (status !== 0) throw new RBTokenError(status, error[0]);
}

// The same on a thread of koffi's, while this one goes on.
function callAsync(fn, ...args) {
  const error = [null];
  return new Promise((resolve, reject) => fn.async(...args, error, (failure, status) => {
    if (failure) reject(failure);
    else if (status !== 0) reject(new RBTokenError(status, error[0]));
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
    const data = fields[name](this.#handle, length);
    if (data === null) return undefined;
    const bytes = Number(length[0]);
    // A copy: the token's memory is wiped when it goes.
    return bytes === 0 ? "" : Buffer.from(koffi.decode(data, "uint8_t", bytes)).toString("utf8");
  }
  get id() { return Number(c.tokenId(this.#handle)); }
  get value() { return this.#text("value"); }
  get redacted() { return this.#text("redacted"); }
  get user() { return this.#text("user"); }
  get localSite() { return this.#text("local_site"); }
  get clientName() { return this.#text("client_name"); }
  get policy() { return this.#text("policy"); }
  get extraData() { return this.#text("extra_data"); }
  get invalidReason() { return this.#text("invalid_reason"); }
  /** A Date, or undefined: never. */
  get expires() {
    const us = [0];
    return c.tokenExpires(this.#handle, us) ? new Date(Number(us[0]) / 1000) : undefined;
  }
  allows(policyId, method, resourceId) {
    const allowed = [false];
    call(c.allows, this.#handle, ...pair(policyId), ...pair(method), ...pair(resourceId), allowed);
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
    call(c.open, null, store);
    this.#handle = store[0];
  }
  /** Gives the store back. No call may be under way. */
  close() {
    c.release(this.#handle);
    this.#handle = null;
    for (const callbacks of this.#hooks.values()) callbacks.forEach(koffi.unregister);
    this.#hooks.clear();
  }
  addLocalSite(name) { call(c.addLocalSite, this.#handle, ...pair(name)); }

  static #clientOptions({ expires, minValiditySecs, ...strings }) {
    return {
      struct_size: koffi.sizeof(ClientOptions),
      expires_mode: expires === undefined ? 0 : 2,
      expires_at_us: expires === undefined ? 0 : BigInt(expires.getTime()) * 1000n,
      min_validity_mode: minValiditySecs === undefined ? 0 : 1,
      min_validity_secs: minValiditySecs ?? 0,
      flags: 0, reserved: 0,
      ...texts({ local_site: strings.localSite, default_policy: strings.defaultPolicy,
                 default_extra_data: strings.defaultExtraData }),
    };
  }
  /** A client's token for a user, and whether it is new. Authenticate who asks first! */
  clientToken(user, client, options = {}) {
    const token = [null], created = [false];
    call(c.clientToken, this.#handle, ...pair(user), ...pair(client),
         TokenStore.#clientOptions(options), token, created);
    return { token: new Token(token[0]), created: created[0] };
  }
  async clientTokenAsync(user, client, options = {}) {
    const token = [null], created = [false];
    await callAsync(c.clientToken, this.#handle, ...pair(user), ...pair(client),
                    TokenStore.#clientOptions(options), token, created);
    return { token: new Token(token[0]), created: created[0] };
  }
  /** Judges an Authorization header. Only the verdict OK lets anybody in. */
  authenticate(header, site) {
    const verdict = [0], token = [null], refused = [null];
    const options = { struct_size: koffi.sizeof(LoginOptions), reserved: 0,
                      site_mode: site === undefined ? 0 : 1, ...texts({ site }) };
    call(c.authenticate, this.#handle, ...pair(header), options, verdict, token, refused);
    return { ok: verdict[0] === 1,
             verdict: c.verdictName(verdict[0]).replace("RBTOKEN_VERDICT_", ""),
             token: tokenOf(token[0]), refused: tokenOf(refused[0]) };
  }
  invalidate(value, reason) {
    call(c.invalidate, this.#handle, ...pair(value), ...pair(reason));
  }
  /** Tells functions of tokens by event. koffi calls them on this thread, wherever the event is. */
  addHooks(functions) {
    const callbacks = [];
    const hooks = { struct_size: koffi.sizeof(HooksStruct), user_data: null, destroy: null };
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
    call(c.addHooks, this.#handle, hooks, id);
    this.#hooks.set(id[0], callbacks);
    return id[0];
  }
  removeHooks(id) { call(c.removeHooks, this.#handle, id); }
}
