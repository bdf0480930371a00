import { RowhouseError } from "../../lib/errors.ts";
import type { AccessTokens } from "./access-tokens.ts";
import type { Revocations } from "./revocations.ts";
import type { Session } from "./session.ts";

/** How many verified tokens are remembered: each is one caller for a quarter of an hour. */
const remembered = 10_000;

/**
 * Access tokens whose verification is remembered, and that are refused from the moment their session is ended. What is
 * remembered outlives neither the token's expiry nor its revocation: both are looked at each time.
 */
export function withRevocations(tokens: AccessTokens, revocations: Pick<Revocations, "isRevoked">): AccessTokens {
  const known = new Map<string, Session>();
  return {
    sign: (session, minutes) => tokens.sign(session, minutes),
    verify(token) {
      let session = known.get(token);
      if (session === undefined || (session.expiresAt ?? 0) * 1000 <= Date.now()) {
        known.delete(token);
        session = tokens.verify(token);
        // The oldest goes first: a map gives its keys in the order in which they came.
        if (known.size >= remembered) known.delete(known.keys().next().value!);
        known.set(token, session);
      }
      if (revocations.isRevoked(session)) {
        throw new RowhouseError("UNAUTHENTICATED", "The session of this access token was ended. Log in again.");
      }
      return session;
    },
  };
}
