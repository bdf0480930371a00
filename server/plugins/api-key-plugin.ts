import { access } from "postgraphile/grafast";
import { sideEffectWithPgClientTransaction } from "postgraphile/@dataplan/pg";
import { extendSchema, gql } from "postgraphile/utils";
import { RowhouseError } from "../../lib/errors.ts";
import { decodeTypeId, encodeTypeId } from "../../lib/type-id.ts";
import { newApiKey } from "../auth/api-key-format.ts";

const typeDefs = gql`
  extend type Mutation {
    """
    Makes a key with which a program signs in. The key is in the answer, and never shown again.
    """
    createApiKey(input: CreateApiKeyInput!): CreateApiKeyPayload
    """
    Gives an API key a new secret, which works at once; the old one works for a while longer.
    """
    rotateApiKey(input: RotateApiKeyInput!): RotateApiKeyPayload
  }

  """
  The key to make.
  """
  input CreateApiKeyInput {
    """
    By which people know what it is for.
    """
    name: String!
    """
    What it may do: at most your own role, and at most ADMIN. MEMBER unless told.
    """
    role: MembershipRole
    """
    To what it is limited further, such as "lists:read" and "exports:write". None: everything that its role may do.
    """
    scopes: [String!]
    """
    The addresses or networks it may be used from, such as "203.0.113.0/24". None: all.
    """
    allowedNetworks: [CidrAddress!]
    """
    When it ends. None: when it is revoked.
    """
    expiresAt: Datetime
  }

  """
  The key to give a new secret.
  """
  input RotateApiKeyInput {
    apiKeyId: ID!
    """
    For how many minutes the old secret works still: a day unless told, 0 to end it at once.
    """
    overlapMinutes: Int
  }

  """
  The outcome of \`createApiKey\`.
  """
  type CreateApiKeyPayload {
    """
    The key. Keep it safe: it is not shown again.
    """
    key: String!
    apiKey: ApiKey
  }

  """
  The outcome of \`rotateApiKey\`.
  """
  type RotateApiKeyPayload {
    """
    The key with its new secret. Keep it safe: it is not shown again.
    """
    key: String!
    apiKey: ApiKey
  }
`;

interface CreateInput {
  readonly name: string;
  readonly role?: string | null;
  readonly scopes?: readonly string[] | null;
  readonly allowedNetworks?: readonly string[] | null;
  readonly expiresAt?: string | null;
}

interface RotateInput {
  readonly apiKeyId: string;
  readonly overlapMinutes?: number | null;
}

/** What the payloads are read from. */
interface Made {
  readonly key: string;
  readonly id: string;
}

const dayMinutes = 1440;
const createSql = "select app.create_api_key($1, $2, $3, $4, $5, $6, $7) as id";
const rotateSql = "select app.rotate_api_key($1, $2, make_interval(mins => $3)) as id";

async function create(client: any, input: CreateInput): Promise<Made> {
  const { key, prefix, hash } = newApiKey();
  const { name, role, scopes, allowedNetworks, expiresAt } = input;
  // Its description in the enum says what the database knows it by.
  const values = [name, prefix, hash, role, scopes ?? [], allowedNetworks ?? [], expiresAt];
  const { rows } = await client.query({ text: createSql, values: values.map((value) => value ?? null) });
  return { key, id: encodeTypeId("key", rows[0].id) };
}

async function rotate(client: any, { apiKeyId, overlapMinutes }: RotateInput): Promise<Made> {
  const id = decodeTypeId("key", apiKeyId);
  const prefixSql = "select prefix from iam.api_keys where id = $1";
  const { rows } = await client.query({ text: prefixSql, values: [id] });
  if (rows[0] === undefined)
    throw new RowhouseError("NOT_FOUND", `There is no API key ${apiKeyId} that you may manage.`, { field: "apiKeyId" });
  const { key, hash } = newApiKey(rows[0].prefix as string);
  await client.query({ text: rotateSql, values: [id, hash, overlapMinutes ?? dayMinutes] });
  return { key, id: apiKeyId };
}

/** `createApiKey` and `rotateApiKey`: the secret is made here, and the database is given its hash only. */
export const ApiKeyPlugin: GraphileConfig.Plugin = extendSchema((build: any) => {
  const apiKeys: any = Object.values<any>(build.pgResources).find(
    (each) => each.codec.extensions?.pg?.name === "api_keys" && !each.parameters,
  );
  const mutation = (work: (client: any, input: any) => Promise<Made>) => (_: unknown, args: any) =>
    sideEffectWithPgClientTransaction(apiKeys.executor, args.getRaw("input"), work as any);
  const payload = {
    plans: {
      key: ($made: any) => access($made, "key"),
      apiKey: ($made: any) => apiKeys.get({ id: access($made, "id") }),
    },
  };
  return {
    typeDefs,
    objects: {
      Mutation: { plans: { createApiKey: mutation(create), rotateApiKey: mutation(rotate) } },
      CreateApiKeyPayload: payload,
      RotateApiKeyPayload: payload,
    },
  } as any;
});
