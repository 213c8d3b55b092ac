// The package as an ES module.
//
// SPDX-License-Identifier: MIT

export * from "./index.js";
