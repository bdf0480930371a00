import { describe, expect, test } from "@jest/globals";
import type { LookupAddress } from "node:dns";
import { createOutboundGuard, isPublicAddress } from "../../../lib/outbound-guard.ts";

const lookUp = (allowed: string[], answer: string[], all = true) => {
  const addresses: LookupAddress[] = answer.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  const guard = createOutboundGuard(allowed, (_host, done) => done(null, addresses));
  return new Promise((resolve, reject) => {
    guard.lookup("hooks.example", { all }, (error, found) => (error ? reject(error) : resolve(found)));
  });
};

describe("an address of the public internet", () => {
  test.each(["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::64"])("is %s", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each([
    ["loopback", "127.0.0.1"],
    ["loopback elsewhere", "127.255.1.2"],
    ["this host", "0.0.0.0"],
    ["private", "10.1.2.3"],
    ["private, of class B", "172.31.255.255"],
    ["private, of class C", "192.168.0.1"],
    ["link-local", "169.254.1.1"],
    ["metadata of clouds", "169.254.169.254"],
    ["metadata of Azure", "168.63.129.16"],
    ["metadata of Alibaba, carrier-grade NAT", "100.100.100.200"],
    ["carrier-grade NAT", "100.64.0.1"],
    ["multicast", "224.0.0.1"],
    ["broadcast", "255.255.255.255"],
    ["reserved", "240.0.0.1"],
    ["for benchmarks", "198.18.0.1"],
    ["IPv6 loopback", "::1"],
    ["IPv6 unspecified", "::"],
    ["IPv4-mapped", "::ffff:127.0.0.1"],
    ["IPv4-mapped, of a public one", "::ffff:8.8.8.8"],
    ["IPv4-compatible", "::127.0.0.1"],
    ["NAT64", "64:ff9b::7f00:1"],
    ["NAT64 of a network", "64:ff9b:1::a00:1"],
    ["unique local", "fd00:ec2::254"],
    ["IPv6 link-local", "fe80::1"],
    ["site-local", "fec0::1"],
    ["IPv6 multicast", "ff02::1"],
    ["6to4", "2002:7f00:1::"],
    ["Teredo", "2001:0:7f00:1::"],
    ["no address", "localhost"],
  ])("is not one that is %s: %s", (_kind, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe("the guard of requests to addresses of tenants", () => {
  const guard = createOutboundGuard([]);

  test.each([
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://127.1/",
    "https://[::1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::10.0.0.1]/",
    "https://169.254.169.254/latest/meta-data",
    "https://１２７.０.０.１/",
    "http://example.com/",
    "ftp://example.com/",
    "https://user:secret@example.com/",
    "nonsense",
  ])("refuses %s", (url) => {
    expect(() => guard.check(url)).toThrow(/^The URL /);
  });

  test("takes https to a name or a public address", () => {
    expect(guard.check("https://hooks.example.com/x").hostname).toBe("hooks.example.com");
    expect(guard.check("https://8.8.8.8/x").hostname).toBe("8.8.8.8");
  });

  test("lets a name be asked for only where all of its addresses are public", async () => {
    await expect(lookUp([], ["93.184.216.34"])).resolves.toEqual([{ address: "93.184.216.34", family: 4 }]);
    await expect(lookUp([], ["93.184.216.34"], false)).resolves.toBe("93.184.216.34");
    await expect(lookUp([], ["93.184.216.34", "10.0.0.1"])).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
    await expect(lookUp([], ["::ffff:10.0.0.1"])).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
    await expect(lookUp([], [])).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
  });

  test("lets through what the settings allow, and only that", async () => {
    await expect(lookUp(["10.0.0.0/8"], ["10.1.2.3"])).resolves.toHaveLength(1);
    await expect(lookUp(["10.0.0.0/8"], ["192.168.1.1"])).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
    await expect(lookUp(["hooks.example"], ["192.168.1.1"])).resolves.toHaveLength(1);
    const lenient = createOutboundGuard(["127.0.0.1", "fd00::/8", "hooks.test"]);
    for (const url of ["http://127.0.0.1:8080/", "http://[fd00::1]/", "http://hooks.test/"])
      expect(lenient.check(url)).toBeInstanceOf(URL);
    expect(() => lenient.check("http://127.0.0.2/")).toThrow(/not https/);
    expect(() => lenient.check("https://127.0.0.2/")).toThrow(/not on the public internet/);
  });
});
