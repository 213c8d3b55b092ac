// Service accounts: users that only log in with a token of their own.
//
// SPDX-License-Identifier: MIT

import { inspect } from "node:util";

import { ExpirationMode } from "./abi.js";
import * as convert from "./convert.js";
import type { Document } from "./convert.js";
import { callLater, callNow } from "./errors.js";
import { Handle, MAKE, externalOf } from "./handle.js";
import { toClientToken, type ClientToken } from "./login.js";
import { native, type External } from "./native.js";
import { serviceToken, type ServiceTokenOptions } from "./options.js";
import { duringCall, storeExternal, type Store } from "./store.js";

const MAX_VERSION = 2 ** 32 - 1;

/** What describes a service account. */
export interface ServiceAccountOptions {
  /** The owner of the tokens; by default the user of the account's id. */
  readonly user?: string | undefined;
  /** A higher one gives a new token, for instance when the policy has changed; 1 by default. */
  readonly tokenVersion?: number | undefined;
  /** For how many seconds a new token lives; null: for ever; by default 30 days. */
  readonly expirationSecs?: number | null | undefined;
  /** The policy of a new token; by default full access. */
  readonly policy?: Document | undefined;
}

/** A service account. It belongs to no store. */
export class ServiceAccount extends Handle {
  readonly #id: string;

  /** Describes an account. `id` has letters, digits, `_` and `-`. */
  constructor(id: string, options?: ServiceAccountOptions) {
    const text = convert.text(id, "id");
    const read = convert.options(options, ["user", "tokenVersion", "expirationSecs", "policy"]);
    const given = read.tokenVersion === undefined ? 1 : read.tokenVersion;
    const version = convert.small(given, "tokenVersion", 0, MAX_VERSION);
    let expiration: [number, bigint] = [ExpirationMode.DEFAULT, 0n];
    if (read.expirationSecs === null) {
      expiration = [ExpirationMode.NEVER, 0n];
    } else if (read.expirationSecs !== undefined) {
      expiration = [ExpirationMode.SECS, convert.seconds(read.expirationSecs, "expirationSecs")];
    }
    super(MAKE, callNow(native.serviceAccountNew, expiration[0], version, expiration[1], text,
      convert.optionalText(read.user, "user"),
      convert.optionalDocument(read.policy, "policy")) as External);
    this.#id = text;
  }

  /** The account's id. */
  get id(): string {
    externalOf(this);
    return this.#id;
  }

  /**
   * Returns the account's token. **Authenticate the asker first**: this gives out the secret.
   */
  async getApiToken(store: Store, options?: ServiceTokenOptions): Promise<ClientToken> {
    const values = this.#values(store, options);
    return toClientToken(await duringCall(store, () =>
      callLater(native.serviceAccountGetApiToken, ...values)));
  }

  /** As {@link ServiceAccount.getApiToken}, on this thread. */
  getApiTokenSync(store: Store, options?: ServiceTokenOptions): ClientToken {
    const values = this.#values(store, options);
    return toClientToken(callNow(native.serviceAccountGetApiToken, ...values));
  }

  #values(store: unknown, given: ServiceTokenOptions | undefined): unknown[] {
    // The options first: their getters may close the others.
    const options = serviceToken(given);
    return [externalOf(this), storeExternal(store, "store"), ...options];
  }

  /** @internal */
  [inspect.custom](): string {
    return `ServiceAccount ${inspect(this.#id)}${this.closed ? " (closed)" : ""}`;
  }
}
