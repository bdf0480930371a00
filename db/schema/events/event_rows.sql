-- The rows of an event as it left them, kept in the transaction of the event itself, and only where somebody outside is told.
create table if not exists private.event_rows (
  tenant_id uuid not null constraint event_rows_tenant_id_fkey references iam.tenants (id) on delete cascade,
  event_id uuid not null,
  rows jsonb not null constraint event_rows_rows_check check (jsonb_typeof(rows) = 'array'),
  created_at timestamptz not null default now(),
  constraint event_rows_pkey primary key (tenant_id, event_id)
);
comment on table private.event_rows is
  'What the rows of an event were when it happened, as managers see them, for events of up to a hundred rows that an outgoing webhook is told of.';
select ddl.private_table('private.event_rows');
grant select, delete on private.event_rows to rowhouse_definer;

create or replace function private.shown_columns(p_table regclass) returns text
language sql stable set search_path to pg_catalog
return (
  -- Numbers that JavaScript cannot hold are text, as in the API.
  select string_agg(case when t.typname in ('int8', 'numeric') then format('%1$I::text as %1$I', a.attname) else quote_ident(a.attname) end, ', ' order by a.attnum)
  from pg_attribute a join pg_type t on t.oid = a.atttypid
  where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped and a.attname <> 'tenant_id' and t.typname not in ('tsvector', 'bytea')
    and has_column_privilege('rowhouse_manager', a.attrelid, a.attnum, 'select')
    and coalesce(col_description(a.attrelid, a.attnum), '') !~ '^@behavior -\*'
);
comment on function private.shown_columns(regclass) is 'The columns of a table that managers see through the API, as a list for select.';

create or replace function private.keep_event_rows() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_tenant text := coalesce(current_setting('jwt.claims.tenant_id', true), '');
  v_event events.events;
  v_table regclass;
  v_columns text;
  v_rows jsonb;
begin
  for v_event in
    select * from new_rows e where cardinality(e.keys) between 1 and 100
  loop
    -- Behind the wall of the very tenant whose event it is: set-up commands have no claims.
    if current_setting('jwt.claims.tenant_id', true) is distinct from v_event.tenant_id::text then
      perform set_config('jwt.claims.tenant_id', v_event.tenant_id::text, true);
    end if;
    continue when not exists (
      select from events.webhook_subscriptions s
      where s.tenant_id = v_event.tenant_id and s.status = 'active' and s.deleted_at is null and events.matches_types(v_event.type, s.types));
    select c.oid, private.shown_columns(c.oid) into v_table, v_columns from pg_class c
    where c.relname = v_event.subject_type and c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text = any (ddl.domain_schemas());
    continue when v_columns is null;
    execute format('select jsonb_agg(to_jsonb(r) order by r.id) from (select %s from %s t where t.tenant_id = $1 and t.id = any ($2)) r',
      v_columns, v_table) into v_rows using v_event.tenant_id, v_event.keys;
    if v_rows is not null then
      insert into private.event_rows (tenant_id, event_id, rows) values (v_event.tenant_id, v_event.id, v_rows);
    end if;
  end loop;
  if current_setting('jwt.claims.tenant_id', true) is distinct from v_tenant then
    perform set_config('jwt.claims.tenant_id', v_tenant, true);
  end if;
  return null;
end
$$;
comment on function private.keep_event_rows() is 'Keeps what the rows of an event are as it happens, where an outgoing webhook is told of it.';
revoke all on function private.keep_event_rows() from public;
select ddl.trigger('events.events', '_500_keep_rows', $$after insert referencing new table as new_rows
  for each statement execute function private.keep_event_rows()$$);

create or replace function private.event_rows_of(p_event_ids uuid[]) returns table (event_id uuid, rows jsonb)
language plpgsql stable security definer set search_path to pg_catalog as $$
begin
  return query select r.event_id, r.rows from private.event_rows r where r.tenant_id = app.tenant_id() and r.event_id = any (p_event_ids);
end
$$;
comment on function private.event_rows_of(uuid[]) is 'The kept rows of events of this tenant.';
revoke all on function private.event_rows_of(uuid[]) from public;
grant execute on function private.event_rows_of(uuid[]) to rowhouse_system;
