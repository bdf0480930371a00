/** npm run accept: rewrites every golden file from what the code says now. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { childEnvironment, projectDir } from "../lib/config.ts";

const jest = join(projectDir, "node_modules/jest/bin/jest.js");
const flags = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
const done = spawnSync(process.execPath, [...flags, jest, "test/golden", ...process.argv.slice(2)], {
  stdio: "inherit",
  env: childEnvironment({ ROWHOUSE_ACCEPT: "1" }),
});
process.exit(done.status ?? 1);
