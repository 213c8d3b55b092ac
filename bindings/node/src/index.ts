/**
 * Review Board API tokens: issue, find, check and revoke them, by the rules of Review Board 8.1.
 *
 * @packageDocumentation
 */
// SPDX-License-Identifier: MIT

import { small } from "./convert.js";
import { native } from "./native.js";

export { LogLevel, Status, Verdict } from "./abi.js";
export type { Document, JsonValue, Time } from "./convert.js";
export {
  CallbackError, ClosedError, CorruptError, DatabaseError, ExistsError, ForkedError,
  GenerationError, IncompatibleVersionError, InputOutputError, InternalError,
  InvalidArgumentError, InvalidDocumentError, InvalidPolicyError, InvalidStateError, LockedError,
  NoMemoryError, NotFoundError, PoisonedError, RBTokenError, StorageError, TimeoutError,
  UnsupportedError,
} from "./errors.js";
export {
  Instance, extension, hasInterface, type Extension, type InstanceOptions,
} from "./extension.js";
export type { Handle } from "./handle.js";
export type { Clock, Create, Entropy, Log, Progress, Validate } from "./host.js";
export type {
  AcceptedLogin, ClientToken, Login, RefusedLogin, VerdictName,
} from "./login.js";
export {
  ANY_SITE, type ClientTokenOptions, type GenerateOptions, type ImportOptions, type LoginOptions,
  type ServiceTokenOptions, type StoreOptions, type TokenFilter, type TokenUpdate,
  type TransferOptions,
} from "./options.js";
export { Policy } from "./policy.js";
export { ServiceAccount, type ServiceAccountOptions } from "./service_account.js";
export {
  Store, type AnyListener, type CommonEvent, type Listener, type Location, type StoreEvents,
} from "./store.js";
export {
  Token, TokenList, type JsonObject, type PayloadOptions, type TokenMicroseconds,
} from "./token.js";

/** Returns the version of the library, such as `0.2.0`. */
export function version(): string {
  return native.version() as string;
}

/** Returns the version of the library's ABI: the major version times 65536 plus the minor. */
export function abiVersion(): number {
  return native.abiVersion() as number;
}

/** Returns the name of a status, such as `RBTOKEN_E_NOT_FOUND`. */
export function statusName(status: number): string {
  return native.statusName(small(status, "status", -(2 ** 31), 2 ** 31 - 1)) as string;
}

/** Returns the name of a verdict, such as `RBTOKEN_VERDICT_EXPIRED`. */
export function verdictName(verdict: number): string {
  return native.verdictName(small(verdict, "verdict", -(2 ** 31), 2 ** 31 - 1)) as string;
}
