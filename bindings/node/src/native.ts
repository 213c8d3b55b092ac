// Loads the addon, and the library with it.
//
// SPDX-License-Identifier: MIT

import { dirname, join, resolve } from "node:path";

/** A value of the addon that stands for a handle. */
export type External = object;

/** A call that may wait: on a thread of the pool if the first argument is true. */
export type Call = (later: boolean, ...values: unknown[]) => unknown;
type Read = (...values: unknown[]) => unknown;

/** The addon's functions. `native/src` says what their arguments are. */
export interface Native {
  readonly load: Read;
  readonly setHost: Read;
  readonly end: Read;
  readonly close: Read;
  readonly version: Read;
  readonly abiVersion: Read;
  readonly statusName: Read;
  readonly verdictName: Read;
  readonly loginNow: Read;
  readonly tokenId: Read;
  readonly tokenText: Read;
  readonly tokenTime: Read;
  readonly tokenFlag: Read;
  readonly tokenIsExpired: Read;
  readonly listCount: Read;
  readonly listGet: Read;
  readonly extension: Read;
  readonly settingsSchema: Read;
  readonly hasInterface: Read;
  readonly callCounts: Read;
  readonly storeOpen: Call;
  readonly storeShared: Call;
  readonly storeRelease: Call;
  readonly storeFlush: Call;
  readonly storeSetSetting: Call;
  readonly storeGetSetting: Call;
  readonly storeStatistics: Call;
  readonly storeAddLocalSite: Call;
  readonly storeRemoveLocalSite: Call;
  readonly storeSetUserActive: Call;
  readonly storeSetPolicyIds: Call;
  readonly storeBackup: Call;
  readonly storeExportFile: Call;
  readonly storeImportFile: Call;
  readonly storeGetOrCreateClientToken: Call;
  readonly storeGenerateToken: Call;
  readonly storeImportToken: Call;
  readonly storeFindToken: Call;
  readonly storeGetToken: Call;
  readonly storeListTokens: Call;
  readonly storeTokenCount: Call;
  readonly storeValueIsValid: Call;
  readonly storeAuthenticate: Call;
  readonly storeAuthenticateHeader: Call;
  readonly storeForgetLogins: Call;
  readonly storeUpdateToken: Call;
  readonly storeInvalidateToken: Call;
  readonly storeInvalidateTokenById: Call;
  readonly storeInvalidateUserTokens: Call;
  readonly storeInvalidateAllTokens: Call;
  readonly storeDeleteToken: Call;
  readonly storePurgeTokens: Call;
  readonly storeAddHooks: Call;
  readonly storeRemoveHooks: Call;
  readonly storeAddGenerator: Call;
  readonly storeSetDefaultGenerator: Call;
  readonly storeSetDeprecatedGenerators: Call;
  readonly serviceAccountNew: Call;
  readonly serviceAccountGetApiToken: Call;
  readonly tokenAllows: Call;
  readonly tokenToJson: Call;
  readonly policyParse: Call;
  readonly policyAllows: Call;
  readonly instanceCreate: Call;
  readonly instanceConfigure: Call;
  readonly instanceInitialize: Call;
  readonly instanceShutdown: Call;
  readonly instanceDestroy: Call;
  readonly instanceGetStore: Call;
  readonly instanceGetSettings: Call;
}

/** The packages that hold the addon and the library, by platform. */
const PLATFORMS: Readonly<Record<string, string>> = {
  "linux-x64": "@rbtoken/linux-x64-gnu",
};

/** Returns a variable of the environment; undefined: it is not set, or empty. */
function variable(name: string): string | undefined {
  const value = process.env[name];
  return value === "" ? undefined : value;
}

function addonPath(): string {
  const named = variable("RBTOKEN_ADDON");
  if (named !== undefined) return resolve(named);
  const platform = `${process.platform}-${process.arch}`;
  const name = PLATFORMS[platform];
  if (name === undefined) {
    throw new Error(`rbtoken has no package for ${platform} (expected `
      + `${Object.keys(PLATFORMS).join(", ")}); build the addon and set RBTOKEN_ADDON`);
  }
  try {
    return require.resolve(`${name}/rbtoken.node`);
  } catch (cause) {
    throw new Error(`the package ${name} is missing: it is an optional dependency, which npm must `
      + "not omit, and it needs glibc", { cause });
  }
}

function load(): Native {
  const path = addonPath();
  // Not `require`: its cache would share one addon among all copies of this package in the process,
  // and the addon would call the callbacks of one copy for another.
  const module = { exports: {} as Native };
  try {
    process.dlopen(module, path);
  } catch (cause) {
    const reason = (cause as Error).message.replace(`${path}: `, "");
    throw new Error(`${path} cannot be loaded: ${reason}`, { cause });
  }
  const addon = module.exports;
  try {
    addon.load(variable("RBTOKEN_LIBRARY") ?? join(dirname(path), "librbtoken.so"));
  } catch (cause) {
    throw new Error((cause as Error).message, { cause });
  }
  return addon;
}

export const native = load();
