// Tokens, and lists of them.
//
// SPDX-License-Identifier: MIT

import { inspect } from "node:util";

import { JSON_WITH_VALUE } from "./abi.js";
import * as convert from "./convert.js";
import type { JsonValue, Time } from "./convert.js";
import { callNow, refuseType } from "./errors.js";
import { Handle, MAKE, externalOf } from "./handle.js";
import { native, type External } from "./native.js";

/** The texts of a token. `native/src/reads.rs` has the same numbers. */
const Text = {
  VALUE: 0, REDACTED: 1, USER: 2, LOCAL_SITE: 3, CLIENT_NAME: 4, NOTE: 5, GENERATOR_ID: 6,
  POLICY: 7, EXTRA_DATA: 8, INVALID_REASON: 9,
} as const;
/** The times of a token, likewise. */
const Times = {
  EXPIRES: 0, TIME_ADDED: 1, LAST_UPDATED: 2, LAST_USED: 3, INVALID_DATE: 4,
} as const;

/** A JSON object. */
export type JsonObject = { [key: string]: JsonValue };

/** The times of a token in microseconds since the Unix epoch. */
export interface TokenMicroseconds {
  readonly expires: bigint | undefined;
  readonly timeAdded: bigint;
  readonly lastUpdated: bigint;
  readonly lastUsed: bigint | undefined;
  readonly invalidDate: bigint | undefined;
}

/** How to write a token as JSON. */
export interface PayloadOptions {
  /** Whether the secret is in it; false by default. */
  readonly withValue?: boolean | undefined;
  /** The time for which `expired` is told; now by default. */
  readonly at?: Time | undefined;
}

/** Makes a token of an external value. */
export let makeToken: (external: unknown) => Token;
/** Makes a list of an external value. */
export let makeTokenList: (external: unknown) => TokenList;

/** A token as it was when a call returned it. It never changes, and may outlive its store. */
export class Token extends Handle {
  static {
    makeToken = (external) => new Token(MAKE, external as External);
  }

  private constructor(key: typeof MAKE, external: External) {
    super(key, external);
  }

  #text(which: number): string | undefined {
    return native.tokenText(externalOf(this), which) as string | undefined;
  }

  #known(which: number): string {
    return this.#text(which) ?? "";
  }

  #microseconds(which: number): bigint | undefined {
    return native.tokenTime(externalOf(this), which) as bigint | undefined;
  }

  #time(which: number): Date | undefined {
    const time = this.#microseconds(which);
    return time === undefined ? undefined : convert.toDate(time);
  }

  /** The id, which the store never gives to another token. */
  get id(): bigint {
    return native.tokenId(externalOf(this)) as bigint;
  }

  /** The secret. Do not log it; `redacted` is for that. */
  get value(): string {
    return this.#known(Text.VALUE);
  }

  /** What may be logged: the type and the id, such as `rbp_***#17`. */
  get redacted(): string {
    return this.#known(Text.REDACTED);
  }

  /** The owner's name. */
  get user(): string {
    return this.#known(Text.USER);
  }

  /** The Local Site of the token; undefined: the global site. */
  get localSite(): string | undefined {
    return this.#text(Text.LOCAL_SITE);
  }

  /** The client of the token, if it is a client's. */
  get clientName(): string | undefined {
    return this.#text(Text.CLIENT_NAME);
  }

  /** The note for people. */
  get note(): string {
    return this.#known(Text.NOTE);
  }

  /** The generator of the value, such as `vendor_checksum`. */
  get generatorId(): string {
    return this.#known(Text.GENERATOR_ID);
  }

  /** The policy as it is stored. On Review Board's database it need not be JSON. */
  get policyText(): string {
    return this.#known(Text.POLICY);
  }

  /** The extra data as it is stored. On Review Board's database it need not be JSON. */
  get extraDataText(): string {
    return this.#known(Text.EXTRA_DATA);
  }

  /**
   * The policy. An empty one gives full access; null: what is stored is no policy, and denies
   * everything.
   */
  get policy(): JsonObject | null {
    return this.#document(this.policyText, "policy");
  }

  /** The extra data. */
  get extraData(): JsonObject | null {
    return this.#document(this.extraDataText, "extra_data");
  }

  #document(text: string, member: string): JsonObject | null {
    let document: unknown;
    try {
      document = JSON.parse(text);
    } catch {
      // What others stored may be written otherwise; the library reads it.
      document = this.toPayload()[member];
    }
    return typeof document === "object" && !Array.isArray(document)
      ? document as JsonObject | null : null;
  }

  /** Why the token was invalidated. */
  get invalidReason(): string {
    return this.#known(Text.INVALID_REASON);
  }

  /** From when on the token is expired; undefined: never. */
  get expires(): Date | undefined {
    return this.#time(Times.EXPIRES);
  }

  /** When the token was created. */
  get timeAdded(): Date {
    return this.#time(Times.TIME_ADDED) as Date;
  }

  /** When the token was last changed. Logins and invalidation are no changes. */
  get lastUpdated(): Date {
    return this.#time(Times.LAST_UPDATED) as Date;
  }

  /** When the token was last used to log in; undefined: never. */
  get lastUsed(): Date | undefined {
    return this.#time(Times.LAST_USED);
  }

  /** When the token was invalidated, if it was and the time is known. */
  get invalidDate(): Date | undefined {
    return this.#time(Times.INVALID_DATE);
  }

  /** The times to the microsecond; a `Date` has milliseconds. */
  get microseconds(): TokenMicroseconds {
    return {
      expires: this.#microseconds(Times.EXPIRES),
      timeAdded: this.#microseconds(Times.TIME_ADDED) as bigint,
      lastUpdated: this.#microseconds(Times.LAST_UPDATED) as bigint,
      lastUsed: this.#microseconds(Times.LAST_USED),
      invalidDate: this.#microseconds(Times.INVALID_DATE),
    };
  }

  /** Whether the token was invalidated, which is final. */
  get isInvalidated(): boolean {
    return native.tokenFlag(externalOf(this), 0) as boolean;
  }

  /** Whether the generator was deprecated when the token was returned. */
  get isDeprecated(): boolean {
    return native.tokenFlag(externalOf(this), 1) as boolean;
  }

  /** Returns whether the token is expired at a time; now by default. */
  isExpired(at?: Time): boolean {
    const time = at === undefined ? convert.nowUs() : convert.microseconds(at, "at");
    return native.tokenIsExpired(externalOf(this), time) as boolean;
  }

  /**
   * Returns whether the policy allows an HTTP method on a resource. It says nothing of whether the
   * token is valid: {@link Store.authenticate} does.
   */
  allows(policyId: string, method: string, resourceId?: string): boolean {
    return callNow(native.tokenAllows, externalOf(this), convert.text(policyId, "policyId"),
      convert.text(method, "method"), convert.optionalText(resourceId, "resourceId")) as boolean;
  }

  /** Returns the fields of Review Board's API token payload. */
  toPayload(options?: PayloadOptions): JsonObject {
    const read = convert.options(options, ["withValue", "at"]);
    const at = read.at === undefined ? convert.nowUs() : convert.microseconds(read.at, "at");
    const withValue = convert.flag(read.withValue, "withValue", false);
    const json = callNow(native.tokenToJson, externalOf(this), at, withValue ? JSON_WITH_VALUE : 0);
    return JSON.parse(json as string) as JsonObject;
  }

  /** Returns the payload without the secret, for `JSON.stringify`. */
  toJSON(): JsonObject {
    return this.toPayload();
  }

  /**
   * Returns whether all fields of both tokens are equal. A closed token is equal to itself only.
   */
  equals(other: Token): boolean {
    if (this === other) return true;
    if (!(other instanceof Token) || this.closed || other.closed) return false;
    return this.#state() === other.#state();
  }

  #state(): string {
    const texts = Object.values(Text).map((which) => this.#text(which) ?? null);
    const times = Object.values(Times).map((which) => String(this.#microseconds(which)));
    return JSON.stringify([String(this.id), texts, times, this.isInvalidated, this.isDeprecated]);
  }

  /** @internal */
  [inspect.custom](): string {
    return this.closed ? "Token (closed)" : `Token ${this.redacted} of ${inspect(this.user)}`;
  }
}

/** A list of tokens as they were when it was made, in order of their ids. */
export class TokenList extends Handle implements Iterable<Token> {
  static {
    makeTokenList = (external) => new TokenList(MAKE, external as External);
  }

  private constructor(key: typeof MAKE, external: External) {
    super(key, external);
  }

  /** The number of tokens. */
  get length(): number {
    return native.listCount(externalOf(this)) as number;
  }

  /** Returns the token at an index, from the end if it is negative; undefined: there is none. */
  at(index: number): Token | undefined {
    const external = externalOf(this);
    if (typeof index !== "number") refuseType(index, "index", "a number");
    const from = Math.trunc(index) || 0;
    const absolute = from < 0 ? from + this.length : from;
    if (absolute < 0 || absolute >= this.length) return undefined;
    return makeToken(native.listGet(external, absolute));
  }

  /** Iterates over the tokens. */
  *[Symbol.iterator](): Generator<Token, void, undefined> {
    for (let index = 0; index < this.length; index++) yield this.at(index) as Token;
  }

  /** @internal */
  [inspect.custom](): string {
    return this.closed ? "TokenList (closed)" : `TokenList of ${this.length}`;
  }
}
