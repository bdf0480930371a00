import { describe, expect, it } from "@jest/globals";
import { checkLink, signLink } from "../../../lib/signed-link.ts";

const secret = "a secret that only the tests of links know";
const target = {
  tenantId: "01900000-0000-7000-8000-00000000000a",
  fileId: "01900000-0000-7000-8000-00000000000b",
};
const expiresAt = new Date("2026-01-31T12:00:00Z");
const before = new Date("2026-01-31T11:59:59Z");

/** The parameters of a link, some of them replaced. */
function parameters(replaced: Record<string, unknown> = {}) {
  const url = new URL(signLink(secret, target, expiresAt), "http://localhost");
  const { tenant, expires, signature } = Object.fromEntries(url.searchParams);
  return { fileId: url.pathname.split("/").pop(), tenant, expires, signature, ...replaced };
}

describe("a link", () => {
  it("is good for its file until it expires", () => {
    expect(checkLink(secret, parameters(), before)).toEqual({ kind: "valid", target });
    expect(checkLink(secret, parameters(), expiresAt)).toEqual({ kind: "expired", expiredAt: expiresAt });
  });

  it.each<[string, Record<string, unknown>]>([
    ["another file", { fileId: target.tenantId }],
    ["another tenant", { tenant: target.fileId }],
    ["a later time", { expires: String(expiresAt.getTime() / 1000 + 1) }],
    ["a time that is no number", { expires: "NaN" }],
    ["a time in another form", { expires: `${expiresAt.getTime() / 1000}.0` }],
    ["a time without end", { expires: "1e308" }],
    ["no time", { expires: undefined }],
    ["two times", { expires: ["1769860800", "1769860801"] }],
    ["no signature", { signature: undefined }],
    ["half a signature", { signature: "ab" }],
    ["a signature that is an object", { signature: { length: 64 } }],
    ["a signature of zeros", { signature: "0".repeat(64) }],
    ["a signature in capitals", { signature: String(parameters().signature).toUpperCase() }],
    ["a line feed in an id", { fileId: `${target.fileId}\n` }],
  ])("is forged with %s", (_, replaced) => {
    expect(checkLink(secret, parameters(replaced), before)).toEqual({ kind: "forged" });
  });

  it("is forged when it was signed with another secret, even when it is also expired", () => {
    expect(checkLink(`${secret}!`, parameters(), before)).toEqual({ kind: "forged" });
    expect(checkLink(`${secret}!`, parameters(), expiresAt)).toEqual({ kind: "forged" });
  });
});
