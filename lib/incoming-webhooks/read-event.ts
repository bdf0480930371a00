import { createHash } from "node:crypto";
import { readForm } from "./read-form.ts";

/** What is read of a call before it is processed. */
export interface ReadEvent {
  readonly type: string;
  /** The service's own number of the event. */
  readonly id: string | undefined;
  /** The body as JSON text: as it came, or the fields of a form; undefined when it is neither. */
  readonly payload: string | undefined;
}

/** Where a source has the number and the type of its events. */
export interface EventPlaces {
  readonly scheme: string;
  /** `header:<name>` or `body:<path>`. */
  readonly eventIdFrom?: string | null;
  readonly eventTypeFrom?: string | null;
}

type Headers = Readonly<Record<string, string>>;
type Find = (headers: Headers, body: unknown) => string | undefined;

/** Reads the type, the number and the payload of a call. Whatever the body is, this does not fail. */
export function readEvent(places: EventPlaces, headers: Headers, body: Buffer): ReadEvent {
  const { text, value } = readBody(headers["content-type"], body);
  const defaults = Object.hasOwn(byScheme, places.scheme) ? byScheme[places.scheme]! : {};
  const idOf = places.eventIdFrom ? placed(places.eventIdFrom) : (defaults.id ?? (() => undefined));
  const typeOf = places.eventTypeFrom ? placed(places.eventTypeFrom) : (defaults.type ?? commonType);
  const id = clean(idOf(headers, value));
  return {
    type: clean(typeOf(headers, value))?.slice(0, 200) ?? "unknown",
    // A number that is too long to be kept still tells events apart.
    id: id !== undefined && id.length > 500 ? `sha256:${createHash("sha256").update(id).digest("hex")}` : id,
    payload: text,
  };
}

function readBody(contentType: string | undefined, body: Buffer): { text?: string; value?: unknown } {
  const form = readForm(contentType, body);
  if (form) {
    const fields = new Map<string, string | string[]>();
    for (const [name, value] of form) {
      const known = fields.get(name);
      fields.set(name, known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value]);
    }
    const value = Object.fromEntries(fields);
    return { text: JSON.stringify(value).toWellFormed(), value };
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { text, value } : {};
  } catch {
    return {};
  }
}

/** A value at a path such as `data.items.0.id`; text and numbers only. */
function at(value: unknown, path: string): string | undefined {
  for (const step of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

function placed(place: string): Find {
  const path = place.slice(place.indexOf(":") + 1);
  return place.startsWith("header:") ? (headers) => headers[path] : (_, body) => at(body, path);
}

/** Text that PostgreSQL takes; undefined when there is none. */
function clean(text: string | undefined): string | undefined {
  return text ? text.toWellFormed().replaceAll("\0", "\ufffd") : undefined;
}

const commonType: Find = (_, body) => at(body, "type") ?? at(body, "event") ?? at(body, "event_type");

const joined = (...parts: (string | undefined)[]) =>
  parts.every((part) => part !== undefined) ? parts.join(":") : undefined;

/** A message has a state once; a call may report the same one often, and then numbers its reports. */
const twilioId: Find = (headers, body) => {
  const message = at(body, "MessageSid") ?? at(body, "SmsSid");
  const call = joined(at(body, "CallSid"), at(body, "CallStatus"), at(body, "SequenceNumber"));
  return (
    joined(message, at(body, "MessageStatus") ?? at(body, "SmsStatus")) ?? call ?? headers["i-twilio-idempotency-token"]
  );
};

const twilioType: Find = (_, body) => {
  const status = at(body, "MessageStatus") ?? at(body, "SmsStatus");
  if (status !== undefined) return `message.${status}`;
  const call = at(body, "CallStatus");
  return call === undefined ? commonType({}, body) : `call.${call}`;
};

const githubType: Find = (headers, body) => {
  const [event, action] = [headers["x-github-event"], at(body, "action")];
  return event !== undefined && action !== undefined ? `${event}.${action}` : event;
};

const byScheme: Readonly<Record<string, { id?: Find; type?: Find }>> = {
  stripe: { id: (_, body) => at(body, "id") },
  github: { id: (headers) => headers["x-github-delivery"], type: githubType },
  twilio: { id: twilioId, type: twilioType },
  standard_webhooks: { id: (headers) => headers["webhook-id"] ?? headers["svix-id"] },
};
