import { access } from "postgraphile/grafast";
import { sideEffectWithPgClientTransaction } from "postgraphile/@dataplan/pg";
import { extendSchema, gql } from "postgraphile/utils";
import type { Config } from "../../lib/config.ts";
import { RowhouseError } from "../../lib/errors.ts";
import { sealedContext } from "../../lib/sealed-columns.ts";
import { sealSecret } from "../../lib/sealed-secret.ts";
import { decodeTypeId } from "../../lib/type-id.ts";
import { currentSession } from "../http/request-scope.ts";

const typeDefs = gql`
  extend type Mutation {
    """
    Keeps the password or key that opens a connection, encrypted. It can be replaced and forgotten, and never be read.
    """
    setConnectionSecret(input: SetConnectionSecretInput!): SetConnectionSecretPayload
  }

  """
  The secret to keep.
  """
  input SetConnectionSecretInput {
    connectionId: ID!
    """
    The password, access key or token. None: what is kept is forgotten.
    """
    secret: String
  }

  """
  The outcome of \`setConnectionSecret\`.
  """
  type SetConnectionSecretPayload {
    destination: Destination
  }
`;

/** The most characters a secret of a connection may have: enough for a private key. */
const lengthMax = 20_000;

/** `setConnectionSecret`: the secret is sealed here, and the database is given what is sealed. */
export const connectionSecretPlugin = (config: Config): GraphileConfig.Plugin =>
  extendSchema((build: any) => {
    const connections: any = Object.values<any>(build.pgResources).find(
      (each) => each.codec.extensions?.pg?.name === "connections" && !each.parameters,
    );
    async function set(client: any, input: { connectionId: string; secret?: string | null }): Promise<{ id: string }> {
      const { connectionId, secret } = input;
      const id = decodeTypeId("conn", connectionId);
      if (secret != null && (secret === "" || secret.length > lengthMax)) {
        const message = `A secret has 1 to ${lengthMax} characters. Leave it out to forget the one that is kept.`;
        throw new RowhouseError("VALIDATION_FAILED", message, { field: "secret" });
      }
      // Without a tenant the function refuses before it looks at the secret.
      const context = sealedContext("connection", currentSession().tenantId ?? "", id);
      const sealed = secret == null ? null : sealSecret(config, secret, context);
      await client.query({ text: "select app.set_connection_secret($1, $2)", values: [id, sealed] });
      return { id: connectionId };
    }
    return {
      typeDefs,
      objects: {
        Mutation: {
          plans: {
            setConnectionSecret: (_: unknown, args: any) =>
              sideEffectWithPgClientTransaction(connections.executor, args.getRaw("input"), set as any),
          },
        },
        SetConnectionSecretPayload: {
          plans: { destination: ($set: any) => connections.get({ id: access($set, "id") }) },
        },
      },
    } as any;
  });
