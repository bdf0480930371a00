/** Counts what a socket has been given and not yet handed to the network. */
export interface Flow {
  /** Wraps one send: the promise settles when the network has taken it. */
  track(send: (sent: (error?: Error | null) => void) => void): Promise<void>;
  /** How many sends are waiting. */
  readonly pending: number;
  /** Resolves once nothing is waiting to be sent. */
  whenIdle(): Promise<void>;
}

/** A flow with nothing under way. */
export function createFlow(): Flow {
  let pending = 0;
  let waiters: (() => void)[] = [];
  const settle = () => {
    if (--pending > 0) return;
    const released = waiters;
    waiters = [];
    for (const release of released) release();
  };
  return {
    get pending() {
      return pending;
    },
    track(send) {
      pending++;
      return new Promise((resolve, reject) => {
        send((error) => {
          settle();
          if (error) reject(error);
          else resolve();
        });
      });
    },
    async whenIdle() {
      // What was just produced is handed to the socket within this turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      while (pending > 0) await new Promise<void>((resolve) => waiters.push(resolve));
    },
  };
}
