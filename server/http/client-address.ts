import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import proxyAddress from "proxy-addr";
import type { ClientInfo } from "../auth/sessions.ts";

/** Tells where a request comes from. */
export type ClientOf = (request: IncomingMessage) => ClientInfo;

/**
 * Where requests come from: the peer of the connection, unless that is one of these proxies; then the last address of
 * X-Forwarded-For that no such proxy has. What anybody else writes into that header is ignored.
 */
export function createClientOf(trustedProxies: readonly string[] = []): ClientOf {
  const isTrusted = proxyAddress.compile([...trustedProxies]);
  return (request) => {
    const peer = plainAddress(request.socket.remoteAddress);
    const isProxied = trustedProxies.length > 0 && request.headers["x-forwarded-for"] !== undefined;
    const told = isProxied ? plainAddress(proxyAddress(request, isTrusted)) : peer;
    return { ipAddress: told ?? peer, userAgent: request.headers["user-agent"] };
  };
}

/** Whether a connection comes from this machine itself, and for nobody else. */
export function isFromThisMachine({ socket, headers }: IncomingMessage): boolean {
  const address = plainAddress(socket.remoteAddress) ?? "";
  const isForwarded = ["x-forwarded-for", "forwarded", "x-real-ip", "via"].some((name) => headers[name] !== undefined);
  return !isForwarded && (address === "::1" || address.startsWith("127."));
}

/** An address without the name of a network card, the port that some proxies add, or the dress of IPv6; undefined if it is none. */
function plainAddress(text: string | undefined): string | undefined {
  const address = text
    ?.replace(/^::ffff:(?=\d+\.)/i, "")
    .replace(/%.*$/, "")
    .replace(/^(\d+(?:\.\d+){3}):\d+$/, "$1")
    .replace(/^\[(.*)\](?::\d+)?$/, "$1");
  return address !== undefined && isIP(address) !== 0 ? address : undefined;
}
