import { existsSync, readFileSync } from "node:fs";

/** Prints how many tests passed and failed; a check that failed, and a test file that could not be run, count as failed too. */
const [file, checksFailed] = process.argv.slice(2);
const results = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
const passed = results?.numPassedTests ?? 0;
const broken = (results?.numFailedTests ?? 0) + (results?.numRuntimeErrorTestSuites ?? 1);
const failed = broken === 0 && checksFailed !== "0" ? 1 : broken;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
