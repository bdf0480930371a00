import { randomBytes } from "node:crypto";
import { RowhouseError } from "../../lib/errors.ts";

/** Schemes whose services give the secret; the others are given ours. */
const givenByService = new Set(["stripe", "twilio"]);

/** A new secret for a scheme that takes one of ours; undefined where there is none, or where the service gives it. */
export function newSourceSecret(scheme: string): string | undefined {
  if (scheme === "none" || givenByService.has(scheme)) return undefined;
  return scheme === "standard_webhooks"
    ? `whsec_${randomBytes(32).toString("base64")}`
    : randomBytes(32).toString("hex");
}

/** Refuses what cannot be the secret of a scheme, before it is kept. */
export function checkSourceSecret(scheme: string, secret: string): void {
  const refused = (message: string) => new RowhouseError("VALIDATION_FAILED", message, { field: "secret" });
  if (scheme === "none") throw refused("A source whose calls are not signed has no secret. Change its scheme first.");
  if (secret.length < 8 || secret.length > 1000) throw refused("A secret has 8 to 1000 characters.");
  if (scheme !== "standard_webhooks") return;
  const encoded = secret.replace(/^whsec_/, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) || Buffer.from(encoded, "base64").length < 16)
    throw refused("A secret of Standard Webhooks is Base64 of at least 16 bytes, with or without whsec_ before it.");
}
