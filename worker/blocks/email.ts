import { domainToASCII } from "node:url";
import { disposableEmailBlocklistSet } from "disposable-email-domains-js";
import freeProviders from "email-providers";
import { z } from "zod";
import { normaliseEmail } from "../../lib/email-address.ts";
import { blockResult, type Block, type BlockResult, type Claim, type EntryFields } from "./block.ts";
import { entryText, shorten } from "./entry-text.ts";
import { ownOrigin, packageOrigin } from "./package-version.ts";
import { isRoleAccount } from "./role-accounts.ts";

const config = z.strictObject({
  riskyRoles: z.boolean().default(true).describe("Whether an address of a role, such as info@, counts as risky."),
});

const syntax = packageOrigin("validator");
const disposables = packageOrigin("disposable-email-domains-js");
const providers = packageOrigin("email-providers");
const own = ownOrigin();

// The list calls itself providers and holds throw-away ones too; both packages make a new list for every call.
const disposable: ReadonlySet<string> = disposableEmailBlocklistSet();
const free: ReadonlySet<string> = new Set(freeProviders);

/** Names that RFC 2606 keeps for documentation and tests: no mail ever arrives there. */
const RESERVED = /(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost)$/;

/** Whether the domain or one that it lies below is listed; `mail.mailinator.com` is as disposable as its parent. */
function isListed(list: ReadonlySet<string>, domain: string): boolean {
  for (let rest = domain; rest.includes("."); rest = rest.slice(rest.indexOf(".") + 1)) if (list.has(rest)) return true;
  return false;
}

const FLAGS = ["emailDomain", "isEmailDisposable", "isEmailFree", "isEmailRole"] as const;

function cleared(status: "unknown" | "invalid"): Claim[] {
  return [["emailStatus", status, syntax], ...FLAGS.map((field): Claim => [field, null, own])];
}

function isBare(entry: Readonly<EntryFields>): boolean {
  return (entry.emailStatus ?? "unknown") === "unknown" && FLAGS.every((field) => (entry[field] ?? null) === null);
}

function run(entry: Readonly<EntryFields>, { riskyRoles }: z.output<typeof config>): BlockResult {
  const raw = entryText(entry.email);
  if (raw === "")
    return blockResult(entry, "skipped", isBare(entry) ? [] : cleared("unknown"), {}, "There is no e-mail address.");
  const email = normaliseEmail(raw);
  if (email === null) {
    const several = raw.split("@").length > 2;
    const reason = `“${shorten(raw)}” is not ${several ? "one" : "an"} e-mail address.`;
    return blockResult(entry, "invalid", cleared("invalid"), {}, reason);
  }
  const at = email.lastIndexOf("@");
  const localPart = email.slice(0, at);
  const domain = email.slice(at + 1);
  const plus = localPart.indexOf("+");
  const mailbox = plus > 0 ? localPart.slice(0, plus) : localPart;
  // An internationalised domain is listed in its ASCII form.
  const ascii = domainToASCII(domain) || domain;
  const isDisposable = isListed(disposable, ascii);
  const isReserved = RESERVED.test(ascii);
  const isFree = !isDisposable && !isReserved && free.has(ascii);
  const isRole = isRoleAccount(mailbox);
  const risks = [
    ...(isDisposable ? ["its domain is disposable"] : []),
    ...(isReserved ? ["its domain is reserved for documentation and tests"] : []),
    ...(isRole && riskyRoles ? ["it is of a role, not of a person"] : []),
  ];
  const found = {
    email,
    domain,
    ...(ascii === domain ? {} : { asciiDomain: ascii }),
    isDisposable,
    isFree,
    isRole,
    ...(isReserved ? { isReserved } : {}),
    ...(plus > 0 ? { subAddress: localPart.slice(plus + 1), mailbox: `${mailbox}@${domain}` } : {}),
  };
  return blockResult(
    entry,
    "found",
    [
      ["email", email, own],
      ["emailDomain", domain, own],
      ["emailStatus", risks.length > 0 ? "risky" : "valid", syntax],
      ["isEmailDisposable", isDisposable, disposables],
      ["isEmailFree", isFree, providers],
      ["isEmailRole", isRole, own],
    ],
    found,
    risks.length > 0 ? `The address is risky: ${risks.join("; ")}.` : undefined,
  );
}

/** Syntax of the entry's e-mail address and what its domain and local part tell. */
export const emailBlock: Block<z.output<typeof config>> = {
  name: "email",
  description: "Checks the e-mail address: syntax, domain, disposable, free-mail or role account.",
  config,
  reads: ["email", "emailStatus", ...FLAGS],
  writes: ["email", "emailStatus", ...FLAGS],
  run,
};
