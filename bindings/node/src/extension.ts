// The plugin interface: who the library is, and instances with a store and settings of their own.
//
// SPDX-License-Identifier: MIT

import { inspect } from "node:util";

import * as convert from "./convert.js";
import type { Document } from "./convert.js";
import { callLater, callNow } from "./errors.js";
import { Calls, checkExternal, refuseClosed } from "./handle.js";
import {
  keepWeakly, type Callbacks, type Clock, type Entropy, type Log,
} from "./host.js";
import { native, type Call, type External } from "./native.js";
import { makeStore, type Store } from "./store.js";
import type { JsonObject } from "./token.js";

/** What the library says of itself. */
export interface Extension {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly author: string;
  readonly license: string;
  readonly summary: string;
  readonly url: string;
  /** A JSON Schema of the settings. */
  readonly settingsSchema: JsonObject;
}

/** Returns what the library says of itself. */
export function extension(): Extension {
  const [id, name, version, author, license, summary, url] = native.extension() as [
    string, string, string, string, string, string, string];
  const settingsSchema = JSON.parse(native.settingsSchema() as string) as JsonObject;
  return { id, name, version, author, license, summary, url, settingsSchema };
}

/** Returns whether the library has a table of functions, such as `rbtoken.store/1`. */
export function hasInterface(name: string): boolean {
  return native.hasInterface(convert.text(name, "name")) as boolean;
}

/** What an instance is created with. */
export interface InstanceOptions {
  /** The settings. */
  readonly settings?: Document | undefined;
  /** Told of the life of the instance and of each token, with a level of {@link LogLevel}. */
  readonly log?: Log | undefined;
  /** Replaces the system's clock. */
  readonly clock?: Clock | undefined;
  /** Replaces the system's source of random bytes. */
  readonly entropy?: Entropy | undefined;
}

/**
 * An instance of the extension: created, configured, initialized, shut down. Instances live side by
 * side and share nothing. Closing one shuts it down.
 */
export class Instance {
  #external: External | undefined;
  readonly #calls = new Calls();
  #closing: Promise<void> | undefined;
  /** They live as long as the instance, or a store of it. */
  readonly #callbacks: Callbacks;

  /** Creates an instance, and configures it if there are settings. */
  constructor(options?: InstanceOptions) {
    const read = convert.options(options, ["settings", "log", "clock", "entropy"]);
    const settings = convert.optionalDocument(read.settings, "settings");
    let which = 0;
    for (const [name, bit] of [["log", 1], ["clock", 2], ["entropy", 4]] as const) {
      if (read[name] === undefined) continue;
      convert.callback(read[name], name);
      which |= bit;
    }
    this.#callbacks = {
      log: read.log as Log | undefined,
      clock: read.clock as Clock | undefined,
      entropy: read.entropy as Entropy | undefined,
    };
    const key = keepWeakly(this.#callbacks);
    const external = callNow(native.instanceCreate, key, which);
    checkExternal(external);
    this.#external = external;
    if (settings === undefined) return;
    try {
      this.#now(native.instanceConfigure, settings);
    } catch (error) {
      this.closeSync();
      throw error;
    }
  }

  #open(): External {
    return this.#external ?? refuseClosed(this);
  }

  #now(call: Call, ...values: unknown[]): unknown {
    return callNow(call, this.#open(), ...values);
  }

  async #later(call: Call, ...values: unknown[]): Promise<unknown> {
    const external = this.#open();
    return this.#calls.during(() => callLater(call, external, ...values));
  }

  /**
   * Sets the settings, in place of earlier ones; by default all defaults. Not while the instance is
   * initialized.
   */
  configure(settings?: Document): void {
    this.#now(native.instanceConfigure, convert.optionalDocument(settings, "settings"));
  }

  /** Opens the instance's store. */
  async initialize(): Promise<void> {
    await this.#later(native.instanceInitialize);
  }

  /** As {@link Instance.initialize}, on this thread. */
  initializeSync(): void {
    this.#now(native.instanceInitialize);
  }

  /** Closes the instance's store, and removes its hooks and generators. */
  async shutdown(): Promise<void> {
    await this.#later(native.instanceShutdown);
  }

  /** As {@link Instance.shutdown}, on this thread. */
  shutdownSync(): void {
    this.#now(native.instanceShutdown);
  }

  /** Returns the instance's store, while the instance is initialized. */
  store(): Store {
    return makeStore(this.#now(native.instanceGetStore), {
      place: "of an Instance", isShared: true, callbacks: [this.#callbacks],
    });
  }

  /** Returns all settings in force. */
  settings(): JsonObject {
    return JSON.parse(this.#now(native.instanceGetSettings) as string) as JsonObject;
  }

  /** Whether the instance was closed. */
  get closed(): boolean {
    return this.#external === undefined;
  }

  #take(): External | undefined {
    const external = this.#external;
    this.#external = undefined;
    return external;
  }

  /**
   * Closes the instance. Calls under way go on; the promise is fulfilled when they have ended.
   * Closing it again returns the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close(this.#take());
    return this.#closing;
  }

  async #close(external: External | undefined): Promise<void> {
    await this.#calls.idle();
    if (external !== undefined) await callLater(native.instanceDestroy, external);
  }

  /** Closes the instance on this thread. Calls under way go on. */
  closeSync(): void {
    const external = this.#take();
    if (external !== undefined) callNow(native.instanceDestroy, external);
  }

  /** Closes the instance at the end of a `using` declaration. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  /** Closes the instance at the end of an `await using` declaration. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  [inspect.custom](): string {
    return this.closed ? "Instance (closed)" : "Instance";
  }
}
