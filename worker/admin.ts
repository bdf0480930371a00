import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

/** The worker's small HTTP side: health, readiness and metrics. */
export interface Admin {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves /healthz (the process lives), /readyz (it can take jobs) and /metrics. Port 0 takes a free one. */
export async function startAdmin(
  host: string,
  port: number,
  metrics: Registry,
  isReady: () => Promise<boolean>,
): Promise<Admin> {
  const routes: Record<string, () => Promise<[status: number, type: string, body: string]>> = {
    "/healthz": async () => [200, "text/plain", "ok\n"],
    "/readyz": async () => ((await isReady()) ? [200, "text/plain", "ok\n"] : [503, "text/plain", "not ready\n"]),
    "/metrics": async () => [200, metrics.contentType, await metrics.metrics()],
  };
  const server = createServer((request, response) => {
    const route = routes[(request.url ?? "").split("?", 1)[0] ?? ""];
    const answer = route?.() ?? Promise.resolve([404, "text/plain", "Try /healthz, /readyz or /metrics.\n"] as const);
    answer
      .catch(() => [503, "text/plain", "not ready\n"] as const)
      .then(([status, type, body]) => response.writeHead(status, { "content-type": type }).end(body))
      .catch(() => response.destroy());
  });
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
