// What handles have in common.
//
// SPDX-License-Identifier: MIT

import { Status } from "./abi.js";
import { ClosedError, InternalError } from "./errors.js";
import { native, type External } from "./native.js";

/** What makes a handle: nobody outside of this package has it. */
export const MAKE: unique symbol = Symbol("made by a call");

/** Throws the error for a handle that was closed. */
export function refuseClosed(handle: object): never {
  throw new ClosedError(Status.STATE, `this ${handle.constructor.name} is closed`);
}

/** Throws the error for a class that is made with `new`. */
export function refuseNew(name: string, expected: string): never {
  throw new TypeError(`a ${name} is not made with new: use ${expected}`);
}

/** Throws if the addon could not make an external value: nothing may be taken for a handle then. */
export function checkExternal(external: unknown): asserts external is External {
  if (typeof external === "object" && external !== null) return;
  throw new InternalError(Status.INTERNAL, "Node.js could not make a value");
}

/** Returns what the addon is given for a handle, which must not be closed. */
export let externalOf: (handle: Handle) => External;

/** The calls of a handle that are under way on the pool. */
export class Calls {
  #count = 0;
  #whenIdle: (() => void) | undefined;

  /** Makes a call, which `idle` waits for. */
  async during<T>(call: () => Promise<T>): Promise<T> {
    this.#count++;
    try {
      return await call();
    } finally {
      if (--this.#count === 0) this.#whenIdle?.();
    }
  }

  /** Waits until all calls have ended. To be called once, when no new calls begin. */
  async idle(): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
  }
}

/**
 * A handle of the library. It is closed by `close`, by the end of a `using` declaration, or when it
 * is garbage: the addon gives it back once.
 */
export abstract class Handle {
  #external: External | undefined;

  static {
    externalOf = (handle) => handle.#external ?? refuseClosed(handle);
  }

  protected constructor(key: typeof MAKE, external: External) {
    if (key !== MAKE) refuseNew(new.target.name, "the methods of a Store");
    checkExternal(external);
    this.#external = external;
  }

  /** Whether the handle was closed. */
  get closed(): boolean {
    return this.#external === undefined;
  }

  /** Closes the handle. Closing it again does nothing. */
  close(): void {
    const external = this.#external;
    this.#external = undefined;
    if (external !== undefined) native.close(external);
  }

  /** Closes the handle at the end of a `using` declaration. */
  [Symbol.dispose](): void {
    this.close();
  }
}
