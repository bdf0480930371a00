import { randomUUID } from "node:crypto";
import type { GraphQLError } from "graphql";
import type { Log } from "../../lib/log.ts";
import { currentRequest } from "../http/request-scope.ts";
import { presentError } from "../errors/present-error.ts";

/** How errors are shown. */
export interface ErrorOptions {
  /** Whether an unknown name is answered with names that it resembles: where introspection is off they would tell the schema. */
  readonly suggestions: boolean;
}

/** Gives every error of the API its code and request id, also those of a document that is refused before it runs. */
export function errorPreset(log: Log | undefined, { suggestions }: ErrorOptions): GraphileConfig.Preset {
  const present: Present = (error, stage) => {
    const shown = presentError(error, log, stage);
    if (!suggestions) shown.message = shown.message.replace(/ Did you mean [^]*\?$/, "");
    return shown;
  };
  return { plugins: [earlyErrorPlugin(present)], grafserv: { maskError: (error) => present(error, "execution") } };
}

type Present = (error: unknown, stage: "document" | "execution") => GraphQLError;

/** Errors that arise before the library would mask them. */
function earlyErrorPlugin(present: Present): GraphileConfig.Plugin {
  return {
    name: "ErrorPlugin",
    version: "1.0.0",
    grafserv: {
      middleware: {
        setPreset(next: any, event: any) {
          const getExecutionConfig = event.getExecutionConfig;
          // Over HTTP the errors of parsing and validation are sent as they are.
          event.getExecutionConfig = async function (this: unknown, context: unknown) {
            const config = await getExecutionConfig.call(this, context);
            const parseAndValidate = (query: string) => {
              const result = config.parseAndValidate(query);
              return result.errors
                ? { errors: result.errors.map((error: unknown) => present(error, "document")) }
                : result;
            };
            return { ...config, parseAndValidate };
          };
          return next();
        },
        async processRequest(next: any) {
          const result = await next();
          // A body that could not be read is refused before anything of ours is asked.
          if (!(result?.statusCode >= 400) || !String(result.headers["content-type"]).includes("json")) return result;
          const payload =
            result.type === "json" ? result.json : result.type === "buffer" ? parseJson(result.buffer) : undefined;
          if (!payload?.errors?.some((error: any) => error.extensions?.requestId === undefined)) return result;
          const errors = payload.errors.map((error: any) =>
            error.extensions?.requestId === undefined ? codeBodyError(error, result.statusCode) : error,
          );
          const buffer = Buffer.from(JSON.stringify({ ...payload, errors }), "utf8");
          return {
            ...result,
            type: "buffer",
            buffer,
            headers: { ...result.headers, "content-length": String(buffer.length) },
          };
        },
      },
    } as any,
  };

  function codeBodyError({ message, extensions }: any, statusCode: number): unknown {
    const guessed = statusCode === 413 ? "LIMIT_EXCEEDED" : statusCode < 500 ? "VALIDATION_FAILED" : "INTERNAL";
    const { code = guessed, field, details } = extensions ?? {};
    const scope = currentRequest();
    if (scope) scope.code ??= code;
    return { message, extensions: { code, field, details, requestId: scope?.requestId ?? randomUUID() } };
  }
}

function parseJson(buffer: Buffer): any {
  try {
    return JSON.parse(buffer.toString("utf8"));
  } catch {
    return undefined;
  }
}
