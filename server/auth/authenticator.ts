import { RowhouseError } from "../../lib/errors.ts";
import type { AccessTokens } from "./access-tokens.ts";
import { looksLikeApiKey } from "./api-key-format.ts";
import type { ApiKeys } from "./api-keys.ts";
import type { ForeignTokens } from "./foreign-tokens.ts";
import type { Revocations } from "./revocations.ts";
import type { Session } from "./session.ts";

/** Finds out who a credential belongs to, whatever its kind. */
export interface Authenticator {
  /** The session of an access token or API key that comes from an address. Throws why it is not good. */
  verify(credential: string, ipAddress: string | undefined): Session | Promise<Session>;
  /**
   * Calls back once, when a session that was verified ends or may do something else than before; until the function it
   * returns is called.
   */
  follow(session: Session, credential: string, ipAddress: string | undefined, onEnd: Ended): () => void;
}

/** Told why a session ended. */
export type Ended = (reason: string) => void;

/** What an authenticator knows the credentials by. */
export interface AuthenticatorParts {
  readonly tokens: Pick<AccessTokens, "verify">;
  readonly keys: ApiKeys;
  /** Undefined where no other issuer is accepted. */
  readonly foreign?: ForeignTokens | undefined;
  readonly revocations: Pick<Revocations, "onRevoked" | "isMasked">;
}

/** A timer of Node cannot wait longer, in milliseconds. */
const timerMax = 2_147_483_647;

const powersOf = ({ tenantId, actorId, role, scopes, isMasked }: Session) =>
  JSON.stringify([tenantId, actorId, role, scopes, isMasked]);

/** Access tokens, our own and those of other issuers, and API keys. */
export function createAuthenticator({ tokens, keys, foreign, revocations }: AuthenticatorParts): Authenticator {
  const find = (credential: string, ipAddress: string | undefined) => {
    if (looksLikeApiKey(credential)) return keys.verify(credential, ipAddress);
    return foreign?.claims(credential) ? foreign.verify(credential) : tokens.verify(credential);
  };
  // What is remembered of a credential outlives the wish of its tenant, so the wish is looked at each time.
  const masked = (session: Session): Session =>
    session.role === "viewer" && session.tenantId !== undefined && revocations.isMasked(session.tenantId)
      ? { ...session, isMasked: true }
      : session;
  const verify = (credential: string, ipAddress: string | undefined) => {
    const found = find(credential, ipAddress);
    return found instanceof Promise ? found.then(masked) : masked(found);
  };

  return {
    verify,
    follow(session, credential, ipAddress, onEnd) {
      const powers = powersOf(session);
      let timer: NodeJS.Timeout | undefined;
      let isOver = false;
      const stop = () => {
        isOver = true;
        clearTimeout(timer);
        stopWatching();
      };
      const end = (reason: string) => {
        if (isOver) return;
        stop();
        onEnd(reason);
      };
      // Whatever was revoked or changed, the credential itself tells whether it still holds.
      const again = async () => {
        try {
          const now = await verify(credential, ipAddress);
          if (isOver) return;
          if (powersOf(now) !== powers) return end("What this credential may do was changed. Connect again.");
          wait(now);
        } catch (error) {
          end(error instanceof RowhouseError ? error.message : "The credential cannot be verified now. Connect again.");
        }
      };
      const wait = ({ expiresAt }: Session) => {
        clearTimeout(timer);
        if (expiresAt === undefined) return;
        const rest = expiresAt * 1000 - Date.now();
        timer = setTimeout(
          () => (rest > timerMax ? wait({ expiresAt }) : end(expired(credential))),
          Math.min(Math.max(rest, 0), timerMax),
        );
      };
      const stopWatching = revocations.onRevoked(() => void again());
      wait(session);
      return stop;
    },
  };
}

const expired = (credential: string) =>
  looksLikeApiKey(credential) ? "The API key has expired." : "The access token has expired.";
