/** A column of sealed secrets: where it is, and what its values are sealed for. */
export interface SealedColumn {
  readonly table: string;
  /** The primary key, in order. */
  readonly keyColumns: readonly string[];
  readonly column: string;
  /** The beginning of the context; the key's values follow. */
  readonly purpose: string;
}

/** Every column that holds sealed secrets. `db:reseal` goes through them; a lint compares them with the catalogue. */
export const sealedColumns = [
  sealedColumn("private.connection_secrets", ["tenant_id", "connection_id"], "sealed_secret", "connection"),
  sealedColumn("private.webhook_source_secrets", ["tenant_id", "webhook_source_id"], "sealed_secret", "webhook_source"),
  sealedColumn(
    "private.webhook_source_secrets",
    ["tenant_id", "webhook_source_id"],
    "previous_sealed_secret",
    "webhook_source",
  ),
  sealedColumn(
    "private.webhook_subscription_secrets",
    ["tenant_id", "webhook_subscription_id"],
    "sealed_secret",
    "webhook_subscription",
  ),
  sealedColumn(
    "private.webhook_subscription_secrets",
    ["tenant_id", "webhook_subscription_id"],
    "previous_sealed_secret",
    "webhook_subscription",
  ),
  sealedColumn("private.idempotency_keys", ["tenant_id", "actor_id", "key_hash"], "sealed_answer", "answer"),
  sealedColumn("private.user_totp", ["user_id"], "sealed_secret", "user_totp"),
] as const satisfies readonly SealedColumn[];

/** What the secrets of a row are sealed for: `connection:<tenant id>/<connection id>`. */
export function sealedContext(purpose: (typeof sealedColumns)[number]["purpose"], ...key: readonly string[]): string {
  return `${purpose}:${key.join("/")}`;
}

function sealedColumn<const Purpose extends string>(
  table: string,
  keyColumns: readonly string[],
  column: string,
  purpose: Purpose,
): SealedColumn & { readonly purpose: Purpose } {
  return { table, keyColumns, column, purpose };
}
