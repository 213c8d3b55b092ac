// Policies without a token.
//
// SPDX-License-Identifier: MIT

import { inspect } from "node:util";

import * as convert from "./convert.js";
import type { Document } from "./convert.js";
import { callNow } from "./errors.js";
import { Handle, MAKE, externalOf } from "./handle.js";
import { native, type External } from "./native.js";
import { storeExternal, type Store } from "./store.js";
import type { JsonObject } from "./token.js";

/** A policy of its own. */
export class Policy extends Handle {
  readonly #text: string;

  /**
   * Reads and checks a policy. Its ids, and those of later questions, must be registered in the
   * store; without one, any id is known.
   */
  constructor(document: Document, store?: Store) {
    const text = convert.document(document, "document");
    const external = store === undefined ? undefined : storeExternal(store, "store");
    super(MAKE, callNow(native.policyParse, text, external) as External);
    this.#text = text;
  }

  /** Returns whether the policy allows an HTTP method on a resource. */
  allows(policyId: string, method: string, resourceId?: string): boolean {
    return callNow(native.policyAllows, externalOf(this), convert.text(policyId, "policyId"),
      convert.text(method, "method"), convert.optionalText(resourceId, "resourceId")) as boolean;
  }

  /** The document. */
  get document(): JsonObject {
    externalOf(this);
    return JSON.parse(this.#text) as JsonObject;
  }

  /** @internal */
  [inspect.custom](): string {
    return this.closed ? "Policy (closed)" : `Policy ${this.#text}`;
  }
}
