/**
 * Local parts that belong to a function rather than a person: the mailboxes of RFC 2142, what mail systems reserve, and the
 * departments that organisations commonly publish.
 */
const ROLE_ACCOUNTS: ReadonlySet<string> = new Set(
  [
    // RFC 2142
    "info marketing sales support abuse noc security postmaster hostmaster usenet news webmaster www uucp ftp",
    // mail systems
    "admin administrator root mailer-daemon noreply no-reply donotreply do-not-reply bounce bounces daemon sysadmin listserv",
    // departments and front desks
    "accounting accounts accountspayable billing bookings careers compliance contact contactus customerservice",
    "editor enquiries events feedback finance frontdesk hello help helpdesk hr inquiries inquiry invoices it jobs legal mail",
    "media membership newsletter office operations ops orders payroll pr press privacy purchasing reception recruiting",
    "recruitment reservations returns sales-team schedule scheduling service services shop staff subscribe team tech",
    "techsupport unsubscribe web",
  ].flatMap((line) => line.split(" ")),
);

/** Whether a lower-cased local part, without its sub-address, names a role such as `info` or `no-reply`. */
export function isRoleAccount(localPart: string): boolean {
  return ROLE_ACCOUNTS.has(localPart);
}
