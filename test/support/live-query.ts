import { hashDocument } from "../../server/documents/read-documents.ts";
import { openStream, type OpenedStream } from "./event-stream.ts";
import { applyAnswer, type LiveCopy } from "./live-copy.ts";
import type { TestServer } from "./server.ts";

/** A live query as a test follows it. */
export interface FollowedQuery {
  /** The next answer, after it was applied to the copy. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  next(): Promise<any>;
  readonly copy: LiveCopy;
  readonly stream: OpenedStream;
}

/** Follows a stored document over server-sent events. */
export async function followQuery(
  server: TestServer,
  token: string,
  document: string,
  variables: object = {},
): Promise<FollowedQuery> {
  const stream = await openStream(`${server.origin}/graphql`, token, {
    documentId: hashDocument(document),
    variables,
  });
  const copy: LiveCopy = { data: undefined };
  return {
    stream,
    copy,
    async next() {
      const { data } = await stream.next();
      applyAnswer(copy, data as object);
      return data as unknown;
    },
  };
}

/** Stores documents, as npm run documents would. */
export async function storeDocuments(server: TestServer, documents: Readonly<Record<string, string>>): Promise<void> {
  await server.database.admin.query("select private.store_trusted_documents($1)", [Object.values(documents)]);
}

/** What a metric of the server says, summed over its labels. */
export async function metricOf(server: TestServer, name: string): Promise<number> {
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  const lines = [...text.matchAll(new RegExp(`^${name}\\{.*\\} (\\d+)$`, "gm"))];
  return lines.reduce((sum, [, count]) => sum + Number(count), 0);
}
