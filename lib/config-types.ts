import { isIP } from "node:net";
import { z } from "zod";

/** Values with commas between them; none when empty. */
const listOf = (isGood: (value: string) => boolean, message: string) =>
  z
    .string()
    .optional()
    .transform((given = "") => given.split(/[\s,]+/).filter((each) => each !== ""))
    .refine((values) => values.every(isGood), message);

/** Exact web origins. */
export const origins = listOf(
  (value) => /^https?:/.test(value) && URL.canParse(value) && new URL(value).origin === value,
  "must be origins such as https://app.example.com, with commas between them and no path",
);

/** Milliseconds by role, such as `viewer:5000,member:10000`. */
export const roleTimes = z
  .string()
  .regex(
    /^((viewer|member|manager|admin|owner):[1-9]\d{0,6}(,\s*(?!$)|$))*$/,
    "must be roles with milliseconds, such as viewer:5000,member:10000",
  )
  .optional()
  .transform((given = "") =>
    Object.fromEntries(
      given
        .split(/[\s,]+/)
        .filter((each) => each !== "")
        .map((each) => each.split(":") as [string, string])
        .map(([role, ms]) => [role, Number(ms)]),
    ),
  );

/** Internet addresses, and networks of them. */
export const networks = listOf((value) => {
  const [, address = "", bits = "0"] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(value) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}, "must be addresses or networks such as 10.0.0.0/8, with commas between them");

/** Names of hosts, internet addresses, and networks of them. */
export const targets = listOf((value) => {
  const [, address = "", bits = "0"] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(value) ?? [];
  const version = isIP(address);
  return version === 0 ? /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(value) : Number(bits) <= (version === 4 ? 32 : 128);
}, "must be hosts, addresses or networks such as hooks.test,10.0.0.0/8, with commas between them");
