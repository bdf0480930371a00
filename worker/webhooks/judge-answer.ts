import type { WebhookAnswer } from "./send-webhook.ts";

/** How an attempt at a delivery ended, as private.settle_webhook_deliveries takes it. */
export interface Verdict {
  readonly outcome: "delivered" | "failed" | "dead" | "gone";
  readonly response_status?: number;
  readonly response_body?: string;
  readonly error_code?: string;
  readonly error_message?: string;
  readonly retry_seconds?: number;
}

/** The longest pause that a receiver may ask for, in seconds. */
const retryAfterMax = 86_400;

/**
 * What an answer means: 2xx delivered, 410 gone, everything else another attempt after the next pause, varied by a
 * fifth; a receiver may ask for a longer one. After the last pause the delivery is dead.
 */
export function judgeAnswer(
  answer: WebhookAnswer,
  attempt: number,
  pauses: readonly number[],
  random: () => number = Math.random,
): Verdict {
  const seen =
    "status" in answer
      ? { response_status: answer.status, response_body: answer.body }
      : { error_code: answer.code, error_message: answer.message };
  const status = "status" in answer ? answer.status : 0;
  if (status >= 200 && status < 300) return { outcome: "delivered", ...seen };
  const failure =
    "status" in answer ? { ...seen, error_code: `HTTP_${status}`, error_message: describe(status) } : seen;
  if (status === 410) return { outcome: "gone", ...failure };
  const pause = pauses[attempt - 1];
  if (pause === undefined) return { outcome: "dead", ...failure };
  const varied = pause * (0.8 + 0.4 * random());
  const asked = "status" in answer ? retryAfterSeconds(answer.retryAfter) : 0;
  return { outcome: "failed", ...failure, retry_seconds: Math.max(varied, Math.min(asked, retryAfterMax)) };
}

function describe(status: number): string {
  if (status >= 300 && status < 400) return `The receiver answered ${status}: redirects are not followed.`;
  if (status === 410) return "The receiver answered 410: the address exists no more.";
  return `The receiver answered ${status}.`;
}

/** Seconds of a Retry-After header, which has a number or a date; 0 when it says nothing that can be read. */
function retryAfterSeconds(header: string | undefined): number {
  if (header === undefined) return 0;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
}
