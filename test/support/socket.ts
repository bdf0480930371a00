import { createClient, type Client } from "graphql-ws";
import WebSocket from "ws";

/** A subscription as a test follows it. */
export interface Followed {
  /** The next payload; throws when the subscription has ended. */
  next(): Promise<any>;
  /** Resolves when it completed by itself; throws what ended it otherwise. */
  readonly completed: Promise<void>;
  stop(): void;
}

/** One socket, opened when it is first used. */
export interface TestSocket {
  readonly client: Client;
  subscribe(query: string, variables?: Record<string, unknown>): Followed;
  /** The close code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>;
}

/** A socket of the real graphql-ws client. */
export function openSocket(url: string, connectionParams: Record<string, unknown> | undefined): TestSocket {
  let onClosed: (event: { code: number; reason: string }) => void;
  const closed = new Promise<{ code: number; reason: string }>((resolve) => (onClosed = resolve));
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazy: true,
    ...(connectionParams ? { connectionParams } : {}),
    on: { closed: (event) => onClosed(event as { code: number; reason: string }) },
  });
  return { client, closed, subscribe: (query, variables) => follow(client, query, variables) };
}

function follow(client: Client, query: string, variables: Record<string, unknown> = {}): Followed {
  const payloads: unknown[] = [];
  const waiting: { resolve: (payload: unknown) => void; reject: (error: unknown) => void }[] = [];
  let end: { error: unknown } | undefined;
  let complete: () => void;
  let fail: (error: unknown) => void;
  const completed = new Promise<void>((resolve, reject) => ([complete, fail] = [resolve, reject]));
  completed.catch(() => undefined);
  const finish = (error: unknown) => {
    end = { error };
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  const stop = client.subscribe(
    { query, variables },
    {
      next(payload) {
        const first = waiting.shift();
        if (first) first.resolve(payload);
        else payloads.push(payload);
      },
      error(error) {
        fail(error);
        finish(error);
      },
      complete() {
        complete();
        finish(new Error("The subscription has completed."));
      },
    },
  );
  return {
    completed,
    stop,
    next: () =>
      new Promise((resolve, reject) => {
        if (payloads.length > 0) resolve(payloads.shift());
        else if (end) reject(end.error);
        else waiting.push({ resolve, reject });
      }),
  };
}
