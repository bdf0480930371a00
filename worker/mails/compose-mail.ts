/** What the database says a mail is about. */
export type MailFacts =
  | {
      readonly kind: "invitation";
      readonly facts: { tenantName: string; role: string; expiresAt: string; inviter: string | null };
    }
  | { readonly kind: "registration"; readonly facts: { tenantName: string; expiresAt: string } }
  | { readonly kind: "registration_taken"; readonly facts: { tenantName: string } }
  | {
      readonly kind: "webhook_disabled";
      readonly facts: { tenantName: string; name: string; url: string; reason: string; disabledAt: string };
    }
  | { readonly kind: "password_reset"; readonly facts: { name: string; expiresAt: string } };

/** The words of a mail. */
export interface MailText {
  readonly subject: string;
  readonly text: string;
}

/** Puts a mail into words. Its link has the token behind a #, where it reaches no log of a server and no Referer header. */
export function composeMail(mail: MailFacts, token: string, appUrl: string): MailText {
  const link = (path: string, mutation: string) =>
    `${appUrl.replace(/\/+$/, "")}/${path}#token=${token}\n\n(For the mutation ${mutation}, the token is what follows "token=".)`;
  switch (mail.kind) {
    case "invitation": {
      const { tenantName, role, expiresAt, inviter } = mail.facts;
      return {
        subject: `You are invited to ${line(tenantName)}`,
        text: paragraphs(
          `${inviter === null ? "Somebody" : line(inviter)} invites you to ${line(tenantName)} on Rowhouse, as ${role}.`,
          `To accept, follow this link until ${time(expiresAt)}:`,
          link("accept-invitation", "acceptInvitation"),
          "If you do not know what this is about, ignore this mail: nothing happens.",
        ),
      };
    }
    case "registration": {
      const { tenantName, expiresAt } = mail.facts;
      return {
        subject: "Confirm your e-mail address",
        text: paragraphs(
          `Somebody, probably you, registered ${line(tenantName)} on Rowhouse with this address.`,
          `To finish, follow this link until ${time(expiresAt)}, and give the password that you chose:`,
          link("confirm-registration", "confirmRegistration"),
          "If it was not you, ignore this mail: nothing happens.",
        ),
      };
    }
    case "registration_taken":
      return {
        subject: "You have an account already",
        text: paragraphs(
          `Somebody, probably you, tried to register ${line(mail.facts.tenantName)} on Rowhouse with this address.`,
          "There is an account with this address already: log in with it, or reset its password if you forgot it.",
          "If it was not you, ignore this mail: nothing happened.",
        ),
      };
    case "webhook_disabled": {
      const { tenantName, name, url, reason, disabledAt } = mail.facts;
      const why =
        reason === "gone"
          ? "its receiver answered that the address exists no more (410)"
          : "deliveries to it failed again and again";
      return {
        subject: `The webhook ${line(name)} was switched off`,
        text: paragraphs(
          `The webhook ${line(name)} of ${line(tenantName)} on Rowhouse was switched off at ${time(disabledAt)}, because ${why}.`,
          `It sends to ${new URL(url).host.replaceAll(".", " . ")}. What waits is kept. When the receiver works again, set the status of the webhook to ACTIVE (updateWebhookSubscription), and have sent once more what happened meanwhile (replayWebhookEvents).`,
        ),
      };
    }
    case "password_reset":
      return {
        subject: "Set a new password",
        text: paragraphs(
          `Hello ${line(mail.facts.name)},`,
          `somebody, probably you, asked for a new password. To set it, follow this link until ${time(mail.facts.expiresAt)}:`,
          link("reset-password", "resetPassword"),
          "It works once, and ends all your sessions. If it was not you, ignore this mail: your password stays.",
        ),
      };
  }
}

/** A name that somebody else chose: on one line, not endless, and without what mail programs would make a link of. */
function line(name: string): string {
  const plain = name.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return [...plain.replace(/:\/\//g, " ").replace(/(?<=\w)\.(?=\w)/g, " ")].slice(0, 80).join("");
}

function time(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function paragraphs(...texts: readonly string[]): string {
  return `${texts.join("\n\n")}\n`;
}
