export default {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "<rootDir>/test/support/strip-types.js" },
  moduleFileExtensions: ["ts", "js", "mjs", "cjs", "json"],
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  modulePathIgnorePatterns: ["<rootDir>/data/", "<rootDir>/bench-data/"],
  globalSetup: "<rootDir>/test/support/global-setup.ts",
  globalTeardown: "<rootDir>/test/support/global-teardown.ts",
  maxWorkers: 2,
  // What a file has loaded stays in the memory of its process for good; near the limit, all time goes to looking for garbage.
  workerIdleMemoryLimit: "600MB",
  // A test waits for what happens, however slow the machine; this only ends one that hangs.
  testTimeout: 180_000,
};
