import type pg from "pg";

/** An e-mail address and a phone number that nobody may learn. */
export interface ContactSecret {
  readonly email: string;
  readonly phone: string;
}

/** Two that look alike when they are masked. */
export const contactSecrets: readonly [ContactSecret, ContactSecret] = [
  { email: "zq1.hidden@secretmail.example", phone: "+12065550177" },
  { email: "zx9.veiled@sparemail.example", phone: "+12069991277" },
];

/** What must not be in any answer, however it is written. */
export const contactTraces = /zq1|zx9|hidden|veiled|secretmail|sparemail|5550177|9991277|d{20}|e{20}/i;

interface MaskedColumn {
  readonly table_name: string;
  readonly column_name: string;
  readonly expression: string;
  readonly type: string;
}

/** The columns that are said to hold contact data. */
export async function maskedColumns(admin: pg.Client): Promise<MaskedColumn[]> {
  const { rows } = await admin.query<MaskedColumn>(
    `select m.table_name, m.column_name, m.expression, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), null) as type
     from private.masked_columns m join pg_attribute a on a.attrelid = m.table_name::regclass and a.attname = m.column_name
     join pg_type t on t.oid = a.atttypid order by 1, 2`,
  );
  return rows;
}

/**
 * Puts secrets into every masked column of the rows of a tenant, a different one into every other row, past triggers: nothing
 * else of the rows changes. Turned, each row has the secret that its neighbour had.
 */
export async function plantSecrets(admin: pg.Client, tenantId: string, isTurned: boolean): Promise<void> {
  const secrets = isTurned ? contactSecrets.toReversed() : contactSecrets;
  // What is planted need not be plausible.
  await admin.query(`do $$ declare k record; begin
    for k in select distinct c.conrelid::regclass as name, c.conname from pg_constraint c join private.masked_columns m on m.table_name::regclass = c.conrelid
      where c.contype = 'c' and m.column_name <> '' and pg_get_constraintdef(c.oid) ~ ('\\m' || m.column_name || '\\M') loop
      execute format('alter table %s drop constraint %I', k.name, k.conname);
    end loop;
    for k in select distinct i.indexrelid::regclass as name from pg_index i join private.masked_columns m on m.table_name::regclass = i.indrelid
      join pg_attribute a on a.attrelid = i.indrelid and a.attname = m.column_name and a.attnum = any (i.indkey) where i.indisunique loop
      execute format('drop index %s', k.name);
    end loop; end $$`);
  await admin.query("begin; set local session_replication_role = replica");
  for (const { table_name: table, column_name: column, expression, type } of await maskedColumns(admin)) {
    const values = secrets.map((secret, i) => valueFor(expression, column, type, secret, i === 0 ? "d" : "e"));
    await admin.query(
      `update ${table} t set ${column} = (($2::text[])[1 + n.number % 2])::${type}
       from (select id, row_number() over (order by id) as number from ${table} where tenant_id = $1) n
       where t.tenant_id = $1 and t.id = n.id ${table === "crm.channel_identifiers" ? "and t.channel = 'email'" : ""}`,
      [tenantId, values],
    );
  }
  await admin.query("commit");
}

function valueFor(expression: string, column: string, type: string, { email, phone }: ContactSecret, digit: string) {
  const text = `Some: ${email}, ${phone}`;
  if (expression.includes("•••")) return digit.repeat(64);
  if (expression.startsWith("app.mask_domain")) return email.split("@")[1]!;
  if (expression.startsWith("app.mask_phone")) return phone;
  if (type === "jsonb") return JSON.stringify(jsonFor(expression, column, email, phone));
  if (expression.startsWith("app.mask_text")) return text;
  return email;
}

function jsonFor(expression: string, column: string, email: string, phone: string): unknown {
  const number = Number(phone.slice(2));
  const deep = {
    note: `Some ${email} or (206) ${phone.slice(5, 8)}-${phone.slice(8)}`,
    list: [phone, number, { email }],
  };
  if (/headers|columns|changes|conditions|progress_log|attachments|phones|emails/.test(column))
    return [email, phone, deep];
  return expression.includes("key") || expression.includes("field") ? `Some ${email}` : { ...deep, phone2: number };
}
