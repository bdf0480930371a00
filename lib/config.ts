import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { z } from "zod";
import { variables, type Variable } from "./config-variables.ts";
import { SetupError } from "./errors.ts";
import { nearest } from "./nearest.ts";

type Values = { -readonly [K in keyof typeof variables]: z.output<(typeof variables)[K]["type"]> };

/** The settings of this process: typed, checked, frozen; `secret`, `dataDir` and `publicUrl` are always filled in. */
export type Config = Readonly<Omit<Values, "secret" | "publicUrl"> & { secret: string; publicUrl: string }>;

/** The environment variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The folder that holds package.json. */
export const projectDir = fileURLToPath(new URL("..", import.meta.url));

/** Set by npm run accept: golden tests then rewrite their file. No setting of the product. */
const acceptVariable = "ROWHOUSE_ACCEPT";

const entries = Object.entries(variables) as [keyof Values, Variable][];

/** Reads `.env` of the project folder, if there is one, into the environment; what is set already stays. */
export function readEnvFile(): void {
  const file = join(projectDir, ".env");
  if (existsSync(file)) process.loadEnvFile(file);
}

/**
 * Reads and checks every setting; empty text counts as unset. Throws a SetupError that names each variable that is
 * wrong or unknown. Outside production it makes the secret on first use and keeps it in the data folder.
 */
export function loadConfig(environment?: Environment): Config {
  if (environment === undefined) readEnvFile();
  const env: Environment = environment ?? process.env;
  const problems = unknownVariables(env);
  const values: Record<string, unknown> = {};
  for (const [key, variable] of entries) {
    const given = env[variable.env];
    const result = variable.type.safeParse(given === undefined || given === "" ? variable.default : given);
    if (result.success) values[key] = result.data;
    else
      problems.push(`${variable.env}${shown(variable, given)}: ${result.error.issues[0]?.message ?? "is not valid"}`);
  }
  if (problems.length > 0) {
    throw new SetupError(`These settings are wrong; see .env.example:\n  - ${problems.join("\n  - ")}`);
  }
  const config = values as Values;
  config.dataDir = resolve(projectDir, config.dataDir);
  config.secret ??= config.nodeEnv === "production" ? missingSecret() : keptSecret(config.dataDir);
  config.publicUrl = (config.publicUrl ?? `http://${hostInUrl(config.host)}:${config.port}`).replace(/\/+$/, "");
  return Object.freeze(config) as Config;
}

/** The environment for a child process: this one's, with some variables replaced; `.env` does not undo an empty one. */
export function childEnvironment(replaced: Record<string, string>): Environment {
  return { ...process.env, ...replaced };
}

/** The settings as they may be logged: variable names, and secrets replaced by a word. */
export function redactConfig(config: Config): Record<string, unknown> {
  const value = (key: keyof Values, variable: Variable) =>
    variable.secret && config[key] !== undefined ? "[redacted]" : config[key];
  return Object.fromEntries(entries.map(([key, variable]) => [variable.env, value(key, variable)]));
}

/** The text of `.env.example`: every variable with its sentence and default. */
export function renderEnvExample(): string {
  const head = "# Every setting of Rowhouse with its default. Copy to .env and change what you need.\n";
  const block = (variable: Variable) => `\n# ${variable.sentence}\n#${variable.env}=${variable.default ?? ""}\n`;
  return head + entries.map(([, variable]) => block(variable)).join("");
}

function unknownVariables(env: Environment): string[] {
  const known = entries.map(([, variable]) => variable.env);
  return Object.keys(env)
    .filter((name) => name.startsWith("ROWHOUSE_") && !known.includes(name) && name !== acceptVariable)
    .map((name) => `${name} is not a setting; did you mean ${nearest(name, known)}?`);
}

function shown(variable: Variable, given: string | undefined): string {
  return variable.secret || given === undefined ? "" : ` (${JSON.stringify(given)})`;
}

function hostInUrl(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

function missingSecret(): never {
  throw new SetupError(
    "ROWHOUSE_SECRET is not set. With NODE_ENV=production it must be given, and be the same for every process; " +
      "make one with: openssl rand -hex 32",
  );
}

/** The secret of a development machine; two processes that make it at once end up with the same one. */
function keptSecret(dataDir: string): string {
  const file = join(dataDir, "secret");
  try {
    if (!existsSync(file)) {
      mkdirSync(dataDir, { recursive: true });
      const draft = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
      writeFileSync(draft, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600 });
      try {
        linkSync(draft, file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      } finally {
        rmSync(draft, { force: true });
      }
      chmodSync(file, 0o600);
    }
    const secret = readFileSync(file, "utf8").trim();
    if (secret.length >= 32) return secret;
  } catch (error) {
    const reason = (error as Error).message;
    throw new SetupError(
      `The secret of this machine cannot be kept in ${file} (${reason}). ` +
        "Set ROWHOUSE_DATA_DIR to a folder that you may write to, or set ROWHOUSE_SECRET.",
      error,
    );
  }
  throw new SetupError(
    `${file} holds fewer than 32 characters. Delete it to get a new secret, or set ROWHOUSE_SECRET.`,
  );
}
