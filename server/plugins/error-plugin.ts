import type { Log } from "../../lib/log.ts";
import { presentError } from "../errors/present-error.ts";

/** Gives every error of the API its code and request id, also those of a document that is refused before it runs. */
export function errorPreset(log: Log | undefined): GraphileConfig.Preset {
  return { plugins: [earlyErrorPlugin(log)], grafserv: { maskError: (error) => presentError(error, log) } };
}

/** Errors that arise before the library would mask them. */
function earlyErrorPlugin(log: Log | undefined): GraphileConfig.Plugin {
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
                ? { errors: result.errors.map((error: unknown) => presentError(error, log, "document")) }
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
          if (!payload?.errors?.some((error: any) => error.extensions?.code === undefined)) return result;
          const errors = payload.errors.map((error: any) => codeBodyError(error, result.statusCode));
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

  function codeBodyError(error: any, statusCode: number): unknown {
    if (error.extensions?.code !== undefined) return error;
    const code = statusCode === 413 ? "LIMIT_EXCEEDED" : statusCode < 500 ? "VALIDATION_FAILED" : "INTERNAL";
    const { requestId } = presentError(new Error(error.message), undefined).extensions;
    return { message: error.message, extensions: { code, requestId } };
  }
}

function parseJson(buffer: Buffer): any {
  try {
    return JSON.parse(buffer.toString("utf8"));
  } catch {
    return undefined;
  }
}
