import type { ClientBase } from "pg";
import { readEvent, type ReadEvent } from "./read-event.ts";
import { verifySignature, type Finding, type SignedCall } from "./signature-schemes.ts";
import type { SigningSource } from "./signing-source.ts";

/** What became of a call: the verdict that was written. */
export type Verdict = Finding["verdict"] | "duplicate" | "replayed";

/** What a call says, and what is found of its signature. */
export interface Judgement {
  readonly finding: Finding;
  readonly event: ReadEvent;
}

const judgeSql = "select private.judge_webhook_event($1, $2, $3, $4, $5, $6, $7) as verdict";

/** Looks at a call by the rule of its source, at the time when it came (in milliseconds). */
export function judgeCall(source: SigningSource, call: SignedCall, receivedAt: number): Judgement {
  const finding = verifySignature(call, source.rule(), receivedAt);
  return { finding, event: readEvent(source, call.headers, call.body) };
}

/** Writes the verdict on a call that is stored; in the same transaction the job that processes it is queued. */
export async function writeVerdict(
  client: ClientBase,
  callId: string,
  { finding, event }: Judgement,
): Promise<Verdict> {
  const signature = finding.signature?.slice(0, 2000);
  const values = [finding.verdict, event.type, event.id, event.payload, signature, finding.signedDigest];
  const { rows } = await client.query<{ verdict: Verdict }>(judgeSql, [
    callId,
    ...values.map((value) => value ?? null),
  ]);
  return rows[0]!.verdict;
}
