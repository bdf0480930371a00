import tseslint from "typescript-eslint";

/** `server/` and `worker/` never import each other; both stand on `lib/`, which imports neither. */
const layer = (files, forbidden) => ({
  files,
  rules: {
    "no-restricted-imports": ["error", { patterns: forbidden.map((group) => ({ group: [group] })) }],
  },
});

export default tseslint.config(
  { ignores: ["node_modules", "data", "bench-data", "coverage", "docs/generated"] },
  ...tseslint.configs.recommended,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    files: ["**/*.ts"],
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/no-empty-object-type": "off",
      eqeqeq: ["error", "always", { null: "ignore" }],
    },
  },
  {
    // The seams with libraries whose plugin types are open, and what GraphQL answers to tests.
    files: [
      "server/plugins/**/*.ts",
      "server/preset.ts",
      "test/api/**/*.ts",
      "test/support/{server,socket,event-stream}.ts",
    ],
    rules: {
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-namespace": "off",
    },
  },
  layer(["server/**/*.ts"], ["**/worker/**", "**/test/**"]),
  layer(["worker/**/*.ts"], ["**/server/**", "**/test/**"]),
  layer(["lib/**/*.ts"], ["**/server/**", "**/worker/**", "**/test/**"]),
);
