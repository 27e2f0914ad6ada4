// What the types do not find: `make check-js`.

import js from "@eslint/js";
import globals from "globals";

/** Data of others becomes markup only through the DOM, and nothing runs that is not in a file of ours. */
const UNSAFE = [
  { selector: "AssignmentExpression[left.property.name=/^(innerHTML|outerHTML)$/]", message: "Build elements, not HTML." },
  { selector: "CallExpression[callee.property.name=/^(insertAdjacentHTML|setHTMLUnsafe|write)$/]", message: "Build elements." },
  { selector: "CallExpression[callee.property.name='postMessage'][arguments.1.value='*']", message: "Name the origin." },
];

/** Types in JSDoc that turn the check off: `{any}`, `Record<string, any>`. */
const NO_ANY = {
  create: ({ report, sourceCode }) => ({
    Program() {
      const found = sourceCode.getAllComments().filter(({ value }) => /[{<,|:(]\s*any\s*[}>,|)[]/.test(value));
      for (const { loc } of found) report({ loc, message: "Name the type, or write `unknown` and check the value." });
    },
  }),
};

export default [
  { ignores: ["**/node_modules/**"] },
  js.configs.recommended,
  {
    files: ["src/videobroker/**/*.js"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: globals.browser },
  },
  { files: ["src/videobroker/web/pages/static/embed.js"], languageOptions: { sourceType: "script" } },
  {
    files: ["src/videobroker/web/api_docs/**/*.js"],
    languageOptions: { sourceType: "script", globals: { Redoc: "readonly", SwaggerUIBundle: "readonly" } },
  },
  { files: ["tests/frontend/**/*.js"], languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: globals.node } },
  // It is shown by pages of any origin, and sends nothing secret.
  { files: ["src/videobroker/sandbox/page/frame.js"], rules: { "no-restricted-syntax": ["error", ...UNSAFE.slice(0, 2)] } },
  {
    ignores: ["src/videobroker/sandbox/page/frame.js"],
    rules: { "no-restricted-syntax": ["error", ...UNSAFE] },
  },
  {
    plugins: { ours: { rules: { "no-any": NO_ANY } } },
    rules: {
      "ours/no-any": "error",
      "no-warning-comments": ["error", { terms: ["@ts-ignore", "@ts-nocheck", "@ts-expect-error"], location: "anywhere" }],
      "array-callback-return": "error",
      complexity: ["error", 24],
      curly: ["error", "multi-line"],
      "default-case-last": "error",
      eqeqeq: ["error", "always", { null: "ignore" }],
      "max-depth": ["error", 4],
      "max-lines": ["error", { max: 600, skipComments: true }],
      "max-params": ["error", 5],
      "no-alert": "error",
      "no-console": ["error", { allow: ["warn"] }],
      "no-constructor-return": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-new-wrappers": "error",
      "no-promise-executor-return": "error",
      "no-return-assign": ["error", "except-parens"],
      "no-self-compare": "error",
      "no-template-curly-in-string": "error",
      "no-throw-literal": "error",
      "no-unmodified-loop-condition": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-use-before-define": ["error", { functions: false, classes: false }],
      "no-useless-rename": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "require-atomic-updates": "off",
      strict: ["error", "safe"],
    },
  },
];
