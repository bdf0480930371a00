import { parseArgs } from "node:util";
import { Pool } from "pg";
import { loadConfig, type Config } from "../lib/config.ts";
import { SetupError } from "../lib/errors.ts";
import { createAccessTokens, tokenMinutesMax } from "./auth/access-tokens.ts";
import { findTenantActors, type TenantActor } from "./auth/identity.ts";
import { tokenRoles, type TokenRole } from "./auth/session.ts";
import { serverDatabaseUrl } from "./database-url.ts";

const usage = `Usage: npm run --silent token -- --tenant <slug> [--role ${tokenRoles.slice(0, -1).join("|")}] [--email <member>] [--minutes <1-${tokenMinutesMax}>]`;

interface Wish {
  readonly tenant: string;
  readonly role: TokenRole | undefined;
  readonly email: string | undefined;
  readonly minutes: number;
}

/** Prints an access token for development; the same as logging in, without the password. */
async function printToken(config: Config, wish: Wish): Promise<string> {
  const pool = new Pool({ connectionString: serverDatabaseUrl(config), max: 1, connectionTimeoutMillis: 10_000 });
  try {
    const actors = await findTenantActors(pool, wish.tenant);
    const actor = chosen(actors, wish);
    const role = wish.role ?? actor.role ?? "member";
    const { token } = createAccessTokens(config).sign(
      { userId: actor.user_id ?? undefined, tenantId: actor.tenant_id, actorId: actor.actor_id, role },
      wish.minutes,
    );
    return token;
  } finally {
    await pool.end();
  }
}

/** The member that was asked for, or one who has the role, or the tenant's system actor. */
function chosen(actors: readonly TenantActor[], { tenant, role = "member", email }: Wish): TenantActor {
  if (actors.length === 0) {
    throw new SetupError(`There is no tenant with the slug "${tenant}". The demo tenants are acme and globex.`);
  }
  const members = actors.filter((actor) => actor.user_id !== null);
  if (email !== undefined) {
    const member = members.find((actor) => actor.user_email === email.trim().toLowerCase());
    if (member !== undefined) return member;
    const known = members.map((actor) => actor.user_email).join(", ") || "none";
    throw new SetupError(`${email} is not a member of tenant "${tenant}". Its members: ${known}.`);
  }
  const actor = members.find((each) => each.role === role) ?? actors.find((each) => each.kind === "system");
  if (actor === undefined) throw new SetupError(`Nobody in tenant "${tenant}" has the role ${role}.`);
  return actor;
}

function wishOf(args: string[]): Wish {
  const option = { type: "string" } as const;
  let values: Partial<Record<"tenant" | "role" | "email" | "minutes", string>>;
  try {
    values = parseArgs({ args, options: { tenant: option, role: option, email: option, minutes: option } }).values;
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n${usage}`);
  }
  const { tenant, role, email, minutes = "60" } = values;
  if (!tenant) throw new SetupError(`--tenant is missing.\n${usage}`);
  if (role !== undefined && !(tokenRoles as readonly string[]).includes(role)) {
    throw new SetupError(`"${role}" is not a role. Roles: ${tokenRoles.join(", ")}.`);
  }
  if (!/^\d{1,4}$/.test(minutes) || Number(minutes) < 1 || Number(minutes) > tokenMinutesMax) {
    throw new SetupError(`--minutes must be a whole number from 1 to ${tokenMinutesMax}, not "${minutes}".`);
  }
  return { tenant, role: role as TokenRole | undefined, email, minutes: Number(minutes) };
}

try {
  const wish = wishOf(process.argv.slice(2));
  const config = loadConfig();
  if (config.nodeEnv === "production") {
    throw new SetupError("Development tokens are not made with NODE_ENV=production. Use the mutation login.");
  }
  console.log(await printToken(config, wish));
} catch (error) {
  console.error(error instanceof SetupError ? error.message : `No token could be made: ${(error as Error).message}`);
  process.exitCode = 1;
}
