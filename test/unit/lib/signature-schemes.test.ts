import { createHmac } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import {
  verifySignature,
  type SignedCall,
  type SigningRule,
} from "../../../lib/incoming-webhooks/signature-schemes.ts";

const call = (headers: Record<string, string>, body = "", url = "https://example.com/hooks/x"): SignedCall => ({
  ...{ headers, repeated: new Set<string>(), urls: [url] },
  body: Buffer.from(body),
});
const rule = (scheme: string, ...secrets: string[]): SigningRule => ({ scheme, secrets, toleranceSeconds: 300 });
const verdict = (...given: Parameters<typeof verifySignature>) => verifySignature(...given).verdict;

describe("what a service documents is verified", () => {
  test("GitHub's example", () => {
    const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const secret = rule("github", "It's a Secret to Everybody");
    expect(verdict(call({ "x-hub-signature-256": signature }, "Hello, World!"), secret)).toBe("valid");
    expect(verdict(call({ "x-hub-signature-256": signature }, "Hello, world!"), secret)).toBe("wrong_signature");
  });

  test("Svix's example, under the names of Standard Webhooks and its own", () => {
    const secret = rule("standard_webhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    const headers = {
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      timestamp: "1614265330",
      signature: "v1,AAAA v1a,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };
    for (const prefix of ["webhook", "svix"]) {
      const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [`${prefix}-${name}`, value]));
      expect(verdict(call(named, '{"test": 2432232314}'), secret, 1614265330_000)).toBe("valid");
      expect(verdict(call(named, '{"test": 2432232314}'), secret, 1614265631_000)).toBe("stale");
      expect(verdict(call(named, '{"test": 2432232314}'), secret, 1614265029_000)).toBe("stale");
    }
  });

  const form = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
  const fields = new URLSearchParams({
    ...{ CallSid: "CA1234567890ABCDE", Caller: "+14158675309", Digits: "1234", From: "+14158675309" },
    To: "+18005551212",
  }).toString();
  const address = "https://mycompany.com/myapp.php?foo=1&bar=2";
  const token = rule("twilio", "another", "12345");

  test("Twilio's example of a form, called with and without the port", () => {
    const headers = { ...form, "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=" };
    for (const url of [address, address.replace(".com", ".com:443")])
      expect(verdict(call(headers, fields, url), token)).toBe("valid");
    expect(verdict(call(headers, `${fields}&a=b`, address), token)).toBe("wrong_signature");
    expect(verdict(call(headers, fields, address.replace("foo=1", "foo=2")), token)).toBe("wrong_signature");
    expect(verdict(call(headers, fields, address), rule("twilio", "another"))).toBe("wrong_signature");
  });

  test("Twilio's example of a JSON body, whose hash is in the address", () => {
    const body = '{"property": "value", "boolean": true}';
    const url = `${address}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620`;
    const headers = { "content-type": "application/json", "x-twilio-signature": "a9nBmqA0ju/hNViExpshrM61xv4=" };
    expect(verdict(call(headers, body, url), token)).toBe("valid");
    expect(verdict(call(headers, body.replace("true", "false"), url), token)).toBe("wrong_signature");
    // The signature of the address alone vouches for no body.
    const bare = createHmac("sha1", "12345").update(address).digest("base64");
    expect(verdict(call({ ...headers, "x-twilio-signature": bare }, body, address), token)).toBe("wrong_signature");
  });
});

describe("a signature", () => {
  const now = 1_700_000_000;
  const signed = (time: string, secret = "secret one", body = "{}") =>
    createHmac("sha256", secret).update(`${time}.${body}`).digest("hex");
  const stripe = (header: string, ...secrets: string[]) =>
    verdict(call({ "stripe-signature": header }, "{}"), rule("stripe", ...secrets), now * 1000);

  test("of Stripe may be one of several, by one of several secrets", () => {
    const header = `t=${now},v1=${signed(String(now), "rolled")},v1=${signed(String(now))},v0=x`;
    expect(stripe(header, "secret one")).toBe("valid");
    expect(stripe(header, "other", "secret one")).toBe("valid");
    expect(stripe(header, "other")).toBe("wrong_signature");
    expect(stripe(`t=${now - 300},v1=${signed(String(now - 300))}`, "secret one")).toBe("valid");
    expect(stripe(`t=${now - 301},v1=${signed(String(now - 301))}`, "secret one")).toBe("stale");
    expect(stripe(`t=${now + 301},v1=${signed(String(now + 301))}`, "secret one")).toBe("stale");
  });

  test.each([
    ["a time that is no number", `t=abc,v1=${signed("abc")}`],
    ["a time with a sign", `t=-5,v1=${signed("-5")}`],
    ["no time", `v1=${signed(String(now))}`],
    ["two times", `t=${now},t=${now},v1=${signed(String(now))}`],
    ["a time like 1e99", `t=1e99,v1=${signed("1e99")}`],
    ["another version only", `t=${now},v0=${signed(String(now))}`],
    ["a signature that is cut", `t=${now},v1=${signed(String(now)).slice(0, 32)}`],
    ["no signature", `t=${now},v1=`],
  ])("with %s is malformed", (_, header) => {
    expect(stripe(header, "secret one")).toBe("malformed_signature");
  });

  test("that came twice is malformed, and none is missing, whatever the scheme", () => {
    for (const [scheme, header] of [
      ["stripe", "stripe-signature"],
      ["twilio", "x-twilio-signature"],
      ["github", "x-hub-signature-256"],
      ["standard_webhooks", "webhook-signature"],
      ["hmac_sha256", "x-signature"],
      ["hmac_sha1", "x-signature"],
    ] as const) {
      const twice = { ...call({ [header]: "a, b" }), repeated: new Set([header]) };
      expect([scheme, verdict(twice, rule(scheme, "a long secret"))]).toEqual([scheme, "malformed_signature"]);
      expect([scheme, verdict(call({}), rule(scheme, "a long secret"))]).toEqual([scheme, "missing_signature"]);
      expect([scheme, verdict(call({ [header]: "a" }), rule(scheme))]).toEqual([scheme, "no_secret"]);
      expect([scheme, verdict(call({ [header]: "" }), rule(scheme, "a long secret"))]).toEqual([
        scheme,
        "missing_signature",
      ]);
    }
  });

  test.each([
    ["hmac_sha256", "sha256", "hex", ""],
    ["hmac_sha256", "sha256", "hex", "sha256="],
    ["hmac_sha256", "sha256", "base64", ""],
    ["hmac_sha1", "sha1", "hex", "sha1="],
    ["hmac_sha1", "sha1", "base64", ""],
  ] as const)("by %s (%s, %s, after “%s”) is in the header that the source names", (scheme, hash, encoding, prefix) => {
    const signature = prefix + createHmac(hash, "a long secret").update("body").digest(encoding);
    const named = { ...rule(scheme, "a long secret"), signatureHeader: "x-acme-hmac", signatureEncoding: encoding };
    expect(verdict(call({ "x-acme-hmac": signature }, "body"), named)).toBe("valid");
    expect(verdict(call({ "x-acme-hmac": signature }, "body "), named)).toBe("wrong_signature");
    expect(verdict(call({ "x-signature": signature }, "body"), named)).toBe("missing_signature");
  });

  test("by a key that everybody knows is none, and an unknown scheme takes nothing", () => {
    const headers = { "webhook-id": "a", "webhook-timestamp": String(now) };
    const signature = `v1,${createHmac("sha256", "").update(`a.${now}.{}`).digest("base64")}`;
    const given = call({ ...headers, "webhook-signature": signature }, "{}");
    for (const secret of ["whsec_", "whsec_!!!"])
      expect(verdict(given, rule("standard_webhooks", secret), now * 1000)).toBe("wrong_signature");
    expect(verdict(given, rule("constructor", "a long secret"))).toBe("no_secret");
    expect(verdict(call({}), rule("none"))).toBe("unsigned");
  });

  test("of the same content has the same digest, whichever secret signed it", () => {
    const digest = (secret: string) =>
      verifySignature(
        call({ "stripe-signature": `t=${now},v1=${signed(String(now), secret)}` }, "{}"),
        rule("stripe", secret),
        now * 1000,
      ).signedDigest;
    expect(digest("secret one")).toMatch(/^[0-9a-f]{64}$/);
    expect(digest("secret two")).toBe(digest("secret one"));
  });
});
