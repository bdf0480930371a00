import { hash, verify } from "@node-rs/argon2";

// Argon2id is what the library takes unless told. 19 MiB, two passes, one lane: the least that OWASP recommends.
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** The most characters a password may have, so that hashing one stays cheap. */
export const passwordLengthMax = 1024;

/** The Argon2id hash of a password, in PHC string format. */
export async function hashPassword(password: string): Promise<string> {
  return hash(password.normalize("NFKC"), cost);
}

let decoy: Promise<string> | undefined;

/**
 * Whether a password matches a hash. Without a hash it does the same work against a decoy and says no, so that the
 * time it takes does not tell whether a user exists.
 */
export async function verifyPassword(passwordHash: string | null | undefined, password: string): Promise<boolean> {
  decoy ??= hashPassword("nobody has this password");
  const against = passwordHash ?? (await decoy);
  const matches = await verify(against, password.slice(0, passwordLengthMax).normalize("NFKC"));
  return matches && passwordHash != null && password.length <= passwordLengthMax;
}
