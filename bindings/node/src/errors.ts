// The errors. A call that throws one has changed nothing.
//
// SPDX-License-Identifier: MIT

import { types } from "node:util";

import { Status } from "./abi.js";
import { native } from "./native.js";

/**
 * A call that failed. The message names the argument at fault and the place in its JSON document.
 * No token's value is ever in it.
 *
 * Arguments of a wrong type are a `TypeError`, and numbers out of range a `RangeError`, with the
 * properties `code` and `argument`.
 */
export class RBTokenError extends Error {
  /** The number of the status, such as 80. */
  readonly status: number;
  /** The name of the status, such as `RBTOKEN_E_NOT_FOUND`. */
  readonly code: string;
  /** What went wrong, in English, without the argument and the path. */
  readonly detail: string;
  /** The parameter or option at fault. */
  readonly argument: string | undefined;
  /** The place in the JSON document at fault, such as `$.resources["*"].allow`. */
  readonly jsonPath: string | undefined;

  /** @internal */
  constructor(status: number, detail: string, argument?: string, jsonPath?: string) {
    const code = native.statusName(status) as string;
    super(describe(detail, code, argument, jsonPath));
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.argument = argument;
    this.jsonPath = jsonPath;
  }

  override get name(): string {
    return this.constructor.name;
  }
}

function describe(detail: string, code: string, argument?: string, jsonPath?: string): string {
  const places: string[] = [];
  if (argument !== undefined) places.push(`argument '${argument}'`);
  if (jsonPath !== undefined) places.push(`at ${jsonPath}`);
  return `${detail}${places.length > 0 ? ` (${places.join(", ")})` : ""} [${code}]`;
}

/** An argument has a value that is not allowed. */
export class InvalidArgumentError extends RBTokenError {}
/** A JSON document is malformed; `jsonPath` tells where. */
export class InvalidDocumentError extends InvalidArgumentError {}
/** A policy breaks a rule of policies; `jsonPath` tells where. */
export class InvalidPolicyError extends InvalidDocumentError {}
/** There is no such token, user, Local Site, generator or setting. */
export class NotFoundError extends RBTokenError {}
/** There is such an object already. */
export class ExistsError extends RBTokenError {}
/** The object is in a state that does not allow the call. */
export class InvalidStateError extends RBTokenError {}
/** The object was closed. */
export class ClosedError extends InvalidStateError {}
/** The store was opened before fork(), and this process is the child. */
export class ForkedError extends InvalidStateError {}
/** An earlier defect may have left the store half-changed; it refuses everything. */
export class PoisonedError extends InvalidStateError {}
/** This build, or this kind of store, cannot do that. */
export class UnsupportedError extends RBTokenError {}
/** No token value could be generated. */
export class GenerationError extends RBTokenError {}
/** A callback broke its contract. */
export class CallbackError extends RBTokenError {}
/** What keeps the tokens failed. */
export class StorageError extends RBTokenError {}
/** Another process, or another store of this one, owns the file. */
export class LockedError extends StorageError {}
/** The operating system refused an operation, or a database is unreachable. */
export class InputOutputError extends StorageError {}
/** Stored data is damaged. */
export class CorruptError extends StorageError {}
/** Stored data was written by an incompatible version. */
export class IncompatibleVersionError extends StorageError {}
/** The database refused or failed. */
export class DatabaseError extends StorageError {}
/** The operation did not end in its time. */
export class TimeoutError extends StorageError {}
/** The memory is exhausted. */
export class NoMemoryError extends RBTokenError {}
/** A defect of the library. */
export class InternalError extends RBTokenError {}

type Kind = new (...parameters: ConstructorParameters<typeof RBTokenError>) => RBTokenError;

const KINDS = new Map<number, Kind>([
  [Status.NULL_ARGUMENT, InvalidArgumentError],
  [Status.INVALID_ARGUMENT, InvalidArgumentError],
  [Status.INVALID_UTF8, InvalidArgumentError],
  [Status.EMBEDDED_NUL, InvalidArgumentError],
  [Status.TOO_LONG, InvalidArgumentError],
  [Status.STRUCT_SIZE, InvalidArgumentError],
  [Status.UNSUPPORTED_OPTION, InvalidArgumentError],
  [Status.TIME_RANGE, InvalidArgumentError],
  [Status.JSON_SYNTAX, InvalidDocumentError],
  [Status.JSON_TYPE, InvalidDocumentError],
  [Status.JSON_TOO_DEEP, InvalidDocumentError],
  [Status.JSON_NUMBER, InvalidDocumentError],
  [Status.POLICY, InvalidPolicyError],
  [Status.NOT_FOUND, NotFoundError],
  [Status.EXISTS, ExistsError],
  [Status.STATE, InvalidStateError],
  [Status.UNSUPPORTED, UnsupportedError],
  [Status.FORKED, ForkedError],
  [Status.POISONED, PoisonedError],
  [Status.GENERATION, GenerationError],
  [Status.CALLBACK, CallbackError],
  [Status.LOCKED, LockedError],
  [Status.IO, InputOutputError],
  [Status.CORRUPT, CorruptError],
  [Status.VERSION, IncompatibleVersionError],
  [Status.DATABASE, DatabaseError],
  [Status.TIMEOUT, TimeoutError],
  [Status.NO_MEMORY, NoMemoryError],
  [Status.INTERNAL, InternalError],
]);

/** What the addon throws. */
interface Failure {
  status: number;
  message: string;
  argument: string | undefined;
  jsonPath: string | undefined;
  /** Stands for what a callback threw. */
  ticket?: number;
}

/** What callbacks threw, by ticket, until the call throws it. */
const thrown = new Map<number, unknown>();
let lastTicket = 0;

/** Keeps what a callback threw; returns its ticket. */
export function keepThrown(error: unknown): number {
  do lastTicket = (lastTicket % 0x7fffffff) + 1;
  while (thrown.has(lastTicket));
  thrown.set(lastTicket, error);
  return lastTicket;
}

/** The number of thrown values that are kept. */
export function thrownCount(): number {
  return thrown.size;
}

/** Returns what a callback threw, which is no longer kept. */
export function takeThrown(ticket: number): unknown {
  const error = thrown.get(ticket);
  thrown.delete(ticket);
  return error;
}

/** Returns what a call throws that failed in the addon. */
export function toError(failure: unknown): unknown {
  // Not `instanceof`: the addon's own errors may be those of another realm, as in Jest.
  if (types.isNativeError(failure)) return failure;
  const { status, message, argument, jsonPath, ticket } = failure as Failure;
  if (ticket !== undefined && thrown.has(ticket)) return takeThrown(ticket);
  const kind = KINDS.get(status) ?? RBTokenError;
  return new kind(status, message, argument === undefined ? argument : parameter(argument),
    jsonPath);
}

/**
 * Returns the parameter of this package for an argument or field of the C API. Times have no unit
 * here: they are a `Date`.
 */
function parameter(field: string): string {
  return field.replace(/(_at)?_us$/, "").replace(/_([a-z])/g, (_, letter: string) =>
    letter.toUpperCase());
}

/** Makes a call of the addon on this thread. */
export function callNow(call: (...values: never[]) => unknown, ...values: unknown[]): unknown {
  try {
    return (call as (...values: unknown[]) => unknown)(false, ...values);
  } catch (failure) {
    throw toError(failure);
  }
}

/** Makes a call of the addon on a thread of the pool. */
export async function callLater(
  call: (...values: never[]) => unknown, ...values: unknown[]
): Promise<unknown> {
  try {
    return await (call as (...values: unknown[]) => unknown)(true, ...values);
  } catch (failure) {
    throw toError(failure);
  }
}

/** Throws a `TypeError` that names an argument. */
export function refuseType(found: unknown, argument: string, expected: string): never {
  throw misuse(TypeError, `expected ${expected}, found ${nameType(found)}`, argument);
}

/** Throws a `RangeError` that names an argument. */
export function refuseRange(argument: string, message: string): never {
  throw misuse(RangeError, message, argument);
}

/** Throws a `TypeError` that names an argument and the place in its document. */
export function refuse(
  argument: string, message: string, status: number, jsonPath?: string,
): never {
  throw misuse(TypeError, message, argument, status, jsonPath);
}

function misuse(
  kind: typeof TypeError | typeof RangeError, message: string, argument: string,
  status: number = Status.INVALID_ARGUMENT, jsonPath?: string,
): Error {
  const code = native.statusName(status) as string;
  const error = new kind(describe(message, code, argument, jsonPath));
  return Object.assign(error, { code, status, argument, jsonPath });
}

/** Names the type of a value for a message. It never throws, whatever the value is. */
export function nameType(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value === "undefined" ? "undefined"
    : `a ${typeof value}`;
  try {
    if (Array.isArray(value)) return "an array";
    const maker: unknown = value.constructor;
    const name: unknown = typeof maker === "function" ? maker.name : undefined;
    if (typeof name !== "string" || name === "") return "an object";
    return `${/^[AEIOU]/i.test(name) ? "an" : "a"} ${name}`;
  } catch {
    // A getter that throws, or a revoked proxy.
    return "an object";
  }
}
