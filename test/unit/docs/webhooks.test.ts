import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { projectDir } from "../../../lib/config.ts";
import { newWebhookSecret, signWebhook } from "../../../lib/webhook-signature.ts";

const page = readFileSync(join(projectDir, "docs/webhooks.md"), "utf8");
const python = /```python\n(.*?)```/s.exec(page)![1]!;

/** Whether the function of the page takes a message. */
function verifies(secret: string, headers: Record<string, string>, body: string): boolean {
  const call = `${python}\nimport json, sys\nsecret, headers, body = json.load(sys.stdin)\nprint(verify(secret, headers, body.encode()))`;
  const { stdout, stderr } = spawnSync("python3", ["-c", call], {
    input: JSON.stringify([secret, headers, body]),
    encoding: "utf8",
  });
  if (!/^(True|False)$/.test(stdout.trim())) throw new Error(stderr);
  return stdout.trim() === "True";
}

test("what the page of webhooks says in Python verifies our signatures, both of a rotation, and nothing else", () => {
  const [old, fresh] = [newWebhookSecret(), newWebhookSecret()];
  const now = Math.floor(Date.now() / 1000);
  const body = '{"type":"contact.created","data":{"firstName":"Zoë"}}';
  const headers = (timestamp: number) => ({
    "webhook-id": "evt_1",
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signWebhook([fresh, old], "evt_1", timestamp, body),
  });
  expect(verifies(old, headers(now), body)).toBe(true);
  expect(verifies(fresh, headers(now), body)).toBe(true);
  expect(verifies(newWebhookSecret(), headers(now), body)).toBe(false);
  expect(verifies(old, headers(now), `${body} `)).toBe(false);
  expect(verifies(old, headers(now - 3600), body)).toBe(false);
});
