import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { SetupError } from "../../lib/errors.ts";

/** Where to listen. Times are in milliseconds. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** How long the head of a request may take to arrive. */
  readonly headersTimeoutMs?: number;
  /** How long a connection may be still while it is used, such as by a client that does not read its answer. */
  readonly silenceTimeoutMs?: number;
}

/** An HTTP server that takes requests. */
export interface Listening {
  readonly server: Server;
  readonly port: number;
  /** Takes no new connection, lets requests that are being answered finish, and closes the rest. */
  close(): Promise<void>;
}

/**
 * Listens, with limits for slow senders. The time for a whole request is not limited here, because an upload may last
 * long: `bodyDeadline` limits the others. Throws a SetupError that names the setting when the address cannot be had.
 */
export async function listen(
  handler: RequestListener,
  { host, port, headersTimeoutMs = 10_000, silenceTimeoutMs = 120_000 }: ListenOptions,
): Promise<Listening> {
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: 0,
      keepAliveTimeout: 65_000,
      // The limits are looked at only this often.
      connectionsCheckingInterval: Math.min(2_000, headersTimeoutMs),
    },
    handler,
  );
  server.timeout = silenceTimeoutMs;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(explained(error, host, port)));
    server.listen(port, host, resolve);
  });
  return { server, port: (server.address() as AddressInfo).port, close: () => closeServer(server) };
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
  // A connection that is kept alive becomes idle only after its answer.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
  }
}

function explained(error: NodeJS.ErrnoException, host: string, port: number): Error {
  switch (error.code) {
    case "EADDRINUSE":
      return new SetupError(`Port ${port} of ${host} is taken. Set PORT to a free port, or to 0 for any.`, error);
    case "EACCES":
      return new SetupError(`Port ${port} of ${host} may not be used by this user. Set PORT to one above 1023.`, error);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new SetupError(`${host} is not an address of this machine. Set HOST to one that is.`, error);
    default:
      return error;
  }
}
