import type { IncomingMessage, Server as HttpServer } from "node:http";
import type { Duplex } from "node:stream";
import { Gauge, type Registry } from "prom-client";
import type { GrafservBase } from "postgraphile/grafserv";
import { WebSocketServer, type WebSocket } from "ws";
import type { Log } from "../../lib/log.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { ClientOf } from "../http/client-address.ts";
import { repeatedHeader } from "../http/single-headers.ts";
import type { Admission } from "../limits/admission.ts";
import { createFlow } from "./flow.ts";
import { keepAlive } from "./keep-alive.ts";
import { createSocketProtocol, type SocketState } from "./socket-protocol.ts";

/** How sockets are served. Times are in milliseconds, sizes in bytes. */
export interface SocketServerOptions {
  readonly server: HttpServer;
  readonly path: string;
  readonly grafserv: GrafservBase;
  readonly authenticator: Authenticator;
  readonly log: Log;
  readonly metrics: Registry;
  readonly messageBytesMax: number;
  readonly clientOf: ClientOf;
  readonly admission: Admission;
  /** Whether a page may open a socket: browsers let any page try. */
  readonly mayOpen: (request: IncomingMessage) => boolean;
  readonly initTimeoutMs?: number;
  readonly pingMs?: number;
  readonly operationsMax?: number;
}

/** Sockets that are being served. */
export interface SocketServer {
  /** Says 1001 to every socket, and waits until they are gone; those that do not answer are cut off. */
  close(): Promise<void>;
}

/** How many answers a socket may leave unread before it is closed. */
const unreadMax = 256;
const farewellMs = 2_000;

/** Serves GraphQL over WebSocket (graphql-ws) at one path of an HTTP server; other upgrades are refused. */
export function serveSockets(options: SocketServerOptions): SocketServer {
  const { server, path, log, pingMs = 20_000, initTimeoutMs = 5_000, operationsMax = 50 } = options;
  const protocol = createSocketProtocol({ ...options, initTimeoutMs, operationsMax });
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.messageBytesMax,
    handleProtocols: (offered) => (offered.has("graphql-transport-ws") ? "graphql-transport-ws" : false),
  });
  let isClosing = false;

  const onConnection = (socket: WebSocket, request: IncomingMessage) => {
    const flow = createFlow();
    const state: SocketState = { socket, request, flow, operations: new Map() };
    const stopPings = keepAlive(socket, pingMs);
    socket.on("error", (error) => log.info({ err: error }, "a socket broke the protocol and was closed"));
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        // Who is leaving hears nothing any more.
        send: (text) =>
          socket.readyState === socket.OPEN ? flow.track((sent) => socket.send(text, sent)) : Promise.resolve(),
        close: (code, reason) => socket.close(code, reason),
        onMessage(handle) {
          socket.on("message", (data) => {
            if (flow.pending > unreadMax) return socket.close(4429, "Too many answers are unread.");
            handle(String(data)).catch((error: unknown) => {
              // The client went away while it was being answered.
              if (socket.readyState !== socket.OPEN) return;
              log.error({ err: error }, "a socket message could not be handled");
              socket.close(4500, "Internal server error");
            });
          });
        },
      },
      state,
    );
    socket.once("close", (code, reason) => {
      stopPings();
      void closed(code, reason.toString());
    });
  };

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", (error) => log.debug({ err: error }, "a socket broke off while it was opened"));
    const asked = request.url?.split("?", 1)[0];
    const refuse = (status: string) => void socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    if (isClosing) return refuse("503 Service Unavailable");
    if (asked !== path) return refuse("404 Not Found");
    if (repeatedHeader(request) !== undefined) return refuse("400 Bad Request");
    if (!options.mayOpen(request)) return refuse("403 Forbidden");
    options.admission.address(options.clientOf(request).ipAddress).then(
      () => sockets.handleUpgrade(request, socket, head, (opened) => onConnection(opened, request)),
      () => refuse("429 Too Many Requests"),
    );
  };

  server.on("upgrade", onUpgrade);
  new Gauge({
    name: "rowhouse_sockets",
    help: "WebSockets that are open.",
    registers: [options.metrics],
    collect() {
      this.set(sockets.clients.size);
    },
  });

  return {
    async close() {
      isClosing = true;
      const gone = [...sockets.clients].map((socket) => farewell(socket));
      await Promise.all(gone);
      sockets.close();
    },
  };
}

function farewell(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const cutOff = setTimeout(() => socket.terminate(), farewellMs);
    socket.once("close", () => (clearTimeout(cutOff), resolve()));
    socket.close(1001, "The server is shutting down. Connect again.");
  });
}
