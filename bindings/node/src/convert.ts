// Converts arguments for the addon, and refuses what it must not see. Each function is given the
// name of the argument, which is in the error.
//
// SPDX-License-Identifier: MIT

import { types } from "node:util";

import { Status } from "./abi.js";
import { InvalidDocumentError, nameType, refuse, refuseRange, refuseType } from "./errors.js";

/** A JSON value. Numbers beyond 2^53 are written as `bigint`. */
export type JsonValue =
  | null | boolean | number | bigint | string | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };
/** A JSON object, as such or as text. */
export type Document = { readonly [key: string]: JsonValue } | string;
/** A time: a `Date`, or microseconds since the Unix epoch. */
export type Time = Date | bigint;

/** Most levels of a document. The library has the same limit. */
const MAX_DEPTH = 128;

export function text(value: unknown, name: string): string {
  if (typeof value !== "string") refuseType(value, name, "a string");
  if (!value.isWellFormed()) {
    // Node.js would replace it by U+FFFD, and this would be the text of somebody else.
    refuse(name, "text must not have lone surrogates", Status.INVALID_UTF8);
  }
  return value;
}

export function optionalText(value: unknown, name: string): string | undefined {
  return value === undefined || value === null ? undefined : text(value, name);
}

/** Untrusted text or its bytes. What is not Unicode is left to the library, which refuses it. */
export function untrustedText(value: unknown, name: string): string | Uint8Array {
  if (typeof value === "string") {
    if (value.isWellFormed()) return value;
    // No UTF-8: nothing that is stored is equal to it.
    return Buffer.concat([Buffer.from(value), Buffer.of(0xff)]);
  }
  if (types.isUint8Array(value)) return value;
  return refuseType(value, name, "a string or a Uint8Array");
}

export function texts(values: unknown, name: string): string[] {
  if (typeof values === "string" || typeof values !== "object" || values === null
    || !(Symbol.iterator in values)) {
    refuseType(values, name, "an iterable of strings");
  }
  const all = Array.from(values as Iterable<unknown>, (value) => text(value, name));
  if (all.some((value) => value.includes("\0"))) {
    refuse(name, "text must not have a NUL", Status.EMBEDDED_NUL);
  }
  return all;
}

export function boolean(value: unknown, name: string): boolean {
  return typeof value === "boolean" ? value : refuseType(value, name, "a boolean");
}

/** A boolean option. */
export function flag(value: unknown, name: string, byDefault: boolean): boolean {
  return value === undefined ? byDefault : boolean(value, name);
}

export function callback<T>(value: T, name: string): T {
  return typeof value === "function" ? value : refuseType(value, name, "a function");
}

/** An integer of 64 bits, as a number or a bigint. */
export function integer(value: unknown, name: string): bigint {
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) {
      refuseRange(name, "expected an integer that a number holds exactly, or a bigint");
    }
    return BigInt(value);
  }
  if (typeof value !== "bigint") refuseType(value, name, "a number or a bigint");
  return within64(value, name);
}

function within64(value: bigint, name: string): bigint {
  if (BigInt.asIntN(64, value) !== value) refuseRange(name, "expected an integer of 64 bits");
  return value;
}

/** An integer of 32 bits. */
export function small(value: unknown, name: string, low: number, high: number): number {
  if (typeof value !== "number") refuseType(value, name, "a number");
  if (!Number.isInteger(value) || value < low || value > high) {
    refuseRange(name, `expected an integer from ${low} to ${high}`);
  }
  return value;
}

export function microseconds(value: unknown, name: string): bigint {
  if (typeof value === "bigint") return within64(value, name);
  if (!types.isDate(value)) refuseType(value, name, "a Date or a bigint of microseconds");
  // That of Date: a subclass may answer anything.
  const milliseconds = Date.prototype.getTime.call(value);
  if (Number.isNaN(milliseconds)) refuseRange(name, "expected a valid Date");
  return BigInt(milliseconds) * 1000n;
}

/** Whole seconds. */
export function seconds(value: unknown, name: string): bigint {
  if (typeof value !== "number") refuseType(value, name, "a number of seconds");
  if (!Number.isSafeInteger(value)) refuseRange(name, "expected whole seconds");
  return BigInt(value);
}

export function toDate(timeUs: bigint): Date {
  // Rounds down: of a time before 1970, too.
  return new Date(Number((timeUs - (((timeUs % 1000n) + 1000n) % 1000n)) / 1000n));
}

export function nowUs(): bigint {
  return BigInt(Date.now()) * 1000n;
}

/** Whether an object has members alone, unlike a Map, an array or one of another class. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // The prototype of another realm's objects has none either.
  return prototype === null || (Object.getPrototypeOf(prototype) === null && !Array.isArray(value));
}

/** Reads an object of options. Unknown ones are refused, and inherited ones are not read. */
export function options<T extends string>(
  value: unknown, names: readonly T[], argument = "options",
): Partial<Record<T, unknown>> {
  // Without a prototype, which anybody may have given a property of such a name.
  const read = Object.create(null) as Partial<Record<T, unknown>>;
  if (value === undefined) return read;
  if (typeof value !== "object" || value === null || !isPlain(value)) {
    refuseType(value, argument, "a plain object");
  }
  for (const name of Reflect.ownKeys(value).map(String)) {
    if (!(names as readonly string[]).includes(name)) {
      refuse(name, `unknown option (expected ${names.join(", ")})`, Status.INVALID_ARGUMENT);
    }
    read[name as T] = (value as Record<string, unknown>)[name];
  }
  return read;
}

export function document(value: unknown, name: string): string {
  if (typeof value === "string") return text(value, name);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuseType(value, name, "an object or JSON text");
  }
  return json(value, name);
}

export function optionalDocument(value: unknown, name: string): string | undefined {
  return value === undefined || value === null ? undefined : document(value, name);
}

/**
 * Writes a JSON value as it is meant. `JSON.stringify` would drop what is undefined, write NaN as
 * null, and call `toJSON`.
 */
export function json(value: unknown, name: string): string {
  return write(value, name, "$", 0);
}

function write(value: unknown, name: string, path: string, depth: number): string {
  switch (typeof value) {
    case "boolean":
      return String(value);
    case "bigint":
      return String(value);
    case "string":
      if (!value.isWellFormed()) {
        refuse(name, "text must not have lone surrogates", Status.INVALID_UTF8, path);
      }
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) {
        throw new InvalidDocumentError(Status.JSON_NUMBER, "expected a finite number", name, path);
      }
      return JSON.stringify(value);
    case "object":
      return value === null ? "null" : writeObject(value, name, path, depth);
    default:
      return refuse(name, `expected a JSON value, found ${typeof value}`, Status.JSON_TYPE, path);
  }
}

function writeObject(value: object, name: string, path: string, depth: number): string {
  if (depth === MAX_DEPTH) {
    const message = `a document must not have more than ${MAX_DEPTH} levels`;
    throw new InvalidDocumentError(Status.JSON_TOO_DEEP, message, name);
  }
  if (Array.isArray(value)) {
    const items = Array.from(value, (item: unknown, index) =>
      write(item, name, `${path}[${index}]`, depth + 1));
    return `[${items.join(",")}]`;
  }
  if (!isPlain(value)) {
    refuse(name, `expected a JSON value, found ${nameType(value)}`, Status.JSON_TYPE, path);
  }
  const members = Object.keys(value).map((key) => {
    const at = `${path}[${JSON.stringify(key)}]`;
    if (!key.isWellFormed()) {
      refuse(name, "text must not have lone surrogates", Status.INVALID_UTF8, path);
    }
    const item = (value as Record<string, unknown>)[key];
    return `${JSON.stringify(key)}:${write(item, name, at, depth + 1)}`;
  });
  return `{${members.join(",")}}`;
}
