import { isIPv6 } from "node:net";
import type { Config } from "../../lib/config.ts";
import { RowhouseError } from "../../lib/errors.ts";
import type { Session } from "../auth/session.ts";
import type { Exceeded, SharedCounters } from "./shared-counters.ts";

/** Decides whether what somebody asks for begins at all; each throws LIMIT_EXCEEDED with the limit and the count. */
export interface Admission {
  /** Counts a request, or the opening of a socket, from an address. */
  address(ipAddress: string | undefined): Promise<void>;
  /** Counts a request, or an operation over a socket, of whoever is signed in. */
  principal(session: Session): Promise<void>;
  /** Begins an operation of a tenant; the function it returns ends it. */
  operation(session: Session, kind: OperationKind): Promise<() => void>;
  /** Counts a call of a source of webhooks, before its body is read. */
  webhook(sourceId: string): Promise<void>;
  /** Counts the bytes of its body. */
  chargeWebhook(sourceId: string, bytes: number): void;
}

/** What is under way for a moment, and what stays. */
export type OperationKind = "operations" | "subscriptions";

/** The settings that limit whole principals, addresses and tenants. */
export type AdmissionLimits = Pick<
  Config,
  | "requestsPerMinute"
  | "addressRequestsPerMinute"
  | "tenantOperationsMax"
  | "tenantSubscriptionsMax"
  | "tenantDatabaseSeconds"
  | "hookCallsPerMinute"
  | "hookBytesPerMinute"
>;

/** The subject of a tenant's database time. */
export const databaseTimeOf = (tenantId: string) => `database-time:${tenantId}`;

const nothingToEnd = () => undefined;

/** Limits by counters that all server processes share; a limit of 0 is none. */
export function createAdmission(counters: SharedCounters, limits: AdmissionLimits): Admission {
  return {
    async address(ipAddress) {
      const limit = limits.addressRequestsPerMinute;
      if (limit === 0 || ipAddress === undefined) return;
      const exceeded = await counters.take(`address:${networkOf(ipAddress)}`, limit);
      if (exceeded) throw refusal("requestsPerAddress", exceeded, "Your address has sent %n requests within a minute");
    },
    async principal(session) {
      const limit = limits.requestsPerMinute;
      const principal = session.apiKeyId ?? session.userId ?? session.actorId;
      if (limit === 0 || principal === undefined) return;
      const exceeded = await counters.take(`principal:${principal}`, limit);
      if (exceeded) throw refusal("requestsPerPrincipal", exceeded, "You have sent %n requests within a minute");
    },
    async operation({ tenantId }, kind) {
      if (tenantId === undefined) return nothingToEnd;
      const budget = limits.tenantDatabaseSeconds;
      if (budget > 0) {
        const exceeded = await counters.check(databaseTimeOf(tenantId), budget * 1000);
        if (exceeded) throw refusal("databaseSeconds", inSeconds(exceeded), databaseSentence);
      }
      const limit = kind === "operations" ? limits.tenantOperationsMax : limits.tenantSubscriptionsMax;
      if (limit === 0) return nothingToEnd;
      const held = await counters.hold(`${kind}:${tenantId}`, limit);
      if (typeof held === "function") return held;
      throw refusal(kind, held, `This tenant has %n ${kind} under way at once`);
    },
    async webhook(sourceId) {
      const { hookCallsPerMinute: calls, hookBytesPerMinute: bytes } = limits;
      const spent = bytes > 0 && (await counters.check(`hook-bytes:${sourceId}`, bytes));
      if (spent) throw refusal("hookBytes", spent, "This address has been sent %n bytes within a minute");
      const exceeded = calls > 0 && (await counters.take(`hook:${sourceId}`, calls));
      if (exceeded) throw refusal("hookCalls", exceeded, "This address has been called %n times within a minute");
    },
    chargeWebhook(sourceId, bytes) {
      if (limits.hookBytesPerMinute > 0) counters.charge(`hook-bytes:${sourceId}`, bytes);
    },
  };
}

const databaseSentence = "This tenant has kept the database busy for %n seconds within a minute";

function inSeconds(exceeded: Exceeded): Exceeded {
  return { ...exceeded, limit: exceeded.limit / 1000, count: Math.round(exceeded.count / 100) / 10 };
}

function refusal(name: string, { limit, count, retryAfterMs }: Exceeded, sentence: string): RowhouseError {
  const retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  const wait = `Try again in ${retryAfterSeconds} ${retryAfterSeconds === 1 ? "second" : "seconds"}.`;
  return new RowhouseError(
    "LIMIT_EXCEEDED",
    `${sentence.replace("%n", String(count))}; the limit is ${limit}. ${wait}`,
    { details: { limit, count, name, retryAfterSeconds } },
  );
}

/** Whoever has one address of IPv6 has the 2^64 beside it. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const all =
    tail === undefined ? groups : [...groups, ...Array<string>(8 - groups.length - rest.length).fill("0"), ...rest];
  return `${all
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
