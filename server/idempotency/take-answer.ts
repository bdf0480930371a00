import type { Response } from "express";
import { answerBytesMax, type KeptAnswer } from "./idempotency-store.ts";

/** Lets `keep` have an answer before the client has it: what the client was told is then never forgotten. */
export function takeAnswer(res: Response, keep: (answer: KeptAnswer) => Promise<void>): void {
  const chunks: Buffer[] = [];
  const { write, end } = res;
  const take = (chunk: unknown, encoding: unknown) => {
    if (typeof chunk === "string") {
      chunks.push(Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8"));
    } else if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  };
  res.write = ((chunk: unknown, ...rest: unknown[]) => {
    take(chunk, rest[0]);
    const done = rest.find((each) => typeof each === "function") as (() => void) | undefined;
    if (done) queueMicrotask(done);
    return true;
  }) as Response["write"];
  res.end = ((...args: unknown[]) => {
    if (typeof args[0] !== "function") take(args[0], args[1]);
    const done = args.find((each) => typeof each === "function") as (() => void) | undefined;
    res.write = write;
    res.end = end;
    const body = Buffer.concat(chunks);
    const answer: KeptAnswer = {
      status: res.statusCode,
      contentType: String(res.getHeader("content-type") ?? "application/json"),
      body: body.length > answerBytesMax ? undefined : body.toString("utf8"),
    };
    void keep(answer).finally(() => res.end(body, done));
    return res;
  }) as Response["end"];
}

/** Sends an answer again. */
export function sendAgain(res: Response, { status, contentType, body }: KeptAnswer): void {
  res.setHeader("Idempotent-Replayed", "true");
  res.status(status).setHeader("Content-Type", contentType).end(body);
}
