import { createServer, connect, type AddressInfo, type Socket } from "node:net";

/** A TCP proxy whose connections can be cut. */
export interface CuttingProxy {
  readonly port: number;
  /** Where new connections lead to; undefined refuses them. */
  target: number | undefined;
  /** Cuts a share of the connections, from 0 to 1, without a farewell to either side; returns how many. */
  cut(share: number): number;
  close(): Promise<void>;
}

/** Starts a proxy on a free port of this machine. */
export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((client) => {
    if (proxy.target === undefined) return client.destroy();
    const upstream = connect(proxy.target, "127.0.0.1");
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      for (const each of pair) each.destroy();
    };
    for (const each of pair) each.on("error", end).on("close", end);
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: CuttingProxy = {
    port: (server.address() as AddressInfo).port,
    target,
    cut(share) {
      let count = 0;
      for (const pair of [...pairs]) {
        if (Math.random() >= share) continue;
        count++;
        for (const each of pair) each.resetAndDestroy();
      }
      return count;
    },
    async close() {
      proxy.cut(1);
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
