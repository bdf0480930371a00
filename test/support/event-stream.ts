/** One event of a stream. */
export interface StreamEvent {
  readonly event: string;
  readonly id?: string;
  /** What its data says as JSON; undefined when it is empty. */
  readonly data?: any;
}

/** A request for server-sent events, as a test follows it. */
export interface OpenedStream {
  readonly status: number;
  readonly headers: Headers;
  /** The body of an answer that is no stream, as JSON. */
  json(): Promise<any>;
  /** The next event; throws when the stream has ended. */
  next(): Promise<StreamEvent>;
  /** Every event until the stream ends; throws when it was cut off. */
  rest(): Promise<StreamEvent[]>;
  /** The comments that have come so far. */
  readonly comments: string[];
  close(): void;
}

/** Sends a GraphQL request with fetch, as a client of server-sent events would. */
export async function openStream(
  url: string,
  token: string | undefined,
  body: object | string,
  headers: Record<string, string> = {},
): Promise<OpenedStream> {
  const aborter = new AbortController();
  const response = await fetch(url, {
    method: "POST",
    signal: aborter.signal,
    headers: {
      accept: "text/event-stream",
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const comments: string[] = [];
  let events: AsyncGenerator<StreamEvent> | undefined;
  const read = () => (events ??= eventsOf(response, comments));
  return {
    status: response.status,
    headers: response.headers,
    comments,
    json: () => response.json(),
    async next() {
      const { value, done } = await read().next();
      if (done) throw new Error("The stream has ended.");
      return value;
    },
    async rest() {
      const found: StreamEvent[] = [];
      for (let each = await read().next(); !each.done; each = await read().next()) found.push(each.value);
      return found;
    },
    close: () => aborter.abort(),
  };
}

async function* eventsOf(response: Response, comments: string[]): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      comments.push(...lines.filter((line) => line.startsWith(":")).map((line) => line.slice(1).trim()));
      const event = field("event");
      if (event === undefined) continue;
      const id = field("id");
      const data = field("data");
      yield { event, ...(id !== undefined && { id }), ...(data && { data: JSON.parse(data) }) };
    }
  }
}
