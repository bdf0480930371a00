import { lookup as systemLookup, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { RowhouseError } from "./errors.ts";

/** Asks the name service for every address of a host. */
export type Resolve = (host: string, done: (error: Error | null, addresses: LookupAddress[]) => void) => void;

/** Keeps requests to addresses that tenants chose away from what is not the public internet. */
export interface OutboundGuard {
  /** The address as it is requested; throws unless it is https, and a literal address in it is public. */
  check(url: string): URL;
  /** Looks a host up for a connection, which is made to the very address that was checked. */
  readonly lookup: LookupFunction;
}

/** The error of a connection that the guard refused. */
export class AddressRefused extends Error {
  readonly code = "ADDRESS_REFUSED";
}

/** Virtual machines of Azure are told of themselves here; it looks like a public address. */
const metadata = ipaddr.parseCIDR("168.63.129.16/32");
const globalIpv6 = ipaddr.parseCIDR("2000::/3");

/** Whether an address is one of the public internet: everything else, such as 10.0.0.1, ::1 or 64:ff9b::7f00:1, is not. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv6" ? parsed.match(globalIpv6) : !parsed.match(metadata);
}

/**
 * A guard that lets requests go to public addresses over https, and to what is allowed besides: hosts by their name,
 * addresses, and networks, which may be private and without encryption.
 */
export function createOutboundGuard(allowed: readonly string[], resolve: Resolve = resolveAll): OutboundGuard {
  const hosts = new Set(allowed.filter((each) => isIP(each.split("/")[0]!) === 0).map((each) => each.toLowerCase()));
  const networks = allowed
    .filter((each) => isIP(each.split("/")[0]!) !== 0)
    .map((each) => ipaddr.parseCIDR(each.includes("/") ? each : `${each}/${isIP(each) === 4 ? 32 : 128}`));
  const isAllowed = (address: string) => {
    const parsed = ipaddr.parse(address);
    return networks.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match([network, bits]));
  };

  return {
    check(given) {
      if (!URL.canParse(given)) throw refused("is not an address.");
      // The parser writes decimal, octal and hexadecimal forms of an address as the four numbers they stand for.
      const url = new URL(given);
      const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
      const isListed = hosts.has(host) || (isIP(host) !== 0 && isAllowed(host));
      if (url.protocol !== "https:" && !(url.protocol === "http:" && isListed)) throw refused("is not https.");
      if (url.username !== "" || url.password !== "") throw refused("has a name or password in it.");
      if (isIP(host) !== 0 && !isListed && !isPublicAddress(host)) throw refused("is not on the public internet.");
      return url;
    },
    lookup(host, options, callback) {
      resolve(host, (error, addresses) => {
        if (error) return callback(error, "");
        // One that is refused spoils all: a name that is public and private at once is a trick.
        const bad = addresses.find(
          ({ address }) => !isPublicAddress(address) && !isAllowed(address) && !hosts.has(host.toLowerCase()),
        );
        if (bad || addresses.length === 0)
          return callback(new AddressRefused("The host of this address is not on the public internet."), "");
        const wanted = addresses.filter(({ family }) => !options.family || family === options.family);
        const [first] = wanted.length > 0 ? wanted : addresses;
        if (options.all) callback(null, wanted.length > 0 ? wanted : addresses);
        else callback(null, first!.address, first!.family);
      });
    },
  };
}

function refused(reason: string): RowhouseError {
  return new RowhouseError(
    "VALIDATION_FAILED",
    `The URL ${reason} Give an https URL of a host on the public internet, without a user name.`,
    { field: "url" },
  );
}

function resolveAll(host: string, done: (error: Error | null, addresses: LookupAddress[]) => void): void {
  systemLookup(host, { all: true }, done);
}
