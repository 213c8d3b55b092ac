// SPDX-License-Identifier: MIT

import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "reference/"] },
  eslint.configs.recommended,
  { rules: { "max-len": ["error", { code: 100 }], eqeqeq: "error", "no-var": "error" } },
  {
    files: ["src/**/*.ts", "src/**/*.mts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // Numbers in messages need no conversion.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Classes have accessors of the addon's answers, whose types it does not know.
      "@typescript-eslint/no-non-null-assertion": "error",
    },
  },
  {
    files: ["tests/**", "*.mjs"],
    languageOptions: {
      globals: {
        Buffer: "readonly", URL: "readonly", clearTimeout: "readonly", console: "readonly",
        crypto: "readonly", globalThis: "readonly", process: "readonly", setTimeout: "readonly",
        structuredClone: "readonly",
      },
    },
  },
);
