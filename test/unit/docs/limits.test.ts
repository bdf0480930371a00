import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { variables } from "../../../lib/config-variables.ts";
import { projectDir } from "../../../lib/config.ts";

const page = readFileSync(join(projectDir, "docs/limits.md"), "utf8");
const rows = [...page.matchAll(/^\| `([A-Z_]+)` *\| (?:`([^`]*)`)? *\|/gm)].map(
  ([, env, preset]) => [env, preset] as const,
);
const settings = Object.values(variables);

test.each(rows)("the limit %s is a setting with the default that its page tells: %s", (env, preset) => {
  const setting = settings.find((each) => each.env === env);
  expect(setting).toBeDefined();
  expect(setting!.default).toBe(preset);
});

test("every setting that limits what a caller may ask for is on the page", () => {
  const limits = settings
    .map(({ env }) => env)
    // How long a receiver of webhooks may take limits nobody who calls.
    .filter(
      (env) =>
        env !== "ROWHOUSE_WEBHOOK_TIMEOUT_MS" &&
        /_MAX$|PER_MINUTE$|_TIMEOUT|DATABASE_SECONDS$|INTROSPECTION$/.test(env),
    );
  expect(limits.length).toBeGreaterThan(10);
  expect(rows.map(([env]) => env).toSorted()).toEqual(limits.toSorted());
});
