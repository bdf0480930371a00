import { describe, expect, test } from "@jest/globals";
import { prepareBlock } from "../../../worker/blocks/index.ts";

const email = prepareBlock("email", {});

describe("the email block", () => {
  test("normalises the address and tells its domain", () => {
    const result = email.run({ email: " Ada@Lovelace.ORG " });
    expect(result).toMatchObject({
      status: "found",
      fields: {
        email: "ada@lovelace.org",
        emailDomain: "lovelace.org",
        emailStatus: "valid",
        isEmailDisposable: false,
        isEmailFree: false,
        isEmailRole: false,
      },
    });
    expect(result.provenance.emailStatus?.source).toBe("validator");
    expect(result.provenance.isEmailDisposable?.source).toBe("disposable-email-domains-js");
    expect(result.provenance.isEmailFree?.source).toBe("email-providers");
  });

  test.each([
    ["a@gmail.com", { isEmailFree: true, emailStatus: "valid" }],
    ["a@mailinator.com", { isEmailDisposable: true, isEmailFree: false, emailStatus: "risky" }],
    ["a@sub.mailinator.com", { isEmailDisposable: true, emailStatus: "risky" }],
    ["info@senate.gov", { isEmailRole: true, emailStatus: "risky" }],
    ["no-reply@senate.gov", { isEmailRole: true }],
    ["info+list@senate.gov", { isEmailRole: true }],
    ["information@senate.gov", { isEmailRole: false }],
    ["a@example.com", { emailStatus: "risky" }],
    ["a@myexample.com", { emailStatus: "valid" }],
    ["a@host.test", { emailStatus: "risky" }],
  ])("judges %s", (address, fields) => {
    expect(email.run({ email: address }).fields).toMatchObject(fields);
  });

  test("counts a role as valid where the step says so", () => {
    const lenient = prepareBlock("email", { riskyRoles: false });
    expect(lenient.run({ email: "info@senate.gov" }).fields).toMatchObject({ isEmailRole: true, emailStatus: "valid" });
  });

  test("notes a sub-address and the mailbox behind it", () => {
    expect(email.run({ email: "ada+news@gmail.com" }).found).toMatchObject({
      subAddress: "news",
      mailbox: "ada@gmail.com",
    });
  });

  test("knows an internationalised domain in both forms", () => {
    expect(email.run({ email: "x@Bücher.de" }).found).toMatchObject({
      domain: "bücher.de",
      asciiDomain: "xn--bcher-kva.de",
    });
  });

  test.each(["nope", "a@b.com; c@d.com", "a@b", "a@".repeat(300_000), "🦊", 12])(
    "marks %p invalid and keeps it",
    (raw) => {
      const result = email.run({ email: raw as never });
      expect(result).toMatchObject({ status: "invalid", fields: { emailStatus: "invalid" } });
      expect(result.fields).not.toHaveProperty("email");
      expect(result.reason?.length).toBeLessThan(200);
    },
  );

  test("has nothing to do without an address, and takes back what it had said", () => {
    expect(email.run({ email: null })).toMatchObject({ status: "skipped", fields: {} });
    const stale = { email: "", emailStatus: "valid", emailDomain: "b.com", isEmailFree: false } as const;
    expect(email.run(stale).fields).toEqual({ emailStatus: "unknown", emailDomain: null, isEmailFree: null });
  });

  test("changes nothing the second time", () => {
    const entry = { email: "Ada <ada@gmail.com>" };
    expect(email.run({ ...entry, ...email.run(entry).fields })).toMatchObject({ status: "unchanged", fields: {} });
  });
});
