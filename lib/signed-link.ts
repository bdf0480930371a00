import { createHmac, timingSafeEqual } from "node:crypto";

/** What a download link stands for. */
export interface LinkTarget {
  readonly tenantId: string;
  readonly fileId: string;
}

/** The parameters of a link as a request brings them. */
export interface LinkParameters {
  readonly fileId: unknown;
  readonly tenant: unknown;
  readonly expires: unknown;
  readonly signature: unknown;
}

/** What a link is worth: good for its target, expired, or not made by us. */
export type LinkCheck =
  | { readonly kind: "valid"; readonly target: LinkTarget }
  | { readonly kind: "expired"; readonly expiredAt: Date }
  | { readonly kind: "forged" };

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const seconds = /^[1-9]\d{0,10}$/;
const hex = /^[0-9a-f]{64}$/;

/** The path and query of a link to a file of an export that anybody who has it may follow until it expires. */
export function signLink(secret: string, { tenantId, fileId }: LinkTarget, expiresAt: Date): string {
  const expires = String(Math.floor(expiresAt.getTime() / 1000));
  const signature = sign(secret, tenantId, fileId, expires).toString("hex");
  return `/exports/${fileId}?${new URLSearchParams({ tenant: tenantId, expires, signature }).toString()}`;
}

/** Checks a link in constant time; its expiry counts only when its signature is right. */
export function checkLink(secret: string, parameters: LinkParameters, now = new Date()): LinkCheck {
  const { fileId, tenant, expires, signature } = parameters;
  if (!matches(fileId, uuid) || !matches(tenant, uuid) || !matches(expires, seconds) || !matches(signature, hex)) {
    return { kind: "forged" };
  }
  if (!timingSafeEqual(Buffer.from(signature, "hex"), sign(secret, tenant, fileId, expires))) return { kind: "forged" };
  const expiredAt = new Date(Number(expires) * 1000);
  return expiredAt > now ? { kind: "valid", target: { tenantId: tenant, fileId } } : { kind: "expired", expiredAt };
}

function matches(value: unknown, pattern: RegExp): value is string {
  return typeof value === "string" && pattern.test(value);
}

function sign(secret: string, tenantId: string, fileId: string, expires: string): Buffer {
  // The first line keeps a signature of ours for another purpose from passing here.
  return createHmac("sha256", secret).update(`export link\n${tenantId}\n${fileId}\n${expires}`).digest();
}
