import { createHash, timingSafeEqual } from "node:crypto";

/**
 * What Twilio signs, for each address that it may have called: the address and the fields of the form, sorted by name.
 * Of a body that is no form it signs the address only, in which `bodySHA256` stands for the body; without that nothing
 * vouches for the body, and there is nothing to compare with.
 */
export function twilioContents(
  urls: readonly string[],
  body: Buffer,
  form: readonly (readonly [string, string])[] | undefined,
): string[] {
  return urls.flatMap((url) => {
    const hash = new URL(url).searchParams.get("bodySHA256");
    if (hash !== null) return isHashOf(hash, body) ? withAndWithoutPort(url) : [];
    if (form === undefined && body.length > 0) return [];
    const fields = fieldsText(form ?? []);
    return withAndWithoutPort(url).map((each) => each + fields);
  });
}

function isHashOf(hash: string, body: Buffer): boolean {
  if (!/^[0-9a-f]{64}$/i.test(hash)) return false;
  return timingSafeEqual(Buffer.from(hash, "hex"), createHash("sha256").update(body).digest());
}

/** A name that comes several times counts once for each of its values, in order. */
function fieldsText(form: readonly (readonly [string, string])[]): string {
  const byName = new Map<string, Set<string>>();
  for (const [name, value] of form) byName.set(name, (byName.get(name) ?? new Set()).add(value));
  return [...byName.keys()]
    .sort()
    .map((name) =>
      [...byName.get(name)!]
        .sort()
        .map((value) => name + value)
        .join(""),
    )
    .join("");
}

/** Twilio signs the port of some addresses, and of others not. */
function withAndWithoutPort(url: string): string[] {
  const [, head, host, rest] = /^(https?:\/\/)([^/?#]*)(.*)$/.exec(url) ?? [];
  if (head === undefined || host === undefined) return [url];
  const bare = host.replace(/:\d+$/, "");
  const port = /:(\d+)$/.exec(host)?.[1] ?? (head === "https://" ? "443" : "80");
  return [`${head}${bare}${rest}`, `${head}${bare}:${port}${rest}`];
}
