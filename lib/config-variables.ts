import { z } from "zod";
import { networks, origins } from "./config-types.ts";
import { limitVariables } from "./limit-variables.ts";
import { int, secret, text, variable } from "./setting.ts";
import { webhookVariables } from "./webhook-variables.ts";

export type { Variable } from "./setting.ts";

const postgresUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\/[^/]+\/[^/?]+/, "must look like postgres://user:password@host:5432/database")
  .optional();

/** Every setting of Rowhouse. To add one, add one line. */
export const variables = {
  databaseUrl: secret(
    "DATABASE_URL",
    postgresUrl,
    "Connection of an administrator, for roles and migrations. Unset: an embedded PostgreSQL 18 is started.",
  ),
  serverDatabaseUrl: secret(
    "ROWHOUSE_SERVER_DATABASE_URL",
    postgresUrl,
    "Connection of the API server. Unset: role rowhouse_server on the same database, password derived from ROWHOUSE_SECRET.",
  ),
  workerDatabaseUrl: secret(
    "ROWHOUSE_WORKER_DATABASE_URL",
    postgresUrl,
    "Connection of the worker. Unset: role rowhouse_worker on the same database, password derived from ROWHOUSE_SECRET.",
  ),
  host: variable("HOST", text.min(1), "127.0.0.1", "Address to listen on; 0.0.0.0 for every interface."),
  port: variable("PORT", int(0, 65535), "5678", "Port to listen on; 0 takes a free one."),
  dataDir: variable(
    "ROWHOUSE_DATA_DIR",
    text.min(1),
    "./data",
    "Folder of the embedded PostgreSQL and of the files of exports.",
  ),
  nodeEnv: variable(
    "NODE_ENV",
    z.enum(["development", "production", "test"]),
    "development",
    "development shows Ruru at / and full error messages in the log; production requires ROWHOUSE_SECRET.",
  ),
  secret: secret(
    "ROWHOUSE_SECRET",
    text.min(32, "must have at least 32 characters, such as the output of: openssl rand -hex 32").optional(),
    "Signs tokens and links and derives passwords. Required in production; elsewhere made once and kept in the data folder.",
  ),
  encryptionKeys: secret(
    "ROWHOUSE_ENCRYPTION_KEYS",
    text
      .transform((keys) => keys.split(",").map((key) => key.trim()))
      .refine((keys) => keys.every((key) => /^[A-Za-z0-9+/]{43}=$/.test(key)), {
        message: "must be keys of 32 bytes in Base64, separated by commas; make one with: openssl rand -base64 32",
      })
      .optional(),
    "Keys that column secrets are encrypted with, separated by commas: the first encrypts, all decrypt. Unset: one derived from ROWHOUSE_SECRET.",
  ),
  previousSecrets: secret(
    "ROWHOUSE_PREVIOUS_SECRETS",
    text
      .transform((value) => value.split(",").map((each) => each.trim()))
      .refine((each) => each.every((one) => one.length >= 32), "must be secrets of at least 32 characters each")
      .optional(),
    "Former values of ROWHOUSE_SECRET, separated by commas: tokens and links that they signed are good until they end.",
  ),
  jwtIssuers: variable(
    "ROWHOUSE_JWT_ISSUERS",
    text.optional(),
    undefined,
    "Other issuers whose tokens are accepted: JSON, or the path of a file of it; see docs/tokens.md.",
  ),
  jwtIssuer: variable("ROWHOUSE_JWT_ISSUER", text.min(1), "rowhouse", "The iss claim that is written and required."),
  jwtAudience: variable(
    "ROWHOUSE_JWT_AUDIENCE",
    text.min(1),
    "rowhouse",
    "The aud claim that is written and required.",
  ),
  accessTokenMinutes: variable(
    "ROWHOUSE_ACCESS_TOKEN_MINUTES",
    int(1, 1440),
    "15",
    "How long an access token lives, in minutes.",
  ),
  refreshTokenDays: variable(
    "ROWHOUSE_REFRESH_TOKEN_DAYS",
    int(1, 365),
    "30",
    "How long a session lasts after its last use, in days.",
  ),
  logLevel: variable(
    "ROWHOUSE_LOG_LEVEL",
    z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]),
    "info",
    "The least severe line that is logged.",
  ),
  publicUrl: variable(
    "ROWHOUSE_PUBLIC_URL",
    z.url({ protocol: /^https?$/ }).optional(),
    undefined,
    "The URL clients reach the server by, for links. Unset: http://HOST:PORT.",
  ),
  pageSizeMax: variable("ROWHOUSE_PAGE_SIZE_MAX", int(1, 100_000), "1000", "The most rows a page of the API may have."),
  queryDepthMax: variable("ROWHOUSE_QUERY_DEPTH_MAX", int(1, 100), "12", "The deepest a GraphQL operation may nest."),
  queryAliasesMax: variable(
    "ROWHOUSE_QUERY_ALIASES_MAX",
    int(0, 10_000),
    "50",
    "The most aliases a GraphQL operation may have, after fragments are expanded.",
  ),
  queryCostMax: variable(
    "ROWHOUSE_QUERY_COST_MAX",
    int(1, 1_000_000_000),
    "100000",
    "The highest cost of a GraphQL operation: fields times the rows they may return.",
  ),
  querySelectionsMax: variable(
    "ROWHOUSE_QUERY_SELECTIONS_MAX",
    int(1, 1_000_000),
    "2000",
    "The most fields a GraphQL operation may select, after fragments are expanded.",
  ),
  bodyBytesMax: variable(
    "ROWHOUSE_BODY_BYTES_MAX",
    int(1024, 1_073_741_824),
    "1048576",
    "The largest GraphQL request, in bytes, over HTTP and WebSocket.",
  ),
  importBytesMax: variable(
    "ROWHOUSE_IMPORT_BYTES_MAX",
    int(1024, 1_099_511_627_776),
    "10737418240",
    "The largest uploaded list, in bytes after decompression.",
  ),
  workerConcurrency: variable(
    "ROWHOUSE_WORKER_CONCURRENCY",
    int(1, 100),
    "4",
    "How many jobs a worker runs at a time.",
  ),
  workerPort: variable(
    "ROWHOUSE_WORKER_PORT",
    int(0, 65535).optional(),
    undefined,
    "Port on which a worker serves /healthz, /readyz and /metrics; 0 takes a free one. Unset: none.",
  ),
  exportLinkMinutes: variable(
    "ROWHOUSE_EXPORT_LINK_MINUTES",
    int(1, 10_080),
    "60",
    "How long a download link is valid, in minutes.",
  ),
  exportFileDays: variable(
    "ROWHOUSE_EXPORT_FILE_DAYS",
    int(1, 365),
    "7",
    "How long the file of an export is kept, in days.",
  ),
  embeddedSharedBuffers: variable(
    "ROWHOUSE_EMBEDDED_SHARED_BUFFERS",
    text.regex(/^\d+(kB|MB|GB)$/, "must be a size such as 256MB"),
    "256MB",
    "Memory the embedded PostgreSQL keeps pages in.",
  ),
  poolSize: variable("ROWHOUSE_POOL_SIZE", int(2, 1000), "20", "Connections each process opens to PostgreSQL at most."),
  statementTimeoutMs: variable(
    "ROWHOUSE_STATEMENT_TIMEOUT_MS",
    int(0, 3_600_000),
    "10000",
    "After how many milliseconds a statement of an API request is cancelled; 0 never.",
  ),
  corsOrigins: variable(
    "ROWHOUSE_CORS_ORIGINS",
    origins,
    undefined,
    "Origins whose pages may use the API from a browser, with commas between them. Unset: none.",
  ),
  trustedProxies: variable(
    "ROWHOUSE_TRUSTED_PROXIES",
    networks,
    undefined,
    "Addresses and networks of the proxies whose X-Forwarded-For is believed, with commas between them. Unset: nobody's.",
  ),
  ...limitVariables,
  metricsToken: secret(
    "ROWHOUSE_METRICS_TOKEN",
    text.min(16, "must have at least 16 characters").optional(),
    "Bearer token that reads /metrics of the server. Unset: only this machine itself may read them.",
  ),
  smtpUrl: secret(
    "ROWHOUSE_SMTP_URL",
    text.regex(/^smtps?:\/\/[^/]+/, "must look like smtps://user:password@host:465").optional(),
    "Mail server that sends invitations and the like. Unset: the worker writes mails to its log and the data folder; in production it refuses to.",
  ),
  mailFrom: variable(
    "ROWHOUSE_MAIL_FROM",
    text.regex(/@/, "must be an address such as Rowhouse <no-reply@example.com>").optional(),
    undefined,
    "Sender of mails. Required with NODE_ENV=production to send any.",
  ),
  appUrl: variable(
    "ROWHOUSE_APP_URL",
    z.url({ protocol: /^https?$/ }).optional(),
    undefined,
    "URL of the web application that links in mails lead to. Unset: ROWHOUSE_PUBLIC_URL.",
  ),
  registration: variable(
    "ROWHOUSE_REGISTRATION",
    z.enum(["open", "closed"]).optional(),
    undefined,
    "Whether strangers may register a tenant. Unset: closed with NODE_ENV=production, else open.",
  ),
  ...webhookVariables,
} as const;
