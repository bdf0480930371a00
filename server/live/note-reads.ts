import type { WithPgClient } from "postgraphile/@dataplan/pg";
import type { Services } from "../services.ts";

type PgClient = Parameters<Parameters<WithPgClient>[1]>[0];

/** What a run of a document has read. */
export interface Reads {
  readonly statements: Set<string>;
  /** Whether it has read anything that is no statement of its own, such as who is signed in. */
  isElsewhere: boolean;
}

/** A context like another one, without what that has remembered, that notes what is read through it. */
export function noteReads(context: Grafast.Context, reads: Reads): Grafast.Context {
  const { withPgClient, services } = context;
  return {
    ...context,
    ...(withPgClient && { withPgClient: noting(withPgClient as WithPgClient, reads.statements) }),
    ...(services && { services: notingServices(services, reads) }),
  } as Grafast.Context;
}

function noting(withPgClient: WithPgClient, statements: Set<string>): WithPgClient {
  return ((settings, callback) =>
    withPgClient(settings, (client) =>
      callback(notingClient(client as PgClient, statements) as never),
    )) as WithPgClient;
}

function notingClient(client: PgClient, statements: Set<string>): PgClient {
  return {
    ...client,
    query: ((asked: Parameters<PgClient["query"]>[0]) => {
      statements.add(asked.text);
      return client.query(asked);
    }) as PgClient["query"],
    withTransaction: (run) => client.withTransaction((inner) => run(notingClient(inner, statements))),
  };
}

function notingServices(services: Services, reads: Reads): Services {
  return new Proxy(services, {
    get(target, name, receiver) {
      if (name === "pool") reads.isElsewhere = true;
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
}
