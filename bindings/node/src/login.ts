// What comes of a login, and of asking for a client's token.
//
// SPDX-License-Identifier: MIT

import { Verdict } from "./abi.js";
import type { External } from "./native.js";
import { makeToken, type Token } from "./token.js";

/** A token, and whether it is new. */
export interface ClientToken {
  readonly token: Token;
  readonly created: boolean;
}

/** The name of a verdict. `REFUSED` also stands for one that this package does not know. */
export type VerdictName = keyof typeof Verdict;

/** Somebody is logged in: the user of the token. */
export interface AcceptedLogin {
  readonly ok: true;
  readonly verdict: "OK";
  readonly token: Token;
  readonly refused: undefined;
}

/** Nobody is logged in. */
export interface RefusedLogin {
  readonly ok: false;
  readonly verdict: Exclude<VerdictName, "OK">;
  readonly token: undefined;
  /** The token that explains `INVALID`, `EXPIRED` and `WRONG_SITE`. */
  readonly refused: Token | undefined;
}

/** What came of a login. **Somebody is logged in only if `ok` is true**: every object is truthy. */
export type Login = AcceptedLogin | RefusedLogin;

const NAMES = new Map(Object.entries(Verdict).map(([name, value]) =>
  [value as number, name as VerdictName]));

function optionalToken(external: unknown): Token | undefined {
  return external === undefined ? undefined : makeToken(external);
}

/** The addon returns a token alone if somebody is logged in. */
export function toLogin(outputs: unknown): Login {
  if (!Array.isArray(outputs)) {
    const token = makeToken(outputs);
    return { ok: true, verdict: "OK", token, refused: undefined };
  }
  const [verdict, , refused] = outputs as [number, unknown, unknown];
  const name = (NAMES.get(verdict) ?? "REFUSED") as RefusedLogin["verdict"];
  return { ok: false, verdict: name, token: undefined, refused: optionalToken(refused) };
}

export function toClientToken(outputs: unknown): ClientToken {
  const [external, created] = outputs as [External, boolean];
  return { token: makeToken(external), created };
}
