--! Previous: -
--! Hash: sha1:c48af608440a4a2e1c8055288ed3a75ee402a7f9
--! Message: Baseline.

--! split: 1-current.sql
--! Included index.sql
-- The book: every object of the database, in load order. Each file can be run again at any time.
--! Included ddl/index.sql
-- The verbs that the other files speak; one function a file.
create schema if not exists ddl;
comment on schema ddl is 'Verbs for table files: each applies one pattern, and can be run again.';
revoke all on schema ddl from public;
alter default privileges revoke execute on functions from public;

--! Included ddl/schemas.sql
create or replace function ddl.domain_schemas() returns text[]
language sql immutable parallel safe
return array['iam', 'pipeline', 'crm', 'lists', 'outreach', 'inbox', 'tracking', 'events', 'audit'];
comment on function ddl.domain_schemas() is 'The schemas of the model, in load order: what the tenant pattern, the lints and the API are about.';

create or replace function ddl.own_schemas() returns text[]
language sql immutable parallel safe
return array['ddl', 'app', 'private', 'staging', 'masked'] || ddl.domain_schemas();
comment on function ddl.own_schemas() is 'Every schema of ours: those of the model, and those that serve them.';
--! EndIncluded ddl/schemas.sql
--! Included ddl/enum.sql
create or replace function ddl.enum(p_domain text, p_values json, p_comment text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := split_part(p_domain, '.', 1);
  v_name text := split_part(p_domain, '.', 2);
  v_values text[] := array(select key from json_each_text(p_values) with ordinality v (key, value, n) order by n);
  v_check text := format('value in (%s)', (select string_agg(quote_literal(v), ', ') from unnest(v_values) v));
begin
  if to_regtype(p_domain) is null then
    execute format('create domain %I.%I as text constraint %I check (%s)', v_schema, v_name, v_name || '_check', v_check);
  else
    -- The closed list may have grown or shrunk; values in use are checked when the constraint is added.
    execute format('alter domain %I.%I drop constraint if exists %I', v_schema, v_name, v_name || '_check');
    execute format('alter domain %I.%I add constraint %I check (%s)', v_schema, v_name, v_name || '_check', v_check);
  end if;
  execute format('comment on domain %I.%I is %L', v_schema, v_name,
    format(E'@enum %s\n%s%s', array_to_string(v_values, ','),
      (select string_agg(format(E'@value %s %s\n', key, value), '' order by n) from json_each_text(p_values) with ordinality v (key, value, n)
        where value <> ''), p_comment));
end
$$;
comment on function ddl.enum(text, json, text) is
  'A closed list of values, each with its description ({"open": "Waits for an answer."}), as a text domain with a check. Text, because the equality of an enum type is not leakproof and its indexes would not serve under row-level security.';
--! EndIncluded ddl/enum.sql
--! Included ddl/constraint.sql
create or replace function ddl.constraint(p_table regclass, p_name text, p_definition text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_target regclass := to_regclass((regexp_match(p_definition, 'references\s+([^\s(]+)', 'i'))[1]);
  v_forced regclass[] := array(select c.oid from pg_class c where c.oid in (p_table, v_target) and c.relforcerowsecurity);
  v_rel regclass;
begin
  if exists (select from pg_constraint where conrelid = p_table and conname = p_name) then
    return;
  end if;
  -- PostgreSQL checks the existing rows of a new foreign key as the owner, whom forced row-level security binds:
  -- it would see the rows of one tenant only, or none. So the force is lifted while it looks.
  foreach v_rel in array v_forced loop
    execute format('alter table %s no force row level security', v_rel);
  end loop;
  execute format('alter table %s add constraint %I %s', p_table, p_name, p_definition);
  foreach v_rel in array v_forced loop
    execute format('alter table %s force row level security', v_rel);
  end loop;
end
$$;
comment on function ddl.constraint(regclass, text, text) is 'Adds a named constraint once, checked against the rows of all tenants.';
--! EndIncluded ddl/constraint.sql
--! Included ddl/policy.sql
create or replace function ddl.policy(p_table regclass, p_name text, p_definition text) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  execute format('drop policy if exists %I on %s', p_name, p_table);
  -- Which rows viewers see does not depend on whether their contact data is masked.
  execute format('create policy %I on %s %s', p_name, p_table,
    regexp_replace(p_definition, '\mto rowhouse_viewer\M', 'to rowhouse_viewer, rowhouse_viewer_masked'));
end
$$;
comment on function ddl.policy(regclass, text, text) is 'Creates a policy, or replaces the one of that name.';
--! EndIncluded ddl/policy.sql
--! Included ddl/trigger.sql
create or replace function ddl.trigger(p_table regclass, p_name text, p_definition text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_parts text[] := regexp_match(p_definition, '^(.*?)\s+((?:referencing|for each|when|execute)\s.*)$', 'is');
begin
  execute format('create or replace trigger %I %s on %s %s', p_name, v_parts[1], p_table, v_parts[2]);
end
$$;
comment on function ddl.trigger(regclass, text, text) is
  'Creates or replaces a trigger: the definition without "on table", such as ''before update for each row execute function app.stamp()''.';
--! EndIncluded ddl/trigger.sql
--! Included ddl/scope.sql
create or replace function ddl.scope(p_table regclass) returns text
language sql stable set search_path to pg_catalog
return (
  select case
    when n.nspname = 'iam' and c.relname = 'api_keys' then 'api_keys'
    when n.nspname = 'lists' and c.relname like 'export\_%' then 'exports'
    when n.nspname = 'lists' and c.relname like 'list\_import%' then 'imports'
    when n.nspname = 'lists' and c.relname like 'enrichment\_%' then 'enrichment'
    when n.nspname = 'lists' and c.relname = 'connections' then 'connections'
    else n.nspname
  end
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = p_table
);
comment on function ddl.scope(regclass) is
  'The part of the data that a table belongs to, as the scopes of API keys name it: its schema, or a part of it that programs are often limited to.';
--! EndIncluded ddl/scope.sql
--! Included ddl/tenant_table.sql
create or replace function ddl.tenant_table(
  p_table regclass,
  p_insert text[] default '{}',
  p_update text[] default '{}',
  p_write_role text default 'rowhouse_member',
  p_select_role text default 'rowhouse_viewer',
  p_system text default 'select, insert, update, delete'
) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_has_deleted_at boolean := exists (select from pg_attribute where attrelid = p_table and attname = 'deleted_at');
  v_has_updated_at boolean := exists (select from pg_attribute where attrelid = p_table and attname = 'updated_at');
  v_update text[] := p_update || case when v_has_deleted_at and p_update <> '{}' then array['deleted_at'] else '{}' end;
  v_relname text := (select relname from pg_class where oid = p_table);
  v_columns text;
begin
  -- A month that is attached to a partitioned table would have its references checked as the owner, whom the wall binds.
  if (select relkind from pg_class where oid = p_table) = 'r' then
    perform ddl.constraint(p_table, v_relname || '_tenant_id_fkey', 'foreign key (tenant_id) references iam.tenants (id) on delete cascade');
  end if;

  execute format('alter table %s enable row level security', p_table);
  execute format('alter table %s force row level security', p_table);

  -- The wall is restrictive, so it is AND-ed with every other policy: no later policy can open it.
  -- The function stands unwrapped: PostgreSQL inlines it, and the planner sees which tenant it plans for.
  perform ddl.policy(p_table, 'tenant_wall',
    'as restrictive for all to public using (tenant_id = app.tenant_id()) with check (tenant_id = app.tenant_id())');
  -- Only the roles of keys that are limited to scopes carry this one: others plan and run as if it were not there.
  perform ddl.policy(p_table, 'scope_wall', format(
    'as restrictive for all to rowhouse_scoped using ((select app.require_scope(%L))) with check ((select app.require_scope(%L)))',
    ddl.scope(p_table) || ':read', ddl.scope(p_table) || ':write'));
  perform ddl.policy(p_table, 'all_system', 'for all to rowhouse_system, rowhouse_owner using (true) with check (true)');
  perform ddl.policy(p_table, 'select_' || substr(p_select_role, 10), format('for select to %I using (true)', p_select_role));

  execute format('revoke all on %s from public, rowhouse_anonymous, rowhouse_viewer, rowhouse_member, rowhouse_manager, rowhouse_admin, rowhouse_system', p_table);
  execute format('grant select on %s to %I', p_table, p_select_role);
  execute format('grant %s on %s to rowhouse_system', p_system, p_table);

  if p_insert <> '{}' then
    select string_agg(format('%I', c), ', ') into v_columns from unnest(p_insert) c;
    execute format('grant insert (%s) on %s to %I', v_columns, p_table, p_write_role);
    perform ddl.policy(p_table, 'insert_' || substr(p_write_role, 10), format('for insert to %I with check (true)', p_write_role));
  end if;
  if v_update <> '{}' then
    select string_agg(format('%I', c), ', ') into v_columns from unnest(v_update) c;
    execute format('grant update (%s) on %s to %I', v_columns, p_table, p_write_role);
    perform ddl.policy(p_table, 'update_' || substr(p_write_role, 10), format('for update to %I using (true) with check (true)', p_write_role));
  end if;

  -- Until a table is first analyzed, the planner takes a tenant for one of two hundred, of less than a row each: any index
  -- that begins with the tenant then looks better than the primary key, and a check of a reference reads all of the
  -- tenant's rows. Taken for one of two, it has many rows, and the key is used. The first ANALYZE replaces this.
  if (select reltuples < 0 and relkind = 'r' from pg_class where oid = p_table) then
    perform pg_restore_attribute_stats('schemaname', (select relnamespace::regnamespace::text from pg_class where oid = p_table),
      'relname', v_relname, 'attname', 'tenant_id', 'inherited', false, 'null_frac', 0::real, 'avg_width', 16, 'n_distinct', 2::real);
  end if;

  if v_has_updated_at then
    perform ddl.trigger(p_table, '_100_stamp', 'before update for each row execute function app.stamp()');
  end if;
end
$$;
comment on function ddl.tenant_table(regclass, text[], text[], text, text, text) is
  'Applies the tenant pattern: reference to the tenant, forced row-level security with the tenant wall and that of scopes, select for viewers, insert and update of the named columns for the write role, everything named for the system role, the time stamp. A table with deleted_at and updatable columns can be soft-deleted by its write role.';
--! EndIncluded ddl/tenant_table.sql
--! Included ddl/append_only.sql
create or replace function ddl.append_only(
  p_table regclass,
  p_insert text[] default '{}',
  p_write_role text default 'rowhouse_member',
  p_select_role text default 'rowhouse_viewer'
) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  perform ddl.tenant_table(p_table, p_insert, '{}', p_write_role, p_select_role, 'select, insert');
  -- A cascade, or a change that a trigger makes on behalf of another table, comes from within a trigger and passes.
  perform ddl.trigger(p_table, '_200_append_only',
    'before update or delete or truncate for each statement when (pg_trigger_depth() = 0) execute function app.refuse_change()');
end
$$;
comment on function ddl.append_only(regclass, text[], text, text) is
  'Applies the tenant pattern to a table whose rows never change: nobody is granted update or delete, and whoever could is refused. A later fact about a row is a row of its own.';
--! EndIncluded ddl/append_only.sql
--! Included ddl/state_machine.sql
create or replace function ddl.state_machine(p_table regclass, p_column text, p_transitions json, p_initial text[] default null) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  perform ddl.trigger(p_table, format('_200_%s_transition', p_column), format(
    'before update for each row when (old.%1$I is distinct from new.%1$I) execute function app.guard_transition(%1$L, %2$L)',
    p_column, p_transitions::jsonb));
  if p_initial is not null then
    perform ddl.trigger(p_table, format('_200_%s_initial', p_column), format(
      'before insert for each row when (new.%1$I <> all (%2$L::text[])) execute function app.guard_initial_state(%1$L, %3$L)',
      p_column, p_initial, array_to_string(p_initial, ', ')));
  end if;
end
$$;
comment on function ddl.state_machine(regclass, text, json, text[]) is
  'Allows a status column the given steps only: {"draft": ["running"], "running": ["paused", "done"], "done": []}. The states of new rows can be limited, too.';
--! EndIncluded ddl/state_machine.sql
--! Included ddl/partition_by_month.sql
create or replace function ddl.partition_by_month(p_table regclass, p_retention interval, p_months_ahead integer default 3) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := (select relnamespace::regnamespace::text from pg_class where oid = p_table);
  v_name text := (select relname from pg_class where oid = p_table);
  v_default text := format('%I.%I', v_schema, v_name || '_default');
begin
  if pg_get_partkeydef(p_table) is distinct from 'RANGE (id)' then
    raise exception '% is not partitioned by range (id)', p_table;
  end if;
  -- A row of a month that has no partition is not lost: it waits here until keep_partitions() makes one.
  execute format('create table if not exists %s partition of %s default', v_default, p_table);
  perform ddl.guard_partition(v_default::regclass, 'Rows of months that have no partition yet.');
  -- Which months wait there, and what a tenant leaves behind, is looked up across tenants.
  execute format('grant select on %s to rowhouse_definer', v_default);
  execute format('grant select, delete on %s to rowhouse_definer', p_table);
  insert into private.partitioned_tables (table_name, months_ahead, retention) values (p_table::text, p_months_ahead, p_retention)
  on conflict (table_name) do update set months_ahead = excluded.months_ahead, retention = excluded.retention
  where (partitioned_tables.months_ahead, partitioned_tables.retention) is distinct from (excluded.months_ahead, excluded.retention);
end
$$;
comment on function ddl.partition_by_month(regclass, interval, integer) is
  'Cuts a table that is partitioned by range (id) into months: ids are version 7 uuids, so the month is in the id and the key stays (tenant_id, id). Months are made ahead and dropped after the retention by private.keep_partitions().';

create or replace function ddl.guard_partition(p_partition regclass, p_comment text) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  -- Whoever reads the partition itself passes by the policies of the table: so it has the wall, too, and no grants.
  execute format('revoke all on %s from public', p_partition);
  execute format('alter table %s enable row level security', p_partition);
  execute format('alter table %s force row level security', p_partition);
  perform ddl.policy(p_partition, 'tenant_wall',
    'as restrictive for all to public using (tenant_id = app.tenant_id()) with check (tenant_id = app.tenant_id())');
  perform ddl.policy(p_partition, 'all_system', 'for all to rowhouse_system, rowhouse_owner using (true) with check (true)');
  execute format('comment on table %s is %L', p_partition, format(E'@behavior -*\n%s', p_comment));
end
$$;
comment on function ddl.guard_partition(regclass, text) is 'Gives a partition the wall of its table.';
--! EndIncluded ddl/partition_by_month.sql
--! Included ddl/private_table.sql
create or replace function ddl.private_table(p_table regclass) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  execute format('revoke all on %s from public', p_table);
  execute format('alter table %s enable row level security', p_table);
  execute format('alter table %s force row level security', p_table);
  perform ddl.policy(p_table, 'all_owner', 'for all to rowhouse_owner, rowhouse_definer using (true) with check (true)');
end
$$;
comment on function ddl.private_table(regclass) is
  'A table that no request may read: only functions of the owner and of the definer role reach it.';
--! EndIncluded ddl/private_table.sql
--! Included ddl/foreign_key.sql
create or replace function ddl.foreign_key(
  p_table regclass, p_column text, p_target regclass, p_on_delete text default 'restrict', p_index boolean default true
) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_relname text := (select relname from pg_class where oid = p_table);
  v_on_delete text := case when p_on_delete = 'set null' then format('set null (%I)', p_column) else p_on_delete end;
begin
  perform ddl.constraint(p_table, format('%s_%s_fkey', v_relname, p_column),
    format('foreign key (tenant_id, %I) references %s (tenant_id, id) on delete %s', p_column, p_target, v_on_delete));
  if p_index then
    execute format('create index if not exists %I on %s (tenant_id, %I)',
      format('%s_%s_idx', v_relname, p_column), p_table, p_column);
  end if;
end
$$;
comment on function ddl.foreign_key(regclass, text, regclass, text, boolean) is
  'A reference between two tenant tables: composite with the tenant, so that it can never cross tenants, and covered by an index (pass false where a wider index already leads with both columns).';
--! EndIncluded ddl/foreign_key.sql
--! Included ddl/each.sql
create or replace function ddl.each(p_names text[], p_format text, p_separator text default ', ') returns text
language sql immutable set search_path to pg_catalog
return (select string_agg(format(p_format, name), p_separator order by n) from unnest(p_names) with ordinality u (name, n));
comment on function ddl.each(text[], text, text) is 'The names written into a format one after the other: ddl.each(''{a,b}'', ''t.%1$I = s.%1$I'', '' and '').';
--! EndIncluded ddl/each.sql
--! Included ddl/recount.sql
create or replace function ddl.recount(p_table regclass, p_key text[], p_columns text[], p_query text, p_name text default null, p_when text default null) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_relname text := (select relname from pg_class where oid = p_table);
  v_view text := format('private.%I', 'recount_' || v_relname || coalesce('_' || p_name, ''));
begin
  execute format('drop view if exists %s', v_view);
  execute format('create view %s with (security_invoker = true) as %s', v_view, p_query);
  if not array_cat(p_key, p_columns) <@ array(select attname::text from pg_attribute where attrelid = v_view::regclass) then
    raise exception 'The query that counts % anew must have the columns tenant_id, %', p_table, array_to_string(p_key || p_columns, ', ');
  end if;
  execute format('comment on view %s is %L', v_view, format(E'@recounts %s\n@key %s\n@columns %s\n%sWhat %s of %s must be, counted anew; npm run db:counters compares.',
    p_table, array_to_string(p_key, ','), array_to_string(p_columns, ','),
    coalesce(format(E'@when %s\n', p_when), ''), array_to_string(p_columns, ', '), p_table));
end
$$;
comment on function ddl.recount(regclass, text[], text[], text, text, text) is
  'Tells what columns that triggers or tasks keep must be: a query over what they count, with tenant_id, the key of the row and the columns; rows that it leaves out must be 0, unless the last argument, a condition over the table, leaves them out, too. npm run db:counters compares and mends by it.';
--! EndIncluded ddl/recount.sql
--! Included ddl/counter.sql
create or replace function ddl.counter(p_table regclass, p_key text, p_parent regclass, p_count text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_function text := format('%s.%I', (select relnamespace::regnamespace from pg_class where oid = p_table),
    format('count_%s_per_%s', (select relname from pg_class where oid = p_table), p_key));
  v_event text;
  v_living text := case when exists (select from pg_attribute where attrelid = p_table and attname = 'deleted_at' and not attisdropped)
    then 'deleted_at is null' else 'true' end;
begin
  -- One trigger function serves the three events; each sees only the transition tables that its event has.
  execute format($sql$
    create or replace function %1$s() returns trigger
    language plpgsql security definer set search_path to pg_catalog as $body$
    begin
      if tg_op = 'INSERT' then
        update %2$s p set %3$I = p.%3$I + d.n
        from (select tenant_id, %4$I as id, count(*) filter (where %5$s) as n from new_rows group by 1, 2) d
        where p.tenant_id = d.tenant_id and p.id = d.id and d.n <> 0;
      elsif tg_op = 'DELETE' then
        update %2$s p set %3$I = p.%3$I - d.n
        from (select tenant_id, %4$I as id, count(*) filter (where %5$s) as n from old_rows group by 1, 2) d
        where p.tenant_id = d.tenant_id and p.id = d.id and d.n <> 0;
      else
        update %2$s p set %3$I = p.%3$I + d.n
        from (select tenant_id, id, sum(n) as n from (
            select tenant_id, %4$I as id, count(*) as n from new_rows where %5$s group by 1, 2
            union all select tenant_id, %4$I, -count(*) from old_rows where %5$s group by 1, 2) both_sides group by 1, 2) d
        where p.tenant_id = d.tenant_id and p.id = d.id and d.n <> 0;
      end if;
      return null;
    end
    $body$ $sql$, v_function, p_parent, p_count, p_key, v_living);
  execute format('revoke all on function %s() from public', v_function);
  execute format('comment on function %s() is %L', v_function, format('Keeps %s of %s, set-wise: one update per statement.', p_count, p_parent));
  perform ddl.recount(p_parent, '{id}', array[p_count],
    format('select tenant_id, %I as id, count(*) as %I from %s where %I is not null and %s group by 1, 2', p_key, p_count, p_table, p_key, v_living), p_count);
  foreach v_event in array array['insert', 'update', 'delete'] loop
    perform ddl.trigger(p_table, format('_300_%s_on_%s', p_count, v_event), format('after %s referencing %s for each statement execute function %s()',
      v_event, case v_event when 'insert' then 'new table as new_rows' when 'delete' then 'old table as old_rows'
        else 'old table as old_rows new table as new_rows' end, v_function));
  end loop;
end
$$;
comment on function ddl.counter(regclass, text, regclass, text) is
  'Keeps a column of a parent equal to the number of its living children, by statement-level triggers.';
--! EndIncluded ddl/counter.sql
--! Included ddl/roll_up.sql
create or replace function ddl.roll_up(
  p_source regclass, p_target regclass, p_key json, p_counts json, p_sums json default '{}', p_join text default '', p_when text default null,
  p_parent regclass default null, p_parent_columns text[] default '{}', p_first text[] default '{}'
) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_target text := (select relname from pg_class where oid = p_target);
  v_function text := (select format('%s.%I', relnamespace::regnamespace, format('roll_up_%s_into_%s', relname, v_target))
    from pg_class where oid = p_source);
  v_keys text[] := array(select json_object_keys(p_key));
  v_totals text[] := array(select json_object_keys(p_counts)) || array(select json_object_keys(p_sums));
  v_key text := ddl.each(v_keys, '%I');
  v_total text := ddl.each(v_totals, '%I');
  v_figures text := concat_ws(', ',
    (select string_agg(format('count(*) filter (where %s) as %I', value, key), ', ') from json_each_text(p_counts)),
    (select string_agg(format('coalesce(sum(%s), 0)::bigint as %I', value, key), ', ') from json_each_text(p_sums)));
  v_where text := concat_ws(' and ', case when exists (select from pg_attribute where attrelid = p_source and attname = 'deleted_at' and not attisdropped)
    then 'r.deleted_at is null' else 'true' end, p_when);
  -- The totals of some rows: of the table, or of what a statement brought or took away. Joined after they are added up
  -- by the columns that come first: the planner knows nothing of the rows of a statement, and may join each with all.
  v_select text := format('select r.tenant_id, %s, %s from %s r %s where %s group by r.tenant_id, %s',
    (select string_agg(format('%s as %I', value, key), ', ') from json_each_text(p_key)),
    case when p_first = '{}' then v_figures else ddl.each(v_totals, 'sum(r.%1$I)::bigint as %1$I') end,
    case when p_first = '{}' then '%s' else format('(select r.tenant_id, %1$s, %2$s from %%s r where %3$s group by r.tenant_id, %1$s)',
      ddl.each(p_first, 'r.%I'), v_figures, v_where) end,
    p_join,
    case when p_first = '{}' then v_where else 'true' end,
    (select string_agg(value, ', ') from json_each_text(p_key)));
  v_brought text := format(v_select, 'new_rows');
  v_taken text := format('select tenant_id, %s, %s from (%s) o', v_key, ddl.each(v_totals, '-%1$I as %1$I'), format(v_select, 'old_rows'));
  v_both text := format('select tenant_id, %1$s, %2$s from (%3$s union all %4$s) b group by tenant_id, %1$s',
    v_key, ddl.each(v_totals, 'sum(%1$I)::bigint as %1$I'), v_brought, v_taken);
  -- Where the parent of a total is being deleted, the total goes, too: nothing may be added to it any more.
  v_parents text := (select string_agg(case when k.confrelid = 'iam.tenants'::regclass then 'exists (select from iam.tenants p where p.id = d.tenant_id)'
      else format('(d.%1$I is null or exists (select from %2$s p where p.tenant_id = d.tenant_id and p.id = d.%1$I))', a.attname, k.confrelid::regclass) end,
      ' and ')
    from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[cardinality(k.conkey)]
    where k.conrelid = p_target and k.contype = 'f');
  v_insert text := format($sql$insert into %1$s as t (tenant_id, %2$s, slot, %3$s)
          select d.tenant_id, %2$s, app.roll_up_slot(), %3$s from d where (%4$s) and %5$s order by d.tenant_id, %2$s
          on conflict (tenant_id, %2$s, slot) do update set %6$s$sql$,
    p_target, v_key, v_total, ddl.each(v_totals, 'd.%I <> 0', ' or '), v_parents, ddl.each(v_totals, '%1$I = t.%1$I + excluded.%1$I'));
  v_add text := format('with d as materialized (%%s) %s;', case when p_parent is null then v_insert
    else format(', added as (%s) update %s p set %s from d where p.tenant_id = d.tenant_id and p.id = d.%I and (%s)', v_insert, p_parent,
      ddl.each(p_parent_columns, '%1$I = p.%1$I + d.%1$I'), v_keys[1], ddl.each(p_parent_columns, 'd.%I <> 0', ' or ')) end);
  v_event text;
begin
  execute format($sql$
    create or replace function %s() returns trigger
    language plpgsql security definer set search_path to pg_catalog as $body$
    begin
      if tg_op = 'INSERT' then %s
      elsif tg_op = 'DELETE' then %s
      else %s
      end if;
      return null;
    end
    $body$ $sql$, v_function, format(v_add, v_brought), format(v_add, v_taken), format(v_add, v_both));
  execute format('revoke all on function %s() from public', v_function);
  execute format('comment on function %s() is %L', v_function, format('Adds what a statement changed to %s, set-wise: once for each total.', p_target));
  foreach v_event in array array['insert', 'update', 'delete'] loop
    perform ddl.trigger(p_source, format('_300_roll_up_%s_on_%s', v_target, v_event), format(
      'after %s referencing %s for each statement execute function %s()',
      v_event, case v_event when 'insert' then 'new table as new_rows' when 'delete' then 'old table as old_rows'
        else 'old table as old_rows new table as new_rows' end, v_function));
  end loop;
  perform ddl.recount(p_target, v_keys, v_totals, format(v_select, p_source));
  if p_parent is not null then
    perform ddl.recount(p_parent, '{id}', p_parent_columns, format('select tenant_id, %I as id, %s from (%s) t',
      v_keys[1], ddl.each(p_parent_columns, '%I'), format(v_select, p_source)), array_to_string(p_parent_columns, '_'));
  end if;
end
$$;
comment on function ddl.roll_up(regclass, regclass, json, json, json, text, text, regclass, text[], text[]) is
  'Keeps totals of a table in another one by statement-level triggers, given as {"key column": "expression over r"}, {"count": "condition"} and {"sum": "expression"}. The target holds the key, a column slot and the totals, unique by (tenant_id, key, slot); a total is the sum over its slots. Totals that a column of the parent has, too, are kept there by the same pass. With a join, the columns of the source that it and the key need come first.';
--! EndIncluded ddl/roll_up.sql
--! Included ddl/enqueue.sql
create or replace function ddl.enqueue(p_table regclass, p_task text, p_event text, p_when text default 'true') returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_relname text := (select relname from pg_class where oid = p_table);
  v_function text := format('%s.%I', (select relnamespace::regnamespace from pg_class where oid = p_table), format('enqueue_%s_on_%s', p_task, p_event));
begin
  execute format($sql$
    create or replace function %s() returns trigger
    language plpgsql security definer set search_path to pg_catalog as $body$
    begin
      perform pipeline.enqueue_jobs(%L, %L, r.tenant_id, array_agg(r.id order by r.id))
      from new_rows r %s
      where %s
      group by r.tenant_id;
      return null;
    end
    $body$ $sql$, v_function, p_task, v_relname,
    case when p_event = 'update' then 'join old_rows o on o.tenant_id = r.tenant_id and o.id = r.id' else '' end, p_when);
  execute format('revoke all on function %s() from public', v_function);
  execute format('comment on function %s() is %L', v_function,
    format('Queues one %s job for each row of the statement that needs it, all in one call.', p_task));
  perform ddl.trigger(p_table, format('_500_enqueue_%s_on_%s', p_task, p_event), format(
    'after %s referencing new table as new_rows %s for each statement execute function %s()',
    p_event, case when p_event = 'update' then 'old table as old_rows' else '' end, v_function));
end
$$;
comment on function ddl.enqueue(regclass, text, text, text) is
  'Queues a task for the rows of an insert or update that satisfy a condition over r (for updates also o, the row before): one statement-level trigger, one call.';
--! EndIncluded ddl/enqueue.sql
--! Included ddl/notify_progress.sql
create or replace function ddl.notify_progress(p_table regclass, p_event text, p_column text default 'id', p_subject regclass default null) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_subject text := (select relname from pg_class where oid = coalesce(p_subject, p_table));
  v_function text := format('%s.%I', (select relnamespace::regnamespace from pg_class where oid = p_table),
    format('notify_%s_progress_on_%s', (select relname from pg_class where oid = p_table), p_event));
begin
  -- A notification must stay below 8000 bytes, or it fails the write: beyond a hundred ids it says only which table.
  execute format($sql$
    create or replace function %1$s() returns trigger
    language plpgsql set search_path to pg_catalog as $body$
    begin
      perform pg_notify('rowhouse_progress', json_build_object('tenant', s.tenant_id, 'table', %2$L,
        'ids', case when count(*) <= 100 then json_agg(s.id) end)::text)
      from (select distinct r.tenant_id, r.%3$I as id from new_rows r) s
      group by s.tenant_id;
      return null;
    end
    $body$ $sql$, v_function, v_subject, p_column);
  execute format('revoke all on function %s() from public', v_function);
  execute format('comment on function %s() is %L', v_function,
    'Tells servers which rows changed, in one notification per statement and tenant.');
  perform ddl.trigger(p_table, format('_700_notify_progress_on_%s', p_event), format(
    'after %s referencing new table as new_rows for each statement execute function %s()', p_event, v_function));
end
$$;
comment on function ddl.notify_progress(regclass, text, text, regclass) is
  'Notifies servers of rows that an insert or update touched, so that subscribers read them again: the rows themselves, or the rows of another table that a column of theirs names.';
--! EndIncluded ddl/notify_progress.sql
--! Included ddl/searchable.sql
create or replace function ddl.searchable(p_table regclass, p_vector text, p_fuzzy text, p_fields text[], p_pending_kib integer default 4096) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := (select relnamespace::regnamespace::text from pg_class where oid = p_table);
  v_name text := (select relname from pg_class where oid = p_table);
  v_living text := case when exists (select from pg_attribute where attrelid = p_table and attname = 'deleted_at' and not attisdropped)
    then 't.deleted_at is null' else 'true' end;
  v_scope text := ddl.scope(p_table) || ':read';
  v_alike text;
begin
  v_alike := case when p_fuzzy is null then format($alike$
        -- What sounds alike; the vector has the sounds, too.
        return query execute format($q$
          select t.id, 0.001::float8 from %1$s t
          where t.tenant_id = %%2$L and %2$s and t.search_vector @@ %%1$L::tsquery and not t.search_vector @@ %%3$L::tsquery
          order by 1 desc limit 100 $q$, app.search_sounds_query(p_query), app.tenant_id(), v_query);$alike$, p_table, v_living)
    else format($alike$
        -- How alike is alike enough, for this transaction.
        perform set_config('pg_trgm.word_similarity_threshold', '0.4', true);
        return query execute format($q$
          select t.id, (word_similarity(%%1$L, %3$s) / 100)::float8 from %1$s t
          where t.tenant_id = %%2$L and %2$s and %%1$L <%%%% (%3$s) and not t.search_vector @@ %%3$L::tsquery
          order by 2 desc, 1 desc limit 100 $q$, app.fold(p_query), app.tenant_id(), v_query);$alike$, p_table, v_living, p_fuzzy) end;

  execute format('alter table %s add column if not exists search_vector tsvector not null generated always as (%s) stored', p_table, p_vector);
  execute format('comment on column %s.search_vector is %L', p_table, E'@behavior -*\nWords by which it is found; kept by the database.');
  -- With the tenant in it, so that a tenant's search reads the tenant's words only.
  execute format('create index if not exists %I on %s using gin (tenant_id extensions.uuid_ops, search_vector) with (gin_pending_list_limit = %s)',
    v_name || '_search_vector_idx', p_table, p_pending_kib);
  if p_fuzzy is not null then
    execute format('create index if not exists %I on %s using gin (tenant_id extensions.uuid_ops, (%s) extensions.gin_trgm_ops) with (gin_pending_list_limit = %s)',
      v_name || '_fuzzy_idx', p_table, p_fuzzy, p_pending_kib);
  end if;
  execute format('grant select on %s to rowhouse_definer', p_table);

  -- Matching words is not leakproof, so row-level security would keep its index from serving: this function passes by
  -- the policies, with the tenant written out, and gives nothing but ids of that tenant.
  execute 'set local role rowhouse_definer';
  execute format($sql$
    create or replace function app.find_%2$I(p_query text) returns table (id uuid, rank float8)
    language plpgsql stable security definer set search_path to pg_catalog, extensions as $body$
    declare
      v_query tsquery := app.search_query(p_query);
      v_found bigint;
    begin
      perform app.require_scope(%6$L);
      if v_query is null then
        return;
      end if;
      -- As text, so that it is planned for this tenant and these words. A word that is everywhere is not ranked to the end.
      return query execute format($q$
        select f.id, (ts_rank(f.search_vector, %%1$L) + case when f.search_vector @@ %%2$L then 1 else 0 end)::float8
        from (select t.id, t.search_vector from %1$s t
          where t.tenant_id = %%3$L and %4$s and t.search_vector @@ %%1$L::tsquery limit 2000) f
        order by 2 desc, 1 desc limit 1000 $q$, v_query, coalesce(app.search_query(p_query, true), v_query), app.tenant_id());
      get diagnostics v_found = row_count;
      if v_found < 20 and p_query !~ '["-]' and length(p_query) >= 3 then
        %5$s
      end if;
    end
    $body$ $sql$, p_table, v_name, p_fuzzy, v_living, v_alike, v_scope);
  execute format('comment on function app.find_%I(text) is %L', v_name,
    format('Ids of the %s of this tenant that a search finds, with their ranks: at most a thousand, then what is spelt alike.', replace(v_name, '_', ' ')));
  execute format('grant execute on function app.find_%I(text) to rowhouse_viewer', v_name);
  execute format('revoke all on function app.find_%I(text) from public', v_name);
  execute 'set local role rowhouse_owner';

  execute format($sql$
    create or replace function %1$I.search_%2$I(query text) returns setof %3$s
    language sql stable rows 100
    begin atomic
      select t.* from app.find_%2$I(query) f join %3$s t on t.tenant_id = app.tenant_id() and t.id = f.id
      order by f.rank desc, t.id desc;
    end $sql$, v_schema, v_name, p_table);
  execute format('comment on function %I.search_%I(text) is %L', v_schema, v_name, format(
    'Finds %s by words, beginnings of words, "phrases", -words, phone numbers and e-mail addresses, best first; when little is found, also what is spelt alike. At most a thousand.',
    replace(v_name, '_', ' ')));
  execute format('grant execute on function %I.search_%I(text) to rowhouse_viewer', v_schema, v_name);

  execute format($sql$
    create or replace function %1$I.%2$I(p_row %3$s, query text) returns jsonb
    language sql stable
    begin atomic
      select coalesce(jsonb_agg(jsonb_build_object('field', v.field, 'snippet', v.snippet)), '[]')
      from (values %4$s) v (field, snippet) where v.snippet is not null;
    end $sql$, v_schema, v_name || '_highlights', p_table,
    (select string_agg(format('(%L, app.highlight(p_row.%I, query))', f, f), ', ') from unnest(p_fields) f));
  execute format('comment on function %I.%I(%s, text) is %L', v_schema, v_name || '_highlights', p_table,
    'Where a search is found in the row: an array of {field, snippet}; the snippet is HTML with the words in <mark>.');
  execute format('grant execute on function %I.%I(%s, text) to rowhouse_viewer', v_schema, v_name || '_highlights', p_table);
end
$$;
comment on function ddl.searchable(regclass, text, text, text[], integer) is
  'Makes a table searchable: a vector of weighted words with its index, an index of trigrams over a text for what is spelt alike (or null, where the vector has app.search_sounds() in it), a query search_<table> in the API, and highlights of the named columns. A larger pending list (in KiB) makes mass imports cheaper, and a search right after one dearer.';
--! EndIncluded ddl/searchable.sql
--! Included ddl/audit.sql
create or replace function ddl.audit(
  p_table regclass, p_redacted text[] default '{}', p_scope text default 'tenant_id', p_ignored text[] default '{}', p_entity text default 'id'
) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_event text;
  v_unknown text;
begin
  -- A name that is spelled wrong would let a secret through.
  select string_agg(n, ', ') into v_unknown
  from unnest(p_redacted || p_ignored || p_entity || case when p_scope <> 'membership' then array[p_scope] else '{}' end) n
  where not exists (select from pg_attribute where attrelid = p_table and attname = n and attnum > 0 and not attisdropped);
  if v_unknown is not null then
    raise exception '% has no column %', p_table, v_unknown;
  end if;
  foreach v_event in array array['insert', 'update', 'delete'] loop
    perform ddl.trigger(p_table, '_900_audit_on_' || v_event, format(
      'after %s referencing %s for each statement execute function audit.record_change(%L, %L, %L, %L)', v_event,
      case v_event when 'insert' then 'new table as new_rows' when 'delete' then 'old table as old_rows'
        else 'old table as old_rows new table as new_rows' end, p_scope, p_redacted, p_ignored, p_entity));
  end loop;
end
$$;
comment on function ddl.audit(regclass, text[], text, text[], text) is
  'Writes every change of a table to the audit log: the values that changed, with the named columns redacted. The scope is the column that names the tenant, or "membership" for what belongs to a user; ignored columns are counters and the like that tell nothing; the entity is the column that tells which row it is.';
--! EndIncluded ddl/audit.sql
--! Included ddl/feed.sql
create or replace function ddl.singular(p_name text) returns text
language sql immutable set search_path to pg_catalog
return case when p_name ~ 'ies$' then regexp_replace(p_name, 'ies$', 'y') when p_name ~ '(ss|x|ch|sh)es$' then regexp_replace(p_name, 'es$', '')
  else regexp_replace(p_name, 's$', '') end;
comment on function ddl.singular(text) is 'One of what a table holds: companies, company.';

create or replace function ddl.fed_columns(p_table regclass, p_ignored text[] default '{}') returns text[]
language sql stable set search_path to pg_catalog
return (
  select array_agg(attname::text order by attnum) from pg_attribute
  where attrelid = p_table and attnum > 0 and not attisdropped and attgenerated = '' and atttypid <> 'tsvector'::regtype
    and attname <> all (p_ignored || '{tenant_id,id,created_at,updated_at}')
);
comment on function ddl.fed_columns(regclass, text[]) is 'The columns of a table whose change is an event: all but keys, times of writing, what is worked out from others, and the ignored ones.';

create or replace function ddl.feed(
  p_table regclass, p_ignored text[] default '{}', p_status text default null, p_payload text[] default '{}',
  p_singular text default null, p_compare boolean default true
) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_relname text := (select relname from pg_class where oid = p_table);
  v_singular text := coalesce(p_singular, ddl.singular(v_relname));
  v_function text := format('%s.%I', (select relnamespace::regnamespace from pg_class where oid = p_table), 'feed_' || v_relname);
  v_columns text[] := ddl.fed_columns(p_table, p_ignored);
  v_is_soft boolean := exists (select from pg_attribute where attrelid = p_table and attname = 'deleted_at' and not attisdropped);
  v_verb text := case when not v_is_soft and p_status is null then $q$'updated'::text$q$ else concat('case ', case when v_is_soft then $q$when n.deleted_at is not null and o.deleted_at is null then 'deleted' when n.deleted_at is null and o.deleted_at is not null then 'restored' $q$ end,
    case when p_status is not null then format('when o.%1$I is distinct from n.%1$I then n.%1$I::text ', p_status) end, $q$else 'updated' end$q$) end;
  v_write text := format('perform private.write_event(s.tenant_id, %L, %L, s.keys, s.row_count', v_singular || '.%s', v_relname);
  v_shown text[] := array_remove(array[p_status] || p_payload, null);
  v_payload text := case when v_shown <> '{}' then
    format(', case when s.row_count = 1 then (select jsonb_build_object(%s) from %%s r where r.id = s.keys[1]) else ''{}'' end', ddl.each(v_shown, '%1$L, r.%1$I')) else ', ''{}''' end;
  v_unknown text := (select string_agg(c, ', ') from unnest(p_ignored || p_payload || p_status || '{tenant_id,id}'::text[]) c
    where c is not null and not exists (select from pg_attribute where attrelid = p_table and attname = c and not attisdropped));
  v_event text;
begin
  if v_unknown is not null then
    raise exception '% has no column %', p_table, v_unknown;
  end if;
  -- A plan that was made for one row is kept for a hundred thousand: a nested loop would then never end.
  execute format($sql$
    create or replace function %1$s() returns trigger
    language plpgsql security definer set search_path to pg_catalog set enable_nestloop to off set enable_mergejoin to off as $body$
    begin
      if tg_op = 'INSERT' then
        %2$s
        from (select tenant_id, count(*) as row_count, array_agg(id) as keys from new_rows group by 1) s;
      elsif tg_op = 'DELETE' then
        %3$s
        from (select tenant_id, count(*) as row_count, array_agg(id) as keys from old_rows where %4$s group by 1) s;
      elsif %5$s then
        %6$s
        from (
          select n.tenant_id, %7$s as verb, count(*) as row_count, array_agg(n.id) as keys%8$s
          from old_rows o join new_rows n on n.tenant_id = o.tenant_id and n.id = o.id
          %9$s
          group by 1, 2) s;
      else
        %10$s
        from (select tenant_id, count(*) as row_count, array_agg(id) as keys from new_rows group by 1) s;
      end if;
      return null;
    end
    $body$ $sql$,
    v_function,
    format(v_write, 'created') || replace(v_payload, '%s', 'new_rows') || ')',
    format(v_write, 'deleted') || replace(v_payload, '%s', 'old_rows') || ')',
    case when v_is_soft then 'deleted_at is null' else 'true' end,
    case when p_compare then 'true' when v_is_soft then
      'exists (select from new_rows where deleted_at is not null) or exists (select from old_rows where deleted_at is not null)' else 'false' end,
    replace(v_write, format('%L', v_singular || '.%s'), format('%L || s.verb', v_singular || '.'))
      || replace(v_payload, '%s', 'new_rows') || case when p_compare then ', s.changed_fields)' else ')' end,
    v_verb,
    case when p_compare then format(', array_remove(array[%s]::text[], null) as changed_fields', ddl.each(v_columns, 'case when bool_or(o.%1$I is distinct from n.%1$I) then %1$L end')) end,
    case when p_compare then format('where (%s) is distinct from (%s)', ddl.each(v_columns, 'o.%1$I'), ddl.each(v_columns, 'n.%1$I')) end,
    format(v_write, 'updated') || replace(v_payload, '%s', 'new_rows') || ')');
  execute format('revoke all on function %s() from public', v_function);
  execute format('comment on function %s() is %L', v_function, format('Writes what a statement did to %s into the feed.', p_table));
  foreach v_event in array array['insert', 'update', 'delete'] loop
    perform ddl.trigger(p_table, '_800_feed_on_' || v_event, format('after %s referencing %s for each statement execute function %s(%L)', v_event,
      case v_event when 'insert' then 'new table as new_rows' when 'delete' then 'old table as old_rows'
        else 'old table as old_rows new table as new_rows' end, v_function, p_ignored));
  end loop;
end
$$;
comment on function ddl.feed(regclass, text[], text, text[], text, boolean) is
  'Writes an event into the feed for each statement that changes rows of a table: <singular>.created, .updated, .deleted, .restored, or the new value of the status column. Ignored columns are counters and the like: a change of nothing else is no event. The payload names columns whose values stand in the event of a single row; whoever may read events may read them. Without comparing, every update is an event and says not what changed.';
--! EndIncluded ddl/feed.sql
--! Included ddl/masked.sql
create or replace function ddl.masked(p_table regclass, p_columns jsonb default '{}') returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_name text := (select relnamespace::regnamespace || '.' || relname from pg_class where oid = p_table);
  v_forms constant jsonb := '{
    "email": "app.mask_email(t.%1$I)", "phone": "app.mask_phone(t.%1$I)", "contact": "app.mask_contact(t.%1$I)", "domain": "app.mask_domain(t.%1$I)",
    "text": "app.mask_text(t.%1$I)", "json": "app.mask_json(t.%1$I)", "names": "app.mask_json(t.%1$I, false, false)",
    "contacts": "app.mask_json(t.%1$I, true)", "hidden": "case when t.%1$I is not null then ''•••'' end"}';
  v_column text;
  v_form text;
begin
  delete from private.masked_columns where table_name = v_name;
  insert into private.masked_columns (table_name, column_name, expression) values (v_name, '', '');
  for v_column, v_form in select * from jsonb_each_text(p_columns) loop
    if not exists (select from pg_attribute where attrelid = p_table and attname = v_column and not attisdropped) then
      raise exception '% has no column %', p_table, v_column;
    end if;
    insert into private.masked_columns (table_name, column_name, expression)
    values (v_name, v_column, coalesce(format(v_forms ->> v_form, v_column), v_form));
  end loop;
end
$$;
comment on function ddl.masked(regclass, jsonb) is
  'Says which columns of a table hold e-mail addresses and phone numbers, and what masked viewers see instead: email, phone, contact, domain, text (what looks like one is hidden), json, names (JSON whose keys tell nothing), contacts (JSON of nothing else), hidden, or an expression over the row t. What it says takes effect by masked/index.sql, which is the last file of the book and follows each change of such a table in a migration.';
--! EndIncluded ddl/masked.sql
--! Included ddl/masked_table.sql
create or replace function ddl.masked_name(p_name text) returns text
language sql immutable parallel safe
return format('masked.%I', replace(p_name, '.', '_'));
comment on function ddl.masked_name(text) is 'What stands in for a table or function in the sessions of masked viewers: masked.crm_contacts() for crm.contacts.';

create or replace function ddl.masked_columns(p_table text, p_nothing boolean default false) returns text
language plpgsql stable set search_path to pg_catalog as $$
begin
  return (
    select string_agg(case
        when a.attname = 'search_vector' or p_nothing and m.expression ~ '^app\.mask_(email|phone|contact|domain)\(t\.[a-z0-9_]+\)$'
          then format('null::%s', format_type(a.atttypid, a.atttypmod))
        else coalesce(m.expression || '::' || format_type(a.atttypid, a.atttypmod), format('t.%I', a.attname)) end || format(' as %I', a.attname), ', ' order by a.attnum)
    from pg_attribute a left join private.masked_columns m on m.table_name = p_table and m.column_name = a.attname
    where a.attrelid = p_table::regclass and a.attnum > 0 and not a.attisdropped);
end
$$;
comment on function ddl.masked_columns(text, boolean) is
  'The columns of a table t as masked viewers see them; if so wanted with nothing at all where a masked address or number would be, to be searched.';

create or replace function ddl.masked_table(p_table text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_name text := ddl.masked_name(p_table);
  v_view text := ddl.masked_name(p_table || '_rows');
  v_is_view boolean := (select relkind = 'v' from pg_class where oid = p_table::regclass);
  v_open text;
begin
  -- A view of its owner: who may read it need not be able to read what it hides. The policies bind the owner, the wall among them.
  execute format('drop view if exists %s', v_view);
  execute format('create view %s as select %s from %s t where (select app.require_scope(%L))', v_view, ddl.masked_columns(p_table), p_table,
    ddl.scope(p_table::regclass) || ':read');
  execute format('comment on view %s is %L', v_view, format('The rows of %s as masked viewers see them; read through the function.', p_table));
  execute format('grant select on %s to rowhouse_viewer_masked', v_view);
  -- A function that is inlined, so that its rows are of the table's own type: what takes such rows takes these, too.
  execute format('create or replace function %s() returns setof %s language sql stable rows 1000 as %L', v_name, p_table, format('select * from %s', v_view));
  execute format('comment on function %s() is %L', v_name, format('%s, with e-mail addresses and phone numbers masked.', p_table));
  execute format('grant execute on function %s() to rowhouse_viewer_masked', v_name);
  execute format('revoke all on function %s() from public', v_name);

  execute format('revoke all on %s from rowhouse_viewer_masked', p_table);
  if not v_is_view then
    select string_agg(format('%I', a.attname), ', ') || ', xmin' into v_open
    from pg_attribute a
    where a.attrelid = p_table::regclass and a.attnum > 0 and not a.attisdropped and a.attname <> 'search_vector'
      and not exists (select from private.masked_columns m where m.table_name = p_table and m.column_name = a.attname);
    execute format('grant select (%s) on %s to rowhouse_viewer_masked', v_open, p_table);
  end if;
end
$$;
comment on function ddl.masked_table(text) is
  'Makes the stand-in of a table for masked viewers, who may read only the harmless columns of the table itself: PostgreSQL refuses any statement that touches another, be it to compare, to sort, to group or to count.';
--! EndIncluded ddl/masked_table.sql
--! Included ddl/masked_search.sql
create or replace function ddl.masked_search(p_table text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := split_part(p_table, '.', 1);
  v_name text := split_part(p_table, '.', 2);
  v_living text := case when exists (select from pg_attribute where attrelid = p_table::regclass and attname = 'deleted_at' and not attisdropped)
    then 't.deleted_at is null' else 'true' end;
  v_vector text := (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    where d.adrelid = p_table::regclass and a.attname = 'search_vector');
  v_index regclass := to_regclass(format('%I.%I', v_schema, v_name || '_fuzzy_idx'));
  v_fuzzy text := pg_get_indexdef(v_index, 2, true);
  -- The row without what is masked: what is found by that alone is not found, and what excludes by it does not.
  v_clean text := format('cross join lateral (select %s as vector, %s as fuzzy from (select %s) c) k',
    v_vector, coalesce(v_fuzzy, 'null::text'), ddl.masked_columns(p_table, true));
  v_scope text := ddl.scope(p_table::regclass) || ':read';
  v_alike text;
begin
  v_alike := case when v_fuzzy is null then format($alike$
      return query execute format($q$
        select f.id, 0.001::float8
        from (select t.id, k.vector from %1$s t %3$s where t.tenant_id = %%3$L and %2$s and t.search_vector @@ %%1$L::tsquery limit 2000) f
        where f.vector @@ %%1$L::tsquery and not f.vector @@ %%2$L::tsquery
        order by 1 desc limit 100 $q$, app.search_sounds_query(p_query), v_query, app.tenant_id());$alike$, p_table, v_living, v_clean)
    else format($alike$
      perform set_config('pg_trgm.word_similarity_threshold', '0.4', true);
      return query execute format($q$
        select f.id, (word_similarity(%%1$L, f.fuzzy) / 100)::float8
        from (select t.id, k.vector, k.fuzzy from %1$s t %3$s where t.tenant_id = %%3$L and %2$s and %%1$L <%%%% (%4$s) limit 2000) f
        where %%1$L <%%%% f.fuzzy and not f.vector @@ %%2$L::tsquery
        order by 2 desc, 1 desc limit 100 $q$, app.fold(p_query), v_query, app.tenant_id());$alike$, p_table, v_living, v_clean, v_fuzzy) end;

  execute 'set local role rowhouse_definer';
  execute format($sql$
    create or replace function app.find_masked_%2$I(p_query text) returns table (id uuid, rank float8)
    language plpgsql stable security definer set search_path to pg_catalog, extensions as $body$
    declare
      v_query tsquery := app.search_query(p_query);
      v_candidates tsquery := app.search_candidates(p_query);
      v_found bigint;
    begin
      perform app.require_scope(%6$L);
      if v_query is null or v_candidates is null then
        return;
      end if;
      return query execute format($q$
        select f.id, (ts_rank(f.vector, %%1$L) + case when f.vector @@ %%2$L then 1 else 0 end)::float8
        from (select t.id, k.vector from %1$s t %3$s where t.tenant_id = %%3$L and %4$s and t.search_vector @@ %%4$L::tsquery limit 2000) f
        where f.vector @@ %%1$L::tsquery
        order by 2 desc, 1 desc limit 1000 $q$, v_query, coalesce(app.search_query(p_query, true), v_query), app.tenant_id(), v_candidates);
      get diagnostics v_found = row_count;
      if v_found < 20 and p_query !~ '["-]' and length(p_query) >= 3 then
        %5$s
      end if;
    end
    $body$ $sql$, p_table, v_name, v_clean, v_living, v_alike, v_scope);
  execute format('comment on function app.find_masked_%I(text) is %L', v_name,
    format('Ids of the %s of this tenant that a search finds without their e-mail addresses and phone numbers, with their ranks.', replace(v_name, '_', ' ')));
  execute format('grant execute on function app.find_masked_%I(text) to rowhouse_viewer_masked', v_name);
  execute format('revoke all on function app.find_masked_%I(text) from public', v_name);
  execute 'set local role rowhouse_owner';

  execute format('create or replace function %s(query text) returns setof %s language sql stable rows 100 as %L',
    ddl.masked_name(v_schema || '.search_' || v_name), p_table, format(
      'select t.* from app.find_masked_%I(query) f join %s() t on t.id = f.id order by f.rank desc, t.id desc', v_name, ddl.masked_name(p_table)));
  execute format('comment on function %s(text) is %L', ddl.masked_name(v_schema || '.search_' || v_name),
    format('The search of %s for masked viewers.', p_table));
  execute format('grant execute on function %s(text) to rowhouse_viewer_masked', ddl.masked_name(v_schema || '.search_' || v_name));
end
$$;
comment on function ddl.masked_search(text) is
  'Makes the search of a table for masked viewers: the index finds candidates by what is wanted, and only those count that are found without what is masked. Neither a word nor its exclusion tells what is in a masked column.';
--! EndIncluded ddl/masked_search.sql
--! Included ddl/masked_functions.sql
create or replace function ddl.masked_body(p_function regprocedure) returns text
language plpgsql stable set search_path to '' as $$
declare
  v_body text := regexp_replace(pg_catalog.pg_get_function_sqlbody(p_function), '^\s*BEGIN ATOMIC(.*);\s*END\s*$', '\1');
  v_table text;
begin
  v_body := regexp_replace(v_body, '^\s*RETURN\s', 'select ');
  -- Arguments are named by their function.
  v_body := (select regexp_replace(v_body, '\m' || p.proname || '\.', p.pronamespace::pg_catalog.regnamespace || '_' || p.proname || '.', 'g')
    from pg_catalog.pg_proc p where p.oid = p_function);
  for v_table in select m.table_name from private.masked_columns m where m.column_name = '' loop
    v_body := regexp_replace(v_body, '(\mFROM|\mJOIN|,)(\s+\(*)' || replace(v_table, '.', '\.') || '(?=\s+[a-z])', '\1\2' || ddl.masked_name(v_table) || '()', 'g');
  end loop;
  return v_body;
end
$$;
comment on function ddl.masked_body(regprocedure) is 'The body of an SQL function that reads what stands in for masked tables.';

create or replace function ddl.masked_functions() returns void
language plpgsql set search_path to pg_catalog as $$
declare
  f record;
  v_name text;
begin
  -- Whatever viewers may call acts with the rights of its caller, and reads no more than they may; what acts with the
  -- rights of its owner is not among it, and needs a grant of its own.
  for f in
    select p.oid::regprocedure as signature from pg_proc p
    where p.pronamespace::regnamespace::text = any (ddl.own_schemas()) and not p.prosecdef
      and exists (select from aclexplode(p.proacl) a where a.grantee = 'rowhouse_viewer'::regrole)
  loop
    execute format('grant execute on function %s to rowhouse_viewer_masked', f.signature);
  end loop;
  for f in
    select p.proname, p.pronamespace::regnamespace::text as schema, p.oid::regprocedure as signature, pg_get_function_arguments(p.oid) as arguments,
      pg_get_function_result(p.oid) as result, obj_description(p.oid, 'pg_proc') as description, ddl.masked_body(p.oid::regprocedure) as body
    from pg_proc p
    where p.pronamespace::regnamespace::text = any (ddl.domain_schemas()) and not p.prosecdef and p.prosqlbody is not null
      and has_function_privilege('rowhouse_viewer_masked', p.oid, 'execute') and p.proname !~ '^search_'
      and exists (select from pg_depend d join private.masked_columns m on d.refobjid = m.table_name::regclass
        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass)
      and ddl.masked_body(p.oid::regprocedure) ~ 'masked\.'
  loop
    v_name := ddl.masked_name(f.schema || '.' || f.proname);
    execute format('create or replace function %s(%s) returns %s language sql stable as %L', v_name, f.arguments, f.result, f.body);
    execute format('comment on function %s is %L', v_name, format('%s.%s for masked viewers: %s', f.schema, f.proname, f.description));
    execute format('grant execute on function %s to rowhouse_viewer_masked', v_name);
    execute format('revoke all on function %s from public', v_name);
  end loop;
end
$$;
comment on function ddl.masked_functions() is 'Lets masked viewers call what viewers may call, and makes the stand-ins of those functions that read masked tables.';

create or replace function ddl.masked_all() returns void
language plpgsql set search_path to pg_catalog as $$
declare
  t record;
begin
  for t in select table_name from private.masked_columns where column_name = '' order by table_name loop
    perform ddl.masked_table(t.table_name);
    if exists (select from pg_attribute where attrelid = t.table_name::regclass and attname = 'search_vector' and not attisdropped) then
      perform ddl.masked_search(t.table_name);
    end if;
  end loop;
  -- All schemas and other tables as viewers have them.
  for t in
    select n.nspname as name from pg_namespace n cross join lateral aclexplode(n.nspacl) g
    where g.grantee = 'rowhouse_viewer'::regrole and g.privilege_type = 'USAGE'
  loop
    execute format('grant usage on schema %I to rowhouse_viewer_masked', t.name);
  end loop;
  for t in
    select c.oid::regclass as name from pg_class c
    where c.relnamespace::regnamespace::text = any (ddl.domain_schemas()) and c.relkind in ('r', 'p', 'v')
      and exists (select from aclexplode(c.relacl) a where a.grantee = 'rowhouse_viewer'::regrole and a.privilege_type = 'SELECT')
      and not exists (select from private.masked_columns m where m.table_name::regclass = c.oid)
  loop
    execute format('grant select on %s to rowhouse_viewer_masked', t.name);
  end loop;
  for t in
    select c.oid::regclass as name, string_agg(format('%I', a.attname), ', ') as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid cross join lateral aclexplode(a.attacl) g
    where c.relnamespace::regnamespace::text = any (ddl.domain_schemas()) and g.grantee = 'rowhouse_viewer'::regrole and g.privilege_type = 'SELECT'
      and not exists (select from private.masked_columns m where m.table_name::regclass = c.oid)
    group by c.oid
  loop
    execute format('grant select (%s) on %s to rowhouse_viewer_masked', t.columns, t.name);
  end loop;
  perform ddl.masked_functions();
end
$$;
comment on function ddl.masked_all() is 'Makes what masked viewers see of everything that viewers see.';
--! EndIncluded ddl/masked_functions.sql
--! EndIncluded ddl/index.sql
--! Included app/index.sql
-- The session: which tenant, which actor, which user, which role; errors; the time stamp.
create schema if not exists app;
comment on schema app is 'The session of a request or job: its tenant, actor and role, read from the claims of the transaction.';
grant create on schema app to rowhouse_definer;
grant usage on schema app to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;

--! Included app/raise.sql
create or replace function app.raise(p_code text, p_message text, p_field text default null, p_details jsonb default null) returns void
language plpgsql stable set search_path to pg_catalog as $$
begin
  raise exception using
    errcode = case p_code
      when 'TENANT_REQUIRED' then 'RH001' when 'NOT_FOUND' then 'RH002' when 'CONFLICT' then 'RH003'
      when 'VALIDATION_FAILED' then 'RH004' when 'FORBIDDEN' then 'RH005' when 'INVALID_STATE' then 'RH006'
      when 'LIMIT_EXCEEDED' then 'RH007' when 'UNAUTHENTICATED' then 'RH008' end,
    message = p_message,
    -- The column slot names the field for the client; the detail slot carries figures as JSON.
    column = coalesce(p_field, ''),
    detail = coalesce(p_details::text, '');
end
$$;
comment on function app.raise(text, text, text, jsonb) is
  'Raises an error of the API by its code. The message says what happened, to what, and what to do; it reaches the client as it is.';
grant execute on function app.raise(text, text, text, jsonb)
  to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;
--! EndIncluded app/raise.sql
--! Included app/scopes.sql
-- Scopes: to which parts of the tenant's data a key is limited. People have none, and are limited by their role alone.
create or replace function app.known_scopes() returns text[]
language sql immutable parallel safe
return (select array_agg(d || v order by d, v) from unnest(array[
  'api_keys', 'audit', 'connections', 'crm', 'enrichment', 'events', 'exports', 'iam', 'imports', 'inbox', 'lists', 'outreach', 'pipeline', 'tracking'
]) d, unnest(array[':read', ':write']) v where d <> 'audit' or v = ':read');
comment on function app.known_scopes() is 'Every scope that a key may have: a part of the data, and whether it may be written. What may be written may be read.';

create or replace function app.scopes_cover(p_scopes text[], p_needed text[]) returns boolean
language sql immutable parallel safe
return (select coalesce(bool_and(n = any (p_scopes) or regexp_replace(n, ':read$', ':write') = any (p_scopes)), true) from unnest(p_needed) n);
comment on function app.scopes_cover(text[], text[]) is 'Whether scopes allow all that others do: writing includes reading.';

create or replace function app.check_scopes(p_scopes text[]) returns text[]
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_unknown text;
begin
  select string_agg(coalesce(s, 'null'), ', ') into v_unknown from unnest(p_scopes) s where s is null or s <> all (app.known_scopes());
  if v_unknown is not null then
    perform app.raise('VALIDATION_FAILED', format('There is no scope %s. Scopes: %s.', left(v_unknown, 200), array_to_string(app.known_scopes(), ', ')), 'scopes');
  end if;
  return array(select distinct s from unnest(p_scopes) s order by s);
end
$$;
comment on function app.check_scopes(text[]) is 'The scopes in order and once each; refuses those that do not exist.';
grant execute on function app.known_scopes(), app.scopes_cover(text[], text[]), app.check_scopes(text[])
  to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;

create or replace function app.require_scope(p_scope text) returns boolean
language plpgsql stable parallel safe set search_path to pg_catalog as $$
declare
  v_scopes text := coalesce(current_setting('jwt.claims.scopes', true), '');
begin
  -- A role that is limited to scopes has none where none are named.
  if v_scopes = '' and current_user not like 'rowhouse\_%\_scoped' then
    return true;
  end if;
  if not app.scopes_cover(string_to_array(v_scopes, ' '), array[p_scope]) then
    perform app.raise('FORBIDDEN', format('This API key lacks the scope %s. It has: %s. Use a key that was made with it.', p_scope, replace(v_scopes, ' ', ', ')),
      null, jsonb_build_object('scope', p_scope));
  end if;
  return true;
end
$$;
comment on function app.require_scope(text) is
  'Raises FORBIDDEN, naming the scope, when this session is of an API key that is limited to others; true for everybody else. In policies it stands in a sub-select, and is asked once a statement.';
grant execute on function app.require_scope(text) to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;
--! EndIncluded app/scopes.sql
--! Included app/session.sql
create or replace function app.require_tenant() returns text
language plpgsql stable parallel safe set search_path to pg_catalog as $$
begin
  raise exception using
    errcode = 'RH001',
    message = 'This session has no tenant. Sign in to a tenant and send its access token.';
end
$$;
comment on function app.require_tenant() is 'Raises TENANT_REQUIRED: a session without a tenant sees an error, never nothing and never everything.';

-- Inlinable on purpose: plain SQL, no settings, not security definer. The planner then knows the tenant and estimates its rows.
create or replace function app.tenant_id() returns uuid
language sql stable parallel safe
return coalesce(nullif(current_setting('jwt.claims.tenant_id', true), ''), app.require_tenant())::uuid;
comment on function app.tenant_id() is 'The tenant of this session; an error when there is none.';

create or replace function app.tenant_id_or_null() returns uuid
language sql stable parallel safe
return nullif(current_setting('jwt.claims.tenant_id', true), '')::uuid;
comment on function app.tenant_id_or_null() is 'The tenant of this session, or null.';

create or replace function app.actor_id() returns uuid
language sql stable parallel safe
return nullif(current_setting('jwt.claims.actor_id', true), '')::uuid;
comment on function app.actor_id() is 'Who acts in this session, or null outside a request.';

create or replace function app.user_id() returns uuid
language sql stable parallel safe
return nullif(current_setting('jwt.claims.sub', true), '')::uuid;
comment on function app.user_id() is 'The user who is signed in, or null.';

grant execute on function app.require_tenant(), app.tenant_id(), app.tenant_id_or_null(), app.actor_id(), app.user_id()
  to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;
--! EndIncluded app/session.sql
--! Included app/stamp.sql
create or replace function app.stamp() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.updated_at := now();
  return new;
end
$$;
comment on function app.stamp() is 'Sets updated_at on every update.';
--! EndIncluded app/stamp.sql
--! Included app/guards.sql
create or replace function app.refuse_change() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('FORBIDDEN', format('Rows of %s.%s are never changed or deleted. Add a new row that supersedes or follows the old one.',
    tg_table_schema, tg_table_name));
  return null;
end
$$;
comment on function app.refuse_change() is 'Refuses a change of an append-only table.';

create or replace function app.guard_transition() returns trigger
language plpgsql set search_path to pg_catalog as $$
declare
  v_from text := to_jsonb(old) ->> tg_argv[0];
  v_to text := to_jsonb(new) ->> tg_argv[0];
  v_next jsonb := coalesce(tg_argv[1]::jsonb -> v_from, '[]');
begin
  if v_next ? v_to then
    return new;
  end if;
  perform app.raise('INVALID_STATE', format('Row %s of %s is %s and cannot become %s. %s', old.id, replace(tg_table_name, '_', ' '), v_from, v_to,
    case when v_next = '[]' then 'That is a final state.'
      else format('From there it can become: %s.', (select string_agg(s, ', ') from jsonb_array_elements_text(v_next) s)) end),
    tg_argv[0], jsonb_build_object('from', v_from, 'to', v_to, 'possible', v_next));
  return null;
end
$$;
comment on function app.guard_transition() is 'Refuses a step that the state machine of the column does not have.';

create or replace function app.guard_initial_state() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('A new row of %s cannot begin as %s. It begins as: %s.', replace(tg_table_name, '_', ' '),
    to_jsonb(new) ->> tg_argv[0], tg_argv[1]), tg_argv[0]);
  return null;
end
$$;
comment on function app.guard_initial_state() is 'Refuses a new row in a state in which none begins.';
--! EndIncluded app/guards.sql
--! Included app/roll_up_slot.sql
create or replace function app.roll_up_slot() returns smallint
language plpgsql volatile set search_path to pg_catalog as $$
begin
  -- Transactions that write at once take different slots, so that none waits for the others' totals. One that is alone
  -- always takes the first, so that few rows are made; when all are taken, two share one and wait.
  for v_slot in 0..31 loop
    if pg_try_advisory_xact_lock(hashtext('app.roll_up_slot'), v_slot) then
      return v_slot;
    end if;
  end loop;
  return pg_backend_pid() % 32;
end
$$;
comment on function app.roll_up_slot() is 'The slot in which this transaction adds to roll-ups: one that no other transaction of the moment uses, if there is one.';
--! EndIncluded app/roll_up_slot.sql
--! Included app/uuid_at.sql
create or replace function app.uuid_at(p_at timestamptz) returns uuid
language sql immutable strict parallel safe
return (lpad(to_hex(floor(extract(epoch from p_at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;
comment on function app.uuid_at(timestamptz) is
  'Least uuid of a millisecond: version 7 uuids made from then on are not below it. Compares ids with times, and cuts tables into months.';
grant execute on function app.uuid_at(timestamptz) to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;
--! EndIncluded app/uuid_at.sql
--! Included app/search_text.sql
-- How texts are made comparable: lower case, without accents. The extensions stand in a schema of their own.
create schema if not exists extensions;
comment on schema extensions is 'What PostgreSQL extensions bring.';
create extension if not exists unaccent with schema extensions;
create extension if not exists pg_trgm with schema extensions;
create extension if not exists btree_gin with schema extensions;
create extension if not exists fuzzystrmatch with schema extensions;
-- What finds the words of a row names their functions at run time, as whoever writes the row.
grant usage on schema extensions to rowhouse_viewer, rowhouse_system, rowhouse_definer;

-- These are called for each row that is written, some of them ten times: in plpgsql, whose simple expressions cost a
-- fraction of what it costs to begin and end the query of a function in SQL. unaccent() counts as stable, as its rules
-- can be edited, so that a function in SQL over it is never inlined where an immutable one is wanted.
create or replace function app.fold(p_text text) returns text
language plpgsql immutable strict parallel safe as $$
begin
  return lower(extensions.unaccent('extensions.unaccent'::regdictionary, p_text));
end
$$;
comment on function app.fold(text) is 'A text in lower case and without accents.';

create or replace function app.search_words(p_text text) returns tsvector
language plpgsql immutable parallel safe as $$
begin
  return to_tsvector('pg_catalog.simple', regexp_replace(
    left(lower(extensions.unaccent('extensions.unaccent'::regdictionary, coalesce(p_text, ''))), 200000), '[^[:alnum:]]+', ' ', 'g'));
end
$$;
comment on function app.search_words(text) is 'The words of a text, folded; an e-mail address is the words between its signs.';

create or replace function app.search_digits(p_phone text) returns tsvector
language plpgsql immutable parallel safe as $$
declare
  v_digits text := regexp_replace(coalesce(p_phone, ''), '\D', '', 'g');
begin
  -- The whole number, without its country code, without its area code, and its last four digits: people remember ends.
  return case when length(v_digits) >= 4
    then array_to_tsvector(array[v_digits, right(v_digits, 10), right(v_digits, 7), right(v_digits, 4)]) else '' end;
end
$$;
comment on function app.search_digits(text) is 'The digits of a phone number, whole and in its usual endings.';

create or replace function app.search_sounds(p_text text) returns tsvector
language plpgsql immutable parallel safe as $$
declare
  v_word text;
  v_sounds text[] := '{}';
begin
  foreach v_word in array string_to_array(regexp_replace(app.fold(coalesce(p_text, '')), '[^a-z]+', ' ', 'g'), ' ') loop
    if length(v_word) >= 3 and extensions.dmetaphone(v_word) <> '' then
      v_sounds := v_sounds || ('~' || extensions.dmetaphone(v_word));
    end if;
  end loop;
  return array_to_tsvector(v_sounds);
end
$$;
comment on function app.search_sounds(text) is 'How the words of a text sound in English (double metaphone): what is misspelt mostly sounds alike.';

grant execute on function app.fold(text), app.search_words(text), app.search_digits(text), app.search_sounds(text)
  to rowhouse_viewer, rowhouse_system, rowhouse_definer;
--! EndIncluded app/search_text.sql
--! Included app/search_query.sql
create or replace function app.search_terms(p_query text) returns table (words text[], is_phrase boolean, is_excluded boolean)
language plpgsql immutable parallel safe set search_path to pg_catalog as $$
declare
  v_match text[];
begin
  if length(p_query) > 300 then
    perform app.raise('LIMIT_EXCEEDED', format('A search has at most 300 characters; this one has %s.', length(p_query)), 'query',
      jsonb_build_object('limit', 300, 'count', length(p_query)));
  end if;
  -- What looks like a phone number is one term, however it is written.
  if p_query ~ '^[\s0-9+()./-]+$' and length(regexp_replace(p_query, '\D', '', 'g')) >= 4 then
    words := array[regexp_replace(p_query, '\D', '', 'g')];
    is_phrase := false;
    is_excluded := false;
    return next;
    return;
  end if;
  for v_match in select regexp_matches(app.fold(coalesce(p_query, '')), '(-?)(?:"([^"]*)"?|([^\s"]+))', 'g') loop
    words := array(select w from regexp_split_to_table(coalesce(v_match[2], v_match[3]), '[^[:alnum:]]+') w where w <> '');
    is_phrase := v_match[2] is not null;
    is_excluded := v_match[1] = '-';
    if cardinality(words) > 0 then
      return next;
    end if;
  end loop;
end
$$;
comment on function app.search_terms(text) is
  'What somebody looks for: words that must all be there, "phrases", and -words that must not; whatever is typed means something.';

create or replace function app.search_query(p_query text, p_is_exact boolean default false) returns tsquery
language plpgsql immutable parallel safe set search_path to pg_catalog as $$
declare
  v_wanted tsquery;
  v_excluded tsquery;
  v_term record;
  v_part tsquery;
begin
  for v_term in select * from app.search_terms(p_query) loop
    -- Words are letters and digits only here, so they need no quoting. The words of a phrase follow each other; other
    -- words may be the beginnings of longer ones.
    v_part := case when v_term.is_phrase or p_is_exact
      then to_tsquery('pg_catalog.simple', array_to_string(v_term.words, case when v_term.is_phrase then ' <-> ' else ' & ' end))
      else to_tsquery('pg_catalog.simple', array_to_string(v_term.words, ':* & ') || ':*') end;
    if v_term.is_excluded then
      v_excluded := coalesce(v_excluded || v_part, v_part);
    else
      v_wanted := coalesce(v_wanted && v_part, v_part);
    end if;
  end loop;
  return case when v_excluded is null or v_wanted is null then v_wanted else v_wanted && !!v_excluded end;
end
$$;
comment on function app.search_query(text, boolean) is 'A search as PostgreSQL runs it; null when nothing is looked for.';

create or replace function app.search_candidates(p_query text) returns tsquery
language sql immutable parallel safe
return app.search_query(case when p_query ~ '^[\s0-9+()./-]+$' then p_query else regexp_replace(p_query, '-("[^"]*"?|[^\s"]+)', '', 'g') end);
comment on function app.search_candidates(text) is 'A search without what it excludes: whatever the search finds, this finds, too.';

create or replace function app.search_sounds_query(p_query text) returns tsquery
language sql immutable parallel safe
begin atomic
  select coalesce(array_to_string(tsvector_to_array(app.search_sounds(p_query)), ' & '), '')::tsquery;
end;
comment on function app.search_sounds_query(text) is 'The sounds of what somebody looks for, all of them wanted.';

create or replace function app.highlight(p_value text, p_query text) returns text
language plpgsql immutable parallel safe set search_path to pg_catalog as $$
declare
  v_words text[] := array(select distinct w from app.search_terms(p_query) t, unnest(t.words) w where not t.is_excluded);
  v_folded text := app.fold(p_value);
  v_pattern text;
  v_from integer := 1;
  v_at integer;
  v_end integer;
  v_result text := '';
begin
  if p_value is null or cardinality(v_words) = 0 then
    return null;
  end if;
  -- Where folding changes the length of a text, its places are not those of the text.
  if length(v_folded) <> length(p_value) then
    v_folded := lower(p_value);
  end if;
  v_pattern := case when p_value ~ '^\+[0-9]+$' then '(' else '\m(' end || array_to_string(v_words, '|') || ')[[:alnum:]]*';
  v_at := regexp_instr(v_folded, v_pattern);
  if v_at = 0 then
    return null;
  end if;
  -- Of a long text, what stands around the first match.
  if length(p_value) > 300 then
    v_from := greatest(1, v_at - 60);
    v_result := case when v_from > 1 then '…' else '' end;
    v_folded := left(v_folded, v_from + 239);
  end if;
  while v_at > 0 loop
    v_end := regexp_instr(v_folded, v_pattern, v_at, 1, 1);
    v_result := v_result || app.escape_html(substr(p_value, v_from, v_at - v_from)) || '<mark>'
      || app.escape_html(substr(p_value, v_at, v_end - v_at)) || '</mark>';
    v_from := v_end;
    v_at := regexp_instr(v_folded, v_pattern, v_from);
  end loop;
  return v_result || app.escape_html(substr(p_value, v_from, greatest(0, length(v_folded) - v_from + 1)))
    || case when length(v_folded) < length(p_value) then '…' else '' end;
end
$$;
comment on function app.highlight(text, text) is
  'A text as HTML, with what a search looks for in <mark>; everything else is escaped. Null when nothing of it is there.';

create or replace function app.escape_html(p_text text) returns text
language sql immutable strict parallel safe
return replace(replace(replace(replace(replace(p_text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
comment on function app.escape_html(text) is 'A text with the signs of HTML escaped.';

grant execute on function app.search_sounds_query(text), app.search_terms(text), app.search_query(text, boolean), app.search_candidates(text), app.highlight(text, text), app.escape_html(text)
  to rowhouse_viewer, rowhouse_definer;
--! EndIncluded app/search_query.sql
--! Included app/type_id.sql
create or replace function app.type_id(p_prefix text, p_id uuid) returns text
language sql immutable parallel safe set search_path to pg_catalog
return case when p_id is not null then p_prefix || '_' || (
  select string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz', substr(b.bits, n * 5 + 1, 5)::bit(5)::integer + 1, 1), '' order by n)
  from (select '00' || ('x' || replace(p_id::text, '-', ''))::bit(128)::text as bits) b, generate_series(0, 25) n) end;
comment on function app.type_id(text, uuid) is 'An id as the API shows it: the prefix of its kind and the uuid in base32.';

create or replace function app.uuid_of_type_id(p_text text) returns uuid
language sql immutable parallel safe set search_path to pg_catalog
return case
  when p_text ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then p_text::uuid
  when p_text ~ '^[a-z]([a-z_]{0,61}[a-z])?_[0-7][0-9a-hjkmnp-tv-z]{25}$' then (
    select string_agg(to_hex(substr(b.bits, n * 4 + 3, 4)::bit(4)::integer), '' order by n)::uuid
    from (select string_agg((strpos('0123456789abcdefghjkmnpqrstvwxyz', substr(right(p_text, 26), i, 1)) - 1)::bit(5)::text, '' order by i) as bits
      from generate_series(1, 26) i) b, generate_series(0, 31) n) end;
comment on function app.uuid_of_type_id(text) is 'The uuid behind an id of the API, or of a uuid as text; null for anything else.';
grant execute on function app.type_id(text, uuid), app.uuid_of_type_id(text) to rowhouse_viewer, rowhouse_system;
--! EndIncluded app/type_id.sql
--! Included app/mask.sql
-- What masked viewers see instead. The forms have one length, so that no length is told, and show a little, so that people can tell
-- two of them apart.
create or replace function app.mask_email(p_email text) returns text
language sql immutable strict parallel safe
return case when p_email ~ '^[^@]+@[^@]+$'
  then left(p_email, 1) || '•••@' || left(split_part(p_email, '@', 2), 1) || '•••' || coalesce(substring(p_email from '\.[A-Za-z]{2,12}$'), '')
  when p_email = '' then '' else '•••' end;
comment on function app.mask_email(text) is 'An e-mail address with all but its first letters and its last part hidden: a•••@e•••.com.';

create or replace function app.mask_domain(p_domain text) returns text
language sql immutable strict parallel safe
return left(p_domain, 1) || '•••' || coalesce(substring(p_domain from '\.[A-Za-z]{2,12}$'), '');
comment on function app.mask_domain(text) is 'The domain of an e-mail address, masked as in the address: e•••.com.';

create or replace function app.mask_phone(p_phone text) returns text
language sql immutable strict parallel safe
return case when length(regexp_replace(p_phone, '\D', '', 'g')) >= 7
  then case when p_phone ~ '^\+\d' then left(p_phone, 2) else '' end || '•••••••' || right(regexp_replace(p_phone, '\D', '', 'g'), 2)
  when p_phone = '' then '' else '•••' end;
comment on function app.mask_phone(text) is 'A phone number with all but its first and last two digits hidden: +1•••••••12.';

create or replace function app.mask_contact(p_contact text) returns text
language sql immutable strict parallel safe
return case when position('@' in p_contact) > 0 then app.mask_email(p_contact) else app.mask_phone(p_contact) end;
comment on function app.mask_contact(text) is 'An e-mail address, a phone number, or any other way to reach somebody, masked.';

create or replace function app.mask_text(p_text text) returns text
language sql immutable strict parallel safe
return regexp_replace(
  regexp_replace(p_text, '([[:alnum:]])[^\s@<>"'',;:()\[\]{}=&?/]*(@|%40|&#64;|&#x40;|&commat;)[^\s@<>"'',;:()\[\]{}=&?/]+', '\1•••@•••', 'gi'),
  '\+?\(?\d(?:[\s()./\u00a0-]{0,3}\d){4,}[\s()./\u00a0-]{0,3}(\d)[\s()./\u00a0-]{0,3}(\d)', '•••••••\1\2', 'g');
comment on function app.mask_text(text) is
  'A text in which whatever looks like an e-mail address or has the seven digits of a phone number is hidden; rather too much than too little.';

create or replace function app.names_contact(p_name text) returns boolean
language sql immutable parallel safe
return coalesce(p_name ~* 'mail|phone|mobile|cell|\mtel|\mfax|whatsapp|msisdn|landline', false);
comment on function app.names_contact(text) is 'Whether the name of a field says that an e-mail address or a phone number is in it.';

-- p_by_name: whether names of fields tell what is in them; where they map columns to columns they do not.
create or replace function app.mask_json(p_json jsonb, p_is_contact boolean default false, p_by_name boolean default true) returns jsonb
language plpgsql immutable strict parallel safe set search_path to pg_catalog as $$
declare
  v_text text := p_json #>> '{}';
begin
  case jsonb_typeof(p_json)
    when 'object' then
      return (select coalesce(jsonb_object_agg(app.mask_text(e.key), app.mask_json(e.value, p_is_contact or p_by_name and app.names_contact(e.key), p_by_name)), '{}')
        from jsonb_each(p_json) e);
    when 'array' then
      return (select coalesce(jsonb_agg(app.mask_json(e.value, p_is_contact, p_by_name) order by e.ordinality), '[]') from jsonb_array_elements(p_json) with ordinality e);
    when 'string' then
      -- Ids and times have many digits, too; as a whole they are nobody's number.
      if v_text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
        or v_text ~ '^(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$' then
        return p_json;
      end if;
      return to_jsonb(case when p_is_contact then app.mask_contact(v_text) else app.mask_text(v_text) end);
    when 'number' then
      return case when v_text ~ '^-?\d+$' and (p_is_contact or length(v_text) >= 7) then to_jsonb(app.mask_phone(v_text)) else p_json end;
    else return p_json;
  end case;
end
$$;
comment on function app.mask_json(jsonb, boolean, boolean) is
  'A JSON value in which every text is masked as by mask_text(), and what stands in a field named like a contact wholly.';
grant execute on function app.mask_email(text), app.mask_domain(text), app.mask_phone(text), app.mask_contact(text), app.mask_text(text), app.names_contact(text),
  app.mask_json(jsonb, boolean, boolean) to rowhouse_viewer_masked, rowhouse_system, rowhouse_definer;
--! EndIncluded app/mask.sql
--! EndIncluded app/index.sql
--! Included private/index.sql
-- What no request may read: password hashes, worker heartbeats, the seams to the queue.
create schema if not exists private;
comment on schema private is 'Never exposed: credentials, worker heartbeats and the functions that cross the wall by name.';
revoke all on schema private from public;
grant usage on schema private to rowhouse_identity, rowhouse_worker, rowhouse_system;
grant usage, create on schema private to rowhouse_definer, rowhouse_worker;

--! Included private/add_worker_jobs.sql
set local role rowhouse_worker;
create or replace function private.add_worker_jobs(p_task text, p_payloads json[]) returns void
language sql security definer set search_path to pg_catalog as $$
  -- The n-th job of a statement has priority n: the first batch of one tenant goes before the seventh of another,
  -- so that a tenant with a thousand batches does not keep the others waiting.
  -- The key, which begins with the tenant because keys are global, keeps a job from waiting twice. How often a job is
  -- tried, pipeline.jobs decides: the queue's own limit only has to be higher.
  select graphile_worker.add_jobs(array_agg(
    (p_task, p_payloads[i], null, null, 100, (p_payloads[i] ->> 'tenantId') || ':' || (p_payloads[i] ->> 'jobId'),
      least(i - 1, 32000), null)::graphile_worker.job_spec
    order by i))
  from generate_subscripts(p_payloads, 1) i;
$$;
comment on function private.add_worker_jobs(text, json[]) is
  'Puts jobs into the queue of graphile-worker in one call, as the role that owns the queue.';
grant execute on function private.add_worker_jobs(text, json[]) to rowhouse_owner;
revoke all on function private.add_worker_jobs(text, json[]) from public;
set local role rowhouse_owner;
--! EndIncluded private/add_worker_jobs.sql
--! Included private/worker_heartbeats.sql
-- Which worker processes are alive: graphile-worker itself keeps the locks of a killed worker for four hours.
create table if not exists private.worker_heartbeats (
  worker_id text primary key,
  host text not null,
  process_id integer not null,
  started_at timestamptz not null default now(),
  beat_at timestamptz not null default now()
);
comment on table private.worker_heartbeats is 'One row per running worker process, renewed every few seconds.';
select ddl.private_table('private.worker_heartbeats');
select ddl.policy('private.worker_heartbeats', 'all_worker', 'for all to rowhouse_worker using (true) with check (true)');
grant select, insert, update, delete on private.worker_heartbeats to rowhouse_worker;

set local role rowhouse_worker;
create or replace function private.release_lost_jobs(p_silent_for interval) returns text[]
language plpgsql set search_path to pg_catalog as $$
declare
  v_lost text[];
begin
  -- One worker looks; the others need not wait for it.
  if not pg_try_advisory_xact_lock(hashtext('private.release_lost_jobs')) then
    return '{}';
  end if;
  delete from private.worker_heartbeats where beat_at < now() - p_silent_for;
  -- Also finds a worker that was killed before its first sign of life.
  select array_agg(l.locked_by) into v_lost
  from (
    select locked_by from graphile_worker._private_jobs where locked_at < now() - p_silent_for
    union
    select locked_by from graphile_worker._private_job_queues where locked_at < now() - p_silent_for
  ) l
  where not exists (select from private.worker_heartbeats h where h.worker_id = l.locked_by);
  if v_lost is null then
    return '{}';
  end if;
  perform graphile_worker.force_unlock_workers(v_lost);
  return v_lost;
end
$$;
comment on function private.release_lost_jobs(interval) is
  'Forgets the workers that gave no sign of life for this long, frees the jobs they held, and returns whom it freed them from.';
revoke all on function private.release_lost_jobs(interval) from public;
set local role rowhouse_owner;
--! EndIncluded private/worker_heartbeats.sql
--! Included private/masked_columns.sql
-- Which columns viewers see masked where their tenant wants it so, and as what.
create table if not exists private.masked_columns (
  table_name text not null,
  column_name text not null,
  expression text not null,
  constraint masked_columns_pkey primary key (table_name, column_name)
);
comment on table private.masked_columns is 'Columns with e-mail addresses and phone numbers, and what masked viewers see instead, as SQL. Rows are written by ddl.masked().';
comment on column private.masked_columns.column_name is 'The column; empty for a view that counts over such columns.';
comment on column private.masked_columns.expression is 'What is shown instead, over the columns of the table t.';
select ddl.private_table('private.masked_columns');
--! EndIncluded private/masked_columns.sql
--! Included private/partitioned_tables.sql
-- Which tables are cut into months, how many months are made ahead, and how long a month is kept.
create table if not exists private.partitioned_tables (
  table_name text primary key,
  months_ahead integer not null constraint partitioned_tables_months_ahead_check check (months_ahead between 1 and 120),
  retention interval not null,
  updated_at timestamptz not null default now()
);
comment on table private.partitioned_tables is 'Tables that are cut into months, for keep_partitions(). A row is written by ddl.partition_by_month().';
select ddl.private_table('private.partitioned_tables');
select ddl.trigger('private.partitioned_tables', '_100_stamp', 'before update for each row execute function app.stamp()');
--! EndIncluded private/partitioned_tables.sql
--! Included private/waiting_months.sql
set local role rowhouse_definer;
create or replace function private.waiting_months(p_default regclass) returns setof date
language plpgsql stable security definer set search_path to pg_catalog as $$
begin
  -- The month is in the first 48 bits of the id, milliseconds since 1970: they decide about its partition, whatever the version.
  return query execute format(
    $sql$select distinct date_trunc('month', to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
      at time zone 'UTC')::date from %s order by 1$sql$, p_default);
end
$$;
comment on function private.waiting_months(regclass) is 'Months of the rows in a default partition. Crosses tenants: a partition holds the rows of all of them.';
grant execute on function private.waiting_months(regclass) to rowhouse_owner;
revoke all on function private.waiting_months(regclass) from public;
set local role rowhouse_owner;
--! EndIncluded private/waiting_months.sql
--! Included private/make_partition.sql
create or replace function private.make_partition(p_table regclass, p_month date) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := (select relnamespace::regnamespace::text from pg_class where oid = p_table);
  v_name text := (select relname from pg_class where oid = p_table);
  v_partition text := format('%I.%I', v_schema, v_name || to_char(p_month, '"_y"YYYY"m"MM'));
  v_default text := format('%I.%I', v_schema, v_name || '_default');
  v_from uuid := app.uuid_at(p_month::timestamp at time zone 'UTC');
  v_to uuid := app.uuid_at((p_month + interval '1 month') at time zone 'UTC');
  v_columns text := (select string_agg(format('%I', attname), ', ' order by attnum) from pg_attribute
    where attrelid = p_table and attnum > 0 and not attisdropped and attgenerated = '');
begin
  -- An insert that has chosen the default partition and waits for it would be refused once the month is attached. Rows
  -- of a month to come do not arrive yet; while an earlier one is made, inserts wait before they choose.
  if p_month <= now() at time zone 'UTC' then
    execute format('lock table %s in share row exclusive mode', p_table);
  end if;
  -- Row-level security is lifted from the default partition, since its rows are of all tenants; the lock keeps
  -- everybody else out meanwhile.
  execute format('lock table %s in access exclusive mode', v_default);
  execute format('alter table %s no force row level security', v_default);
  execute format('create table %s (like %s including all)', v_partition, p_table);
  execute format('with moved as (delete from %s where id >= %L and id < %L returning %s) insert into %s (%s) select %s from moved',
    v_default, v_from, v_to, v_columns, v_partition, v_columns, v_columns);
  execute format('alter table %s attach partition %s for values from (%L) to (%L)', p_table, v_partition, v_from, v_to);
  execute format('alter table %s force row level security', v_default);
  perform ddl.guard_partition(v_partition::regclass, to_char(p_month, '"Rows of" YYYY-MM "(UTC)."'));
end
$$;
comment on function private.make_partition(regclass, date) is 'Makes the partition of a month, and moves there what waits in the default partition.';

create or replace function private.clear_default_partition(p_table regclass, p_before date) returns bigint
language plpgsql set search_path to pg_catalog as $$
declare
  v_default text := (select format('%I.%I', relnamespace::regnamespace, relname || '_default') from pg_class where oid = p_table);
  v_count bigint;
begin
  execute format('lock table %s in access exclusive mode', v_default);
  execute format('alter table %s no force row level security', v_default);
  execute format('delete from %s where id < %L', v_default, app.uuid_at(p_before::timestamp at time zone 'UTC'));
  get diagnostics v_count = row_count;
  execute format('alter table %s force row level security', v_default);
  return v_count;
end
$$;
comment on function private.clear_default_partition(regclass, date) is 'Deletes what waits in the default partition and is of a month before the given one.';
--! EndIncluded private/make_partition.sql
--! Included private/keep_partitions.sql
create or replace function private.partitioned_table_names() returns setof text
language sql stable security definer set search_path to pg_catalog
begin atomic
  select table_name from private.partitioned_tables order by table_name;
end;
comment on function private.partitioned_table_names() is 'The tables that are cut into months: keep_partitions() is called for each, in a transaction of its own.';
grant execute on function private.partitioned_table_names() to rowhouse_worker;

create or replace function private.keep_partitions(p_table text, p_now timestamptz default now()) returns text[]
language plpgsql security definer set search_path to pg_catalog set lock_timeout to '2s' as $$
declare
  v_table private.partitioned_tables;
  v_done text[] := '{}';
  v_this_month date := date_trunc('month', p_now at time zone 'UTC');
  v_first date;
  v_last date;
  v_month date;
  v_old record;
  v_count bigint;
begin
  select * into v_table from private.partitioned_tables where table_name = p_table;
  if not found then
    perform app.raise('NOT_FOUND', format('%s is not cut into months.', p_table));
  end if;
  v_first := date_trunc('month', (p_now - v_table.retention) at time zone 'UTC');
  v_last := v_this_month + v_table.months_ahead * interval '1 month';
  -- One process at a time: what another one is doing need not be waited for.
  if not pg_try_advisory_xact_lock(hashtext('private.keep_partitions'), p_table::regclass::oid::integer) then
    return v_done;
  end if;

  -- Dropping locks the table, making its default partition: in the order in which queries lock them.
  for v_old in
    select c.oid::regclass as partition, to_date(right(c.relname, 7), 'YYYY"m"MM') as month
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = p_table::regclass and c.relname ~ '_y[0-9]{4}m[0-9]{2}$' and to_date(right(c.relname, 7), 'YYYY"m"MM') < v_first
    order by 2
  loop
    execute format('drop table %s', v_old.partition);
    v_done := v_done || format('dropped %s of %s', to_char(v_old.month, 'YYYY-MM'), p_table);
  end loop;

  for v_month in
    select m::date from generate_series(v_this_month, v_last, interval '1 month') m
    union select w from private.waiting_months((p_table || '_default')::regclass) w where w between v_first and v_last
    order by 1
  loop
    if to_regclass(p_table || to_char(v_month, '"_y"YYYY"m"MM')) is null then
      perform private.make_partition(p_table::regclass, v_month);
      v_done := v_done || format('made %s of %s', to_char(v_month, 'YYYY-MM'), p_table);
    end if;
  end loop;

  if p_table = 'events.events' then
    perform private.keep_feed_months(v_first, v_this_month);
  end if;
  if exists (select from private.waiting_months((p_table || '_default')::regclass) w where w < v_first) then
    v_count := private.clear_default_partition(p_table::regclass, v_first);
    v_done := v_done || format('deleted %s rows from before %s of %s', v_count, to_char(v_first, 'YYYY-MM'), p_table);
  end if;
  return v_done;
end
$$;
comment on function private.keep_partitions(text, timestamptz) is
  'Makes the months to come of a table that is cut into months, and those that rows wait for; drops the months beyond its retention. Returns what it did. Can be called at any time, by several at once; fails rather than wait long for a lock, and can then be called again.';
grant execute on function private.keep_partitions(text, timestamptz) to rowhouse_worker;
--! EndIncluded private/keep_partitions.sql
--! Included private/forget_tenants.sql
set local role rowhouse_definer;
create or replace function private.forget_tenants() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_table text;
begin
  for v_table in select private.partitioned_table_names() loop
    execute format('delete from %s t using old_rows o where t.tenant_id = o.id', v_table);
  end loop;
  return null;
end
$$;
comment on function private.forget_tenants() is
  'Deletes what a tenant leaves in the tables that are cut into months: they have no reference to it that would do so. Crosses tenants: the tenant is gone.';
revoke all on function private.forget_tenants() from public;
grant execute on function private.forget_tenants() to rowhouse_owner;
set local role rowhouse_owner;
grant execute on function private.partitioned_table_names() to rowhouse_definer;
--! EndIncluded private/forget_tenants.sql
--! Included private/quota_counts.sql
-- What principals, addresses and tenants have used in the present minute and the last. All server processes add to it a few times a second,
-- each in one statement; it need not survive a crash, so it is not logged.
create unlogged table if not exists private.quota_counts (
  subject text not null,
  minute bigint not null,
  amount float8 not null,
  constraint quota_counts_pkey primary key (subject, minute)
) with (fillfactor = 70);
comment on table private.quota_counts is 'What each subject of a limit has used, by minute; the sum over all server processes.';
comment on column private.quota_counts.subject is 'principal:<id>, address:<address> or database-time:<tenant id>.';
comment on column private.quota_counts.minute is 'Minutes since 1970.';
comment on column private.quota_counts.amount is 'Requests, or milliseconds of database time.';
select ddl.private_table('private.quota_counts');

-- What server processes have under way. A process that was killed does not renew its rows, so they end by themselves.
create unlogged table if not exists private.quota_holds (
  subject text not null,
  holder uuid not null,
  held integer not null,
  expires_at timestamptz not null,
  constraint quota_holds_pkey primary key (subject, holder)
) with (fillfactor = 70);
comment on table private.quota_holds is 'How much of a subject each server process has under way, until it is renewed or expires.';
comment on column private.quota_holds.subject is 'operations:<tenant id> or subscriptions:<tenant id>.';
comment on column private.quota_holds.holder is 'The server process, by an id that it made at its start.';
select ddl.private_table('private.quota_holds');
--! EndIncluded private/quota_counts.sql
--! Included private/settle_quotas.sql
create or replace function private.settle_quotas(
  p_holder uuid, p_subjects text[], p_spent float8[], p_held integer[], p_hold_seconds float8, p_tidies boolean
) returns table (subject text, minute_ms float8, previous float8, present float8, held_elsewhere integer)
language plpgsql security definer set search_path to pg_catalog as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_minute bigint := floor(extract(epoch from v_now) / 60);
begin
  -- In the order of the subjects, so that processes that settle at once wait for each other in a line.
  insert into private.quota_counts as c (subject, minute, amount)
  select u.subject, v_minute, u.spent from unnest(p_subjects, p_spent) as u(subject, spent) where u.spent > 0 order by u.subject
  on conflict (subject, minute) do update set amount = c.amount + excluded.amount;
  insert into private.quota_holds as h (subject, holder, held, expires_at)
  select u.subject, p_holder, u.held, v_now + make_interval(secs => p_hold_seconds)
  from unnest(p_subjects, p_held) as u(subject, held) where u.held is not null order by u.subject
  on conflict (subject, holder) do update set held = excluded.held, expires_at = excluded.expires_at;
  if p_tidies then
    delete from private.quota_counts c where c.minute < v_minute - 1;
    delete from private.quota_holds h where (h.subject, h.holder) in
      (select o.subject, o.holder from private.quota_holds o where o.expires_at < v_now for update skip locked);
  end if;
  return query
  select u.subject, extract(epoch from v_now)::float8 * 1000 - v_minute * 60000.0::float8,
    coalesce((select c.amount from private.quota_counts c where c.subject = u.subject and c.minute = v_minute - 1), 0),
    coalesce((select c.amount from private.quota_counts c where c.subject = u.subject and c.minute = v_minute), 0),
    coalesce((select sum(h.held)::integer from private.quota_holds h
      where h.subject = u.subject and h.holder <> p_holder and h.expires_at > v_now), 0)
  from unnest(p_subjects) as u(subject);
end
$$;
comment on function private.settle_quotas(uuid, text[], float8[], integer[], float8, boolean) is
  'Adds what one server process has spent and holds of these subjects, and returns what all processes have: how a minute began, the last minute, this one.';
grant execute on function private.settle_quotas(uuid, text[], float8[], integer[], float8, boolean) to rowhouse_identity;
revoke all on function private.settle_quotas(uuid, text[], float8[], integer[], float8, boolean) from public;
--! EndIncluded private/settle_quotas.sql
--! Included private/forget_holder.sql
create or replace function private.forget_holder(p_holder uuid) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  delete from private.quota_holds where holder = p_holder;
end;
comment on function private.forget_holder(uuid) is 'Frees what a server process holds, as it ends.';
grant execute on function private.forget_holder(uuid) to rowhouse_identity;
revoke all on function private.forget_holder(uuid) from public;
--! EndIncluded private/forget_holder.sql
--! Included private/trusted_documents.sql
-- GraphQL documents of clients that were stored ahead, by the SHA-256 of their text. In the mode `only` the API runs nothing else.
create table if not exists private.trusted_documents (
  hash text primary key,
  document text not null,
  created_at timestamptz not null default now(),
  constraint trusted_documents_hash_check check (hash = encode(sha256(convert_to(document, 'UTF8')), 'hex'))
);
comment on table private.trusted_documents is 'Documents that clients may ask for by their hash; nobody can put another text under it.';
comment on column private.trusted_documents.hash is 'SHA-256 of the document''s UTF-8 bytes, in hexadecimal.';
comment on column private.trusted_documents.document is 'One operation with the fragments that it needs.';
select ddl.private_table('private.trusted_documents');

create or replace function private.find_trusted_document(p_hash text) returns text
language sql stable security definer set search_path to pg_catalog
begin atomic
  select document from private.trusted_documents where hash = p_hash;
end;
comment on function private.find_trusted_document(text) is 'The stored document with a hash, or null.';
grant execute on function private.find_trusted_document(text) to rowhouse_identity;
revoke all on function private.find_trusted_document(text) from public;

create or replace function private.store_trusted_documents(p_documents text[]) returns integer
language sql volatile security definer set search_path to pg_catalog
begin atomic
  with stored as (
    insert into private.trusted_documents (hash, document)
    select distinct encode(sha256(convert_to(d, 'UTF8')), 'hex'), d from unnest(p_documents) d
    on conflict (hash) do nothing
    returning 1
  )
  select count(*)::integer from stored;
end;
comment on function private.store_trusted_documents(text[]) is 'Stores documents by their hashes, and returns how many were not there before.';
grant execute on function private.store_trusted_documents(text[]) to rowhouse_identity;
revoke all on function private.store_trusted_documents(text[]) from public;
--! EndIncluded private/trusted_documents.sql
--! EndIncluded private/index.sql
--! Included staging/index.sql
-- Uploaded rows on their way into a list: one table per import, made and dropped by functions of schema lists.
create schema if not exists staging;
comment on schema staging is 'Uploaded rows before they are merged; one short-lived table per import, never exposed.';
revoke all on schema staging from public;
grant usage on schema staging to rowhouse_system;
--! EndIncluded staging/index.sql
--! Included iam/index.sql
-- Who is here: tenants, users, their memberships, and the actors that everything done points to.
create schema if not exists iam;
comment on schema iam is 'Identity: tenants, users, memberships, actors.';
grant usage on schema iam to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;

--! Included iam/types.sql
select ddl.enum('iam.tenant_status', '{
  "active": "It works.", "suspended": "Nobody may sign in for now.", "closed": "It has ended; its data waits for erasure."
}', 'Whether a tenant may work.');
select ddl.enum('iam.tenant_plan', '{
  "free": "Pays nothing.", "team": "Pays by seat.", "business": "Pays by contract."
}', 'What a tenant pays for.');
select ddl.enum('iam.membership_role', '{
  "viewer": "Reads.", "member": "Works with the data.", "manager": "Also decides how the work is done: rules, policies, templates.",
  "admin": "Also decides who may do what, and where data goes.", "owner": "An admin who answers for the tenant."
}', 'What a user may do in a tenant; each role may do what the ones before it may.');
select ddl.enum('iam.actor_kind', '{
  "user": "A member.", "api_key": "A program with a key.", "automation": "A rule of the tenant.", "system": "Rowhouse itself."
}', 'What kind of actor did something.');
select ddl.enum('iam.session_end', '{
  "logout": "The user signed out.", "reuse_detected": "A token that had been exchanged already came a second time: somebody else may hold a copy.",
  "password_changed": "The user''s password was changed.", "membership_ended": "The user no longer belongs to the tenant.", "admin": "An admin ended it."
}', 'Why a session was ended before its time.');
--! EndIncluded iam/types.sql
--! Included iam/tenants.sql
-- The wall's own table: everything else belongs to one of these rows.
create table if not exists iam.tenants (
  id uuid primary key default uuidv7(),
  name text not null constraint tenants_name_check check (length(btrim(name)) between 1 and 200),
  slug text not null constraint tenants_slug_check check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  plan iam.tenant_plan not null default 'free',
  status iam.tenant_status not null default 'active',
  time_zone text not null default 'UTC',
  default_country text not null default 'US' constraint tenants_default_country_check check (default_country ~ '^[A-Z]{2}$'),
  settings jsonb not null default '{}' constraint tenants_settings_check check (jsonb_typeof(settings) = 'object'),
  billing_reference text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
comment on table iam.tenants is E'@typeid tenant\n@behavior -insert -delete -bulk -list -connection\nAn organisation that uses Rowhouse. All other data belongs to exactly one tenant.';
comment on column iam.tenants.slug is 'Short name for addresses and commands; unique, lower case.';
comment on column iam.tenants.time_zone is 'IANA time zone in which the tenant''s days begin.';
comment on column iam.tenants.default_country is 'ISO 3166 alpha-2 country that phone numbers and addresses without one belong to.';
comment on column iam.tenants.settings is 'Preferences of the tenant, a JSON object.';
comment on column iam.tenants.billing_reference is 'The tenant''s number at the billing provider; for admins.';
create index if not exists tenants_updated_at_idx on iam.tenants (updated_at);
create unique index if not exists tenants_slug_key on iam.tenants (slug) where deleted_at is null;

alter table iam.tenants enable row level security;
alter table iam.tenants force row level security;
select ddl.policy('iam.tenants', 'tenant_wall', 'as restrictive for all to public using (id = app.tenant_id()) with check (id = app.tenant_id())');
-- Whatever its scopes, a key may know its tenant: the days of all other data begin by it.
select ddl.policy('iam.tenants', 'scope_wall', $$as restrictive for update to rowhouse_scoped using (true) with check ((select app.require_scope('iam:write')))$$);
select ddl.policy('iam.tenants', 'all_system', 'for all to rowhouse_system, rowhouse_owner using (true) with check (true)');
select ddl.policy('iam.tenants', 'select_viewer', 'for select to rowhouse_viewer using (true)');
select ddl.policy('iam.tenants', 'update_admin', 'for update to rowhouse_admin using (true) with check (true)');
-- What the tenant pays by is for those who run it.
grant select (id, name, slug, plan, status, time_zone, default_country, settings, created_at, updated_at, deleted_at, xmin) on iam.tenants to rowhouse_viewer;
grant select on iam.tenants to rowhouse_admin;
grant select on iam.tenants to rowhouse_system;
grant select, insert on iam.tenants to rowhouse_definer;
grant update (name, time_zone, default_country, settings) on iam.tenants to rowhouse_admin;
select ddl.trigger('iam.tenants', '_100_stamp', 'before update for each row execute function app.stamp()');
select ddl.trigger('iam.tenants', '_300_forget',
  'after delete referencing old table as old_rows for each statement execute function private.forget_tenants()');
--! EndIncluded iam/tenants.sql
--! Included iam/time_zone.sql
-- The clock on the tenant's wall: where its days begin.
create or replace function app.time_zone() returns text
language sql stable parallel safe set search_path to pg_catalog
return coalesce((select time_zone from iam.tenants where id = app.tenant_id()), 'UTC');
comment on function app.time_zone() is 'The time zone of the tenant of this session.';
grant execute on function app.time_zone() to rowhouse_viewer, rowhouse_system;

create or replace function iam.guard_time_zone() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform timezone(new.time_zone, now());
  return new;
exception when invalid_parameter_value then
  perform app.raise('VALIDATION_FAILED', format('There is no time zone %L. Name one of the IANA database, such as Europe/Paris.', new.time_zone), 'timeZone');
end
$$;
comment on function iam.guard_time_zone() is 'Refuses a time zone that nobody knows: every day of the tenant begins by it.';
select ddl.trigger('iam.tenants', '_200_time_zone', 'before insert or update of time_zone for each row execute function iam.guard_time_zone()');
--! EndIncluded iam/time_zone.sql
--! Included iam/guard_settings.sql
-- Settings that the database itself goes by must mean something; what a client keeps for itself beside them is its own affair.
create or replace function iam.guard_settings() returns trigger
language plpgsql set search_path to pg_catalog as $$
declare
  v_masked jsonb := new.settings -> 'maskContactDataForViewers';
  v_limit jsonb := new.settings -> 'unmasksPerHour';
begin
  if jsonb_typeof(v_masked) <> 'boolean' then
    perform app.raise('VALIDATION_FAILED', format('The setting maskContactDataForViewers is true or false, not %s.', left(v_masked::text, 60)), 'settings');
  end if;
  if v_limit is not null and not (v_limit::text ~ '^[0-9]{1,4}$' and v_limit::text::integer <= 1000) then
    perform app.raise('VALIDATION_FAILED', format('The setting unmasksPerHour is a whole number from 0 to 1000, not %s.', left(v_limit::text, 60)), 'settings');
  end if;
  return new;
end
$$;
comment on function iam.guard_settings() is 'Refuses settings of a tenant that mean nothing.';
select ddl.trigger('iam.tenants', '_200_settings', 'before insert or update of settings for each row execute function iam.guard_settings()');
--! EndIncluded iam/guard_settings.sql
--! Included iam/mask_contact_data.sql
create or replace function iam.mask_contact_data(is_masked boolean, unmasks_per_hour integer default null) returns iam.tenants
language plpgsql set search_path to pg_catalog as $$
declare
  v_tenant iam.tenants;
begin
  update iam.tenants t
  set settings = t.settings || jsonb_strip_nulls(jsonb_build_object('maskContactDataForViewers', is_masked, 'unmasksPerHour', unmasks_per_hour))
  where t.id = app.tenant_id() returning * into v_tenant;
  if not found then
    perform app.raise('NOT_FOUND', 'There is no such tenant.');
  end if;
  return v_tenant;
end
$$;
comment on function iam.mask_contact_data(boolean, integer) is
  'Says whether viewers see e-mail addresses and phone numbers masked, and how many contacts each of them may unmask in an hour (20 unless told). In effect within a second; open sockets of viewers are closed.';
grant execute on function iam.mask_contact_data(boolean, integer) to rowhouse_admin;
--! EndIncluded iam/mask_contact_data.sql
--! Included iam/users.sql
-- A user is one person, whichever tenants they belong to.
create table if not exists iam.users (
  id uuid primary key default uuidv7(),
  email text not null
    constraint users_email_check check (email = lower(email) and length(email) <= 320 and email like '%_@_%'),
  name text not null constraint users_name_check check (length(btrim(name)) between 1 and 200),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
comment on table iam.users is E'@typeid user\n@behavior -insert -update -delete -bulk -list -connection\nA person who signs in. Tenants see the users who are their members.';
comment on column iam.users.email is 'Address to sign in with, lower case; unique among living users.';
create unique index if not exists users_email_key on iam.users (email) where deleted_at is null;
grant select on iam.users to rowhouse_viewer, rowhouse_system;
grant select, insert, update on iam.users to rowhouse_definer;
alter table iam.users enable row level security;
alter table iam.users force row level security;
select ddl.trigger('iam.users', '_100_stamp', 'before update for each row execute function app.stamp()');
--! EndIncluded iam/users.sql
--! Included iam/role_rank.sql
create or replace function private.role_rank(p_role text) returns integer
language sql immutable parallel safe set search_path to pg_catalog
return array_position(array['viewer', 'member', 'manager', 'admin', 'owner'], p_role);
comment on function private.role_rank(text) is 'How much a role may do, from 1 for viewers to 5 for owners.';
grant execute on function private.role_rank(text) to rowhouse_definer;
revoke all on function private.role_rank(text) from public;

create or replace function private.check_role_within(p_role text, p_field text) returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_own text := nullif(current_setting('jwt.claims.role', true), '');
begin
  if private.role_rank(p_role) > coalesce(private.role_rank(v_own), 0) then
    perform app.raise('FORBIDDEN', format('You are %s here: the role %s is above your own. Ask somebody who has it.', coalesce(v_own, 'nobody'), p_role), p_field);
  end if;
end
$$;
comment on function private.check_role_within(text, text) is 'Refuses a role above the one of this session.';
grant execute on function private.check_role_within(text, text) to rowhouse_definer;
revoke all on function private.check_role_within(text, text) from public;
--! EndIncluded iam/role_rank.sql
--! Included iam/guard_membership.sql
set local role rowhouse_definer;
create or replace function private.guard_membership() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_was_owner boolean := old.role = 'owner' and old.deleted_at is null;
begin
  -- Set-up commands have no claims.
  if nullif(current_setting('jwt.claims.role', true), '') is not null then
    perform private.check_role_within(old.role, 'id');
    perform private.check_role_within(new.role, 'role');
  end if;
  if v_was_owner and (new.role <> 'owner' or new.deleted_at is not null) then
    -- Two owners who remove each other at once take turns.
    perform pg_advisory_xact_lock(hashtextextended('owners of ' || old.tenant_id, 0));
    if not exists (select from iam.memberships m join iam.users u on u.id = m.user_id and u.deleted_at is null
                   where m.tenant_id = old.tenant_id and m.id <> old.id and m.role = 'owner' and m.deleted_at is null) then
      perform app.raise('INVALID_STATE', 'This is the last owner of the tenant. Make somebody else an owner first.', 'role');
    end if;
  end if;
  return new;
end
$$;
comment on function private.guard_membership() is
  'Nobody changes a membership above their own role or raises one above it, and the last owner stays. Crosses tenants: set-up commands have no claims.';
grant execute on function private.guard_membership() to rowhouse_owner;
revoke all on function private.guard_membership() from public;

create or replace function private.end_membership() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update iam.sessions s set revoked_at = clock_timestamp(), revoked_reason = 'membership_ended'
  where s.tenant_id = old.tenant_id and s.user_id = old.user_id and s.revoked_at is null;
  -- What the former member has promised to others goes, too.
  update iam.invitations i set revoked_at = clock_timestamp(), revoked_by = app.actor_id()
  from iam.actors a
  where a.tenant_id = old.tenant_id and a.membership_id = old.id and i.tenant_id = old.tenant_id and i.created_by = a.id
    and i.accepted_at is null and i.revoked_at is null;
  return null;
end
$$;
comment on function private.end_membership() is
  'Ends the sessions of somebody who no longer belongs to the tenant, and takes back the invitations they made. Crosses tenants: set-up commands have no claims.';
grant execute on function private.end_membership() to rowhouse_owner;
revoke all on function private.end_membership() from public;
set local role rowhouse_owner;
--! EndIncluded iam/guard_membership.sql
--! Included iam/memberships.sql
-- The role of a user in a tenant.
create table if not exists iam.memberships (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  user_id uuid not null constraint memberships_user_id_fkey references iam.users (id) on delete cascade,
  role iam.membership_role not null default 'member',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint memberships_pkey primary key (tenant_id, id)
);
comment on table iam.memberships is E'@typeid membership\nThat a user belongs to this tenant, and what they may do in it.';
comment on column iam.memberships.role is 'What the user may do here.';
create unique index if not exists memberships_user_id_key on iam.memberships (tenant_id, user_id) where deleted_at is null;
create index if not exists memberships_user_id_idx on iam.memberships (user_id, tenant_id);
-- Servers ask again and again which makers of keys were changed since.
create index if not exists memberships_updated_at_idx on iam.memberships (updated_at);
select ddl.tenant_table('iam.memberships', p_update => '{role}', p_write_role => 'rowhouse_admin', p_system => 'select');
grant select, insert, update on iam.memberships to rowhouse_definer;
select ddl.trigger('iam.memberships', '_200_guard', 'before update of role, deleted_at for each row execute function private.guard_membership()');
select ddl.trigger('iam.memberships', '_300_end', $$after update of deleted_at for each row
  when (old.deleted_at is null and new.deleted_at is not null) execute function private.end_membership()$$);

-- A user is visible to the tenants they belong to: the membership's own wall decides which tenant that is.
select ddl.policy('iam.users', 'tenant_wall', $$as restrictive for all to public
  using (exists (select from iam.memberships m where m.user_id = users.id and m.tenant_id = app.tenant_id()))$$);
select ddl.policy('iam.users', 'scope_wall', $$as restrictive for all to rowhouse_scoped
  using ((select app.require_scope('iam:read'))) with check ((select app.require_scope('iam:write')))$$);
select ddl.policy('iam.users', 'select_viewer', 'for select to rowhouse_viewer using (true)');
select ddl.policy('iam.users', 'all_system', 'for all to rowhouse_system, rowhouse_owner using (true) with check (true)');
--! EndIncluded iam/memberships.sql
--! Included iam/actors.sql
-- Everything that records "by whom" points here: a member, an API key, an automation, or the system itself.
create table if not exists iam.actors (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  kind iam.actor_kind not null,
  membership_id uuid,
  label text not null constraint actors_label_check check (length(label) between 1 and 200),
  last_active_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint actors_pkey primary key (tenant_id, id),
  constraint actors_membership_id_check check ((kind = 'user') = (membership_id is not null))
);
comment on table iam.actors is E'@typeid actor\nWho did something in this tenant.';
comment on column iam.actors.label is 'Name to show, such as the user''s name when the actor was made.';
comment on column iam.actors.last_active_at is 'When it last did something, to the minute or so.';
comment on column iam.actors.membership_id is 'The member, when the actor is a user.';
select ddl.foreign_key('iam.actors', 'membership_id', 'iam.memberships', 'cascade', p_index => false);
create unique index if not exists actors_membership_id_key on iam.actors (tenant_id, membership_id);
create unique index if not exists actors_system_key on iam.actors (tenant_id, kind) where kind = 'system';
select ddl.tenant_table('iam.actors', p_system => 'select');
grant select, insert on iam.actors to rowhouse_definer;
--! EndIncluded iam/actors.sql
--! Included iam/make_actor.sql
create or replace function iam.make_actor() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  insert into iam.actors (tenant_id, kind, label) values (new.tenant_id, tg_argv[0], new.name) returning id into new.actor_id;
  return new;
end
$$;
comment on function iam.make_actor() is 'Gives a new row the actor under which it acts, of the kind that the trigger names.';

create or replace function iam.rename_actor() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update iam.actors set label = new.name where tenant_id = new.tenant_id and id = new.actor_id and label <> new.name;
  return new;
end
$$;
comment on function iam.rename_actor() is 'Shows the actor of a row under the row''s new name.';
--! EndIncluded iam/make_actor.sql
--! Included iam/guard_revoked.sql
create or replace function iam.guard_revoked() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('Row %s of %s was revoked at %s and stays revoked. Make a new one.', old.id, replace(tg_table_name, '_', ' '),
    to_char(old.revoked_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')), 'revokedAt');
  return null;
end
$$;
comment on function iam.guard_revoked() is 'Keeps what was revoked from coming back.';
--! EndIncluded iam/guard_revoked.sql
--! Included iam/api_keys.sql
-- Keys with which programs sign in. Each acts under an actor of its own; the key itself is nowhere, only its hash.
create table if not exists iam.api_keys (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint api_keys_name_check check (length(btrim(name)) between 1 and 200),
  prefix text not null constraint api_keys_prefix_check check (prefix ~ '^rh_[0-9A-Za-z]{4,16}$'),
  role iam.membership_role not null default 'member' constraint api_keys_role_check check (role <> 'owner'),
  scopes text[] not null default '{}' constraint api_keys_scopes_check check (array_position(scopes, null) is null and array_position(scopes, '') is null),
  allowed_networks cidr[] not null default '{}'
    constraint api_keys_allowed_networks_check check (array_position(allowed_networks, null) is null),
  actor_id uuid not null,
  expires_at timestamptz,
  last_used_at timestamptz,
  rotated_at timestamptz,
  revoked_at timestamptz,
  revoked_by uuid,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint api_keys_pkey primary key (tenant_id, id),
  constraint api_keys_actor_id_key unique (tenant_id, actor_id),
  constraint api_keys_expires_at_check check (expires_at > created_at),
  constraint api_keys_revoked_by_check check (revoked_by is null or revoked_at is not null)
);
comment on table iam.api_keys is E'@typeid key\nA key with which a program signs in. It is shown once, when it is made. Admins see all keys of the tenant, others their own.';
comment on column iam.api_keys.prefix is 'The beginning of the key, by which people tell keys apart.';
comment on column iam.api_keys.role is 'What the key may do.';
comment on column iam.api_keys.scopes is 'To what the key is limited further; empty for everything that its role may do.';
comment on column iam.api_keys.allowed_networks is 'From which addresses it may be used; empty for all.';
comment on column iam.api_keys.actor_id is 'Under which it acts; made with the key.';
comment on column iam.api_keys.last_used_at is 'When it last signed a request in, to the minute or so.';
comment on column iam.api_keys.rotated_at is 'When it last got a new secret.';
comment on column iam.api_keys.created_by is 'Actor who made the key.';
create unique index if not exists api_keys_prefix_key on iam.api_keys (tenant_id, prefix);
comment on constraint api_keys_actor_id_key on iam.api_keys is E'@behavior -single';
create index if not exists api_keys_created_at_idx on iam.api_keys (tenant_id, created_at);
-- Servers ask again and again which keys were changed since.
create index if not exists api_keys_updated_at_idx on iam.api_keys (updated_at);
select ddl.foreign_key('iam.api_keys', 'actor_id', 'iam.actors', 'no action', p_index => false);
select ddl.foreign_key('iam.api_keys', 'created_by', 'iam.actors', 'set null');
select ddl.foreign_key('iam.api_keys', 'revoked_by', 'iam.actors', 'set null');
select ddl.tenant_table('iam.api_keys');
drop policy select_viewer on iam.api_keys;
select ddl.policy('iam.api_keys', 'select_own', 'for select to rowhouse_viewer using (created_by = app.actor_id() or actor_id = app.actor_id())');
select ddl.policy('iam.api_keys', 'select_admin', 'for select to rowhouse_admin using (true)');
-- That a key was used is no change of the key.
select ddl.trigger('iam.api_keys', '_100_stamp', $$before update for each row
  when (new.last_used_at is not distinct from old.last_used_at) execute function app.stamp()$$);
select ddl.trigger('iam.api_keys', '_200_revoked', $$before update for each row
  when (old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at) execute function iam.guard_revoked()$$);
select ddl.trigger('iam.api_keys', '_300_actor', $$before insert for each row execute function iam.make_actor('api_key')$$);
select ddl.trigger('iam.api_keys', '_300_actor_label', 'before update of name for each row execute function iam.rename_actor()');
grant select, update on iam.api_keys to rowhouse_definer;
--! EndIncluded iam/api_keys.sql
--! Included iam/api_key_hashes.sql
-- Hashes of keys stand apart from the keys, where no grant of the API reaches. A key that was rotated has two for a while.
create table if not exists private.api_key_hashes (
  tenant_id uuid not null,
  id uuid not null default uuidv7(),
  api_key_id uuid not null,
  key_hash text not null constraint api_key_hashes_key_hash_check check (key_hash ~ '^[0-9a-f]{64}$'),
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  constraint api_key_hashes_pkey primary key (tenant_id, id)
);
comment on table private.api_key_hashes is
  'SHA-256 of each API key in hexadecimal. A key is long and random, so a slow hash would add nothing. expires_at: when the secret was replaced and ends before the key does.';
-- A request is recognised by its key alone, before the tenant is known.
create unique index if not exists api_key_hashes_key_hash_key on private.api_key_hashes (key_hash);
select ddl.foreign_key('private.api_key_hashes', 'api_key_id', 'iam.api_keys', 'cascade');
select ddl.private_table('private.api_key_hashes');
grant select on private.api_key_hashes to rowhouse_definer;
--! EndIncluded iam/api_key_hashes.sql
--! Included iam/key_maker.sql
-- Who manages keys, and how far that goes.
create or replace function app.role_rank(p_role text) returns integer
language sql immutable parallel safe
return coalesce(array_position(array['viewer', 'member', 'manager', 'admin', 'owner'], p_role), 0);
comment on function app.role_rank(text) is 'How much a role may do: each rank may do what the ones below it may; 0 for none.';
grant execute on function app.role_rank(text) to rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;

create or replace function private.key_maker(out actor_id uuid, out role text, out scopes text[], out expires_at timestamptz)
language plpgsql stable security definer set search_path to pg_catalog as $$
declare
  v_kind text;
  v_member_role text;
begin
  role := nullif(current_setting('jwt.claims.role', true), '');
  select a.id, a.kind, m.role into key_maker.actor_id, v_kind, v_member_role
  from iam.actors a left join iam.memberships m on m.tenant_id = a.tenant_id and m.id = a.membership_id and m.deleted_at is null
  where a.tenant_id = app.tenant_id() and a.id = app.actor_id();
  if v_kind is null or (v_kind = 'user' and v_member_role is null) then
    perform app.raise('FORBIDDEN', 'Keys are managed by those who belong to the tenant. Log in as one of its members.');
  end if;
  -- A token may be older than the member's present role.
  if v_kind = 'user' and app.role_rank(v_member_role) < app.role_rank(role) then
    role := v_member_role;
  end if;
  if v_kind = 'api_key' then
    select k.scopes, k.expires_at into key_maker.scopes, key_maker.expires_at
    from iam.api_keys k where k.tenant_id = app.tenant_id() and k.actor_id = key_maker.actor_id;
    if not coalesce('api_keys:write' = any (key_maker.scopes), false) then
      perform app.raise('FORBIDDEN', 'This API key may not manage keys: it was made without the scope api_keys:write. Log in as a person.', null,
        jsonb_build_object('scope', 'api_keys:write'));
    end if;
  end if;
end
$$;
comment on function private.key_maker() is
  'Who manages keys in this session: the actor, the highest role that it may give, and for a key its own scopes and end, which those it makes stay within.';

create or replace function private.managed_api_key(p_id uuid, p_maker record) returns iam.api_keys
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_key iam.api_keys;
begin
  select * into v_key from iam.api_keys k
  where k.tenant_id = app.tenant_id() and k.id = p_id
    and (app.role_rank(p_maker.role) >= app.role_rank('admin') or p_maker.actor_id in (k.created_by, k.actor_id))
  for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no API key %s that you may manage. Members manage their own keys, admins all.', p_id), 'apiKeyId');
  end if;
  return v_key;
end
$$;
comment on function private.managed_api_key(uuid, record) is 'The key of an id, locked: one that the maker made or is, or any when the maker is an admin.';

create or replace function private.check_key_within(p_maker record, p_role text, p_scopes text[], p_expires_at timestamptz) returns void
language plpgsql stable security definer set search_path to pg_catalog as $$
begin
  if app.role_rank(p_role) > app.role_rank(p_maker.role) then
    perform app.raise('FORBIDDEN', format('Nobody makes a key above their own role: yours is %s, the key''s would be %s.', p_maker.role, p_role), 'role');
  end if;
  if p_maker.scopes is null then
    return;
  end if;
  if p_scopes = '{}' or not app.scopes_cover(p_maker.scopes, p_scopes) then
    perform app.raise('FORBIDDEN', format('A key makes keys within its own scopes only: %s.', array_to_string(p_maker.scopes, ', ')), 'scopes');
  end if;
  if p_maker.expires_at is not null and coalesce(p_expires_at, 'infinity') > p_maker.expires_at then
    perform app.raise('FORBIDDEN', 'A key that ends makes only keys that end no later.', 'expiresAt');
  end if;
end
$$;
comment on function private.check_key_within(record, text, text[], timestamptz) is 'Refuses a key that could do more, or for longer, than who makes it.';
--! EndIncluded iam/key_maker.sql
--! Included iam/create_api_key.sql
create or replace function app.create_api_key(
  p_name text, p_prefix text, p_key_hash text, p_role text, p_scopes text[], p_networks cidr[], p_expires_at timestamptz
) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_maker record := private.key_maker();
  v_role text := coalesce(p_role, 'member');
  v_scopes text[] := app.check_scopes(coalesce(p_scopes, '{}'));
  v_id uuid;
begin
  if v_role = 'owner' then
    perform app.raise('VALIDATION_FAILED', 'A key has the role admin at most: only a person answers for a tenant.', 'role');
  end if;
  perform private.check_key_within(v_maker, v_role, v_scopes, p_expires_at);
  if p_expires_at <= now() then
    perform app.raise('VALIDATION_FAILED', 'A key ends in time to come; leave expiresAt out for one that does not end.', 'expiresAt');
  end if;
  if cardinality(p_networks) > 100 then
    perform app.raise('LIMIT_EXCEEDED', 'A key has at most 100 allowed networks.', 'allowedNetworks');
  end if;
  insert into iam.api_keys (tenant_id, name, prefix, role, scopes, allowed_networks, expires_at, created_by)
  values (app.tenant_id(), p_name, p_prefix, v_role, v_scopes, coalesce(p_networks, '{}'), p_expires_at, v_maker.actor_id)
  returning id into v_id;
  insert into private.api_key_hashes (tenant_id, api_key_id, key_hash) values (app.tenant_id(), v_id, p_key_hash);
  return v_id;
end
$$;
comment on function app.create_api_key(text, text, text, text, text[], cidr[], timestamptz) is
  'A new API key of which only the hash is given; its id. Its maker must have its role, and a maker that is a key itself also its scopes.';
grant execute on function app.create_api_key(text, text, text, text, text[], cidr[], timestamptz) to rowhouse_member;

create or replace function app.rotate_api_key(p_id uuid, p_key_hash text, p_overlap interval) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_maker record := private.key_maker();
  v_key iam.api_keys := private.managed_api_key(p_id, v_maker);
  v_end timestamptz := clock_timestamp() + p_overlap;
begin
  if v_key.revoked_at is not null or v_key.expires_at <= now() then
    perform app.raise('INVALID_STATE', format('API key %s was revoked or has ended. Make a new one.', v_key.prefix), 'apiKeyId');
  end if;
  if p_overlap not between '0' and interval '30 days' then
    perform app.raise('VALIDATION_FAILED', 'The old secret works for 0 minutes to 30 days more.', 'overlapMinutes');
  end if;
  -- Whoever rotates a key holds its secret.
  perform private.check_key_within(v_maker, v_key.role, v_key.scopes, v_key.expires_at);
  delete from private.api_key_hashes h
  where h.tenant_id = v_key.tenant_id and h.api_key_id = v_key.id and (h.expires_at <= now() or p_overlap = '0');
  update private.api_key_hashes h set expires_at = least(h.expires_at, v_end) where h.tenant_id = v_key.tenant_id and h.api_key_id = v_key.id;
  insert into private.api_key_hashes (tenant_id, api_key_id, key_hash) values (v_key.tenant_id, v_key.id, p_key_hash);
  update iam.api_keys k set rotated_at = clock_timestamp() where k.tenant_id = v_key.tenant_id and k.id = v_key.id;
  return v_key.id;
end
$$;
comment on function app.rotate_api_key(uuid, text, interval) is
  'Gives a key a new secret, by its hash; the old one works until the overlap ends.';
grant execute on function app.rotate_api_key(uuid, text, interval) to rowhouse_member;
--! EndIncluded iam/create_api_key.sql
--! Included iam/revoke_api_key.sql
create or replace function iam.revoke_api_key(api_key_id uuid) returns iam.api_keys
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_maker record := private.key_maker();
  v_key iam.api_keys := private.managed_api_key(revoke_api_key.api_key_id, v_maker);
begin
  -- Who stole a key may have made others with it.
  with recursive made as (
    select k.id, k.actor_id from iam.api_keys k where k.tenant_id = v_key.tenant_id and k.id = v_key.id
    union
    select k.id, k.actor_id from made m join iam.api_keys k on k.tenant_id = v_key.tenant_id and k.created_by = m.actor_id
  )
  update iam.api_keys k set revoked_at = clock_timestamp(), revoked_by = v_maker.actor_id
  from made m where k.tenant_id = v_key.tenant_id and k.id = m.id and k.revoked_at is null;
  select * into v_key from iam.api_keys k where k.tenant_id = v_key.tenant_id and k.id = v_key.id;
  return v_key;
end
$$;
comment on function iam.revoke_api_key(uuid) is
  'Ends an API key, and the keys that were made with it: they are refused within a second, and their sockets closed. One that was revoked stays as it is.';
grant execute on function iam.revoke_api_key(uuid) to rowhouse_member;
--! EndIncluded iam/revoke_api_key.sql
--! Included iam/change_api_key.sql
create or replace function iam.change_api_key(
  api_key_id uuid, name text default null, scopes text[] default null, allowed_networks cidr[] default null, expires_at timestamptz default null
) returns iam.api_keys
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_maker record := private.key_maker();
  v_key iam.api_keys := private.managed_api_key(change_api_key.api_key_id, v_maker);
  v_scopes text[] := app.check_scopes(coalesce(change_api_key.scopes, v_key.scopes));
  v_networks cidr[] := coalesce(change_api_key.allowed_networks, v_key.allowed_networks);
begin
  if v_key.revoked_at is not null then
    perform app.raise('INVALID_STATE', format('API key %s was revoked, and stays as it is. Make a new one.', v_key.prefix), 'apiKeyId');
  end if;
  if v_key.scopes <> '{}' and (v_scopes = '{}' or not app.scopes_cover(v_key.scopes, v_scopes)) then
    perform app.raise('FORBIDDEN', format('The scopes of a key can only get fewer. It has: %s. Make another key for more.', array_to_string(v_key.scopes, ', ')), 'scopes');
  end if;
  if v_key.allowed_networks <> '{}' and (v_networks = '{}' or exists (
    select from unnest(v_networks) n where not exists (select from unnest(v_key.allowed_networks) o where n <<= o))) then
    perform app.raise('FORBIDDEN', format('The networks of a key can only get narrower. It has: %s. Make another key for more.',
      array_to_string(v_key.allowed_networks, ', ')), 'allowedNetworks');
  end if;
  if cardinality(v_networks) > 100 then
    perform app.raise('LIMIT_EXCEEDED', 'A key has at most 100 allowed networks.', 'allowedNetworks');
  end if;
  if change_api_key.expires_at > coalesce(v_key.expires_at, 'infinity') or change_api_key.expires_at <= now() then
    perform app.raise('FORBIDDEN', 'The end of a key can only come sooner, and not lie in the past. Revoke it to end it now.', 'expiresAt');
  end if;
  update iam.api_keys k set name = coalesce(change_api_key.name, v_key.name), scopes = v_scopes, allowed_networks = v_networks,
    expires_at = coalesce(change_api_key.expires_at, v_key.expires_at)
  where k.tenant_id = v_key.tenant_id and k.id = v_key.id returning * into v_key;
  return v_key;
end
$$;
comment on function iam.change_api_key(uuid, text, text[], cidr[], timestamptz) is
  'Changes the name of an API key, or narrows it: fewer scopes, smaller networks, an earlier end. What is left out stays as it is.';
grant execute on function iam.change_api_key(uuid, text, text[], cidr[], timestamptz) to rowhouse_member;
--! EndIncluded iam/change_api_key.sql
--! Included iam/find_api_key.sql
set local role rowhouse_definer;
create or replace function private.find_api_key(p_key_hash text) returns table (
  problem text, api_key_id uuid, tenant_id uuid, membership_id uuid, actor_id uuid, role text, scopes text[], networks text[], expires_at float8,
  key_version bigint, tenant_version bigint, membership_version bigint
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select case
      when k.revoked_at is not null then 'was revoked'
      when least(k.expires_at, h.expires_at) <= clock_timestamp() then case when k.expires_at <= clock_timestamp() then 'has expired' else 'was replaced by a new one' end
      when t.deleted_at is not null or t.status <> 'active' then 'belongs to a tenant that may not work now'
      when m.deleted_at is not null then 'was made by somebody who does not belong to the tenant any more'
    end,
    k.id, k.tenant_id, m.id, k.actor_id,
    case when app.role_rank(m.role) between 1 and app.role_rank(k.role) then m.role else k.role end,
    k.scopes, k.allowed_networks::text[], extract(epoch from least(k.expires_at, h.expires_at))::float8,
    (extract(epoch from k.updated_at) * 1000000)::bigint, (extract(epoch from t.updated_at) * 1000000)::bigint,
    (extract(epoch from m.updated_at) * 1000000)::bigint
  from private.api_key_hashes h
  join iam.api_keys k on k.tenant_id = h.tenant_id and k.id = h.api_key_id
  join iam.tenants t on t.id = k.tenant_id
  left join iam.actors a on a.tenant_id = k.tenant_id and a.id = k.created_by
  left join iam.memberships m on m.tenant_id = a.tenant_id and m.id = a.membership_id
  where h.key_hash = p_key_hash;
end;
comment on function private.find_api_key(text) is
  'The API key with a hash, and why it may not be used, if so. It may do no more than its maker may now. Crosses tenants: whoever signs in is in none yet.';
grant execute on function private.find_api_key(text) to rowhouse_identity;
revoke all on function private.find_api_key(text) from public;

create or replace function private.key_changes(p_since timestamptz) returns table (id uuid, version bigint)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select k.id, (extract(epoch from k.updated_at) * 1000000)::bigint from iam.api_keys k where k.updated_at >= p_since
  union all
  select t.id, (extract(epoch from t.updated_at) * 1000000)::bigint from iam.tenants t where t.updated_at >= p_since
  union all
  select m.id, (extract(epoch from m.updated_at) * 1000000)::bigint from iam.memberships m where m.updated_at >= p_since;
end;
comment on function private.key_changes(timestamptz) is
  'API keys, tenants and memberships that were changed since a time: what servers remember of a key ends with it. Crosses tenants: every server process serves all of them.';
grant execute on function private.key_changes(timestamptz) to rowhouse_identity;
revoke all on function private.key_changes(timestamptz) from public;

create or replace function private.note_key_uses(p_tenant_ids uuid[], p_ids uuid[]) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  update iam.api_keys k set last_used_at = now()
  from (select distinct * from unnest(p_tenant_ids, p_ids) u (tenant_id, id)) u
  where k.tenant_id = u.tenant_id and k.id = u.id and (k.last_used_at is null or k.last_used_at < now() - interval '50 seconds');
end;
comment on function private.note_key_uses(uuid[], uuid[]) is
  'Notes that keys were used, at most once a minute each. Crosses tenants: one statement for all keys that a server has seen.';
grant execute on function private.note_key_uses(uuid[], uuid[]) to rowhouse_identity;
revoke all on function private.note_key_uses(uuid[], uuid[]) from public;
set local role rowhouse_owner;
--! EndIncluded iam/find_api_key.sql
--! Included iam/masking_changes.sql
set local role rowhouse_definer;
create or replace function private.masking_changes(p_since timestamptz) returns table (tenant_id uuid, is_masked boolean)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select t.id, coalesce(t.settings -> 'maskContactDataForViewers' = 'true', false) from iam.tenants t where t.updated_at >= p_since;
end;
comment on function private.masking_changes(timestamptz) is
  'Tenants that were changed since a time, and whether their viewers see contact data masked now. Crosses tenants: every server process serves all of them.';
grant execute on function private.masking_changes(timestamptz) to rowhouse_identity;
revoke all on function private.masking_changes(timestamptz) from public;
set local role rowhouse_owner;
--! EndIncluded iam/masking_changes.sql
--! Included iam/find_foreign_member.sql
set local role rowhouse_definer;
create or replace function private.find_foreign_member(p_tenant text, p_user_id uuid, p_email text) returns table (
  tenant_id uuid, tenant_slug text, tenant_status text, user_id uuid, actor_id uuid, membership_id uuid, role text,
  tenant_version bigint, membership_version bigint
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select t.id, t.slug, t.status, u.id, a.id, m.id, m.role,
    (extract(epoch from t.updated_at) * 1000000)::bigint, (extract(epoch from m.updated_at) * 1000000)::bigint
  from iam.tenants t
  join iam.memberships m on m.tenant_id = t.id and m.deleted_at is null
  join iam.users u on u.id = m.user_id and u.deleted_at is null
  join iam.actors a on a.tenant_id = m.tenant_id and a.membership_id = m.id
  -- A slug may look like the id of another tenant.
  where t.deleted_at is null and case when p_tenant ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then t.id::text = p_tenant else t.slug = p_tenant end
    and (u.id = p_user_id or u.email = p_email)
  order by u.id = p_user_id desc
  limit 1;
end;
comment on function private.find_foreign_member(text, uuid, text) is
  'The member of a tenant whom a token of another issuer is about, by their user id or else their e-mail address. Crosses tenants: whoever signs in is in none yet.';
grant execute on function private.find_foreign_member(text, uuid, text) to rowhouse_identity;
revoke all on function private.find_foreign_member(text, uuid, text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/find_foreign_member.sql
--! Included iam/sessions.sql
-- A sign-in of a user to this tenant, for as long as its refresh tokens are exchanged for new ones.
create table if not exists iam.sessions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  user_id uuid not null constraint sessions_user_id_fkey references iam.users (id) on delete cascade,
  user_agent text constraint sessions_user_agent_check check (length(user_agent) <= 1000),
  ip_address inet,
  last_used_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_reason iam.session_end,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint sessions_pkey primary key (tenant_id, id),
  constraint sessions_expires_at_check check (expires_at > created_at),
  constraint sessions_revoked_reason_check check ((revoked_at is null) = (revoked_reason is null))
);
comment on table iam.sessions is
  E'@typeid sess\nA sign-in of a user to this tenant: the family of its refresh tokens. Users see their own, admins those of the tenant.';
comment on column iam.sessions.user_agent is 'What the browser or program called itself.';
comment on column iam.sessions.ip_address is 'Address from which it was last used.';
create index if not exists sessions_user_id_idx on iam.sessions (user_id, tenant_id);
create index if not exists sessions_last_used_at_idx on iam.sessions (tenant_id, last_used_at);
select ddl.tenant_table('iam.sessions');
drop policy select_viewer on iam.sessions;
select ddl.policy('iam.sessions', 'select_own', 'for select to rowhouse_viewer using (user_id = app.user_id())');
select ddl.policy('iam.sessions', 'select_admin', 'for select to rowhouse_admin using (true)');
select ddl.trigger('iam.sessions', '_200_revoked', $$before update for each row
  when (old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at) execute function iam.guard_revoked()$$);
-- Servers ask again and again which sessions were ended since.
create index if not exists sessions_revoked_at_idx on iam.sessions (revoked_at) where revoked_at is not null;
grant select, insert, update on iam.sessions to rowhouse_definer;
--! EndIncluded iam/sessions.sql
--! Included iam/session_tokens.sql
-- The refresh tokens of a session, one after the other: each is exchanged once, and a second time gives a theft away.
create table if not exists private.session_tokens (
  tenant_id uuid not null,
  id uuid not null default uuidv7(),
  session_id uuid not null,
  token_hash text not null constraint session_tokens_token_hash_check check (token_hash ~ '^[0-9a-f]{64}$'),
  expires_at timestamptz not null,
  used_at timestamptz,
  created_at timestamptz not null default now(),
  constraint session_tokens_pkey primary key (tenant_id, id)
);
comment on table private.session_tokens is 'SHA-256 of each refresh token in hexadecimal. used_at: when it was exchanged for the next one.';
create unique index if not exists session_tokens_token_hash_key on private.session_tokens (token_hash);
create unique index if not exists session_tokens_unused_key on private.session_tokens (tenant_id, session_id) where used_at is null;
select ddl.foreign_key('private.session_tokens', 'session_id', 'iam.sessions', 'cascade');
select ddl.private_table('private.session_tokens');
grant select, insert, update on private.session_tokens to rowhouse_definer;
--! EndIncluded iam/session_tokens.sql
--! Included iam/invitations.sql
-- A word to an address that its owner may join the tenant.
create table if not exists iam.invitations (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  email text not null
    constraint invitations_email_check check (email = lower(email) and length(email) <= 320 and email like '%_@_%'),
  role iam.membership_role not null default 'member',
  expires_at timestamptz not null default now() + interval '7 days',
  accepted_at timestamptz,
  accepted_by uuid,
  revoked_at timestamptz,
  revoked_by uuid,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint invitations_pkey primary key (tenant_id, id),
  constraint invitations_expires_at_check check (expires_at > created_at),
  constraint invitations_accepted_at_check check (accepted_at is null or revoked_at is null),
  constraint invitations_accepted_by_check check (accepted_by is null or accepted_at is not null),
  constraint invitations_revoked_by_check check (revoked_by is null or revoked_at is not null)
);
comment on table iam.invitations is E'@typeid invite\nAn invitation to join this tenant. An address has one open invitation at a time.';
comment on column iam.invitations.email is 'Address that it was sent to, lower case.';
comment on column iam.invitations.role is 'The role that the new member gets.';
comment on column iam.invitations.accepted_by is 'Actor of the member who came of it.';
comment on column iam.invitations.created_by is 'Actor who invited.';
create unique index if not exists invitations_email_key on iam.invitations (tenant_id, email) where accepted_at is null and revoked_at is null;
create index if not exists invitations_created_at_idx on iam.invitations (tenant_id, created_at);
select ddl.foreign_key('iam.invitations', 'accepted_by', 'iam.actors', 'set null');
select ddl.foreign_key('iam.invitations', 'revoked_by', 'iam.actors', 'set null');
select ddl.foreign_key('iam.invitations', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('iam.invitations', p_select_role => 'rowhouse_admin');
select ddl.trigger('iam.invitations', '_200_revoked', $$before update for each row
  when (old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at) execute function iam.guard_revoked()$$);

create or replace function iam.guard_accepted_invitation() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('The invitation of %s was accepted already. Change the membership instead.', old.email), 'acceptedAt');
  return null;
end
$$;
comment on function iam.guard_accepted_invitation() is 'Keeps an accepted invitation as it is.';
select ddl.trigger('iam.invitations', '_200_accepted', $$before update for each row
  when (old.accepted_at is not null and pg_trigger_depth() = 0) execute function iam.guard_accepted_invitation()$$);
grant select, update on iam.invitations to rowhouse_definer;
--! EndIncluded iam/invitations.sql
--! Included iam/invitation_tokens.sql
-- The token in an invitation's link is nowhere, only its hash.
create table if not exists private.invitation_tokens (
  tenant_id uuid not null,
  invitation_id uuid not null,
  token_hash text not null constraint invitation_tokens_token_hash_check check (token_hash ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default now(),
  constraint invitation_tokens_pkey primary key (tenant_id, invitation_id)
);
comment on table private.invitation_tokens is 'SHA-256 of the token in each invitation''s link, in hexadecimal.';
create unique index if not exists invitation_tokens_token_hash_key on private.invitation_tokens (token_hash);
select ddl.foreign_key('private.invitation_tokens', 'invitation_id', 'iam.invitations', 'cascade', p_index => false);
select ddl.private_table('private.invitation_tokens');
grant select, insert, update, delete on private.invitation_tokens to rowhouse_definer;
--! EndIncluded iam/invitation_tokens.sql
--! Included iam/user_credentials.sql
-- Password hashes stand apart from users, where no grant of the API reaches.
create table if not exists private.user_credentials (
  user_id uuid primary key constraint user_credentials_user_id_fkey references iam.users (id) on delete cascade,
  password_hash text not null constraint user_credentials_password_hash_check check (password_hash like '$argon2id$%'),
  updated_at timestamptz not null default now()
);
comment on table private.user_credentials is 'Argon2id hashes of passwords in PHC string format.';
select ddl.private_table('private.user_credentials');
grant select, insert, update on private.user_credentials to rowhouse_definer;
select ddl.trigger('private.user_credentials', '_100_stamp', 'before update for each row execute function app.stamp()');
--! EndIncluded iam/user_credentials.sql
--! Included iam/find_login.sql
set local role rowhouse_definer;
create or replace function private.find_login(p_email text) returns table (
  user_id uuid, user_name text, password_hash text,
  tenant_id uuid, tenant_slug text, tenant_name text, tenant_status text, actor_id uuid, role text
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select u.id, u.name, c.password_hash, t.id, t.slug, t.name, t.status, a.id, m.role
  from iam.users u
  join private.user_credentials c on c.user_id = u.id
  left join iam.memberships m on m.user_id = u.id and m.deleted_at is null
  left join iam.tenants t on t.id = m.tenant_id and t.deleted_at is null
  left join iam.actors a on a.tenant_id = m.tenant_id and a.membership_id = m.id
  where u.email = lower(btrim(p_email)) and u.deleted_at is null
  order by m.created_at, m.id;
end;
comment on function private.find_login(text) is
  'The user with this address, their password hash, and a row for each tenant they belong to. Crosses tenants: nobody is signed in yet.';
grant execute on function private.find_login(text) to rowhouse_identity;
revoke all on function private.find_login(text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/find_login.sql
--! Included iam/find_user.sql
set local role rowhouse_definer;
create or replace function private.find_user(p_user_id uuid) returns table (
  user_id uuid, user_email text, user_name text,
  tenant_id uuid, tenant_slug text, tenant_name text, tenant_status text, actor_id uuid, role text
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select u.id, u.email, u.name, t.id, t.slug, t.name, t.status, a.id, m.role
  from iam.users u
  left join iam.memberships m on m.user_id = u.id and m.deleted_at is null
  left join iam.tenants t on t.id = m.tenant_id and t.deleted_at is null
  left join iam.actors a on a.tenant_id = m.tenant_id and a.membership_id = m.id
  where u.id = p_user_id and u.deleted_at is null
  order by m.created_at, m.id;
end;
comment on function private.find_user(uuid) is
  'The user of a verified token, and a row for each tenant they belong to. Crosses tenants: a user is one person in all of them.';
grant execute on function private.find_user(uuid) to rowhouse_identity;
revoke all on function private.find_user(uuid) from public;
set local role rowhouse_owner;
--! EndIncluded iam/find_user.sql
--! Included iam/find_tenant_actors.sql
set local role rowhouse_definer;
create or replace function private.find_tenant_actors(p_tenant_slug text) returns table (
  tenant_id uuid, actor_id uuid, kind text, user_id uuid, user_email text, role text
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select t.id, a.id, a.kind, u.id, u.email, m.role
  from iam.tenants t
  join iam.actors a on a.tenant_id = t.id
  left join iam.memberships m on m.tenant_id = a.tenant_id and m.id = a.membership_id and m.deleted_at is null
  left join iam.users u on u.id = m.user_id and u.deleted_at is null
  where t.slug = p_tenant_slug and t.deleted_at is null and (a.kind = 'system' or u.id is not null)
  order by m.created_at, a.id;
end;
comment on function private.find_tenant_actors(text) is
  'Who may act in the tenant with this slug: its members and its system actor. For the command that prints development tokens.';
grant execute on function private.find_tenant_actors(text) to rowhouse_identity;
revoke all on function private.find_tenant_actors(text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/find_tenant_actors.sql
--! Included iam/create_tenant.sql
set local role rowhouse_definer;
create or replace function private.create_tenant(p_name text, p_slug text) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_tenant_id uuid;
begin
  insert into iam.tenants (name, slug) values (p_name, p_slug) returning id into v_tenant_id;
  insert into iam.actors (tenant_id, kind, label) values (v_tenant_id, 'system', 'Rowhouse');
  return v_tenant_id;
end
$$;
comment on function private.create_tenant(text, text) is 'A new tenant with its system actor. For set-up commands: no API role may call it.';
revoke all on function private.create_tenant(text, text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/create_tenant.sql
--! Included iam/create_user.sql
set local role rowhouse_definer;
create or replace function private.create_user(
  p_tenant_id uuid, p_email text, p_name text, p_role text, p_password_hash text
) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_user_id uuid;
  v_membership_id uuid;
begin
  select id into v_user_id from iam.users where email = lower(p_email) and deleted_at is null;
  if v_user_id is null then
    insert into iam.users (email, name) values (lower(p_email), p_name) returning id into v_user_id;
    insert into private.user_credentials (user_id, password_hash) values (v_user_id, p_password_hash);
  end if;
  insert into iam.memberships (tenant_id, user_id, role) values (p_tenant_id, v_user_id, p_role) returning id into v_membership_id;
  insert into iam.actors (tenant_id, kind, membership_id, label) values (p_tenant_id, 'user', v_membership_id, p_name);
  return v_user_id;
end
$$;
comment on function private.create_user(uuid, text, text, text, text) is
  'A user (or the existing one with this address), their membership and their actor. For set-up commands: no API role may call it.';
revoke all on function private.create_user(uuid, text, text, text, text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/create_user.sql
--! Included iam/open_session.sql
set local role rowhouse_definer;
create or replace function private.open_session(
  p_tenant_id uuid, p_user_id uuid, p_token_hash text, p_expires_at timestamptz, p_user_agent text, p_ip_address inet
) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_session_id uuid;
begin
  insert into iam.sessions (tenant_id, user_id, user_agent, ip_address, expires_at)
  values (p_tenant_id, p_user_id, left(p_user_agent, 1000), p_ip_address, p_expires_at)
  returning id into v_session_id;
  insert into private.session_tokens (tenant_id, session_id, token_hash, expires_at)
  values (p_tenant_id, v_session_id, p_token_hash, p_expires_at);
  return v_session_id;
end
$$;
comment on function private.open_session(uuid, uuid, text, timestamptz, text, inet) is
  'A session of a user in a tenant, with the hash of its first refresh token. Crosses tenants: whoever logs in is in none yet.';
grant execute on function private.open_session(uuid, uuid, text, timestamptz, text, inet) to rowhouse_identity;
revoke all on function private.open_session(uuid, uuid, text, timestamptz, text, inet) from public;
set local role rowhouse_owner;
--! EndIncluded iam/open_session.sql
--! Included iam/exchange_session_token.sql
set local role rowhouse_definer;
create or replace function private.exchange_session_token(p_token_hash text, p_next_hash text, p_expires_at timestamptz)
returns table (outcome text, session_id uuid, tenant_id uuid, user_id uuid)
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_token private.session_tokens;
  v_session iam.sessions;
begin
  -- The lock makes two exchanges of one token take turns: the second one sees that it was used.
  select * into v_token from private.session_tokens t where t.token_hash = p_token_hash for update;
  if not found then
    return query select 'unknown', null::uuid, null::uuid, null::uuid;
    return;
  end if;
  select * into v_session from iam.sessions s where s.tenant_id = v_token.tenant_id and s.id = v_token.session_id for update;
  if v_session.revoked_at is not null then
    outcome := 'revoked';
  elsif v_token.used_at is not null then
    update iam.sessions s set revoked_at = clock_timestamp(), revoked_reason = 'reuse_detected'
    where s.tenant_id = v_session.tenant_id and s.id = v_session.id;
    outcome := 'reused';
  elsif v_token.expires_at <= now() or v_session.expires_at <= now() then
    outcome := 'expired';
  else
    update private.session_tokens t set used_at = now() where t.tenant_id = v_token.tenant_id and t.id = v_token.id;
    insert into private.session_tokens (tenant_id, session_id, token_hash, expires_at)
    values (v_session.tenant_id, v_session.id, p_next_hash, p_expires_at);
    update iam.sessions s set last_used_at = now(), expires_at = p_expires_at
    where s.tenant_id = v_session.tenant_id and s.id = v_session.id;
    outcome := 'exchanged';
  end if;
  return query select outcome, v_session.id, v_session.tenant_id, v_session.user_id;
end
$$;
comment on function private.exchange_session_token(text, text, timestamptz) is
  'Exchanges a refresh token for the next one of its session. A token that was exchanged before ends the session: somebody holds a copy. Crosses tenants: the token alone tells the tenant.';
grant execute on function private.exchange_session_token(text, text, timestamptz) to rowhouse_identity;
revoke all on function private.exchange_session_token(text, text, timestamptz) from public;
set local role rowhouse_owner;
--! EndIncluded iam/exchange_session_token.sql
--! Included iam/end_sessions.sql
set local role rowhouse_definer;
create or replace function private.end_sessions(p_user_id uuid, p_session_id uuid, p_reason text) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_count integer;
begin
  update iam.sessions s set revoked_at = clock_timestamp(), revoked_reason = p_reason
  where s.user_id = p_user_id and s.revoked_at is null and (p_session_id is null or s.id = p_session_id);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function private.end_sessions(uuid, uuid, text) is
  'Ends one session of a user, or without a session all of them in every tenant; returns how many. Crosses tenants: a user is one person in all of them.';
grant execute on function private.end_sessions(uuid, uuid, text) to rowhouse_identity;
revoke all on function private.end_sessions(uuid, uuid, text) from public;

set local role rowhouse_owner;
--! EndIncluded iam/end_sessions.sql
--! Included iam/revoked_tokens.sql
-- Access tokens that were taken back before they expire and that belong to no session.
create table if not exists private.revoked_tokens (
  token_id uuid primary key,
  expires_at timestamptz not null,
  revoked_at timestamptz not null default clock_timestamp()
);
comment on table private.revoked_tokens is 'Ids (the claim jti) of access tokens that are refused; a row can go when its token has expired.';
create index if not exists revoked_tokens_revoked_at_idx on private.revoked_tokens (revoked_at);
select ddl.private_table('private.revoked_tokens');
grant select, insert, delete on private.revoked_tokens to rowhouse_definer;

set local role rowhouse_definer;
create or replace function private.revoke_token(p_token_id uuid, p_expires_at timestamptz) returns void
language plpgsql security definer set search_path to pg_catalog as $$
begin
  delete from private.revoked_tokens where expires_at < now();
  insert into private.revoked_tokens (token_id, expires_at) values (p_token_id, p_expires_at) on conflict (token_id) do nothing;
end
$$;
comment on function private.revoke_token(uuid, timestamptz) is 'Refuses an access token from now on; forgets those that have expired. A token may belong to no tenant.';
grant execute on function private.revoke_token(uuid, timestamptz) to rowhouse_identity;
revoke all on function private.revoke_token(uuid, timestamptz) from public;

create or replace function private.revocations(p_since timestamptz) returns table (id uuid, revoked_at timestamptz)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select s.id, s.revoked_at from iam.sessions s where s.revoked_at >= p_since
  union all
  select t.token_id, t.revoked_at from private.revoked_tokens t where t.revoked_at >= p_since;
end;
comment on function private.revocations(timestamptz) is
  'Sessions that were ended and tokens that were taken back since a time. Crosses tenants: every server process serves all of them.';
grant execute on function private.revocations(timestamptz) to rowhouse_identity;
revoke all on function private.revocations(timestamptz) from public;
set local role rowhouse_owner;
--! EndIncluded iam/revoked_tokens.sql
--! Included iam/login_attempts.sql
-- How often somebody failed to log in: to an account (whether it exists or not), or from an address.
create table if not exists private.login_attempts (
  subject text primary key,
  failure_count integer not null,
  last_failed_at timestamptz not null,
  locked_until timestamptz not null
);
comment on table private.login_attempts is
  'Failed logins by subject: account:<e-mail address> or address:<IP address>. Counting starts anew after a day without failures.';
create index if not exists login_attempts_last_failed_at_idx on private.login_attempts (last_failed_at);
select ddl.private_table('private.login_attempts');
grant select, insert, update, delete on private.login_attempts to rowhouse_definer;

set local role rowhouse_definer;
-- An attempt counts as a failure before anything is looked at, so that a burst of guesses at once is no way around the wait.
create or replace function private.begin_login_attempt(p_subjects text[], p_free_failures integer[]) returns timestamptz
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_until timestamptz;
  v_subject text;
  v_free integer;
begin
  delete from private.login_attempts where last_failed_at < now() - interval '1 day';
  -- In the order of their names, so that two attempts do not wait for each other in a circle.
  for v_subject in select s from unnest(p_subjects) s order by s loop
    insert into private.login_attempts as a (subject, failure_count, last_failed_at, locked_until) values (v_subject, 0, now(), now())
    on conflict (subject) do update set subject = excluded.subject;
  end loop;
  select max(locked_until) into v_until from private.login_attempts where subject = any (p_subjects) and locked_until > clock_timestamp();
  if v_until is not null then
    return v_until;
  end if;
  for v_subject, v_free in select * from unnest(p_subjects, p_free_failures) loop
    update private.login_attempts a
    set failure_count = a.failure_count + 1,
      last_failed_at = clock_timestamp(),
      -- Free failures first, then 1, 2, 4, … seconds, up to a quarter of an hour.
      locked_until = clock_timestamp() + make_interval(secs => case when a.failure_count < v_free then 0
        else least(900, power(2, least(a.failure_count - v_free, 20))) end)
    where a.subject = v_subject;
  end loop;
  return null;
end
$$;
comment on function private.begin_login_attempt(text[], integer[]) is
  'Counts an attempt of each of these as failed, or returns until when one of them is locked: ever longer once its free failures are used up. Nobody is signed in yet.';
grant execute on function private.begin_login_attempt(text[], integer[]) to rowhouse_identity;
revoke all on function private.begin_login_attempt(text[], integer[]) from public;

create or replace function private.take_back_login_attempt(p_subjects text[], p_free_failures integer[]) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  update private.login_attempts a
  set failure_count = greatest(a.failure_count - 1, 0),
    locked_until = case when a.failure_count - 1 <= s.free then clock_timestamp() else a.locked_until end
  from unnest(p_subjects, p_free_failures) s (subject, free) where a.subject = s.subject;
end;
comment on function private.take_back_login_attempt(text[], integer[]) is 'An attempt was no failure after all: it counts no longer.';
grant execute on function private.take_back_login_attempt(text[], integer[]) to rowhouse_identity;
revoke all on function private.take_back_login_attempt(text[], integer[]) from public;

create or replace function private.forget_login_failures(p_subject text) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  delete from private.login_attempts where subject = p_subject;
end;
comment on function private.forget_login_failures(text) is 'Starts counting anew, after a login that succeeded.';
grant execute on function private.forget_login_failures(text) to rowhouse_identity;
revoke all on function private.forget_login_failures(text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/login_attempts.sql
--! Included iam/change_password.sql
set local role rowhouse_definer;
create or replace function private.password_hash(p_user_id uuid) returns text
language sql stable security definer set search_path to pg_catalog
begin atomic
  select c.password_hash from private.user_credentials c join iam.users u on u.id = c.user_id and u.deleted_at is null where c.user_id = p_user_id;
end;
comment on function private.password_hash(uuid) is 'The hash of a user''s password. Crosses tenants: a user is one person in all of them.';
grant execute on function private.password_hash(uuid) to rowhouse_identity;
revoke all on function private.password_hash(uuid) from public;

create or replace function private.change_password(p_user_id uuid, p_old_hash text, p_new_hash text, p_kept_session_id uuid) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_count integer;
begin
  update private.user_credentials set password_hash = p_new_hash where user_id = p_user_id and password_hash = p_old_hash;
  if not found then
    return null;
  end if;
  update iam.sessions s set revoked_at = clock_timestamp(), revoked_reason = 'password_changed'
  where s.user_id = p_user_id and s.revoked_at is null and s.id is distinct from p_kept_session_id;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function private.change_password(uuid, text, text, uuid) is
  'Replaces the hash of a password, if it is still the old one, and ends the user''s sessions but one; returns how many. Crosses tenants: a user is one person in all of them.';
grant execute on function private.change_password(uuid, text, text, uuid) to rowhouse_identity;
revoke all on function private.change_password(uuid, text, text, uuid) from public;
set local role rowhouse_owner;
--! EndIncluded iam/change_password.sql
--! Included iam/idempotency_keys.sql
-- What was answered to a request that named itself by a key, so that a repeat is answered alike instead of being done again.
create table if not exists private.idempotency_keys (
  tenant_id uuid not null constraint idempotency_keys_tenant_id_fkey references iam.tenants (id) on delete cascade,
  actor_id uuid not null,
  key_hash text not null constraint idempotency_keys_key_hash_check check (key_hash ~ '^[0-9a-f]{64}$'),
  request_hash text not null constraint idempotency_keys_request_hash_check check (request_hash ~ '^[0-9a-f]{64}$'),
  has_effect boolean not null default false,
  sealed_answer bytea,
  locked_until timestamptz not null,
  created_at timestamptz not null default now(),
  constraint idempotency_keys_pkey primary key (tenant_id, actor_id, key_hash)
);
comment on table private.idempotency_keys is
  'Requests that were sent with an Idempotency-Key, for a day. Keys and requests are hashes; an answer may hold a secret and is sealed.';
comment on column private.idempotency_keys.has_effect is 'Whether anything was committed: set in the transaction that commits it.';
comment on column private.idempotency_keys.locked_until is 'Until when a server process is at work on it; it says so anew while it is.';
create index if not exists idempotency_keys_created_at_idx on private.idempotency_keys (created_at);
select ddl.private_table('private.idempotency_keys');

create or replace function private.claim_idempotency_key(p_tenant_id uuid, p_actor_id uuid, p_key_hash text, p_request_hash text)
returns table (outcome text, sealed_answer bytea)
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_key private.idempotency_keys;
begin
  insert into private.idempotency_keys (tenant_id, actor_id, key_hash, request_hash, locked_until)
  values (p_tenant_id, p_actor_id, p_key_hash, p_request_hash, clock_timestamp() + interval '1 minute') on conflict do nothing;
  if found then
    return query select 'claimed', null::bytea;
    return;
  end if;
  select * into v_key from private.idempotency_keys k where (k.tenant_id, k.actor_id, k.key_hash) = (p_tenant_id, p_actor_id, p_key_hash);
  if v_key.request_hash <> p_request_hash then
    return query select 'different', null::bytea;
  elsif v_key.sealed_answer is not null then
    return query select 'answered', v_key.sealed_answer;
  elsif v_key.key_hash is null or v_key.locked_until > clock_timestamp() then
    -- It was let go at this very moment, or somebody is at work on it.
    return query select 'in_progress', null::bytea;
  elsif v_key.has_effect then
    return query select 'answer_lost', null::bytea;
  else
    -- The process that had it died before it committed anything. Of several who see that, one gets it.
    update private.idempotency_keys k set locked_until = clock_timestamp() + interval '1 minute'
    where (k.tenant_id, k.actor_id, k.key_hash) = (p_tenant_id, p_actor_id, p_key_hash) and k.locked_until = v_key.locked_until and not k.has_effect;
    return query select case when found then 'claimed' else 'in_progress' end, null::bytea;
  end if;
end
$$;
comment on function private.claim_idempotency_key(uuid, uuid, text, text) is
  'Takes a key for a minute: claimed; or why not: answered (with the answer), in_progress, different (it named another request), answer_lost (it was done, and its process died before it answered).';

create or replace function private.hold_idempotency_key(p_tenant_id uuid, p_actor_id uuid, p_key_hash text) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  update private.idempotency_keys set locked_until = clock_timestamp() + interval '1 minute'
  where (tenant_id, actor_id, key_hash) = (p_tenant_id, p_actor_id, p_key_hash);
end;
comment on function private.hold_idempotency_key(uuid, uuid, text) is 'Keeps a key for another minute.';

create or replace function private.settle_idempotency_key(p_tenant_id uuid, p_actor_id uuid, p_key_hash text, p_has_effect boolean, p_sealed_answer bytea) returns void
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- What changed nothing may be done again.
  delete from private.idempotency_keys where (tenant_id, actor_id, key_hash) = (p_tenant_id, p_actor_id, p_key_hash) and not (has_effect or p_has_effect);
  update private.idempotency_keys set has_effect = true, sealed_answer = p_sealed_answer, locked_until = clock_timestamp()
  where (tenant_id, actor_id, key_hash) = (p_tenant_id, p_actor_id, p_key_hash);
end
$$;
comment on function private.settle_idempotency_key(uuid, uuid, text, boolean, bytea) is
  'Keeps the answer of a request that changed something, and lets go the key of one that did not.';

create or replace function app.note_effect(p_key_hash text) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  update private.idempotency_keys set has_effect = true
  where (tenant_id, actor_id, key_hash) = (app.tenant_id_or_null(), app.actor_id(), p_key_hash) and not has_effect;
end;
comment on function app.note_effect(text) is 'Notes, in the transaction of a change, that the request of a key has an effect.';
grant execute on function app.note_effect(text) to rowhouse_viewer;

create or replace function private.forget_idempotency_keys(p_limit integer) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_count integer;
begin
  delete from private.idempotency_keys k
  using (select tenant_id, actor_id, key_hash from private.idempotency_keys
    where created_at < now() - interval '1 day' and locked_until < now() limit p_limit for update skip locked) old
  where (k.tenant_id, k.actor_id, k.key_hash) = (old.tenant_id, old.actor_id, old.key_hash);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function private.forget_idempotency_keys(integer) is 'Forgets keys that are older than a day; returns how many.';
grant execute on function private.claim_idempotency_key(uuid, uuid, text, text), private.hold_idempotency_key(uuid, uuid, text),
  private.settle_idempotency_key(uuid, uuid, text, boolean, bytea) to rowhouse_identity;
grant execute on function private.forget_idempotency_keys(integer) to rowhouse_worker;
--! EndIncluded iam/idempotency_keys.sql
--! Included iam/end_session.sql
create or replace function iam.end_session(session_id uuid) returns iam.sessions
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_session iam.sessions;
  v_is_admin boolean := private.role_rank(nullif(current_setting('jwt.claims.role', true), '')) >= private.role_rank('admin');
begin
  perform app.require_scope('iam:write');
  select * into v_session from iam.sessions s
  where s.tenant_id = app.tenant_id() and s.id = end_session.session_id and (s.user_id = app.user_id() or v_is_admin)
  for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no session %s of yours.', end_session.session_id), 'sessionId');
  end if;
  if v_session.revoked_at is null then
    update iam.sessions s set revoked_at = clock_timestamp(),
      revoked_reason = case when v_session.user_id = app.user_id() then 'logout' else 'admin' end
    where s.tenant_id = v_session.tenant_id and s.id = v_session.id returning * into v_session;
  end if;
  return v_session;
end
$$;
comment on function iam.end_session(uuid) is
  'Ends a session of yours, or as an admin one of anybody in the tenant: its tokens are refused and its sockets closed within a second. One that was ended stays as it is.';
grant execute on function iam.end_session(uuid) to rowhouse_viewer;
--! EndIncluded iam/end_session.sql
--! Included iam/user_totp.sql
-- The second factor of users who chose to have one.
create table if not exists private.user_totp (
  user_id uuid primary key constraint user_totp_user_id_fkey references iam.users (id) on delete cascade,
  sealed_secret bytea not null,
  confirmed_at timestamptz,
  last_step bigint not null default 0,
  created_at timestamptz not null default now()
);
comment on table private.user_totp is
  'Secrets of TOTP, encrypted by the server. Not asked for before confirmed_at. last_step: the time step of the last code that was taken; none up to it is taken again.';
select ddl.private_table('private.user_totp');
grant select, insert, update, delete on private.user_totp to rowhouse_definer;

create table if not exists private.recovery_codes (
  user_id uuid not null constraint recovery_codes_user_id_fkey references private.user_totp (user_id) on delete cascade,
  code_hash text not null constraint recovery_codes_code_hash_check check (code_hash ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default now(),
  constraint recovery_codes_pkey primary key (user_id, code_hash)
);
comment on table private.recovery_codes is 'SHA-256 of each recovery code that was not used yet; a code is long and random.';
select ddl.private_table('private.recovery_codes');
grant select, insert, delete on private.recovery_codes to rowhouse_definer;

set local role rowhouse_definer;
create or replace function private.find_totp(p_user_id uuid) returns table (sealed_secret bytea, is_confirmed boolean)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select t.sealed_secret, t.confirmed_at is not null from private.user_totp t where t.user_id = p_user_id;
end;
comment on function private.find_totp(uuid) is 'The second factor of a user. Crosses tenants: a user is one person in all of them.';

create or replace function private.begin_totp(p_user_id uuid, p_sealed_secret bytea) returns boolean
language plpgsql security definer set search_path to pg_catalog as $$
begin
  insert into private.user_totp as t (user_id, sealed_secret) values (p_user_id, p_sealed_secret)
  on conflict (user_id) do update set sealed_secret = excluded.sealed_secret, created_at = now() where t.confirmed_at is null;
  return found;
end
$$;
comment on function private.begin_totp(uuid, bytea) is
  'Keeps the secret of a second factor that is to be confirmed; false when there is one already. Crosses tenants: see find_totp.';

create or replace function private.use_totp_step(p_user_id uuid, p_step bigint) returns boolean
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update private.user_totp t set last_step = p_step where t.user_id = p_user_id and t.last_step < p_step;
  return found;
end
$$;
comment on function private.use_totp_step(uuid, bigint) is 'Takes the code of a time step; false when that or a later one was taken before. Crosses tenants: see find_totp.';

create or replace function private.use_recovery_code(p_user_id uuid, p_code_hash text) returns boolean
language plpgsql security definer set search_path to pg_catalog as $$
begin
  delete from private.recovery_codes c where c.user_id = p_user_id and c.code_hash = p_code_hash;
  return found;
end
$$;
comment on function private.use_recovery_code(uuid, text) is 'Takes a recovery code; false when there is none such, or no more. Crosses tenants: see find_totp.';

create or replace function private.confirm_totp(p_user_id uuid, p_code_hashes text[]) returns boolean
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update private.user_totp t set confirmed_at = now() where t.user_id = p_user_id and t.confirmed_at is null;
  if not found then
    return false;
  end if;
  insert into private.recovery_codes (user_id, code_hash) select p_user_id, h from unnest(p_code_hashes) h;
  return true;
end
$$;
comment on function private.confirm_totp(uuid, text[]) is 'Asks for the second factor from now on, with these recovery codes; false when it was confirmed before. Crosses tenants: see find_totp.';

create or replace function private.drop_totp(p_user_id uuid) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  delete from private.user_totp where user_id = p_user_id;
end;
comment on function private.drop_totp(uuid) is 'Asks for no second factor any more. Crosses tenants: see find_totp.';

grant execute on function private.find_totp(uuid), private.begin_totp(uuid, bytea), private.use_totp_step(uuid, bigint),
  private.use_recovery_code(uuid, text), private.confirm_totp(uuid, text[]), private.drop_totp(uuid) to rowhouse_identity;
revoke all on function private.find_totp(uuid), private.begin_totp(uuid, bytea), private.use_totp_step(uuid, bigint),
  private.use_recovery_code(uuid, text), private.confirm_totp(uuid, text[]), private.drop_totp(uuid) from public;
set local role rowhouse_owner;
--! EndIncluded iam/user_totp.sql
--! Included iam/mails.sql
-- Mails that wait to be sent: to whom and what about. What they say, and the token in their link, is made when they are sent.
create table if not exists private.mails (
  id uuid primary key default uuidv7(),
  kind text not null constraint mails_kind_check check (kind in ('invitation', 'registration', 'password_reset', 'webhook_disabled')),
  address text not null constraint mails_address_check check (length(address) <= 320),
  tenant_id uuid constraint mails_tenant_id_fkey references iam.tenants (id) on delete cascade,
  subject_id uuid,
  created_at timestamptz not null default now()
);
comment on table private.mails is
  'Mails to send. A row goes when its mail is sent, or after a week. subject_id: the invitation, registration or webhook subscription. A password reset names only the address: whether somebody has it is found out by the worker.';
create index if not exists mails_created_at_idx on private.mails (created_at);
create index if not exists mails_tenant_id_idx on private.mails (tenant_id);
select ddl.private_table('private.mails');
grant select, insert, delete, update on private.mails to rowhouse_definer;

set local role rowhouse_worker;
create or replace function private.add_mail_job(p_mail_id uuid) returns void
language sql security definer set search_path to pg_catalog as $$
  -- Twelve attempts with growing pauses take about a day.
  select graphile_worker.add_job('send_mail', json_build_object('mailId', p_mail_id), max_attempts => 12, job_key => 'mail:' || p_mail_id);
$$;
comment on function private.add_mail_job(uuid) is 'Puts a mail into the queue of graphile-worker, by its id alone.';
grant execute on function private.add_mail_job(uuid) to rowhouse_definer;
revoke all on function private.add_mail_job(uuid) from public;

set local role rowhouse_definer;
create or replace function private.queue_mail(p_kind text, p_address text, p_tenant_id uuid, p_subject_id uuid) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_id uuid;
begin
  delete from private.mails where created_at < now() - interval '7 days';
  insert into private.mails (kind, address, tenant_id, subject_id) values (p_kind, p_address, p_tenant_id, p_subject_id) returning id into v_id;
  perform private.add_mail_job(v_id);
end
$$;
comment on function private.queue_mail(text, text, uuid, uuid) is 'Has a mail sent by the worker. Crosses tenants: a password reset belongs to none.';
grant execute on function private.queue_mail(text, text, uuid, uuid) to rowhouse_owner, rowhouse_identity;
revoke all on function private.queue_mail(text, text, uuid, uuid) from public;

create or replace function private.close_mail(p_mail_id uuid) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  delete from private.mails where id = p_mail_id;
end;
comment on function private.close_mail(uuid) is 'Forgets a mail that was sent, or that has become pointless. Crosses tenants: see queue_mail.';
grant execute on function private.close_mail(uuid) to rowhouse_worker;
revoke all on function private.close_mail(uuid) from public;
set local role rowhouse_owner;
--! EndIncluded iam/mails.sql
--! Included iam/open_invitation_mail.sql
set local role rowhouse_definer;
create or replace function private.open_invitation_mail(p_tenant_id uuid, p_invitation_id uuid, p_token_hash text) returns jsonb
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_facts jsonb;
begin
  select jsonb_build_object('tenantName', t.name, 'role', i.role, 'expiresAt', i.expires_at, 'inviter', a.label) into v_facts
  from iam.invitations i
  join iam.tenants t on t.id = i.tenant_id and t.deleted_at is null and t.status = 'active'
  left join iam.actors a on a.tenant_id = i.tenant_id and a.id = i.created_by
  where i.tenant_id = p_tenant_id and i.id = p_invitation_id
    and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
  for update of i;
  if v_facts is not null then
    -- The latest mail's link is the one that works.
    insert into private.invitation_tokens as k (tenant_id, invitation_id, token_hash) values (p_tenant_id, p_invitation_id, p_token_hash)
    on conflict (tenant_id, invitation_id) do update set token_hash = excluded.token_hash, created_at = now();
  end if;
  return v_facts;
end
$$;
comment on function private.open_invitation_mail(uuid, uuid, text) is
  'What the mail of an open invitation says, and makes the token with this hash the one that accepts it. Crosses tenants: see open_mail.';
revoke all on function private.open_invitation_mail(uuid, uuid, text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/open_invitation_mail.sql
--! Included iam/password_reset_tokens.sql
-- The tokens in the links of password resets are nowhere, only their hashes.
create table if not exists private.password_reset_tokens (
  token_hash text primary key constraint password_reset_tokens_token_hash_check check (token_hash ~ '^[0-9a-f]{64}$'),
  user_id uuid not null constraint password_reset_tokens_user_id_fkey references iam.users (id) on delete cascade,
  expires_at timestamptz not null,
  created_at timestamptz not null default now()
);
comment on table private.password_reset_tokens is 'SHA-256 of the token in each password reset''s link. All of a user go when one is used.';
create index if not exists password_reset_tokens_user_id_idx on private.password_reset_tokens (user_id);
create index if not exists password_reset_tokens_expires_at_idx on private.password_reset_tokens (expires_at);
select ddl.private_table('private.password_reset_tokens');
grant select, insert, delete on private.password_reset_tokens to rowhouse_definer;

set local role rowhouse_definer;
create or replace function private.open_reset_mail(p_address text, p_token_hash text) returns jsonb
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_user iam.users;
begin
  select u.* into v_user from iam.users u join private.user_credentials c on c.user_id = u.id
  where u.email = p_address and u.deleted_at is null;
  if not found then
    return null;
  end if;
  delete from private.password_reset_tokens t where t.expires_at <= now();
  insert into private.password_reset_tokens (token_hash, user_id, expires_at) values (p_token_hash, v_user.id, now() + interval '1 hour');
  return jsonb_build_object('name', v_user.name, 'expiresAt', now() + interval '1 hour');
end
$$;
comment on function private.open_reset_mail(text, text) is
  'What the mail of a password reset says, and makes the token with this hash good for an hour; null when nobody has the address. Crosses tenants: see open_mail.';
revoke all on function private.open_reset_mail(text, text) from public;

create or replace function private.reset_password(p_token_hash text, p_password_hash text) returns boolean
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_user iam.users;
begin
  -- The lock makes two who hold the same token take turns: the second finds none.
  select u.* into v_user from private.password_reset_tokens t join iam.users u on u.id = t.user_id and u.deleted_at is null
  where t.token_hash = p_token_hash and t.expires_at > now() for update of u;
  if not found then
    return false;
  end if;
  delete from private.password_reset_tokens t where t.token_hash = p_token_hash;
  if not found then
    return false;
  end if;
  delete from private.password_reset_tokens t where t.user_id = v_user.id;
  update private.user_credentials c set password_hash = p_password_hash where c.user_id = v_user.id;
  update iam.sessions s set revoked_at = clock_timestamp(), revoked_reason = 'password_changed'
  where s.user_id = v_user.id and s.revoked_at is null;
  perform private.forget_login_failures('account:' || v_user.email);
  return true;
end
$$;
comment on function private.reset_password(text, text) is
  'Sets a new password for who holds the token of a reset, and ends all sessions of that user; false when the token is not good (any more). Crosses tenants: a user is one person in all of them.';
grant execute on function private.reset_password(text, text) to rowhouse_identity;
revoke all on function private.reset_password(text, text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/password_reset_tokens.sql
--! Included iam/registrations.sql
-- Who registered a tenant and has not confirmed the address yet.
create table if not exists private.registrations (
  id uuid primary key default uuidv7(),
  email text not null constraint registrations_email_check check (email = lower(email) and length(email) <= 320),
  user_name text not null,
  tenant_name text not null,
  tenant_slug text not null,
  password_hash text not null constraint registrations_password_hash_check check (password_hash like '$argon2id$%'),
  token_hash text constraint registrations_token_hash_check check (token_hash ~ '^[0-9a-f]{64}$'),
  expires_at timestamptz not null default now() + interval '1 day',
  created_at timestamptz not null default now()
);
comment on table private.registrations is
  'Registrations that wait for the address to be confirmed. token_hash: SHA-256 of the token in the mail, once that was written. A row goes when it is confirmed or has expired.';
create unique index if not exists registrations_token_hash_key on private.registrations (token_hash);
create index if not exists registrations_expires_at_idx on private.registrations (expires_at);
select ddl.private_table('private.registrations');
grant select, insert, update, delete on private.registrations to rowhouse_definer;

set local role rowhouse_definer;
create or replace function private.begin_registration(
  p_email text, p_user_name text, p_tenant_name text, p_tenant_slug text, p_password_hash text
) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_id uuid;
begin
  delete from private.registrations where expires_at <= now();
  if exists (select from iam.tenants t where t.slug = p_tenant_slug and t.deleted_at is null) then
    perform app.raise('CONFLICT', format('There is a tenant %s already. Choose another short name.', p_tenant_slug), 'tenantSlug');
  end if;
  insert into private.registrations (email, user_name, tenant_name, tenant_slug, password_hash)
  values (p_email, p_user_name, p_tenant_name, p_tenant_slug, p_password_hash) returning id into v_id;
  perform private.queue_mail('registration', p_email, null, v_id);
end
$$;
comment on function private.begin_registration(text, text, text, text, text) is
  'Keeps a registration until its address is confirmed, and has the mail sent. It does not look whether somebody has the address. Crosses tenants: there is none yet.';
grant execute on function private.begin_registration(text, text, text, text, text) to rowhouse_identity;
revoke all on function private.begin_registration(text, text, text, text, text) from public;

create or replace function private.open_registration_mail(p_id uuid, p_token_hash text) returns jsonb
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_registration private.registrations;
begin
  update private.registrations r set token_hash = p_token_hash where r.id = p_id and r.expires_at > now()
    and not exists (select from iam.users u where u.email = r.email and u.deleted_at is null)
  returning * into v_registration;
  if found then
    return jsonb_build_object('tenantName', v_registration.tenant_name, 'expiresAt', v_registration.expires_at);
  end if;
  delete from private.registrations r where r.id = p_id returning * into v_registration;
  return case when found then jsonb_build_object('tenantName', v_registration.tenant_name, 'isTaken', true) end;
end
$$;
comment on function private.open_registration_mail(uuid, text) is
  'What the mail of a registration says: the token with this hash confirms it, or somebody has the address already and is told so. Crosses tenants: see open_mail.';
revoke all on function private.open_registration_mail(uuid, text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/registrations.sql
--! Included iam/confirm_registration.sql
set local role rowhouse_definer;
create or replace function private.find_registration(p_token_hash text) returns table (email text, tenant_slug text, password_hash text)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select r.email, r.tenant_slug, r.password_hash from private.registrations r where r.token_hash = p_token_hash and r.expires_at > now();
end;
comment on function private.find_registration(text) is 'The registration that a token confirms. Crosses tenants: there is none yet.';
grant execute on function private.find_registration(text) to rowhouse_identity;
revoke all on function private.find_registration(text) from public;

create or replace function private.confirm_registration(p_token_hash text) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_registration private.registrations;
begin
  delete from private.registrations r where r.token_hash = p_token_hash and r.expires_at > now() returning * into v_registration;
  if not found then
    return null;
  end if;
  if exists (select from iam.users u where u.email = v_registration.email and u.deleted_at is null) then
    perform app.raise('CONFLICT', 'There is an account with this address by now. Log in with it.');
  end if;
  if exists (select from iam.tenants t where t.slug = v_registration.tenant_slug and t.deleted_at is null) then
    perform app.raise('CONFLICT', format('Somebody else took the short name %s meanwhile. Register again with another.', v_registration.tenant_slug), 'tenantSlug');
  end if;
  return private.create_user(private.create_tenant(v_registration.tenant_name, v_registration.tenant_slug),
    v_registration.email, v_registration.user_name, 'owner', v_registration.password_hash);
end
$$;
comment on function private.confirm_registration(text) is
  'Makes the tenant of a registration and its owner; returns the owner, or null when the token is not good (any more). Crosses tenants: there is none yet.';
grant execute on function private.confirm_registration(text) to rowhouse_identity;
revoke all on function private.confirm_registration(text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/confirm_registration.sql
--! Included iam/open_mail.sql
set local role rowhouse_definer;
create or replace function private.open_mail(p_mail_id uuid, p_token_hash text) returns table (kind text, address text, facts jsonb)
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_mail private.mails;
begin
  select * into v_mail from private.mails m where m.id = p_mail_id for update;
  kind := v_mail.kind;
  address := v_mail.address;
  facts := case v_mail.kind
    when 'invitation' then private.open_invitation_mail(v_mail.tenant_id, v_mail.subject_id, p_token_hash)
    when 'registration' then private.open_registration_mail(v_mail.subject_id, p_token_hash)
    when 'webhook_disabled' then private.open_webhook_mail(v_mail.tenant_id, v_mail.subject_id)
    when 'password_reset' then private.open_reset_mail(v_mail.address, p_token_hash)
  end;
  if facts ? 'isTaken' then
    kind := 'registration_taken';
  end if;
  if facts is not null then
    return next;
  end if;
end
$$;
comment on function private.open_mail(uuid, text) is
  'What a mail is to say, and from now on the token with this hash is good for what it is about; no row when there is nothing to say any more. Crosses tenants: see queue_mail.';
grant execute on function private.open_mail(uuid, text) to rowhouse_worker;
revoke all on function private.open_mail(uuid, text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/open_mail.sql
--! Included iam/create_invitation.sql
create or replace function iam.create_invitation(email text, role iam.membership_role default 'member') returns iam.invitations
language plpgsql security definer set search_path to pg_catalog as $$
#variable_conflict use_column
declare
  v_email text := lower(btrim(create_invitation.email));
  v_role text := coalesce(create_invitation.role, 'member');
  v_invitation iam.invitations;
begin
  perform app.require_scope('iam:write');
  perform private.check_role_within(v_role, 'role');
  if length(v_email) > 254 or v_email !~ '^[^\s@<>,;:"()\\]+@[^\s@<>,;:"()\\]+$' then
    perform app.raise('VALIDATION_FAILED', 'This is not an e-mail address such as ada@example.com.', 'email');
  end if;
  if exists (select from iam.memberships m join iam.users u on u.id = m.user_id
             where m.tenant_id = app.tenant_id() and m.deleted_at is null and u.email = v_email and u.deleted_at is null) then
    perform app.raise('CONFLICT', format('%s is a member already. Change the role of the membership instead.', v_email), 'email');
  end if;
  -- One that has expired makes room for a new one.
  update iam.invitations i set revoked_at = clock_timestamp(), revoked_by = app.actor_id()
  where i.tenant_id = app.tenant_id() and i.email = v_email and i.accepted_at is null and i.revoked_at is null and i.expires_at <= now();
  if (select count(*) from iam.invitations i
      where i.tenant_id = app.tenant_id() and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()) >= 1000 then
    perform app.raise('LIMIT_EXCEEDED', 'A tenant has at most 1000 open invitations. Revoke some, or wait until they are accepted.');
  end if;
  insert into iam.invitations (tenant_id, email, role) values (app.tenant_id(), v_email, v_role)
  on conflict (tenant_id, email) where accepted_at is null and revoked_at is null do nothing
  returning * into v_invitation;
  if v_invitation.id is null then
    perform app.raise('CONFLICT', format('%s has an open invitation already. Send it again with resendInvitation, or revoke it first.', v_email), 'email');
  end if;
  perform private.queue_mail('invitation', v_email, v_invitation.tenant_id, v_invitation.id);
  return v_invitation;
end
$$;
comment on function iam.create_invitation(text, iam.membership_role) is
  'Invites the owner of an e-mail address to this tenant, for seven days; the mail has the link. Nobody invites above their own role.';
grant execute on function iam.create_invitation(text, iam.membership_role) to rowhouse_admin;
--! EndIncluded iam/create_invitation.sql
--! Included iam/change_invitation.sql
create or replace function private.open_invitation(p_invitation_id uuid) returns iam.invitations
language plpgsql set search_path to pg_catalog as $$
declare
  v_invitation iam.invitations;
begin
  select * into v_invitation from iam.invitations i where i.tenant_id = app.tenant_id() and i.id = p_invitation_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no invitation %s.', p_invitation_id), 'invitationId');
  end if;
  if v_invitation.accepted_at is not null then
    perform app.raise('INVALID_STATE', format('The invitation of %s was accepted already. Change the membership instead.', v_invitation.email), 'invitationId');
  end if;
  perform private.check_role_within(v_invitation.role, 'invitationId');
  return v_invitation;
end
$$;
comment on function private.open_invitation(uuid) is 'An invitation of this tenant, locked, that was not accepted and whose role is not above the one of this session.';
revoke all on function private.open_invitation(uuid) from public;

create or replace function iam.resend_invitation(invitation_id uuid) returns iam.invitations
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_invitation iam.invitations;
begin
  perform app.require_scope('iam:write');
  v_invitation := private.open_invitation(resend_invitation.invitation_id);
  if v_invitation.revoked_at is not null then
    perform app.raise('INVALID_STATE', format('The invitation of %s was revoked. Make a new one.', v_invitation.email), 'invitationId');
  end if;
  if v_invitation.updated_at > v_invitation.created_at and v_invitation.updated_at > now() - interval '1 minute' then
    perform app.raise('LIMIT_EXCEEDED', 'An invitation is sent again once a minute at most. Wait a little.', 'invitationId');
  end if;
  update iam.invitations i set expires_at = now() + interval '7 days'
  where i.tenant_id = v_invitation.tenant_id and i.id = v_invitation.id returning * into v_invitation;
  perform private.queue_mail('invitation', v_invitation.email, v_invitation.tenant_id, v_invitation.id);
  return v_invitation;
end
$$;
comment on function iam.resend_invitation(uuid) is
  'Sends an open or expired invitation again, for another seven days; the links of earlier mails stop working.';
grant execute on function iam.resend_invitation(uuid) to rowhouse_admin;

create or replace function iam.revoke_invitation(invitation_id uuid) returns iam.invitations
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_invitation iam.invitations;
begin
  perform app.require_scope('iam:write');
  v_invitation := private.open_invitation(revoke_invitation.invitation_id);
  if v_invitation.revoked_at is null then
    update iam.invitations i set revoked_at = clock_timestamp(), revoked_by = app.actor_id()
    where i.tenant_id = v_invitation.tenant_id and i.id = v_invitation.id returning * into v_invitation;
    delete from private.invitation_tokens k where k.tenant_id = v_invitation.tenant_id and k.invitation_id = v_invitation.id;
  end if;
  return v_invitation;
end
$$;
comment on function iam.revoke_invitation(uuid) is 'Takes an invitation back: its link stops working at once. One that was revoked stays as it is.';
grant execute on function iam.revoke_invitation(uuid) to rowhouse_admin;
--! EndIncluded iam/change_invitation.sql
--! Included iam/accept_invitation.sql
set local role rowhouse_definer;
create or replace function private.find_invitation(p_token_hash text) returns table (
  tenant_id uuid, tenant_slug text, invitation_id uuid, email text, state text, user_id uuid
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select t.id, t.slug, i.id, i.email,
    case when i.accepted_at is not null then 'accepted' when i.revoked_at is not null then 'revoked' when i.expires_at <= now() then 'expired'
      when t.status <> 'active' then t.status else 'open' end,
    u.id
  from private.invitation_tokens k
  join iam.invitations i on i.tenant_id = k.tenant_id and i.id = k.invitation_id
  join iam.tenants t on t.id = i.tenant_id and t.deleted_at is null
  left join iam.users u on u.email = i.email and u.deleted_at is null
  where k.token_hash = p_token_hash;
end;
comment on function private.find_invitation(text) is
  'The invitation that a token accepts, and the user who has its address, if anybody. Crosses tenants: the token alone tells the tenant.';
grant execute on function private.find_invitation(text) to rowhouse_identity;
revoke all on function private.find_invitation(text) from public;

create or replace function private.accept_invitation(p_token_hash text, p_user_id uuid, p_name text, p_password_hash text) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_invitation iam.invitations;
  v_user iam.users;
  v_membership_id uuid;
  v_actor_id uuid;
begin
  select i.* into v_invitation from private.invitation_tokens k
  join iam.invitations i on i.tenant_id = k.tenant_id and i.id = k.invitation_id
  where k.token_hash = p_token_hash and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
  for update of i;
  if not found then
    return null;
  end if;
  if p_user_id is null then
    -- Nobody had the address a moment ago; the unique index decides when somebody has it now.
    insert into iam.users (email, name) values (v_invitation.email, p_name) returning * into v_user;
    insert into private.user_credentials (user_id, password_hash) values (v_user.id, p_password_hash);
  else
    select * into v_user from iam.users u where u.id = p_user_id and u.email = v_invitation.email and u.deleted_at is null;
    if not found then
      return null;
    end if;
  end if;
  insert into iam.memberships (tenant_id, user_id, role) values (v_invitation.tenant_id, v_user.id, v_invitation.role)
  on conflict (tenant_id, user_id) where deleted_at is null do nothing
  returning id into v_membership_id;
  if v_membership_id is not null then
    insert into iam.actors (tenant_id, kind, membership_id, label) values (v_invitation.tenant_id, 'user', v_membership_id, v_user.name)
    returning id into v_actor_id;
  end if;
  update iam.invitations i set accepted_at = clock_timestamp(), accepted_by = v_actor_id
  where i.tenant_id = v_invitation.tenant_id and i.id = v_invitation.id;
  delete from private.invitation_tokens k where k.token_hash = p_token_hash;
  return v_user.id;
end
$$;
comment on function private.accept_invitation(text, uuid, text, text) is
  'Makes the user who was invited, or a new one with this name and password, a member of the tenant; returns the user, or null when the invitation is not open any more. Crosses tenants: the token alone tells the tenant.';
grant execute on function private.accept_invitation(text, uuid, text, text) to rowhouse_identity;
revoke all on function private.accept_invitation(text, uuid, text, text) from public;
set local role rowhouse_owner;
--! EndIncluded iam/accept_invitation.sql
--! EndIncluded iam/index.sql
--! Included pipeline/index.sql
-- Work: what was queued, what is running, what became of it.
create schema if not exists pipeline;
comment on schema pipeline is 'Work: jobs, and pipelines with their runs, artifacts and triggers.';
grant usage on schema pipeline to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--! Included pipeline/types.sql
select ddl.enum('pipeline.job_status', '{
  "queued": "Waits for a worker.", "running": "A worker is at it.", "retrying": "It failed, and is tried again after a while.",
  "succeeded": "It is done.", "cancelled": "Somebody stopped it.", "dead": "It failed for good, and waits for a person to mend the cause and retry it."
}', 'Where a job stands.');
select ddl.enum('pipeline.blueprint_version_status', '{
  "draft": "Is being written, and may change.", "published": "Can be run, and never changes again."
}', 'Where a version of a blueprint stands.');
select ddl.enum('pipeline.pipeline_run_status', '{
  "queued": "Waits for a worker.", "running": "A worker is at it.", "completed": "All its blocks are done.",
  "failed": "A block failed for good.", "cancelled": "Somebody stopped it."
}', 'Where a run of a pipeline stands.');
select ddl.enum('pipeline.pipeline_run_trigger', '{
  "manual": "Somebody asked for it.", "automation": "An automation fired.", "webhook": "A webhook came in.",
  "scheduled": "A schedule was due.", "replay": "An earlier run is done once more."
}', 'What caused a run.');
select ddl.enum('pipeline.block_execution_status', '{
  "pending": "Its turn has not come.", "running": "A worker is at it.", "completed": "It is done.",
  "failed": "It failed for good.", "skipped": "There was nothing to do for it."
}', 'Where a block of a run stands.');
select ddl.enum('pipeline.artifact_storage', '{
  "inline": "In the row itself.", "object": "In object storage, under a path."
}', 'Where the data of an artifact is.');
select ddl.enum('pipeline.signature_scheme', '{
  "none": "Calls are not signed: the address is the only secret.", "standard_webhooks": "HMAC-SHA256 over id, time stamp and body, as Standard Webhooks (and Svix) say.",
  "hmac_sha256": "HMAC-SHA256 over the body.", "hmac_sha1": "HMAC-SHA1 over the body.",
  "stripe": "As Stripe signs.", "twilio": "As Twilio signs: HMAC-SHA1 over address and form fields.", "github": "As GitHub signs: X-Hub-Signature-256."
}', 'How a sender of webhooks signs its calls.');
select ddl.enum('pipeline.signature_encoding', '{"hex": "Hexadecimal digits.", "base64": "Base64."}', 'How a signature is written in its header.');
select ddl.enum('pipeline.webhook_verdict', '{
  "received": "It is stored, and was not judged: the server stopped in between, and the sender got no answer.",
  "valid": "Its signature is right, in time and new: it is processed.", "unsigned": "Its source does not sign: it is processed.",
  "duplicate": "The same event came before: it was answered well, and is not processed again.",
  "missing_signature": "It has no signature.", "malformed_signature": "Its signature, or the header with it, cannot be read, or came twice.",
  "wrong_signature": "Its signature is wrong: another secret, another address, or the body was changed.",
  "stale": "Its time stamp is too old, or in the future.", "replayed": "What was signed came before under another number.",
  "no_secret": "The source is to be signed, and has no secret yet."
}', 'What was found of a webhook that came in. Only those that are valid or unsigned are processed.');
select ddl.enum('pipeline.webhook_outcome', '{
  "processed": "It was worked off.", "ignored": "Nothing waits for it.", "failed": "Working it off failed."
}', 'What became of a webhook that came in.');
--! EndIncluded pipeline/types.sql
--! Included pipeline/types_automation.sql
select ddl.enum('pipeline.automation_trigger', '{
  "lead_created": "A lead was made.", "message_received": "A message came in.", "schedule": "The clock reached a time of its schedule.",
  "webhook": "A webhook came in from its source.", "event": "An event of the feed, of the type that its configuration names."
}', 'What sets an automation going.');
select ddl.enum('pipeline.automation_missed_times', '{
  "once": "However many times went by while no worker ran, it fires once for the last of them.", "skip": "Times that went by are let go."
}', 'What an automation does about times of its schedule that were missed.');
select ddl.enum('pipeline.automation_end', '{
  "failing": "Its runs failed again and again.", "rate_limited": "It fired far more often than it may.",
  "never_due": "Its schedule has no time to come."
}', 'Why an automation was switched off by itself.');
select ddl.enum('pipeline.automation_run_status', '{
  "queued": "It fired, and waits for a worker.", "running": "A worker is at it.", "succeeded": "All its actions were done.",
  "failed": "An action failed, and none of them has an effect.", "skipped": "It did not fire: its conditions did not hold, or its time was missed.",
  "refused": "It would have fired, and a limit forbade it."
}', 'What became of a firing of an automation.');
--! EndIncluded pipeline/types_automation.sql
--! Included pipeline/jobs.sql
-- The queue forgets finished jobs; this is what people see of them: history, progress, dead letters.
create table if not exists pipeline.jobs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  task text not null,
  subject_type text not null,
  subject_id uuid not null,
  status pipeline.job_status not null default 'queued',
  attempt_count integer not null default 0,
  max_attempts integer not null default 8,
  progress float8 not null default 0 constraint jobs_progress_check check (progress between 0 and 1),
  error_code text,
  error_message text,
  worker_id text,
  queued_by uuid,
  queued_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  cancel_requested_at timestamptz,
  depth smallint not null default coalesce(nullif(current_setting('rowhouse.depth', true), '')::smallint, 0)
    constraint jobs_depth_check check (depth >= 0),
  correlation_id uuid default nullif(current_setting('rowhouse.correlation_id', true), '')::uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint jobs_pkey primary key (tenant_id, id)
);
comment on table pipeline.jobs is E'@typeid job\nOne piece of background work: what it works on, how far it is, and how it ended.';
comment on column pipeline.jobs.task is 'Name of the task that does it.';
comment on column pipeline.jobs.subject_type is 'Table of the row that the job works on.';
comment on column pipeline.jobs.subject_id is 'Row that the job works on.';
comment on column pipeline.jobs.attempt_count is 'How often it was started.';
comment on column pipeline.jobs.max_attempts is 'After how many failed attempts it counts as dead.';
comment on column pipeline.jobs.progress is 'From 0 to 1.';
comment on column pipeline.jobs.error_code is 'Code of the last error.';
comment on column pipeline.jobs.error_message is 'What the last error said.';
comment on column pipeline.jobs.worker_id is E'@behavior -*\nWorker process that runs it.';
comment on column pipeline.jobs.queued_by is 'Actor whose change queued it.';
comment on column pipeline.jobs.cancel_requested_at is 'When somebody asked to cancel it; a running job stops at its next checkpoint.';
comment on column pipeline.jobs.depth is 'How many automations stand behind it, and so behind what it does.';
comment on column pipeline.jobs.correlation_id is 'Ties it to everything else that had the same cause.';
select ddl.foreign_key('pipeline.jobs', 'queued_by', 'iam.actors', 'set null');
create index if not exists jobs_subject_id_idx on pipeline.jobs (tenant_id, subject_id);
create index if not exists jobs_status_idx on pipeline.jobs (tenant_id, status, id);
select ddl.tenant_table('pipeline.jobs', p_system => 'select, update');
select ddl.notify_progress('pipeline.jobs', 'update');
select ddl.masked('pipeline.jobs', '{"error_message": "text"}');
--! EndIncluded pipeline/jobs.sql
--! Included pipeline/enqueue_jobs.sql
create or replace function pipeline.enqueue_jobs(p_task text, p_subject_type text, p_tenant_id uuid, p_subject_ids uuid[]) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_payloads json[];
begin
  if p_subject_ids is null or cardinality(p_subject_ids) = 0 then
    return;
  end if;
  with queued as (
    insert into pipeline.jobs (tenant_id, task, subject_type, subject_id, queued_by)
    select p_tenant_id, p_task, p_subject_type, s.id, app.actor_id()
    from unnest(p_subject_ids) with ordinality s (id, n)
    order by s.n
    returning id, subject_id
  )
  select array_agg(json_build_object('tenantId', p_tenant_id, 'jobId', id, 'subjectId', subject_id) order by id)
  into v_payloads from queued;
  perform private.add_worker_jobs(p_task, v_payloads);
end
$$;
comment on function pipeline.enqueue_jobs(text, text, uuid, uuid[]) is
  'Queues one job per subject, in order, within the transaction that causes them. Called by triggers only.';
--! EndIncluded pipeline/enqueue_jobs.sql
--! Included pipeline/retry_job.sql
create or replace function pipeline.retry_job(job_id uuid) returns pipeline.jobs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_job pipeline.jobs;
begin
  perform app.require_scope('pipeline:write');
  select * into v_job from pipeline.jobs where tenant_id = app.tenant_id() and id = job_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no job %s.', job_id), 'jobId');
  end if;
  if v_job.status not in ('dead', 'cancelled') then
    perform app.raise('INVALID_STATE',
      format('Job %s is %s. Only a job that is dead or cancelled can be retried.', job_id, v_job.status), 'jobId');
  end if;
  update pipeline.jobs
  set status = 'queued', attempt_count = 0, progress = 0, error_code = null, error_message = null, worker_id = null,
    queued_by = coalesce(app.actor_id(), queued_by), queued_at = now(), started_at = null, finished_at = null, cancel_requested_at = null
  where tenant_id = v_job.tenant_id and id = v_job.id
  returning * into v_job;
  perform private.add_worker_jobs(v_job.task,
    array[json_build_object('tenantId', v_job.tenant_id, 'jobId', v_job.id, 'subjectId', v_job.subject_id)]);
  return v_job;
end
$$;
comment on function pipeline.retry_job(uuid) is 'Queues a dead or cancelled job again, after its cause was mended.';
grant execute on function pipeline.retry_job(uuid) to rowhouse_member;
--! EndIncluded pipeline/retry_job.sql
--! Included pipeline/cancel_job.sql
create or replace function pipeline.cancel_job(job_id uuid) returns pipeline.jobs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_job pipeline.jobs;
begin
  perform app.require_scope('pipeline:write');
  select * into v_job from pipeline.jobs where tenant_id = app.tenant_id() and id = job_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no job %s.', job_id), 'jobId');
  end if;
  if v_job.status in ('succeeded', 'cancelled', 'dead') then
    perform app.raise('INVALID_STATE', format('Job %s is %s already and cannot be cancelled.', job_id, v_job.status), 'jobId');
  end if;
  -- A queued job ends here (the worker drops it when its turn comes); a running one stops at its next checkpoint.
  update pipeline.jobs
  set cancel_requested_at = coalesce(cancel_requested_at, now()),
    status = case when v_job.status = 'running' then v_job.status else 'cancelled' end,
    finished_at = case when v_job.status = 'running' then null else now() end
  where tenant_id = v_job.tenant_id and id = v_job.id
  returning * into v_job;
  return v_job;
end
$$;
comment on function pipeline.cancel_job(uuid) is 'Cancels a job: at once when it waits, at its next checkpoint when it runs.';
grant execute on function pipeline.cancel_job(uuid) to rowhouse_member;
--! EndIncluded pipeline/cancel_job.sql
--! Included pipeline/blueprints.sql
-- A pipeline that can be run: its name and triggers here, its steps in versions.
create table if not exists pipeline.blueprints (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint blueprints_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint blueprints_description_check check (length(description) <= 5000),
  trigger_config jsonb not null default '{}' constraint blueprints_trigger_config_check check (jsonb_typeof(trigger_config) = 'object'),
  is_active boolean not null default true,
  is_system boolean not null default false,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint blueprints_pkey primary key (tenant_id, id)
);
comment on table pipeline.blueprints is E'@typeid bp\nA pipeline that can be run: a list of blocks, kept in versions.';
comment on column pipeline.blueprints.trigger_config is 'Settings for whatever starts it, a JSON object.';
comment on column pipeline.blueprints.is_active is 'Whether new runs may start.';
comment on column pipeline.blueprints.is_system is 'Made by Rowhouse: it can be switched off, but neither deleted nor renamed.';
create unique index if not exists blueprints_name_key on pipeline.blueprints (tenant_id, name) where deleted_at is null;
create index if not exists blueprints_created_at_idx on pipeline.blueprints (tenant_id, created_at);
select ddl.foreign_key('pipeline.blueprints', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('pipeline.blueprints', p_insert => '{name,description,trigger_config,is_active}',
  p_update => '{name,description,trigger_config,is_active}', p_write_role => 'rowhouse_manager');

create or replace function pipeline.guard_system_blueprint() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if tg_op = 'DELETE' or new.deleted_at is not null then
    perform app.raise('FORBIDDEN', format('Blueprint "%s" is a system blueprint and cannot be deleted. Switch it off by isActive instead.', old.name),
      'deletedAt');
  elsif new.name <> old.name then
    perform app.raise('FORBIDDEN', format('Blueprint "%s" is a system blueprint and cannot be renamed. Make a blueprint of your own.', old.name), 'name');
  elsif not new.is_system then
    perform app.raise('FORBIDDEN', format('Blueprint "%s" is a system blueprint and stays one.', old.name), 'isSystem');
  end if;
  return new;
end
$$;
comment on function pipeline.guard_system_blueprint() is 'Keeps system blueprints from being deleted, renamed or made ordinary.';
-- The end of the whole tenant comes as a cascade, from within a trigger, and passes.
select ddl.trigger('pipeline.blueprints', '_200_system',
  'before update or delete for each row when (old.is_system and pg_trigger_depth() = 0) execute function pipeline.guard_system_blueprint()');
--! EndIncluded pipeline/blueprints.sql
--! Included pipeline/blueprint_versions.sql
-- The steps of a blueprint as they were at a time: a draft changes, what was published never does.
create table if not exists pipeline.blueprint_versions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  blueprint_id uuid not null,
  version integer not null constraint blueprint_versions_version_check check (version >= 1),
  status pipeline.blueprint_version_status not null default 'draft',
  steps jsonb not null default '[]',
  changelog text constraint blueprint_versions_changelog_check check (length(changelog) <= 5000),
  created_by uuid default app.actor_id(),
  published_by uuid,
  published_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint blueprint_versions_pkey primary key (tenant_id, id),
  constraint blueprint_versions_published_at_check check ((status = 'published') = (published_at is not null)),
  -- Each element is an object with a name, a type and a config; in strict mode a missing one makes the count differ.
  constraint blueprint_versions_steps_check check (case when jsonb_typeof(steps) = 'array' then jsonb_array_length(steps)
    = jsonb_array_length(jsonb_path_query_array(steps, 'strict $[*] ? (@.type() == "object"
        && @."name" like_regex "^[a-z][a-z0-9_]*$" && @."type" like_regex "^[a-z][a-z0-9_]*$" && @."config".type() == "object")', '{}', true))
    else false end)
);
comment on table pipeline.blueprint_versions is E'@typeid bpv\nThe steps of a blueprint in one version. A run stays on its version.';
comment on column pipeline.blueprint_versions.version is 'Counts from 1 within the blueprint.';
comment on column pipeline.blueprint_versions.steps is
  'Blocks in order: an array of {name, type, config}, such as {"name": "check_email", "type": "email", "config": {}}.';
comment on column pipeline.blueprint_versions.changelog is 'What is new in this version.';
create unique index if not exists blueprint_versions_blueprint_id_version_key on pipeline.blueprint_versions (tenant_id, blueprint_id, version);
create unique index if not exists blueprint_versions_draft_key on pipeline.blueprint_versions (tenant_id, blueprint_id) where status = 'draft';
select ddl.foreign_key('pipeline.blueprint_versions', 'blueprint_id', 'pipeline.blueprints', 'cascade', p_index => false);
comment on constraint blueprint_versions_blueprint_id_fkey on pipeline.blueprint_versions is '@nestedCreate';
select ddl.foreign_key('pipeline.blueprint_versions', 'created_by', 'iam.actors', 'set null');
select ddl.foreign_key('pipeline.blueprint_versions', 'published_by', 'iam.actors', 'set null');
select ddl.tenant_table('pipeline.blueprint_versions', p_insert => '{blueprint_id,steps,changelog}', p_update => '{steps,changelog}',
  p_write_role => 'rowhouse_manager');
select ddl.state_machine('pipeline.blueprint_versions', 'status', '{"draft": ["published"], "published": []}');

create or replace function pipeline.guard_published_blueprint_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('Version %s of the blueprint is published and never changes. Make a new draft.', old.version));
  return null;
end
$$;
comment on function pipeline.guard_published_blueprint_version() is 'Refuses a change of a published version.';
select ddl.trigger('pipeline.blueprint_versions', '_200_published', $$before update or delete for each row
  when (old.status = 'published' and pg_trigger_depth() = 0) execute function pipeline.guard_published_blueprint_version()$$);

create or replace function pipeline.number_blueprint_version() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- Two who write the next version at once take turns.
  perform from pipeline.blueprints where tenant_id = new.tenant_id and id = new.blueprint_id for no key update;
  select coalesce(max(version), 0) + 1 into new.version
  from pipeline.blueprint_versions where tenant_id = new.tenant_id and blueprint_id = new.blueprint_id;
  return new;
end
$$;
comment on function pipeline.number_blueprint_version() is 'Gives a new version the next number of its blueprint.';
select ddl.trigger('pipeline.blueprint_versions', '_300_number',
  'before insert for each row when (new.version is null) execute function pipeline.number_blueprint_version()');
--! EndIncluded pipeline/blueprint_versions.sql
--! Included pipeline/blueprints_published_version.sql
-- Blueprints and versions point at each other; the version that new runs take comes after both.
alter table pipeline.blueprints add column if not exists published_version_id uuid;
comment on column pipeline.blueprints.published_version_id is 'The version that new runs take: the last one published.';
select ddl.foreign_key('pipeline.blueprints', 'published_version_id', 'pipeline.blueprint_versions', 'set null');
comment on constraint blueprints_published_version_id_fkey on pipeline.blueprints is E'@foreignFieldName publishedAsLatestOf';

create or replace function pipeline.guard_published_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if not exists (select from pipeline.blueprint_versions v
    where v.tenant_id = new.tenant_id and v.id = new.published_version_id and v.blueprint_id = new.id and v.status = 'published') then
    perform app.raise('CONFLICT', format('Version %s is not a published version of blueprint "%s".', new.published_version_id, new.name),
      'publishedVersionId');
  end if;
  return new;
end
$$;
comment on function pipeline.guard_published_version() is 'Sees that a blueprint points at a published version of its own.';
select ddl.trigger('pipeline.blueprints', '_200_published_version', $$before insert or update of published_version_id for each row
  when (new.published_version_id is not null) execute function pipeline.guard_published_version()$$);
--! EndIncluded pipeline/blueprints_published_version.sql
--! Included pipeline/publish_blueprint.sql
create or replace function pipeline.step_types() returns text[]
language sql immutable parallel safe
return array['phone', 'email', 'name', 'address', 'set', 'filter'];
comment on function pipeline.step_types() is E'@behavior -*\nThe types that the steps of a blueprint may have: those that the worker knows.';

create or replace function pipeline.publish_blueprint(blueprint_id uuid) returns pipeline.blueprints
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_blueprint pipeline.blueprints;
  v_version pipeline.blueprint_versions;
  v_step record;
begin
  perform app.require_scope('pipeline:write');
  select * into v_blueprint from pipeline.blueprints b
  where b.tenant_id = app.tenant_id() and b.id = publish_blueprint.blueprint_id and b.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no blueprint %s.', blueprint_id), 'blueprintId');
  end if;
  select * into v_version from pipeline.blueprint_versions v
  where v.tenant_id = v_blueprint.tenant_id and v.blueprint_id = v_blueprint.id and v.status = 'draft' for update;
  if not found then
    perform app.raise('INVALID_STATE', format('Blueprint "%s" has no draft. Make a new version first.', v_blueprint.name), 'blueprintId');
  end if;
  if v_version.steps = '[]' then
    perform app.raise('VALIDATION_FAILED', format('Version %s of blueprint "%s" has no steps.', v_version.version, v_blueprint.name), 'steps');
  end if;
  select s.step ->> 'name' as name, s.step ->> 'type' as type into v_step from jsonb_array_elements(v_version.steps) s (step)
  where s.step ->> 'type' <> all (pipeline.step_types()) limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Step "%s" is of the type "%s", which there is not. Types: %s.', left(v_step.name, 100), left(v_step.type, 100),
      array_to_string(pipeline.step_types(), ', ')), 'steps');
  end if;
  update pipeline.blueprint_versions
  set status = 'published', published_at = now(), published_by = app.actor_id()
  where tenant_id = v_version.tenant_id and id = v_version.id;
  update pipeline.blueprints set published_version_id = v_version.id
  where tenant_id = v_blueprint.tenant_id and id = v_blueprint.id
  returning * into v_blueprint;
  return v_blueprint;
end
$$;
comment on function pipeline.publish_blueprint(uuid) is 'Publishes the draft of a blueprint: from now on new runs take that version, and it never changes again.';
grant execute on function pipeline.publish_blueprint(uuid) to rowhouse_manager;
--! EndIncluded pipeline/publish_blueprint.sql
--! Included pipeline/webhook_sources.sql
-- Where webhooks come from: each source has an address of its own, which tells the tenant before anybody is signed in.
create table if not exists pipeline.webhook_sources (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint webhook_sources_name_check check (length(btrim(name)) between 1 and 200),
  provider text not null constraint webhook_sources_provider_check check (provider ~ '^[a-z][a-z0-9_-]{0,62}$'),
  signature_scheme pipeline.signature_scheme not null default 'none',
  signature_header text constraint webhook_sources_signature_header_check check (signature_header ~ '^[a-z0-9-]{1,100}$'),
  signature_encoding pipeline.signature_encoding not null default 'hex',
  tolerance_seconds integer not null default 300 constraint webhook_sources_tolerance_seconds_check check (tolerance_seconds between 10 and 86400),
  event_id_from text constraint webhook_sources_event_id_from_check check (event_id_from ~ '^(header:[a-z0-9-]{1,100}|body:[A-Za-z0-9_.-]{1,200})$'),
  event_type_from text constraint webhook_sources_event_type_from_check check (event_type_from ~ '^(header:[a-z0-9-]{1,100}|body:[A-Za-z0-9_.-]{1,200})$'),
  path_token text not null default encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'hex')
    constraint webhook_sources_path_token_check check (path_token ~ '^[0-9a-f]{64}$'),
  is_active boolean not null default true,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint webhook_sources_pkey primary key (tenant_id, id)
);
comment on table pipeline.webhook_sources is E'@typeid whs\nA service that sends webhooks to this tenant.';
comment on column pipeline.webhook_sources.provider is 'The service, lower case: signalhouse, twilio, stripe, …';
comment on column pipeline.webhook_sources.signature_header is 'Lower-case name of the header with the signature, for HMAC_SHA256 and HMAC_SHA1; x-signature when empty.';
comment on column pipeline.webhook_sources.signature_encoding is 'How that header writes the signature; a prefix such as sha256= is understood.';
comment on column pipeline.webhook_sources.tolerance_seconds is 'How far the time stamp of a call may be from now, where the scheme has one.';
comment on column pipeline.webhook_sources.event_id_from is
  'Where the service''s own number of an event stands: header:x-event-id, or body:data.id for a field of the body. Empty: where the scheme has it.';
comment on column pipeline.webhook_sources.event_type_from is 'Where it says what happened, written likewise. Empty: where the scheme has it, else type or event of the body.';
comment on column pipeline.webhook_sources.path_token is E'@behavior -*\nThe unguessable part of the address that the service calls.';
comment on column pipeline.webhook_sources.is_active is 'Whether calls are taken.';
create unique index if not exists webhook_sources_name_key on pipeline.webhook_sources (tenant_id, name) where deleted_at is null;
-- Calls are routed by the token alone, before the tenant is known; a token of a deleted source is not given again.
create unique index if not exists webhook_sources_path_token_key on pipeline.webhook_sources (path_token) where deleted_at is null;
select ddl.foreign_key('pipeline.webhook_sources', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('pipeline.webhook_sources', p_update => '{name,provider,signature_scheme,is_active,signature_header,signature_encoding,tolerance_seconds,event_id_from,event_type_from}', p_write_role => 'rowhouse_admin', p_select_role => 'rowhouse_manager');
-- Whoever calls is in no tenant yet.
grant select on pipeline.webhook_sources to rowhouse_definer;
--! EndIncluded pipeline/webhook_sources.sql
--! Included pipeline/webhook_source_secrets.sql
-- Signing secrets stand apart from their sources, where no grant of the API reaches.
create table if not exists private.webhook_source_secrets (
  tenant_id uuid not null,
  webhook_source_id uuid not null,
  sealed_secret bytea not null,
  previous_sealed_secret bytea,
  previous_expires_at timestamptz,
  rotated_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint webhook_source_secrets_pkey primary key (tenant_id, webhook_source_id)
);
comment on table private.webhook_source_secrets is 'Secrets that verify incoming webhooks, sealed with the server''s key. After a rotation the previous one still counts until previous_expires_at.';
select ddl.foreign_key('private.webhook_source_secrets', 'webhook_source_id', 'pipeline.webhook_sources', 'cascade', p_index => false);
select ddl.private_table('private.webhook_source_secrets');
select ddl.trigger('private.webhook_source_secrets', '_100_stamp', 'before update for each row execute function app.stamp()');
grant select on private.webhook_source_secrets to rowhouse_definer;

create or replace function pipeline.webhook_sources_has_secret(source pipeline.webhook_sources) returns boolean
language sql stable security definer set search_path to pg_catalog as $$
  select exists (select from private.webhook_source_secrets s
    where app.require_scope('pipeline:read') and s.tenant_id = app.tenant_id() and s.tenant_id = source.tenant_id and s.webhook_source_id = source.id)
$$;
comment on function pipeline.webhook_sources_has_secret(pipeline.webhook_sources) is
  E'@notNull\n@behavior -aggregate -filterBy -orderBy\nWhether a secret is kept that its calls are verified with. It can be replaced, and never be read.';
grant execute on function pipeline.webhook_sources_has_secret(pipeline.webhook_sources) to rowhouse_manager, rowhouse_system;
--! EndIncluded pipeline/webhook_source_secrets.sql
--! Included pipeline/check_cron.sql
-- The five fields of cron, as the worker's library reads them: whatever passes here, it can compute.
create or replace function pipeline.check_cron(p_schedule text, p_field text) returns void
language plpgsql immutable set search_path to pg_catalog as $$
declare
  c_names constant text[] := array['minute', 'hour', 'day of the month', 'month', 'day of the week'];
  c_first constant integer[] := array[0, 0, 1, 1, 0];
  c_last constant integer[] := array[59, 23, 31, 12, 7];
  v_fields text[] := regexp_split_to_array(btrim(left(coalesce(p_schedule, ''), 200)), '[ \t]+');
  v_text text;
  v_item text;
  v_parts text[];
begin
  if cardinality(v_fields) <> 5 or length(p_schedule) > 200 then
    perform app.raise('VALIDATION_FAILED', format('A schedule has five fields: minute, hour, day of the month, month, day of the week, such as "0 9 * * 1-5"; not %L.',
      left(p_schedule, 200)), p_field);
  end if;
  for i in 1..5 loop
    v_text := lower(v_fields[i]);
    if i = 4 then
      for n in 1..12 loop
        v_text := replace(v_text, (array['jan','feb','mar','apr','may','jun','jul','aug','sep','oct','nov','dec'])[n], n::text);
      end loop;
    elsif i = 5 then
      for n in 0..6 loop
        v_text := replace(v_text, (array['sun','mon','tue','wed','thu','fri','sat'])[n + 1], n::text);
      end loop;
    end if;
    foreach v_item in array string_to_array(v_text, ',') loop
      v_parts := regexp_match(v_item, '^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?$');
      if v_parts is null or v_parts[2]::integer not between c_first[i] and c_last[i] or v_parts[3]::integer not between v_parts[2]::integer and c_last[i]
        or (v_parts[4] is not null and (v_parts[4]::integer not between 1 and c_last[i] or (v_parts[2] is not null and v_parts[3] is null))) then
        perform app.raise('VALIDATION_FAILED', format('%L is no %s of a schedule (%s to %s): write *, 5, 1-5, */10, 10-30/5, or several of these with commas.',
          v_fields[i], c_names[i], c_first[i], c_last[i]), p_field);
      end if;
    end loop;
  end loop;
end
$$;
comment on function pipeline.check_cron(text, text) is E'@behavior -*\nRefuses what is no schedule in cron''s five fields, naming the field that is wrong.';
--! EndIncluded pipeline/check_cron.sql
--! Included pipeline/row_fields.sql
-- A row as rules and actions see it: its fields under the names that the API has for them.
create or replace function pipeline.field_name(p_column text) returns text
language sql immutable parallel safe set search_path to pg_catalog
return (select lower(left(n, 1)) || substr(n, 2) from replace(initcap(replace(p_column, '_', ' ')), ' ', '') n);
comment on function pipeline.field_name(text) is E'@behavior -*\nA column''s name as the API writes it: first_name is firstName.';

create or replace function pipeline.row_fields(p_table regclass) returns table (field text, column_name name, kind text, prefix text, choices text[], type text)
-- Without settings of its own, so that it is inlined and looks at no column but those asked for.
language sql stable
begin atomic
  select pipeline.field_name(a.attname), a.attname,
    case when e.choices is not null then 'enum' when b.typname = 'uuid' then 'id' when b.typname in ('timestamptz', 'date') then 'time' when b.typname = 'bool' then 'boolean'
      when b.typname in ('int2', 'int4', 'int8', 'float4', 'float8', 'numeric') then 'number' when b.typname in ('json', 'jsonb') then 'json'
      when b.typcategory = 'A' then 'list' else 'text' end,
    case when b.typname = 'uuid' then coalesce(
      (select substring(obj_description(coalesce(k.confrelid, a.attrelid), 'pg_class') from '@typeid ([a-z_]+)')
        from (select) one left join pg_constraint k on k.conrelid = a.attrelid and k.contype = 'f' and k.conkey[cardinality(k.conkey)] = a.attnum and a.attname <> 'tenant_id'
        where a.attname = 'id' or k.oid is not null limit 1),
      substring(col_description(a.attrelid, a.attnum) from '@typeid ([a-z_]+)')) end,
    e.choices, format_type(a.atttypid, a.atttypmod)
  from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
  left join lateral (select string_to_array(substring(obj_description(t.oid, 'pg_type') from '@enum ([a-z0-9_,]+)'), ',') as choices) e on true
  where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped and a.attname <> 'tenant_id'
    and coalesce(col_description(a.attrelid, a.attnum), '') not like '%@behavior -*%'
  order by a.attnum;
end;
comment on function pipeline.row_fields(regclass) is
  E'@behavior -*\nThe fields of a table as the API names them: column, kind (text, enum, id, time, boolean, number, json, list), prefix of ids, values of an enum, type.';

create or replace function pipeline.row_facts(p_table regclass, p_ids uuid[], p_fields text[] default null) returns table (id uuid, facts jsonb)
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_fields text;
begin
  -- What the role may not read is not there, neither for a rule nor for an action.
  select string_agg(format('%s as %I', case kind when 'enum' then format('upper(t.%I::text)', column_name)
    when 'id' then case when prefix is null then format('t.%I', column_name) else format('app.type_id(%L, t.%I)', prefix, column_name) end
    else format('t.%I', column_name) end, field), ', ') into v_fields
  from pipeline.row_fields(p_table) where (p_fields is null or field = any (p_fields)) and has_column_privilege(p_table, column_name, 'select');
  if v_fields is null then
    return;
  end if;
  return query execute format('select t.id, to_jsonb(f) from %s t cross join lateral (select %s) f where t.tenant_id = app.tenant_id() and t.id = any ($1)',
    p_table, v_fields) using p_ids;
end
$$;
comment on function pipeline.row_facts(regclass, uuid[], text[]) is
  E'@behavior -*\nRows of a table as objects with the API''s names: enums in capitals, ids as the API shows them, and only what the present role may read; all fields, or those named.';
grant execute on function pipeline.field_name(text), pipeline.row_fields(regclass), pipeline.row_facts(regclass, uuid[], text[]) to rowhouse_viewer, rowhouse_system;
--! EndIncluded pipeline/row_fields.sql
--! Included pipeline/event_subject.sql
create or replace function pipeline.table_of(p_name text) returns regclass
language sql stable set search_path to pg_catalog
begin atomic
  select c.oid::regclass from pg_class c
  where c.relname = p_name and c.relkind in ('r', 'p') and not c.relispartition and obj_description(c.oid, 'pg_class') like '%@typeid %' limit 1;
end;
comment on function pipeline.table_of(text) is E'@behavior -*\nThe table of the model that has this name; names are unique across schemas.';

create or replace function pipeline.event_subject(p_types text) returns regclass
language sql stable set search_path to pg_catalog
begin atomic
  select c.oid::regclass from pg_class c
  where ddl.singular(c.relname) = split_part(p_types, '.', 1) and c.relkind in ('r', 'p') and not c.relispartition
    and obj_description(c.oid, 'pg_class') like '%@typeid %' limit 1;
end;
comment on function pipeline.event_subject(text) is E'@behavior -*\nThe table that events of a type, or of a pattern such as contact.*, are about.';

create or replace function pipeline.trigger_event(p_trigger text, p_config jsonb) returns text
language sql immutable parallel safe set search_path to pg_catalog
return case p_trigger when 'lead_created' then 'lead.created' when 'message_received' then 'inbox_message.created' when 'event' then p_config ->> 'event' end;
comment on function pipeline.trigger_event(text, jsonb) is E'@behavior -*\nThe events that a trigger waits for: those of its configuration, or what its name stands for.';

-- What may be named in conditions and actions, by trigger. The kind of a field, or null when there is none of that name.
create or replace function pipeline.fact_kind(p_trigger text, p_subject regclass, p_field text) returns text
language sql stable set search_path to pg_catalog
return case
  when p_trigger in ('event', 'lead_created', 'message_received') then case split_part(p_field, '.', 1)
    when 'event' then case when split_part(p_field, '.', 2) in ('payload', 'counts') then 'json' when p_field ~ '^event\.[^.]+$' then
      '{"type":"text","subjectType":"text","actorKind":"text","id":"id","subjectId":"id","actorId":"id","correlationId":"id","keys":"list","changedFields":"list","rowCount":"number","depth":"number","createdAt":"time"}'::jsonb
        ->> split_part(p_field, '.', 2) end
    when 'subject' then (select f.kind from pipeline.row_fields(p_subject) f
      where f.field = split_part(p_field, '.', 2) and (f.kind = 'json' or p_field ~ '^subject\.[^.]+$')) end
  when p_trigger = 'webhook' and p_field ~ '^webhook\.' then case when split_part(p_field, '.', 2) in ('payload', 'headers') then 'json'
    else '{"webhook.id":"id","webhook.type":"text","webhook.sourceId":"id","webhook.receivedAt":"time"}'::jsonb ->> p_field end
  when p_trigger = 'schedule' then '{"schedule.dueAt":"time","schedule.wasMissed":"boolean"}'::jsonb ->> p_field
end;
comment on function pipeline.fact_kind(text, regclass, text) is
  E'@behavior -*\nThe kind of a field that conditions and actions of a trigger may name, such as subject.firstName or webhook.payload.amount; null for any other.';
grant execute on function pipeline.table_of(text), pipeline.trigger_event(text, jsonb) to rowhouse_manager, rowhouse_system;
--! EndIncluded pipeline/event_subject.sql
--! Included pipeline/conditions_hold.sql
-- Conditions are walked, never compiled: no text of a tenant becomes SQL or a pattern.
create or replace function pipeline.time_of(p_text text) returns timestamptz
language plpgsql stable set search_path to pg_catalog as $$
begin
  if p_text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]{4,18}(Z|[+-][0-9:]{2,6})?)?$' then
    return case when length(p_text) = 10 then p_text::date at time zone 'UTC' else p_text::timestamptz end;
  end if;
  return null;
exception when data_exception then
  return null;
end
$$;
comment on function pipeline.time_of(text) is E'@behavior -*\nThe time that a text in the form of ISO 8601 means, a day alone being its beginning in UTC; null for anything else.';

create or replace function pipeline.plain_value(p_value jsonb) returns jsonb
language sql immutable parallel safe set search_path to pg_catalog
return case when jsonb_typeof(p_value) = 'string' then coalesce(to_jsonb(app.uuid_of_type_id(p_value #>> '{}')), p_value) else p_value end;
comment on function pipeline.plain_value(jsonb) is E'@behavior -*\nA value to compare by: an id of the API as its uuid, anything else as it is.';

create or replace function pipeline.is_before(p_one jsonb, p_other jsonb) returns boolean
language sql stable set search_path to pg_catalog
return case when jsonb_typeof(p_one) = 'number' and jsonb_typeof(p_other) = 'number' then p_one::numeric < p_other::numeric
  when jsonb_typeof(p_one) = 'string' and jsonb_typeof(p_other) = 'string' then coalesce(
    pipeline.time_of(p_one #>> '{}') < pipeline.time_of(p_other #>> '{}'), (p_one #>> '{}') collate "C" < (p_other #>> '{}') collate "C") end;
comment on function pipeline.is_before(jsonb, jsonb) is E'@behavior -*\nWhether a value is less or earlier than another of its kind; null when they cannot be compared.';

create or replace function pipeline.value_matches(p_actual jsonb, p_operator text, p_value jsonb) returns boolean
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_actual jsonb := pipeline.plain_value(p_actual);
  v_value jsonb := pipeline.plain_value(p_value);
  v_text text := p_actual #>> '{}';
  v_operand text := p_value #>> '{}';
begin
  if p_operator ~ '^(is_)?not_' then
    return not pipeline.value_matches(p_actual, replace(p_operator, 'not_', ''), p_value);
  elsif p_actual is null or p_actual in ('null', '""', '[]') then
    return false;
  end if;
  return coalesce(case p_operator
    when 'is_set' then true
    when 'equals' then v_actual = v_value or (jsonb_typeof(p_actual) = 'string' and pipeline.time_of(v_text) = pipeline.time_of(v_operand))
    when 'in' then exists (select from jsonb_array_elements(p_value) e where pipeline.plain_value(e) = v_actual)
    when 'contains' then case jsonb_typeof(p_actual)
      when 'array' then exists (select from jsonb_array_elements(p_actual) e where pipeline.plain_value(e) = v_value)
      when 'object' then p_actual ? v_operand else position(v_operand in v_text) > 0 end
    when 'starts_with' then v_text ^@ v_operand
    when 'ends_with' then right(v_text, length(v_operand)) = v_operand
    when 'less_than' then pipeline.is_before(p_actual, p_value)
    when 'greater_than' then pipeline.is_before(p_value, p_actual)
    when 'less_or_equal' then not pipeline.is_before(p_value, p_actual)
    when 'greater_or_equal' then not pipeline.is_before(p_actual, p_value)
    when 'between' then not pipeline.is_before(p_actual, p_value -> 0) and not pipeline.is_before(p_value -> 1, p_actual)
    when 'within_last_days' then pipeline.time_of(v_text) between now() - p_value::numeric::float8 * interval '1 day' and now() end, false);
end
$$;
comment on function pipeline.value_matches(jsonb, text, jsonb) is
  E'@behavior -*\nWhether a value satisfies an operator, as the rules of segments have them: what is empty satisfies only those that say not.';

create or replace function pipeline.conditions_hold(p_rule jsonb, p_facts jsonb, p_path text default 'conditions') returns jsonb
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_key text;
  v_parts jsonb;
  v_holds boolean;
  v_actual jsonb;
begin
  if jsonb_typeof(p_rule) = 'array' then
    p_rule := jsonb_build_object('all', p_rule);
  end if;
  if p_rule ? 'field' then
    v_actual := p_facts #> string_to_array(p_rule ->> 'field', '.');
    return jsonb_build_object('path', p_path, 'holds', pipeline.value_matches(v_actual, lower(p_rule ->> 'operator'), case when p_rule -> 'value' = 'null' then null else p_rule -> 'value' end),
      'field', p_rule -> 'field', 'operator', lower(p_rule ->> 'operator'), 'value', p_rule -> 'value',
      'actual', case when length(v_actual::text) > 500 then to_jsonb(left(v_actual::text, 500) || '…') else v_actual end);
  end if;
  v_key := case when p_rule ? 'any' then 'any' when p_rule ? 'not' then 'not' else 'all' end;
  select coalesce(jsonb_agg(pipeline.conditions_hold(r, p_facts, case v_key when 'not' then p_path || '.not' else format('%s.%s[%s]', p_path, v_key, n - 1) end) order by n), '[]')
  into v_parts
  from jsonb_array_elements(case v_key when 'not' then jsonb_build_array(p_rule -> 'not') else coalesce(p_rule -> v_key, '[]') end) with ordinality e (r, n);
  select case v_key when 'all' then coalesce(bool_and((p ->> 'holds')::boolean), true) when 'any' then coalesce(bool_or((p ->> 'holds')::boolean), false)
    else not bool_and((p ->> 'holds')::boolean) end into v_holds from jsonb_array_elements(v_parts) p;
  return jsonb_build_object('path', p_path, 'holds', v_holds, v_key, v_parts);
end
$$;
comment on function pipeline.conditions_hold(jsonb, jsonb, text) is
  E'@behavior -*\nWalks a rule tree over the facts of a firing: whether it holds, and the same of each part, with what was found there.';

create or replace function pipeline.deciding_condition(p_trace jsonb) returns jsonb
language plpgsql immutable parallel safe set search_path to pg_catalog as $$
begin
  return case when p_trace ? 'field' then p_trace
    when p_trace ? 'not' then pipeline.deciding_condition(p_trace -> 'not' -> 0)
    else coalesce((select pipeline.deciding_condition(p) from jsonb_array_elements(coalesce(p_trace -> 'all', p_trace -> 'any')) with ordinality e (p, n)
      where p -> 'holds' = p_trace -> 'holds' order by n limit 1), p_trace - 'all' - 'any') end;
end
$$;
comment on function pipeline.deciding_condition(jsonb) is E'@behavior -*\nThe first condition of a trace that made the whole of it hold or not.';
grant execute on function pipeline.time_of(text), pipeline.plain_value(jsonb), pipeline.is_before(jsonb, jsonb), pipeline.value_matches(jsonb, text, jsonb),
  pipeline.conditions_hold(jsonb, jsonb, text), pipeline.deciding_condition(jsonb) to rowhouse_manager, rowhouse_system;
--! EndIncluded pipeline/conditions_hold.sql
--! Included pipeline/check_conditions.sql
create or replace function pipeline.fact_names(p_trigger text, p_subject regclass) returns text
language sql stable set search_path to pg_catalog
return case when p_trigger = 'schedule' then 'schedule.dueAt, schedule.wasMissed'
  when p_trigger = 'webhook' then 'webhook.id, webhook.type, webhook.sourceId, webhook.receivedAt, webhook.payload.…, webhook.headers.…'
  else 'event.type, event.subjectType, event.subjectId, event.keys, event.changedFields, event.rowCount, event.counts.…, event.payload.…, event.depth, event.actorId, event.actorKind, event.correlationId, event.createdAt'
    || coalesce((select string_agg(format('%s%s', 'subject.' || f.field, case when f.kind = 'json' then '.…' end), ', ' order by f.field)
      from pipeline.row_fields(p_subject) f), '') end;
comment on function pipeline.fact_names(text, regclass) is E'@behavior -*\nWhat conditions and actions of a trigger may name, for messages.';

create or replace function pipeline.check_condition(p_condition jsonb, p_path text, p_trigger text, p_subject regclass) returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  c_operators constant text[] := array['equals', 'not_equals', 'contains', 'not_contains', 'starts_with', 'ends_with', 'in', 'not_in', 'greater_than', 'greater_or_equal',
    'less_than', 'less_or_equal', 'between', 'within_last_days', 'not_within_last_days', 'is_set', 'is_not_set'];
  v_field text := p_condition ->> 'field';
  v_operator text := lower(p_condition ->> 'operator');
  v_value jsonb := p_condition -> 'value';
  v_kind text := pipeline.fact_kind(p_trigger, p_subject, v_field);
  v_choices text[];
  v_each jsonb;
begin
  if v_field is null or length(v_field) > 200 or v_kind is null then
    perform app.raise('VALIDATION_FAILED', format('%s.field: %L cannot be named here. There are: %s.', p_path, left(v_field, 200), pipeline.fact_names(p_trigger, p_subject)), p_path || '.field');
  end if;
  if v_operator is null or v_operator <> all (c_operators) then
    perform app.raise('VALIDATION_FAILED', format('%s.operator: %L is no operator. There are: %s.', p_path, left(v_operator, 60), array_to_string(c_operators, ', ')), p_path || '.operator');
  end if;
  if not coalesce(case
    when v_operator in ('is_set', 'is_not_set') then v_value is null or v_value = 'null'
    when v_operator in ('in', 'not_in') then jsonb_typeof(v_value) = 'array' and jsonb_array_length(v_value) between 1 and 1000
      and not v_value @? 'strict $[*] ? (@.type() == "object" || @.type() == "array" || @.type() == "null")'
    when v_operator = 'between' then jsonb_typeof(v_value) = 'array' and jsonb_array_length(v_value) = 2
      and jsonb_typeof(v_value -> 0) = jsonb_typeof(v_value -> 1) and jsonb_typeof(v_value -> 0) in ('string', 'number')
    when v_operator in ('within_last_days', 'not_within_last_days') then jsonb_typeof(v_value) = 'number' and v_value::numeric between 0 and 36525
    when v_operator in ('starts_with', 'ends_with') then jsonb_typeof(v_value) = 'string' and v_value <> '""'
    when v_operator in ('greater_than', 'greater_or_equal', 'less_than', 'less_or_equal') then jsonb_typeof(v_value) in ('string', 'number')
    else jsonb_typeof(v_value) in ('string', 'number', 'boolean') and v_value <> '""' end, false) then
    perform app.raise('VALIDATION_FAILED', format('%s.value: %s is not what %s compares with: nothing for is_set, an array for in, two values for between, a number of days for within_last_days, one value else.',
      p_path, coalesce(left(v_value::text, 60), 'nothing'), v_operator), p_path || '.value');
  end if;
  if v_kind in ('boolean', 'enum', 'id', 'list') and v_operator in ('starts_with', 'ends_with', 'greater_than', 'greater_or_equal', 'less_than', 'less_or_equal', 'between', 'within_last_days', 'not_within_last_days')
    or v_kind not in ('time', 'json') and v_operator in ('within_last_days', 'not_within_last_days') then
    perform app.raise('VALIDATION_FAILED', format('%s.operator: %s does not go with %s, which is of kind %s.', p_path, v_operator, v_field, v_kind), p_path || '.operator');
  end if;
  select f.choices into v_choices from pipeline.row_fields(p_subject) f where v_field = 'subject.' || f.field;
  for v_each in select case when jsonb_typeof(v_value) = 'array' then e else v_value end
    from jsonb_array_elements(case when jsonb_typeof(v_value) = 'array' then v_value else '[null]' end) e where v_operator not in ('is_set', 'is_not_set', 'within_last_days', 'not_within_last_days') loop
    if not coalesce(case v_kind
      when 'enum' then lower(v_each #>> '{}') = any (v_choices)
      when 'number' then jsonb_typeof(v_each) = 'number'
      when 'boolean' then jsonb_typeof(v_each) = 'boolean'
      when 'id' then app.uuid_of_type_id(v_each #>> '{}') is not null
      when 'time' then (v_each #>> '{}') is not null and pipeline.time_of(v_each #>> '{}') is not null
      else length(v_each #>> '{}') <= 10000 end, false) then
      perform app.raise('VALIDATION_FAILED', format('%s.value: %s cannot be compared with %s, which is %s.', p_path, left(v_each::text, 60), v_field,
        case v_kind when 'enum' then 'one of ' || upper(array_to_string(v_choices, ', ')) when 'time' then 'a time such as 2026-01-31T12:00:00Z'
          when 'id' then 'an id' when 'number' then 'a number' when 'boolean' then 'true or false' else 'text of at most 10,000 characters' end), p_path || '.value');
    end if;
  end loop;
end
$$;
comment on function pipeline.check_condition(jsonb, text, text, regclass) is E'@behavior -*\nRefuses a condition that names an unknown field or operator, or a value that does not go with them.';

create or replace function pipeline.check_conditions(p_rule jsonb, p_path text, p_depth integer, p_trigger text, p_subject regclass) returns integer
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_key text := (select k from jsonb_object_keys(case jsonb_typeof(p_rule) when 'object' then p_rule else '{}' end) k where k in ('all', 'any', 'not') order by k limit 1);
  v_unknown text;
  v_count integer := 1;
begin
  if p_depth > 8 then
    perform app.raise('LIMIT_EXCEEDED', format('%s is nested deeper than 8 levels.', p_path), 'conditions');
  end if;
  if jsonb_typeof(p_rule) = 'array' and p_depth = 0 then
    p_rule := jsonb_build_object('all', p_rule);
    v_key := 'all';
  end if;
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(p_rule) when 'object' then p_rule else '{"":0}' end) k
  where k <> all (case when v_key is null then array['field', 'operator', 'value'] else array[v_key] end) limit 1;
  if v_unknown is not null then
    perform app.raise('VALIDATION_FAILED', format('%s: a rule is {"all": […]}, {"any": […]}, {"not": …} or {"field": …, "operator": …, "value": …}, and nothing else (%L).',
      p_path, left(v_unknown, 60)), p_path);
  end if;
  if v_key is null then
    perform pipeline.check_condition(p_rule, p_path, p_trigger, p_subject);
  elsif v_key = 'not' then
    v_count := v_count + pipeline.check_conditions(p_rule -> 'not', p_path || '.not', p_depth + 1, p_trigger, p_subject);
  elsif jsonb_typeof(p_rule -> v_key) <> 'array' or (jsonb_array_length(p_rule -> v_key) = 0 and p_depth > 0) then
    perform app.raise('VALIDATION_FAILED', format('%s.%s must be a list of rules, and not empty.', p_path, v_key), p_path || '.' || v_key);
  elsif jsonb_array_length(p_rule -> v_key) > 100 then
    perform app.raise('LIMIT_EXCEEDED', format('%s.%s has more than 100 rules.', p_path, v_key), 'conditions');
  else
    select v_count + coalesce(sum(pipeline.check_conditions(r, format('%s.%s[%s]', p_path, v_key, n - 1), p_depth + 1, p_trigger, p_subject)), 0)
    into v_count from jsonb_array_elements(p_rule -> v_key) with ordinality e (r, n);
  end if;
  if v_count > 101 then
    perform app.raise('LIMIT_EXCEEDED', format('%s has more than 100 rules in all.', p_path), 'conditions');
  end if;
  return v_count;
end
$$;
comment on function pipeline.check_conditions(jsonb, text, integer, text, regclass) is
  E'@behavior -*\nRefuses a rule tree that is not understood, deeper than 8 levels or larger than 100 rules, naming the place; returns how many rules it has.';
--! EndIncluded pipeline/check_conditions.sql
--! Included pipeline/resolve_arguments.sql
-- Arguments are data with two forms that stand for something: {"ref": "subject.id"} and {"text": ["Call ", {"ref": "subject.firstName"}]}.
create or replace function pipeline.resolve_arguments(p_template jsonb, p_facts jsonb) returns jsonb
language plpgsql immutable set search_path to pg_catalog as $$
begin
  if jsonb_typeof(p_template) = 'array' then
    return (select coalesce(jsonb_agg(coalesce(pipeline.resolve_arguments(e, p_facts), 'null') order by n), '[]') from jsonb_array_elements(p_template) with ordinality x (e, n));
  elsif jsonb_typeof(p_template) <> 'object' then
    return p_template;
  elsif p_template - 'ref' = '{}' and jsonb_typeof(p_template -> 'ref') = 'string' then
    return coalesce(p_facts #> string_to_array(p_template ->> 'ref', '.'), 'null');
  elsif p_template - 'text' = '{}' and jsonb_typeof(p_template -> 'text') = 'array' then
    return (select to_jsonb(coalesce(string_agg(pipeline.resolve_arguments(e, p_facts) #>> '{}', '' order by n), ''))
      from jsonb_array_elements(p_template -> 'text') with ordinality x (e, n));
  end if;
  return (select coalesce(jsonb_object_agg(key, coalesce(pipeline.resolve_arguments(value, p_facts), 'null')), '{}') from jsonb_each(p_template));
end
$$;
comment on function pipeline.resolve_arguments(jsonb, jsonb) is E'@behavior -*\nThe arguments of an action with what they refer to filled in from the facts of the firing; what is not there is null.';

create or replace function pipeline.references_of(p_template jsonb) returns setof text
language sql immutable set search_path to pg_catalog
begin atomic
  select r #>> '{}' from jsonb_path_query(p_template, 'lax $.**.ref') r where jsonb_typeof(r) = 'string';
end;
comment on function pipeline.references_of(jsonb) is E'@behavior -*\nWhat the arguments of an action refer to.';
grant execute on function pipeline.resolve_arguments(jsonb, jsonb) to rowhouse_manager, rowhouse_system;
--! EndIncluded pipeline/resolve_arguments.sql
--! Included pipeline/automation_verbs.sql
-- What an automation may do, and nothing else: verbs of the API under the names that they have there.
create or replace function pipeline.automation_verbs() returns table (verb text, kind text, target text)
language sql immutable set search_path to pg_catalog
begin atomic
  select * from (values
    ('addContactTag', 'function', 'crm.add_contact_tag'), ('removeContactTag', 'function', 'crm.remove_contact_tag'),
    ('assignThread', 'function', 'inbox.assign_thread'), ('startExport', 'function', 'lists.start_export'),
    ('runEnrichmentPlan', 'function', 'lists.run_enrichment_plan'), ('cancelEnrichmentRun', 'function', 'lists.cancel_enrichment_run'),
    ('pauseCampaign', 'function', 'outreach.pause_campaign'), ('resumeCampaign', 'function', 'outreach.resume_campaign'),
    ('scheduleCampaign', 'function', 'outreach.schedule_campaign'), ('cancelCampaign', 'function', 'outreach.cancel_campaign'),
    ('startPipelineRun', 'function', 'pipeline.start_pipeline_run'),
    ('createContact', 'create', 'crm.contacts'), ('updateContact', 'update', 'crm.contacts'),
    ('createCompany', 'create', 'crm.companies'), ('updateCompany', 'update', 'crm.companies'),
    ('createLead', 'create', 'crm.leads'), ('updateLead', 'update', 'crm.leads'),
    ('updateListEntry', 'update', 'lists.list_entries'),
    ('createTask', 'create', 'outreach.tasks'), ('updateTask', 'update', 'outreach.tasks'),
    ('createSequenceEnrollment', 'create', 'outreach.sequence_enrollments'), ('updateSequenceEnrollment', 'update', 'outreach.sequence_enrollments'),
    ('createSegmentMember', 'create', 'outreach.segment_members'),
    ('updateInboxThread', 'update', 'inbox.inbox_threads')) v (verb, kind, target);
end;
comment on function pipeline.automation_verbs() is
  E'@behavior -*\nThe verbs that actions of automations may name: functions of the domain, and tables of which a row is created or changed.';

create or replace function pipeline.verb_arguments(p_kind text, p_target text)
returns table (argument text, name name, type text, kind text, choices text[], is_required boolean)
language sql stable set search_path to pg_catalog
begin atomic
  select pipeline.field_name(a.name), a.name::name, format_type(t.oid, null),
    case when e.choices is not null then 'enum' when t.typname = 'uuid' then 'id' when t.typname = 'jsonb' then 'json' when t.typcategory = 'A' then 'list' else 'value' end,
    e.choices, a.n <= p.pronargs - p.pronargdefaults
  from pg_proc p cross join lateral unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[]) with ordinality a (name, type, n)
  join pg_type t on t.oid = a.type
  left join lateral (select string_to_array(substring(obj_description(t.oid, 'pg_type') from '@enum ([a-z0-9_,]+)'), ',') as choices) e on true
  where p_kind = 'function' and p.oid = to_regproc(p_target)
  union all
  select f.field, f.column_name, f.type, case f.kind when 'enum' then 'enum' when 'id' then 'id' when 'json' then 'json' when 'list' then 'list' else 'value' end, f.choices,
    case p_kind when 'update' then f.field = 'id'
      else (select a.attnotnull and not a.atthasdef from pg_attribute a where a.attrelid = to_regclass(p_target) and a.attname = f.column_name) end
  from pipeline.row_fields(to_regclass(p_target)) f
  where (p_kind = 'update' and f.field = 'id') or exists (select from unnest(array['rowhouse_member', 'rowhouse_manager', 'rowhouse_admin']) r
    where f.column_name <> 'deleted_at' and has_column_privilege(r, to_regclass(p_target), f.column_name, case p_kind when 'create' then 'insert' when 'update' then 'update' end));
end;
comment on function pipeline.verb_arguments(text, text) is E'@behavior -*\nThe arguments of a verb as the API names them: parameters of the function, or columns that a role may fill.';
grant execute on function pipeline.automation_verbs(), pipeline.verb_arguments(text, text) to rowhouse_manager, rowhouse_system;
--! EndIncluded pipeline/automation_verbs.sql
--! Included pipeline/verb_statement.sql
create or replace function pipeline.argument_literal(p_value jsonb, p_type text, p_kind text, p_path text) returns text
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_text text := p_value #>> '{}';
begin
  if p_value is null or p_value = 'null' then
    return format('null::%s', p_type);
  elsif p_kind = 'json' then
    return format('%L::%s', p_value, p_type);
  elsif p_kind = 'list' then
    if jsonb_typeof(p_value) <> 'array' then
      perform app.raise('VALIDATION_FAILED', format('%s must be a list.', p_path), p_path);
    end if;
    return format('array(select %s from jsonb_array_elements_text(%L::jsonb) e)::%s',
      case when p_type = 'uuid[]' then 'app.uuid_of_type_id(e)' else 'e' end, p_value, p_type);
  elsif jsonb_typeof(p_value) in ('array', 'object') then
    perform app.raise('VALIDATION_FAILED', format('%s must be one value, not a list or an object.', p_path), p_path);
  elsif p_kind = 'id' then
    if app.uuid_of_type_id(v_text) is null then
      perform app.raise('VALIDATION_FAILED', format('%s: %L is no id.', p_path, left(v_text, 60)), p_path);
    end if;
    return format('%L::uuid', app.uuid_of_type_id(v_text));
  elsif p_kind = 'enum' then
    v_text := lower(v_text);
  end if;
  -- What is no value of the type is refused here, where its name is known.
  execute format('select %L::%s', v_text, p_type);
  return format('%L::%s', v_text, p_type);
exception when data_exception or check_violation then
  perform app.raise('VALIDATION_FAILED', format('%s: %s cannot be read as %s.', p_path, left(p_value::text, 60), split_part(p_type, '.', 2 - (position('.' in p_type) = 0)::integer)), p_path);
  return null;
end
$$;
comment on function pipeline.argument_literal(jsonb, text, text, text) is E'@behavior -*\nThe SQL literal of an argument''s value, of the type that the verb takes; refuses what cannot be read as that, by its path.';

create or replace function pipeline.verb_statement(p_verb text, p_arguments jsonb, p_path text) returns text
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_kind text;
  v_target text;
  v_names text;
  v_values text;
  v_pairs text;
  v_argument record;
  v_literal text;
begin
  select v.kind, v.target into v_kind, v_target from pipeline.automation_verbs() v where v.verb = p_verb;
  for v_argument in select * from pipeline.verb_arguments(v_kind, v_target) a where p_arguments ? a.argument loop
    v_literal := pipeline.argument_literal(p_arguments -> v_argument.argument, v_argument.type, v_argument.kind, format('%s.%s', p_path, v_argument.argument));
    continue when v_kind = 'update' and v_argument.argument = 'id';
    v_pairs := concat_ws(', ', v_pairs, format('%I %s %s', v_argument.name, case v_kind when 'function' then '=>' else '=' end, v_literal));
    v_names := concat_ws(', ', v_names, quote_ident(v_argument.name));
    v_values := concat_ws(', ', v_values, v_literal);
  end loop;
  return case v_kind
    when 'function' then format('select r.id from %s(%s) r', v_target, v_pairs)
    when 'create' then format('insert into %s (%s) values (%s) returning id', v_target, v_names, v_values)
    else format('update %s set %s where tenant_id = app.tenant_id() and id = %L and deleted_at is null returning id', v_target, v_pairs,
      app.uuid_of_type_id(p_arguments ->> 'id')) end;
end
$$;
comment on function pipeline.verb_statement(text, jsonb, text) is
  E'@behavior -*\nThe statement that does what an action says. Names come from the catalogue of verbs, values are literals of the right type.';
grant execute on function pipeline.argument_literal(jsonb, text, text, text), pipeline.verb_statement(text, jsonb, text) to rowhouse_manager, rowhouse_system;
--! EndIncluded pipeline/verb_statement.sql
--! Included pipeline/check_actions.sql
create or replace function pipeline.check_actions(p_actions jsonb, p_trigger text, p_subject regclass) returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_action jsonb;
  v_path text;
  v_verb record;
  v_text text;
  v_argument record;
begin
  if jsonb_typeof(p_actions) <> 'array' or jsonb_array_length(p_actions) > 10 or octet_length(p_actions::text) > 65536 then
    perform app.raise('VALIDATION_FAILED', 'actions is a list of at most 10 actions and 64 KB, such as [{"verb": "addContactTag", "arguments": {"contactId": {"ref": "subject.id"}, "tag": "new"}}].', 'actions');
  end if;
  for i in 0..jsonb_array_length(p_actions) - 1 loop
    v_action := p_actions -> i;
    v_path := format('actions[%s]', i);
    if jsonb_typeof(v_action) <> 'object' or v_action - array['verb', 'arguments'] <> '{}' or jsonb_typeof(v_action -> 'arguments') is distinct from 'object' then
      perform app.raise('VALIDATION_FAILED', format('%s: an action is {"verb": …, "arguments": {…}}, and nothing else.', v_path), v_path);
    end if;
    select * into v_verb from pipeline.automation_verbs() v where v.verb = v_action ->> 'verb';
    if not found then
      perform app.raise('VALIDATION_FAILED', format('%s.verb: automations do not do %L. They do: %s.', v_path, left(v_action ->> 'verb', 60),
        (select string_agg(v.verb, ', ' order by v.verb) from pipeline.automation_verbs() v)), v_path || '.verb');
    end if;
    select k into v_text from jsonb_object_keys(v_action -> 'arguments') k where k not in (select a.argument from pipeline.verb_arguments(v_verb.kind, v_verb.target) a) limit 1;
    if found then
      perform app.raise('VALIDATION_FAILED', format('%s.arguments: %s takes no %L. It takes: %s.', v_path, v_verb.verb, left(v_text, 60),
        (select string_agg(a.argument, ', ') from pipeline.verb_arguments(v_verb.kind, v_verb.target) a)), v_path || '.arguments');
    end if;
    if v_verb.kind <> 'function' and (v_action -> 'arguments') - 'id' = '{}' then
      perform app.raise('VALIDATION_FAILED', format('%s.arguments names no field.', v_path), v_path || '.arguments');
    end if;
    for v_argument in select a.*, v_action -> 'arguments' -> a.argument as value from pipeline.verb_arguments(v_verb.kind, v_verb.target) a loop
      if v_argument.is_required and coalesce(v_argument.value, 'null') = 'null' then
        perform app.raise('VALIDATION_FAILED', format('%s.arguments: %s needs %s.', v_path, v_verb.verb, v_argument.argument), format('%s.arguments.%s', v_path, v_argument.argument));
      end if;
      -- What stands there word for word is read now; what is referred to is read when it is there.
      if v_argument.value is not null and not v_argument.value @? 'lax $.** ? (exists (@.ref) || exists (@.text))' then
        perform pipeline.argument_literal(v_argument.value, v_argument.type, v_argument.kind, format('%s.arguments.%s', v_path, v_argument.argument));
      end if;
    end loop;
    select r into v_text from pipeline.references_of(v_action -> 'arguments') r
    where length(r) > 200 or (pipeline.fact_kind(p_trigger, p_subject, r) is null and r not in ('event', 'subject', 'webhook', 'schedule')) limit 1;
    if found then
      perform app.raise('VALIDATION_FAILED', format('%s.arguments refers to %L, which there is not. There are: %s.', v_path, left(v_text, 200),
        pipeline.fact_names(p_trigger, p_subject)), v_path || '.arguments');
    end if;
  end loop;
end
$$;
comment on function pipeline.check_actions(jsonb, text, regclass) is
  E'@behavior -*\nRefuses actions that name an unknown verb, argument or reference, lack an argument, or hold a value that cannot be read as what the verb takes.';
--! EndIncluded pipeline/check_actions.sql
--! Included pipeline/automations.sql
-- A rule that acts by itself: does verbs of the domain, runs a blueprint, or both. It acts under an actor of its own.
create table if not exists pipeline.automations (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint automations_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint automations_description_check check (length(description) <= 5000),
  trigger_type pipeline.automation_trigger not null,
  trigger_config jsonb not null default '{}' constraint automations_trigger_config_check check (jsonb_typeof(trigger_config) = 'object'),
  webhook_source_id uuid,
  conditions jsonb not null default '[]' constraint automations_conditions_check check (jsonb_typeof(conditions) in ('array', 'object')),
  actions jsonb not null default '[]' constraint automations_actions_check check (jsonb_typeof(actions) = 'array'),
  blueprint_id uuid,
  role iam.membership_role not null default 'member' constraint automations_role_check check (role <> 'owner'),
  scopes text[] not null default '{}',
  authorized_by uuid,
  is_enabled boolean not null default true,
  fires_per_row boolean not null default false,
  can_trigger_itself boolean not null default false,
  depth_limit smallint not null default 5 constraint automations_depth_limit_check check (depth_limit between 1 and 20),
  rate_limit integer not null default 60 constraint automations_rate_limit_check check (rate_limit between 1 and 6000),
  failure_limit integer not null default 10 constraint automations_failure_limit_check check (failure_limit between 1 and 1000),
  missed_times pipeline.automation_missed_times not null default 'once',
  next_run_at timestamptz,
  armed_at timestamptz not null default now(),
  disabled_reason pipeline.automation_end,
  disabled_at timestamptz,
  failure_count integer not null default 0 constraint automations_failure_count_check check (failure_count >= 0),
  actor_id uuid not null,
  trigger_count bigint not null default 0 constraint automations_trigger_count_check check (trigger_count >= 0),
  last_triggered_at timestamptz,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint automations_pkey primary key (tenant_id, id),
  constraint automations_webhook_source_id_check check ((trigger_type = 'webhook') = (webhook_source_id is not null)),
  constraint automations_disabled_at_check check ((disabled_reason is null) = (disabled_at is null) and (disabled_reason is null or not is_enabled)),
  constraint automations_trigger_type_check check (case trigger_type
    when 'schedule' then jsonb_typeof(trigger_config -> 'schedule') is not distinct from 'string'
    when 'event' then jsonb_typeof(trigger_config -> 'event') is not distinct from 'string' else true end)
);
comment on table pipeline.automations is E'@typeid auto\nA rule that acts when something happens or a time has come: it does what its actions say, and runs a blueprint if it names one.';
comment on column pipeline.automations.trigger_config is
  'Details of the trigger, a JSON object: {"schedule": "0 9 * * 1-5", "timezone": "America/New_York"} for a schedule, {"event": "contact.*"} for events of the feed; {"event": "payment.*"} narrows webhooks to such types.';
comment on column pipeline.automations.webhook_source_id is 'The source whose calls set it going, when a webhook does.';
comment on column pipeline.automations.conditions is
  'What must hold as well: a list of rules that must all hold, or one of {"all": […]}, {"any": […]}, {"not": …}, {"field": "subject.status", "operator": "equals", "value": "ACTIVE"}.';
comment on column pipeline.automations.actions is
  'What it does, in order, all of it or nothing: a list of {"verb": "addContactTag", "arguments": {"contactId": {"ref": "subject.id"}, "tag": "new"}}.';
comment on column pipeline.automations.blueprint_id is 'The blueprint that it runs after its actions, on what set it going.';
comment on column pipeline.automations.role is 'What it may do: the role that its actions have, never more than whoever wrote it last.';
comment on column pipeline.automations.scopes is 'To what the API key was limited that wrote it last, and so it is; empty for everything that its role may do.';
comment on column pipeline.automations.authorized_by is 'Actor who wrote it last: it acts by their leave, and not beyond the role they have now.';
comment on column pipeline.automations.is_enabled is 'Whether it fires.';
comment on column pipeline.automations.fires_per_row is 'Whether an event about several rows sets it going once for each, up to a thousand; else once, with their keys.';
comment on column pipeline.automations.can_trigger_itself is 'Whether events that its own actions cause set it going again.';
comment on column pipeline.automations.depth_limit is 'How many automations may stand behind an event for it still to fire: what keeps automations from setting each other going for ever.';
comment on column pipeline.automations.rate_limit is 'How often a minute it may fire; what goes beyond is refused.';
comment on column pipeline.automations.failure_limit is 'After how many failed runs in a row it is switched off.';
comment on column pipeline.automations.missed_times is 'What becomes of times of its schedule at which no worker ran.';
comment on column pipeline.automations.next_run_at is 'When its schedule is due next; filled in within a minute.';
comment on column pipeline.automations.armed_at is 'Since when it fires as it does now: what happened before does not set it going.';
comment on column pipeline.automations.disabled_reason is 'Why it was switched off, when it was not by hand.';
comment on column pipeline.automations.failure_count is 'How many of its last runs failed in a row.';
comment on column pipeline.automations.actor_id is 'Under which it acts; made with the automation.';
comment on column pipeline.automations.trigger_count is 'How often it fired.';
create unique index if not exists automations_name_key on pipeline.automations (tenant_id, name) where deleted_at is null;
create index if not exists automations_trigger_type_idx on pipeline.automations (tenant_id, trigger_type, id);
-- The worker asks every minute which are due, of all tenants: it reads the whole of this small index.
create index if not exists automations_next_run_at_idx on pipeline.automations (tenant_id, next_run_at) where trigger_type = 'schedule' and is_enabled and deleted_at is null;
select ddl.foreign_key('pipeline.automations', 'blueprint_id', 'pipeline.blueprints', 'cascade');
select ddl.foreign_key('pipeline.automations', 'webhook_source_id', 'pipeline.webhook_sources', 'no action');
select ddl.foreign_key('pipeline.automations', 'actor_id', 'iam.actors', 'no action');
select ddl.foreign_key('pipeline.automations', 'authorized_by', 'iam.actors', 'set null');
select ddl.foreign_key('pipeline.automations', 'created_by', 'iam.actors', 'set null');
comment on constraint automations_authorized_by_fkey on pipeline.automations is E'@foreignFieldName authorizedAutomations';
select ddl.tenant_table('pipeline.automations',
  p_insert => '{name,description,trigger_type,trigger_config,webhook_source_id,conditions,actions,blueprint_id,role,is_enabled,fires_per_row,can_trigger_itself,depth_limit,rate_limit,failure_limit,missed_times}',
  p_update => '{name,description,trigger_type,trigger_config,webhook_source_id,conditions,actions,blueprint_id,role,is_enabled,fires_per_row,can_trigger_itself,depth_limit,rate_limit,failure_limit,missed_times}',
  p_write_role => 'rowhouse_manager');
select ddl.trigger('pipeline.automations', '_300_actor', $$before insert for each row execute function iam.make_actor('automation')$$);
select ddl.trigger('pipeline.automations', '_300_actor_label', 'before update of name for each row execute function iam.rename_actor()');
select ddl.masked('pipeline.automations', '{"trigger_config": "json", "conditions": "json", "actions": "json"}');
--! EndIncluded pipeline/automations.sql
--! Included pipeline/guard_automation.sql
create or replace function pipeline.check_trigger(p_trigger text, p_config jsonb) returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_keys text[] := case p_trigger when 'schedule' then array['schedule', 'timezone'] when 'event' then array['event'] when 'webhook' then array['event'] else '{}' end;
  v_event text := p_config ->> 'event';
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(p_config) k where k <> all (v_keys) limit 1;
  if v_unknown is not null then
    perform app.raise('VALIDATION_FAILED', format('triggerConfig.%s: the trigger %s has no such setting. It has: %s.', left(v_unknown, 60), upper(p_trigger),
      coalesce(nullif(array_to_string(v_keys, ', '), ''), 'none')), 'triggerConfig');
  end if;
  if p_trigger = 'schedule' then
    perform pipeline.check_cron(p_config ->> 'schedule', 'triggerConfig.schedule');
    begin
      perform timezone(p_config ->> 'timezone', now());
      -- Offsets and abbreviations know no daylight saving time.
      if p_config ->> 'timezone' !~ '^(UTC|[A-Za-z_]+/[A-Za-z_/+0-9-]+)$' then raise invalid_parameter_value; end if;
    exception when invalid_parameter_value then
      perform app.raise('VALIDATION_FAILED', format('triggerConfig.timezone: there is no time zone %L. Name one of the IANA database, such as Europe/Paris.',
        left(p_config ->> 'timezone', 60)), 'triggerConfig.timezone');
    end;
  elsif p_trigger = 'event' then
    if v_event is null or length(v_event) > 200 or v_event !~ '^[a-z][a-z0-9_]*\.(\*|[a-z][a-z0-9_]*)$' or pipeline.event_subject(v_event) is null then
      perform app.raise('VALIDATION_FAILED', format('triggerConfig.event: %L is no type of events. Write a type such as contact.created or list_import.completed, or contact.* for all of contacts.',
        left(v_event, 200)), 'triggerConfig.event');
    elsif split_part(v_event, '.', 1) in ('automation_run', 'job') then
      perform app.raise('VALIDATION_FAILED', 'triggerConfig.event: runs of automations and jobs do not set automations going: each would be the cause of the next.', 'triggerConfig.event');
    end if;
  elsif v_event is not null and (length(v_event) > 200 or v_event = '') then
    perform app.raise('VALIDATION_FAILED', 'triggerConfig.event has 1 to 200 characters: a type as the service writes it, or the beginning of one and an asterisk.', 'triggerConfig.event');
  end if;
end
$$;
comment on function pipeline.check_trigger(text, jsonb) is E'@behavior -*\nRefuses settings that do not go with a trigger: an unknown type of events, no schedule, no time zone.';

create or replace function pipeline.guard_automation() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_subject regclass;
  v_role text := nullif(current_setting('jwt.claims.role', true), '');
  v_of_rule constant text[] := array['trigger_type', 'trigger_config', 'webhook_source_id', 'conditions', 'actions', 'blueprint_id', 'role',
    'fires_per_row', 'can_trigger_itself', 'depth_limit', 'rate_limit'];
  v_is_changed boolean := tg_op = 'INSERT';
begin
  if tg_op = 'UPDATE' then
    -- Switched on, or brought back, it acts anew; switching it off takes no more than being a manager.
    v_is_changed := exists (select from unnest(v_of_rule) f where to_jsonb(new) -> f is distinct from to_jsonb(old) -> f)
      or (new.is_enabled and not old.is_enabled) or (new.deleted_at is null and old.deleted_at is not null);
  end if;
  if not v_is_changed then
    return new;
  end if;
  if new.trigger_type = 'schedule' and not new.trigger_config ? 'timezone' then
    new.trigger_config := new.trigger_config || jsonb_build_object('timezone', app.time_zone());
  end if;
  if tg_op = 'INSERT' or (old.trigger_type, old.trigger_config, old.conditions, old.actions, old.blueprint_id)
    is distinct from (new.trigger_type, new.trigger_config, new.conditions, new.actions, new.blueprint_id) then
    perform pipeline.check_trigger(new.trigger_type, new.trigger_config);
    v_subject := pipeline.event_subject(pipeline.trigger_event(new.trigger_type, new.trigger_config));
    if octet_length(new.conditions::text) > 65536 then
      perform app.raise('LIMIT_EXCEEDED', 'conditions has more than 64 KB.', 'conditions');
    end if;
    perform pipeline.check_conditions(new.conditions, 'conditions', 0, new.trigger_type, v_subject);
    perform pipeline.check_actions(new.actions, new.trigger_type, v_subject);
    if new.blueprint_id is null and new.actions = '[]' then
      perform app.raise('VALIDATION_FAILED', 'An automation does something: give it actions, a blueprintId, or both.', 'actions');
    end if;
  end if;
  -- It acts by leave of whoever wrote it last: nobody lends it, or gets from it, what is not theirs. The worker has no role.
  if v_role is not null then
    if private.role_rank(new.role) > private.role_rank(v_role) then
      perform app.raise('FORBIDDEN', format('You are %s here: an automation that acts as %s is above your own role. Ask somebody who has it.', v_role, new.role), 'role');
    end if;
    new.authorized_by := app.actor_id();
    new.scopes := string_to_array(coalesce(current_setting('jwt.claims.scopes', true), ''), ' ');
  end if;
  if tg_op = 'INSERT' or (new.is_enabled and not old.is_enabled)
    or (old.trigger_type, old.trigger_config, old.webhook_source_id) is distinct from (new.trigger_type, new.trigger_config, new.webhook_source_id) then
    new.armed_at := now();
    new.next_run_at := null;
  end if;
  if new.is_enabled then
    new.disabled_reason := null;
    new.disabled_at := null;
    if tg_op = 'UPDATE' and not old.is_enabled then
      new.failure_count := 0;
    end if;
  end if;
  return new;
end
$$;
comment on function pipeline.guard_automation() is
  'Refuses rules that could not be followed, and roles above that of whoever writes them; notes by whose leave it acts and since when.';
select ddl.trigger('pipeline.automations', '_200_guard', 'before insert or update for each row execute function pipeline.guard_automation()');
--! EndIncluded pipeline/guard_automation.sql
--! Included pipeline/webhook_events.sql
-- What services called us with, as it came: kept for proof and for replay, never changed. It is stored before anything is made of it;
-- then its verdict fills in what it says, once. Of calls that are refused a source keeps the latest only, and cuts them short.
create table if not exists pipeline.webhook_events (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  webhook_source_id uuid not null,
  event_type text not null default 'unknown' constraint webhook_events_event_type_check check (length(event_type) between 1 and 200),
  provider_event_id text constraint webhook_events_provider_event_id_check check (length(provider_event_id) between 1 and 500),
  correlation_id uuid not null default uuidv7(),
  payload jsonb constraint webhook_events_payload_check check (jsonb_typeof(payload) in ('object', 'array')),
  raw_body bytea,
  body_byte_count bigint not null default 0 constraint webhook_events_body_byte_count_check check (body_byte_count >= 0),
  headers jsonb not null default '{}' constraint webhook_events_headers_check check (jsonb_typeof(headers) = 'object'),
  repeated_headers text[],
  called_urls text[],
  signature text constraint webhook_events_signature_check check (length(signature) <= 2000),
  signed_digest text constraint webhook_events_signed_digest_check check (signed_digest ~ '^[0-9a-f]{64}$'),
  verdict pipeline.webhook_verdict not null default 'received',
  is_signature_valid boolean generated always as (case verdict when 'valid' then true when 'received' then null when 'unsigned' then null
    when 'duplicate' then null else false end) stored,
  received_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint webhook_events_pkey primary key (tenant_id, id)
);
comment on table pipeline.webhook_events is E'@typeid wh\nA call that a service made to this tenant, as it came. What became of it stands in its outcomes.';
comment on column pipeline.webhook_events.event_type is 'What the service says happened: sms.inbound, payment.completed, …';
comment on column pipeline.webhook_events.provider_event_id is 'The service''s own number of the event; the same one twice is taken once.';
comment on column pipeline.webhook_events.correlation_id is 'Ties together everything that this call caused.';
comment on column pipeline.webhook_events.payload is 'The body, read as JSON; a form becomes an object of its fields. Nothing when it is neither.';
comment on column pipeline.webhook_events.raw_body is 'The body, byte for byte, over which the signature was made; of a refused call no more than its first 16 KiB.';
comment on column pipeline.webhook_events.body_byte_count is 'How long the body was when it came.';
comment on column pipeline.webhook_events.signed_digest is E'@behavior -*\nSHA-256 of what was signed: the same once more is a replay.';
comment on column pipeline.webhook_events.headers is 'Headers of the call by lower-case name, without cookies and authorization.';
comment on column pipeline.webhook_events.repeated_headers is E'@behavior -*\nNames of headers that came more than once; until the verdict, which needs them.';
comment on column pipeline.webhook_events.called_urls is E'@behavior -*\nThe addresses that may have been called, without their unguessable part; until the verdict, which needs them.';
comment on column pipeline.webhook_events.signature is 'The signature that came with it.';
comment on column pipeline.webhook_events.is_signature_valid is 'Whether the signature was right; null when the source does not sign, and for duplicates.';
create unique index if not exists webhook_events_provider_event_id_key
  on pipeline.webhook_events (tenant_id, webhook_source_id, provider_event_id)
  where provider_event_id is not null and verdict in ('received', 'valid', 'unsigned');
create unique index if not exists webhook_events_signed_digest_key
  on pipeline.webhook_events (tenant_id, webhook_source_id, signed_digest) where signed_digest is not null and verdict = 'valid';
create index if not exists webhook_events_refused_idx
  on pipeline.webhook_events (tenant_id, webhook_source_id, id) where verdict not in ('received', 'valid', 'unsigned');
create index if not exists webhook_events_received_idx on pipeline.webhook_events (tenant_id, received_at) where verdict = 'received';
create index if not exists webhook_events_verdict_idx on pipeline.webhook_events (tenant_id, verdict, id);
create index if not exists webhook_events_webhook_source_id_idx on pipeline.webhook_events (tenant_id, webhook_source_id, received_at);
create index if not exists webhook_events_event_type_idx on pipeline.webhook_events (tenant_id, event_type, id);
create index if not exists webhook_events_correlation_id_idx on pipeline.webhook_events (tenant_id, correlation_id);
select ddl.foreign_key('pipeline.webhook_events', 'webhook_source_id', 'pipeline.webhook_sources', 'no action', p_index => false);
comment on constraint webhook_events_webhook_source_id_fkey on pipeline.webhook_events is E'@fieldName source\n@foreignFieldName events';
select ddl.append_only('pipeline.webhook_events', p_select_role => 'rowhouse_manager');
select ddl.enqueue('pipeline.webhook_events', 'process_webhook_event', 'update', $$o.verdict = 'received' and r.verdict in ('valid', 'unsigned')$$);
--! EndIncluded pipeline/webhook_events.sql
--! Included pipeline/webhook_verdicts.sql
-- The verdict on a call is a row of its own, from which the call is filled in: so nobody can write the call itself again.
create table if not exists private.webhook_verdicts (
  tenant_id uuid not null,
  webhook_event_id uuid not null,
  webhook_source_id uuid not null,
  verdict pipeline.webhook_verdict not null,
  event_type text not null,
  provider_event_id text,
  payload jsonb,
  signature text,
  signed_digest text,
  created_at timestamptz not null default now(),
  constraint webhook_verdicts_pkey primary key (tenant_id, webhook_event_id)
);
comment on table private.webhook_verdicts is 'What was found of each call that came in; emptied into the call itself at once, and kept as the proof that it was judged once.';
select ddl.foreign_key('private.webhook_verdicts', 'webhook_event_id', 'pipeline.webhook_events', 'cascade', p_index => false);
select ddl.private_table('private.webhook_verdicts');

create or replace function private.apply_webhook_verdict() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update pipeline.webhook_events e
  set verdict = new.verdict, event_type = new.event_type, provider_event_id = new.provider_event_id, payload = new.payload,
    signature = new.signature, signed_digest = new.signed_digest, repeated_headers = null, called_urls = null,
    raw_body = case when new.verdict in ('valid', 'unsigned') or length(e.raw_body) <= 16384 then e.raw_body else substr(e.raw_body, 1, 16384) end
  where e.tenant_id = new.tenant_id and e.id = new.webhook_event_id and e.verdict = 'received';
  if new.verdict in ('valid', 'unsigned') then
    perform private.write_event(new.tenant_id, 'webhook_event.created', 'webhook_events', array[new.webhook_event_id], 1,
      jsonb_build_object('webhook_source_id', new.webhook_source_id));
  else
    -- Of what was refused a source keeps its latest thousand: junk cannot fill the disk.
    delete from pipeline.webhook_events e
    where e.tenant_id = new.tenant_id and e.id = any (array(
      select o.id from pipeline.webhook_events o
      where o.tenant_id = new.tenant_id and o.webhook_source_id = new.webhook_source_id and o.verdict not in ('received', 'valid', 'unsigned')
        and o.id < (select x.id from pipeline.webhook_events x
          where x.tenant_id = new.tenant_id and x.webhook_source_id = new.webhook_source_id and x.verdict not in ('received', 'valid', 'unsigned')
          order by x.id desc offset 999 limit 1)
      order by o.id limit 1000 for update skip locked));
  end if;
  -- What it says stands in the call from now on.
  new.payload := null;
  new.signature := null;
  return new;
end
$$;
comment on function private.apply_webhook_verdict() is 'Fills in a call by the verdict on it, and removes what was refused long before.';
select ddl.trigger('private.webhook_verdicts', '_300_apply', 'before insert for each row execute function private.apply_webhook_verdict()');

create or replace function private.judge_webhook_event(p_event_id uuid, p_verdict text, p_event_type text, p_provider_event_id text,
  p_payload text, p_signature text, p_signed_digest text) returns text
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_source_id uuid;
  v_earlier text;
  v_verdict text := p_verdict;
  v_payload jsonb;
begin
  -- A server that was slow and a worker that took it for dead may both come: the verdict of the first stands.
  select e.webhook_source_id, e.verdict into v_source_id, v_earlier from pipeline.webhook_events e
  where e.tenant_id = app.tenant_id() and e.id = p_event_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no call %s.', p_event_id));
  elsif v_earlier <> 'received' then
    return v_earlier;
  end if;
  if p_verdict in ('valid', 'unsigned') then
    begin
      v_payload := p_payload::jsonb;
    exception when data_exception or program_limit_exceeded then
      v_payload := null;
    end;
    if jsonb_typeof(v_payload) not in ('object', 'array') then
      v_payload := null;
    end if;
  end if;
  begin
    insert into private.webhook_verdicts (tenant_id, webhook_event_id, webhook_source_id, verdict, event_type, provider_event_id, payload, signature,
      signed_digest)
    values (app.tenant_id(), p_event_id, v_source_id, p_verdict, p_event_type, p_provider_event_id, v_payload, p_signature, p_signed_digest);
  exception when unique_violation then
    -- The same call once more: by its number, or by what was signed. Under another number it is no repetition of its sender.
    v_verdict := case when p_provider_event_id is null or exists (select from pipeline.webhook_events e
      where e.tenant_id = app.tenant_id() and e.webhook_source_id = v_source_id and e.provider_event_id = p_provider_event_id
        and e.verdict in ('valid', 'unsigned')) then 'duplicate' else 'replayed' end;
    insert into private.webhook_verdicts (tenant_id, webhook_event_id, webhook_source_id, verdict, event_type, provider_event_id, signature, signed_digest)
    values (app.tenant_id(), p_event_id, v_source_id, v_verdict, p_event_type, p_provider_event_id, p_signature, p_signed_digest);
  end;
  return v_verdict;
end
$$;
comment on function private.judge_webhook_event(uuid, text, text, text, text, text, text) is
  'Writes the verdict on a call of this tenant, once, and returns it. What came before is a duplicate, or a replay if it has another number.';
grant execute on function private.judge_webhook_event(uuid, text, text, text, text, text, text) to rowhouse_system;
revoke all on function private.judge_webhook_event(uuid, text, text, text, text, text, text) from public;
--! EndIncluded pipeline/webhook_verdicts.sql
--! Included pipeline/find_webhook_source.sql
set local role rowhouse_definer;
create or replace function private.find_webhook_source(p_path_token text) returns table (
  tenant_id uuid, webhook_source_id uuid, scheme text, signature_header text, signature_encoding text, tolerance_seconds integer,
  event_id_from text, event_type_from text, sealed_secret bytea, previous_sealed_secret bytea
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select s.tenant_id, s.id, s.signature_scheme::text, s.signature_header, s.signature_encoding::text, s.tolerance_seconds, s.event_id_from,
    s.event_type_from, k.sealed_secret, case when k.previous_expires_at > clock_timestamp() then k.previous_sealed_secret end
  from pipeline.webhook_sources s
  join iam.tenants t on t.id = s.tenant_id and t.deleted_at is null and t.status = 'active'
  left join private.webhook_source_secrets k on k.tenant_id = s.tenant_id and k.webhook_source_id = s.id
  where s.path_token = p_path_token and s.deleted_at is null and s.is_active;
end;
comment on function private.find_webhook_source(text) is
  'The active source at an address, with what verifies its calls. Crosses tenants: the address alone tells whose it is.';
grant execute on function private.find_webhook_source(text) to rowhouse_identity;
revoke all on function private.find_webhook_source(text) from public;
set local role rowhouse_owner;
--! EndIncluded pipeline/find_webhook_source.sql
--! Included pipeline/unjudged_webhook_events.sql
-- Calls that were stored, and whose server stopped before it judged them.
grant select on pipeline.webhook_events to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.unjudged_webhook_events(p_after_tenant_id uuid, p_after_id uuid, p_limit integer) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select e.tenant_id, e.id from pipeline.webhook_events e
  join iam.tenants t on t.id = e.tenant_id and t.deleted_at is null and t.status = 'active'
  where e.verdict = 'received' and e.received_at < now() - interval '1 minute' and (e.tenant_id, e.id) > (p_after_tenant_id, p_after_id)
  order by e.tenant_id, e.id limit p_limit;
end;
comment on function private.unjudged_webhook_events(uuid, uuid, integer) is
  'Calls that have waited for a verdict for a minute, after one of them. Crosses tenants: one task judges what was left for all of them.';
grant execute on function private.unjudged_webhook_events(uuid, uuid, integer) to rowhouse_worker;
revoke all on function private.unjudged_webhook_events(uuid, uuid, integer) from public;
set local role rowhouse_owner;

create or replace function private.hold_webhook_event(p_event_id uuid) returns table (
  tenant_id uuid, webhook_source_id uuid, path_token text, scheme text, signature_header text, signature_encoding text, tolerance_seconds integer,
  event_id_from text, event_type_from text, sealed_secret bytea, previous_sealed_secret bytea,
  headers jsonb, repeated_headers text[], called_urls text[], raw_body bytea, received_at timestamptz
)
language sql volatile security definer set search_path to pg_catalog
begin atomic
  select s.tenant_id, s.id, s.path_token, s.signature_scheme::text, s.signature_header, s.signature_encoding::text, s.tolerance_seconds, s.event_id_from,
    s.event_type_from, k.sealed_secret, case when k.previous_expires_at > e.received_at then k.previous_sealed_secret end,
    e.headers, coalesce(e.repeated_headers, '{}'), coalesce(e.called_urls, '{}'), coalesce(e.raw_body, ''), e.received_at
  from pipeline.webhook_events e
  join pipeline.webhook_sources s on s.tenant_id = e.tenant_id and s.id = e.webhook_source_id
  left join private.webhook_source_secrets k on k.tenant_id = s.tenant_id and k.webhook_source_id = s.id
  where e.tenant_id = app.tenant_id() and e.id = p_event_id and e.verdict = 'received'
  for update of e skip locked;
end;
comment on function private.hold_webhook_event(uuid) is
  'A call of this tenant that waits for its verdict, with what it is judged by: the secrets that counted when it came. Nothing when somebody else judges it.';
grant execute on function private.hold_webhook_event(uuid) to rowhouse_system;
revoke all on function private.hold_webhook_event(uuid) from public;
--! EndIncluded pipeline/unjudged_webhook_events.sql
--! Included pipeline/change_webhook_source.sql
create or replace function app.create_webhook_source(p_name text, p_provider text, p_scheme text, p_header text, p_encoding text, p_tolerance integer,
  p_event_id_from text, p_event_type_from text) returns pipeline.webhook_sources
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_source pipeline.webhook_sources;
begin
  perform app.require_scope('pipeline:write');
  insert into pipeline.webhook_sources (tenant_id, name, provider, signature_scheme, signature_header, signature_encoding, tolerance_seconds,
    event_id_from, event_type_from)
  values (app.tenant_id(), p_name, p_provider, p_scheme, p_header, coalesce(p_encoding, 'hex'), coalesce(p_tolerance, 300), p_event_id_from, p_event_type_from)
  returning * into v_source;
  return v_source;
end
$$;
comment on function app.create_webhook_source(text, text, text, text, text, integer, text, text) is
  'Makes a source of webhooks. The API''s mutation of that name shows its address, which nothing else does.';

create or replace function app.set_webhook_source_secret(p_source_id uuid, p_sealed_secret bytea, p_overlap interval) returns pipeline.webhook_sources
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_source pipeline.webhook_sources;
begin
  perform app.require_scope('pipeline:write');
  select * into v_source from pipeline.webhook_sources s
  where s.tenant_id = app.tenant_id() and s.id = p_source_id and s.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', 'There is no such source of webhooks.', 'webhookSourceId');
  end if;
  if p_overlap < interval '0' or p_overlap > interval '30 days' then
    perform app.raise('VALIDATION_FAILED', 'The previous secret may count for 0 to 43200 minutes more.', 'overlapMinutes');
  end if;
  insert into private.webhook_source_secrets as k (tenant_id, webhook_source_id, sealed_secret)
  values (v_source.tenant_id, v_source.id, p_sealed_secret)
  on conflict (tenant_id, webhook_source_id) do update
  set sealed_secret = excluded.sealed_secret, rotated_at = now(),
    previous_sealed_secret = case when p_overlap > interval '0' then k.sealed_secret end,
    previous_expires_at = case when p_overlap > interval '0' then now() + p_overlap end;
  return v_source;
end
$$;
comment on function app.set_webhook_source_secret(uuid, bytea, interval) is
  'Keeps the secret that verifies the calls of a source, sealed by the server; the one before counts for a while more.';

create or replace function app.rotate_webhook_source_address(p_source_id uuid) returns pipeline.webhook_sources
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_source pipeline.webhook_sources;
begin
  perform app.require_scope('pipeline:write');
  update pipeline.webhook_sources s set path_token = default
  where s.tenant_id = app.tenant_id() and s.id = p_source_id and s.deleted_at is null
  returning * into v_source;
  if not found then
    perform app.raise('NOT_FOUND', 'There is no such source of webhooks.', 'webhookSourceId');
  end if;
  return v_source;
end
$$;
comment on function app.rotate_webhook_source_address(uuid) is 'Gives a source another address; the one before ends at once.';
grant execute on function app.create_webhook_source(text, text, text, text, text, integer, text, text),
  app.set_webhook_source_secret(uuid, bytea, interval), app.rotate_webhook_source_address(uuid) to rowhouse_admin;
--! EndIncluded pipeline/change_webhook_source.sql
--! Included pipeline/reprocess_webhook_event.sql
create or replace function pipeline.reprocess_webhook_event(webhook_event_id uuid) returns pipeline.webhook_events
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_event pipeline.webhook_events;
begin
  perform app.require_scope('pipeline:write');
  select * into v_event from pipeline.webhook_events e where e.tenant_id = app.tenant_id() and e.id = reprocess_webhook_event.webhook_event_id;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no webhook event %s.', webhook_event_id), 'webhookEventId');
  end if;
  if v_event.verdict not in ('valid', 'unsigned') then
    perform app.raise('INVALID_STATE', format('Webhook event %s is %s. Only one that is valid or unsigned can be processed.', webhook_event_id,
      replace(v_event.verdict, '_', ' ')), 'webhookEventId');
  end if;
  perform pipeline.enqueue_jobs('process_webhook_event', 'webhook_events', v_event.tenant_id, array[v_event.id]);
  return v_event;
end
$$;
comment on function pipeline.reprocess_webhook_event(uuid) is
  'Processes a webhook that came in once more, such as after an automation was mended. What becomes of it is a further outcome.';
grant execute on function pipeline.reprocess_webhook_event(uuid) to rowhouse_manager;
--! EndIncluded pipeline/reprocess_webhook_event.sql
--! Included pipeline/stamp_progress.sql
create or replace function pipeline.stamp_progress() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if new.status = 'running' then
    new.started_at := coalesce(new.started_at, clock_timestamp());
  elsif new.status in ('completed', 'failed', 'cancelled', 'skipped') then
    new.completed_at := coalesce(new.completed_at, clock_timestamp());
  end if;
  return new;
end
$$;
comment on function pipeline.stamp_progress() is 'Notes when a run or block started and ended, as its status moves.';
--! EndIncluded pipeline/stamp_progress.sql
--! Included pipeline/pipeline_runs.sql
-- One execution of a pipeline: what caused it, how it went, what came out.
create table if not exists pipeline.pipeline_runs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  blueprint_version_id uuid,
  pipeline_name text not null constraint pipeline_runs_pipeline_name_check check (length(pipeline_name) between 1 and 200),
  correlation_id uuid not null default uuidv7(),
  parent_run_id uuid,
  replayed_from_run_id uuid,
  triggered_by uuid default app.actor_id(),
  automation_id uuid,
  webhook_event_id uuid,
  trigger_type pipeline.pipeline_run_trigger not null default 'manual',
  trigger_context jsonb not null default '{}' constraint pipeline_runs_trigger_context_check check (jsonb_typeof(trigger_context) = 'object'),
  status pipeline.pipeline_run_status not null default 'queued',
  stats jsonb not null default '{}' constraint pipeline_runs_stats_check check (jsonb_typeof(stats) = 'object'),
  error_code text,
  error_message text,
  retry_count integer not null default 0 constraint pipeline_runs_retry_count_check check (retry_count >= 0),
  started_at timestamptz,
  completed_at timestamptz,
  duration_ms bigint generated always as ((extract(epoch from completed_at - started_at) * 1000)::bigint) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pipeline_runs_pkey primary key (tenant_id, id),
  constraint pipeline_runs_completed_at_check check ((status in ('completed', 'failed', 'cancelled')) = (completed_at is not null)),
  constraint pipeline_runs_duration_ms_check check (completed_at >= started_at),
  constraint pipeline_runs_started_at_check check (started_at is not null or status in ('queued', 'cancelled')),
  -- A reference may be missing (its row may be gone), but none stands where it means nothing.
  constraint pipeline_runs_trigger_type_check check (
    (automation_id is null or trigger_type in ('automation', 'scheduled', 'webhook'))
    and (webhook_event_id is null or trigger_type = 'webhook')
    and (replayed_from_run_id is null or trigger_type = 'replay')),
  constraint pipeline_runs_parent_run_id_check check (parent_run_id <> id and replayed_from_run_id <> id)
);
comment on table pipeline.pipeline_runs is E'@typeid run\nOne execution of a pipeline.';
comment on column pipeline.pipeline_runs.blueprint_version_id is 'The version whose steps it takes; none for a pipeline that is built in.';
comment on column pipeline.pipeline_runs.pipeline_name is 'Name of what runs: the blueprint''s when it started, or that of a built-in pipeline.';
comment on column pipeline.pipeline_runs.correlation_id is 'Ties together everything that one cause set going, across runs and artifacts.';
comment on column pipeline.pipeline_runs.parent_run_id is 'The run that this one is a part of.';
comment on column pipeline.pipeline_runs.replayed_from_run_id is 'The earlier run that this one does once more.';
comment on column pipeline.pipeline_runs.triggered_by is 'Actor who caused it: a member, an API key, an automation or the system.';
comment on column pipeline.pipeline_runs.automation_id is 'The automation that fired.';
comment on column pipeline.pipeline_runs.webhook_event_id is 'The webhook event that caused it.';
comment on column pipeline.pipeline_runs.trigger_context is 'What else is known of the cause, a JSON object.';
comment on column pipeline.pipeline_runs.stats is 'Figures of the run, a JSON object such as {"totalRecords": 100, "enriched": 80}.';
comment on column pipeline.pipeline_runs.error_code is 'Code of the error that ended it.';
comment on column pipeline.pipeline_runs.retry_count is 'How often a part of it was tried again.';
comment on column pipeline.pipeline_runs.duration_ms is 'From start to end, in milliseconds.';
create index if not exists pipeline_runs_blueprint_version_id_idx on pipeline.pipeline_runs (tenant_id, blueprint_version_id, id);
create index if not exists pipeline_runs_pipeline_name_idx on pipeline.pipeline_runs (tenant_id, pipeline_name, id);
create index if not exists pipeline_runs_correlation_id_idx on pipeline.pipeline_runs (tenant_id, correlation_id);
create index if not exists pipeline_runs_status_idx on pipeline.pipeline_runs (tenant_id, status, id);
create index if not exists pipeline_runs_created_at_idx on pipeline.pipeline_runs (tenant_id, created_at);
select ddl.foreign_key('pipeline.pipeline_runs', 'blueprint_version_id', 'pipeline.blueprint_versions', 'no action', p_index => false);
select ddl.foreign_key('pipeline.pipeline_runs', 'parent_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.foreign_key('pipeline.pipeline_runs', 'replayed_from_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.foreign_key('pipeline.pipeline_runs', 'triggered_by', 'iam.actors', 'set null');
select ddl.foreign_key('pipeline.pipeline_runs', 'automation_id', 'pipeline.automations', 'set null');
select ddl.foreign_key('pipeline.pipeline_runs', 'webhook_event_id', 'pipeline.webhook_events', 'set null');
comment on constraint pipeline_runs_blueprint_version_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName runs';
comment on constraint pipeline_runs_parent_run_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName childRuns';
comment on constraint pipeline_runs_replayed_from_run_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName replays';
comment on constraint pipeline_runs_automation_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName runs';
comment on constraint pipeline_runs_webhook_event_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName runs';
select ddl.tenant_table('pipeline.pipeline_runs');
select ddl.state_machine('pipeline.pipeline_runs', 'status',
  '{"queued": ["running", "cancelled"], "running": ["completed", "failed", "cancelled"], "completed": [], "failed": [], "cancelled": []}', '{queued}');
select ddl.trigger('pipeline.pipeline_runs', '_300_progress', 'before update of status for each row execute function pipeline.stamp_progress()');
select ddl.notify_progress('pipeline.pipeline_runs', 'update');
-- A run without a version is of a pipeline that is built in, and is kept by what runs it.
select ddl.enqueue('pipeline.pipeline_runs', 'run_pipeline', 'insert', $$r.status = 'queued' and r.blueprint_version_id is not null$$);
select ddl.masked('pipeline.pipeline_runs', '{"trigger_context": "json", "error_message": "text"}');
--! EndIncluded pipeline/pipeline_runs.sql
--! Included pipeline/block_executions.sql
-- What each block of a run did.
create table if not exists pipeline.block_executions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  pipeline_run_id uuid not null,
  block_index integer not null constraint block_executions_block_index_check check (block_index >= 0),
  block_name text not null constraint block_executions_block_name_check check (length(block_name) between 1 and 200),
  status pipeline.block_execution_status not null default 'pending',
  processed_count bigint not null default 0,
  succeeded_count bigint not null default 0,
  failed_count bigint not null default 0,
  error_code text,
  error_message text,
  retry_count integer not null default 0 constraint block_executions_retry_count_check check (retry_count >= 0),
  last_retry_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  duration_ms bigint generated always as ((extract(epoch from completed_at - started_at) * 1000)::bigint) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint block_executions_pkey primary key (tenant_id, id),
  constraint block_executions_processed_count_check
    check (succeeded_count >= 0 and failed_count >= 0 and succeeded_count + failed_count <= processed_count),
  constraint block_executions_completed_at_check check ((status in ('completed', 'failed', 'skipped')) = (completed_at is not null)),
  constraint block_executions_duration_ms_check check (completed_at >= started_at),
  constraint block_executions_started_at_check check (started_at is not null or status in ('pending', 'skipped'))
);
comment on table pipeline.block_executions is E'@typeid block\nWhat one block did within a run.';
comment on column pipeline.block_executions.block_index is 'Place of the block in the run, from 0.';
comment on column pipeline.block_executions.block_name is 'Name of the step that it runs: check_email, tag, …';
comment on column pipeline.block_executions.processed_count is 'How many records it worked on.';
comment on column pipeline.block_executions.succeeded_count is 'How many of them went well.';
comment on column pipeline.block_executions.failed_count is 'How many of them failed.';
comment on column pipeline.block_executions.error_code is 'Code of the last error.';
comment on column pipeline.block_executions.retry_count is 'How often it was tried again.';
comment on column pipeline.block_executions.duration_ms is 'From start to end, in milliseconds.';
create unique index if not exists block_executions_pipeline_run_id_block_index_key
  on pipeline.block_executions (tenant_id, pipeline_run_id, block_index);
create index if not exists block_executions_block_name_idx on pipeline.block_executions (tenant_id, block_name, id);
create index if not exists block_executions_status_idx on pipeline.block_executions (tenant_id, status, id);
select ddl.foreign_key('pipeline.block_executions', 'pipeline_run_id', 'pipeline.pipeline_runs', 'cascade', p_index => false);
comment on constraint block_executions_pipeline_run_id_fkey on pipeline.block_executions is E'@foreignFieldName blocks';
select ddl.tenant_table('pipeline.block_executions');
select ddl.state_machine('pipeline.block_executions', 'status',
  '{"pending": ["running", "skipped"], "running": ["completed", "failed", "skipped"], "completed": [], "failed": [], "skipped": []}', '{pending}');
select ddl.trigger('pipeline.block_executions', '_300_progress', 'before update of status for each row execute function pipeline.stamp_progress()');
select ddl.notify_progress('pipeline.block_executions', 'update', 'pipeline_run_id', 'pipeline.pipeline_runs');
select ddl.masked('pipeline.block_executions', '{"error_message": "text"}');
--! EndIncluded pipeline/block_executions.sql
--! Included pipeline/artifacts.sql
-- What runs take in and bring out. An artifact never changes: a better one supersedes it.
create table if not exists pipeline.artifacts (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  pipeline_run_id uuid,
  block_execution_id uuid,
  correlation_id uuid,
  artifact_type text not null constraint artifacts_artifact_type_check check (artifact_type ~ '^[a-z][a-z0-9_.]{0,99}$'),
  mime_type text not null default 'application/json' constraint artifacts_mime_type_check check (mime_type ~ '^[^/\s]+/[^/\s]+'),
  storage_type pipeline.artifact_storage not null
    generated always as (case when object_path is null then 'inline' else 'object' end) stored,
  inline_data jsonb,
  object_path text constraint artifacts_object_path_check check (length(object_path) between 1 and 1000),
  size_bytes bigint not null constraint artifacts_size_bytes_check check (size_bytes >= 0),
  checksum text not null constraint artifacts_checksum_check check (checksum ~ '^[0-9a-f]{64}$'),
  version integer not null default 1 constraint artifacts_version_check check (version >= 1),
  supersedes_id uuid constraint artifacts_supersedes_id_check check (supersedes_id <> id),
  metadata jsonb not null default '{}' constraint artifacts_metadata_check check (jsonb_typeof(metadata) = 'object'),
  created_at timestamptz not null default now(),
  constraint artifacts_pkey primary key (tenant_id, id),
  constraint artifacts_supersedes_id_key unique (tenant_id, supersedes_id),
  constraint artifacts_inline_data_check check (num_nonnulls(inline_data, object_path) = 1),
  -- The length of the text, because it does not depend on how the value happens to be compressed.
  constraint artifacts_inline_data_length_check check (octet_length(inline_data::text) < 102400)
);
comment on table pipeline.artifacts is E'@typeid art\nA result or an input of a pipeline, kept as it was: a skip trace, an imported file, a message.';
comment on column pipeline.artifacts.pipeline_run_id is 'The run that brought it.';
comment on column pipeline.artifacts.block_execution_id is 'The block that brought it.';
comment on column pipeline.artifacts.correlation_id is 'Ties it to everything else that had the same cause.';
comment on column pipeline.artifacts.artifact_type is 'What it is: skiptrace_result, apollo_result, sms_message, csv_import, …';
comment on column pipeline.artifacts.mime_type is 'Media type of the data.';
comment on column pipeline.artifacts.inline_data is 'The data itself, when it is shorter than 100 KB (102,400 bytes of JSON text).';
comment on column pipeline.artifacts.object_path is 'Where the data is in object storage, when it is not inline.';
comment on column pipeline.artifacts.size_bytes is 'Size of the data; of inline data, of its JSON text.';
comment on column pipeline.artifacts.checksum is 'SHA-256 of the data in hexadecimal; of inline data, of its JSON text.';
comment on column pipeline.artifacts.version is 'One more than that of the artifact it supersedes.';
comment on column pipeline.artifacts.supersedes_id is 'The artifact that this one replaces; an artifact is superseded once.';
comment on column pipeline.artifacts.metadata is 'Anything else about it, a JSON object.';
comment on constraint artifacts_supersedes_id_key on pipeline.artifacts is E'@behavior -single';
create index if not exists artifacts_artifact_type_idx on pipeline.artifacts (tenant_id, artifact_type, id);
create index if not exists artifacts_correlation_id_idx on pipeline.artifacts (tenant_id, correlation_id);
create index if not exists artifacts_created_at_idx on pipeline.artifacts (tenant_id, created_at);
select ddl.foreign_key('pipeline.artifacts', 'pipeline_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.foreign_key('pipeline.artifacts', 'block_execution_id', 'pipeline.block_executions', 'set null');
select ddl.foreign_key('pipeline.artifacts', 'supersedes_id', 'pipeline.artifacts', 'no action', p_index => false);
comment on constraint artifacts_pipeline_run_id_fkey on pipeline.artifacts is E'@foreignFieldName artifacts';
comment on constraint artifacts_block_execution_id_fkey on pipeline.artifacts is E'@foreignFieldName artifacts';
comment on constraint artifacts_supersedes_id_fkey on pipeline.artifacts is E'@fieldName supersedes\n@foreignSingleFieldName supersededBy';
select ddl.append_only('pipeline.artifacts');

create or replace function pipeline.describe_artifact() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_text constant text := new.inline_data::text;
begin
  if v_text is not null then
    new.size_bytes := octet_length(v_text);
    new.checksum := encode(sha256(convert_to(v_text, 'UTF8')), 'hex');
  end if;
  if new.supersedes_id is not null then
    select a.version + 1 into new.version from pipeline.artifacts a where a.tenant_id = new.tenant_id and a.id = new.supersedes_id;
    new.version := coalesce(new.version, 1); -- the reference itself is refused by its key
  end if;
  return new;
end
$$;
comment on function pipeline.describe_artifact() is 'Gives an artifact its version, and inline data its size and checksum.';
select ddl.trigger('pipeline.artifacts', '_300_describe', 'before insert for each row execute function pipeline.describe_artifact()');
select ddl.masked('pipeline.artifacts', '{"inline_data": "json", "metadata": "json", "checksum": "hidden"}');
--! EndIncluded pipeline/artifacts.sql
--! Included pipeline/artifact_parents.sql
-- Lineage: of which artifacts an artifact was made.
create table if not exists pipeline.artifact_parents (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  artifact_id uuid not null,
  parent_id uuid not null constraint artifact_parents_parent_id_check check (parent_id <> artifact_id),
  created_at timestamptz not null default now(),
  constraint artifact_parents_pkey primary key (tenant_id, id)
);
comment on table pipeline.artifact_parents is E'@typeid artp\nThat an artifact was made of another one.';
comment on column pipeline.artifact_parents.artifact_id is 'What was made.';
comment on column pipeline.artifact_parents.parent_id is 'Of what it was made.';
create unique index if not exists artifact_parents_artifact_id_parent_id_key on pipeline.artifact_parents (tenant_id, artifact_id, parent_id);
select ddl.foreign_key('pipeline.artifact_parents', 'artifact_id', 'pipeline.artifacts', 'cascade', p_index => false);
select ddl.foreign_key('pipeline.artifact_parents', 'parent_id', 'pipeline.artifacts', 'cascade');
comment on constraint artifact_parents_artifact_id_fkey on pipeline.artifact_parents is
  E'@behavior +manyToMany\n@manyToManyFieldName children\n@foreignFieldName parentLinks';
comment on constraint artifact_parents_parent_id_fkey on pipeline.artifact_parents is
  E'@behavior +manyToMany\n@manyToManyFieldName parents\n@foreignFieldName childLinks';
select ddl.append_only('pipeline.artifact_parents');
--! EndIncluded pipeline/artifact_parents.sql
--! Included pipeline/pipeline_runs_artifacts.sql
-- Runs and artifacts point at each other; what a run takes in and brings out comes after both.
alter table pipeline.pipeline_runs add column if not exists input_artifact_id uuid;
alter table pipeline.pipeline_runs add column if not exists output_artifact_id uuid;
comment on column pipeline.pipeline_runs.input_artifact_id is 'What it takes in.';
comment on column pipeline.pipeline_runs.output_artifact_id is 'What it brought out.';
select ddl.foreign_key('pipeline.pipeline_runs', 'input_artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('pipeline.pipeline_runs', 'output_artifact_id', 'pipeline.artifacts', 'set null');
comment on constraint pipeline_runs_input_artifact_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName inputOfRuns';
comment on constraint pipeline_runs_output_artifact_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName outputOfRuns';
--! EndIncluded pipeline/pipeline_runs_artifacts.sql
--! Included pipeline/block_executions_artifacts.sql
-- Blocks and artifacts point at each other; what a block takes in and brings out comes after both.
alter table pipeline.block_executions add column if not exists input_artifact_id uuid;
alter table pipeline.block_executions add column if not exists output_artifact_id uuid;
comment on column pipeline.block_executions.input_artifact_id is 'What it takes in.';
comment on column pipeline.block_executions.output_artifact_id is 'What it brought out.';
select ddl.foreign_key('pipeline.block_executions', 'input_artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('pipeline.block_executions', 'output_artifact_id', 'pipeline.artifacts', 'set null');
comment on constraint block_executions_input_artifact_id_fkey on pipeline.block_executions is E'@foreignFieldName inputOfBlocks';
comment on constraint block_executions_output_artifact_id_fkey on pipeline.block_executions is E'@foreignFieldName outputOfBlocks';
--! EndIncluded pipeline/block_executions_artifacts.sql
--! Included pipeline/blueprints_runs.sql
create or replace function pipeline.blueprints_runs(blueprint pipeline.blueprints) returns setof pipeline.pipeline_runs
language sql stable
begin atomic
  select r.* from pipeline.pipeline_runs r
  where r.tenant_id = blueprint.tenant_id and r.blueprint_version_id in (
    select v.id from pipeline.blueprint_versions v where v.tenant_id = blueprint.tenant_id and v.blueprint_id = blueprint.id);
end;
comment on function pipeline.blueprints_runs(pipeline.blueprints) is E'@behavior +order\nRuns of the blueprint, of whichever version.';
grant execute on function pipeline.blueprints_runs(pipeline.blueprints) to rowhouse_viewer;
--! EndIncluded pipeline/blueprints_runs.sql
--! Included pipeline/create_pipeline_run.sql
create or replace function pipeline.create_pipeline_run(
  p_blueprint_id uuid,
  p_input jsonb default '[]',
  p_trigger_type text default 'automation',
  p_automation_id uuid default null,
  p_webhook_event_id uuid default null,
  p_correlation_id uuid default null,
  p_trigger_context jsonb default '{}'
) returns pipeline.pipeline_runs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_blueprint pipeline.blueprints;
  v_records jsonb := case jsonb_typeof(p_input) when 'object' then jsonb_build_array(p_input) else coalesce(p_input, '[]') end;
  v_correlation_id uuid := coalesce(p_correlation_id, nullif(current_setting('rowhouse.correlation_id', true), '')::uuid, uuidv7());
  -- How many automations stand behind it: what the run changes is told with it, so that loops end.
  v_depth integer := coalesce(nullif(current_setting('rowhouse.depth', true), '')::integer, 0);
  v_artifact_id uuid;
  v_run pipeline.pipeline_runs;
begin
  select * into v_blueprint from pipeline.blueprints b
  where b.tenant_id = app.tenant_id() and b.id = p_blueprint_id and b.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no blueprint %s.', p_blueprint_id), 'blueprintId');
  end if;
  if v_blueprint.published_version_id is null then
    perform app.raise('INVALID_STATE', format('Blueprint "%s" has no published version. Publish one first.', v_blueprint.name), 'blueprintId');
  end if;
  if not v_blueprint.is_active then
    perform app.raise('INVALID_STATE', format('Blueprint "%s" is switched off. Switch it on by isActive first.', v_blueprint.name), 'blueprintId');
  end if;
  if jsonb_typeof(v_records) <> 'array' or jsonb_path_exists(v_records, 'strict $[*] ? (@.type() <> "object")') then
    perform app.raise('VALIDATION_FAILED', 'The input of a run is an array of objects, such as [{"email": "ann@example.com"}].', 'input');
  end if;
  if octet_length(v_records::text) >= 102400 then
    perform app.raise('LIMIT_EXCEEDED', 'The input of a run has less than 100 KB of JSON text. Start several runs.', 'input');
  end if;
  insert into pipeline.artifacts (tenant_id, correlation_id, artifact_type, inline_data)
  values (v_blueprint.tenant_id, v_correlation_id, 'pipeline_input', v_records)
  returning id into v_artifact_id;
  insert into pipeline.pipeline_runs (tenant_id, blueprint_version_id, pipeline_name, correlation_id, automation_id, webhook_event_id, trigger_type,
    trigger_context, input_artifact_id)
  values (v_blueprint.tenant_id, v_blueprint.published_version_id, v_blueprint.name, v_correlation_id, p_automation_id, p_webhook_event_id,
    p_trigger_type, case when v_depth > 0 then jsonb_build_object('depth', v_depth) else '{}' end || coalesce(p_trigger_context, '{}'), v_artifact_id)
  returning * into v_run;
  return v_run;
end
$$;
comment on function pipeline.create_pipeline_run(uuid, jsonb, text, uuid, uuid, uuid, jsonb) is
  'Queues a run of the published version of a blueprint, on records: for automations and the like. A worker takes it once this is committed.';
grant execute on function pipeline.create_pipeline_run(uuid, jsonb, text, uuid, uuid, uuid, jsonb) to rowhouse_system;
--! EndIncluded pipeline/create_pipeline_run.sql
--! Included pipeline/start_pipeline_run.sql
create or replace function pipeline.start_pipeline_run(blueprint_id uuid, input jsonb default '[]') returns pipeline.pipeline_runs
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('pipeline:write');
  return pipeline.create_pipeline_run(start_pipeline_run.blueprint_id, start_pipeline_run.input, 'manual');
end
$$;
comment on function pipeline.start_pipeline_run(uuid, jsonb) is
  'Runs the published version of a blueprint on records: an array of objects, less than 100 KB of it. What came of it is the run''s output artifact.';
grant execute on function pipeline.start_pipeline_run(uuid, jsonb) to rowhouse_member;

create or replace function pipeline.replay_pipeline_run(pipeline_run_id uuid) returns pipeline.pipeline_runs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_run pipeline.pipeline_runs;
begin
  perform app.require_scope('pipeline:write');
  select * into v_run from pipeline.pipeline_runs r where r.tenant_id = app.tenant_id() and r.id = replay_pipeline_run.pipeline_run_id;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no run %s.', pipeline_run_id), 'pipelineRunId');
  end if;
  if v_run.status not in ('completed', 'failed', 'cancelled') then
    perform app.raise('INVALID_STATE', format('Run %s is %s. Only one that has ended can be replayed.', pipeline_run_id, v_run.status), 'pipelineRunId');
  end if;
  if v_run.blueprint_version_id is null or v_run.input_artifact_id is null then
    perform app.raise('INVALID_STATE', format('Run %s has no version or no input to be replayed with.', pipeline_run_id), 'pipelineRunId');
  end if;
  insert into pipeline.pipeline_runs (tenant_id, blueprint_version_id, pipeline_name, correlation_id, replayed_from_run_id, trigger_type, input_artifact_id)
  values (v_run.tenant_id, v_run.blueprint_version_id, v_run.pipeline_name, v_run.correlation_id, v_run.id, 'replay', v_run.input_artifact_id)
  returning * into v_run;
  return v_run;
end
$$;
comment on function pipeline.replay_pipeline_run(uuid) is 'Does an earlier run once more: the same version of its blueprint on the same input.';
grant execute on function pipeline.replay_pipeline_run(uuid) to rowhouse_member;
--! EndIncluded pipeline/start_pipeline_run.sql
--! Included pipeline/cancel_pipeline_run.sql
create or replace function pipeline.cancel_pipeline_run(pipeline_run_id uuid) returns pipeline.pipeline_runs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_run pipeline.pipeline_runs;
  v_job pipeline.jobs;
begin
  perform app.require_scope('pipeline:write');
  -- The run first, then its job: the order in which the worker takes them.
  select * into v_run from pipeline.pipeline_runs r where r.tenant_id = app.tenant_id() and r.id = cancel_pipeline_run.pipeline_run_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no run %s.', pipeline_run_id), 'pipelineRunId');
  end if;
  if v_run.status not in ('queued', 'running') then
    perform app.raise('INVALID_STATE', format('Run %s is %s already and cannot be cancelled.', pipeline_run_id, v_run.status), 'pipelineRunId');
  end if;
  select * into v_job from pipeline.jobs j
  where j.tenant_id = v_run.tenant_id and j.subject_id = v_run.id and j.subject_type = 'pipeline_runs'
  order by j.id desc limit 1 for update;
  if v_job.status in ('queued', 'running', 'retrying') then
    select * into v_job from pipeline.cancel_job(v_job.id);
  end if;
  -- What runs stops at its next checkpoint, and the worker says so here.
  if v_job.status is distinct from 'running' then
    update pipeline.block_executions b set status = 'skipped'
    where b.tenant_id = v_run.tenant_id and b.pipeline_run_id = v_run.id and b.status in ('pending', 'running');
    update pipeline.pipeline_runs r set status = 'cancelled' where r.tenant_id = v_run.tenant_id and r.id = v_run.id returning * into v_run;
  end if;
  return v_run;
end
$$;
comment on function pipeline.cancel_pipeline_run(uuid) is 'Cancels a run: at once when it waits, within seconds when it runs. What its blocks brought so far stays.';
grant execute on function pipeline.cancel_pipeline_run(uuid) to rowhouse_member;
--! EndIncluded pipeline/cancel_pipeline_run.sql
--! Included pipeline/webhook_event_outcomes.sql
-- A webhook event never changes, so what became of it is a row of its own: one for each time it was worked off.
create table if not exists pipeline.webhook_event_outcomes (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  webhook_event_id uuid not null,
  outcome pipeline.webhook_outcome not null,
  pipeline_run_id uuid,
  error_code text,
  error_message text,
  processed_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint webhook_event_outcomes_pkey primary key (tenant_id, id),
  constraint webhook_event_outcomes_error_code_check check (error_code is null or outcome = 'failed')
);
comment on table pipeline.webhook_event_outcomes is E'@typeid who\nWhat became of a webhook event when it was worked off.';
comment on column pipeline.webhook_event_outcomes.pipeline_run_id is 'The run that it set going.';
comment on column pipeline.webhook_event_outcomes.error_code is 'Code of the error, when it failed.';
select ddl.foreign_key('pipeline.webhook_event_outcomes', 'webhook_event_id', 'pipeline.webhook_events', 'cascade');
select ddl.foreign_key('pipeline.webhook_event_outcomes', 'pipeline_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.append_only('pipeline.webhook_event_outcomes', p_select_role => 'rowhouse_manager');
--! EndIncluded pipeline/webhook_event_outcomes.sql
--! Included pipeline/process_webhook_event.sql
create or replace function pipeline.process_webhook_event(p_event_id uuid) returns pipeline.webhook_outcome
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_event pipeline.webhook_events;
  v_fired integer;
  v_outcome pipeline.webhook_outcome;
begin
  select * into v_event from pipeline.webhook_events e where e.tenant_id = app.tenant_id() and e.id = p_event_id and e.verdict in ('valid', 'unsigned');
  if not found then
    perform app.raise('NOT_FOUND', format('There is no webhook event %s that may be processed.', p_event_id));
  end if;
  -- Whatever it causes carries its correlation.
  perform set_config('rowhouse.correlation_id', v_event.correlation_id::text, true);
  -- Each automation keeps a log of its own runs.
  v_fired := pipeline.fire_automations_for_webhook(v_event.id);
  v_outcome := case when v_fired > 0 then 'processed' else 'ignored' end;
  insert into pipeline.webhook_event_outcomes (tenant_id, webhook_event_id, outcome) values (v_event.tenant_id, v_event.id, v_outcome);
  return v_outcome;
end
$$;
comment on function pipeline.process_webhook_event(uuid) is
  'Fires the automations that wait for a webhook''s source, and notes what became of it: that they were, or that nothing waits for it.';
grant execute on function pipeline.process_webhook_event(uuid) to rowhouse_system;
--! EndIncluded pipeline/process_webhook_event.sql
--! Included pipeline/automation_runs.sql
-- What became of each firing of an automation. The event is no reference: whole months of events are dropped.
create table if not exists pipeline.automation_runs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  automation_id uuid not null,
  status pipeline.automation_run_status not null default 'queued',
  reason text constraint automation_runs_reason_check check (length(reason) <= 2000),
  event_id uuid,
  webhook_event_id uuid,
  due_at timestamptz,
  subject_type text,
  subject_id uuid,
  depth smallint not null default 0 constraint automation_runs_depth_check check (depth >= 0),
  correlation_id uuid not null default uuidv7(),
  decided_by jsonb,
  is_counted boolean not null default false,
  results jsonb not null default '[]' constraint automation_runs_results_check check (jsonb_typeof(results) = 'array'),
  pipeline_run_id uuid,
  error_code text,
  error_message text,
  attempt_count integer not null default 0 constraint automation_runs_attempt_count_check check (attempt_count >= 0),
  started_at timestamptz,
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint automation_runs_pkey primary key (tenant_id, id),
  constraint automation_runs_finished_at_check check ((status in ('queued', 'running')) = (finished_at is null)),
  constraint automation_runs_event_id_check check (num_nonnulls(event_id, webhook_event_id, due_at) = 1)
);
comment on table pipeline.automation_runs is E'@typeid arun\nA firing of an automation: what set it going, what it did, or why it did nothing. Kept for ninety days, what was skipped for seven.';
comment on column pipeline.automation_runs.reason is 'Why it was skipped or refused.';
comment on column pipeline.automation_runs.event_id is E'@typeid evt\nThe event of the feed that set it going.';
comment on column pipeline.automation_runs.webhook_event_id is E'@typeid wh\nThe webhook that set it going.';
comment on column pipeline.automation_runs.due_at is 'The time of its schedule that set it going.';
comment on column pipeline.automation_runs.subject_type is 'Table of the row that it is about.';
comment on column pipeline.automation_runs.subject_id is 'The row that it is about, when it is one.';
comment on column pipeline.automation_runs.depth is 'How many automations stand behind what set it going; what it causes has one more.';
comment on column pipeline.automation_runs.correlation_id is 'Ties it to everything else that had the same cause.';
comment on column pipeline.automation_runs.decided_by is 'The condition that decided whether it fires, with what was found there, a JSON object.';
comment on column pipeline.automation_runs.is_counted is E'@behavior -*\nWhether it counts for the rate: of the rows of one event, the first does.';
comment on column pipeline.automation_runs.results is 'What each action did, in order: [{"verb": …, "arguments": {…}, "id": …}].';
comment on column pipeline.automation_runs.pipeline_run_id is 'The run of the blueprint that it started.';
comment on column pipeline.automation_runs.error_code is 'Code of the error that ended it.';
comment on column pipeline.automation_runs.attempt_count is 'How often it was tried.';
-- One firing for each automation and cause, however often a worker dies in between.
create unique index if not exists automation_runs_event_id_key on pipeline.automation_runs (tenant_id, automation_id, event_id, subject_id) nulls not distinct where event_id is not null;
create unique index if not exists automation_runs_due_at_key on pipeline.automation_runs (tenant_id, automation_id, due_at) where due_at is not null;
create unique index if not exists automation_runs_webhook_event_id_key on pipeline.automation_runs (tenant_id, automation_id, webhook_event_id)
  where webhook_event_id is not null and status in ('queued', 'running', 'succeeded');
create index if not exists automation_runs_automation_id_idx on pipeline.automation_runs (tenant_id, automation_id, created_at);
-- How often it fired of late is asked at each firing.
create index if not exists automation_runs_fired_idx on pipeline.automation_runs (tenant_id, automation_id, created_at) where is_counted;
create index if not exists automation_runs_status_idx on pipeline.automation_runs (tenant_id, status, id);
create index if not exists automation_runs_correlation_id_idx on pipeline.automation_runs (tenant_id, correlation_id);
select ddl.foreign_key('pipeline.automation_runs', 'automation_id', 'pipeline.automations', 'cascade', p_index => false);
select ddl.foreign_key('pipeline.automation_runs', 'pipeline_run_id', 'pipeline.pipeline_runs', 'set null');
comment on constraint automation_runs_automation_id_fkey on pipeline.automation_runs is E'@foreignFieldName firings';
select ddl.tenant_table('pipeline.automation_runs', p_select_role => 'rowhouse_manager');
select ddl.state_machine('pipeline.automation_runs', 'status',
  '{"queued": ["running", "succeeded", "failed"], "running": ["queued", "succeeded", "failed"], "failed": ["queued"], "refused": ["queued"], "succeeded": [], "skipped": []}');
select ddl.enqueue('pipeline.automation_runs', 'run_automation', 'insert', $$r.status = 'queued'$$);
select ddl.enqueue('pipeline.automation_runs', 'run_automation', 'update', $$r.status = 'queued' and o.status in ('failed', 'refused')$$);
--! EndIncluded pipeline/automation_runs.sql
--! Included pipeline/act_as_automation.sql
create or replace function pipeline.lower_role(p_one text, p_other text) returns text
language sql immutable set search_path to pg_catalog
return (select r from unnest(array['viewer', 'member', 'manager', 'admin']) with ordinality x (r, n)
  where r in (case p_one when 'owner' then 'admin' else p_one end, p_other) and p_one is not null and p_other is not null order by n limit 1);
comment on function pipeline.lower_role(text, text) is E'@behavior -*\nThe lower of two roles; null when one is missing.';

create or replace function pipeline.lent_role(p_automation pipeline.automations) returns text
language plpgsql stable security definer set search_path to pg_catalog as $$
declare
  v_actor iam.actors;
  v_role text := p_automation.role;
begin
  perform app.require_scope('pipeline:read');
  select * into v_actor from iam.actors a where a.tenant_id = p_automation.tenant_id and a.id = p_automation.authorized_by;
  if v_actor.kind = 'user' then
    select pipeline.lower_role(m.role, v_role) into v_role from iam.memberships m
    where m.tenant_id = v_actor.tenant_id and m.id = v_actor.membership_id and m.deleted_at is null;
  elsif v_actor.kind = 'api_key' then
    select pipeline.lower_role(k.role, v_role) into v_role from iam.api_keys k
    where k.tenant_id = v_actor.tenant_id and k.actor_id = v_actor.id and k.revoked_at is null and coalesce(k.expires_at > now(), true);
  end if;
  return v_role;
end
$$;
comment on function pipeline.lent_role(pipeline.automations) is
  E'@behavior -*\nThe role in which an automation acts: its own, or the one that whoever wrote it has now where that is less; null when they are gone.';

-- Not security definer: there, PostgreSQL lets nobody change the role.
create or replace function pipeline.act_as_automation(p_actor_id uuid, p_role text, p_scopes text[]) returns void
language plpgsql volatile set search_path to pg_catalog as $$
begin
  perform set_config('jwt.claims.sub', '', true), set_config('jwt.claims.actor_id', p_actor_id::text, true),
    set_config('jwt.claims.role', p_role, true), set_config('jwt.claims.scopes', array_to_string(p_scopes, ' '), true);
  -- A constant for each role, so that nothing that is stored becomes the name of one.
  perform set_config('role', case p_role when 'viewer' then 'rowhouse_viewer' when 'member' then 'rowhouse_member' when 'manager' then 'rowhouse_manager'
    else 'rowhouse_admin' end || case when cardinality(p_scopes) > 0 then '_scoped' else '' end, true);
end
$$;
comment on function pipeline.act_as_automation(uuid, text, text[]) is
  E'@behavior -*\nGoes on as an automation: its actor, and really the database role with its grants and policies. Between claims() and restore_claims().';

create or replace function pipeline.claims() returns text[]
language sql stable set search_path to pg_catalog
return (select array_agg(coalesce(current_setting(s, true), '') order by n) from unnest(array['role', 'jwt.claims.sub', 'jwt.claims.actor_id', 'jwt.claims.role',
  'jwt.claims.scopes', 'rowhouse.depth', 'rowhouse.correlation_id']) with ordinality c (s, n));
comment on function pipeline.claims() is E'@behavior -*\nOn whose behalf this transaction runs at the moment, to return to.';

create or replace function pipeline.restore_claims(p_claims text[]) returns void
language plpgsql volatile set search_path to pg_catalog as $$
begin
  -- Within a security definer function the role was not changed, and even setting it to what it is would be refused.
  if current_setting('role') <> p_claims[1] then
    perform set_config('role', p_claims[1], true);
  end if;
  perform set_config('jwt.claims.sub', p_claims[2], true), set_config('jwt.claims.actor_id', p_claims[3], true),
    set_config('jwt.claims.role', p_claims[4], true), set_config('jwt.claims.scopes', p_claims[5], true),
    set_config('rowhouse.depth', p_claims[6], true), set_config('rowhouse.correlation_id', p_claims[7], true);
end
$$;
comment on function pipeline.restore_claims(text[]) is E'@behavior -*\nGoes on as the one that claims() described.';

create or replace function pipeline.note_cause(p_depth integer, p_correlation_id uuid) returns void
language sql volatile set search_path to pg_catalog
begin atomic
  select set_config('rowhouse.depth', p_depth::text, true), set_config('rowhouse.correlation_id', coalesce(p_correlation_id::text, ''), true);
end;
comment on function pipeline.note_cause(integer, uuid) is E'@behavior -*\nWhat is written from here on has this many automations behind it, and this correlation.';
grant execute on function pipeline.lower_role(text, text), pipeline.lent_role(pipeline.automations), pipeline.act_as_automation(uuid, text, text[]), pipeline.claims(), pipeline.note_cause(integer, uuid)
  to rowhouse_manager, rowhouse_system;
grant execute on function pipeline.restore_claims(text[]) to rowhouse_viewer, rowhouse_system;
--! EndIncluded pipeline/act_as_automation.sql
--! Included pipeline/automation_facts.sql
create or replace function pipeline.event_facts(p_event jsonb) returns jsonb
language sql stable set search_path to pg_catalog
return (
  select jsonb_build_object('id', app.type_id('evt', (p_event ->> 'id')::uuid), 'type', p_event -> 'type', 'subjectType', p_event -> 'subject_type',
    'subjectId', coalesce(app.type_id(s.prefix, (p_event ->> 'subject_id')::uuid), p_event ->> 'subject_id'),
    'keys', (select coalesce(jsonb_agg(coalesce(app.type_id(s.prefix, k::uuid), k) order by n), '[]')
      from jsonb_array_elements_text(coalesce(nullif(p_event -> 'keys', 'null'), '[]')) with ordinality e (k, n)),
    'changedFields', (select coalesce(jsonb_agg(pipeline.field_name(f)), '[]') from jsonb_array_elements_text(coalesce(nullif(p_event -> 'changed_fields', 'null'), '[]')) f),
    'rowCount', p_event -> 'row_count', 'counts', p_event -> 'counts', 'payload', p_event -> 'payload', 'depth', coalesce(p_event -> 'depth', '0'),
    'actorId', app.type_id('actor', (p_event ->> 'actor_id')::uuid), 'actorKind', (select upper(a.kind) from iam.actors a
      where a.tenant_id = app.tenant_id() and a.id = (p_event ->> 'actor_id')::uuid),
    'correlationId', p_event -> 'correlation_id', 'createdAt', p_event -> 'created_at')
  from (select substring(obj_description(pipeline.table_of(p_event ->> 'subject_type'), 'pg_class') from '@typeid ([a-z_]+)') as prefix) s);
comment on function pipeline.event_facts(jsonb) is E'@behavior -*\nAn event of the feed as conditions and actions see it.';

create or replace function pipeline.webhook_facts(p_webhook_event_id uuid) returns jsonb
language sql stable set search_path to pg_catalog
return (
  select jsonb_build_object('id', app.type_id('wh', e.id), 'type', e.event_type, 'sourceId', app.type_id('whs', e.webhook_source_id), 'receivedAt', e.received_at,
    'payload', e.payload, 'headers', e.headers)
  from pipeline.webhook_events e where e.tenant_id = app.tenant_id() and e.id = p_webhook_event_id);
comment on function pipeline.webhook_facts(uuid) is E'@behavior -*\nA webhook that came in as conditions and actions see it.';

create or replace function pipeline.schedule_facts(p_due_at timestamptz, p_was_missed boolean) returns jsonb
language sql immutable set search_path to pg_catalog
return jsonb_build_object('dueAt', to_char(p_due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'wasMissed', p_was_missed);
comment on function pipeline.schedule_facts(timestamptz, boolean) is E'@behavior -*\nA time of a schedule as conditions and actions see it.';

create or replace function pipeline.subject_fields(p_rules jsonb) returns text[]
language sql immutable set search_path to pg_catalog
return (
  select case when bool_or(n #>> '{}' = 'subject') then null else coalesce(array_agg(distinct split_part(n #>> '{}', '.', 2)) filter (where n #>> '{}' ^@ 'subject.'), '{}') end
  from (select jsonb_path_query(p_rules, 'lax $.**.field') as n union all select jsonb_path_query(p_rules, 'lax $.**.ref')) named);
comment on function pipeline.subject_fields(jsonb) is E'@behavior -*\nWhich fields of the subject conditions or actions name: nothing else is read. Null when they name the whole of it.';

-- Read as the automation, at the moment of the firing or of the run: what its role may not see, it does not know.
create or replace function pipeline.subject_facts(p_automation pipeline.automations, p_role text, p_scopes text[], p_subject_type text, p_ids uuid[], p_fields text[] default null)
returns table (id uuid, facts jsonb)
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_table regclass := pipeline.table_of(p_subject_type);
  v_claims text[] := pipeline.claims();
begin
  if v_table is null or coalesce(cardinality(p_ids), 0) = 0 or p_fields = '{}' then
    return;
  end if;
  perform pipeline.act_as_automation(p_automation.actor_id, p_role, p_scopes);
  return query select f.id, f.facts from pipeline.row_facts(v_table, p_ids, p_fields) f;
  perform pipeline.restore_claims(v_claims);
exception when insufficient_privilege or sqlstate 'RH005' then
  -- A role that may not read the table, or lacks its scope, sees no row.
  return;
end
$$;
comment on function pipeline.subject_facts(pipeline.automations, text, text[], text, uuid[], text[]) is E'@behavior -*\nThe rows that an event is about, as the automation may see them.';
grant execute on function pipeline.event_facts(jsonb), pipeline.subject_fields(jsonb), pipeline.webhook_facts(uuid), pipeline.schedule_facts(timestamptz, boolean),
  pipeline.subject_facts(pipeline.automations, text, text[], text, uuid[], text[]) to rowhouse_manager, rowhouse_system;
--! EndIncluded pipeline/automation_facts.sql
--! Included pipeline/trigger_fits.sql
create or replace function pipeline.trigger_fits(p_automation pipeline.automations, p_facts jsonb) returns boolean
language plpgsql immutable set search_path to pg_catalog as $$
begin
  return coalesce(case p_automation.trigger_type
    when 'schedule' then p_facts ? 'schedule'
    when 'webhook' then p_facts ? 'webhook' and coalesce(app.uuid_of_type_id(p_facts #>> '{webhook,sourceId}') = p_automation.webhook_source_id, true)
      and (not p_automation.trigger_config ? 'event' or events.matches_types(p_facts #>> '{webhook,type}', array[p_automation.trigger_config ->> 'event']))
    else events.matches_types(p_facts #>> '{event,type}', array[pipeline.trigger_event(p_automation.trigger_type, p_automation.trigger_config)]) end, false);
end
$$;
comment on function pipeline.trigger_fits(pipeline.automations, jsonb) is E'@behavior -*\nWhether these facts are of the kind that an automation waits for.';

grant execute on function pipeline.trigger_fits(pipeline.automations, jsonb) to rowhouse_manager, rowhouse_system;
--! EndIncluded pipeline/trigger_fits.sql
--! Included pipeline/fire_automation.sql
create or replace function pipeline.switch_off_automation(p_automation_id uuid, p_reason text) returns void
language plpgsql volatile security definer set search_path to pg_catalog as $$
begin
  update pipeline.automations a set is_enabled = false, disabled_reason = p_reason, disabled_at = now()
  where a.tenant_id = app.tenant_id() and a.id = p_automation_id and a.is_enabled;
  if found then
    perform private.write_event(app.tenant_id(), 'automation.disabled', 'automations', array[p_automation_id], 1, jsonb_build_object('reason', p_reason));
  end if;
end
$$;
comment on function pipeline.switch_off_automation(uuid, text) is E'@behavior -*\nSwitches an automation off and says why, in its row and as the event automation.disabled.';

create or replace function pipeline.fire_automation(p_automation pipeline.automations, p_cause pipeline.automation_runs, p_facts jsonb, p_fate text default null) returns text
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_claims text[] := pipeline.claims();
  v_trace jsonb := pipeline.conditions_hold(p_automation.conditions, p_facts);
  v_status text := 'queued';
  v_reason text;
  v_refused integer;
  v_count integer;
begin
  -- One firing after the other, so that they can be counted.
  perform from pipeline.automations a where a.tenant_id = p_automation.tenant_id and a.id = p_automation.id for no key update;
  if p_automation.trigger_type = 'message_received' and p_facts #>> '{subject,direction}' is distinct from 'INBOUND' then
    v_status := 'skipped';
    v_reason := 'The message went out.';
  elsif not (v_trace ->> 'holds')::boolean then
    v_status := 'skipped';
    v_reason := format('The condition %s does not hold.', pipeline.deciding_condition(v_trace) ->> 'path');
  elsif pipeline.lent_role(p_automation) is null then
    v_status := 'refused';
    v_reason := 'Whoever wrote this automation last is not here any more, or their key ended: nobody lends it a role. Save it again.';
  elsif p_cause.depth >= p_automation.depth_limit then
    v_status := 'refused';
    v_reason := format('%s automations stand behind this event, and %s is the limit. Automations that set each other going would never end: change their conditions.',
      p_cause.depth, p_automation.depth_limit);
  elsif p_fate is not null then
    -- The rows of one event have one fate, and count once.
    v_status := p_fate;
    v_reason := case when p_fate = 'refused' then 'It fired too often within a minute, as for the row before.' end;
  else
    -- No more is counted than the limit.
    select count(*) into v_count from (
      select from pipeline.automation_runs r
      where r.tenant_id = p_automation.tenant_id and r.automation_id = p_automation.id and r.created_at > now() - interval '1 minute'
        and r.created_at >= p_automation.armed_at and r.is_counted and r.status <> 'refused' limit p_automation.rate_limit) fired;
    if v_count >= p_automation.rate_limit then
      v_status := 'refused';
      v_reason := format('It fired %s times within a minute, and %s is the limit. Retry it, raise rateLimit, or let conditions choose.', v_count, p_automation.rate_limit);
      select count(*) into v_refused from pipeline.automation_runs r
      where r.tenant_id = p_automation.tenant_id and r.automation_id = p_automation.id and r.created_at > now() - interval '10 minutes'
        and r.created_at >= p_automation.armed_at and r.is_counted and r.status = 'refused';
    end if;
  end if;
  -- What is written about the firing is the automation's own doing, one step further from the cause.
  perform set_config('jwt.claims.actor_id', p_automation.actor_id::text, true), pipeline.note_cause(p_cause.depth + 1, p_cause.correlation_id);
  insert into pipeline.automation_runs (tenant_id, automation_id, status, reason, event_id, webhook_event_id, due_at, subject_type, subject_id, depth, correlation_id,
    decided_by, is_counted, error_code, finished_at)
  values (p_automation.tenant_id, p_automation.id, v_status, v_reason, p_cause.event_id, p_cause.webhook_event_id, p_cause.due_at, p_cause.subject_type, p_cause.subject_id,
    p_cause.depth, coalesce(p_cause.correlation_id, uuidv7()), pipeline.deciding_condition(v_trace), v_count is not null, case when v_refused is not null then 'LIMIT_EXCEEDED' end,
    case when v_status <> 'queued' then now() end)
  on conflict do nothing;
  get diagnostics v_count = row_count;
  if v_count = 1 and v_status = 'queued' then
    update pipeline.automations a set trigger_count = a.trigger_count + 1, last_triggered_at = now() where a.tenant_id = p_automation.tenant_id and a.id = p_automation.id;
  elsif v_count = 1 and v_refused + 1 > 5 * p_automation.rate_limit then
    perform pipeline.switch_off_automation(p_automation.id, 'rate_limited');
  end if;
  perform pipeline.restore_claims(v_claims);
  return case when v_count = 1 then v_status end;
end
$$;
comment on function pipeline.fire_automation(pipeline.automations, pipeline.automation_runs, jsonb, text) is
  E'@behavior -*\nDecides one firing and writes it down: queued, skipped by its conditions, or refused by a limit. At most once for each cause. Returns which of these, or null for one that was decided before.';
grant execute on function pipeline.switch_off_automation(uuid, text), pipeline.fire_automation(pipeline.automations, pipeline.automation_runs, jsonb, text) to rowhouse_system;
--! EndIncluded pipeline/fire_automation.sql
--! Included pipeline/fire_automations_for_events.sql
create or replace function pipeline.fire_automations_for_events(p_event_ids uuid[]) returns integer
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_event jsonb;
  v_facts jsonb;
  v_automation pipeline.automations;
  v_role text;
  v_ids uuid[];
  v_cause pipeline.automation_runs;
  v_row record;
  v_status text;
  v_fate text;
  v_count integer := 0;
begin
  for v_event in
    select to_jsonb(e) from events.events e join unnest(p_event_ids) with ordinality i (id, n) on e.id = i.id
    where e.tenant_id = app.tenant_id() and e.subject_type not in ('automation_runs', 'jobs') order by i.n
  loop
    v_facts := null;
    for v_automation in
      select a.* from pipeline.automations a
      where a.tenant_id = app.tenant_id() and a.is_enabled and a.deleted_at is null and a.trigger_type in ('event', 'lead_created', 'message_received')
        and events.matches_types(v_event ->> 'type', array[pipeline.trigger_event(a.trigger_type, a.trigger_config)])
        and a.armed_at <= (v_event ->> 'created_at')::timestamptz
        and (a.can_trigger_itself or a.actor_id is distinct from (v_event ->> 'actor_id')::uuid)
      order by a.id
    loop
      v_facts := coalesce(v_facts, jsonb_build_object('event', pipeline.event_facts(v_event)));
      select coalesce(array_agg(k::uuid order by n), '{}') into v_ids from jsonb_array_elements_text(v_event -> 'keys') with ordinality e (k, n);
      v_ids := case when v_event ->> 'subject_id' is not null then array[(v_event ->> 'subject_id')::uuid]
        when cardinality(v_ids) = 1 or v_automation.fires_per_row then v_ids else '{}' end;
      v_role := pipeline.lent_role(v_automation);
      v_cause := jsonb_populate_record(null::pipeline.automation_runs, jsonb_build_object('event_id', v_event -> 'id', 'depth', coalesce(v_event -> 'depth', '0'),
        'correlation_id', coalesce(nullif(v_event -> 'correlation_id', 'null'), v_event -> 'id'), 'subject_type', v_event -> 'subject_type'));
      v_fate := null;
      begin
        for v_row in
          select i.id, s.facts from unnest(case when v_ids = '{}' then array[null::uuid] else v_ids end) with ordinality i (id, n)
          left join pipeline.subject_facts(v_automation, v_role, v_automation.scopes, v_event ->> 'subject_type', case when v_role is null then '{}' else v_ids end,
            pipeline.subject_fields(v_automation.conditions) || case when v_automation.trigger_type = 'message_received' then array['direction'] else '{}' end) s on s.id = i.id
          order by i.n
        loop
          v_cause.subject_id := v_row.id;
          v_status := pipeline.fire_automation(v_automation, v_cause, v_facts || jsonb_build_object('subject', v_row.facts), v_fate);
          v_fate := coalesce(v_fate, nullif(v_status, 'skipped'));
          v_count := v_count + coalesce(v_status = 'queued', false)::integer;
        end loop;
      exception
        when transaction_rollback or lock_not_available or insufficient_resources or operator_intervention then
          raise;
        when others then
          -- An automation that cannot be decided does not keep the others from their events.
          raise log 'automation % could not be fired: % (%)', v_automation.id, sqlerrm, sqlstate;
          insert into pipeline.automation_runs (tenant_id, automation_id, status, event_id, subject_type, depth, error_code, error_message, finished_at)
          values (v_automation.tenant_id, v_automation.id, 'failed', v_cause.event_id, v_cause.subject_type, v_cause.depth, 'INTERNAL',
            'Something went wrong inside Rowhouse, not in your data.', now()) on conflict do nothing;
      end;
    end loop;
  end loop;
  return v_count;
end
$$;
comment on function pipeline.fire_automations_for_events(uuid[]) is
  E'@behavior -*\nFires the automations that wait for these events of the feed, in their order. May be called again with the same ones: each fires once. Returns how many were queued.';
grant execute on function pipeline.fire_automations_for_events(uuid[]) to rowhouse_system;
--! EndIncluded pipeline/fire_automations_for_events.sql
--! Included pipeline/fire_automations_for_webhook.sql
create or replace function pipeline.fire_automations_for_webhook(p_webhook_event_id uuid) returns integer
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_event pipeline.webhook_events;
  v_facts jsonb;
  v_automation pipeline.automations;
  v_cause pipeline.automation_runs;
  v_count integer := 0;
begin
  select * into v_event from pipeline.webhook_events e
  where e.tenant_id = app.tenant_id() and e.id = p_webhook_event_id and e.verdict in ('valid', 'unsigned');
  if not found then
    return 0;
  end if;
  v_facts := jsonb_build_object('webhook', pipeline.webhook_facts(v_event.id));
  v_cause := jsonb_populate_record(null::pipeline.automation_runs, jsonb_build_object('webhook_event_id', v_event.id, 'depth', 0, 'correlation_id', v_event.correlation_id));
  for v_automation in
    select a.* from pipeline.automations a
    where a.tenant_id = v_event.tenant_id and a.trigger_type = 'webhook' and a.is_enabled and a.deleted_at is null
      and pipeline.trigger_fits(a, v_facts)
    order by a.id
  loop
    v_count := v_count + coalesce(pipeline.fire_automation(v_automation, v_cause, v_facts) = 'queued', false)::integer;
  end loop;
  return v_count;
end
$$;
comment on function pipeline.fire_automations_for_webhook(uuid) is
  E'@behavior -*\nFires the automations that wait for webhooks of this source. Once more for the same one, those fire again whose earlier run did not succeed. Returns how many were queued.';
grant execute on function pipeline.fire_automations_for_webhook(uuid) to rowhouse_system;
--! EndIncluded pipeline/fire_automations_for_webhook.sql
--! Included pipeline/fire_due_automation.sql
-- The worker reads the schedule; here the time is taken, once, by whoever holds the row.
create or replace function pipeline.fire_due_automation(p_automation_id uuid, p_due_at timestamptz, p_next_run_at timestamptz, p_was_missed boolean) returns boolean
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_automation pipeline.automations;
  v_cause pipeline.automation_runs;
  v_is_queued boolean := false;
begin
  select * into v_automation from pipeline.automations a where a.tenant_id = app.tenant_id() and a.id = p_automation_id;
  v_cause := jsonb_populate_record(null::pipeline.automation_runs, jsonb_build_object('due_at', p_due_at, 'depth', 0, 'correlation_id', uuidv7()));
  update pipeline.automations a set next_run_at = p_next_run_at where a.tenant_id = v_automation.tenant_id and a.id = v_automation.id;
  if p_due_at is not null and p_was_missed and v_automation.missed_times = 'skip' then
    insert into pipeline.automation_runs (tenant_id, automation_id, status, reason, due_at, finished_at)
    values (v_automation.tenant_id, v_automation.id, 'skipped', 'No worker ran at this time, and missed times are skipped.', p_due_at, now()) on conflict do nothing;
  elsif p_due_at is not null then
    v_is_queued := pipeline.fire_automation(v_automation, v_cause, jsonb_build_object('schedule', pipeline.schedule_facts(p_due_at, p_was_missed))) is not distinct from 'queued';
  end if;
  if p_next_run_at is null then
    perform pipeline.switch_off_automation(v_automation.id, 'never_due');
  end if;
  return v_is_queued;
end
$$;
comment on function pipeline.fire_due_automation(uuid, timestamptz, timestamptz, boolean) is
  E'@behavior -*\nFires a scheduled automation for a time that has come, if any, and notes the next one; without a next one it is switched off. Returns whether it is queued.';
grant execute on function pipeline.fire_due_automation(uuid, timestamptz, timestamptz, boolean) to rowhouse_system;
--! EndIncluded pipeline/fire_due_automation.sql
--! Included pipeline/perform_actions.sql
create or replace function pipeline.blueprint_input(p_facts jsonb) returns jsonb
language sql immutable set search_path to pg_catalog
return case
  when jsonb_typeof(p_facts -> 'subject') = 'object' then jsonb_build_array(p_facts -> 'subject')
  when p_facts ? 'webhook' then case jsonb_typeof(p_facts #> '{webhook,payload}') when 'array' then p_facts #> '{webhook,payload}'
    else jsonb_build_array(coalesce(nullif(p_facts #> '{webhook,payload}', 'null'), '{}')) end
  when p_facts ? 'schedule' then jsonb_build_array(p_facts -> 'schedule')
  else coalesce((select jsonb_agg(jsonb_build_object('id', k)) from jsonb_array_elements(p_facts #> '{event,keys}') k), '[]') end;
comment on function pipeline.blueprint_input(jsonb) is
  E'@behavior -*\nThe records that an automation hands to its blueprint: the subject, what a webhook brought, the time that was due, or the ids of the rows.';

create or replace function pipeline.action_error(p_state text, p_message text) returns jsonb
language sql immutable set search_path to pg_catalog
return case
  when p_state ~ '^RH00[1-8]$' then jsonb_build_object('code', (array['TENANT_REQUIRED', 'NOT_FOUND', 'CONFLICT', 'VALIDATION_FAILED', 'FORBIDDEN', 'INVALID_STATE',
    'LIMIT_EXCEEDED', 'UNAUTHENTICATED'])[right(p_state, 1)::integer], 'message', p_message)
  when p_state = '42501' then jsonb_build_object('code', 'FORBIDDEN', 'message', 'The role of the automation may not do this. Give it a role that may.')
  when p_state = '23505' then jsonb_build_object('code', 'CONFLICT', 'message', 'There is such a row already.')
  when p_state = '23503' then jsonb_build_object('code', 'NOT_FOUND', 'message', 'An argument names a row that is not there.')
  when p_state ~ '^2[23]' then jsonb_build_object('code', 'VALIDATION_FAILED', 'message', 'An argument is missing or is not accepted there.')
  else jsonb_build_object('code', 'INTERNAL', 'message', 'Something went wrong inside Rowhouse, not in your data.') end;
comment on function pipeline.action_error(text, text) is E'@behavior -*\nAn error of an action in words for the tenant: our own word for word, any other without a detail of the inside.';

-- All or nothing: an error undoes what the actions before it did, together with their jobs and events. So does the end of a dry run.
create or replace function pipeline.perform_actions(p_automation pipeline.automations, p_run pipeline.automation_runs, p_facts jsonb, p_role text, p_scopes text[], p_is_dry boolean,
  out results jsonb, out error jsonb, out pipeline_run_id uuid)
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_claims text[] := pipeline.claims();
  v_path text;
  v_result jsonb;
  v_statement text;
  v_id uuid;
  v_state text;
  v_message text;
  v_input jsonb := pipeline.blueprint_input(p_facts);
begin
  results := '[]';
  begin
    for i in 0..jsonb_array_length(p_automation.actions) - 1 loop
      v_path := format('actions[%s].arguments', i);
      v_result := jsonb_build_object('verb', p_automation.actions -> i -> 'verb', 'arguments', pipeline.resolve_arguments(p_automation.actions -> i -> 'arguments', p_facts));
      v_statement := pipeline.verb_statement(v_result ->> 'verb', v_result -> 'arguments', v_path);
      perform pipeline.note_cause(p_run.depth + 1, p_run.correlation_id), pipeline.act_as_automation(p_automation.actor_id, p_role, p_scopes);
      v_id := null;
      execute v_statement into v_id;
      if v_id is null then
        perform app.raise('NOT_FOUND', format('%s.id: there is nothing of this id that may be changed.', v_path), v_path || '.id');
      end if;
      perform pipeline.restore_claims(v_claims);
      results := results || jsonb_set(v_result, '{id}', to_jsonb(v_id));
      v_result := null;
    end loop;
    if p_automation.blueprint_id is not null then
      v_result := jsonb_build_object('verb', 'startPipelineRun', 'arguments', jsonb_build_object('blueprintId', app.type_id('bp', p_automation.blueprint_id), 'input', v_input));
      if p_role = 'viewer' or (cardinality(p_scopes) > 0 and not app.scopes_cover(p_scopes, '{pipeline:write}')) then
        perform app.raise('FORBIDDEN', format('An automation that acts as %s, with scopes {%s}, may not run a blueprint.', p_role, array_to_string(p_scopes, ', ')));
      end if;
      perform pipeline.note_cause(p_run.depth + 1, p_run.correlation_id);
      if p_is_dry then
        perform pipeline.act_as_automation(p_automation.actor_id, p_role, p_scopes);
        select r.id into pipeline_run_id from pipeline.start_pipeline_run(p_automation.blueprint_id, v_input) r;
      else
        perform set_config('jwt.claims.actor_id', p_automation.actor_id::text, true);
        select r.id into pipeline_run_id from pipeline.create_pipeline_run(p_automation.blueprint_id, v_input,
          case when p_run.due_at is not null then 'scheduled' when p_run.webhook_event_id is not null then 'webhook' else 'automation' end,
          p_automation.id, p_run.webhook_event_id, p_run.correlation_id, jsonb_build_object('automationRunId', app.type_id('arun', p_run.id), 'depth', p_run.depth + 1)) r;
      end if;
      perform pipeline.restore_claims(v_claims);
      results := results || jsonb_set(v_result, '{id}', to_jsonb(pipeline_run_id));
      v_result := null;
    end if;
    if p_is_dry then
      raise exception using errcode = 'RH099';
    end if;
  exception
    when sqlstate 'RH099' then
      pipeline_run_id := null;
    when transaction_rollback or lock_not_available or insufficient_resources or operator_intervention then
      raise;
    when others then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
      pipeline_run_id := null;
      error := pipeline.action_error(v_state, v_message);
      if error ->> 'code' = 'INTERNAL' then
        raise log 'automation % failed: % (%)', p_automation.id, v_message, v_state;
      end if;
      results := results || coalesce(v_result || jsonb_build_object('error', error), '[]');
  end;
end
$$;
comment on function pipeline.perform_actions(pipeline.automations, pipeline.automation_runs, jsonb, text, text[], boolean) is
  E'@behavior -*\nDoes what an automation does, in its role: what each action did, the error that undid all of it, and the run of the blueprint. A dry run undoes all of it in any case.';
grant execute on function pipeline.blueprint_input(jsonb), pipeline.action_error(text, text),
  pipeline.perform_actions(pipeline.automations, pipeline.automation_runs, jsonb, text, text[], boolean) to rowhouse_manager, rowhouse_system;
--! EndIncluded pipeline/perform_actions.sql
--! Included pipeline/run_automation.sql
create or replace function pipeline.facts_of_run(p_automation pipeline.automations, p_run pipeline.automation_runs, p_role text, p_scopes text[], p_fields text[] default null) returns jsonb
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_event jsonb;
  v_subject jsonb;
begin
  if p_run.due_at is not null then
    return jsonb_build_object('schedule', pipeline.schedule_facts(p_run.due_at, p_run.created_at > p_run.due_at + interval '5 minutes'));
  elsif p_run.webhook_event_id is not null then
    return (select jsonb_build_object('webhook', f) from pipeline.webhook_facts(p_run.webhook_event_id) f where f is not null);
  end if;
  select to_jsonb(e) into v_event from events.events e where e.tenant_id = app.tenant_id() and e.id = p_run.event_id;
  if not found then
    return null;
  end if;
  select s.facts into v_subject from pipeline.subject_facts(p_automation, p_role, p_scopes, p_run.subject_type, array_remove(array[p_run.subject_id], null), p_fields) s;
  return jsonb_build_object('event', pipeline.event_facts(v_event), 'subject', v_subject);
end
$$;
comment on function pipeline.facts_of_run(pipeline.automations, pipeline.automation_runs, text, text[], text[]) is
  E'@behavior -*\nWhat set a firing going, and the row it is about as it is now; null when the event is gone.';

create or replace function pipeline.end_automation_run(p_run_id uuid, p_code text, p_message text) returns void
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_automation_id uuid;
  v_automation pipeline.automations;
begin
  update pipeline.automation_runs r
  set status = case when p_code is null then 'succeeded' else 'failed' end, error_code = p_code, error_message = left(p_message, 2000), finished_at = now()
  where r.tenant_id = app.tenant_id() and r.id = p_run_id and r.status in ('queued', 'running') returning r.automation_id into v_automation_id;
  update pipeline.automations a set failure_count = case when p_code is null then 0 else a.failure_count + 1 end
  where a.tenant_id = app.tenant_id() and a.id = v_automation_id and (p_code is not null or a.failure_count > 0) returning * into v_automation;
  if v_automation.failure_count >= v_automation.failure_limit then
    perform pipeline.switch_off_automation(v_automation.id, 'failing');
  end if;
end
$$;
comment on function pipeline.end_automation_run(uuid, text, text) is
  E'@behavior -*\nWrites how a firing ended. After as many failures in a row as its limit, the automation is switched off.';

create or replace function pipeline.run_automation(p_run_id uuid) returns void
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_run pipeline.automation_runs;
  v_automation pipeline.automations;
  v_role text;
  v_facts jsonb;
  v_outcome record;
  v_claims text[] := pipeline.claims();
begin
  select * into v_run from pipeline.automation_runs r where r.tenant_id = app.tenant_id() and r.id = p_run_id and r.status in ('queued', 'running') for update;
  if not found then
    return;
  end if;
  select * into v_automation from pipeline.automations a where a.tenant_id = v_run.tenant_id and a.id = v_run.automation_id;
  v_role := pipeline.lent_role(v_automation);
  v_facts := pipeline.facts_of_run(v_automation, v_run, v_role, v_automation.scopes,
    case when v_automation.blueprint_id is null then pipeline.subject_fields(v_automation.actions) end);
  -- The log of it is the automation's own doing, as what it does is.
  perform set_config('jwt.claims.actor_id', v_automation.actor_id::text, true), pipeline.note_cause(v_run.depth + 1, v_run.correlation_id);
  if v_automation.deleted_at is not null or not v_automation.is_enabled then
    perform pipeline.end_automation_run(v_run.id, 'INVALID_STATE', 'The automation was switched off or deleted before it came to this.');
  elsif v_role is null then
    perform pipeline.end_automation_run(v_run.id, 'FORBIDDEN', 'Whoever wrote this automation last is not here any more, or their key ended: nobody lends it a role. Save it again.');
  elsif v_facts is null then
    perform pipeline.end_automation_run(v_run.id, 'NOT_FOUND', 'What set it going is not kept any more.');
  else
    v_outcome := pipeline.perform_actions(v_automation, v_run, v_facts, v_role, v_automation.scopes, false);
    update pipeline.automation_runs r set results = v_outcome.results, pipeline_run_id = v_outcome.pipeline_run_id where r.tenant_id = v_run.tenant_id and r.id = v_run.id;
    perform pipeline.end_automation_run(v_run.id, v_outcome.error ->> 'code', v_outcome.error ->> 'message');
  end if;
  perform pipeline.restore_claims(v_claims);
end
$$;
comment on function pipeline.run_automation(uuid) is
  E'@behavior -*\nDoes what a firing is to do and writes down what came of it, in one transaction: all of it, or nothing but the error.';
grant execute on function pipeline.end_automation_run(uuid, text, text), pipeline.run_automation(uuid) to rowhouse_system;
grant execute on function pipeline.facts_of_run(pipeline.automations, pipeline.automation_runs, text, text[], text[]) to rowhouse_manager, rowhouse_system;
--! EndIncluded pipeline/run_automation.sql
--! Included pipeline/dry_run_automation.sql
create or replace function pipeline.dry_run_automation(automation_id uuid, event_id uuid default null, webhook_event_id uuid default null, sample jsonb default null) returns jsonb
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_automation pipeline.automations;
  v_role text := nullif(current_setting('jwt.claims.role', true), '');
  v_own_scopes text[] := string_to_array(coalesce(current_setting('jwt.claims.scopes', true), ''), ' ');
  v_scopes text[];
  v_event jsonb;
  v_run pipeline.automation_runs;
  v_facts jsonb;
  v_trace jsonb;
  v_outcome record;
begin
  perform app.require_scope('pipeline:write');
  select * into v_automation from pipeline.automations a where a.tenant_id = app.tenant_id() and a.id = dry_run_automation.automation_id and a.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no automation %s.', automation_id), 'automationId');
  end if;
  if num_nonnulls(event_id, webhook_event_id, sample) <> 1 then
    perform app.raise('VALIDATION_FAILED', 'Say what to try it on: one of eventId, webhookEventId and sample.', 'sample');
  end if;
  -- Whoever tries it out sees no more of it than they may themselves.
  v_role := pipeline.lower_role(v_role, pipeline.lent_role(v_automation));
  v_scopes := case when v_own_scopes = '{}' then v_automation.scopes when v_automation.scopes = '{}' then v_own_scopes
    else array(select s from unnest(v_own_scopes) s where app.scopes_cover(v_automation.scopes, array[s])) end;
  if v_role is null or (v_scopes = '{}' and v_own_scopes <> '{}') then
    perform app.raise('INVALID_STATE', 'Nobody lends this automation a role that you have, too: whoever wrote it last is gone, or their key ended. Save it again.', 'automationId');
  end if;
  v_run := jsonb_populate_record(null::pipeline.automation_runs, jsonb_build_object('id', uuidv7(), 'tenant_id', v_automation.tenant_id, 'depth', 0, 'correlation_id', uuidv7(),
    'created_at', now(), 'event_id', event_id, 'webhook_event_id', webhook_event_id));
  if event_id is not null then
    select to_jsonb(e) into v_event from events.events e where e.tenant_id = v_automation.tenant_id and e.id = dry_run_automation.event_id;
    if v_event is not null then
      v_run.depth := coalesce((v_event ->> 'depth')::smallint, 0);
      v_run.subject_type := v_event ->> 'subject_type';
      v_run.subject_id := coalesce((v_event ->> 'subject_id')::uuid, case when v_automation.fires_per_row or (v_event -> 'keys' -> 1) is null then (v_event -> 'keys' ->> 0)::uuid end);
    end if;
  end if;
  if sample is null then
    v_facts := pipeline.facts_of_run(v_automation, v_run, v_role, v_scopes);
  elsif jsonb_typeof(sample) = 'object' and sample - array['event', 'subject', 'webhook', 'schedule'] = '{}' and octet_length(sample::text) <= 262144 then
    v_facts := sample;
  else
    perform app.raise('VALIDATION_FAILED', 'sample is an object of at most 256 KB with what conditions and actions name, such as {"event": {"type": "contact.created"}, "subject": {"id": "contact_…"}}.', 'sample');
  end if;
  if v_facts is null then
    perform app.raise('NOT_FOUND', 'There is no such event.', case when event_id is null then 'webhookEventId' else 'eventId' end);
  end if;
  v_trace := pipeline.conditions_hold(v_automation.conditions, v_facts);
  v_outcome := pipeline.perform_actions(v_automation, v_run, v_facts, v_role, v_scopes, true);
  return jsonb_build_object('wouldFire', v_automation.is_enabled and (v_trace ->> 'holds')::boolean and v_run.depth < v_automation.depth_limit
      and pipeline.trigger_fits(v_automation, v_facts),
    'isEnabled', v_automation.is_enabled, 'triggerFits', pipeline.trigger_fits(v_automation, v_facts), 'conditionsHold', v_trace -> 'holds',
    'depthAllows', v_run.depth < v_automation.depth_limit, 'decidedBy', pipeline.deciding_condition(v_trace), 'trace', v_trace, 'role', v_role,
    'actions', v_outcome.results, 'error', v_outcome.error);
end
$$;
comment on function pipeline.dry_run_automation(uuid, uuid, uuid, jsonb) is
  E'@resultFieldName outcome\nTries an automation on an event of the feed, a webhook or a sample, and undoes all of it: whether it would fire, which condition decided, and what each action would do, with the error that it would meet. Nothing is kept, and nothing is sent.';
grant execute on function pipeline.dry_run_automation(uuid, uuid, uuid, jsonb) to rowhouse_manager;
--! EndIncluded pipeline/dry_run_automation.sql
--! Included pipeline/retry_automation_run.sql
create or replace function pipeline.retry_automation_run(automation_run_id uuid) returns pipeline.automation_runs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_run pipeline.automation_runs;
begin
  perform app.require_scope('pipeline:write');
  select * into v_run from pipeline.automation_runs r where r.tenant_id = app.tenant_id() and r.id = retry_automation_run.automation_run_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no run %s of an automation.', automation_run_id), 'automationRunId');
  end if;
  if v_run.status not in ('failed', 'refused') then
    perform app.raise('INVALID_STATE', format('Run %s is %s. Only one that failed or was refused can be retried.', automation_run_id, v_run.status), 'automationRunId');
  end if;
  if not exists (select from pipeline.automations a where a.tenant_id = v_run.tenant_id and a.id = v_run.automation_id and a.is_enabled and a.deleted_at is null) then
    perform app.raise('INVALID_STATE', 'Its automation is switched off or deleted. Switch it on first.', 'automationRunId');
  end if;
  update pipeline.automation_runs r
  set status = 'queued', reason = null, error_code = null, error_message = null, results = '[]', finished_at = null, started_at = null
  where r.tenant_id = v_run.tenant_id and r.id = v_run.id returning * into v_run;
  return v_run;
end
$$;
comment on function pipeline.retry_automation_run(uuid) is 'Does what a firing was to do that failed or was refused, after its cause was mended. A person asks for it, so no limit refuses it.';
grant execute on function pipeline.retry_automation_run(uuid) to rowhouse_manager;
--! EndIncluded pipeline/retry_automation_run.sql
--! Included pipeline/due_automations.sql
grant select on pipeline.automations to rowhouse_definer;
grant select, delete on pipeline.automation_runs to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.due_automations(p_now timestamptz, p_limit integer) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select a.tenant_id, a.id from pipeline.automations a
  where a.trigger_type = 'schedule' and a.is_enabled and a.deleted_at is null and (a.next_run_at is null or a.next_run_at <= p_now)
  order by a.next_run_at nulls first limit p_limit;
end;
comment on function private.due_automations(timestamptz, integer) is
  'Automations whose time has come, or whose next time is not known yet. Crosses tenants: one task looks at the clock for all of them.';

create or replace function private.automation_tenants() returns table (tenant_id uuid, since timestamptz)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select a.tenant_id, min(a.armed_at) from pipeline.automations a
  where a.trigger_type in ('event', 'lead_created', 'message_received') and a.is_enabled and a.deleted_at is null
  group by a.tenant_id;
end;
comment on function private.automation_tenants() is 'Tenants with automations that wait for events of the feed, and since when. Crosses tenants: it says which feeds are to be read.';

create or replace function private.forget_automation_runs(p_limit integer) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_count integer;
begin
  delete from pipeline.automation_runs r
  using (select o.tenant_id, o.id from iam.tenants t
    cross join lateral (
      (select x.tenant_id, x.id from pipeline.automation_runs x where x.tenant_id = t.id and x.status = 'skipped' and x.id < app.uuid_at(now() - interval '7 days') limit p_limit)
      union all
      (select x.tenant_id, x.id from pipeline.automation_runs x where x.tenant_id = t.id and x.status in ('succeeded', 'failed', 'refused')
        and x.id < app.uuid_at(now() - interval '90 days') limit p_limit)) o
    limit p_limit) old
  where (r.tenant_id, r.id) = (old.tenant_id, old.id);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function private.forget_automation_runs(integer) is 'Forgets firings that were skipped a week ago, or ended ninety days ago; returns how many. Crosses tenants: one task clears away for all of them.';
grant execute on function private.due_automations(timestamptz, integer), private.automation_tenants(), private.forget_automation_runs(integer) to rowhouse_worker;
revoke all on function private.due_automations(timestamptz, integer), private.automation_tenants(), private.forget_automation_runs(integer) from public;
set local role rowhouse_owner;
--! EndIncluded pipeline/due_automations.sql
--! EndIncluded pipeline/index.sql
--! Included crm/index.sql
-- People and businesses: companies, contacts, positions, leads, and what is known of them.
create schema if not exists crm;
comment on schema crm is 'People and businesses: companies, contacts, positions, leads, and what is known of them.';
grant usage on schema crm to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--! Included crm/types.sql
select ddl.enum('crm.channel', '{
  "email": "E-mail.", "sms": "Text message.", "phone": "Phone call.", "whatsapp": "WhatsApp.", "voice": "Recorded or synthetic voice.",
  "linkedin": "LinkedIn.", "postal": "Letter."
}', 'A way to reach somebody.');
select ddl.enum('crm.contact_status', '{
  "active": "Is worked with.", "inactive": "Is left alone for now.", "unsubscribed": "Wants no messages.", "bounced": "Cannot be reached.", "archived": "Is kept, and out of the way."
}', 'Whether a contact is worked with.');
select ddl.enum('crm.source_type', '{
  "manual": "Typed in.", "csv_import": "A row of an imported file.", "api": "Sent by a program.", "enrichment": "Found by enrichment.", "inbound": "Wrote to us first.", "form": "Filled in a form."
}', 'How a record came here.');
select ddl.enum('crm.consent_purpose', '{
  "marketing": "Offers and news.", "transactional": "Messages about something that was bought or booked.", "service": "Help and notices.", "research": "Surveys."
}', 'What messages are for.');
select ddl.enum('crm.consent_method', '{
  "form": "Filled in a form.", "double_opt_in": "Confirmed by a link.", "verbal": "Said so.", "written": "Wrote so.", "import": "Was told by an imported file.", "unsubscribe_link": "Followed a link.", "api": "Sent by a program."
}', 'How consent was given or taken back.');
select ddl.enum('crm.attribute_type', '{
  "text": "Text.", "number": "A number.", "boolean": "Yes or no.", "date": "A day.", "timestamp": "A moment.", "json": "Anything else, as JSON."
}', 'What kind of value an attribute has.');
select ddl.enum('crm.address_kind', '{
  "home": "Lives there.", "work": "Works there.", "postal": "Gets letters there.", "billing": "Gets bills there.", "other": "Something else."
}', 'What somebody has to do with an address.');
select ddl.enum('crm.lead_status', '{
  "new": "Nobody has been in touch yet.", "contacted": "Somebody was in touch.", "qualified": "Is worth the work.", "converted": "Became a customer.", "dnc": "Must not be contacted."
}', 'How far the work on a lead is.');
select ddl.enum('crm.lead_campaign_status', '{
  "initial": "Gets the first messages.", "retarget": "Is tried once more.", "follow_up": "Answered, and is followed up.", "nurture": "Is kept warm.", "ghost": "Has stopped answering."
}', 'Where a lead stands in campaigns.');
select ddl.enum('crm.lead_enrichment_status', '{
  "pending": "Not enriched yet.", "in_progress": "Is being enriched.", "completed": "Was enriched.", "failed": "Could not be enriched."
}', 'How far the enrichment of a lead is.');
select ddl.enum('crm.owner_likelihood', '{
  "unknown": "Nobody knows.", "low": "Probably not.", "medium": "Perhaps.", "high": "Probably."
}', 'How likely it is that the contact owns the property.');
--! EndIncluded crm/types.sql
--! Included crm/sectors.sql
-- Fields of business that leads are sorted into, as a tree.
create table if not exists crm.sectors (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  parent_id uuid constraint sectors_parent_id_check check (parent_id <> id),
  name text not null constraint sectors_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint sectors_description_check check (length(description) <= 5000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint sectors_pkey primary key (tenant_id, id)
);
comment on table crm.sectors is E'@typeid sector\nA field of business, or another heap that leads are sorted into.';
create unique index if not exists sectors_name_key on crm.sectors (tenant_id, name) where deleted_at is null;
select ddl.foreign_key('crm.sectors', 'parent_id', 'crm.sectors', 'set null');
comment on constraint sectors_parent_id_fkey on crm.sectors is E'@fieldName parent\n@foreignFieldName children';
select ddl.tenant_table('crm.sectors', p_insert => '{parent_id,name,description}', p_update => '{parent_id,name,description}');

create or replace function crm.guard_sector_tree() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_name text;
begin
  -- Two who move A under B and B under A at once take turns, and the second one sees what the first did.
  perform pg_advisory_xact_lock(hashtext('crm.sectors'), hashtext(n.tenant_id::text))
  from (select distinct tenant_id from new_rows where parent_id is not null) n order by n.tenant_id;
  with recursive up as (
    select n.tenant_id, n.id, n.parent_id from new_rows n where n.parent_id is not null
    union
    select u.tenant_id, u.id, s.parent_id from up u join crm.sectors s on s.tenant_id = u.tenant_id and s.id = u.parent_id
  )
  select n.name into v_name from up u join new_rows n on n.id = u.id where u.parent_id = u.id limit 1;
  if found then
    perform app.raise('CONFLICT', format('Sector "%s" cannot lie within itself. Choose a sector outside of it.', v_name), 'parentId');
  end if;
  return null;
end
$$;
comment on function crm.guard_sector_tree() is 'Keeps sectors a tree.';
select ddl.trigger('crm.sectors', '_200_tree_on_insert',
  'after insert referencing new table as new_rows for each statement execute function crm.guard_sector_tree()');
select ddl.trigger('crm.sectors', '_200_tree_on_update',
  'after update referencing new table as new_rows for each statement execute function crm.guard_sector_tree()');
--! EndIncluded crm/sectors.sql
--! Included crm/companies.sql
-- A business. Who works there is in positions.
create table if not exists crm.companies (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint companies_name_check check (length(btrim(name)) between 1 and 500),
  legal_name text constraint companies_legal_name_check check (length(legal_name) <= 500),
  domain text constraint companies_domain_check check (domain = lower(domain) and length(domain) <= 253 and domain !~ '\s'),
  website text constraint companies_website_check check (length(website) <= 2000),
  linkedin_url text constraint companies_linkedin_url_check check (length(linkedin_url) <= 2000),
  phone_e164 text constraint companies_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  industry text constraint companies_industry_check check (length(industry) <= 200),
  sic_code text constraint companies_sic_code_check check (sic_code ~ '^[0-9]{2,8}$'),
  sic_description text constraint companies_sic_description_check check (length(sic_description) <= 500),
  naf_code text constraint companies_naf_code_check check (naf_code ~ '^[0-9]{2}\.?[0-9]{2}[A-Z]$'),
  siren text constraint companies_siren_check check (siren ~ '^[0-9]{9}$'),
  employee_count integer constraint companies_employee_count_check check (employee_count >= 0),
  annual_revenue_minor bigint,
  currency text constraint companies_currency_check check (currency ~ '^[A-Z]{3}$'),
  address_line1 text, address_line2 text, city text, state text, county text, postal_code text,
  country text constraint companies_country_check check (country ~ '^[A-Z]{2}$'),
  attributes jsonb not null default '{}' constraint companies_attributes_check check (jsonb_typeof(attributes) = 'object'),
  source_type crm.source_type not null default 'manual',
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint companies_pkey primary key (tenant_id, id),
  constraint companies_annual_revenue_minor_check check (annual_revenue_minor is null or currency is not null)
);
comment on table crm.companies is E'@typeid company\nA business.';
comment on column crm.companies.legal_name is 'Name in the register, where it differs.';
comment on column crm.companies.domain is 'Domain of its website and mail, lower case; unique among living companies.';
comment on column crm.companies.website is 'Address of its website.';
comment on column crm.companies.linkedin_url is 'Its page on LinkedIn.';
comment on column crm.companies.phone_e164 is 'Switchboard, in international form.';
comment on column crm.companies.industry is 'Field of business in words.';
comment on column crm.companies.sic_code is 'Standard Industrial Classification.';
comment on column crm.companies.sic_description is 'What the SIC code says.';
comment on column crm.companies.naf_code is 'French classification of activities, such as 62.01Z.';
comment on column crm.companies.siren is 'Nine-digit number in the French register.';
comment on column crm.companies.annual_revenue_minor is 'Revenue of a year in the minor unit of its currency.';
comment on column crm.companies.currency is 'ISO 4217 code of the revenue.';
comment on column crm.companies.attributes is 'Anything else the tenant keeps about it, a JSON object.';
comment on column crm.companies.created_by is 'Actor who made it.';
create unique index if not exists companies_domain_key on crm.companies (tenant_id, domain) where deleted_at is null;
create index if not exists companies_name_idx on crm.companies (tenant_id, name, id);
create index if not exists companies_created_at_idx on crm.companies (tenant_id, created_at);
create index if not exists companies_siren_idx on crm.companies (tenant_id, siren) where siren is not null;
create index if not exists companies_attributes_idx on crm.companies using gin (attributes jsonb_path_ops);
select ddl.foreign_key('crm.companies', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('crm.companies',
  p_insert => '{name,legal_name,domain,website,linkedin_url,phone_e164,industry,sic_code,sic_description,naf_code,siren,employee_count,annual_revenue_minor,currency,address_line1,address_line2,city,state,county,postal_code,country,attributes,source_type}',
  p_update => '{name,legal_name,domain,website,linkedin_url,phone_e164,industry,sic_code,sic_description,naf_code,siren,employee_count,annual_revenue_minor,currency,address_line1,address_line2,city,state,county,postal_code,country,attributes}');
select ddl.masked('crm.companies', '{"phone_e164": "phone", "attributes": "json"}');
--! EndIncluded crm/companies.sql
--! Included crm/contacts.sql
-- A person. How to reach them is in channel_identifiers; the primary ones stand here, too, to be found by.
create table if not exists crm.contacts (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  honorific text, first_name text, middle_name text, last_name text, name_suffix text, nickname text,
  display_name text constraint contacts_display_name_check check (length(display_name) <= 500),
  full_name text generated always as (nullif(btrim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), '')) stored,
  title text constraint contacts_title_check check (length(title) <= 200),
  status crm.contact_status not null default 'active',
  primary_email text constraint contacts_primary_email_check check (primary_email = lower(primary_email) and length(primary_email) <= 320),
  primary_phone_e164 text constraint contacts_primary_phone_e164_check check (primary_phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  linkedin_url text constraint contacts_linkedin_url_check check (length(linkedin_url) <= 2000),
  twitter_url text constraint contacts_twitter_url_check check (length(twitter_url) <= 2000),
  date_of_birth date,
  locale text constraint contacts_locale_check check (locale ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
  time_zone text constraint contacts_time_zone_check check (length(time_zone) <= 100),
  attributes jsonb not null default '{}' constraint contacts_attributes_check check (jsonb_typeof(attributes) = 'object'),
  source_type crm.source_type not null default 'manual',
  artifact_id uuid,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint contacts_pkey primary key (tenant_id, id),
  constraint contacts_first_name_check check (length(first_name) <= 200 and length(last_name) <= 200 and length(middle_name) <= 200)
);
comment on table crm.contacts is E'@typeid contact\nA person.';
comment on column crm.contacts.display_name is 'Name to show, where it is not first and last name.';
comment on column crm.contacts.full_name is 'First and last name.';
comment on column crm.contacts.title is 'What the person calls themselves, such as their profession.';
comment on column crm.contacts.primary_email is 'The primary e-mail identifier; kept in step with the channel identifiers.';
comment on column crm.contacts.primary_phone_e164 is 'The primary phone identifier; kept in step with the channel identifiers.';
comment on column crm.contacts.linkedin_url is 'Their page on LinkedIn.';
comment on column crm.contacts.twitter_url is 'Their page on Twitter.';
comment on column crm.contacts.date_of_birth is 'Day of birth.';
comment on column crm.contacts.locale is 'Language tag to write to them in, such as fr-CA.';
comment on column crm.contacts.time_zone is 'IANA time zone they live in.';
comment on column crm.contacts.attributes is 'Anything else the tenant keeps about them, a JSON object.';
comment on column crm.contacts.artifact_id is 'Artifact that brought the contact, such as the result of a skip trace.';
comment on column crm.contacts.created_by is 'Actor who made the contact.';
create index if not exists contacts_primary_email_idx on crm.contacts (tenant_id, primary_email) where primary_email is not null;
create index if not exists contacts_primary_phone_e164_idx on crm.contacts (tenant_id, primary_phone_e164) where primary_phone_e164 is not null;
create index if not exists contacts_last_name_idx on crm.contacts (tenant_id, last_name, first_name, id);
create index if not exists contacts_status_idx on crm.contacts (tenant_id, status, id);
create index if not exists contacts_created_at_idx on crm.contacts (tenant_id, created_at);
create index if not exists contacts_attributes_idx on crm.contacts using gin (attributes jsonb_path_ops);
select ddl.foreign_key('crm.contacts', 'artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('crm.contacts', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('crm.contacts',
  p_insert => '{honorific,first_name,middle_name,last_name,name_suffix,nickname,display_name,title,status,linkedin_url,twitter_url,date_of_birth,locale,time_zone,attributes,source_type}',
  p_update => '{honorific,first_name,middle_name,last_name,name_suffix,nickname,display_name,title,status,linkedin_url,twitter_url,date_of_birth,locale,time_zone,attributes}');

create or replace function crm.contacts_age(contact crm.contacts) returns integer
language sql stable set search_path to pg_catalog
return extract(year from age(current_date, contact.date_of_birth))::integer;
comment on function crm.contacts_age(crm.contacts) is 'Years since the day of birth.';
grant execute on function crm.contacts_age(crm.contacts) to rowhouse_viewer;
select ddl.masked('crm.contacts', '{"display_name": "text", "primary_email": "email", "primary_phone_e164": "phone", "attributes": "json"}');
--! EndIncluded crm/contacts.sql
--! Included crm/positions.sql
-- A contact's job at a company. The work address belongs to the job: it ends with it.
create table if not exists crm.positions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  company_id uuid not null,
  title text constraint positions_title_check check (length(title) <= 200),
  department text constraint positions_department_check check (length(department) <= 200),
  seniority text constraint positions_seniority_check check (length(seniority) <= 100),
  email text constraint positions_email_check check (email = lower(email) and length(email) <= 320 and email like '%_@_%'),
  phone_e164 text constraint positions_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  is_primary boolean not null default false,
  started_on date,
  ended_on date,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint positions_pkey primary key (tenant_id, id),
  constraint positions_ended_on_check check (ended_on >= started_on),
  constraint positions_is_primary_check check (not is_primary or ended_on is null)
);
comment on table crm.positions is E'@typeid position\nA contact''s job at a company, with the work address.';
comment on column crm.positions.title is 'Job title.';
comment on column crm.positions.department is 'Department within the company.';
comment on column crm.positions.seniority is 'Level, such as director.';
comment on column crm.positions.email is 'Work e-mail address, lower case.';
comment on column crm.positions.phone_e164 is 'Work phone number in international form.';
comment on column crm.positions.is_primary is 'The job to show first; a contact has one such job at most.';
comment on column crm.positions.started_on is 'First day of the job.';
comment on column crm.positions.ended_on is 'Last day of the job.';
create unique index if not exists positions_is_primary_key on crm.positions (tenant_id, contact_id) where is_primary and deleted_at is null;
create index if not exists positions_contact_id_idx on crm.positions (tenant_id, contact_id, id);
create index if not exists positions_company_id_idx on crm.positions (tenant_id, company_id, id);
create index if not exists positions_email_idx on crm.positions (tenant_id, email) where email is not null;
select ddl.foreign_key('crm.positions', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('crm.positions', 'company_id', 'crm.companies', 'cascade', p_index => false);
comment on constraint positions_contact_id_fkey on crm.positions is E'@nestedCreate\n@behavior +manyToMany\n@manyToManyFieldName contacts';
comment on constraint positions_company_id_fkey on crm.positions is E'@nestedCreate\n@behavior +manyToMany\n@manyToManyFieldName companies';
select ddl.tenant_table('crm.positions', p_insert => '{contact_id,company_id,title,department,seniority,email,phone_e164,is_primary,started_on,ended_on}',
  p_update => '{title,department,seniority,email,phone_e164,is_primary,started_on,ended_on}');

create or replace function crm.contacts_primary_position(contact crm.contacts) returns crm.positions
language sql stable set search_path to pg_catalog
begin atomic
  select p from crm.positions p
  where p.tenant_id = contact.tenant_id and p.contact_id = contact.id and p.is_primary and p.deleted_at is null;
end;
comment on function crm.contacts_primary_position(crm.contacts) is 'The job to show first.';
grant execute on function crm.contacts_primary_position(crm.contacts) to rowhouse_viewer;
select ddl.masked('crm.positions', '{"email": "email", "phone_e164": "phone"}');
--! EndIncluded crm/positions.sql
--! Included crm/contact_addresses.sql
-- Where a contact lives and lived.
create table if not exists crm.contact_addresses (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  kind crm.address_kind not null default 'home',
  address_line1 text, address_line2 text, city text, state text, county text, postal_code text,
  country text constraint contact_addresses_country_check check (country ~ '^[A-Z]{2}$'),
  is_current boolean not null default true,
  source text constraint contact_addresses_source_check check (length(source) <= 200),
  valid_from date,
  valid_until date,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint contact_addresses_pkey primary key (tenant_id, id),
  constraint contact_addresses_valid_until_check check (valid_until >= valid_from),
  constraint contact_addresses_address_line1_check check (num_nonnulls(address_line1, city, postal_code) > 0)
);
comment on table crm.contact_addresses is E'@typeid addr\nA postal address of a contact, now or earlier.';
comment on column crm.contact_addresses.is_current is 'Whether it still holds; the others are history.';
comment on column crm.contact_addresses.source is 'Where it is known from.';
comment on column crm.contact_addresses.valid_from is 'First day there.';
comment on column crm.contact_addresses.valid_until is 'Last day there.';
create index if not exists contact_addresses_contact_id_idx on crm.contact_addresses (tenant_id, contact_id, is_current, id);
create index if not exists contact_addresses_postal_code_idx on crm.contact_addresses (tenant_id, postal_code) where postal_code is not null;
select ddl.foreign_key('crm.contact_addresses', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
comment on constraint contact_addresses_contact_id_fkey on crm.contact_addresses is E'@nestedCreate\n@foreignFieldName addresses';
select ddl.tenant_table('crm.contact_addresses',
  p_insert => '{contact_id,kind,address_line1,address_line2,city,state,county,postal_code,country,is_current,source,valid_from,valid_until}',
  p_update => '{kind,address_line1,address_line2,city,state,county,postal_code,country,is_current,source,valid_from,valid_until}');
--! EndIncluded crm/contact_addresses.sql
--! Included crm/channel_identifiers.sql
-- Every way to reach a contact: all their e-mail addresses, phone numbers, accounts.
create table if not exists crm.channel_identifiers (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  channel crm.channel not null,
  identifier text not null,
  label text constraint channel_identifiers_label_check check (length(label) <= 100),
  is_primary boolean not null default false,
  is_verified boolean not null default false,
  source text constraint channel_identifiers_source_check check (length(source) <= 200),
  verified_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint channel_identifiers_pkey primary key (tenant_id, id),
  constraint channel_identifiers_identifier_check check (length(identifier) between 1 and 500 and case
    when channel = 'email' then identifier = lower(identifier) and identifier ~ '^[^\s@]+@[^\s@]+$'
    when channel in ('sms', 'phone', 'whatsapp', 'voice') then identifier ~ '^\+[1-9][0-9]{1,14}$'
    else btrim(identifier) <> '' end)
);
comment on table crm.channel_identifiers is E'@typeid chan\nA way to reach a contact: an e-mail address (lower case), a phone number (E.164), an account.';
comment on column crm.channel_identifiers.identifier is 'The address, number or account name.';
comment on column crm.channel_identifiers.is_primary is 'The one to use first; a contact has one primary identifier per channel at most.';
comment on column crm.channel_identifiers.is_verified is 'Whether it is known to reach the contact.';
comment on column crm.channel_identifiers.source is 'Where it is known from.';
create unique index if not exists channel_identifiers_is_primary_key
  on crm.channel_identifiers (tenant_id, contact_id, channel) where is_primary and deleted_at is null;
create unique index if not exists channel_identifiers_contact_id_channel_identifier_key
  on crm.channel_identifiers (tenant_id, contact_id, channel, identifier) where deleted_at is null;
create index if not exists channel_identifiers_contact_id_idx on crm.channel_identifiers (tenant_id, contact_id, id);
create index if not exists channel_identifiers_identifier_idx on crm.channel_identifiers (tenant_id, identifier);
select ddl.foreign_key('crm.channel_identifiers', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
comment on constraint channel_identifiers_contact_id_fkey on crm.channel_identifiers is '@nestedCreate';
select ddl.tenant_table('crm.channel_identifiers', p_insert => '{contact_id,channel,identifier,label,is_primary,source}',
  p_update => '{identifier,label,is_primary,source}');
select ddl.masked('crm.channel_identifiers', '{"identifier": "case when t.channel in (''linkedin'', ''postal'') then app.mask_text(t.identifier) else app.mask_contact(t.identifier) end", "label": "text", "source": "text"}');
--! EndIncluded crm/channel_identifiers.sql
--! Included crm/keep_primary_identifiers.sql
create or replace function crm.keep_primary_identifiers() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_contacts uuid[];
begin
  -- Each event has transition tables of its own; the contacts of the old rows count, too.
  if tg_op = 'INSERT' then
    v_contacts := array(select distinct contact_id from new_rows where is_primary and channel in ('email', 'phone', 'sms'));
  elsif tg_op = 'DELETE' then
    v_contacts := array(select distinct contact_id from old_rows where is_primary and channel in ('email', 'phone', 'sms'));
  else
    v_contacts := array(
      select contact_id from new_rows where is_primary and channel in ('email', 'phone', 'sms')
      union select contact_id from old_rows where is_primary and channel in ('email', 'phone', 'sms'));
  end if;
  if cardinality(v_contacts) = 0 then
    return null;
  end if;
  -- All contacts in one pass, planned for this very array: with a look-up for each contact, statistics that do not know the
  -- tenant yet made a bulk insert quadratic.
  execute $sql$
    update crm.contacts c set primary_email = p.email, primary_phone_e164 = p.phone
    from unnest($1) t (id)
    left join (
      select i.contact_id, max(i.identifier) filter (where i.channel = 'email') as email,
        coalesce(max(i.identifier) filter (where i.channel = 'phone'), max(i.identifier) filter (where i.channel = 'sms')) as phone
      from crm.channel_identifiers i
      where i.tenant_id = app.tenant_id() and i.contact_id = any ($1) and i.is_primary and i.deleted_at is null
      group by i.contact_id
    ) p on p.contact_id = t.id
    where c.tenant_id = app.tenant_id() and c.id = any ($1) and c.id = t.id
      and (c.primary_email, c.primary_phone_e164) is distinct from (p.email, p.phone)
  $sql$ using v_contacts;
  return null;
end
$$;
comment on function crm.keep_primary_identifiers() is
  'Keeps primary_email and primary_phone_e164 of contacts equal to their primary identifiers: one update per statement.';
select ddl.trigger('crm.channel_identifiers', '_300_primary_on_insert',
  'after insert referencing new table as new_rows for each statement execute function crm.keep_primary_identifiers()');
select ddl.trigger('crm.channel_identifiers', '_300_primary_on_update',
  'after update referencing old table as old_rows new table as new_rows for each statement execute function crm.keep_primary_identifiers()');
select ddl.trigger('crm.channel_identifiers', '_300_primary_on_delete',
  'after delete referencing old table as old_rows for each statement execute function crm.keep_primary_identifiers()');
--! EndIncluded crm/keep_primary_identifiers.sql
--! Included crm/contact_attributes.sql
-- What a tenant wants to know of its contacts beyond our columns, one typed value a row.
create table if not exists crm.contact_attributes (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  key text not null constraint contact_attributes_key_check check (key ~ '^[a-z][a-z0-9_.]{0,99}$'),
  data_type crm.attribute_type not null default 'text',
  value jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint contact_attributes_pkey primary key (tenant_id, id),
  constraint contact_attributes_value_check check (octet_length(value::text) <= 65536 and case data_type
    when 'text' then jsonb_typeof(value) = 'string'
    when 'number' then jsonb_typeof(value) = 'number'
    when 'boolean' then jsonb_typeof(value) = 'boolean'
    when 'date' then jsonb_typeof(value) = 'string' and pg_input_is_valid(value #>> '{}', 'date')
    when 'timestamp' then jsonb_typeof(value) = 'string' and pg_input_is_valid(value #>> '{}', 'timestamptz')
    else true end)
);
comment on table crm.contact_attributes is E'@typeid attr\nA custom attribute of a contact, with a typed value.';
comment on column crm.contact_attributes.key is 'Name of the attribute, such as loyalty_level.';
comment on column crm.contact_attributes.value is 'The value as JSON; it must be of the stated type.';
create unique index if not exists contact_attributes_contact_id_key_key on crm.contact_attributes (tenant_id, contact_id, key) where deleted_at is null;
create index if not exists contact_attributes_contact_id_idx on crm.contact_attributes (tenant_id, contact_id, id);
create index if not exists contact_attributes_key_idx on crm.contact_attributes (tenant_id, key, id);
select ddl.foreign_key('crm.contact_attributes', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
comment on constraint contact_attributes_contact_id_fkey on crm.contact_attributes is E'@nestedCreate\n@foreignFieldName customAttributes';
select ddl.tenant_table('crm.contact_attributes', p_insert => '{contact_id,key,data_type,value}', p_update => '{data_type,value}');
select ddl.masked('crm.contact_attributes', '{"value": "app.mask_json(t.value, app.names_contact(t.key))"}');
--! EndIncluded crm/contact_attributes.sql
--! Included crm/contact_consents.sql
-- Whether a contact allows messages. A change of mind is a new row: what was agreed to, and when, can be proved.
create table if not exists crm.contact_consents (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  channel crm.channel not null,
  purpose crm.consent_purpose not null default 'marketing',
  is_granted boolean not null,
  method crm.consent_method not null default 'api',
  proof jsonb not null default '{}' constraint contact_consents_proof_check check (jsonb_typeof(proof) = 'object'),
  wording text constraint contact_consents_wording_check check (length(wording) <= 5000),
  ip_address inet,
  expires_at timestamptz constraint contact_consents_expires_at_check check (expires_at > decided_at),
  decided_at timestamptz not null default now(),
  recorded_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  constraint contact_consents_pkey primary key (tenant_id, id)
);
comment on table crm.contact_consents is E'@typeid consent\nA contact''s yes or no to messages through a channel for a purpose. The latest one decides; the earlier ones are kept.';
comment on column crm.contact_consents.is_granted is 'Yes or no.';
comment on column crm.contact_consents.proof is 'What shows it, a JSON object: the address of the form, the id of the message.';
comment on column crm.contact_consents.wording is 'What the contact agreed to, word for word.';
comment on column crm.contact_consents.ip_address is 'Address from which it was given.';
comment on column crm.contact_consents.recorded_by is 'Actor who recorded it.';
create index if not exists contact_consents_contact_id_idx on crm.contact_consents (tenant_id, contact_id, channel, purpose, decided_at);
create index if not exists contact_consents_decided_at_idx on crm.contact_consents (tenant_id, decided_at);
select ddl.foreign_key('crm.contact_consents', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
comment on constraint contact_consents_contact_id_fkey on crm.contact_consents is '@nestedCreate';
select ddl.foreign_key('crm.contact_consents', 'recorded_by', 'iam.actors', 'set null');
select ddl.append_only('crm.contact_consents', p_insert => '{contact_id,channel,purpose,is_granted,method,proof,wording,ip_address,expires_at,decided_at}');

create or replace function crm.contacts_current_consents(contact crm.contacts) returns setof crm.contact_consents
language sql stable set search_path to pg_catalog
begin atomic
  select distinct on (c.channel, c.purpose) c.* from crm.contact_consents c
  where c.tenant_id = contact.tenant_id and c.contact_id = contact.id and c.decided_at <= now()
  order by c.channel, c.purpose, c.decided_at desc, c.id desc;
end;
comment on function crm.contacts_current_consents(crm.contacts) is
  'The latest yes or no of the contact for each channel and purpose: what holds now, unless it has expired.';
grant execute on function crm.contacts_current_consents(crm.contacts) to rowhouse_viewer, rowhouse_system;
select ddl.masked('crm.contact_consents', '{"proof": "json", "wording": "text"}');
--! EndIncluded crm/contact_consents.sql
--! Included crm/contact_timeline_events.sql
-- What happened with a contact, for people to read.
create table if not exists crm.contact_timeline_events (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  event_type text not null constraint contact_timeline_events_event_type_check check (event_type ~ '^[a-z][a-z0-9_.]{0,99}$'),
  title text not null constraint contact_timeline_events_title_check check (length(btrim(title)) between 1 and 500),
  body text constraint contact_timeline_events_body_check check (length(body) <= 20000),
  channel crm.channel,
  metadata jsonb not null default '{}' constraint contact_timeline_events_metadata_check check (jsonb_typeof(metadata) = 'object'),
  actor_id uuid default app.actor_id(),
  occurred_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint contact_timeline_events_pkey primary key (tenant_id, id)
);
comment on table crm.contact_timeline_events is E'@typeid moment\nSomething that happened with a contact: a call, a note, a message, a change.';
comment on column crm.contact_timeline_events.event_type is 'What kind of thing, such as call.made or note.added.';
comment on column crm.contact_timeline_events.title is 'One line to show.';
comment on column crm.contact_timeline_events.body is 'The rest of it.';
comment on column crm.contact_timeline_events.metadata is 'Details, a JSON object.';
comment on column crm.contact_timeline_events.actor_id is 'Actor who did it.';
create index if not exists contact_timeline_events_contact_id_idx on crm.contact_timeline_events (tenant_id, contact_id, occurred_at, id);
create index if not exists contact_timeline_events_occurred_at_idx on crm.contact_timeline_events (tenant_id, occurred_at);
create index if not exists contact_timeline_events_event_type_idx on crm.contact_timeline_events (tenant_id, event_type, occurred_at);
select ddl.foreign_key('crm.contact_timeline_events', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('crm.contact_timeline_events', 'actor_id', 'iam.actors', 'set null');
comment on constraint contact_timeline_events_contact_id_fkey on crm.contact_timeline_events is E'@foreignFieldName timelineEvents';
select ddl.append_only('crm.contact_timeline_events', p_insert => '{contact_id,event_type,title,body,channel,metadata,occurred_at}');
select ddl.masked('crm.contact_timeline_events', '{"title": "text", "body": "text", "metadata": "json"}');
--! EndIncluded crm/contact_timeline_events.sql
--! Included crm/contact_tags.sql
-- Words that contacts are marked with.
create table if not exists crm.contact_tags (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint contact_tags_name_check check (length(btrim(name)) between 1 and 100),
  color text constraint contact_tags_color_check check (color ~ '^#[0-9a-f]{6}$'),
  description text constraint contact_tags_description_check check (length(description) <= 1000),
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint contact_tags_pkey primary key (tenant_id, id)
);
comment on table crm.contact_tags is E'@typeid tag\nA word that contacts are marked with.';
comment on column crm.contact_tags.color is 'Colour to show it in, such as #ff8800.';
comment on column crm.contact_tags.created_by is 'Actor who made it.';
create unique index if not exists contact_tags_name_key on crm.contact_tags (tenant_id, name) where deleted_at is null;
select ddl.foreign_key('crm.contact_tags', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('crm.contact_tags', p_insert => '{name,color,description}', p_update => '{name,color,description}');
--! EndIncluded crm/contact_tags.sql
--! Included crm/contact_tag_mapping.sql
-- Which contact has which tag.
create table if not exists crm.contact_tag_mapping (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  contact_tag_id uuid not null,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint contact_tag_mapping_pkey primary key (tenant_id, id)
);
comment on table crm.contact_tag_mapping is E'@typeid tagm\nThat a contact has a tag.';
comment on column crm.contact_tag_mapping.created_by is 'Actor who marked the contact.';
create unique index if not exists contact_tag_mapping_contact_id_contact_tag_id_key
  on crm.contact_tag_mapping (tenant_id, contact_id, contact_tag_id) where deleted_at is null;
create index if not exists contact_tag_mapping_contact_id_idx on crm.contact_tag_mapping (tenant_id, contact_id, contact_tag_id);
create index if not exists contact_tag_mapping_contact_tag_id_idx on crm.contact_tag_mapping (tenant_id, contact_tag_id, contact_id);
select ddl.foreign_key('crm.contact_tag_mapping', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('crm.contact_tag_mapping', 'contact_tag_id', 'crm.contact_tags', 'cascade', p_index => false);
select ddl.foreign_key('crm.contact_tag_mapping', 'created_by', 'iam.actors', 'set null');
comment on constraint contact_tag_mapping_contact_id_fkey on crm.contact_tag_mapping is E'@nestedCreate link\n@behavior +manyToMany\n@manyToManyFieldName contacts\n@foreignFieldName taggings';
comment on constraint contact_tag_mapping_contact_tag_id_fkey on crm.contact_tag_mapping is E'@behavior +manyToMany\n@manyToManyFieldName tags\n@foreignFieldName taggings';
select ddl.tenant_table('crm.contact_tag_mapping', p_insert => '{contact_id,contact_tag_id}', p_update => '{deleted_at}');
--! EndIncluded crm/contact_tag_mapping.sql
--! Included crm/leads.sql
-- A sales or property record that is being worked: whom it is about, how far it is.
create table if not exists crm.leads (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sector_id uuid,
  company_id uuid,
  source_type crm.source_type not null default 'manual',
  source_id text constraint leads_source_id_check check (length(source_id) <= 500),
  import_run_id uuid,
  company_name text, contact_name text, first_name text, last_name text,
  phone text constraint leads_phone_check check (length(phone) <= 64),
  phone_e164 text constraint leads_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  mobile_phone_e164 text constraint leads_mobile_phone_e164_check check (mobile_phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  email text constraint leads_email_check check (email = lower(email) and length(email) <= 320),
  phones jsonb not null default '[]' constraint leads_phones_check check (jsonb_typeof(phones) = 'array'),
  emails jsonb not null default '[]' constraint leads_emails_check check (jsonb_typeof(emails) = 'array'),
  address_line1 text, address_line2 text, city text, state text, county text, postal_code text,
  country text constraint leads_country_check check (country ~ '^[A-Z]{2}$'),
  sic_code text constraint leads_sic_code_check check (sic_code ~ '^[0-9]{2,8}$'),
  sic_description text constraint leads_sic_description_check check (length(sic_description) <= 500),
  employee_count integer constraint leads_employee_count_check check (employee_count >= 0),
  annual_revenue_minor bigint,
  website text constraint leads_website_check check (length(website) <= 2000),
  enrichment_status crm.lead_enrichment_status not null default 'pending',
  enrichment_artifact_id uuid,
  status crm.lead_status not null default 'new',
  campaign_status crm.lead_campaign_status,
  attempt_count integer not null default 0 constraint leads_attempt_count_check check (attempt_count >= 0),
  priority_score float8 not null default 0,
  is_decision_maker boolean not null default false,
  property_owner_likelihood crm.owner_likelihood not null default 'unknown',
  flags jsonb not null default '{}' constraint leads_flags_check check (jsonb_typeof(flags) = 'object'),
  raw_data jsonb not null default '{}' constraint leads_raw_data_check check (jsonb_typeof(raw_data) = 'object'),
  assigned_to uuid,
  created_by uuid default app.actor_id(),
  last_enriched_at timestamptz,
  last_attempt_at timestamptz,
  last_response_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint leads_pkey primary key (tenant_id, id)
);
comment on table crm.leads is E'@typeid lead\nA sales or property record that is being worked. It may name a company and stand for several contacts.';
comment on column crm.leads.source_id is 'Id of the record where it came from.';
comment on column crm.leads.import_run_id is 'Run that brought the lead.';
comment on column crm.leads.contact_name is 'Whom to ask for, as it was given.';
comment on column crm.leads.phone is 'Phone number as it was given.';
comment on column crm.leads.phone_e164 is 'Phone number in international form.';
comment on column crm.leads.mobile_phone_e164 is 'Mobile number in international form.';
comment on column crm.leads.email is 'E-mail address, lower case.';
comment on column crm.leads.phones is 'Every number that was found: an array of {number, source}; those of people are identifiers of the contacts.';
comment on column crm.leads.emails is 'Every address that was found: an array of {email, source}.';
comment on column crm.leads.sic_code is 'Standard Industrial Classification.';
comment on column crm.leads.sic_description is 'What the SIC code says.';
comment on column crm.leads.annual_revenue_minor is 'Revenue of a year in the minor unit of the tenant''s currency.';
comment on column crm.leads.website is 'Address of the website.';
comment on column crm.leads.enrichment_artifact_id is 'Artifact of the last enrichment.';
comment on column crm.leads.priority_score is 'Higher is worked first.';
comment on column crm.leads.is_decision_maker is 'Whether the contact decides.';
comment on column crm.leads.flags is 'Marks set by programs, a JSON object.';
comment on column crm.leads.raw_data is 'The record as it came, a JSON object.';
comment on column crm.leads.assigned_to is 'Actor who works on it.';
comment on column crm.leads.created_by is 'Actor who made it.';
create index if not exists leads_sector_id_idx on crm.leads (tenant_id, sector_id, id);
create index if not exists leads_status_idx on crm.leads (tenant_id, status, priority_score, id);
create index if not exists leads_campaign_status_idx on crm.leads (tenant_id, campaign_status, id) where campaign_status is not null;
create index if not exists leads_enrichment_status_idx on crm.leads (tenant_id, enrichment_status, id);
create index if not exists leads_email_idx on crm.leads (tenant_id, email) where email is not null;
create index if not exists leads_phone_e164_idx on crm.leads (tenant_id, phone_e164) where phone_e164 is not null;
create index if not exists leads_source_id_idx on crm.leads (tenant_id, source_type, source_id);
create index if not exists leads_created_at_idx on crm.leads (tenant_id, created_at);
create index if not exists leads_assigned_to_idx on crm.leads (tenant_id, assigned_to, status);
create index if not exists leads_flags_idx on crm.leads using gin (flags jsonb_path_ops);
select ddl.foreign_key('crm.leads', 'sector_id', 'crm.sectors', 'set null', p_index => false);
select ddl.foreign_key('crm.leads', 'company_id', 'crm.companies', 'set null');
select ddl.foreign_key('crm.leads', 'import_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.foreign_key('crm.leads', 'enrichment_artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('crm.leads', 'assigned_to', 'iam.actors', 'set null', p_index => false);
select ddl.foreign_key('crm.leads', 'created_by', 'iam.actors', 'set null');
comment on constraint leads_import_run_id_fkey on crm.leads is '@foreignFieldName importedLeads';
comment on constraint leads_enrichment_artifact_id_fkey on crm.leads is '@foreignFieldName enrichedLeads';
select ddl.tenant_table('crm.leads',
  p_insert => '{sector_id,company_id,source_type,source_id,company_name,contact_name,first_name,last_name,phone,phone_e164,mobile_phone_e164,email,phones,emails,address_line1,address_line2,city,state,county,postal_code,country,sic_code,sic_description,employee_count,annual_revenue_minor,website,status,campaign_status,priority_score,is_decision_maker,property_owner_likelihood,flags,raw_data,assigned_to}',
  p_update => '{sector_id,company_id,company_name,contact_name,first_name,last_name,phone,phone_e164,mobile_phone_e164,email,phones,emails,address_line1,address_line2,city,state,county,postal_code,country,sic_code,sic_description,employee_count,annual_revenue_minor,website,status,campaign_status,priority_score,is_decision_maker,property_owner_likelihood,flags,assigned_to}');
select ddl.masked('crm.leads', '{"contact_name": "text", "phone": "phone", "phone_e164": "phone", "mobile_phone_e164": "phone", "email": "email", "phones": "contacts", "emails": "contacts", "raw_data": "json"}');
--! EndIncluded crm/leads.sql
--! Included crm/lead_contacts.sql
-- The people behind a lead.
create table if not exists crm.lead_contacts (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  lead_id uuid not null,
  contact_id uuid not null,
  is_primary boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint lead_contacts_pkey primary key (tenant_id, id)
);
comment on table crm.lead_contacts is E'@typeid leadc\nThat a contact stands behind a lead.';
comment on column crm.lead_contacts.is_primary is 'Whom to ask for first; a lead has one at most.';
create unique index if not exists lead_contacts_lead_id_contact_id_key on crm.lead_contacts (tenant_id, lead_id, contact_id) where deleted_at is null;
create unique index if not exists lead_contacts_is_primary_key on crm.lead_contacts (tenant_id, lead_id) where is_primary and deleted_at is null;
create index if not exists lead_contacts_lead_id_idx on crm.lead_contacts (tenant_id, lead_id, contact_id);
create index if not exists lead_contacts_contact_id_idx on crm.lead_contacts (tenant_id, contact_id, lead_id);
select ddl.foreign_key('crm.lead_contacts', 'lead_id', 'crm.leads', 'cascade', p_index => false);
select ddl.foreign_key('crm.lead_contacts', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
comment on constraint lead_contacts_lead_id_fkey on crm.lead_contacts is E'@behavior +manyToMany\n@manyToManyFieldName leads\n@foreignFieldName contactLinks';
comment on constraint lead_contacts_contact_id_fkey on crm.lead_contacts is E'@behavior +manyToMany\n@manyToManyFieldName contacts\n@foreignFieldName leadLinks';
select ddl.tenant_table('crm.lead_contacts', p_insert => '{lead_id,contact_id,is_primary}', p_update => '{is_primary}');
--! EndIncluded crm/lead_contacts.sql
--! Included crm/lead_labels.sql
-- Words that leads are marked with.
create table if not exists crm.lead_labels (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint lead_labels_name_check check (length(btrim(name)) between 1 and 100),
  color text constraint lead_labels_color_check check (color ~ '^#[0-9a-f]{6}$'),
  description text constraint lead_labels_description_check check (length(description) <= 1000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint lead_labels_pkey primary key (tenant_id, id)
);
comment on table crm.lead_labels is E'@typeid lbl\nA word that leads are marked with.';
comment on column crm.lead_labels.color is 'Colour to show it in, such as #ff8800.';
create unique index if not exists lead_labels_name_key on crm.lead_labels (tenant_id, name) where deleted_at is null;
select ddl.tenant_table('crm.lead_labels', p_insert => '{name,color,description}', p_update => '{name,color,description}');
--! EndIncluded crm/lead_labels.sql
--! Included crm/lead_label_mapping.sql
-- Which lead has which label.
create table if not exists crm.lead_label_mapping (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  lead_id uuid not null,
  lead_label_id uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint lead_label_mapping_pkey primary key (tenant_id, id)
);
comment on table crm.lead_label_mapping is E'@typeid lblm\nThat a lead has a label.';
create unique index if not exists lead_label_mapping_lead_id_lead_label_id_key
  on crm.lead_label_mapping (tenant_id, lead_id, lead_label_id) where deleted_at is null;
create index if not exists lead_label_mapping_lead_id_idx on crm.lead_label_mapping (tenant_id, lead_id, lead_label_id);
create index if not exists lead_label_mapping_lead_label_id_idx on crm.lead_label_mapping (tenant_id, lead_label_id, lead_id);
select ddl.foreign_key('crm.lead_label_mapping', 'lead_id', 'crm.leads', 'cascade', p_index => false);
select ddl.foreign_key('crm.lead_label_mapping', 'lead_label_id', 'crm.lead_labels', 'cascade', p_index => false);
comment on constraint lead_label_mapping_lead_id_fkey on crm.lead_label_mapping is E'@nestedCreate link\n@behavior +manyToMany\n@manyToManyFieldName leads\n@foreignFieldName labelings';
comment on constraint lead_label_mapping_lead_label_id_fkey on crm.lead_label_mapping is E'@behavior +manyToMany\n@manyToManyFieldName labels\n@foreignFieldName labelings';
select ddl.tenant_table('crm.lead_label_mapping', p_insert => '{lead_id,lead_label_id}', p_update => '{deleted_at}');
--! EndIncluded crm/lead_label_mapping.sql
--! Included crm/search.sql
-- Which words a record is found by, the most telling first.
select ddl.searchable('crm.contacts',
  $$setweight(app.search_words(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), 'A')
    || strip(app.search_words(coalesce(display_name, '') || ' ' || coalesce(nickname, '') || ' ' || coalesce(primary_email, '')))
    || app.search_digits(primary_phone_e164) || setweight(app.search_words(title), 'C')$$,
  $$app.fold(coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(display_name, ''))$$,
  '{full_name,display_name,nickname,primary_email,primary_phone_e164,title}');
select ddl.searchable('crm.companies',
  $$setweight(app.search_words(name || ' ' || coalesce(legal_name, '')), 'A') || strip(app.search_words(coalesce(domain, '') || ' ' || coalesce(siren, '')))
    || app.search_digits(phone_e164) || setweight(app.search_words(coalesce(industry, '') || ' ' || coalesce(city, '')), 'C')$$,
  $$app.fold(name || ' ' || coalesce(legal_name, ''))$$,
  '{name,legal_name,domain,siren,phone_e164,industry,city}');
select ddl.searchable('crm.leads',
  $$setweight(app.search_words(coalesce(contact_name, coalesce(first_name, '') || ' ' || coalesce(last_name, ''))), 'A')
    || strip(app.search_words(coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(email, '')))
    || setweight(app.search_words(company_name), 'A') || app.search_digits(coalesce(phone_e164, phone)) || app.search_digits(mobile_phone_e164) || setweight(app.search_words(coalesce(address_line1, '') || ' ' || coalesce(city, '')), 'C')$$,
  $$app.fold(coalesce(contact_name, '') || ' ' || coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(company_name, ''))$$,
  '{contact_name,first_name,last_name,company_name,email,phone,phone_e164,mobile_phone_e164,address_line1,city}');
--! EndIncluded crm/search.sql
--! Included crm/merges.sql
-- Which contact or company was merged into which, and all that is needed to take it back.
create table if not exists crm.merges (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  winner_contact_id uuid,
  loser_contact_id uuid,
  winner_company_id uuid,
  loser_company_id uuid,
  survivorship jsonb not null default '{}' constraint merges_survivorship_check check (jsonb_typeof(survivorship) = 'object'),
  fields jsonb not null default '{}' constraint merges_fields_check check (jsonb_typeof(fields) = 'object'),
  changes jsonb not null default '[]' constraint merges_changes_check check (jsonb_typeof(changes) = 'array'),
  moved_count integer not null default 0,
  dropped_count integer not null default 0,
  merged_by uuid default app.actor_id(),
  undone_by uuid,
  undone_at timestamptz,
  created_at timestamptz not null default now(),
  constraint merges_pkey primary key (tenant_id, id),
  constraint merges_winner_contact_id_check check (num_nonnulls(winner_contact_id, winner_company_id) = 1
    and (winner_contact_id is null) = (loser_contact_id is null) and (winner_company_id is null) = (loser_company_id is null)),
  constraint merges_loser_contact_id_check check (winner_contact_id <> loser_contact_id),
  constraint merges_loser_company_id_check check (winner_company_id <> loser_company_id),
  constraint merges_undone_by_check check (undone_by is null or undone_at is not null)
);
comment on table crm.merges is E'@typeid merge\nThat a contact or a company, the loser, was merged into another one, the winner. It can be undone.';
comment on column crm.merges.survivorship is 'Whose value was to survive, by field, as it was asked for.';
comment on column crm.merges.fields is 'What the winner took over: an object of {field: {from, to}}.';
comment on column crm.merges.changes is E'@behavior -*\nThe rows that were moved to the winner, and what else was changed on the way, table by table.';
comment on column crm.merges.moved_count is 'How many rows that referred to the loser refer to the winner since.';
comment on column crm.merges.dropped_count is 'How many rows stayed with the loser, because the winner had the same: tags, identifiers, memberships.';
comment on column crm.merges.merged_by is 'Actor who merged them.';
comment on column crm.merges.undone_by is 'Actor who took it back.';
create unique index if not exists merges_loser_contact_id_key on crm.merges (tenant_id, loser_contact_id) where undone_at is null;
create unique index if not exists merges_loser_company_id_key on crm.merges (tenant_id, loser_company_id) where undone_at is null;
create index if not exists merges_created_at_idx on crm.merges (tenant_id, created_at);
select ddl.foreign_key('crm.merges', 'winner_contact_id', 'crm.contacts', 'cascade');
select ddl.foreign_key('crm.merges', 'loser_contact_id', 'crm.contacts', 'cascade');
select ddl.foreign_key('crm.merges', 'winner_company_id', 'crm.companies', 'cascade');
select ddl.foreign_key('crm.merges', 'loser_company_id', 'crm.companies', 'cascade');
select ddl.foreign_key('crm.merges', 'merged_by', 'iam.actors', 'set null');
select ddl.foreign_key('crm.merges', 'undone_by', 'iam.actors', 'set null');
comment on constraint merges_winner_contact_id_fkey on crm.merges is '@foreignFieldName merges';
comment on constraint merges_loser_contact_id_fkey on crm.merges is '@foreignFieldName mergesIntoOthers';
comment on constraint merges_winner_company_id_fkey on crm.merges is '@foreignFieldName merges';
comment on constraint merges_loser_company_id_fkey on crm.merges is '@foreignFieldName mergesIntoOthers';
comment on constraint merges_merged_by_fkey on crm.merges is '@foreignFieldName merges';
select ddl.tenant_table('crm.merges', p_system => 'select');
-- Only that it was undone is noted later; an actor who is erased, and a record that is erased, come from within a trigger.
select ddl.trigger('crm.merges', '_200_append_only',
  'before delete or truncate for each statement when (pg_trigger_depth() = 0) execute function app.refuse_change()');
select ddl.trigger('crm.merges', '_200_undone_once', $$before update for each row when (pg_trigger_depth() = 0
  and (old.undone_at is not null or to_jsonb(old) - '{undone_at,undone_by}'::text[] <> to_jsonb(new) - '{undone_at,undone_by}'::text[]))
  execute function app.refuse_change()$$);
select ddl.masked('crm.merges', '{"survivorship": "json", "fields": "json", "changes": "json"}');
--! EndIncluded crm/merges.sql
--! Included crm/guard_merged.sql
create or replace function crm.guard_merged() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_merge crm.merges;
begin
  select * into v_merge from crm.merges m
  where m.tenant_id = new.tenant_id and m.undone_at is null and (m.loser_contact_id = new.id or m.loser_company_id = new.id);
  if found then
    perform app.raise('INVALID_STATE', format('Row %s of %s was merged into %s. To have it back, undo merge %s.', new.id, tg_table_name,
      coalesce(v_merge.winner_contact_id, v_merge.winner_company_id), v_merge.id), 'id');
  end if;
  return new;
end
$$;
comment on function crm.guard_merged() is 'Refuses to restore what was merged into another record: the merge is undone instead.';
select ddl.trigger('crm.contacts', '_200_merged',
  'before update for each row when (old.deleted_at is not null and new.deleted_at is null) execute function crm.guard_merged()');
select ddl.trigger('crm.companies', '_200_merged',
  'before update for each row when (old.deleted_at is not null and new.deleted_at is null) execute function crm.guard_merged()');
--! EndIncluded crm/guard_merged.sql
--! Included crm/merge_references.sql
create or replace function crm.merge_references(p_target regclass)
returns table (source regclass, key text, is_deletable boolean, has_primary boolean)
language sql stable set search_path to pg_catalog
begin atomic
  -- Partitions are reached through their table; the merges themselves are history.
  select k.conrelid::regclass, a.attname::text,
    exists (select from pg_attribute d where d.attrelid = k.conrelid and d.attname = 'deleted_at' and not d.attisdropped),
    exists (select from pg_attribute d where d.attrelid = k.conrelid and d.attname = 'is_primary' and not d.attisdropped)
  from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[cardinality(k.conkey)]
  where k.contype = 'f' and k.confrelid = p_target and k.conparentid = 0 and k.conrelid <> 'crm.merges'::regclass
  order by k.conrelid::regclass::text, a.attname;
end;
comment on function crm.merge_references(regclass) is
  'Every reference to a table, in any schema, as the catalogue has it: a new table takes part in merges without a line.';

create or replace function crm.merge_conflicts(p_source regclass, p_key text, p_loser uuid, p_winner uuid, p_is_primary boolean)
returns table (loser_row uuid, winner_row uuid)
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_index record;
begin
  for v_index in
    select coalesce(pg_get_expr(i.indpred, i.indrelid), 'true') as living,
      coalesce((select string_agg(format(', %s as k%s', pg_get_indexdef(i.indexrelid, n, false), n), '') from unnest(c.others) n), '') as keys,
      coalesce((select string_agg(format('l.k%1$s = w.k%1$s', n), ' and ') from unnest(c.others) n), 'true') as same
    from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attname = p_key
    join pg_attribute t on t.attrelid = i.indrelid and t.attname = 'tenant_id'
    cross join lateral (select array(select n from generate_series(1, i.indnkeyatts) n
      where i.indkey[n - 1] not in (a.attnum, t.attnum)) as others) c
    where i.indrelid = p_source and i.indisunique and not i.indisprimary and a.attnum = any (i.indkey)
      and p_is_primary = (coalesce(pg_get_expr(i.indpred, i.indrelid), '') ~ '\mis_primary\M')
    order by i.indexrelid
  loop
    return query execute format(
      'select l.id, w.id from (select id%1$s from %2$s where tenant_id = app.tenant_id() and %3$I = $1 and (%4$s)) l
       join (select id%1$s from %2$s where tenant_id = app.tenant_id() and %3$I = $2 and (%4$s)) w on %5$s',
      v_index.keys, p_source, p_key, v_index.living, v_index.same) using p_loser, p_winner;
  end loop;
end
$$;
comment on function crm.merge_conflicts(regclass, text, uuid, uuid, boolean) is
  'The rows of the loser that a unique index would refuse beside a row of the winner; of the indexes that keep one row primary, or of all others.';
--! EndIncluded crm/merge_references.sql
--! Included crm/alter_rows.sql
create or replace function crm.alter_rows(p_table regclass, p_ids uuid[], p_values jsonb) returns jsonb
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_columns text := ddl.each(array(select jsonb_object_keys(p_values)), '%I');
  v_altered jsonb;
begin
  execute format(
    'with altered as (
       update %1$s t set (%2$s) = (select %2$s from jsonb_populate_record(null::%1$s, $2)) where t.tenant_id = app.tenant_id() and t.id = any ($1)
       returning t.id, (select jsonb_object_agg(k, to_jsonb(old) -> k) from jsonb_object_keys($2) k) as before)
     select coalesce(jsonb_agg(jsonb_build_object(''id'', id, ''before'', before) order by id), ''[]'') from altered',
    p_table, v_columns) using p_ids, p_values into v_altered;
  return v_altered;
end
$$;
comment on function crm.alter_rows(regclass, uuid[], jsonb) is
  'Gives columns of rows the values of an object, and answers with what they were: an array of {id, before}.';
--! EndIncluded crm/alter_rows.sql
--! Included crm/move_references.sql
create or replace function crm.move_references() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_winner uuid := coalesce(new.winner_contact_id, new.winner_company_id);
  v_loser uuid := coalesce(new.loser_contact_id, new.loser_company_id);
  v_reference record;
  v_conflict record;
  v_dropped uuid[];
  v_twins uuid[];
  v_ids uuid[];
  v_id uuid;
  v_altered jsonb;
begin
  for v_reference in
    select * from crm.merge_references(case when new.winner_contact_id is null then 'crm.companies' else 'crm.contacts' end::regclass)
  loop
    v_dropped := '{}';
    v_twins := '{}';
    v_altered := '[]';
    for v_conflict in
      select distinct on (c.loser_row) c.* from crm.merge_conflicts(v_reference.source, v_reference.key, v_loser, v_winner, false) c
      order by c.loser_row, c.winner_row
    loop
      v_dropped := v_dropped || v_conflict.loser_row;
      v_twins := v_twins || v_conflict.winner_row;
      if v_reference.is_deletable then
        begin
          v_altered := v_altered || crm.alter_rows(v_reference.source, array[v_conflict.loser_row], jsonb_build_object('deleted_at', now()));
        exception when sqlstate 'RH006' then
          null; -- Its table does not let go of it, such as a recipient who was written to: it stays with the loser as it is.
        end;
      end if;
    end loop;

    if v_reference.has_primary then
      v_altered := v_altered || crm.alter_rows(v_reference.source, array(
        select c.loser_row from crm.merge_conflicts(v_reference.source, v_reference.key, v_loser, v_winner, true) c
        where c.loser_row <> all (v_dropped)), '{"is_primary": false}');
    end if;

    execute format('with moved as (update %1$s set %2$I = $1 where tenant_id = app.tenant_id() and %2$I = $2 and id <> all ($3) returning id)
      select coalesce(array_agg(id order by id), ''{}'') from moved', v_reference.source, v_reference.key)
    using v_winner, v_loser, v_dropped into v_ids;

    if v_ids <> '{}' or v_dropped <> '{}' then
      if v_reference.has_primary then
        -- What stands for a dropped row is primary in its place, unless there is another one.
        for v_id in execute format('select w.id from unnest($1, $2) d (loser_row, winner_row)
            join %1$s l on l.tenant_id = app.tenant_id() and l.id = d.loser_row
            join %1$s w on w.tenant_id = app.tenant_id() and w.id = d.winner_row
            where l.is_primary and not w.is_primary order by w.id', v_reference.source) using v_dropped, v_twins
        loop
          begin
            v_altered := v_altered || crm.alter_rows(v_reference.source, array[v_id], '{"is_primary": true}');
          exception when unique_violation then
            null;
          end;
        end loop;
      end if;
      new.changes := new.changes || jsonb_build_object('table', v_reference.source::text, 'key', v_reference.key,
        'moved', to_jsonb(v_ids), 'dropped', to_jsonb(v_dropped), 'altered', v_altered);
      new.moved_count := new.moved_count + cardinality(v_ids);
      new.dropped_count := new.dropped_count + cardinality(v_dropped);
    end if;
  end loop;
  return new;
end
$$;
comment on function crm.move_references() is
  'Points whatever refers to the loser of a merge at its winner. It is the trigger of the merge''s row, so that append-only tables, which refuse whoever changes them directly, let it pass.';
select ddl.trigger('crm.merges', '_300_move', 'before insert for each row when (new.undone_at is null) execute function crm.move_references()');

create or replace function crm.move_references_back() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_change jsonb;
  v_both constant uuid[] := array[coalesce(old.loser_contact_id, old.loser_company_id), coalesce(old.winner_contact_id, old.winner_company_id)];
  v_source regclass;
  v_row jsonb;
  v_id uuid;
begin
  for v_change in select c from jsonb_array_elements(old.changes) with ordinality u (c, n) order by n desc loop
    -- A table that was dropped since has nothing to give back.
    v_source := to_regclass(v_change ->> 'table');
    continue when v_source is null;
    if v_change -> 'moved' <> '[]' then
      -- A row that is gone since stays gone, and one that somebody pointed elsewhere stays there.
      execute format('update %1$s set %2$I = $1 where tenant_id = app.tenant_id() and %2$I = $2 and id = any ($3)', v_source, v_change ->> 'key')
      using v_both[1], v_both[2], array(select i::uuid from jsonb_array_elements_text(v_change -> 'moved') i);
    end if;
    for v_row in select a from jsonb_array_elements(v_change -> 'altered') with ordinality u (a, n) order by n desc loop
      execute format('select id from %1$s where tenant_id = app.tenant_id() and %2$I = any ($1) and id = $2', v_source, v_change ->> 'key')
      into v_id using v_both, (v_row ->> 'id')::uuid;
      perform crm.alter_rows(v_source, array[v_id], v_row -> 'before') where v_id is not null;
    end loop;
  end loop;
  return new;
end
$$;
comment on function crm.move_references_back() is 'Points what a merge moved at the loser again, and gives the other rows it touched their values of before, last things first.';
select ddl.trigger('crm.merges', '_300_move_back',
  'before update for each row when (old.undone_at is null and new.undone_at is not null) execute function crm.move_references_back()');
--! EndIncluded crm/move_references.sql
--! Included crm/survivors.sql
create or replace function crm.survivors(p_target regclass, p_winner jsonb, p_loser jsonb, p_survivorship jsonb, p_groups jsonb)
returns table (field text, columns text[], side text)
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_strategies constant text[] := '{winner,loser,newest,oldest,longest,filled,combine}';
  v_age constant integer := sign(extract(epoch from (p_loser ->> 'updated_at')::timestamptz - (p_winner ->> 'updated_at')::timestamptz));
  v_fields jsonb;
  v_choice record;
begin
  -- Columns that clients may write, each a field of its own unless it belongs to a group.
  select p_groups || jsonb_object_agg(a.attname, jsonb_build_array(a.attname)) into v_fields
  from pg_attribute a
  where a.attrelid = p_target and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attname <> 'deleted_at'
    and has_column_privilege('rowhouse_admin', a.attrelid, a.attnum, 'update')
    and not exists (select from jsonb_each(p_groups) g where g.value ? a.attname);

  for v_choice in select * from jsonb_each(p_survivorship) loop
    if not v_fields ? v_choice.key then
      perform app.raise('VALIDATION_FAILED', format('"%s" is not a field whose survivor can be chosen. These are: %s.', v_choice.key,
        (select string_agg(k, ', ' order by k) from jsonb_object_keys(v_fields) k)), 'survivorship');
    end if;
    if jsonb_typeof(v_choice.value) <> 'string' or v_choice.value #>> '{}' <> all (v_strategies) then
      perform app.raise('VALIDATION_FAILED', format('The survivor of "%s" cannot be chosen by %s. It is chosen by one of: %s.', v_choice.key, v_choice.value,
        array_to_string(v_strategies, ', ')), 'survivorship');
    end if;
    if v_choice.value = '"combine"' and coalesce(jsonb_typeof(p_winner -> v_choice.key), '') <> 'object' then
      perform app.raise('VALIDATION_FAILED', format('"%s" is one value and cannot be combined; only JSON objects can.', v_choice.key), 'survivorship');
    end if;
  end loop;

  return query
  select f.key, f.columns, case coalesce(p_survivorship ->> f.key, 'default')
      when 'winner' then 'winner'
      when 'loser' then 'loser'
      when 'combine' then 'combine'
      when 'default' then case
        -- Whoever wants no messages wants none under the other record either.
        when f.key = 'status' and p_loser ->> 'status' = 'unsubscribed' then 'loser'
        when jsonb_typeof(p_winner -> f.key) = 'object' then 'combine'
        when f.winner_has = 0 and f.loser_has > 0 then 'loser' else 'winner' end
      else case
        when f.loser_has = 0 then 'winner'
        when f.winner_has = 0 then 'loser'
        when p_survivorship ->> f.key = 'newest' and v_age > 0 then 'loser'
        when p_survivorship ->> f.key = 'oldest' and v_age < 0 then 'loser'
        when p_survivorship ->> f.key = 'longest' and f.loser_has > f.winner_has then 'loser'
        else 'winner' end
    end
  from (
    select e.key, c.columns,
      (select coalesce(sum(length(p_winner ->> n)), 0) from unnest(c.columns) n) as winner_has,
      (select coalesce(sum(length(p_loser ->> n)), 0) from unnest(c.columns) n) as loser_has
    from jsonb_each(v_fields) e cross join lateral (select array(select jsonb_array_elements_text(e.value)) as columns) c
  ) f;
end
$$;
comment on function crm.survivors(regclass, jsonb, jsonb, jsonb, jsonb) is
  'Whose value of each field survives a merge: the winner''s, the loser''s, or of a JSON object both combined. Columns that mean something only together are one field.';
--! EndIncluded crm/survivors.sql
--! Included crm/lock_for_merge.sql
create or replace function crm.lock_for_merge(p_target regclass, p_winner uuid, p_loser uuid, out winner jsonb, out loser jsonb)
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_row jsonb;
  v_id uuid;
begin
  -- In the order of their ids, so that two merges of the same records take turns. The lock also holds up those who are
  -- about to refer to one of the records.
  for v_id in select i from unnest(array[p_winner, p_loser]) i order by i loop
    execute format('select to_jsonb(t) from %s t where t.tenant_id = app.tenant_id() and t.id = $1 for update', p_target) using v_id into v_row;
    if v_id = p_winner then
      winner := v_row;
    end if;
    if v_id = p_loser then
      loser := v_row;
    end if;
  end loop;
end
$$;
comment on function crm.lock_for_merge(regclass, uuid, uuid) is 'Locks two records against changes and new references, and reads them; null where there is none.';
--! EndIncluded crm/lock_for_merge.sql
--! Included crm/yield_primary_identifiers.sql
create or replace function crm.yield_primary_identifiers(p_from uuid, p_to uuid, p_fields text[]) returns jsonb
language sql volatile set search_path to pg_catalog
begin atomic
  select jsonb_build_array(jsonb_build_object('table', 'crm.channel_identifiers', 'key', 'contact_id', 'moved', '[]'::jsonb, 'dropped', '[]'::jsonb,
    'altered', crm.alter_rows('crm.channel_identifiers', array(
      select i.id from crm.channel_identifiers i
      where i.tenant_id = app.tenant_id() and i.contact_id = p_from and i.is_primary and i.deleted_at is null
        and case i.channel when 'email' then 'primary_email' when 'phone' then 'primary_phone_e164' when 'sms' then 'primary_phone_e164' end = any (p_fields)
        -- The number of a contact is the one for calls, if there is one: beside that, the one for messages may stay.
        and (i.channel <> 'sms'
          or exists (select from crm.channel_identifiers t where t.tenant_id = app.tenant_id() and t.contact_id = p_to and t.channel = 'sms'
            and t.is_primary and t.deleted_at is null)
          or not exists (select from crm.channel_identifiers t where t.tenant_id = app.tenant_id() and t.contact_id = p_to and t.channel = 'phone'
            and t.is_primary and t.deleted_at is null))
    ), '{"is_primary": false}')));
end;
comment on function crm.yield_primary_identifiers(uuid, uuid, text[]) is
  'Makes room for the primary e-mail address or number of another contact, even if that has none, where it is to survive; answers with what it changed, as merges.changes has it.';
--! EndIncluded crm/yield_primary_identifiers.sql
--! Included crm/merge_records.sql
create or replace function crm.merge_records(p_target regclass, p_noun text, p_winner uuid, p_loser uuid, p_survivorship jsonb, p_groups jsonb)
returns crm.merges
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_is_contact constant boolean := p_target = 'crm.contacts'::regclass;
  v_rows record;
  v_role record;
  v_survivorship jsonb;
  v_survivors record;
  v_twice text;
  v_fields jsonb;
  v_merge crm.merges;
begin
  if jsonb_typeof(p_survivorship) <> 'object' then
    perform app.raise('VALIDATION_FAILED', format('The survivorship of a merge is an object such as {"title": "longest"}, not %s.',
      jsonb_typeof(p_survivorship)), 'survivorship');
  end if;
  if p_winner = p_loser then
    perform app.raise('VALIDATION_FAILED', format('Winner and loser are the same %s. Name two.', p_noun), 'loserId');
  end if;
  select * into v_rows from crm.lock_for_merge(p_target, p_winner, p_loser);
  for v_role in select * from (values ('winnerId', p_winner, v_rows.winner), ('loserId', p_loser, v_rows.loser)) v (field, id, found) loop
    if v_role.found is null then
      perform app.raise('NOT_FOUND', format('There is no %s %s.', p_noun, v_role.id), v_role.field);
    elsif v_role.found ->> 'deleted_at' is not null then
      select * into v_merge from crm.merges m where m.tenant_id = app.tenant_id() and m.undone_at is null
        and v_role.id in (m.loser_contact_id, m.loser_company_id);
      perform app.raise('INVALID_STATE', case when v_merge.id is null then format('The %s %s is deleted. Restore it first.', p_noun, v_role.id)
        else format('The %s %s was merged into %s already.', p_noun, v_role.id, coalesce(v_merge.winner_contact_id, v_merge.winner_company_id)) end, v_role.field);
    end if;
  end loop;

  -- Fields may be named as the API names them.
  select coalesce(jsonb_object_agg(lower(regexp_replace(key, '([A-Z])', '_\1', 'g')), value), '{}') into v_survivorship
  from jsonb_each(p_survivorship) where value <> 'null';
  select min(lower(regexp_replace(k, '([A-Z])', '_\1', 'g'))) into v_twice from jsonb_object_keys(p_survivorship) k
  group by lower(regexp_replace(k, '([A-Z])', '_\1', 'g')) having count(*) > 1 limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('The survivor of "%s" is chosen twice. Choose it once.', v_twice), 'survivorship');
  end if;
  select array_agg(distinct s.field) filter (where s.side = 'loser') as losers, array_agg(distinct s.field) filter (where s.side = 'winner') as winners,
    coalesce(jsonb_object_agg(c.name, jsonb_build_object('from', c.old, 'to', c.new)) filter (where c.old <> c.new and c.name not like 'primary\_%'), '{}') as fields
  into v_survivors
  from crm.survivors(p_target, v_rows.winner, v_rows.loser, v_survivorship, p_groups) s
  cross join lateral (
    select n as name, v_rows.winner -> n as old, case s.side when 'winner' then v_rows.winner -> n when 'loser' then v_rows.loser -> n
      else (v_rows.loser -> n) || (v_rows.winner -> n) end as new
    from unnest(s.columns) n
  ) c;
  v_fields := v_survivors.fields;

  insert into crm.merges (winner_contact_id, loser_contact_id, winner_company_id, loser_company_id, survivorship, fields, changes)
  select case when v_is_contact then p_winner end, case when v_is_contact then p_loser end,
    case when not v_is_contact then p_winner end, case when not v_is_contact then p_loser end, v_survivorship, v_fields,
    case when v_is_contact then crm.yield_primary_identifiers(p_winner, p_loser, v_survivors.losers)
      || crm.yield_primary_identifiers(p_loser, p_winner, v_survivors.winners) else '[]' end
  returning * into v_merge;
  -- The loser first: what is unique among the living, such as a domain, is then free for the winner.
  perform crm.alter_rows(p_target, array[p_loser], jsonb_build_object('deleted_at', now()));
  if v_fields <> '{}' then
    perform crm.alter_rows(p_target, array[p_winner], (select jsonb_object_agg(key, value -> 'to') from jsonb_each(v_fields)));
  end if;
  return v_merge;
end
$$;
comment on function crm.merge_records(regclass, text, uuid, uuid, jsonb, jsonb) is 'Merges two contacts or two companies; see merge_contacts().';
--! EndIncluded crm/merge_records.sql
--! Included crm/merge_contacts.sql
create or replace function crm.merge_contacts(winner_id uuid, loser_id uuid, survivorship jsonb default '{}') returns crm.merges
language sql volatile security definer set search_path to pg_catalog
begin atomic
  select crm.merge_records('crm.contacts', 'contact', winner_id, loser_id, coalesce(survivorship, '{}'),
    '{"primary_email": ["primary_email"], "primary_phone_e164": ["primary_phone_e164"]}')
  where app.require_scope('crm:write');
end;
comment on function crm.merge_contacts(uuid, uuid, jsonb) is E'@typeid contact\n'
  'Merges one contact, the loser, into another one, the winner. The loser is deleted, and undoMerge brings everything back. '
  'Survivorship says by field whose value stays: {"title": "longest", "primaryEmail": "loser"}. "winner" and "loser" take that value even if it is null; "newest" and "oldest" go by '
  'when the contacts were last changed; "longest" by the length; "filled" is the winner''s unless that is null; "combine" keeps the keys of both objects, the winner''s where both have one. '
  'Without a word, the winner''s value stays unless it is null, objects are combined, and whoever unsubscribed stays unsubscribed. '
  'Everything that refers to the loser refers to the winner from then on: identifiers, tags, messages, and history, too, so that consent and timeline go with the person. '
  'What the winner has already (the same tag, the same address, the same segment) stays with the loser, deleted where its table can; '
  'a second primary identifier becomes an ordinary one. Events, analytics and the audit log, which hold ids without a reference, tell of the loser still.';
grant execute on function crm.merge_contacts(uuid, uuid, jsonb) to rowhouse_manager;
--! EndIncluded crm/merge_contacts.sql
--! Included crm/merge_companies.sql
create or replace function crm.merge_companies(winner_id uuid, loser_id uuid, survivorship jsonb default '{}') returns crm.merges
language sql volatile security definer set search_path to pg_catalog
begin atomic
  select crm.merge_records('crm.companies', 'company', winner_id, loser_id, coalesce(survivorship, '{}'),
    '{"address": ["address_line1", "address_line2", "city", "state", "county", "postal_code", "country"],
      "annual_revenue": ["annual_revenue_minor", "currency"], "sic": ["sic_code", "sic_description"]}')
  where app.require_scope('crm:write');
end;
comment on function crm.merge_companies(uuid, uuid, jsonb) is E'@typeid company\n'
  'Merges one company, the loser, into another one, the winner: as mergeContacts does, with positions, leads, tasks and whatever else refers to it. '
  'What means something only together survives together: "address", "annualRevenue" with its currency, "sic" with its description.';
grant execute on function crm.merge_companies(uuid, uuid, jsonb) to rowhouse_manager;
--! EndIncluded crm/merge_companies.sql
--! Included crm/undo_merge.sql
create or replace function crm.undo_merge(merge_id uuid) returns crm.merges
language plpgsql volatile security definer set search_path to pg_catalog as $$
declare
  v_merge crm.merges;
  v_later crm.merges;
  v_target regclass;
  v_noun text;
  v_winner uuid;
  v_loser uuid;
  v_rows record;
  v_changed text;
  v_table text;
  v_constraint text;
begin
  perform app.require_scope('crm:write');
  select * into v_merge from crm.merges m where m.tenant_id = app.tenant_id() and m.id = undo_merge.merge_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no merge %s.', undo_merge.merge_id), 'mergeId');
  elsif v_merge.undone_at is not null then
    perform app.raise('INVALID_STATE', format('Merge %s was undone already.', v_merge.id), 'mergeId');
  end if;
  v_noun := case when v_merge.winner_contact_id is null then 'company' else 'contact' end;
  v_target := case v_noun when 'contact' then 'crm.contacts' else 'crm.companies' end;
  v_winner := coalesce(v_merge.winner_contact_id, v_merge.winner_company_id);
  v_loser := coalesce(v_merge.loser_contact_id, v_merge.loser_company_id);
  select * into v_rows from crm.lock_for_merge(v_target, v_winner, v_loser);

  -- Ids are made under the locks of the records, so they tell which merge came after which.
  select * into v_later from crm.merges m
  where m.tenant_id = v_merge.tenant_id and m.undone_at is null and m.id > v_merge.id
    and (v_winner in (m.winner_contact_id, m.loser_contact_id, m.winner_company_id, m.loser_company_id))
  order by m.id desc limit 1;
  if found then
    perform app.raise('INVALID_STATE', format('The %s %s was merged again later. Undo merge %s first.', v_noun, v_winner, v_later.id), 'mergeId');
  end if;
  if v_rows.winner ->> 'deleted_at' is not null then
    perform app.raise('INVALID_STATE', format('The %s %s, which the other one was merged into, is deleted. Restore it first.', v_noun, v_winner), 'mergeId');
  end if;
  select string_agg(f.key, ', ' order by f.key) into v_changed
  from jsonb_each(v_merge.fields) f where v_rows.winner -> f.key is distinct from f.value -> 'to';
  if v_changed is not null then
    perform app.raise('CONFLICT', format('The %s %s was changed since the merge, which took over: %s. Set them to what the merge made of them, or keep the merge.',
      v_noun, v_winner, v_changed), 'mergeId', jsonb_build_object('fields', v_merge.fields));
  end if;

  begin
    -- The winner first: it gives back what is unique among the living, such as a domain.
    if v_merge.fields <> '{}' then
      perform crm.alter_rows(v_target, array[v_winner], (select jsonb_object_agg(key, value -> 'from') from jsonb_each(v_merge.fields)));
    end if;
    update crm.merges m set undone_at = now(), undone_by = app.actor_id() where m.tenant_id = v_merge.tenant_id and m.id = v_merge.id
    returning * into v_merge;
    perform crm.alter_rows(v_target, array[v_loser], '{"deleted_at": null}');
  exception when unique_violation then
    get stacked diagnostics v_table = table_name, v_constraint = constraint_name;
    perform app.raise('CONFLICT', case when v_constraint like '%\_is\_primary\_key'
      then format('Merge %s cannot be undone: among the %s, another row became primary instead of one that would be again. Make that one ordinary first.',
        merge_id, replace(v_table, '_', ' '))
      else format('Merge %s cannot be undone: among the %s, another row has taken the %s of one that would come back. Change or delete that one first.',
        merge_id, replace(v_table, '_', ' '), replace(regexp_replace(v_constraint, format('^%s_|_key$', v_table), '', 'g'), '_', ' ')) end, 'mergeId');
  end;
  return v_merge;
end
$$;
comment on function crm.undo_merge(uuid) is
  'Takes a merge back: the loser lives again, what referred to it refers to it again, and both have their values of before the merge. What happened to the winner since stays with the winner. '
  'Merges of the same record are undone last first; it is refused when the winner is deleted, or a field that the merge had changed was changed again.';
grant execute on function crm.undo_merge(uuid) to rowhouse_manager;
--! EndIncluded crm/undo_merge.sql
--! Included crm/add_contact_tag.sql
create or replace function crm.add_contact_tag(contact_id uuid, tag text) returns crm.contact_tag_mapping
language plpgsql set search_path to pg_catalog as $$
#variable_conflict use_column
declare
  v_tag_id uuid;
  v_mapping crm.contact_tag_mapping;
begin
  perform app.require_scope('crm:write');
  if not exists (select from crm.contacts c where c.tenant_id = app.tenant_id() and c.id = add_contact_tag.contact_id and c.deleted_at is null) then
    perform app.raise('NOT_FOUND', format('There is no contact %s.', add_contact_tag.contact_id), 'contactId');
  end if;
  if add_contact_tag.tag is null or length(btrim(add_contact_tag.tag)) not between 1 and 100 then
    perform app.raise('VALIDATION_FAILED', 'A tag has 1 to 100 characters.', 'tag');
  end if;
  insert into crm.contact_tags (name) values (add_contact_tag.tag) on conflict (tenant_id, name) where deleted_at is null do nothing returning id into v_tag_id;
  if v_tag_id is null then
    select t.id into v_tag_id from crm.contact_tags t where t.tenant_id = app.tenant_id() and t.name = add_contact_tag.tag and t.deleted_at is null;
  end if;
  insert into crm.contact_tag_mapping (contact_id, contact_tag_id) values (add_contact_tag.contact_id, v_tag_id)
  on conflict (tenant_id, contact_id, contact_tag_id) where deleted_at is null do nothing returning * into v_mapping;
  if v_mapping.id is null then
    select * into v_mapping from crm.contact_tag_mapping m
    where m.tenant_id = app.tenant_id() and m.contact_id = add_contact_tag.contact_id and m.contact_tag_id = v_tag_id and m.deleted_at is null;
  end if;
  return v_mapping;
end
$$;
comment on function crm.add_contact_tag(uuid, text) is 'Marks a contact with the tag of this name, which is made if there is none; nothing changes when the contact has it.';
grant execute on function crm.add_contact_tag(uuid, text) to rowhouse_member;
--! EndIncluded crm/add_contact_tag.sql
--! Included crm/remove_contact_tag.sql
create or replace function crm.remove_contact_tag(contact_id uuid, tag text) returns crm.contacts
language plpgsql set search_path to pg_catalog as $$
declare
  v_contact crm.contacts;
begin
  perform app.require_scope('crm:write');
  select * into v_contact from crm.contacts c where c.tenant_id = app.tenant_id() and c.id = remove_contact_tag.contact_id and c.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no contact %s.', remove_contact_tag.contact_id), 'contactId');
  end if;
  update crm.contact_tag_mapping m set deleted_at = now()
  from crm.contact_tags t
  where m.tenant_id = v_contact.tenant_id and m.contact_id = v_contact.id and m.deleted_at is null
    and t.tenant_id = m.tenant_id and t.id = m.contact_tag_id and t.name = remove_contact_tag.tag and t.deleted_at is null;
  return v_contact;
end
$$;
comment on function crm.remove_contact_tag(uuid, text) is 'Takes the tag of this name from a contact; nothing changes when the contact does not have it.';
grant execute on function crm.remove_contact_tag(uuid, text) to rowhouse_member;
--! EndIncluded crm/remove_contact_tag.sql
--! Included crm/unmasked.sql
-- Whoever sees contact data masked may ask for it, one by one, and says why: admins see who asked for what.
do $$
begin
  if to_regtype('crm.unmasked') is null then
    create type crm.unmasked as (emails text[], phones text[]);
  end if;
end
$$;
comment on type crm.unmasked is 'The e-mail addresses and phone numbers of somebody, in full.';
comment on column crm.unmasked.emails is E'@notNull\nE-mail addresses, the primary one first.';
comment on column crm.unmasked.phones is E'@notNull\nPhone numbers, the primary one first.';

create or replace function private.note_unmasking(p_entity_type text, p_entity_id uuid, p_reason text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_ip text := nullif(current_setting('rowhouse.ip', true), '');
  v_limit integer := coalesce((select (t.settings ->> 'unmasksPerHour')::integer from iam.tenants t where t.id = app.tenant_id()), 20);
  v_count bigint;
begin
  if length(btrim(p_reason)) not between 10 and 500 then
    perform app.raise('VALIDATION_FAILED', 'Say in 10 to 500 characters why you need to see it; admins can read that.', 'reason');
  end if;
  -- One at a time for each actor, so that no two count the same.
  perform pg_advisory_xact_lock(hashtextextended('rowhouse unmask ' || app.tenant_id() || coalesce(app.actor_id()::text, app.user_id()::text, ''), 0));
  select count(*) into v_count from audit.audit_logs l
  where l.tenant_id = app.tenant_id() and l.actor_id is not distinct from app.actor_id() and l.action = 'unmask'
    and l.created_at > clock_timestamp() - interval '1 hour';
  if v_count >= v_limit then
    perform app.raise('LIMIT_EXCEEDED', format('You have unmasked %s records within an hour, and may %s. Wait, or ask an admin.', v_count, v_limit), null,
      jsonb_build_object('limit', v_limit, 'count', v_count, 'name', 'unmasksPerHour'));
  end if;
  insert into audit.audit_logs (tenant_id, action, entity_type, entity_id, new_values, actor_id, user_id, ip_address, request_id)
  values (app.tenant_id(), 'unmask', p_entity_type, p_entity_id, jsonb_build_object('reason', btrim(p_reason)), app.actor_id(), app.user_id(),
    case when pg_input_is_valid(v_ip, 'inet') then v_ip::inet end, nullif(current_setting('rowhouse.request_id', true), ''));
end
$$;
comment on function private.note_unmasking(text, uuid, text) is 'Writes to the audit log that somebody asked for masked contact data, and why; refuses it without a reason, or too often.';
--! EndIncluded crm/unmasked.sql
--! Included crm/unmask_contact.sql
create or replace function crm.unmask_contact(contact_id uuid, reason text) returns crm.unmasked
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_result crm.unmasked;
begin
  perform app.require_scope('crm:read');
  if not exists (select from crm.contacts c where c.tenant_id = app.tenant_id() and c.id = unmask_contact.contact_id and c.deleted_at is null) then
    perform app.raise('NOT_FOUND', format('There is no contact %s.', unmask_contact.contact_id), 'contactId');
  end if;
  perform private.note_unmasking('contacts', unmask_contact.contact_id, reason);
  select coalesce(array_agg(w.way order by w.rank, w.way) filter (where w.way like '%@%'), '{}'),
    coalesce(array_agg(w.way order by w.rank, w.way) filter (where w.way like '+%'), '{}')
  into v_result
  from (
    select v.way, min(v.rank) as rank
    from crm.contacts c
    cross join lateral (
      select 1 as rank, c.primary_email as way union all select 1, c.primary_phone_e164
      union all
      select 2, i.identifier from crm.channel_identifiers i where i.tenant_id = c.tenant_id and i.contact_id = c.id and i.deleted_at is null
        and i.channel in ('email', 'sms', 'phone', 'whatsapp', 'voice')
      union all
      select 3, unnest(array[p.email, p.phone_e164]) from crm.positions p where p.tenant_id = c.tenant_id and p.contact_id = c.id and p.deleted_at is null
    ) v
    where c.tenant_id = app.tenant_id() and c.id = unmask_contact.contact_id and v.way is not null
    group by v.way
  ) w;
  return v_result;
end
$$;
comment on function crm.unmask_contact(uuid, text) is
  'The e-mail addresses and phone numbers of a contact in full, for those who see them masked. The reason is written to the audit log; each may ask for so many within an hour.';
grant execute on function crm.unmask_contact(uuid, text) to rowhouse_viewer, rowhouse_viewer_masked;
--! EndIncluded crm/unmask_contact.sql
--! Included crm/unmask_lead.sql
create or replace function crm.unmask_lead(lead_id uuid, reason text) returns crm.unmasked
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_lead crm.leads;
begin
  perform app.require_scope('crm:read');
  select * into v_lead from crm.leads l where l.tenant_id = app.tenant_id() and l.id = unmask_lead.lead_id and l.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no lead %s.', unmask_lead.lead_id), 'leadId');
  end if;
  perform private.note_unmasking('leads', v_lead.id, reason);
  return row(
    array(select distinct e from unnest(array[v_lead.email] || array(select jsonb_array_elements(v_lead.emails) #>> '{}')) e where e is not null),
    array(select distinct p from unnest(array[v_lead.phone_e164, v_lead.mobile_phone_e164, v_lead.phone] || array(select jsonb_array_elements(v_lead.phones) #>> '{}')) p
      where p is not null))::crm.unmasked;
end
$$;
comment on function crm.unmask_lead(uuid, text) is 'The same for a lead: its e-mail addresses and phone numbers in full, audited.';
grant execute on function crm.unmask_lead(uuid, text) to rowhouse_viewer, rowhouse_viewer_masked;
--! EndIncluded crm/unmask_lead.sql
--! EndIncluded crm/index.sql
--! Included lists/index.sql
-- Lists: what comes in, what is learnt about it, what goes out.
create schema if not exists lists;
comment on schema lists is 'Lists of contact data: imports, entries, enrichment, exports.';
grant usage on schema lists to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--! Included lists/types.sql
select ddl.enum('lists.list_status', '{"active": "It is worked with.", "archived": "It is kept, and out of the way."}', 'Whether a list is worked with.');
select ddl.enum('lists.import_status', '{
  "awaiting_upload": "The file has not been sent yet.", "uploading": "The file is coming in.",
  "interrupted": "The upload stopped; send the file again and it goes on after the last line that was kept.",
  "queued": "The file is here and waits for a worker.", "merging": "Its rows become entries.", "completed": "Its rows are entries.",
  "failed": "It ended by an error, and changed nothing.", "cancelled": "Somebody stopped it before it changed anything.",
  "undoing": "What it did is being taken back.", "undone": "What it did was taken back."
}', 'Where an import stands.');
select ddl.enum('lists.import_format', '{
  "auto": "Found out from the file.", "csv": "Separated by commas or semicolons.", "tsv": "Separated by tabs.", "jsonl": "A JSON object a line."
}', 'Format of an uploaded file.');
select ddl.enum('lists.duplicate_policy', '{
  "skip": "Leave the row out.", "fill": "Fill the entry''s empty fields.", "overwrite": "Overwrite the entry''s fields.", "keep": "Keep the row as an entry of its own."
}', 'What happens to a row whose phone or e-mail the list has already.');
select ddl.enum('lists.import_outcome', '{
  "inserted": "It became an entry.", "filled": "It filled empty fields of an entry.", "overwritten": "It overwrote fields of an entry.",
  "skipped": "It was left out as a duplicate.", "rejected": "It could not be read; the reject file says why."
}', 'What became of a row of an import.');
select ddl.enum('lists.entry_status', '{"active": "It is worked with.", "archived": "It is kept, and out of the way."}', 'Whether an entry is worked with.');
select ddl.enum('lists.enrichment_status', '{
  "pending": "Not enriched yet.", "enriched": "Every step ended well.", "partial": "Some of its steps failed.", "failed": "Every step failed."
}', 'How enrichment of an entry ended.');
select ddl.enum('lists.name_status', '{
  "unknown": "Not checked.", "valid": "A person''s name.", "invalid": "Not a person''s name."
}', 'What is known of a name.');
select ddl.enum('lists.email_status', '{
  "unknown": "Not checked.", "valid": "Well-formed.", "invalid": "Not an address.", "risky": "Well-formed, but disposable or a role account."
}', 'What is known of an e-mail address.');
select ddl.enum('lists.phone_status', '{
  "unknown": "Not checked.", "valid": "A number of its country''s numbering plan.", "invalid": "Not a number of any plan."
}', 'What is known of a phone number.');
select ddl.enum('lists.address_status', '{
  "unknown": "Not checked.", "valid": "Its parts agree.", "invalid": "Its parts contradict each other.", "partial": "Parts are missing."
}', 'What is known of a postal address.');
select ddl.enum('lists.phone_type', '{
  "fixed_line": "Fixed line.", "mobile": "Mobile.", "fixed_line_or_mobile": "Fixed or mobile: the plan does not tell.", "toll_free": "Free for the caller.",
  "premium_rate": "Costs extra.", "shared_cost": "Cost is shared.", "voip": "Internet telephony.", "personal_number": "Follows a person.",
  "pager": "Pager.", "uan": "Universal access number of a company.", "voicemail": "Voice mail.", "unknown": "Not known."
}', 'What kind of line a phone number is, by its numbering plan.');
select ddl.enum('lists.plan_status', '{
  "active": "It runs when asked, or by itself.", "paused": "It does not run for now.", "archived": "It is kept, and out of the way."
}', 'Whether an enrichment plan runs.');
select ddl.enum('lists.enrichment_block', '{
  "phone": "Phone number: validity, form, kind, place.", "email": "E-mail address: form, provider.", "name": "Name: parts, case, nickname.", "address": "Address: ZIP, city, county, time zone."
}', 'What a step of an enrichment plan looks at.');
select ddl.enum('lists.queue_job_status', '{
  "queued": "Waits for a worker.", "running": "A worker is at it.", "succeeded": "Done.", "failed": "It failed for good.", "cancelled": "Somebody stopped it."
}', 'Where a batch of entries stands.');
select ddl.enum('lists.step_status', '{
  "found": "Something was learnt.", "unchanged": "What was there is right.", "not_found": "Nothing is known.", "invalid": "What was there is wrong.",
  "skipped": "There was nothing to look at.", "failed": "The step failed."
}', 'How a step ended for an entry.');
select ddl.enum('lists.export_status', '{
  "queued": "Waits for a worker.", "running": "The file is being written.", "succeeded": "The file can be fetched.", "failed": "It ended by an error.",
  "cancelled": "Somebody stopped it.", "expired": "Its file was removed."
}', 'Where an export stands.');
select ddl.enum('lists.export_format', '{"csv": "Comma-separated, with a header.", "jsonl": "A JSON object a line."}', 'Format of an exported file.');
select ddl.enum('lists.data_group_kind', '{
  "rpc": "Entries at whose number the right party answers.", "wpc": "Entries at whose number somebody else answers.",
  "dcode": "Entries whose calls ended with certain disposition codes.", "custom": "Entries chosen by a filter, or by hand."
}', 'By what a data group brings entries together.');
select ddl.enum('lists.data_group_membership', '{
  "static": "Entries are put in and taken out one by one.", "rule_based": "The disposition codes and the filter of the group decide."
}', 'How entries come into a data group.');
select ddl.enum('lists.filter_rule_effect', '{
  "accept": "Lets through what it matches, even where a rule that rejects matches, too.", "reject": "Holds back what it matches."
}', 'What a filter rule does.');
select ddl.enum('lists.filter_rule_match', '{
  "phone": "One phone number.", "email": "One e-mail address.", "domain": "E-mail addresses of a domain and of the domains below it.",
  "area_code": "Numbers of an area code of the North American numbering plan.", "prefix": "Phone numbers that begin so.",
  "pattern": "Phone numbers and e-mail addresses that a regular expression matches."
}', 'What a filter rule looks at.');
select ddl.enum('lists.filter_rule_scope', '{
  "outbound": "Messages and calls.", "export": "Exports.", "both": "Messages, calls and exports."
}', 'Where a filter rule holds.');
select ddl.enum('lists.rpc_verdict', '{
  "right_party": "The number is this person''s.", "wrong_party": "The number is somebody else''s.", "unknown": "The score decides neither way."
}', 'Whether a number reaches the person it stands with.');
select ddl.enum('lists.connection_kind', '{
  "webhook": "An address that is called by HTTP.", "ftp": "A folder of an FTP server.", "sftp": "A folder of an SFTP server.",
  "s3": "A bucket of S3-compatible storage.", "email": "Mailboxes."
}', 'What kind of place files and rows are sent to.');
select ddl.enum('lists.connection_status', '{
  "active": "It is used.", "paused": "Nothing is sent for now.", "failing": "The last attempts failed; it is used on."
}', 'Whether a connection is used, and works.');
select ddl.enum('lists.export_delivery_status', '{
  "pending": "Waits for its turn.", "sending": "The file is on its way.", "delivered": "The other side has it.",
  "failed": "The other side did not take it.", "cancelled": "Somebody stopped it."
}', 'Where an attempt to hand over an exported file stands.');
--! EndIncluded lists/types.sql
--! Included lists/lists.sql
-- A list is a named heap of contact data; everything about its rows hangs from here.
create table if not exists lists.lists (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint lists_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint lists_description_check check (length(description) <= 5000),
  status lists.list_status not null default 'active',
  columns jsonb not null default '[]' constraint lists_columns_check check (jsonb_typeof(columns) = 'array'),
  metadata jsonb not null default '{}' constraint lists_metadata_check check (jsonb_typeof(metadata) = 'object'),
  entry_count bigint not null default 0 constraint lists_entry_count_check check (entry_count >= 0),
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint lists_pkey primary key (tenant_id, id)
);
comment on table lists.lists is E'@typeid list\nA named collection of contact data.';
comment on column lists.lists.columns is 'Columns seen in imported files, in order: an array of {name, mappedTo}.';
comment on column lists.lists.metadata is 'Anything the tenant wants to keep about the list, a JSON object.';
comment on column lists.lists.entry_count is 'How many living entries the list has.';
comment on column lists.lists.created_by is 'Actor who made the list.';
create unique index if not exists lists_name_key on lists.lists (tenant_id, name) where deleted_at is null;
create index if not exists lists_status_idx on lists.lists (tenant_id, status, id);
create index if not exists lists_created_at_idx on lists.lists (tenant_id, created_at);
create index if not exists lists_metadata_idx on lists.lists using gin (metadata jsonb_path_ops);
select ddl.foreign_key('lists.lists', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.lists', p_insert => '{name,description,status,metadata}', p_update => '{name,description,status,metadata}');
select ddl.masked('lists.lists', '{"columns": "names", "metadata": "json"}');
--! EndIncluded lists/lists.sql
--! Included lists/list_imports.sql
-- One uploaded file on its way into a list: how to read it, how far it is, what became of its rows.
create table if not exists lists.list_imports (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid not null,
  status lists.import_status not null default 'awaiting_upload',
  file_name text constraint list_imports_file_name_check check (length(file_name) <= 500),
  format lists.import_format not null default 'auto',
  encoding text,
  delimiter text,
  has_header boolean not null default true,
  mapping jsonb constraint list_imports_mapping_check check (jsonb_typeof(mapping) = 'object'),
  default_country text not null default 'US' constraint list_imports_default_country_check check (default_country ~ '^[A-Z]{2}$'),
  duplicate_policy lists.duplicate_policy not null default 'skip',
  is_dry_run boolean not null default false,
  headers jsonb constraint list_imports_headers_check check (jsonb_typeof(headers) = 'array'),
  byte_count bigint not null default 0,
  sha256 text constraint list_imports_sha256_check check (sha256 ~ '^[0-9a-f]{64}$'),
  line_count bigint not null default 0,
  accepted_count bigint not null default 0,
  rejected_count bigint not null default 0,
  warning_count bigint not null default 0,
  inserted_count bigint not null default 0,
  filled_count bigint not null default 0,
  overwritten_count bigint not null default 0,
  skipped_count bigint not null default 0,
  removed_count bigint not null default 0,
  restored_count bigint not null default 0,
  checkpoint jsonb,
  error_code text,
  error_message text,
  started_by uuid default app.actor_id(),
  upload_started_at timestamptz,
  uploaded_at timestamptz,
  completed_at timestamptz,
  cancelled_at timestamptz,
  undone_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint list_imports_pkey primary key (tenant_id, id)
);
comment on table lists.list_imports is E'@typeid imp\nA file being imported into a list: how to read it, how far it is, and what became of its rows.';
comment on column lists.list_imports.encoding is 'Character encoding of the file, as given or as detected.';
comment on column lists.list_imports.delimiter is 'Character between fields of a CSV file, as given or as detected.';
comment on column lists.list_imports.mapping is 'Header to entry column; null leaves a header out. Without a mapping, well-known headers are recognised.';
comment on column lists.list_imports.default_country is 'Country of phone numbers without a country code (ISO 3166 alpha-2).';
comment on column lists.list_imports.is_dry_run is 'Only report what the import would do.';
comment on column lists.list_imports.headers is 'Headers of the file with the column each was mapped to: an array of {name, mappedTo}.';
comment on column lists.list_imports.byte_count is 'Bytes of the file read so far, after decompression.';
comment on column lists.list_imports.sha256 is 'SHA-256 of the file''s content after decompression, hexadecimal.';
comment on column lists.list_imports.line_count is 'Records read from the file, without the header.';
comment on column lists.list_imports.accepted_count is 'Rows that could be read.';
comment on column lists.list_imports.rejected_count is 'Rows that could not be read; the reject file says why.';
comment on column lists.list_imports.warning_count is 'Values that were kept only in data, such as an e-mail column that holds no address.';
comment on column lists.list_imports.removed_count is 'Entries that undoing the import deleted; they can be restored.';
comment on column lists.list_imports.restored_count is 'Entries that undoing the import gave back what they held before.';
comment on column lists.list_imports.checkpoint is E'@behavior -*\nHow far an upload is kept, to go on after an interruption.';
comment on column lists.list_imports.error_code is 'Code of the error that ended the import.';
comment on column lists.list_imports.error_message is 'What ended the import, and what to do.';
comment on column lists.list_imports.started_by is 'Actor who started the import.';
create index if not exists list_imports_status_idx on lists.list_imports (tenant_id, status, id);
create index if not exists list_imports_sha256_idx on lists.list_imports (tenant_id, list_id, sha256);
select ddl.foreign_key('lists.list_imports', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.list_imports', 'started_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.list_imports');
-- After a failure another file can be sent, or the merge of the same one be retried.
select ddl.state_machine('lists.list_imports', 'status', '{
  "awaiting_upload": ["uploading", "cancelled"], "uploading": ["queued", "interrupted", "failed", "cancelled"],
  "interrupted": ["uploading", "cancelled"], "queued": ["merging", "failed", "cancelled"], "merging": ["completed", "failed", "cancelled"],
  "failed": ["uploading", "merging", "cancelled"], "completed": ["undoing"], "undoing": ["undone", "completed"], "cancelled": [], "undone": []}');
select ddl.enqueue('lists.list_imports', 'merge_import', 'update', $$r.status = 'queued' and o.status is distinct from 'queued'$$);
select ddl.enqueue('lists.list_imports', 'undo_import', 'update', $$r.status = 'undoing' and o.status is distinct from 'undoing'$$);
select ddl.notify_progress('lists.list_imports', 'update');
select ddl.masked('lists.list_imports', '{"mapping": "names", "headers": "names", "sha256": "hidden", "checkpoint": "json", "error_message": "text"}');
--! EndIncluded lists/list_imports.sql
--! Included lists/list_imports_upload_path.sql
create or replace function lists.list_imports_upload_path(import lists.list_imports) returns text
language sql stable set search_path to pg_catalog
return '/imports/' || import.id::text;
comment on function lists.list_imports_upload_path(lists.list_imports) is
  E'@notNull\n@behavior -aggregate -filterBy -orderBy\nPath on this server that the file is sent to by POST, as the body itself; GET tells how far it is, and GET on rejects below it gives the lines that were not taken.';
grant execute on function lists.list_imports_upload_path(lists.list_imports) to rowhouse_viewer, rowhouse_system;
--! EndIncluded lists/list_imports_upload_path.sql
--! Included lists/list_entries.sql
-- Raw imported material (data) beside what the product works with (typed columns).
create table if not exists lists.list_entries (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid not null,
  list_import_id uuid,
  line_number bigint,
  contact_id uuid,
  lead_id uuid,
  status lists.entry_status not null default 'active',
  enrichment_status lists.enrichment_status not null default 'pending',
  data jsonb not null default '{}' constraint list_entries_data_check check (jsonb_typeof(data) = 'object'),
  tag text constraint list_entries_tag_check check (length(tag) <= 200),
  score float8,
  confidence float8 constraint list_entries_confidence_check check (confidence between 0 and 1),
  full_name text, honorific text, first_name text, middle_name text, last_name text, name_suffix text, nickname text,
  name_status lists.name_status not null default 'unknown',
  company_name text,
  email text constraint list_entries_email_check check (email = lower(email) and length(email) <= 320),
  email_domain text,
  email_status lists.email_status not null default 'unknown',
  is_email_disposable boolean, is_email_free boolean, is_email_role boolean,
  phone text constraint list_entries_phone_check check (length(phone) <= 64),
  phone_e164 text constraint list_entries_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  phone_status lists.phone_status not null default 'unknown',
  phone_type lists.phone_type,
  phone_country text, phone_location text, phone_time_zone text,
  address_line1 text, address_line2 text, city text, state text, county text, postal_code text,
  country text constraint list_entries_country_check check (length(country) <= 100),
  time_zone text,
  address_status lists.address_status not null default 'unknown',
  enriched_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint list_entries_pkey primary key (tenant_id, id)
);
comment on table lists.list_entries is E'@typeid entry\nA row of a list: the raw data as it was imported, and the typed columns that enrichment checks and completes.';
comment on column lists.list_entries.list_import_id is 'Import that brought the entry.';
comment on column lists.list_entries.line_number is 'Line of the imported file.';
comment on column lists.list_entries.contact_id is 'Contact that the entry was promoted to.';
comment on column lists.list_entries.lead_id is 'Lead that the entry was promoted to.';
comment on column lists.list_entries.data is 'The row as it was imported: header to value.';
comment on column lists.list_entries.tag is 'Free label of the entry.';
comment on column lists.list_entries.score is 'Score of the entry, higher is better.';
comment on column lists.list_entries.confidence is 'How sure whoever read the row from its source is that it is right, from 0 to 1.';
comment on column lists.list_entries.email is 'E-mail address, trimmed and in lower case.';
comment on column lists.list_entries.phone is 'Phone number as it was given.';
comment on column lists.list_entries.phone_e164 is 'Phone number in international form, such as +12022243441.';
comment on column lists.list_entries.phone_country is 'ISO 3166 alpha-2 country of the phone number.';
comment on column lists.list_entries.phone_location is 'Place of the phone number''s area code.';
comment on column lists.list_entries.phone_time_zone is 'IANA time zone of the phone number''s area code.';
comment on column lists.list_entries.is_email_disposable is 'The address is of a throw-away provider.';
comment on column lists.list_entries.is_email_free is 'The address is of a free-mail provider.';
comment on column lists.list_entries.is_email_role is 'The address is of a role, such as info@, not of a person.';
comment on column lists.list_entries.time_zone is 'IANA time zone of the postal address.';
comment on column lists.list_entries.enriched_at is 'When the entry was last enriched.';
select ddl.foreign_key('lists.list_entries', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.list_entries', 'list_import_id', 'lists.list_imports', 'set null', p_index => false);
select ddl.foreign_key('lists.list_entries', 'contact_id', 'crm.contacts', 'set null', p_index => false);
select ddl.foreign_key('lists.list_entries', 'lead_id', 'crm.leads', 'set null', p_index => false);
select ddl.tenant_table('lists.list_entries',
  p_insert => '{list_id,data,tag,score,confidence,full_name,honorific,first_name,middle_name,last_name,name_suffix,nickname,company_name,email,phone,phone_e164,address_line1,address_line2,city,state,county,postal_code,country,time_zone}',
  p_update => '{status,data,tag,score,confidence,full_name,honorific,first_name,middle_name,last_name,name_suffix,nickname,company_name,email,phone,phone_e164,address_line1,address_line2,city,state,county,postal_code,country,time_zone}');
-- The list belongs to the tenant, so the reference to it says all; a second one would cost each imported row 5 µs of about 45.
alter table lists.list_entries drop constraint if exists list_entries_tenant_id_fkey;
select ddl.masked('lists.list_entries', '{"data": "json", "tag": "text", "email": "email", "email_domain": "domain", "phone": "phone", "phone_e164": "phone"}');
--! EndIncluded lists/list_entries.sql
--! Included lists/list_entries_indexes.sql
-- Which questions about entries are quick. Each index costs every import: a new one needs a figure.
create index if not exists list_entries_list_id_idx on lists.list_entries (tenant_id, list_id, id);
create index if not exists list_entries_list_import_id_idx on lists.list_entries (tenant_id, list_import_id, line_number);
create index if not exists list_entries_email_idx on lists.list_entries (tenant_id, email) where email is not null;
create index if not exists list_entries_phone_e164_idx on lists.list_entries (tenant_id, phone_e164) where phone_e164 is not null;
create index if not exists list_entries_enrichment_status_idx on lists.list_entries (tenant_id, list_id, enrichment_status, id);
create index if not exists list_entries_last_name_idx on lists.list_entries (tenant_id, last_name, first_name) where last_name is not null;
create index if not exists list_entries_tag_idx on lists.list_entries (tenant_id, tag) where tag is not null;
create index if not exists list_entries_contact_id_idx on lists.list_entries (tenant_id, contact_id) where contact_id is not null;
create index if not exists list_entries_lead_id_idx on lists.list_entries (tenant_id, lead_id) where lead_id is not null;
-- Their indexes leave out only the entries without one, and so serve the way back.
comment on constraint list_entries_contact_id_fkey on lists.list_entries is '@isIndexed';
comment on constraint list_entries_lead_id_fkey on lists.list_entries is '@isIndexed';

-- A partial index over the values that exist serves equality and ranges; say so to the API, which otherwise
-- counts only whole indexes.
comment on index lists.list_entries_email_idx is 'Serves look-ups and duplicate detection by e-mail.';
comment on index lists.list_entries_phone_e164_idx is 'Serves look-ups and duplicate detection by phone.';
--! EndIncluded lists/list_entries_indexes.sql
--! Included lists/list_entries_search.sql
-- Every imported row pays for this: few calls, no trigrams (which cost an import more than all other indexes), and a
-- pending list that takes in many rows before they are sorted in.
select ddl.searchable('lists.list_entries',
  $$setweight(app.search_words(coalesce(full_name, coalesce(first_name, '') || ' ' || coalesce(last_name, ''))), 'A') || app.search_digits(coalesce(phone_e164, phone))
    || strip(app.search_words(coalesce(email, '') || ' ' || coalesce(company_name, '') || ' ' || coalesce(city, '') || ' ' || coalesce(tag, '')))
    || app.search_sounds(coalesce(full_name, coalesce(first_name, '') || ' ' || coalesce(last_name, '')))$$,
  null,
  '{full_name,email,phone_e164,phone,company_name,city,tag}', p_pending_kib => 32768);
--! EndIncluded lists/list_entries_search.sql
--! Included lists/list_entry_totals.sql
-- How good the data of a list is, kept as entries come, change and go: no screen counts a million rows.
create table if not exists lists.list_entry_totals (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid not null,
  slot smallint not null default 0,
  entry_count bigint not null default 0,
  name_count bigint not null default 0,
  valid_name_count bigint not null default 0,
  email_count bigint not null default 0,
  valid_email_count bigint not null default 0,
  phone_count bigint not null default 0,
  valid_phone_count bigint not null default 0,
  address_count bigint not null default 0,
  valid_address_count bigint not null default 0,
  reachable_count bigint not null default 0,
  promoted_count bigint not null default 0,
  enriched_count bigint not null default 0,
  partial_count bigint not null default 0,
  failed_count bigint not null default 0,
  created_at timestamptz not null default now(),
  constraint list_entry_totals_pkey primary key (tenant_id, id)
) with (fillfactor = 50);
comment on table lists.list_entry_totals is E'@behavior -*\nTotals of the entries of a list, spread over slots; list_quality adds them up.';
comment on column lists.list_entry_totals.slot is 'Writers at the same time add to different slots.';
create unique index if not exists list_entry_totals_list_id_key on lists.list_entry_totals (tenant_id, list_id, slot);
select ddl.foreign_key('lists.list_entry_totals', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.tenant_table('lists.list_entry_totals', p_system => 'select');
select ddl.roll_up('lists.list_entries', 'lists.list_entry_totals', '{"list_id": "r.list_id"}', '{
  "entry_count": "true",
  "name_count": "coalesce(r.full_name, r.last_name, r.first_name) is not null", "valid_name_count": "r.name_status = ''valid''",
  "email_count": "r.email is not null", "valid_email_count": "r.email_status = ''valid''",
  "phone_count": "coalesce(r.phone, r.phone_e164) is not null", "valid_phone_count": "r.phone_status = ''valid''",
  "address_count": "coalesce(r.address_line1, r.city, r.postal_code) is not null", "valid_address_count": "r.address_status = ''valid''",
  "reachable_count": "r.phone_status = ''valid'' or r.email_status = ''valid''",
  "promoted_count": "r.contact_id is not null or r.lead_id is not null",
  "enriched_count": "r.enrichment_status = ''enriched''", "partial_count": "r.enrichment_status = ''partial''",
  "failed_count": "r.enrichment_status = ''failed''"
}', p_parent => 'lists.lists', p_parent_columns => '{entry_count}');
--! EndIncluded lists/list_entry_totals.sql
--! Included lists/list_import_rows.sql
-- Outcome of the rows that did not simply become a new entry (those carry their import and line themselves).
create table if not exists lists.list_import_rows (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_import_id uuid not null,
  line_number bigint not null,
  outcome lists.import_outcome not null,
  list_entry_id uuid,
  reason_code text,
  reason text,
  raw text,
  previous jsonb constraint list_import_rows_previous_check check (jsonb_typeof(previous) = 'object'),
  created_at timestamptz not null default now(),
  constraint list_import_rows_pkey primary key (tenant_id, id)
);
comment on table lists.list_import_rows is E'@typeid improw\nA row of an import that was rejected, skipped, or merged into an existing entry.';
comment on column lists.list_import_rows.line_number is 'Line of the file where the row begins; the header is line 1.';
comment on column lists.list_import_rows.reason_code is 'Why, as a code.';
comment on column lists.list_import_rows.reason is 'Why, in words.';
comment on column lists.list_import_rows.raw is 'The row as it stood in the file, cut to 2,000 characters.';
comment on column lists.list_import_rows.previous is E'@behavior -*\nThe entry''s fields before this row changed them; undo puts them back.';
create index if not exists list_import_rows_line_number_idx on lists.list_import_rows (tenant_id, list_import_id, line_number);
create index if not exists list_import_rows_outcome_idx on lists.list_import_rows (tenant_id, list_import_id, outcome, line_number);
create index if not exists list_import_rows_list_entry_id_idx on lists.list_import_rows (tenant_id, list_entry_id) where list_entry_id is not null;
select ddl.foreign_key('lists.list_import_rows', 'list_import_id', 'lists.list_imports', 'cascade', p_index => false);
select ddl.foreign_key('lists.list_import_rows', 'list_entry_id', 'lists.list_entries', 'set null', p_index => false);
select ddl.tenant_table('lists.list_import_rows');
select ddl.masked('lists.list_import_rows', '{"reason": "text", "raw": "text", "previous": "json"}');
--! EndIncluded lists/list_import_rows.sql
--! Included lists/import_staging.sql
-- Where the rows of an upload wait for their merge: a table per import, without indexes, dropped in one piece.
-- It is logged, because what an upload was told to be kept must survive the death of PostgreSQL, too.
create or replace function lists.import_staging_name(p_import_id uuid) returns text
language sql immutable set search_path to pg_catalog
return format('staging.%I', 'import_' || replace(p_import_id::text, '-', ''));
comment on function lists.import_staging_name(uuid) is E'@behavior -*\nThe staging table of an import.';
grant execute on function lists.import_staging_name(uuid) to rowhouse_system;

create or replace function lists.create_import_staging(p_import_id uuid) returns text
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_name text := lists.import_staging_name(p_import_id);
begin
  -- The table itself has no policy (COPY allows none): so its name is given to the import's own tenant only.
  if not exists (select from lists.list_imports where tenant_id = app.tenant_id() and id = p_import_id) then
    perform app.raise('NOT_FOUND', format('There is no import %s.', p_import_id), 'importId');
  end if;
  if to_regclass(v_name) is null then
    execute format('create table %s (
      line_number bigint not null, data jsonb not null,
      full_name text, first_name text, middle_name text, last_name text, name_suffix text, nickname text, company_name text,
      email text, phone text, address_line1 text, address_line2 text, city text, state text, postal_code text, country text,
      phone_e164 text) with (autovacuum_enabled = off, toast.autovacuum_enabled = off)', v_name);
    execute format('grant select, insert on %s to rowhouse_system', v_name);
  end if;
  return v_name;
end
$$;
comment on function lists.create_import_staging(uuid) is E'@behavior -*\nMakes the staging table of an import of this tenant, if it is not there, and names it.';
grant execute on function lists.create_import_staging(uuid) to rowhouse_system;

create or replace function lists.drop_import_staging(p_import_id uuid) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_name text := lists.import_staging_name(p_import_id);
begin
  if not exists (select from lists.list_imports where tenant_id = app.tenant_id() and id = p_import_id) then
    perform app.raise('NOT_FOUND', format('There is no import %s.', p_import_id), 'importId');
  end if;
  -- Asked first, because "if exists" tells every caller with a notice that there was nothing to drop.
  if to_regclass(v_name) is not null then
    execute format('drop table %s', v_name);
  end if;
end
$$;
comment on function lists.drop_import_staging(uuid) is E'@behavior -*\nDrops the staging table of an import of this tenant.';
grant execute on function lists.drop_import_staging(uuid) to rowhouse_system;
--! EndIncluded lists/import_staging.sql
--! Included lists/start_import.sql
create or replace function lists.start_import(
  list_id uuid,
  file_name text default null,
  format lists.import_format default 'auto',
  encoding text default null,
  delimiter text default null,
  has_header boolean default true,
  mapping jsonb default null,
  default_country text default null,
  duplicate_policy lists.duplicate_policy default 'skip',
  is_dry_run boolean default false
) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_import lists.list_imports;
begin
  perform app.require_scope('imports:write');
  if not exists (select from lists.lists l where l.tenant_id = app.tenant_id() and l.id = start_import.list_id and l.deleted_at is null) then
    perform app.raise('NOT_FOUND', format('There is no list %s.', list_id), 'listId');
  end if;
  if mapping is not null and jsonb_typeof(mapping) <> 'object' then
    perform app.raise('VALIDATION_FAILED', 'The mapping must be an object: header of the file to column of the entry, or to null.', 'mapping');
  end if;
  if default_country !~ '^[A-Z]{2}$' then
    perform app.raise('VALIDATION_FAILED', format('"%s" is no country code. Send two capital letters, such as US.', default_country), 'defaultCountry');
  end if;
  if delimiter not in (',', ';', '|', E'\t') then
    perform app.raise('VALIDATION_FAILED', 'The delimiter must be a comma, a semicolon, a bar or a tab.', 'delimiter');
  end if;
  if encoding not in ('utf-8', 'utf-16le', 'utf-16be', 'windows-1250', 'windows-1251', 'windows-1252', 'iso-8859-1', 'iso-8859-15', 'macintosh') then
    perform app.raise('VALIDATION_FAILED', format('The encoding "%s" is not known. Leave it out, or send utf-8, utf-16le, utf-16be, '
      'windows-1250, windows-1251, windows-1252, iso-8859-1, iso-8859-15 or macintosh.', encoding), 'encoding');
  end if;
  insert into lists.list_imports
    (list_id, file_name, format, encoding, delimiter, has_header, mapping, default_country, duplicate_policy, is_dry_run)
  values (start_import.list_id, left(start_import.file_name, 500), start_import.format, start_import.encoding, start_import.delimiter,
    coalesce(start_import.has_header, true), start_import.mapping,
    coalesce(start_import.default_country, (select t.default_country from iam.tenants t where t.id = app.tenant_id())),
    coalesce(start_import.duplicate_policy, 'skip'), coalesce(start_import.is_dry_run, false))
  returning * into v_import;
  return v_import;
end
$$;
comment on function lists.start_import(uuid, text, lists.import_format, text, text, boolean, jsonb, text, lists.duplicate_policy, boolean) is
  'Opens an import into a list. Then send the file: POST it to the import''s uploadPath. Format, encoding and delimiter are detected unless given; '
  'the mapping is an object, header of the file to column of the entry or to null, and well-known headers are recognised without one; '
  'the default country (two letters) is that of phone numbers without a country code, the tenant''s unless given; a dry run only reports.';
grant execute on function lists.start_import(uuid, text, lists.import_format, text, text, boolean, jsonb, text, lists.duplicate_policy, boolean)
  to rowhouse_member;
--! EndIncluded lists/start_import.sql
--! Included lists/cancel_import.sql
create or replace function lists.cancel_import(import_id uuid) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_import lists.list_imports;
  v_job pipeline.jobs;
begin
  perform app.require_scope('imports:write');
  -- The import first, then its job: the order in which the worker takes them.
  select * into v_import from lists.list_imports i where i.tenant_id = app.tenant_id() and i.id = import_id for no key update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no import %s.', import_id), 'importId');
  end if;
  if v_import.status not in ('awaiting_upload', 'uploading', 'interrupted', 'queued', 'merging', 'failed') then
    perform app.raise('INVALID_STATE', format('Import %s is %s and cannot be cancelled.%s', import_id, v_import.status,
      case v_import.status when 'completed' then ' Undo it instead.' else '' end), 'importId');
  end if;
  select * into v_job from pipeline.jobs j
  where j.tenant_id = v_import.tenant_id and j.subject_id = v_import.id and j.task = 'merge_import'
  order by j.id desc limit 1 for no key update;
  if v_job.status in ('queued', 'running', 'retrying') then
    select * into v_job from pipeline.cancel_job(v_job.id);
  end if;
  update lists.list_imports i set status = 'cancelled', cancelled_at = now(), checkpoint = null
  where i.tenant_id = v_import.tenant_id and i.id = v_import.id;
  -- An upload that runs finds the status at its next chunk and stops. A merge that runs can commit nothing any more;
  -- it reads the staging table until then, so the worker drops that.
  if v_job.status is distinct from 'running' then
    perform lists.drop_import_staging(v_import.id);
  end if;
  select * into v_import from lists.list_imports i where i.tenant_id = v_import.tenant_id and i.id = v_import.id;
  return v_import;
end
$$;
comment on function lists.cancel_import(uuid) is
  'Cancels an import that is not completed, also while it is uploaded or merged; what was uploaded is dropped, the list is as before.';
grant execute on function lists.cancel_import(uuid) to rowhouse_member, rowhouse_system;
--! EndIncluded lists/cancel_import.sql
--! Included lists/undo_import.sql
create or replace function lists.undo_import(import_id uuid) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_import lists.list_imports;
begin
  perform app.require_scope('imports:write');
  select * into v_import from lists.list_imports where tenant_id = app.tenant_id() and id = import_id for no key update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no import %s.', import_id), 'importId');
  end if;
  if v_import.status <> 'completed' or v_import.is_dry_run then
    perform app.raise('INVALID_STATE', format('Import %s is %s. Only a completed import can be undone.', import_id,
      case when v_import.is_dry_run then 'a dry run' else v_import.status end), 'importId');
  end if;
  update lists.list_imports i set status = 'undoing'
  where i.tenant_id = v_import.tenant_id and i.id = v_import.id
  returning * into v_import;
  return v_import;
end
$$;
comment on function lists.undo_import(uuid) is
  'Takes back a completed import: its entries are deleted (they can be restored), and fields that it filled or overwrote get back what they held, unless somebody changed them since.';
grant execute on function lists.undo_import(uuid) to rowhouse_member;
--! EndIncluded lists/undo_import.sql
--! Included lists/decide_import_rows.sql
create or replace function lists.decide_import_rows(p_import lists.list_imports, p_living text, p_key_count integer) returns void
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_fills boolean := p_import.duplicate_policy = 'fill';
  v_overwrites boolean := p_import.duplicate_policy = 'overwrite';
  -- Per entry, the key it holds at this moment: 0 is none, -1 is one that nothing else in play has.
  v_emails integer[] := '{}';
  v_phones integer[] := '{}';
  -- Who they are: entries of the list, youngest first, then rows of the file in order.
  v_ids uuid[] := '{}';
  v_lines bigint[] := '{}';
  v_old_count integer := 0;
  v_count integer;
  -- Per key, a chain of the entries that have or had it. The oldest that has it is the first that still has it: who comes to
  -- a key was the oldest of all that had it, so each is put before the others.
  v_heads integer[] := array_fill(0, array[p_key_count]);
  v_chain_entries integer[] := '{}';
  v_chain_nexts integer[] := '{}';
  v_length integer := 0;
  v_found_lines bigint[] := '{}';
  v_found_ids uuid[] := '{}';
  v_found_targets bigint[] := '{}';
  v_found integer := 0;
  v_link integer;
  v_by_email integer;
  v_by_phone integer;
  v_target integer;
  v_keys integer[];
  v_key integer;
  r record;
begin
  for r in execute format($sql$
    with held as (
      select e.id from %1$s_keys k join lists.list_entries e on e.email = k.key where k.is_email and %2$s
      union select e.id from %1$s_keys k join lists.list_entries e on e.phone_e164 = k.key where not k.is_email and %2$s
    )
    select e.id, coalesce(ke.n, case when e.email is null then 0 else -1 end) as email,
      coalesce(kp.n, case when coalesce(e.phone, e.phone_e164) is null then 0 else -1 end) as phone
    from held join lists.list_entries e on e.id = held.id and e.tenant_id = %3$L
    left join %1$s_keys ke on ke.is_email and ke.key = e.email
    left join %1$s_keys kp on not kp.is_email and kp.key = e.phone_e164
    order by e.id desc
    $sql$, v_staging, p_living, p_import.tenant_id)
  loop
    v_old_count := v_old_count + 1;
    v_ids[v_old_count] := r.id;
    v_emails[v_old_count] := r.email;
    v_phones[v_old_count] := r.phone;
    foreach v_key in array array[r.email, r.phone] loop
      continue when v_key <= 0;
      v_length := v_length + 1;
      v_chain_entries[v_length] := v_old_count;
      v_chain_nexts[v_length] := v_heads[v_key];
      v_heads[v_key] := v_length;
    end loop;
  end loop;
  v_count := v_old_count;

  for r in execute format($sql$
    select s.line_number, coalesce(ke.n, case when s.email is null then 0 else -1 end) as email,
      coalesce(kp.n, case when coalesce(s.phone, s.phone_e164) is null then 0 else -1 end) as phone
    from %1$s s
    left join %1$s_keys ke on ke.is_email and ke.key = s.email
    left join %1$s_keys kp on not kp.is_email and kp.key = s.phone_e164
    where ke.n is not null or kp.n is not null
    order by s.line_number
    $sql$, v_staging)
  loop
    v_by_email := 0;
    while r.email > 0 and v_by_email = 0 and v_heads[r.email] > 0 loop
      v_link := v_heads[r.email];
      if v_emails[v_chain_entries[v_link]] = r.email then
        v_by_email := v_chain_entries[v_link];
      else
        v_heads[r.email] := v_chain_nexts[v_link];
      end if;
    end loop;
    v_by_phone := 0;
    while r.phone > 0 and v_by_phone = 0 and v_heads[r.phone] > 0 loop
      v_link := v_heads[r.phone];
      if v_phones[v_chain_entries[v_link]] = r.phone then
        v_by_phone := v_chain_entries[v_link];
      else
        v_heads[r.phone] := v_chain_nexts[v_link];
      end if;
    end loop;
    -- The older one: among entries of the list that with the higher number, otherwise that with the lower.
    v_target := case when v_by_email = 0 then v_by_phone when v_by_phone = 0 then v_by_email
      when v_by_email <= v_old_count and v_by_phone <= v_old_count then greatest(v_by_email, v_by_phone)
      else least(v_by_email, v_by_phone) end;
    v_keys := array[0, 0];
    if v_target = 0 then
      v_count := v_count + 1;
      v_target := v_count;
      v_lines[v_target - v_old_count] := r.line_number;
      v_emails[v_target] := r.email;
      v_phones[v_target] := r.phone;
      v_keys := array[r.email, r.phone];
    else
      v_found := v_found + 1;
      v_found_lines[v_found] := r.line_number;
      v_found_ids[v_found] := case when v_target <= v_old_count then v_ids[v_target] end;
      v_found_targets[v_found] := case when v_target > v_old_count then v_lines[v_target - v_old_count] end;
      if r.email not in (0, v_emails[v_target]) and (v_overwrites or v_fills and v_emails[v_target] = 0) then
        v_emails[v_target] := r.email;
        v_keys[1] := r.email;
      end if;
      if r.phone not in (0, v_phones[v_target]) and (v_overwrites or v_fills and v_phones[v_target] = 0) then
        v_phones[v_target] := r.phone;
        v_keys[2] := r.phone;
      end if;
    end if;
    foreach v_key in array v_keys loop
      continue when v_key <= 0;
      v_length := v_length + 1;
      v_chain_entries[v_length] := v_target;
      v_chain_nexts[v_length] := v_heads[v_key];
      v_heads[v_key] := v_length;
    end loop;
  end loop;

  execute format('create unlogged table %s_duplicates as select null::bigint as line_number, null::uuid as target_id, null::bigint as target_line limit 0', v_staging);
  execute format('insert into %s_duplicates select * from unnest($1, $2, $3)', v_staging) using v_found_lines, v_found_ids, v_found_targets;
  execute format('analyze %s_duplicates', v_staging);
end
$$;
comment on function lists.decide_import_rows(lists.list_imports, text, integer) is
  E'@behavior -*\nTakes the rows that share a key one at a time in the order of the file, and notes which of them are duplicates of what: of the oldest entry that has their e-mail or phone by then. Rows that share no key need no look.';
--! EndIncluded lists/decide_import_rows.sql
--! Included lists/find_import_duplicates.sql
create or replace function lists.find_import_duplicates(p_import lists.list_imports) returns boolean
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_living text := format('e.tenant_id = %L and e.list_id = %L and e.deleted_at is null', p_import.tenant_id, p_import.list_id);
  v_of_list text := '';
  v_key_count bigint;
begin
  if exists (select from lists.list_entries e where e.tenant_id = p_import.tenant_id and e.list_id = p_import.list_id and e.deleted_at is null) then
    v_of_list := format($sql$
      union select true, e.email from lists.list_entries e where %2$s and e.email in (select email from %1$s)
      union select false, e.phone_e164 from lists.list_entries e where %2$s and e.phone_e164 in (select phone_e164 from %1$s)
      $sql$, v_staging, v_living);
  end if;
  -- The keys that a row shares with another row or with an entry. A row without any of them is new beyond doubt.
  execute format($sql$
    create unlogged table %1$s_keys as
    select row_number() over ()::integer as n, is_email, key from (
      select true as is_email, email as key from %1$s where email is not null group by email having count(*) > 1
      union all select false, phone_e164 from %1$s where phone_e164 is not null group by phone_e164 having count(*) > 1
      %2$s
    ) shared
    $sql$, v_staging, v_of_list);
  get diagnostics v_key_count = row_count;
  if v_key_count > 0 then
    execute format('analyze %s_keys', v_staging);
    perform lists.decide_import_rows(p_import, v_living, v_key_count::integer);
  end if;
  execute format('drop table %s_keys', v_staging);
  return v_key_count > 0;
end
$$;
comment on function lists.find_import_duplicates(lists.list_imports) is
  E'@behavior -*\nFinds the staged rows that are duplicates, and of what, as if the rows had come in one at a time. Leaves them in the table <staging>_duplicates; tells whether there may be any.';
--! EndIncluded lists/find_import_duplicates.sql
--! Included lists/insert_import_rows.sql
create or replace function lists.insert_import_rows(p_import lists.list_imports, p_has_duplicates boolean) returns bigint
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_new text := case when p_has_duplicates
    then format('not exists (select from %s_duplicates d where d.line_number = s.line_number)', v_staging) else 'true' end;
  v_blocks bigint;
  -- A statement keeps its rows for the checks and counts at its end: so much at a time, whatever the size of the file.
  v_blocks_at_once bigint := case when p_has_duplicates then 16384 else 65536 end;
  v_inserted bigint;
  v_total bigint := 0;
begin
  if p_import.is_dry_run then
    execute format('select count(*) from %s s where %s', v_staging, v_new) into v_total;
    return v_total;
  end if;
  v_blocks := pg_relation_size(v_staging::regclass) / current_setting('block_size')::bigint;
  -- In the order of the lines, which is that of the blocks, too: entries that are older by their id come first.
  for v_block in 0..v_blocks by v_blocks_at_once loop
    execute format($sql$
      insert into lists.list_entries (tenant_id, list_id, list_import_id, line_number, data,
        full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
        address_line1, address_line2, city, state, postal_code, country)
      select $1, $2, $3, line_number, data,
        full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
        address_line1, address_line2, city, state, postal_code, country
      from %s s where s.ctid >= '(%s,0)' and s.ctid < '(%s,0)' and %s
      %s
      $sql$, v_staging, v_block, v_block + v_blocks_at_once, v_new, case when p_has_duplicates then 'order by s.line_number' end)
      using p_import.tenant_id, p_import.list_id, p_import.id;
    get diagnostics v_inserted = row_count;
    v_total := v_total + v_inserted;
  end loop;
  return v_total;
end
$$;
comment on function lists.insert_import_rows(lists.list_imports, boolean) is
  E'@behavior -*\nMakes entries of the staged rows that are no duplicates, and says how many; a dry run only counts them.';
--! EndIncluded lists/insert_import_rows.sql
--! Included lists/find_import_changes.sql
create or replace function lists.find_import_changes(p_import lists.list_imports) returns void
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_columns text[] := array['full_name', 'first_name', 'middle_name', 'last_name', 'name_suffix', 'nickname', 'company_name', 'email', 'phone',
    'phone_e164', 'address_line1', 'address_line2', 'city', 'state', 'postal_code', 'country'];
begin
  execute format('create unlogged table %s_changes as select null::text as target, null::bigint as line_number, false as is_data,
    null::text as name, null::jsonb as before, null::jsonb as after limit 0', v_staging);
  if p_import.duplicate_policy = 'skip' then
    return;
  end if;
  -- Column by column: the first row of the file that has a value fills an empty field; each row that has another value
  -- than the field holds by then overwrites it. A phone is one thing in two columns: both change, or neither.
  execute format($sql$
    insert into %1$s_changes
    with duplicates as (
      select line_number, target_id, target_line, coalesce(target_id::text, 'line ' || target_line) as target from %1$s_duplicates
    ), bases as (
      select e.id::text as target, to_jsonb(e) as base from lists.list_entries e
      where e.tenant_id = $1 and e.id in (select target_id from duplicates)
      union all
      select 'line ' || s.line_number, to_jsonb(s) from %1$s s
      where s.line_number in (select target_line from duplicates where target_id is null)
    ), offers as (
      select d.target, d.line_number, false as is_data, f.key as name, nullif(f.value, 'null') as value
      from duplicates d join %1$s s on s.line_number = d.line_number cross join lateral jsonb_each(to_jsonb(s)) f
      where f.key = any ($2) and (f.value <> 'null' or f.key = 'phone_e164' and s.phone is not null)
      union all
      select d.target, d.line_number, true, f.key, f.value
      from duplicates d join %1$s s on s.line_number = d.line_number cross join lateral jsonb_each(s.data) f
      where f.value not in ('null', '""')
    ), steps as (
      select o.*, row_number() over one = 1 as is_first, lag(o.value) over one as earlier
      from offers o window one as (partition by o.target, o.is_data, o.name order by o.line_number)
    ), compared as (
      select s.target, s.line_number, s.is_data, s.name, s.value, s.is_first,
        case when not s.is_first then s.earlier when s.is_data then nullif(b.base -> 'data' -> s.name, 'null')
          else nullif(b.base -> s.name, 'null') end as before,
        s.name in ('phone', 'phone_e164') and not s.is_data and coalesce(b.base ->> 'phone', b.base ->> 'phone_e164') is not null as has_phone
      from steps s join bases b on b.target = s.target
    )
    select target, line_number, is_data, name, before, coalesce(value, 'null') from compared
    where value is distinct from before
      and ($3 = 'overwrite' or is_first and not has_phone and (before is null or before = '""'))
    $sql$, v_staging) using p_import.tenant_id, v_columns, p_import.duplicate_policy::text;
end
$$;
comment on function lists.find_import_changes(lists.list_imports) is
  E'@behavior -*\nFinds what each duplicate row changes of the entry it belongs to, and leaves it in the table <staging>_changes.';
--! EndIncluded lists/find_import_changes.sql
--! Included lists/apply_import_duplicates.sql
create or replace function lists.apply_import_duplicates(p_import lists.list_imports) returns void
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_fills boolean := p_import.duplicate_policy = 'fill';
begin
  -- A duplicate of a row of the file: that row is an entry by now. In a dry run it is none, and stands for itself.
  if not p_import.is_dry_run then
    execute format($sql$
      update %s_duplicates d set target_id = e.id from lists.list_entries e
      where d.target_id is null and e.tenant_id = $1 and e.list_import_id = $2 and e.line_number = d.target_line
      $sql$, v_staging) using p_import.tenant_id, p_import.id;
  end if;
  perform lists.find_import_changes(p_import);
  if not p_import.is_dry_run then
    execute format($sql$
      update lists.list_entries e
      set (full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
          address_line1, address_line2, city, state, postal_code, country, data, enrichment_status) =
        (select n.full_name, n.first_name, n.middle_name, n.last_name, n.name_suffix, n.nickname, n.company_name, n.email, n.phone, n.phone_e164,
          n.address_line1, n.address_line2, n.city, n.state, n.postal_code, n.country, e.data || coalesce(c.data, '{}'),
          case when c.fields is null then e.enrichment_status else 'pending' end
          from jsonb_populate_record(e, coalesce(c.fields, '{}')) n)
      from (
        select target, jsonb_object_agg(name, after order by line_number) filter (where not is_data) as fields,
          jsonb_object_agg(name, after order by line_number) filter (where is_data) as data
        from %s_changes group by target
      ) c
      where e.tenant_id = $1 and e.id = c.target::uuid
      $sql$, v_staging) using p_import.tenant_id;
  end if;
  execute format($sql$
    insert into lists.list_import_rows (tenant_id, list_import_id, line_number, outcome, list_entry_id, reason_code, reason, previous)
    select $1, $2, d.line_number, case when c.line_number is null then 'skipped' when $3 then 'filled' else 'overwritten' end,
      d.target_id, 'DUPLICATE',
      case when d.target_line is null then 'The list has an entry with this e-mail or phone number already.'
        else format('Line %%s of the file has this e-mail or phone number, too.', d.target_line) end,
      c.previous
    from %1$s_duplicates d
    left join (
      select line_number, jsonb_strip_nulls(jsonb_build_object(
        'fields', jsonb_object_agg(name, jsonb_build_array(before, after)) filter (where not is_data),
        'data', jsonb_object_agg(name, jsonb_build_array(before, after)) filter (where is_data))) as previous
      from %1$s_changes group by line_number) c on c.line_number = d.line_number
    order by d.line_number
    $sql$, v_staging) using p_import.tenant_id, p_import.id, v_fills;
  execute format('drop table %1$s_changes, %1$s_duplicates', v_staging);
end
$$;
comment on function lists.apply_import_duplicates(lists.list_imports) is
  E'@behavior -*\nSkips, fills or overwrites as the import says, and records the outcome of every duplicate row with what undo needs.';
--! EndIncluded lists/apply_import_duplicates.sql
--! Included lists/note_import_columns.sql
create or replace function lists.note_import_columns(p_import lists.list_imports) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  update lists.lists l
  set columns = l.columns || added.columns
  from (
    select jsonb_agg(h.value order by h.ordinality) as columns
    from jsonb_array_elements(p_import.headers) with ordinality h
    where not exists (
      select from lists.lists k cross join lateral jsonb_array_elements(k.columns) c
      where k.tenant_id = p_import.tenant_id and k.id = p_import.list_id and c.value ->> 'name' = h.value ->> 'name')
  ) added
  where l.tenant_id = p_import.tenant_id and l.id = p_import.list_id and added.columns is not null and not p_import.is_dry_run;
end;
comment on function lists.note_import_columns(lists.list_imports) is E'@behavior -*\nAdds the headers of an import to the columns of its list.';
--! EndIncluded lists/note_import_columns.sql
--! Included lists/merge_import.sql
create or replace function lists.merge_import(p_import_id uuid) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' set jit to off as $$
declare
  v_import lists.list_imports;
  v_staging text := lists.import_staging_name(p_import_id);
  v_has_duplicates boolean := false;
  v_inserted bigint;
begin
  -- Without a lock on the row: it can be cancelled while this runs, and then nothing of this is committed (see the end).
  select * into v_import from lists.list_imports where tenant_id = app.tenant_id() and id = p_import_id;
  if not found or v_import.status <> 'merging' then
    return v_import;
  end if;
  if not exists (select from lists.lists where tenant_id = v_import.tenant_id and id = v_import.list_id and deleted_at is null) then
    perform app.raise('NOT_FOUND', 'The list of this import was deleted. Restore it, then retry the job.');
  end if;
  -- Imports into one list follow one another: each must see what the one before it brought.
  perform pg_advisory_xact_lock(hashtext('lists.merge_import'), hashtext(v_import.list_id::text));
  execute format('analyze %s (line_number, email, phone_e164)', v_staging);
  -- The statistics of the entries may be older than the last big import: many rows are never joined one by one.
  perform set_config('enable_nestloop', case when (select reltuples > 1000 from pg_class where oid = v_staging::regclass) then 'off' else 'on' end, true);

  if v_import.duplicate_policy <> 'keep' then
    v_has_duplicates := lists.find_import_duplicates(v_import);
  end if;
  v_inserted := lists.insert_import_rows(v_import, v_has_duplicates);
  if v_has_duplicates then
    perform lists.apply_import_duplicates(v_import);
  end if;
  perform lists.note_import_columns(v_import);
  perform lists.drop_import_staging(v_import.id);

  update lists.list_imports i
  set status = 'completed', completed_at = now(), checkpoint = null, inserted_count = v_inserted, error_code = null, error_message = null,
    filled_count = r.filled, overwritten_count = r.overwritten, skipped_count = r.skipped
  from (select count(*) filter (where outcome = 'filled') as filled, count(*) filter (where outcome = 'overwritten') as overwritten,
      count(*) filter (where outcome = 'skipped') as skipped
    from lists.list_import_rows where tenant_id = v_import.tenant_id and list_import_id = v_import.id) r
  where i.tenant_id = v_import.tenant_id and i.id = v_import.id and i.status = 'merging'
  returning i.* into v_import;
  if not found then
    perform app.raise('INVALID_STATE', 'The import was cancelled while it was merged.');
  end if;
  -- Queries that come now shall know how many rows there are, without waiting for the next autovacuum.
  if v_inserted > 10000 and v_inserted > 0.1 * (select reltuples from pg_class where oid = 'lists.list_entries'::regclass) then
    analyze (skip_locked) lists.list_entries (tenant_id, list_id, id, list_import_id, line_number, email, phone_e164, enrichment_status, last_name, first_name, tag);
  end if;
  return v_import;
end
$$;
comment on function lists.merge_import(uuid) is
  E'@behavior -*\nMerges the staged rows of an import into its list, in one transaction. A dry run only counts and records outcomes.';
grant execute on function lists.merge_import(uuid) to rowhouse_system;
--! EndIncluded lists/merge_import.sql
--! Included lists/revert_import.sql
create or replace function lists.revert_import(p_import_id uuid) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' set enable_nestloop to off as $$
declare
  v_import lists.list_imports;
  v_removed bigint;
  v_restored bigint := 0;
begin
  select * into v_import from lists.list_imports where tenant_id = app.tenant_id() and id = p_import_id;
  if not found or v_import.status <> 'undoing' then
    return v_import;
  end if;
  perform pg_advisory_xact_lock(hashtext('lists.merge_import'), hashtext(v_import.list_id::text));

  -- Fields that still hold what the import left in them get back what they held before it.
  with changes as (
    select r.list_entry_id, r.line_number, false as is_data, f.key, f.value
    from lists.list_import_rows r cross join lateral jsonb_each(r.previous -> 'fields') f
    where r.tenant_id = v_import.tenant_id and r.list_import_id = v_import.id and r.previous is not null
    union all
    select r.list_entry_id, r.line_number, true, f.key, f.value
    from lists.list_import_rows r cross join lateral jsonb_each(r.previous -> 'data') f
    where r.tenant_id = v_import.tenant_id and r.list_import_id = v_import.id and r.previous is not null
  ), net as (
    select list_entry_id, is_data, key, (array_agg(value -> 0 order by line_number))[1] as before,
      (array_agg(value -> 1 order by line_number desc))[1] as after
    from changes group by 1, 2, 3
  ), backs as (
    select n.list_entry_id, jsonb_object_agg(n.key, n.before) filter (where not n.is_data) as fields,
      jsonb_object_agg(n.key, n.before) filter (where n.is_data and n.before <> 'null') as data,
      array_agg(n.key) filter (where n.is_data and n.before = 'null') as additions
    from net n
    join lists.list_entries e on e.tenant_id = v_import.tenant_id and e.id = n.list_entry_id and e.list_import_id is distinct from v_import.id
    where case when n.is_data then coalesce(e.data -> n.key, 'null') else coalesce(to_jsonb(e) -> n.key, 'null') end = n.after
    group by 1
  )
  update lists.list_entries e
  set (full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
      address_line1, address_line2, city, state, postal_code, country, data, enrichment_status) =
    (select n.full_name, n.first_name, n.middle_name, n.last_name, n.name_suffix, n.nickname, n.company_name, n.email, n.phone, n.phone_e164,
      n.address_line1, n.address_line2, n.city, n.state, n.postal_code, n.country,
      (e.data || coalesce(b.data, '{}')) - coalesce(b.additions, '{}'),
      case when b.fields is null then e.enrichment_status else 'pending' end
      from jsonb_populate_record(e, coalesce(b.fields, '{}')) n)
  from backs b
  where e.tenant_id = v_import.tenant_id and e.id = b.list_entry_id;
  get diagnostics v_restored = row_count;

  update lists.list_entries set deleted_at = now()
  where tenant_id = v_import.tenant_id and list_import_id = v_import.id and deleted_at is null;
  get diagnostics v_removed = row_count;

  update lists.list_imports i
  set status = 'undone', undone_at = now(), removed_count = v_removed, restored_count = v_restored, error_code = null, error_message = null
  where i.tenant_id = v_import.tenant_id and i.id = v_import.id
  returning * into v_import;
  return v_import;
end
$$;
comment on function lists.revert_import(uuid) is
  E'@behavior -*\nTakes back a completed import, in one transaction: soft-deletes what it inserted, puts back what it changed and nobody changed since.';
grant execute on function lists.revert_import(uuid) to rowhouse_system;
--! EndIncluded lists/revert_import.sql
--! Included lists/abandoned_imports.sql
grant select on lists.list_imports to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.abandoned_imports(p_limit integer) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select i.tenant_id, i.id from lists.list_imports i
  where i.status in ('awaiting_upload', 'uploading', 'interrupted', 'failed') and i.updated_at < now() - interval '7 days' limit p_limit;
end;
comment on function private.abandoned_imports(integer) is
  'Imports whose upload nobody went on with for a week. Crosses tenants: one maintenance task clears away for all of them.';
grant execute on function private.abandoned_imports(integer) to rowhouse_worker;
revoke all on function private.abandoned_imports(integer) from public;
set local role rowhouse_owner;
--! EndIncluded lists/abandoned_imports.sql
--! Included lists/data_groups.sql
-- A group brings entries together across imports: who was reached, who was not, who is to be treated alike.
create table if not exists lists.data_groups (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid,
  name text not null constraint data_groups_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint data_groups_description_check check (length(description) <= 5000),
  kind lists.data_group_kind not null default 'custom',
  membership lists.data_group_membership not null default 'static',
  tag text constraint data_groups_tag_check check (length(btrim(tag)) between 1 and 200),
  disposition_codes text[] not null default '{}',
  filter jsonb not null default '{}' constraint data_groups_filter_check check (jsonb_typeof(filter) = 'object'),
  entry_count bigint not null default 0 constraint data_groups_entry_count_check check (entry_count >= 0),
  evaluated_at timestamptz,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint data_groups_pkey primary key (tenant_id, id),
  constraint data_groups_disposition_codes_check check (
    cardinality(disposition_codes) <= 100 and array_position(disposition_codes, null) is null
    and (kind = 'dcode') = (cardinality(disposition_codes) > 0)),
  constraint data_groups_membership_check check (membership = 'static' or kind = 'dcode' or filter <> '{}')
);
comment on table lists.data_groups is E'@typeid dgroup\nEntries that belong together: right or wrong party contacts, disposition codes, or a choice of one''s own.';
comment on column lists.data_groups.list_id is 'The list whose entries it groups; none for a group across the lists of the tenant.';
comment on column lists.data_groups.tag is 'Tag that its entries are known by, such as RPC.';
comment on column lists.data_groups.disposition_codes is 'Outcomes of calls that bring an entry into a group of kind DCODE.';
comment on column lists.data_groups.filter is 'Which entries belong to it when it is rule-based, in the form of a list entry filter.';
comment on column lists.data_groups.entry_count is 'How many entries are in it.';
comment on column lists.data_groups.evaluated_at is 'When its rules were last applied.';
comment on column lists.data_groups.created_by is 'Actor who made the group.';
create unique index if not exists data_groups_name_key on lists.data_groups (tenant_id, list_id, name) nulls not distinct where deleted_at is null;
create index if not exists data_groups_list_id_idx on lists.data_groups (tenant_id, list_id, id);
create index if not exists data_groups_kind_idx on lists.data_groups (tenant_id, kind, id);
select ddl.foreign_key('lists.data_groups', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.data_groups', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.data_groups', p_insert => '{list_id,name,description,kind,membership,tag,disposition_codes,filter}',
  p_update => '{name,description,kind,membership,tag,disposition_codes,filter}');
select ddl.masked('lists.data_groups', '{"filter": "json"}');
--! EndIncluded lists/data_groups.sql
--! Included lists/data_group_entries.sql
-- That an entry is in a group.
create table if not exists lists.data_group_entries (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  data_group_id uuid not null,
  list_entry_id uuid not null,
  added_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint data_group_entries_pkey primary key (tenant_id, id)
);
comment on table lists.data_group_entries is E'@typeid dge\nThat an entry is in a data group.';
comment on column lists.data_group_entries.added_by is 'Actor who put it in.';
create unique index if not exists data_group_entries_list_entry_id_key
  on lists.data_group_entries (tenant_id, data_group_id, list_entry_id) where deleted_at is null;
create index if not exists data_group_entries_data_group_id_idx on lists.data_group_entries (tenant_id, data_group_id, id);
select ddl.foreign_key('lists.data_group_entries', 'data_group_id', 'lists.data_groups', 'cascade', p_index => false);
select ddl.foreign_key('lists.data_group_entries', 'list_entry_id', 'lists.list_entries', 'cascade');
select ddl.foreign_key('lists.data_group_entries', 'added_by', 'iam.actors', 'set null');
comment on constraint data_group_entries_data_group_id_fkey on lists.data_group_entries is
  E'@behavior +manyToMany\n@manyToManyFieldName dataGroups\n@foreignFieldName memberships';
comment on constraint data_group_entries_list_entry_id_fkey on lists.data_group_entries is
  E'@behavior +manyToMany\n@manyToManyFieldName entries\n@foreignFieldName dataGroupMemberships';
select ddl.tenant_table('lists.data_group_entries', p_insert => '{data_group_id,list_entry_id}', p_update => '{deleted_at}');
select ddl.counter('lists.data_group_entries', 'data_group_id', 'lists.data_groups', 'entry_count');

create or replace function lists.guard_data_group_entry() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_entry text;
begin
  select n.list_entry_id::text into v_entry
  from new_rows n
  join lists.data_groups g on g.tenant_id = n.tenant_id and g.id = n.data_group_id
  join lists.list_entries e on e.tenant_id = n.tenant_id and e.id = n.list_entry_id
  where g.list_id <> e.list_id limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED',
      format('Entry %s is of another list than the group. Put it into a group of its own list, or into one across lists.', v_entry), 'listEntryId');
  end if;
  return null;
end
$$;
comment on function lists.guard_data_group_entry() is 'Refuses an entry of another list in the group of one list.';
select ddl.trigger('lists.data_group_entries', '_200_list',
  'after insert referencing new table as new_rows for each statement execute function lists.guard_data_group_entry()');
--! EndIncluded lists/data_group_entries.sql
--! Included lists/filter_rules.sql
-- The blacklist and the whitelist: whom nothing is sent to, and who may be exported.
create table if not exists lists.filter_rules (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  effect lists.filter_rule_effect not null,
  match_type lists.filter_rule_match not null,
  value text not null constraint filter_rules_value_check check (length(value) between 1 and 500),
  scope lists.filter_rule_scope not null default 'both',
  reason text constraint filter_rules_reason_check check (length(reason) <= 1000),
  expires_at timestamptz,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint filter_rules_pkey primary key (tenant_id, id)
);
comment on table lists.filter_rules is E'@typeid rule\nA rule that accepts or rejects phone numbers and e-mail addresses on their way out.';
comment on column lists.filter_rules.value is 'What it matches, brought into one form: +12022243441, anna@example.com, example.com, 202, +1202, or a regular expression.';
comment on column lists.filter_rules.expires_at is 'When it ceases to hold; never when empty.';
comment on column lists.filter_rules.created_by is 'Actor who made the rule.';
-- One rule for one thing in one place: what is accepted and rejected at once would be a riddle.
create unique index if not exists filter_rules_value_key on lists.filter_rules (tenant_id, match_type, value, scope) where deleted_at is null;
create index if not exists filter_rules_effect_idx on lists.filter_rules (tenant_id, effect, id);
create index if not exists filter_rules_created_at_idx on lists.filter_rules (tenant_id, created_at);
select ddl.foreign_key('lists.filter_rules', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.filter_rules', p_insert => '{effect,match_type,value,scope,reason,expires_at}',
  p_update => '{effect,match_type,value,scope,reason,expires_at}', p_write_role => 'rowhouse_manager');

create or replace function lists.normalize_filter_rule() returns trigger
language plpgsql set search_path to pg_catalog as $$
declare
  v_value text := btrim(new.value);
  v_digits text := regexp_replace(v_value, '[^0-9]', '', 'g');
  v_wanted text;
begin
  case new.match_type
  when 'phone', 'prefix' then
    if v_value !~ '^[+0-9(][-0-9 ()./]*$' then
      v_wanted := 'a phone number or its beginning, such as +12022243441';
    else
      v_value := '+' || case when v_value like '00%' then substr(v_digits, 3) else v_digits end;
      -- A number as one dials it at home, in the countries where that cannot be mistaken.
      if new.match_type = 'phone' and new.value !~ '^\s*(\+|00)' then
        v_value := case when length(v_digits) = 10 and (select t.default_country in ('US', 'CA') from iam.tenants t where t.id = new.tenant_id)
          then '+1' || v_digits when length(v_digits) = 11 and v_digits like '1%' then v_value else '' end;
      end if;
      if v_value !~ (case new.match_type when 'phone' then '^\+[1-9][0-9]{6,14}$' else '^\+[1-9][0-9]{0,13}$' end) then
        v_wanted := case new.match_type when 'phone' then 'a phone number in international form, such as +12022243441'
          else 'the beginning of a phone number in international form, such as +1202' end;
      end if;
    end if;
  when 'area_code' then
    v_value := v_digits;
    if new.value !~ '^\s*\(?[2-9][0-9]{2}\)?\s*$' then
      v_wanted := 'an area code of three digits, such as 202';
    end if;
  when 'email' then
    v_value := lower(v_value);
    if v_value !~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' or length(v_value) > 320 then
      v_wanted := 'an e-mail address, such as anna@example.com';
    end if;
  when 'domain' then
    v_value := lower(regexp_replace(regexp_replace(v_value, '^(\*?\.|.*@)', ''), '\.$', ''));
    if v_value !~ '^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z][-a-z0-9]{0,61}[a-z0-9]$' then
      v_wanted := 'a domain, such as example.com';
    end if;
  when 'pattern' then
    v_value := new.value;
    begin
      if '' ~ v_value then
        v_wanted := 'a regular expression that does not match everything';
      end if;
    exception when invalid_regular_expression then
      v_wanted := 'a regular expression, such as ^\+1900; it is none: ' || regexp_replace(sqlerrm, '^.*: ', '');
    end;
    -- A back reference makes matching slow without bound.
    if v_value ~ '\\[1-9]' then
      v_wanted := 'a regular expression without references such as \1';
    end if;
  end case;
  if v_wanted is not null then
    perform app.raise('VALIDATION_FAILED', format('The value of a rule on %s must be %s. "%s" is not.',
      replace(new.match_type, '_', ' '), v_wanted, left(new.value, 100)), 'value');
  end if;
  new.value := v_value;
  return new;
end
$$;
comment on function lists.normalize_filter_rule() is 'Brings the value of a rule into the one form of its kind, or says what is expected.';
select ddl.trigger('lists.filter_rules', '_200_value',
  'before insert or update of match_type, value for each row execute function lists.normalize_filter_rule()');
select ddl.masked('lists.filter_rules', '{"value": "contact", "reason": "text"}');
--! EndIncluded lists/filter_rules.sql
--! Included lists/enrichment_plans.sql
-- What is to be learnt about the entries of a list.
create table if not exists lists.enrichment_plans (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid not null,
  blueprint_id uuid,
  name text not null constraint enrichment_plans_name_check check (length(btrim(name)) between 1 and 200),
  status lists.plan_status not null default 'active',
  is_auto_run boolean not null default false,
  batch_size integer not null default 1000 constraint enrichment_plans_batch_size_check check (batch_size between 1 and 10000),
  run_count integer not null default 0,
  last_run_at timestamptz,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint enrichment_plans_pkey primary key (tenant_id, id)
);
comment on table lists.enrichment_plans is E'@typeid plan\nThe steps by which the entries of a list are checked and completed.';
comment on column lists.enrichment_plans.blueprint_id is 'The pipeline that runs; the steps of the plan when empty.';
comment on column lists.enrichment_plans.is_auto_run is 'Run it on the entries of each finished import of the list.';
comment on column lists.enrichment_plans.batch_size is 'How many entries a job works on at a time.';
comment on column lists.enrichment_plans.run_count is 'How often it was run.';
comment on column lists.enrichment_plans.created_by is 'Actor who made the plan.';
create unique index if not exists enrichment_plans_name_key on lists.enrichment_plans (tenant_id, list_id, name) where deleted_at is null;
create index if not exists enrichment_plans_list_id_idx on lists.enrichment_plans (tenant_id, list_id, id);
select ddl.foreign_key('lists.enrichment_plans', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.enrichment_plans', 'blueprint_id', 'pipeline.blueprints', 'no action');
select ddl.foreign_key('lists.enrichment_plans', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.enrichment_plans', p_insert => '{list_id,blueprint_id,name,status,is_auto_run,batch_size}', p_update => '{blueprint_id,name,status,is_auto_run,batch_size}');
select ddl.notify_progress('lists.enrichment_plans', 'update');
--! EndIncluded lists/enrichment_plans.sql
--! Included lists/enrichment_plan_steps.sql
-- The steps of a plan, in order.
create table if not exists lists.enrichment_plan_steps (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  enrichment_plan_id uuid not null,
  position integer not null constraint enrichment_plan_steps_position_check check (position between 1 and 100),
  block lists.enrichment_block not null,
  config jsonb not null default '{}' constraint enrichment_plan_steps_config_check check (jsonb_typeof(config) = 'object'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint enrichment_plan_steps_pkey primary key (tenant_id, id)
);
comment on table lists.enrichment_plan_steps is E'@typeid step\nA step of an enrichment plan: one block with its settings.';
comment on column lists.enrichment_plan_steps.position is 'Place in the order, from 1.';
comment on column lists.enrichment_plan_steps.config is 'Settings of the block, a JSON object.';
create unique index if not exists enrichment_plan_steps_position_key
  on lists.enrichment_plan_steps (tenant_id, enrichment_plan_id, position) where deleted_at is null;
create unique index if not exists enrichment_plan_steps_block_key
  on lists.enrichment_plan_steps (tenant_id, enrichment_plan_id, block) where deleted_at is null;
create index if not exists enrichment_plan_steps_enrichment_plan_id_idx on lists.enrichment_plan_steps (tenant_id, enrichment_plan_id, id);
select ddl.foreign_key('lists.enrichment_plan_steps', 'enrichment_plan_id', 'lists.enrichment_plans', 'cascade', p_index => false);
comment on constraint enrichment_plan_steps_enrichment_plan_id_fkey on lists.enrichment_plan_steps is '@nestedCreate';
select ddl.tenant_table('lists.enrichment_plan_steps', p_insert => '{enrichment_plan_id,position,block,config}', p_update => '{position,config}');
--! EndIncluded lists/enrichment_plan_steps.sql
--! Included lists/enrichment_queue_jobs.sql
-- A batch of entries of one run of a plan: the unit of work, of retry and of progress.
create table if not exists lists.enrichment_queue_jobs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  enrichment_plan_id uuid not null,
  list_id uuid not null,
  list_import_id uuid,
  run_number integer not null,
  batch_number integer not null,
  first_entry_id uuid not null,
  last_entry_id uuid not null,
  status lists.queue_job_status not null default 'queued',
  entry_count integer not null default 0,
  processed_count integer not null default 0,
  changed_count integer not null default 0,
  failed_count integer not null default 0,
  attempt_count integer not null default 0,
  progress_log jsonb not null default '[]' constraint enrichment_queue_jobs_progress_log_check check (jsonb_typeof(progress_log) = 'array'),
  leased_by uuid,
  lease_expires_at timestamptz,
  error_message text,
  started_at timestamptz,
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint enrichment_queue_jobs_pkey primary key (tenant_id, id),
  constraint enrichment_queue_jobs_batch_number_key unique (tenant_id, enrichment_plan_id, run_number, batch_number)
);
comment on table lists.enrichment_queue_jobs is E'@typeid batch\nA batch of entries in a run of an enrichment plan.';
comment on column lists.enrichment_queue_jobs.list_import_id is 'Import whose entries the run is limited to, if any.';
comment on column lists.enrichment_queue_jobs.run_number is 'Which run of the plan, from 1.';
comment on column lists.enrichment_queue_jobs.batch_number is 'Which batch of the run, from 1.';
comment on column lists.enrichment_queue_jobs.first_entry_id is E'@behavior -*\nThe batch holds the entries of the list between these two ids.';
comment on column lists.enrichment_queue_jobs.last_entry_id is E'@behavior -*\nThe batch holds the entries of the list between these two ids.';
comment on column lists.enrichment_queue_jobs.changed_count is 'Entries of which something was learnt.';
comment on column lists.enrichment_queue_jobs.failed_count is 'Entries of which a step failed.';
comment on column lists.enrichment_queue_jobs.progress_log is 'What happened when: an array of {at, event, …}.';
comment on column lists.enrichment_queue_jobs.leased_by is 'Actor of the external runner that works on the batch.';
comment on column lists.enrichment_queue_jobs.lease_expires_at is 'When the batch falls back to the queue unless the runner renews its lease.';
create index if not exists enrichment_queue_jobs_list_id_idx on lists.enrichment_queue_jobs (tenant_id, list_id, id);
create index if not exists enrichment_queue_jobs_status_idx on lists.enrichment_queue_jobs (tenant_id, status, id);
select ddl.foreign_key('lists.enrichment_queue_jobs', 'enrichment_plan_id', 'lists.enrichment_plans', 'cascade', p_index => false);
select ddl.foreign_key('lists.enrichment_queue_jobs', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.enrichment_queue_jobs', 'list_import_id', 'lists.list_imports', 'set null');
select ddl.foreign_key('lists.enrichment_queue_jobs', 'leased_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.enrichment_queue_jobs');
select ddl.state_machine('lists.enrichment_queue_jobs', 'status', '{
  "queued": ["running", "failed", "cancelled"], "running": ["succeeded", "queued", "failed", "cancelled"], "succeeded": [],
  "failed": ["queued", "cancelled"], "cancelled": ["queued", "failed"]}');
select ddl.enqueue('lists.enrichment_queue_jobs', 'enrich_batch', 'insert', $$r.status = 'queued'$$);
select ddl.notify_progress('lists.enrichment_queue_jobs', 'insert', 'enrichment_plan_id', 'lists.enrichment_plans');
select ddl.notify_progress('lists.enrichment_queue_jobs', 'update', 'enrichment_plan_id', 'lists.enrichment_plans');
select ddl.masked('lists.enrichment_queue_jobs', '{"progress_log": "json", "error_message": "text"}');
--! EndIncluded lists/enrichment_queue_jobs.sql
--! Included lists/enrichment_results.sql
-- What a step learnt about an entry, and from where: the provenance of every enriched field.
create table if not exists lists.enrichment_results (
  tenant_id uuid not null default app.tenant_id(),
  list_entry_id uuid not null,
  block lists.enrichment_block not null,
  id uuid not null default uuidv7(),
  enrichment_queue_job_id uuid not null,
  status lists.step_status not null,
  found jsonb not null default '{}' constraint enrichment_results_found_check check (jsonb_typeof(found) = 'object'),
  provenance jsonb not null default '{}' constraint enrichment_results_provenance_check check (jsonb_typeof(provenance) = 'object'),
  reason text,
  cost_minor bigint not null default 0 constraint enrichment_results_cost_minor_check check (cost_minor >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint enrichment_results_pkey primary key (tenant_id, id),
  constraint enrichment_results_list_entry_id_key unique (tenant_id, list_entry_id, block)
);
comment on table lists.enrichment_results is E'@typeid result\nWhat the last run of a block learnt about an entry, and where each value came from.';
comment on column lists.enrichment_results.found is 'What was learnt, a JSON object.';
comment on column lists.enrichment_results.provenance is 'Per field that was written: source, version, confidence where there is doubt, and previous, the value before, where there was one.';
comment on column lists.enrichment_results.reason is 'Why nothing was found, or what failed.';
comment on column lists.enrichment_results.cost_minor is 'Cost in the minor unit of the tenant''s currency.';
create index if not exists enrichment_results_enrichment_queue_job_id_idx on lists.enrichment_results (tenant_id, enrichment_queue_job_id, status);
select ddl.foreign_key('lists.enrichment_results', 'list_entry_id', 'lists.list_entries', 'cascade', p_index => false);
select ddl.foreign_key('lists.enrichment_results', 'enrichment_queue_job_id', 'lists.enrichment_queue_jobs', 'cascade', p_index => false);
select ddl.tenant_table('lists.enrichment_results');
-- The entry belongs to the tenant, so the reference to it says all; a second one would cost each result 5 µs of about 30.
alter table lists.enrichment_results drop constraint if exists enrichment_results_tenant_id_fkey;
select ddl.masked('lists.enrichment_results', '{"found": "json", "provenance": "json", "reason": "text"}');
--! EndIncluded lists/enrichment_results.sql
--! Included lists/enrichment_result_totals.sql
-- What the steps of plans found, kept as results come and change.
create table if not exists lists.enrichment_result_totals (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  enrichment_plan_id uuid not null,
  block lists.enrichment_block not null,
  slot smallint not null default 0,
  result_count bigint not null default 0,
  found_count bigint not null default 0,
  unchanged_count bigint not null default 0,
  not_found_count bigint not null default 0,
  invalid_count bigint not null default 0,
  skipped_count bigint not null default 0,
  failed_count bigint not null default 0,
  cost_minor bigint not null default 0,
  created_at timestamptz not null default now(),
  constraint enrichment_result_totals_pkey primary key (tenant_id, id)
) with (fillfactor = 50);
comment on table lists.enrichment_result_totals is E'@behavior -*\nTotals of the results of a plan''s block, spread over slots; enrichment_coverage adds them up.';
comment on column lists.enrichment_result_totals.slot is 'Writers at the same time add to different slots.';
comment on column lists.enrichment_result_totals.cost_minor is 'Cost in the minor unit of the tenant''s currency.';
create unique index if not exists enrichment_result_totals_block_key on lists.enrichment_result_totals (tenant_id, enrichment_plan_id, block, slot);
select ddl.foreign_key('lists.enrichment_result_totals', 'enrichment_plan_id', 'lists.enrichment_plans', 'cascade', p_index => false);
select ddl.tenant_table('lists.enrichment_result_totals', p_system => 'select');
select ddl.roll_up('lists.enrichment_results', 'lists.enrichment_result_totals', '{"enrichment_plan_id": "j.enrichment_plan_id", "block": "r.block"}', '{
  "result_count": "true", "found_count": "r.status = ''found''", "unchanged_count": "r.status = ''unchanged''",
  "not_found_count": "r.status = ''not_found''", "invalid_count": "r.status = ''invalid''",
  "skipped_count": "r.status = ''skipped''", "failed_count": "r.status = ''failed''"
}', '{"cost_minor": "r.cost_minor"}',
  'join lists.enrichment_queue_jobs j on j.tenant_id = r.tenant_id and j.id = r.enrichment_queue_job_id',
  p_first => '{enrichment_queue_job_id,block}');
--! EndIncluded lists/enrichment_result_totals.sql
--! Included lists/run_enrichment_plan.sql
create or replace function lists.queue_enrichment_run(p_plan lists.enrichment_plans, p_list_import_id uuid) returns lists.enrichment_plans
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_plan lists.enrichment_plans;
begin
  update lists.enrichment_plans set run_count = run_count + 1, last_run_at = now()
  where tenant_id = p_plan.tenant_id and id = p_plan.id
  returning * into v_plan;

  -- The entries in order of their ids, cut into batches: a job needs only the first and the last id of its own.
  with chosen as (
    select e.id from lists.list_entries e
    where p_list_import_id is null and e.tenant_id = v_plan.tenant_id and e.list_id = v_plan.list_id and e.deleted_at is null
    union all
    select e.id from lists.list_entries e
    where e.tenant_id = v_plan.tenant_id and e.list_import_id = p_list_import_id and e.deleted_at is null
    union all
    select distinct e.id from lists.list_import_rows r
    join lists.list_entries e on e.tenant_id = r.tenant_id and e.id = r.list_entry_id and e.deleted_at is null
    where r.tenant_id = v_plan.tenant_id and r.list_import_id = p_list_import_id and r.outcome in ('filled', 'overwritten')
      and e.list_import_id is distinct from p_list_import_id
  ), numbered as (
    select id, (row_number() over (order by id) - 1) / v_plan.batch_size as batch from chosen
  ), batches as (
    select batch, (array_agg(id order by id))[1] as first_id, (array_agg(id order by id desc))[1] as last_id, count(*) as entry_count
    from numbered group by batch
  )
  insert into lists.enrichment_queue_jobs
    (tenant_id, enrichment_plan_id, list_id, list_import_id, run_number, batch_number, first_entry_id, last_entry_id, entry_count)
  select v_plan.tenant_id, v_plan.id, v_plan.list_id, p_list_import_id, v_plan.run_count, batch + 1, first_id, last_id, entry_count
  from batches order by batch;
  return v_plan;
end
$$;
comment on function lists.queue_enrichment_run(lists.enrichment_plans, uuid) is
  E'@behavior -*\nStarts a run of a plan: its entries, or those that one import brought or changed, cut into batches of which each becomes a job.';

create or replace function lists.run_enrichment_plan(plan_id uuid) returns lists.enrichment_plans
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_plan lists.enrichment_plans;
begin
  perform app.require_scope('enrichment:write');
  select * into v_plan from lists.enrichment_plans
  where tenant_id = app.tenant_id() and id = plan_id and deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no enrichment plan %s.', plan_id), 'planId');
  end if;
  if v_plan.status <> 'active' then
    perform app.raise('INVALID_STATE', format('Plan "%s" is %s. Set its status to ACTIVE to run it.', v_plan.name, v_plan.status), 'planId');
  end if;
  if not exists (select from lists.enrichment_plan_steps s
      where s.tenant_id = v_plan.tenant_id and s.enrichment_plan_id = v_plan.id and s.deleted_at is null) then
    perform app.raise('INVALID_STATE', format('Plan "%s" has no steps. Add at least one step to run it.', v_plan.name), 'planId');
  end if;
  if exists (select from lists.enrichment_queue_jobs j where j.tenant_id = v_plan.tenant_id and j.enrichment_plan_id = v_plan.id
      and j.status in ('queued', 'running')) then
    perform app.raise('INVALID_STATE', format('Run %s of plan "%s" is still under way. Wait for its end, or cancel it.', v_plan.run_count, v_plan.name), 'planId');
  end if;
  return lists.queue_enrichment_run(v_plan, null);
end
$$;
comment on function lists.run_enrichment_plan(uuid) is 'Runs a plan on all living entries of its list, in batches.';
grant execute on function lists.run_enrichment_plan(uuid) to rowhouse_member;
--! EndIncluded lists/run_enrichment_plan.sql
--! Included lists/cancel_enrichment_run.sql
create or replace function lists.cancel_enrichment_run(plan_id uuid) returns lists.enrichment_plans
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_plan lists.enrichment_plans;
begin
  perform app.require_scope('enrichment:write');
  select * into v_plan from lists.enrichment_plans where tenant_id = app.tenant_id() and id = plan_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no enrichment plan %s.', plan_id), 'planId');
  end if;
  with cancelled as (
    update lists.enrichment_queue_jobs set status = 'cancelled', finished_at = now()
    where tenant_id = v_plan.tenant_id and enrichment_plan_id = v_plan.id and status = 'queued'
    returning id
  )
  update pipeline.jobs j set status = 'cancelled', cancel_requested_at = now(), finished_at = now()
  from cancelled c
  where j.tenant_id = v_plan.tenant_id and j.subject_id = c.id and j.status in ('queued', 'retrying');
  return v_plan;
end
$$;
comment on function lists.cancel_enrichment_run(uuid) is
  'Cancels the batches of a plan that have not begun; a batch that is running is finished.';
grant execute on function lists.cancel_enrichment_run(uuid) to rowhouse_member;
--! EndIncluded lists/cancel_enrichment_run.sql
--! Included lists/auto_run_enrichment.sql
create or replace function lists.auto_run_enrichment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform lists.queue_enrichment_run(p, r.id)
  from new_rows r
  join old_rows o on o.tenant_id = r.tenant_id and o.id = r.id
  join lists.enrichment_plans p on p.tenant_id = r.tenant_id and p.list_id = r.list_id
  where r.status = 'completed' and o.status not in ('completed', 'undoing') and not r.is_dry_run
    and r.inserted_count + r.filled_count + r.overwritten_count > 0
    and p.is_auto_run and p.status = 'active' and p.deleted_at is null
    and exists (select from lists.enrichment_plan_steps s
      where s.tenant_id = p.tenant_id and s.enrichment_plan_id = p.id and s.deleted_at is null);
  return null;
end
$$;
comment on function lists.auto_run_enrichment() is 'Starts the automatic plans of a list on the entries that an import brought or changed, once it completes.';
select ddl.trigger('lists.list_imports', '_500_auto_run_enrichment',
  'after update referencing new table as new_rows old table as old_rows for each statement execute function lists.auto_run_enrichment()');
--! EndIncluded lists/auto_run_enrichment.sql
--! Included lists/requeue_enrichment_batch.sql
create or replace function lists.requeue_enrichment_batch() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update lists.enrichment_queue_jobs
  set status = 'queued', error_message = null, finished_at = null,
    progress_log = progress_log || jsonb_build_array(jsonb_build_object('at', now(), 'event', 'requeued'))
  where tenant_id = new.tenant_id and id = new.subject_id and status in ('failed', 'cancelled');
  return null;
end
$$;
comment on function lists.requeue_enrichment_batch() is 'Puts a batch back into the queue when its dead or cancelled job is retried.';
select ddl.trigger('pipeline.jobs', '_300_requeue_enrichment_batch',
  $$after update for each row when (new.task = 'enrich_batch' and new.status = 'queued' and old.status in ('dead', 'cancelled'))
  execute function lists.requeue_enrichment_batch()$$);
--! EndIncluded lists/requeue_enrichment_batch.sql
--! Included lists/enrichment_progress.sql
-- How far a run is: the sum of its batches, which are the only record of it.
do $$
begin
  if to_regtype('lists.enrichment_progress') is null then
    create type lists.enrichment_progress as (
      enrichment_plan_id uuid,
      run_number integer,
      status lists.queue_job_status,
      entry_count bigint,
      processed_count bigint,
      changed_count bigint,
      failed_count bigint,
      batch_count bigint,
      queued_batch_count bigint,
      running_batch_count bigint,
      succeeded_batch_count bigint,
      failed_batch_count bigint,
      cancelled_batch_count bigint,
      started_at timestamptz,
      finished_at timestamptz
    );
  end if;
end
$$;
comment on type lists.enrichment_progress is 'How far a run of an enrichment plan is.';
comment on column lists.enrichment_progress.enrichment_plan_id is E'@typeid plan\nThe plan.';
comment on column lists.enrichment_progress.run_number is 'Which run of the plan, from 1.';
comment on column lists.enrichment_progress.status is
  'Queued until a batch begins, running until the last one ended; failed when a batch failed for good, else cancelled when one was.';
comment on column lists.enrichment_progress.entry_count is 'Entries of the run.';
comment on column lists.enrichment_progress.processed_count is 'Entries of the batches that are done.';
comment on column lists.enrichment_progress.changed_count is 'Entries of which something was learnt.';
comment on column lists.enrichment_progress.failed_count is 'Entries of which a step failed.';
comment on column lists.enrichment_progress.started_at is 'When the first batch began.';
comment on column lists.enrichment_progress.finished_at is 'When the last batch ended; empty while one is queued or running.';

create or replace function lists.enrichment_progress(plan_id uuid, run_number integer default null) returns lists.enrichment_progress
language sql stable set search_path to pg_catalog as $$
  select p.id, coalesce(enrichment_progress.run_number, p.run_count),
    case
      when s.running > 0 or (s.queued > 0 and s.queued < s.batches) then 'running'
      when s.queued > 0 then 'queued' when s.failed > 0 then 'failed' when s.cancelled > 0 then 'cancelled'
      else 'succeeded' end,
    s.entry_count, s.processed_count, s.changed_count, s.failed_count,
    s.batches, s.queued, s.running, s.succeeded, s.failed, s.cancelled,
    s.started_at, case when s.queued + s.running = 0 then s.finished_at end
  from lists.enrichment_plans p,
  lateral (
    select coalesce(sum(j.entry_count), 0) as entry_count, coalesce(sum(j.processed_count), 0) as processed_count,
      coalesce(sum(j.changed_count), 0) as changed_count, coalesce(sum(j.failed_count), 0) as failed_count,
      count(*) as batches, min(j.started_at) as started_at, max(j.finished_at) as finished_at,
      count(*) filter (where j.status = 'queued') as queued, count(*) filter (where j.status = 'running') as running,
      count(*) filter (where j.status = 'succeeded') as succeeded, count(*) filter (where j.status = 'failed') as failed,
      count(*) filter (where j.status = 'cancelled') as cancelled
    from lists.enrichment_queue_jobs j
    where j.tenant_id = p.tenant_id and j.enrichment_plan_id = p.id
      and j.run_number = coalesce(enrichment_progress.run_number, p.run_count)
  ) s
  where p.tenant_id = app.tenant_id() and p.id = plan_id and p.run_count > 0
$$;
comment on function lists.enrichment_progress(uuid, integer) is
  'How far a run of a plan is: the last one unless a number is given. Nothing when the plan was never run.';
grant execute on function lists.enrichment_progress(uuid, integer) to rowhouse_viewer, rowhouse_system;

create or replace function lists.enrichment_plans_progress(plan lists.enrichment_plans) returns lists.enrichment_progress
language sql stable set search_path to pg_catalog
return lists.enrichment_progress(plan.id);
comment on function lists.enrichment_plans_progress(lists.enrichment_plans) is 'How far the last run of the plan is.';
grant execute on function lists.enrichment_plans_progress(lists.enrichment_plans) to rowhouse_viewer, rowhouse_system;
--! EndIncluded lists/enrichment_progress.sql
--! Included lists/rpc_scores.sql
-- The log of scores: does this number reach this person? A newer score stands beside the older one.
create table if not exists lists.rpc_scores (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_entry_id uuid not null,
  enrichment_queue_job_id uuid,
  name text constraint rpc_scores_name_check check (length(name) <= 500),
  phone_e164 text constraint rpc_scores_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  features jsonb not null default '{}' constraint rpc_scores_features_check check (jsonb_typeof(features) = 'object'),
  score float8 not null constraint rpc_scores_score_check check (score between 0 and 1),
  verdict lists.rpc_verdict not null,
  method text not null constraint rpc_scores_method_check check (length(btrim(method)) between 1 and 100),
  method_version text not null constraint rpc_scores_method_version_check check (length(btrim(method_version)) between 1 and 50),
  scored_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  constraint rpc_scores_pkey primary key (tenant_id, id)
);
comment on table lists.rpc_scores is E'@typeid rpc\nHow likely the phone number of an entry reaches the person it names, and why.';
comment on column lists.rpc_scores.enrichment_queue_job_id is 'The batch in which it was scored.';
comment on column lists.rpc_scores.name is 'The name that was scored.';
comment on column lists.rpc_scores.phone_e164 is 'The phone number that was scored, in international form.';
comment on column lists.rpc_scores.features is 'What the score is made of: a JSON object, feature to figure, such as {"nameSimilarity": 0.91}.';
comment on column lists.rpc_scores.score is 'From 0, somebody else, to 1, this person.';
comment on column lists.rpc_scores.method is 'The method that scored, such as record_linkage.';
comment on column lists.rpc_scores.method_version is 'Version of the method.';
comment on column lists.rpc_scores.scored_by is 'Actor who scored.';
create index if not exists rpc_scores_list_entry_id_idx on lists.rpc_scores (tenant_id, list_entry_id, id);
create index if not exists rpc_scores_verdict_idx on lists.rpc_scores (tenant_id, verdict, id);
select ddl.foreign_key('lists.rpc_scores', 'list_entry_id', 'lists.list_entries', 'cascade', p_index => false);
select ddl.foreign_key('lists.rpc_scores', 'enrichment_queue_job_id', 'lists.enrichment_queue_jobs', 'set null');
select ddl.foreign_key('lists.rpc_scores', 'scored_by', 'iam.actors', 'set null');
comment on constraint rpc_scores_scored_by_fkey on lists.rpc_scores is '@foreignFieldName rpcScores';
select ddl.append_only('lists.rpc_scores',
  p_insert => '{list_entry_id,enrichment_queue_job_id,name,phone_e164,features,score,verdict,method,method_version}');

create or replace function lists.list_entries_latest_rpc_score(entry lists.list_entries) returns lists.rpc_scores
language sql stable
begin atomic
  select s from lists.rpc_scores s where s.tenant_id = entry.tenant_id and s.list_entry_id = entry.id order by s.id desc limit 1;
end;
comment on function lists.list_entries_latest_rpc_score(lists.list_entries) is 'The youngest score of the entry''s name and number; the one that counts.';
grant execute on function lists.list_entries_latest_rpc_score(lists.list_entries) to rowhouse_viewer, rowhouse_system;
select ddl.masked('lists.rpc_scores', '{"phone_e164": "phone", "features": "json"}');
--! EndIncluded lists/rpc_scores.sql
--! Included lists/connections.sql
-- Where exports and rows are sent to. How to get there is here; what opens the door is in private.connection_secrets.
create table if not exists lists.connections (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint connections_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint connections_description_check check (length(description) <= 5000),
  kind lists.connection_kind not null,
  status lists.connection_status not null default 'active',
  config jsonb not null constraint connections_config_check check (jsonb_typeof(config) = 'object'),
  column_mapping jsonb not null default '[]' constraint connections_column_mapping_check check (jsonb_typeof(column_mapping) = 'array'),
  last_tested_at timestamptz,
  last_test_error text,
  last_used_at timestamptz,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint connections_pkey primary key (tenant_id, id)
);
comment on table lists.connections is E'@typeid conn\n@name destinations\nA place that exports are delivered to: a webhook, an FTP or SFTP folder, a bucket, a mailbox.';
comment on column lists.connections.config is 'How to get there, by kind: webhook {url, method, headers}, ftp {host, port, username, path, isTls}, sftp {host, port, username, path, hostKey}, s3 {bucket, region, endpoint, prefix, isPathStyle}, email {to, cc, subject}. Secrets have no place here.';
comment on column lists.connections.column_mapping is 'Which columns are sent under which names, in order: an array of {column, name}. As the export has them when empty.';
comment on column lists.connections.last_test_error is 'What the last test said; nothing when it went well.';
comment on column lists.connections.created_by is 'Actor who made the connection.';
create unique index if not exists connections_name_key on lists.connections (tenant_id, name) where deleted_at is null;
create index if not exists connections_kind_idx on lists.connections (tenant_id, kind, id);
select ddl.foreign_key('lists.connections', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.connections', p_insert => '{name,description,kind,status,config,column_mapping}',
  p_update => '{name,description,status,config,column_mapping}', p_write_role => 'rowhouse_admin');
-- That there is such a place, everybody may know; where it is and how one gets in, those who run the tenant's work.
revoke select on lists.connections from rowhouse_viewer;
grant select (tenant_id, id, name, description, kind, status, last_tested_at, last_used_at, created_by, created_at, updated_at, deleted_at, xmin)
  on lists.connections to rowhouse_viewer;
grant select on lists.connections to rowhouse_manager;
--! EndIncluded lists/connections.sql
--! Included lists/connections_config.sql
create or replace function lists.check_connection_config() returns trigger
language plpgsql set search_path to pg_catalog as $$
declare
  -- Key to type; an exclamation mark stands behind what must be there.
  v_known jsonb := case new.kind
    when 'webhook' then '{"url": "string!", "method": "string", "headers": "object"}'
    when 'ftp' then '{"host": "string!", "port": "number", "username": "string", "path": "string", "isTls": "boolean"}'
    when 'sftp' then '{"host": "string!", "port": "number", "username": "string!", "path": "string", "hostKey": "string!"}'
    when 's3' then '{"bucket": "string!", "region": "string!", "endpoint": "string", "prefix": "string", "isPathStyle": "boolean"}'
    when 'email' then '{"to": "array!", "cc": "array", "subject": "string"}' end::jsonb;
  v_problem text;
begin
  select case
      when k.value is null then format('There is no setting "%s".', c.key)
      when c.value is null then format('"%s" is missing.', k.key)
      when c.value in ('""', '[]') and k.value like '%!' then format('"%s" is empty.', k.key)
      else format('"%s" must be of type %s, not %s.', k.key, rtrim(k.value, '!'), jsonb_typeof(c.value)) end
  into v_problem
  from jsonb_each(new.config) c full join jsonb_each_text(v_known) k on k.key = c.key
  where k.value is null or (c.value is null and k.value like '%!') or jsonb_typeof(c.value) <> rtrim(k.value, '!')
    or (c.value in ('""', '[]') and k.value like '%!')
  order by k.value is null desc, coalesce(c.key, k.key) limit 1;
  if v_problem is not null then
    perform app.raise('VALIDATION_FAILED', format('%s The settings of a connection of kind %s are: %s.%s', v_problem, upper(new.kind),
      (select string_agg(key || case when value like '%!' then ' (needed)' else '' end, ', ' order by n)
        from jsonb_each_text(v_known) with ordinality u (key, value, n)),
      case when v_problem ~* '(secret|password|token|access_?key|private_?key)' then ' Secrets are kept apart from them.' else '' end), 'config');
  end if;
  v_problem := case
    when new.config ->> 'url' !~* '^https?://[^\s/@]+(/\S*)?$' then 'The url must begin with https:// or http://, and name no user.'
    when new.config ->> 'endpoint' !~* '^https?://[^\s/@]+(/\S*)?$' then 'The endpoint must begin with https:// or http://, and name no user.'
    when new.config ->> 'method' not in ('POST', 'PUT') then 'The method must be POST or PUT.'
    when new.config ->> 'host' !~ '^[A-Za-z0-9.:-]+$' then 'The host must be a name or an address.'
    when new.config ->> 'port' !~ '^[1-9][0-9]{0,4}$' or (new.config ->> 'port')::float8 > 65535
      then 'The port must be a whole number from 1 to 65535.'
    when concat_ws(E'\n', new.config ->> 'path', new.config ->> 'prefix') ~ '(^|/|\n)\.\.(/|\n|$)' then 'A path must not lead upwards.'
    when exists (select from jsonb_each(new.config -> 'headers') h
        where jsonb_typeof(h.value) <> 'string' or h.key !~ '^[A-Za-z0-9-]+$' or h.value #>> '{}' ~ '[\r\n]')
      then 'A header has a name of letters, digits and hyphens, and one line of text.'
    when exists (select from jsonb_object_keys(new.config -> 'headers') h where h ~* '^(authorization|cookie|x-api-key|proxy-authorization)$')
      then 'Headers that hold a secret have no place here.'
    when exists (select from jsonb_array_elements(coalesce(new.config -> 'to', '[]') || coalesce(new.config -> 'cc', '[]')) a
        where jsonb_typeof(a) <> 'string' or a #>> '{}' !~ '^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+$')
      then 'Each recipient must be an e-mail address.'
    when new.config ->> 'subject' ~ '[\r\n]' then 'The subject must be one line.' end;
  if v_problem is not null then
    perform app.raise('VALIDATION_FAILED', v_problem, 'config');
  end if;
  return new;
end
$$;
comment on function lists.check_connection_config() is 'Checks the settings of a connection by its kind: what is needed is there, and nothing unknown, no secret.';
select ddl.trigger('lists.connections', '_200_config',
  'before insert or update of kind, config for each row execute function lists.check_connection_config()');

create or replace function lists.check_connection_columns() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if exists (select from jsonb_array_elements(new.column_mapping) m
      where jsonb_typeof(m) <> 'object' or coalesce(m ->> 'column', '') = '' or coalesce(m ->> 'name', '') = ''
        or m - '{column,name}'::text[] <> '{}')
    or exists (select from jsonb_array_elements(new.column_mapping) m group by m ->> 'name' having count(*) > 1) then
    perform app.raise('VALIDATION_FAILED',
      'The column mapping is an array of objects such as {"column": "phone_e164", "name": "Phone"}, each name once.', 'columnMapping');
  end if;
  return new;
end
$$;
comment on function lists.check_connection_columns() is 'Checks the form of the column mapping of a connection.';
select ddl.trigger('lists.connections', '_200_columns',
  'before insert or update of column_mapping for each row execute function lists.check_connection_columns()');
--! EndIncluded lists/connections_config.sql
--! Included lists/connection_secrets.sql
-- Passwords and keys of connections stand apart from them, where no grant of the API reaches, and encrypted.
create table if not exists private.connection_secrets (
  tenant_id uuid not null,
  connection_id uuid not null,
  sealed_secret bytea not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint connection_secrets_pkey primary key (tenant_id, connection_id)
);
comment on table private.connection_secrets is 'What opens a connection, sealed with the server''s key.';
select ddl.foreign_key('private.connection_secrets', 'connection_id', 'lists.connections', 'cascade', p_index => false);
select ddl.private_table('private.connection_secrets');
select ddl.trigger('private.connection_secrets', '_100_stamp', 'before update for each row execute function app.stamp()');

create or replace function lists.connections_has_secret(connection lists.connections) returns boolean
language sql stable security definer set search_path to pg_catalog as $$
  select exists (select from private.connection_secrets s
    where app.require_scope('connections:read') and s.tenant_id = app.tenant_id() and s.tenant_id = connection.tenant_id and s.connection_id = connection.id)
$$;
comment on function lists.connections_has_secret(lists.connections) is
  E'@notNull\n@behavior -aggregate -filterBy -orderBy\nWhether a password or key is kept for it. It can be replaced, and never be read.';
grant execute on function lists.connections_has_secret(lists.connections) to rowhouse_manager, rowhouse_system;
--! EndIncluded lists/connection_secrets.sql
--! Included lists/set_connection_secret.sql
create or replace function app.set_connection_secret(p_connection_id uuid, p_sealed_secret bytea) returns lists.connections
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_connection lists.connections;
begin
  perform app.require_scope('connections:write');
  select * into v_connection from lists.connections where tenant_id = app.tenant_id() and id = p_connection_id and deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', 'There is no such connection.', 'id');
  end if;
  if p_sealed_secret is null then
    delete from private.connection_secrets where tenant_id = app.tenant_id() and connection_id = p_connection_id;
  else
    insert into private.connection_secrets (tenant_id, connection_id, sealed_secret) values (app.tenant_id(), p_connection_id, p_sealed_secret)
    on conflict (tenant_id, connection_id) do update set sealed_secret = excluded.sealed_secret;
  end if;
  return v_connection;
end
$$;
comment on function app.set_connection_secret(uuid, bytea) is
  'Keeps what opens a connection, sealed by the server; null forgets it. The API''s mutation of that name seals it.';
grant execute on function app.set_connection_secret(uuid, bytea) to rowhouse_admin;
--! EndIncluded lists/set_connection_secret.sql
--! Included lists/export_jobs.sql
-- A request to write a list, or a part of it, to a file.
create table if not exists lists.export_jobs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid not null,
  status lists.export_status not null default 'queued',
  format lists.export_format not null default 'csv',
  is_gzip boolean not null default false,
  filter jsonb not null default '{}' constraint export_jobs_filter_check check (jsonb_typeof(filter) = 'object'),
  columns jsonb not null default '[]' constraint export_jobs_columns_check check (jsonb_typeof(columns) = 'array'),
  tag text constraint export_jobs_tag_check check (length(tag) <= 200),
  total_count bigint,
  row_count bigint not null default 0,
  byte_count bigint not null default 0,
  connection_id uuid,
  error_code text,
  error_message text,
  started_by uuid default app.actor_id(),
  cancel_requested_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint export_jobs_pkey primary key (tenant_id, id)
);
comment on table lists.export_jobs is E'@typeid exp\nAn export of a list to a file.';
comment on column lists.export_jobs.filter is 'Which entries, in the form of a list entry filter; all of the list when empty.';
comment on column lists.export_jobs.columns is 'Which columns in which order: names of entry columns, or data.<header>.';
comment on column lists.export_jobs.tag is 'Tag that exported entries are given.';
comment on column lists.export_jobs.total_count is 'How many entries will be written, once counted.';
comment on column lists.export_jobs.row_count is 'How many entries were written so far.';
comment on column lists.export_jobs.byte_count is 'Size of what was written so far, in bytes.';
comment on column lists.export_jobs.connection_id is E'@name destination_id\nWhere the file is delivered to; nowhere when empty: it can be downloaded.';
comment on column lists.export_jobs.error_code is 'Code of the error that ended the export.';
comment on column lists.export_jobs.started_by is 'Actor who started the export.';
create index if not exists export_jobs_list_id_idx on lists.export_jobs (tenant_id, list_id, id);
create index if not exists export_jobs_status_idx on lists.export_jobs (tenant_id, status, id);
select ddl.foreign_key('lists.export_jobs', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.export_jobs', 'started_by', 'iam.actors', 'set null');
select ddl.foreign_key('lists.export_jobs', 'connection_id', 'lists.connections', 'no action');
comment on constraint export_jobs_connection_id_fkey on lists.export_jobs is E'@fieldName destination\n@foreignFieldName exportJobs';
select ddl.tenant_table('lists.export_jobs');
-- A job that failed or was cancelled can be retried; then its export runs once more.
select ddl.state_machine('lists.export_jobs', 'status', '{
  "queued": ["running", "failed", "cancelled"], "running": ["succeeded", "queued", "failed", "cancelled"], "succeeded": ["expired"],
  "failed": ["running"], "cancelled": ["queued", "running", "failed"], "expired": []}');
select ddl.enqueue('lists.export_jobs', 'export_list', 'insert', $$r.status = 'queued'$$);
select ddl.notify_progress('lists.export_jobs', 'update');
select ddl.masked('lists.export_jobs', '{"filter": "json", "error_message": "text"}');
--! EndIncluded lists/export_jobs.sql
--! Included lists/export_files.sql
-- A file that an export wrote; it can be downloaded until it expires.
create table if not exists lists.export_files (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  export_job_id uuid not null,
  file_name text not null,
  storage_key text not null,
  content_type text not null,
  byte_count bigint not null,
  row_count bigint not null,
  sha256 text not null constraint export_files_sha256_check check (sha256 ~ '^[0-9a-f]{64}$'),
  download_count integer not null default 0,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint export_files_pkey primary key (tenant_id, id)
);
comment on table lists.export_files is E'@typeid file\nA file written by an export.';
comment on column lists.export_files.storage_key is E'@behavior -*\nWhere the file lies in the store.';
comment on column lists.export_files.sha256 is 'SHA-256 of the file as it is downloaded, hexadecimal.';
comment on column lists.export_files.expires_at is 'When the file is removed.';
create index if not exists export_files_expires_at_idx on lists.export_files (expires_at);
select ddl.foreign_key('lists.export_files', 'export_job_id', 'lists.export_jobs', 'cascade');
select ddl.tenant_table('lists.export_files');
select ddl.masked('lists.export_files', '{"sha256": "hidden"}');
--! EndIncluded lists/export_files.sql
--! Included lists/export_deliveries.sql
-- Each attempt to hand an exported file over, with what the other side said.
create table if not exists lists.export_deliveries (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  export_job_id uuid not null,
  export_file_id uuid,
  connection_id uuid not null,
  attempt_number integer not null default 1 constraint export_deliveries_attempt_number_check check (attempt_number >= 1),
  status lists.export_delivery_status not null default 'pending',
  destination text not null constraint export_deliveries_destination_check check (length(destination) between 1 and 2000),
  byte_count bigint not null default 0 constraint export_deliveries_byte_count_check check (byte_count >= 0),
  checksum text constraint export_deliveries_checksum_check check (checksum ~ '^[0-9a-f]{64}$'),
  receipt jsonb not null default '{}' constraint export_deliveries_receipt_check check (jsonb_typeof(receipt) = 'object'),
  error_code text,
  error_message text,
  started_at timestamptz,
  delivered_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint export_deliveries_pkey primary key (tenant_id, id),
  constraint export_deliveries_delivered_at_check check ((status = 'delivered') = (delivered_at is not null))
);
comment on table lists.export_deliveries is E'@typeid delivery\nAn attempt to hand the file of an export over to a connection.';
comment on column lists.export_deliveries.attempt_number is 'Which attempt for this connection, from 1.';
comment on column lists.export_deliveries.connection_id is E'@name destination_id\nWhere it goes.';
comment on column lists.export_deliveries.destination is E'@name sent_to\nWhere exactly it went, without secrets: the address, path or mailbox as it was then.';
comment on column lists.export_deliveries.byte_count is 'Bytes that were sent.';
comment on column lists.export_deliveries.checksum is 'SHA-256 of what was sent, hexadecimal.';
comment on column lists.export_deliveries.receipt is 'What the other side answered: status, message id, ETag, … A JSON object.';
comment on column lists.export_deliveries.error_code is 'Code of the error, when it failed.';
create unique index if not exists export_deliveries_attempt_number_key
  on lists.export_deliveries (tenant_id, export_job_id, connection_id, attempt_number);
create index if not exists export_deliveries_status_idx on lists.export_deliveries (tenant_id, status, id);
select ddl.foreign_key('lists.export_deliveries', 'export_job_id', 'lists.export_jobs', 'cascade', p_index => false);
select ddl.foreign_key('lists.export_deliveries', 'export_file_id', 'lists.export_files', 'set null');
select ddl.foreign_key('lists.export_deliveries', 'connection_id', 'lists.connections', 'no action');
comment on constraint export_deliveries_export_job_id_fkey on lists.export_deliveries is E'@foreignFieldName deliveries';
comment on constraint export_deliveries_export_file_id_fkey on lists.export_deliveries is E'@foreignFieldName deliveries';
comment on constraint export_deliveries_connection_id_fkey on lists.export_deliveries is E'@fieldName destination\n@foreignFieldName deliveries';
select ddl.tenant_table('lists.export_deliveries');
select ddl.state_machine('lists.export_deliveries', 'status',
  '{"pending": ["sending", "cancelled"], "sending": ["delivered", "failed", "cancelled", "pending"], "failed": [], "delivered": [], "cancelled": []}', '{pending,sending}');
select ddl.masked('lists.export_deliveries', '{"destination": "text", "checksum": "hidden", "receipt": "json", "error_message": "text"}');
--! EndIncluded lists/export_deliveries.sql
--! Included lists/expired_export_files.sql
grant select on lists.export_files to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.expired_export_files(p_limit integer) returns table (tenant_id uuid, id uuid, storage_key text)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select f.tenant_id, f.id, f.storage_key from lists.export_files f where f.expires_at <= now() order by f.expires_at limit p_limit;
end;
comment on function private.expired_export_files(integer) is
  'The files whose time is over, oldest first. Crosses tenants: one maintenance task clears away for all of them.';
grant execute on function private.expired_export_files(integer) to rowhouse_worker;
revoke all on function private.expired_export_files(integer) from public;
set local role rowhouse_owner;
--! EndIncluded lists/expired_export_files.sql
--! Included lists/resolve_export_columns.sql
create or replace function lists.resolve_export_columns(p_list lists.lists, p_columns text[]) returns jsonb
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_known text[] := array(select a.attname from pg_attribute a
    where a.attrelid = 'lists.list_entries'::regclass and a.attnum > 0 and not a.attisdropped
      and a.attname not in ('tenant_id', 'list_id', 'deleted_at') order by a.attnum);
  v_headers text[] := array(select c.value ->> 'name' from jsonb_array_elements(p_list.columns) c);
  v_given text[];
  v_name text;
  v_column text;
  v_result text[] := '{}';
begin
  -- Without columns: what people work with, then everything as it was imported.
  v_given := coalesce(nullif(p_columns, '{}'), array['full_name', 'first_name', 'last_name', 'company_name', 'email', 'email_status',
    'phone', 'phone_e164', 'phone_status', 'phone_type', 'address_line1', 'address_line2', 'city', 'state', 'county', 'postal_code',
    'country', 'time_zone', 'tag', 'score'] || array(select 'data.' || h from unnest(v_headers) with ordinality u (h, n) order by n));
  if cardinality(v_given) > 500 then
    perform app.raise('LIMIT_EXCEEDED', format('An export has at most 500 columns; %s were asked for. Name fewer.', cardinality(v_given)), 'columns');
  end if;
  foreach v_name in array v_given loop
    v_column := v_name;
    if v_column is null then
      perform app.raise('VALIDATION_FAILED', 'A column of an export cannot be null.', 'columns');
    end if;
    if v_column like 'data.%' then
      -- Also a header that no import brought, when an entry has it.
      if not (substr(v_column, 6) = any (v_headers)) and not exists (select from lists.list_entries e
          where e.tenant_id = p_list.tenant_id and e.list_id = p_list.id and e.deleted_at is null and e.data ? substr(v_column, 6)) then
        perform app.raise('VALIDATION_FAILED', format('The list has no column %s. Its imported columns: %s.', v_column,
          coalesce((select string_agg('data.' || h, ', ') from unnest(v_headers) h), 'none')), 'columns');
      end if;
    else
      -- As the API writes it or as the table does: fullName, FULL_NAME, full_name.
      v_column := case when v_column in ('rowId', 'ROW_ID', 'row_id') then 'id' when v_column = upper(v_column) then lower(v_column)
        else regexp_replace(lower(regexp_replace(v_column, '([A-Z])', '_\1', 'g')), '^(address)_line_', '\1_line') end;
      if not (v_column = any (v_known)) then
        perform app.raise('VALIDATION_FAILED', format('There is no column %s.%s The columns: %s; and imported ones as data.<header>.',
          v_name, case when v_name = any (v_headers) then format(' Did you mean data.%s?', v_name) else '' end, array_to_string(v_known, ', ')), 'columns');
      end if;
    end if;
    if v_column = any (v_result) then
      perform app.raise('VALIDATION_FAILED', format('Column %s is there twice. Name each column once.', v_column), 'columns');
    end if;
    v_result := v_result || v_column;
  end loop;
  return to_jsonb(v_result);
end
$$;
comment on function lists.resolve_export_columns(lists.lists, text[]) is
  E'@behavior -*\nThe columns of an export as names of entry columns or data.<header>; a default when none are given. An unknown one is refused by name.';
--! EndIncluded lists/resolve_export_columns.sql
--! Included lists/start_export.sql
create or replace function lists.start_export(
  list_id uuid,
  filter jsonb default '{}',
  columns text[] default null,
  format lists.export_format default 'csv',
  is_gzip boolean default false,
  tag text default null
) returns lists.export_jobs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_list lists.lists;
  v_filter jsonb := coalesce(start_export.filter, '{}');
  v_job lists.export_jobs;
begin
  perform app.require_scope('exports:write');
  select * into v_list from lists.lists l
  where l.tenant_id = app.tenant_id() and l.id = start_export.list_id and l.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', pg_catalog.format('There is no list %s.', start_export.list_id), 'listId');
  end if;
  if jsonb_typeof(v_filter) <> 'object' then
    perform app.raise('VALIDATION_FAILED', pg_catalog.format('The filter of an export is an object such as {"email": {"isNull": false}}, not %s.',
      jsonb_typeof(v_filter)), 'filter');
  end if;
  if length(v_filter::text) > 262144 then
    perform app.raise('LIMIT_EXCEEDED', 'The filter of an export has at most 262,144 characters.', 'filter');
  end if;
  if length(start_export.tag) > 200 or btrim(start_export.tag) = '' then
    perform app.raise('VALIDATION_FAILED', 'A tag has 1 to 200 characters.', 'tag');
  end if;
  insert into lists.export_jobs (tenant_id, list_id, format, is_gzip, filter, columns, tag)
  values (v_list.tenant_id, v_list.id, coalesce(start_export.format, 'csv'), coalesce(start_export.is_gzip, false), v_filter,
    lists.resolve_export_columns(v_list, start_export.columns), start_export.tag)
  returning * into v_job;
  return v_job;
end
$$;
comment on function lists.start_export(uuid, jsonb, text[], lists.export_format, boolean, text) is
  'Writes the living entries of a list that satisfy a filter to a file that can be downloaded when the job has succeeded. In CSV, a cell that a spreadsheet would take for a formula begins with an apostrophe.';
grant execute on function lists.start_export(uuid, jsonb, text[], lists.export_format, boolean, text) to rowhouse_member;
--! EndIncluded lists/start_export.sql
--! Included lists/cancel_export.sql
create or replace function lists.cancel_export(export_id uuid) returns lists.export_jobs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_export lists.export_jobs;
  v_job pipeline.jobs;
begin
  perform app.require_scope('exports:write');
  -- The export first, then its job: the order in which the worker takes them.
  select * into v_export from lists.export_jobs e where e.tenant_id = app.tenant_id() and e.id = export_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no export %s.', export_id), 'exportId');
  end if;
  if v_export.status not in ('queued', 'running') then
    perform app.raise('INVALID_STATE', format('Export %s is %s already and cannot be cancelled.', export_id, v_export.status), 'exportId');
  end if;
  select * into v_job from pipeline.jobs j
  where j.tenant_id = v_export.tenant_id and j.subject_id = v_export.id and j.subject_type = 'export_jobs'
  order by j.id desc limit 1 for update;
  if v_job.status in ('queued', 'running', 'retrying') then
    select * into v_job from pipeline.cancel_job(v_job.id);
  end if;
  -- What runs stops at its next checkpoint, and the worker says so here.
  update lists.export_jobs e
  set cancel_requested_at = coalesce(e.cancel_requested_at, now()),
    status = case when v_job.status = 'running' then e.status else 'cancelled' end,
    finished_at = case when v_job.status = 'running' then null else now() end
  where e.tenant_id = v_export.tenant_id and e.id = v_export.id
  returning * into v_export;
  return v_export;
end
$$;
comment on function lists.cancel_export(uuid) is 'Cancels an export: at once when it waits, within seconds when it runs. Its file is removed.';
grant execute on function lists.cancel_export(uuid) to rowhouse_member;
--! EndIncluded lists/cancel_export.sql
--! Included lists/list_quality.sql
create or replace view lists.list_quality with (security_invoker = true) as
select l.tenant_id, l.id as list_id,
  t.entry_count, t.name_count, t.valid_name_count, t.email_count, t.valid_email_count, t.phone_count, t.valid_phone_count,
  t.address_count, t.valid_address_count, t.reachable_count,
  t.reachable_count::float8 / nullif(t.entry_count, 0) as reachable_share,
  t.promoted_count,   i.duplicate_count, i.rejected_count,
  t.entry_count - t.enriched_count - t.partial_count - t.failed_count as pending_count, t.enriched_count, t.partial_count, t.failed_count
from lists.lists l
cross join lateral (
  select coalesce(sum(entry_count), 0)::bigint as entry_count,
    coalesce(sum(name_count), 0)::bigint as name_count, coalesce(sum(valid_name_count), 0)::bigint as valid_name_count,
    coalesce(sum(email_count), 0)::bigint as email_count, coalesce(sum(valid_email_count), 0)::bigint as valid_email_count,
    coalesce(sum(phone_count), 0)::bigint as phone_count, coalesce(sum(valid_phone_count), 0)::bigint as valid_phone_count,
    coalesce(sum(address_count), 0)::bigint as address_count, coalesce(sum(valid_address_count), 0)::bigint as valid_address_count,
    coalesce(sum(reachable_count), 0)::bigint as reachable_count, coalesce(sum(promoted_count), 0)::bigint as promoted_count,
    coalesce(sum(enriched_count), 0)::bigint as enriched_count,    coalesce(sum(partial_count), 0)::bigint as partial_count, coalesce(sum(failed_count), 0)::bigint as failed_count
  from lists.list_entry_totals t where t.tenant_id = l.tenant_id and t.list_id = l.id
) t
cross join lateral (
  select coalesce(sum(filled_count + overwritten_count + skipped_count), 0)::bigint as duplicate_count,
    coalesce(sum(rejected_count), 0)::bigint as rejected_count
  from lists.list_imports i where i.tenant_id = l.tenant_id and i.list_id = l.id and i.status = 'completed' and not i.is_dry_run
) i
where l.deleted_at is null;
comment on view lists.list_quality is
  E'@behavior -type:node -query:resource:single\n@primaryKey tenant_id,list_id\n@foreignKey (tenant_id, list_id) references lists.lists (tenant_id, id)|@fieldName list|@foreignFieldName quality\nHow good the data of a list is: how many entries have what, and how much of it is valid.';
comment on column lists.list_quality.entry_count is E'@notNull\nLiving entries.';
comment on column lists.list_quality.name_count is E'@notNull\nEntries with a name.';
comment on column lists.list_quality.valid_name_count is E'@notNull\nEntries whose name was found valid.';
comment on column lists.list_quality.email_count is E'@notNull\nEntries with an e-mail address.';
comment on column lists.list_quality.valid_email_count is E'@notNull\nEntries whose e-mail address was found valid.';
comment on column lists.list_quality.phone_count is E'@notNull\nEntries with a phone number.';
comment on column lists.list_quality.valid_phone_count is E'@notNull\nEntries whose phone number was found valid.';
comment on column lists.list_quality.address_count is E'@notNull\nEntries with a postal address, or a part of one.';
comment on column lists.list_quality.valid_address_count is E'@notNull\nEntries whose postal address was found valid.';
comment on column lists.list_quality.reachable_count is E'@notNull\nEntries with a valid phone number or a valid e-mail address.';
comment on column lists.list_quality.reachable_share is 'Share of the entries that can be reached, from 0 to 1; none for an empty list.';
comment on column lists.list_quality.promoted_count is E'@notNull\nEntries that became a contact or a lead.';
comment on column lists.list_quality.duplicate_count is E'@notNull\nRows of imported files that turned out to be duplicates of entries.';
comment on column lists.list_quality.rejected_count is E'@notNull\nRows of imported files that could not be read.';
comment on column lists.list_quality.pending_count is E'@notNull\nEntries that were not enriched yet, or have changed since.';
comment on column lists.list_quality.enriched_count is E'@notNull\nEntries of which every step of enrichment ended well.';
comment on column lists.list_quality.partial_count is E'@notNull\nEntries of which some steps of enrichment failed.';
comment on column lists.list_quality.failed_count is E'@notNull\nEntries of which every step of enrichment failed.';
grant select on lists.list_quality to rowhouse_viewer, rowhouse_system;
--! EndIncluded lists/list_quality.sql
--! Included lists/enrichment_coverage.sql
create or replace view lists.enrichment_coverage with (security_invoker = true) as
select s.tenant_id, s.id as enrichment_plan_step_id, s.enrichment_plan_id, p.list_id, s.block,
  e.entry_count, greatest(e.entry_count - t.result_count, 0) as pending_count,
  t.found_count, t.unchanged_count, t.not_found_count, t.invalid_count, t.skipped_count, t.failed_count,
  least(t.result_count::float8 / nullif(e.entry_count, 0), 1) as covered_share, t.cost_minor
from lists.enrichment_plan_steps s
join lists.enrichment_plans p on p.tenant_id = s.tenant_id and p.id = s.enrichment_plan_id and p.deleted_at is null
cross join lateral (
  select coalesce(sum(entry_count), 0)::bigint as entry_count
  from lists.list_entry_totals t where t.tenant_id = p.tenant_id and t.list_id = p.list_id
) e
cross join lateral (
  select coalesce(sum(result_count), 0)::bigint as result_count, coalesce(sum(found_count), 0)::bigint as found_count,
    coalesce(sum(unchanged_count), 0)::bigint as unchanged_count, coalesce(sum(not_found_count), 0)::bigint as not_found_count,
    coalesce(sum(invalid_count), 0)::bigint as invalid_count, coalesce(sum(skipped_count), 0)::bigint as skipped_count,
    coalesce(sum(failed_count), 0)::bigint as failed_count, coalesce(sum(cost_minor), 0)::bigint as cost_minor
  from lists.enrichment_result_totals t
  where t.tenant_id = s.tenant_id and t.enrichment_plan_id = s.enrichment_plan_id and t.block = s.block
) t
where s.deleted_at is null;
comment on view lists.enrichment_coverage is
  E'@behavior -type:node -query:resource:single -resource:aggregates -resource:groupedAggregates\n@primaryKey tenant_id,enrichment_plan_step_id\n@foreignKey (tenant_id, enrichment_plan_step_id) references lists.enrichment_plan_steps (tenant_id, id)|@fieldName step|@foreignFieldName coverage\n@foreignKey (tenant_id, enrichment_plan_id) references lists.enrichment_plans (tenant_id, id)|@fieldName plan|@foreignFieldName coverage\n@foreignKey (tenant_id, list_id) references lists.lists (tenant_id, id)|@fieldName list|@foreignFieldName enrichmentCoverage\nHow far the entries of a list are enriched by a step of a plan, what it found, and what it cost. Results of entries deleted since are counted, too.';
comment on column lists.enrichment_coverage.block is E'@notNull\nWhat the step looks at.';
comment on column lists.enrichment_coverage.entry_count is E'@notNull\nLiving entries of the list.';
comment on column lists.enrichment_coverage.pending_count is E'@notNull\nEntries that the step has not looked at.';
comment on column lists.enrichment_coverage.found_count is E'@notNull\nEntries of which something was learnt.';
comment on column lists.enrichment_coverage.unchanged_count is E'@notNull\nEntries of which everything was right already.';
comment on column lists.enrichment_coverage.not_found_count is E'@notNull\nEntries of which nothing is known.';
comment on column lists.enrichment_coverage.invalid_count is E'@notNull\nEntries of which something is wrong.';
comment on column lists.enrichment_coverage.skipped_count is E'@notNull\nEntries in which there was nothing to look at.';
comment on column lists.enrichment_coverage.failed_count is E'@notNull\nEntries for which the step failed.';
comment on column lists.enrichment_coverage.covered_share is 'Share of the entries that the step has looked at, from 0 to 1; none for an empty list.';
comment on column lists.enrichment_coverage.cost_minor is E'@notNull\nWhat it cost, in the minor unit of the tenant''s currency.';
grant select on lists.enrichment_coverage to rowhouse_viewer, rowhouse_system;
--! EndIncluded lists/enrichment_coverage.sql
--! Included lists/export_volume.sql
create or replace view lists.export_volume with (security_invoker = true) as
select e.tenant_id, (e.finished_at at time zone t.time_zone)::date as day, e.format,
  count(*) as export_count, sum(e.row_count)::bigint as row_count, sum(e.byte_count)::bigint as byte_count
from lists.export_jobs e
join iam.tenants t on t.id = e.tenant_id
where e.status in ('succeeded', 'expired') and e.finished_at is not null
group by e.tenant_id, 2, e.format;
comment on view lists.export_volume is
  E'@behavior -type:node -query:resource:single\n@primaryKey tenant_id,day,format\nHow much was exported on a day, as days are in the tenant''s time zone, by format.';
comment on column lists.export_volume.day is 'The day on which the exports ended, in the tenant''s time zone.';
comment on column lists.export_volume.format is 'Format of the files.';
comment on column lists.export_volume.export_count is E'@notNull\nExports that succeeded.';
comment on column lists.export_volume.row_count is E'@notNull\nEntries that they wrote.';
comment on column lists.export_volume.byte_count is E'@notNull\nBytes that they wrote.';
grant select on lists.export_volume to rowhouse_viewer, rowhouse_system;
--! EndIncluded lists/export_volume.sql
--! EndIncluded lists/index.sql
--! Included outreach/index.sql
-- Messages to people: templates, segments, campaigns, sequences, workflows.
create schema if not exists outreach;
comment on schema outreach is 'Messages to people: templates, segments, campaigns, sequences, workflows.';
grant usage on schema outreach to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--! Included outreach/messaging.sql
-- Templates, segments, messages, campaigns.
--! Included outreach/types_messaging.sql
select ddl.enum('outreach.template_status', '{
  "draft": "No version of it was published yet.", "active": "It can be sent, in the version that was published last.",
  "archived": "It is kept, and out of the way."
}', 'Where a template stands.');
select ddl.enum('outreach.template_version_status', '{
  "draft": "Is being written, and may change.", "published": "Can be sent, and never changes again."
}', 'Where a version of a template stands.');
select ddl.enum('outreach.hsm_status', '{
  "draft": "Was not handed in yet.", "submitted": "WhatsApp looks at it.", "approved": "It may be sent.", "rejected": "WhatsApp refused it.",
  "paused": "WhatsApp stopped it for a while, because recipients complained.", "disabled": "WhatsApp stopped it for good."
}', 'Where the approval of a template by WhatsApp stands.');
select ddl.enum('outreach.hsm_category', '{
  "marketing": "Offers and news.", "utility": "About something that the recipient did, such as an order.", "authentication": "A code to sign in by."
}', 'What WhatsApp takes a template for, and charges it as.');
select ddl.enum('outreach.prompt_purpose', '{
  "write_message": "Writes a message.", "rewrite": "Says something in other words.", "summarize": "Makes something shorter.",
  "classify_reply": "Finds out what a reply means.", "research": "Finds out about a company or person."
}', 'What a prompt is for.');
select ddl.enum('outreach.segment_type', '{
  "static": "Contacts are put in and taken out by hand.", "dynamic": "Its rules say who is in."
}', 'How contacts come into a segment.');
select ddl.enum('outreach.segment_operator', '{
  "equals": "Is this value.", "not_equals": "Is not this value.", "contains": "Contains this text.", "not_contains": "Does not contain this text.",
  "starts_with": "Begins with this text.", "ends_with": "Ends with this text.", "in": "Is one of these values.", "not_in": "Is none of these values.",
  "greater_than": "Is more or later.", "greater_or_equal": "Is this, or more or later.", "less_than": "Is less or earlier.",
  "less_or_equal": "Is this, or less or earlier.", "between": "Lies between two values, or is one of them.",
  "within_last_days": "Lies at most so many days back.", "not_within_last_days": "Lies more than so many days back, or is empty.",
  "is_set": "Is not empty.", "is_not_set": "Is empty."
}', 'How a rule of a segment compares.');
select ddl.enum('outreach.segment_member_reason', '{
  "rule": "The rules of the segment say so.", "manual": "Somebody put it in.", "import": "It came in with an import.", "automation": "An automation or workflow put it in."
}', 'Why a contact is in a segment.');
select ddl.enum('outreach.direction', '{"outbound": "From the tenant.", "inbound": "To the tenant."}', 'Which way a message goes.');
select ddl.enum('outreach.message_status', '{
  "queued": "Waits to be sent.", "sending": "Is being handed to the provider.", "sent": "The provider has it.", "delivered": "It arrived.",
  "bounced": "It came back.", "failed": "Sending failed, and may be tried again.", "dead": "Sending failed for good; its dead letter can be replayed.",
  "suppressed": "It was not sent: consent, a filter rule or the like forbade it.", "cancelled": "Somebody stopped it before it was sent.",
  "received": "It came in."
}', 'Where a message stands.');
select ddl.enum('outreach.message_source', '{
  "campaign": "A campaign.", "sequence": "A step of a sequence.", "workflow": "A run of a workflow.", "direct": "None of these: somebody wrote it, or it came in."
}', 'What brought a message about.');
select ddl.enum('outreach.delivery_event', '{
  "queued": "It was queued.", "sending": "It was handed to the provider.", "sent": "The provider took it.", "delivered": "It arrived.",
  "opened": "It was opened.", "clicked": "A link in it was followed.", "replied": "It was answered.", "bounced": "It came back.",
  "complained": "The recipient reported it as spam.", "unsubscribed": "The recipient wants no more of these.", "failed": "Sending failed.",
  "retried": "It was queued once more.", "dead": "It was given up.", "suppressed": "It was not sent on purpose.", "cancelled": "It was stopped.",
  "received": "It came in."
}', 'What happened to a message.');
select ddl.enum('outreach.campaign_status', '{
  "draft": "Is being written.", "scheduled": "Starts by itself at its time.", "running": "Its messages go out.", "paused": "It is stopped, and can go on.",
  "completed": "Every recipient was dealt with.", "cancelled": "It was stopped for good."
}', 'Where a campaign stands.');
select ddl.enum('outreach.recipient_status', '{
  "pending": "Its turn has not come.", "queued": "Its message waits to be sent.", "sent": "Its message went out.", "delivered": "Its message arrived.",
  "opened": "It opened the message.", "clicked": "It followed a link.", "replied": "It answered.", "bounced": "The message came back.",
  "unsubscribed": "It wants no more messages.", "failed": "The message could not be sent.", "skipped": "It was left out: consent, a filter rule or the like forbade it."
}', 'How far a campaign came with a recipient: the most telling thing that happened.');
--! EndIncluded outreach/types_messaging.sql
--! Included outreach/template_categories.sql
-- A tree of categories, at most ten levels deep, that templates are kept in.
create table if not exists outreach.template_categories (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  parent_id uuid constraint template_categories_parent_id_check check (parent_id <> id),
  name text not null constraint template_categories_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint template_categories_description_check check (length(description) <= 5000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint template_categories_pkey primary key (tenant_id, id)
);
comment on table outreach.template_categories is E'@typeid tcat\nA drawer for templates; it can lie in another one, at most ten deep.';
comment on column outreach.template_categories.parent_id is 'The category it lies in; none at the top.';
create unique index if not exists template_categories_name_key
  on outreach.template_categories (tenant_id, parent_id, name) nulls not distinct where deleted_at is null;
create index if not exists template_categories_name_idx on outreach.template_categories (tenant_id, name);
select ddl.foreign_key('outreach.template_categories', 'parent_id', 'outreach.template_categories', 'restrict');
comment on constraint template_categories_parent_id_fkey on outreach.template_categories is E'@fieldName parent\n@foreignFieldName children';
select ddl.tenant_table('outreach.template_categories', p_insert => '{parent_id,name,description}', p_update => '{parent_id,name,description}');

create or replace function outreach.guard_template_category_tree() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_category record;
begin
  -- Two who move A under B and B under A at once take turns, and the second one sees what the first did.
  perform pg_advisory_xact_lock(hashtext('outreach.template_categories'), hashtext(n.tenant_id::text))
  from (select distinct tenant_id from new_rows where parent_id is not null) n order by n.tenant_id;
  with recursive up as (
    select n.tenant_id, n.id as start_id, n.parent_id, 1 as level from new_rows n where n.parent_id is not null
    union all
    select u.tenant_id, u.start_id, c.parent_id, u.level + 1
    from up u join outreach.template_categories c on c.tenant_id = u.tenant_id and c.id = u.parent_id
    where u.parent_id <> u.start_id and u.level <= 10
  ), down as (
    select n.tenant_id, n.id as start_id, n.id, 0 as level from new_rows n where n.parent_id is not null
    union all
    select d.tenant_id, d.start_id, c.id, d.level + 1
    from down d join outreach.template_categories c on c.tenant_id = d.tenant_id and c.parent_id = d.id
    where d.level <= 10
  )
  select c.name, coalesce(bool_or(u.parent_id = u.start_id), false) as is_cycle into v_category
  from up u join outreach.template_categories c on c.tenant_id = u.tenant_id and c.id = u.start_id
  group by c.tenant_id, c.id, c.name
  having bool_or(u.parent_id = u.start_id)
    or max(u.level) filter (where u.parent_id is not null) + 1
      + (select max(d.level) from down d where d.tenant_id = c.tenant_id and d.start_id = c.id) > 10
  order by 2 desc limit 1;
  if v_category.is_cycle then
    perform app.raise('CONFLICT', format('Category "%s" cannot lie within itself. Choose a category outside of it.', v_category.name), 'parentId');
  elsif found then
    perform app.raise('LIMIT_EXCEEDED', format('Categories are at most 10 levels deep, and "%s" or one within it would lie deeper. Choose a category nearer to the top.',
      v_category.name), 'parentId', '{"limit": 10}');
  end if;
  return null;
end
$$;
comment on function outreach.guard_template_category_tree() is 'Keeps categories a tree of at most ten levels.';
select ddl.trigger('outreach.template_categories', '_200_tree_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_template_category_tree()');
select ddl.trigger('outreach.template_categories', '_200_tree_on_update',
  'after update referencing new table as new_rows for each statement execute function outreach.guard_template_category_tree()');

create or replace function outreach.guard_template_category_deletion() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_category record;
begin
  select p.name as parent, c.name as child, p.deleted_at is not null and o.deleted_at is null as is_deletion into v_category
  from outreach.template_categories c
  join outreach.template_categories p on p.tenant_id = c.tenant_id and p.id = c.parent_id
  join new_rows n on n.tenant_id = c.tenant_id and n.id in (c.id, p.id)
  join old_rows o on o.tenant_id = n.tenant_id and o.id = n.id
  where c.deleted_at is null and p.deleted_at is not null
    and (n.id = p.id and o.deleted_at is null or n.id = c.id and (o.deleted_at is not null or o.parent_id is distinct from n.parent_id))
  limit 1;
  if v_category.is_deletion then
    perform app.raise('CONFLICT', format('Category "%s" still has "%s" in it. Move or delete that first.', v_category.parent, v_category.child), 'deletedAt');
  elsif found then
    perform app.raise('CONFLICT', format('Category "%s" lies in "%s", which is deleted. Restore that first, or choose another one.',
      v_category.child, v_category.parent), 'parentId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_template_category_deletion() is 'Keeps living categories out of deleted ones.';
select ddl.trigger('outreach.template_categories', '_210_deletion', $$after update referencing old table as old_rows new table as new_rows
  for each statement execute function outreach.guard_template_category_deletion()$$);
--! EndIncluded outreach/template_categories.sql
--! Included outreach/templates.sql
-- A template has a name and a channel; what it says stands in its versions.
create table if not exists outreach.templates (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  category_id uuid,
  current_version_id uuid,
  name text not null constraint templates_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint templates_description_check check (length(description) <= 5000),
  channel crm.channel not null,
  status outreach.template_status not null generated always as (
    case when archived_at is not null then 'archived' when current_version_id is not null then 'active' else 'draft' end) stored,
  created_by uuid default app.actor_id(),
  archived_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint templates_pkey primary key (tenant_id, id)
);
comment on table outreach.templates is E'@typeid tpl\nA message that is written once and sent many times. What it says stands in its versions.';
comment on column outreach.templates.category_id is 'The drawer it lies in.';
comment on column outreach.templates.current_version_id is 'The version that is sent: the last one published.';
comment on column outreach.templates.channel is 'What it can be sent by; a template keeps its channel.';
comment on column outreach.templates.created_by is 'Actor who made the template.';
create unique index if not exists templates_name_key on outreach.templates (tenant_id, channel, name) where deleted_at is null;
create index if not exists templates_category_id_idx on outreach.templates (tenant_id, category_id, name);
create index if not exists templates_status_idx on outreach.templates (tenant_id, status, id);
create index if not exists templates_channel_idx on outreach.templates (tenant_id, channel, id);
create index if not exists templates_created_at_idx on outreach.templates (tenant_id, created_at);
select ddl.foreign_key('outreach.templates', 'category_id', 'outreach.template_categories', 'restrict', p_index => false);
select ddl.foreign_key('outreach.templates', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.templates', p_insert => '{category_id,name,description,channel}', p_update => '{category_id,name,description}');
comment on constraint templates_category_id_fkey on outreach.templates is E'@fieldName category\n@foreignFieldName templates';
--! EndIncluded outreach/templates.sql
--! Included outreach/template_versions.sql
-- What a template says, as it was at a time: a draft changes, what was published never does.
create table if not exists outreach.template_versions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  template_id uuid not null,
  version integer not null constraint template_versions_version_check check (version >= 1),
  status outreach.template_version_status not null default 'draft',
  subject text constraint template_versions_subject_check check (length(subject) between 1 and 1000),
  body text not null default '' constraint template_versions_body_check check (length(body) <= 500000),
  body_html text constraint template_versions_body_html_check check (length(body_html) between 1 and 2000000),
  variables jsonb not null default '[]',
  changelog text constraint template_versions_changelog_check check (length(changelog) <= 5000),
  created_by uuid default app.actor_id(),
  published_by uuid,
  published_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint template_versions_pkey primary key (tenant_id, id),
  constraint template_versions_published_at_check check ((status = 'published') = (published_at is not null)),
  -- Each element is an object with a name; in strict mode a missing one makes the count differ.
  constraint template_versions_variables_check check (case when jsonb_typeof(variables) = 'array' then jsonb_array_length(variables)
    = jsonb_array_length(jsonb_path_query_array(variables,
      'strict $[*] ? (@.type() == "object" && @."name" like_regex "^[a-zA-Z][a-zA-Z0-9_.]{0,99}$")', '{}', true)) else false end)
);
comment on table outreach.template_versions is E'@typeid tplv\nWhat a template says in one version. A message stays on its version.';
comment on column outreach.template_versions.version is 'Counts from 1 within the template.';
comment on column outreach.template_versions.subject is 'Subject line of an e-mail; placeholders as in the body.';
comment on column outreach.template_versions.body is 'The text, with placeholders such as {{firstName}}.';
comment on column outreach.template_versions.body_html is 'The text as HTML, for e-mail.';
comment on column outreach.template_versions.variables is
  'What the placeholders stand for: an array of {name, description, default, isRequired}, of which only the name must be there.';
comment on column outreach.template_versions.changelog is 'What is new in this version.';
create unique index if not exists template_versions_template_id_version_key on outreach.template_versions (tenant_id, template_id, version);
create unique index if not exists template_versions_draft_key on outreach.template_versions (tenant_id, template_id) where status = 'draft';
select ddl.foreign_key('outreach.template_versions', 'template_id', 'outreach.templates', 'cascade', p_index => false);
select ddl.foreign_key('outreach.template_versions', 'created_by', 'iam.actors', 'set null');
select ddl.foreign_key('outreach.template_versions', 'published_by', 'iam.actors', 'set null');
comment on constraint template_versions_template_id_fkey on outreach.template_versions is E'@nestedCreate\n@foreignFieldName versions';
select ddl.tenant_table('outreach.template_versions', p_insert => '{template_id,subject,body,body_html,variables,changelog}',
  p_update => '{subject,body,body_html,variables,changelog}');
select ddl.state_machine('outreach.template_versions', 'status', '{"draft": ["published"], "published": []}');

create or replace function outreach.guard_published_template_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('Version %s of the template is published and never changes. Make a new draft by newTemplateVersion.', old.version));
  return null;
end
$$;
comment on function outreach.guard_published_template_version() is 'Refuses a change of a published version.';
select ddl.trigger('outreach.template_versions', '_200_published', $$before update or delete for each row
  when (old.status = 'published' and pg_trigger_depth() = 0) execute function outreach.guard_published_template_version()$$);

create or replace function outreach.number_template_version() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- Two who write the next version at once take turns.
  perform from outreach.templates where tenant_id = new.tenant_id and id = new.template_id for no key update;
  select coalesce(max(version), 0) + 1 into new.version
  from outreach.template_versions where tenant_id = new.tenant_id and template_id = new.template_id;
  return new;
end
$$;
comment on function outreach.number_template_version() is 'Gives a new version the next number of its template.';
select ddl.trigger('outreach.template_versions', '_300_number',
  'before insert for each row when (new.version is null) execute function outreach.number_template_version()');
--! EndIncluded outreach/template_versions.sql
--! Included outreach/templates_current_version.sql
-- Templates and versions point at each other; the version that is sent comes after both.
select ddl.foreign_key('outreach.templates', 'current_version_id', 'outreach.template_versions', 'set null');
comment on constraint templates_current_version_id_fkey on outreach.templates is E'@fieldName currentVersion\n@foreignFieldName currentOf';

create or replace function outreach.guard_current_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if not exists (select from outreach.template_versions v
    where v.tenant_id = new.tenant_id and v.id = new.current_version_id and v.template_id = new.id and v.status = 'published') then
    perform app.raise('CONFLICT', format('Version %s is not a published version of template "%s".', new.current_version_id, new.name), 'currentVersionId');
  end if;
  return new;
end
$$;
comment on function outreach.guard_current_version() is 'Sees that a template points at a published version of its own.';
select ddl.trigger('outreach.templates', '_200_current_version', $$before insert or update of current_version_id for each row
  when (new.current_version_id is not null) execute function outreach.guard_current_version()$$);

create or replace function outreach.templates_variables(template outreach.templates) returns jsonb
language sql stable set search_path to pg_catalog
return (select v.variables from outreach.template_versions v where v.tenant_id = template.tenant_id and v.id = template.current_version_id);
comment on function outreach.templates_variables(outreach.templates) is
  E'@behavior -aggregate -filterBy -orderBy\nWhat the placeholders of the current version stand for; null while there is none.';
grant execute on function outreach.templates_variables(outreach.templates) to rowhouse_viewer, rowhouse_system;
--! EndIncluded outreach/templates_current_version.sql
--! Included outreach/publish_template.sql
create or replace function outreach.publish_template(template_id uuid) returns outreach.templates
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_template outreach.templates;
  v_version outreach.template_versions;
begin
  perform app.require_scope('outreach:write');
  select * into v_template from outreach.templates t
  where t.tenant_id = app.tenant_id() and t.id = publish_template.template_id and t.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no template %s.', template_id), 'templateId');
  end if;
  if v_template.archived_at is not null then
    perform app.raise('INVALID_STATE', format('Template "%s" is archived. Bring it back by unarchiveTemplate first.', v_template.name), 'templateId');
  end if;
  select * into v_version from outreach.template_versions v
  where v.tenant_id = v_template.tenant_id and v.template_id = v_template.id and v.status = 'draft' for update;
  if not found then
    perform app.raise('INVALID_STATE', format('Template "%s" has no draft. Make one by newTemplateVersion first.', v_template.name), 'templateId');
  end if;
  if btrim(v_version.body) = '' and v_version.body_html is null then
    perform app.raise('VALIDATION_FAILED', format('Version %s of template "%s" says nothing.', v_version.version, v_template.name), 'body');
  end if;
  if v_template.channel = 'email' and v_version.subject is null then
    perform app.raise('VALIDATION_FAILED', format('Version %s of template "%s" has no subject, and an e-mail needs one.', v_version.version, v_template.name), 'subject');
  end if;
  update outreach.template_versions
  set status = 'published', published_at = now(), published_by = app.actor_id()
  where tenant_id = v_version.tenant_id and id = v_version.id;
  update outreach.templates set current_version_id = v_version.id
  where tenant_id = v_template.tenant_id and id = v_template.id
  returning * into v_template;
  return v_template;
end
$$;
comment on function outreach.publish_template(uuid) is
  'Publishes the draft of a template: from now on new messages take that version, and it never changes again.';
grant execute on function outreach.publish_template(uuid) to rowhouse_manager;
--! EndIncluded outreach/publish_template.sql
--! Included outreach/new_template_version.sql
create or replace function outreach.new_template_version(template_id uuid, changelog text default null) returns outreach.template_versions
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_template outreach.templates;
  v_draft integer;
  v_version outreach.template_versions;
begin
  perform app.require_scope('outreach:write');
  select * into v_template from outreach.templates t
  where t.tenant_id = app.tenant_id() and t.id = new_template_version.template_id and t.deleted_at is null for no key update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no template %s.', template_id), 'templateId');
  end if;
  select v.version into v_draft from outreach.template_versions v
  where v.tenant_id = v_template.tenant_id and v.template_id = v_template.id and v.status = 'draft';
  if found then
    perform app.raise('CONFLICT', format('Version %s of template "%s" is a draft already. Change or publish that.', v_draft, v_template.name), 'templateId');
  end if;
  -- Begins as a copy of what is sent now; empty, when there is none.
  insert into outreach.template_versions (tenant_id, template_id, subject, body, body_html, variables, changelog)
  select v_template.tenant_id, v_template.id, v.subject, coalesce(v.body, ''), v.body_html, coalesce(v.variables, '[]'), new_template_version.changelog
  from (values (v_template.current_version_id)) t (id)
  left join outreach.template_versions v on v.tenant_id = v_template.tenant_id and v.id = t.id
  returning * into v_version;
  return v_version;
end
$$;
comment on function outreach.new_template_version(uuid, text) is
  'Makes a draft of the next version, as a copy of the version that is sent now. A template has one draft at a time.';
grant execute on function outreach.new_template_version(uuid, text) to rowhouse_member;
--! EndIncluded outreach/new_template_version.sql
--! Included outreach/archive_template.sql
create or replace function outreach.archive_template(template_id uuid) returns outreach.templates
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_template outreach.templates;
begin
  perform app.require_scope('outreach:write');
  update outreach.templates t set archived_at = coalesce(t.archived_at, now())
  where t.tenant_id = app.tenant_id() and t.id = archive_template.template_id and t.deleted_at is null
  returning * into v_template;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no template %s.', template_id), 'templateId');
  end if;
  return v_template;
end
$$;
comment on function outreach.archive_template(uuid) is 'Puts a template out of the way: no new campaign takes it. What uses it goes on.';
grant execute on function outreach.archive_template(uuid) to rowhouse_member;
--! EndIncluded outreach/archive_template.sql
--! Included outreach/unarchive_template.sql
create or replace function outreach.unarchive_template(template_id uuid) returns outreach.templates
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_template outreach.templates;
begin
  perform app.require_scope('outreach:write');
  update outreach.templates t set archived_at = null
  where t.tenant_id = app.tenant_id() and t.id = unarchive_template.template_id and t.deleted_at is null
  returning * into v_template;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no template %s.', template_id), 'templateId');
  end if;
  return v_template;
end
$$;
comment on function outreach.unarchive_template(uuid) is 'Brings an archived template back.';
grant execute on function outreach.unarchive_template(uuid) to rowhouse_member;
--! EndIncluded outreach/unarchive_template.sql
--! Included outreach/whatsapp_hsm_approvals.sql
-- WhatsApp allows a business to begin a conversation only by templates that it approved, one approval per version and language.
create table if not exists outreach.whatsapp_hsm_approvals (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  template_id uuid not null,
  template_version_id uuid not null,
  hsm_namespace text constraint whatsapp_hsm_approvals_hsm_namespace_check check (length(hsm_namespace) between 1 and 200),
  hsm_name text constraint whatsapp_hsm_approvals_hsm_name_check check (hsm_name ~ '^[a-z0-9_]+$' and length(hsm_name) <= 512),
  language text not null default 'en' constraint whatsapp_hsm_approvals_language_check check (language ~ '^[a-z]{2,3}(_[A-Z]{2})?$'),
  category outreach.hsm_category not null default 'marketing',
  status outreach.hsm_status not null default 'draft',
  external_id text constraint whatsapp_hsm_approvals_external_id_check check (length(external_id) between 1 and 200),
  rejection_reason text constraint whatsapp_hsm_approvals_rejection_reason_check check (length(rejection_reason) <= 5000),
  created_by uuid default app.actor_id(),
  submitted_at timestamptz,
  decided_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint whatsapp_hsm_approvals_pkey primary key (tenant_id, id),
  constraint whatsapp_hsm_approvals_submitted_at_check check ((status = 'draft') = (submitted_at is null))
);
comment on table outreach.whatsapp_hsm_approvals is E'@typeid hsm\nThat WhatsApp was asked to allow a version of a template in one language, and what it said.';
comment on column outreach.whatsapp_hsm_approvals.template_version_id is 'The version that is approved, as it is.';
comment on column outreach.whatsapp_hsm_approvals.hsm_namespace is 'Namespace of the WhatsApp account.';
comment on column outreach.whatsapp_hsm_approvals.hsm_name is 'Name of the template at WhatsApp.';
comment on column outreach.whatsapp_hsm_approvals.language is 'Language code as WhatsApp writes it, such as en or pt_BR.';
comment on column outreach.whatsapp_hsm_approvals.external_id is 'Id of the template at WhatsApp.';
comment on column outreach.whatsapp_hsm_approvals.rejection_reason is 'What WhatsApp did not like.';
comment on column outreach.whatsapp_hsm_approvals.decided_at is 'When WhatsApp last decided.';
comment on column outreach.whatsapp_hsm_approvals.created_by is 'Actor who prepared it.';
create unique index if not exists whatsapp_hsm_approvals_template_version_id_language_key
  on outreach.whatsapp_hsm_approvals (tenant_id, template_version_id, language) where deleted_at is null;
create index if not exists whatsapp_hsm_approvals_status_idx on outreach.whatsapp_hsm_approvals (tenant_id, status, id);
select ddl.foreign_key('outreach.whatsapp_hsm_approvals', 'template_id', 'outreach.templates', 'cascade');
select ddl.foreign_key('outreach.whatsapp_hsm_approvals', 'template_version_id', 'outreach.template_versions', 'cascade');
select ddl.foreign_key('outreach.whatsapp_hsm_approvals', 'created_by', 'iam.actors', 'set null');
comment on constraint whatsapp_hsm_approvals_template_id_fkey on outreach.whatsapp_hsm_approvals is E'@foreignFieldName hsmApprovals';
comment on constraint whatsapp_hsm_approvals_template_version_id_fkey on outreach.whatsapp_hsm_approvals is E'@foreignFieldName hsmApprovals';
select ddl.tenant_table('outreach.whatsapp_hsm_approvals', p_insert => '{template_id,template_version_id,hsm_namespace,hsm_name,language,category}',
  p_update => '{hsm_namespace,hsm_name,category}');
select ddl.state_machine('outreach.whatsapp_hsm_approvals', 'status', '{
  "draft": ["submitted"], "submitted": ["approved", "rejected"], "approved": ["paused", "disabled"],
  "paused": ["approved", "disabled"], "rejected": ["submitted"], "disabled": []}', '{draft}');

create or replace function outreach.guard_hsm_approval() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select t.name, t.channel, v.template_id, v.version, v.status into v_found
  from outreach.template_versions v join outreach.templates t on t.tenant_id = v.tenant_id and t.id = new.template_id
  where v.tenant_id = new.tenant_id and v.id = new.template_version_id;
  if v_found.channel <> 'whatsapp' then
    perform app.raise('VALIDATION_FAILED', format('Template "%s" is for %s. Only templates for WhatsApp are approved by WhatsApp.', v_found.name, v_found.channel),
      'templateId');
  elsif v_found.template_id <> new.template_id then
    perform app.raise('VALIDATION_FAILED', format('Version %s is not one of template "%s".', new.template_version_id, v_found.name), 'templateVersionId');
  elsif new.status <> 'draft' and v_found.status <> 'published' then
    perform app.raise('INVALID_STATE', format('Version %s of template "%s" is a draft and may still change. Publish it before WhatsApp is asked.',
      v_found.version, v_found.name), 'status');
  end if;
  if tg_op = 'UPDATE' and new.status = 'submitted' then
    new.submitted_at := now();
    new.decided_at := null;
  elsif tg_op = 'UPDATE' and new.status <> old.status then
    new.decided_at := now();
  end if;
  return new;
end
$$;
comment on function outreach.guard_hsm_approval() is 'Sees that what WhatsApp approves is a published version of a WhatsApp template, and notes when.';
select ddl.trigger('outreach.whatsapp_hsm_approvals', '_300_version', $$before insert or update of template_id, template_version_id, status for each row
  execute function outreach.guard_hsm_approval()$$);
--! EndIncluded outreach/whatsapp_hsm_approvals.sql
--! Included outreach/prompts.sql
-- What a language model is told to do.
create table if not exists outreach.prompts (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint prompts_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint prompts_description_check check (length(description) <= 5000),
  purpose outreach.prompt_purpose not null default 'write_message',
  channel crm.channel,
  model text constraint prompts_model_check check (length(model) between 1 and 200),
  system_text text constraint prompts_system_text_check check (length(system_text) <= 100000),
  user_text text not null constraint prompts_user_text_check check (length(btrim(user_text)) between 1 and 100000),
  parameters jsonb not null default '{}' constraint prompts_parameters_check check (jsonb_typeof(parameters) = 'object'),
  is_active boolean not null default true,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint prompts_pkey primary key (tenant_id, id)
);
comment on table outreach.prompts is E'@typeid prompt\nWhat a language model is told, to write a message or to find something out.';
comment on column outreach.prompts.purpose is 'What it is for.';
comment on column outreach.prompts.channel is 'The channel whose messages it writes; any when empty.';
comment on column outreach.prompts.model is 'The model to ask; that of the provider''s settings when empty.';
comment on column outreach.prompts.system_text is 'What the model is told of its part.';
comment on column outreach.prompts.user_text is 'What the model is asked, with placeholders such as {{firstName}}.';
comment on column outreach.prompts.parameters is 'Settings for the model, a JSON object such as {"temperature": 0.2}.';
comment on column outreach.prompts.is_active is 'Whether it is offered for use.';
comment on column outreach.prompts.created_by is 'Actor who wrote it.';
create unique index if not exists prompts_name_key on outreach.prompts (tenant_id, name) where deleted_at is null;
create index if not exists prompts_purpose_idx on outreach.prompts (tenant_id, purpose, id);
create index if not exists prompts_created_at_idx on outreach.prompts (tenant_id, created_at);
select ddl.foreign_key('outreach.prompts', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.prompts', p_insert => '{name,description,purpose,channel,model,system_text,user_text,parameters,is_active}',
  p_update => '{name,description,purpose,channel,model,system_text,user_text,parameters,is_active}');
--! EndIncluded outreach/prompts.sql
--! Included outreach/segments.sql
-- A segment is a named set of contacts, put together by hand or by rules.
create table if not exists outreach.segments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint segments_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint segments_description_check check (length(description) <= 5000),
  type outreach.segment_type not null default 'static',
  member_count bigint not null default 0 constraint segments_member_count_check check (member_count >= 0),
  created_by uuid default app.actor_id(),
  evaluated_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint segments_pkey primary key (tenant_id, id)
);
comment on table outreach.segments is E'@typeid seg\nA named set of contacts.';
comment on column outreach.segments.type is 'How contacts come into it; a segment keeps its type.';
comment on column outreach.segments.member_count is 'How many members it has: the living rows of segment_members.';
comment on column outreach.segments.created_by is 'Actor who made the segment.';
comment on column outreach.segments.evaluated_at is 'When its rules were last gone through.';
create unique index if not exists segments_name_key on outreach.segments (tenant_id, name) where deleted_at is null;
create index if not exists segments_type_idx on outreach.segments (tenant_id, type, id);
create index if not exists segments_evaluated_at_idx on outreach.segments (tenant_id, evaluated_at);
create index if not exists segments_created_at_idx on outreach.segments (tenant_id, created_at);
select ddl.foreign_key('outreach.segments', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.segments', p_insert => '{name,description,type}', p_update => '{name,description}');
--! EndIncluded outreach/segments.sql
--! Included outreach/segment_rules.sql
-- What a contact must be like to be in a dynamic segment.
create table if not exists outreach.segment_rules (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  segment_id uuid not null,
  group_index integer not null default 0 constraint segment_rules_group_index_check check (group_index between 0 and 99),
  field text not null constraint segment_rules_field_check check (field ~ '^[a-zA-Z][a-zA-Z0-9_]*(\.[a-zA-Z0-9_-]+){0,3}$' and length(field) <= 200),
  operator outreach.segment_operator not null,
  value jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint segment_rules_pkey primary key (tenant_id, id),
  constraint segment_rules_value_check check (coalesce(case
    when operator in ('is_set', 'is_not_set') then value is null
    when operator in ('in', 'not_in') then jsonb_typeof(value) = 'array' and jsonb_array_length(value) between 1 and 1000
      and not value @? 'strict $[*] ? (@.type() == "object" || @.type() == "array" || @.type() == "null")'
    when operator = 'between' then jsonb_typeof(value) = 'array' and jsonb_array_length(value) = 2
      and jsonb_typeof(value -> 0) = jsonb_typeof(value -> 1) and jsonb_typeof(value -> 0) in ('string', 'number')
    when operator in ('within_last_days', 'not_within_last_days') then jsonb_typeof(value) = 'number' and (value)::numeric between 0 and 36525
    when operator in ('contains', 'not_contains', 'starts_with', 'ends_with') then jsonb_typeof(value) = 'string' and value <> '""'
    when operator in ('equals', 'not_equals') then jsonb_typeof(value) in ('string', 'number', 'boolean')
    else jsonb_typeof(value) in ('string', 'number') end, false))
);
comment on table outreach.segment_rules is E'@typeid segr\nA condition of a dynamic segment. Rules of one group must all hold; it is enough that one group holds.';
comment on column outreach.segment_rules.group_index is 'Which group it is of.';
comment on column outreach.segment_rules.field is 'What of a contact it looks at: status, tags, attributes.plan, company.sector, …';
comment on column outreach.segment_rules.operator is 'How it compares.';
comment on column outreach.segment_rules.value is
  'What it compares with, as the operator asks: nothing for is_set, an array for in, two values for between, a number of days for within_last_days, one value else.';
create index if not exists segment_rules_segment_id_idx on outreach.segment_rules (tenant_id, segment_id, group_index);
select ddl.foreign_key('outreach.segment_rules', 'segment_id', 'outreach.segments', 'cascade', p_index => false);
comment on constraint segment_rules_segment_id_fkey on outreach.segment_rules is E'@nestedCreate\n@foreignFieldName rules';
select ddl.tenant_table('outreach.segment_rules', p_insert => '{segment_id,group_index,field,operator,value}', p_update => '{group_index,field,operator,value}');

create or replace function outreach.guard_segment_rule() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_name text;
begin
  select s.name into v_name
  from new_rows n join outreach.segments s on s.tenant_id = n.tenant_id and s.id = n.segment_id
  where s.type = 'static' limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Segment "%s" is static and has no rules. Make a dynamic segment.', v_name), 'segmentId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_segment_rule() is 'Refuses rules of a static segment.';
select ddl.trigger('outreach.segment_rules', '_200_type',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_segment_rule()');
select ddl.masked('outreach.segment_rules', '{"value": "app.mask_json(t.value, app.names_contact(t.field))"}');
--! EndIncluded outreach/segment_rules.sql
--! Included outreach/segment_members.sql
-- That a contact is in a segment.
create table if not exists outreach.segment_members (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  segment_id uuid not null,
  contact_id uuid not null,
  added_reason outreach.segment_member_reason not null default 'manual',
  added_by uuid default app.actor_id(),
  added_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint segment_members_pkey primary key (tenant_id, id)
);
comment on table outreach.segment_members is E'@typeid segm\nThat a contact is in a segment.';
comment on column outreach.segment_members.added_reason is 'Why it is in: by the rules in a dynamic segment, otherwise in a static one.';
comment on column outreach.segment_members.added_by is 'Actor who put it in.';
create unique index if not exists segment_members_segment_id_contact_id_key
  on outreach.segment_members (tenant_id, segment_id, contact_id) where deleted_at is null;
create index if not exists segment_members_segment_id_idx on outreach.segment_members (tenant_id, segment_id, added_at);
select ddl.foreign_key('outreach.segment_members', 'segment_id', 'outreach.segments', 'cascade', p_index => false);
select ddl.foreign_key('outreach.segment_members', 'contact_id', 'crm.contacts', 'cascade');
select ddl.foreign_key('outreach.segment_members', 'added_by', 'iam.actors', 'set null');
comment on constraint segment_members_segment_id_fkey on outreach.segment_members is
  E'@behavior +manyToMany\n@manyToManyFieldName segments\n@foreignFieldName members';
comment on constraint segment_members_contact_id_fkey on outreach.segment_members is
  E'@behavior +manyToMany\n@manyToManyFieldName contacts\n@foreignFieldName segmentMemberships';
select ddl.tenant_table('outreach.segment_members', p_insert => '{segment_id,contact_id}', p_update => '{deleted_at}');
select ddl.counter('outreach.segment_members', 'segment_id', 'outreach.segments', 'member_count');

create or replace function outreach.guard_segment_member() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_segment record;
begin
  select s.name, s.type into v_segment
  from (select distinct tenant_id, segment_id, added_reason = 'rule' as is_by_rule from new_rows) n
  join outreach.segments s on s.tenant_id = n.tenant_id and s.id = n.segment_id
  where (s.type = 'dynamic') <> n.is_by_rule limit 1;
  if v_segment.type = 'dynamic' then
    perform app.raise('VALIDATION_FAILED', format('Segment "%s" is dynamic: its rules say who is in. Change the rules, or use a static segment.', v_segment.name),
      'segmentId');
  elsif found then
    perform app.raise('VALIDATION_FAILED', format('Segment "%s" is static and has no rules that could put a contact in.', v_segment.name), 'addedReason');
  end if;
  return null;
end
$$;
comment on function outreach.guard_segment_member() is 'Sees that rules fill dynamic segments, and people the static ones.';
select ddl.trigger('outreach.segment_members', '_200_reason',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_segment_member()');
--! EndIncluded outreach/segment_members.sql
--! Included outreach/segment_history.sql
-- How a segment grew and shrank: a row per evaluation.
create table if not exists outreach.segment_history (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  segment_id uuid not null,
  member_count bigint not null constraint segment_history_member_count_check check (member_count >= 0),
  added_count bigint not null default 0 constraint segment_history_added_count_check check (added_count >= 0),
  removed_count bigint not null default 0 constraint segment_history_removed_count_check check (removed_count >= 0),
  duration_ms integer constraint segment_history_duration_ms_check check (duration_ms >= 0),
  evaluated_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint segment_history_pkey primary key (tenant_id, id)
);
comment on table outreach.segment_history is E'@typeid segh\n@name segment_history_entries\nWhat going through the rules of a segment came to, once.';
comment on column outreach.segment_history.member_count is 'How many members there were then.';
comment on column outreach.segment_history.added_count is 'How many came in.';
comment on column outreach.segment_history.removed_count is 'How many went out.';
comment on column outreach.segment_history.duration_ms is 'How long it took, in milliseconds.';
create index if not exists segment_history_segment_id_idx on outreach.segment_history (tenant_id, segment_id, evaluated_at);
select ddl.foreign_key('outreach.segment_history', 'segment_id', 'outreach.segments', 'cascade', p_index => false);
comment on constraint segment_history_segment_id_fkey on outreach.segment_history is E'@foreignFieldName history';
select ddl.append_only('outreach.segment_history');

create or replace function outreach.note_segment_evaluation() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update outreach.segments s set evaluated_at = greatest(s.evaluated_at, n.evaluated_at)
  from (select tenant_id, segment_id, max(evaluated_at) as evaluated_at from new_rows group by 1, 2) n
  where s.tenant_id = n.tenant_id and s.id = n.segment_id;
  return null;
end
$$;
comment on function outreach.note_segment_evaluation() is 'Notes with a segment when it was last evaluated.';
select ddl.trigger('outreach.segment_history', '_300_evaluated_at',
  'after insert referencing new table as new_rows for each statement execute function outreach.note_segment_evaluation()');
--! EndIncluded outreach/segment_history.sql
--! Included outreach/messages.sql
-- What was really sent or received, whatever brought it about.
create table if not exists outreach.messages (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid,
  campaign_id uuid,
  sequence_enrollment_id uuid,
  workflow_run_id uuid,
  template_version_id uuid,
  prompt_id uuid,
  artifact_id uuid,
  in_reply_to_id uuid,
  direction outreach.direction not null default 'outbound',
  channel crm.channel not null,
  status outreach.message_status not null default 'queued',
  source_type outreach.message_source not null generated always as (case when campaign_id is not null then 'campaign'
    when sequence_enrollment_id is not null then 'sequence' when workflow_run_id is not null then 'workflow' else 'direct' end) stored,
  recipient_address text not null constraint messages_recipient_address_check check (length(recipient_address) between 1 and 500),
  sender_address text constraint messages_sender_address_check check (length(sender_address) between 1 and 500),
  subject text constraint messages_subject_check check (length(subject) <= 1000),
  body text not null default '' constraint messages_body_check check (length(body) <= 500000),
  body_html text constraint messages_body_html_check check (length(body_html) <= 2000000),
  provider text constraint messages_provider_check check (provider ~ '^[a-z][a-z0-9_-]{0,99}$'),
  external_id text constraint messages_external_id_check check (length(external_id) between 1 and 500),
  retry_count integer not null default 0 constraint messages_retry_count_check check (retry_count >= 0),
  error_code text constraint messages_error_code_check check (length(error_code) <= 200),
  error_message text constraint messages_error_message_check check (length(error_message) <= 5000),
  metadata jsonb not null default '{}' constraint messages_metadata_check check (jsonb_typeof(metadata) = 'object'),
  created_by uuid default app.actor_id(),
  scheduled_at timestamptz,
  sent_at timestamptz,
  delivered_at timestamptz,
  failed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint messages_pkey primary key (tenant_id, id),
  constraint messages_direction_check check ((direction = 'inbound') = (status = 'received')),
  constraint messages_source_check check (num_nonnulls(campaign_id, sequence_enrollment_id, workflow_run_id) <= 1),
  constraint messages_external_id_provider_check check (external_id is null or provider is not null),
  constraint messages_addresses_check check (channel <> 'email' or (recipient_address = lower(recipient_address) and sender_address = lower(sender_address)) is not false)
);
comment on table outreach.messages is E'@typeid msg\nA message that was sent or received, or is about to be sent.';
comment on column outreach.messages.contact_id is 'To whom it goes or from whom it came, when that is known.';
comment on column outreach.messages.campaign_id is 'The campaign that sends it. At most one of campaign, enrollment and workflow run is there.';
comment on column outreach.messages.sequence_enrollment_id is 'The enrollment in a sequence that sends it.';
comment on column outreach.messages.workflow_run_id is 'The run of a workflow that sends it.';
comment on column outreach.messages.template_version_id is 'What it was rendered from; the template is that version''s.';
comment on column outreach.messages.prompt_id is 'The prompt by which it was written.';
comment on column outreach.messages.artifact_id is 'The artifact that holds it as it was handed over.';
comment on column outreach.messages.in_reply_to_id is 'The message that it answers.';
comment on column outreach.messages.channel is 'The way it goes.';
comment on column outreach.messages.source_type is 'What brought it about: told by which of the references is there.';
comment on column outreach.messages.recipient_address is 'Address, number or handle that it goes to; an e-mail address in lower case.';
comment on column outreach.messages.sender_address is 'Address, number or handle that it comes from.';
comment on column outreach.messages.subject is 'Subject line of an e-mail.';
comment on column outreach.messages.body is 'The text as it was sent.';
comment on column outreach.messages.body_html is 'The text as HTML, of an e-mail.';
comment on column outreach.messages.provider is 'The service that carries it, such as twilio.';
comment on column outreach.messages.external_id is 'Its id at the provider.';
comment on column outreach.messages.retry_count is 'How often it was queued again after it had failed.';
comment on column outreach.messages.error_code is 'What the provider calls the last error.';
comment on column outreach.messages.metadata is 'Anything else about it, a JSON object.';
comment on column outreach.messages.created_by is 'Actor who wrote it or had it sent.';
create unique index if not exists messages_provider_external_id_key on outreach.messages (tenant_id, provider, external_id) where external_id is not null;
create index if not exists messages_contact_id_idx on outreach.messages (tenant_id, contact_id, created_at);
create index if not exists messages_campaign_id_idx on outreach.messages (tenant_id, campaign_id, created_at);
create index if not exists messages_sequence_enrollment_id_idx on outreach.messages (tenant_id, sequence_enrollment_id) where sequence_enrollment_id is not null;
create index if not exists messages_workflow_run_id_idx on outreach.messages (tenant_id, workflow_run_id) where workflow_run_id is not null;
create index if not exists messages_status_idx on outreach.messages (tenant_id, status, id);
create index if not exists messages_source_type_idx on outreach.messages (tenant_id, source_type, id);
create index if not exists messages_channel_idx on outreach.messages (tenant_id, channel, created_at);
create index if not exists messages_created_at_idx on outreach.messages (tenant_id, created_at);
select ddl.foreign_key('outreach.messages', 'contact_id', 'crm.contacts', 'set null', p_index => false);
select ddl.foreign_key('outreach.messages', 'template_version_id', 'outreach.template_versions', 'set null');
select ddl.foreign_key('outreach.messages', 'prompt_id', 'outreach.prompts', 'set null');
select ddl.foreign_key('outreach.messages', 'artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('outreach.messages', 'in_reply_to_id', 'outreach.messages', 'set null');
select ddl.foreign_key('outreach.messages', 'created_by', 'iam.actors', 'set null');
comment on constraint messages_in_reply_to_id_fkey on outreach.messages is E'@fieldName inReplyTo\n@foreignFieldName replies';
select ddl.tenant_table('outreach.messages');
select ddl.masked('outreach.messages', '{"recipient_address": "contact", "sender_address": "contact", "subject": "text", "body": "text", "body_html": "text", "external_id": "text", "error_message": "text", "metadata": "json"}');
--! EndIncluded outreach/messages.sql
--! Included outreach/messages_status.sql
-- The way of a message. Reports of providers overtake each other: what was handed over may be known to be delivered before it is known to be sent.
select ddl.state_machine('outreach.messages', 'status', '{
  "queued": ["sending", "suppressed", "cancelled", "failed"], "sending": ["sent", "delivered", "bounced", "failed", "queued", "suppressed"],
  "sent": ["delivered", "bounced", "failed"], "delivered": ["bounced"], "failed": ["queued", "dead", "cancelled"], "dead": ["queued"],
  "bounced": [], "suppressed": [], "cancelled": [], "received": []}');

create or replace function outreach.stamp_message_status() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if new.status in ('sent', 'delivered', 'bounced') then
    new.sent_at := coalesce(new.sent_at, new.delivered_at, now());
  end if;
  if new.status = 'delivered' then
    new.delivered_at := coalesce(new.delivered_at, now());
  end if;
  if new.status in ('failed', 'bounced') then
    new.failed_at := case when tg_op = 'UPDATE' and new.failed_at is not distinct from old.failed_at then now() else coalesce(new.failed_at, now()) end;
  end if;
  if tg_op = 'UPDATE' and new.status = 'queued' then
    new.retry_count := case old.status when 'failed' then old.retry_count + 1 when 'dead' then 0 else old.retry_count end;
  end if;
  return new;
end
$$;
comment on function outreach.stamp_message_status() is 'Notes when a message was sent, delivered and failed, and counts how often it was tried again.';
select ddl.trigger('outreach.messages', '_300_status', 'before insert or update of status for each row execute function outreach.stamp_message_status()');
--! EndIncluded outreach/messages_status.sql
--! Included outreach/message_delivery_logs.sql
-- What happened to a message, as it was learnt: never changed.
create table if not exists outreach.message_delivery_logs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  message_id uuid not null,
  event outreach.delivery_event not null,
  provider_event_id text constraint message_delivery_logs_provider_event_id_check check (length(provider_event_id) between 1 and 500),
  error_code text constraint message_delivery_logs_error_code_check check (length(error_code) <= 200),
  error_message text constraint message_delivery_logs_error_message_check check (length(error_message) <= 5000),
  metadata jsonb not null default '{}' constraint message_delivery_logs_metadata_check check (jsonb_typeof(metadata) = 'object'),
  occurred_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint message_delivery_logs_pkey primary key (tenant_id, id)
);
comment on table outreach.message_delivery_logs is E'@typeid dlog\nSomething that happened to a message, as the provider or a worker told it.';
comment on column outreach.message_delivery_logs.event is 'What happened.';
comment on column outreach.message_delivery_logs.provider_event_id is 'The provider''s own number of the event; the same one twice is taken once.';
comment on column outreach.message_delivery_logs.error_code is 'What the provider calls the error.';
comment on column outreach.message_delivery_logs.metadata is 'What else was told, a JSON object.';
create unique index if not exists message_delivery_logs_provider_event_id_key
  on outreach.message_delivery_logs (tenant_id, message_id, provider_event_id) where provider_event_id is not null;
create index if not exists message_delivery_logs_message_id_idx on outreach.message_delivery_logs (tenant_id, message_id, occurred_at);
create index if not exists message_delivery_logs_event_idx on outreach.message_delivery_logs (tenant_id, event, occurred_at);
select ddl.foreign_key('outreach.message_delivery_logs', 'message_id', 'outreach.messages', 'cascade', p_index => false);
comment on constraint message_delivery_logs_message_id_fkey on outreach.message_delivery_logs is E'@foreignFieldName deliveryLogs';
select ddl.append_only('outreach.message_delivery_logs');
select ddl.masked('outreach.message_delivery_logs', '{"provider_event_id": "text", "error_message": "text", "metadata": "json"}');
--! EndIncluded outreach/message_delivery_logs.sql
--! Included outreach/message_dead_letters.sql
-- Messages that were given up, as they were, until a person replays them.
create table if not exists outreach.message_dead_letters (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  message_id uuid not null,
  payload jsonb not null constraint message_dead_letters_payload_check check (jsonb_typeof(payload) = 'object'),
  error_code text constraint message_dead_letters_error_code_check check (length(error_code) <= 200),
  error_message text not null constraint message_dead_letters_error_message_check check (length(error_message) between 1 and 5000),
  attempt_count integer not null default 1 constraint message_dead_letters_attempt_count_check check (attempt_count >= 0),
  replayed_by uuid,
  failed_at timestamptz not null default now(),
  replayed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint message_dead_letters_pkey primary key (tenant_id, id)
);
comment on table outreach.message_dead_letters is E'@typeid dead\nA message that was given up: what was tried to send, and why it failed.';
comment on column outreach.message_dead_letters.message_id is 'The message; it can end here more than once, but waits here once.';
comment on column outreach.message_dead_letters.payload is 'What was handed to the provider, a JSON object.';
comment on column outreach.message_dead_letters.error_code is 'What the provider calls the error.';
comment on column outreach.message_dead_letters.attempt_count is 'How often it was tried.';
comment on column outreach.message_dead_letters.replayed_by is 'Actor who had it sent again.';
create unique index if not exists message_dead_letters_message_id_key on outreach.message_dead_letters (tenant_id, message_id) where replayed_at is null;
create index if not exists message_dead_letters_replayed_at_idx on outreach.message_dead_letters (tenant_id, replayed_at, failed_at);
select ddl.foreign_key('outreach.message_dead_letters', 'message_id', 'outreach.messages', 'cascade');
select ddl.foreign_key('outreach.message_dead_letters', 'replayed_by', 'iam.actors', 'set null');
comment on constraint message_dead_letters_message_id_fkey on outreach.message_dead_letters is E'@foreignFieldName deadLetters';
select ddl.tenant_table('outreach.message_dead_letters');
select ddl.masked('outreach.message_dead_letters', '{"payload": "json", "error_message": "text"}');
--! EndIncluded outreach/message_dead_letters.sql
--! Included outreach/replay_dead_letter.sql
create or replace function outreach.replay_dead_letter(dead_letter_id uuid) returns outreach.message_dead_letters
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_letter outreach.message_dead_letters;
  v_status text;
begin
  perform app.require_scope('outreach:write');
  select * into v_letter from outreach.message_dead_letters d
  where d.tenant_id = app.tenant_id() and d.id = replay_dead_letter.dead_letter_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no dead letter %s.', dead_letter_id), 'deadLetterId');
  end if;
  if v_letter.replayed_at is not null then
    perform app.raise('INVALID_STATE', format('Dead letter %s was replayed already. Look at its message.', dead_letter_id), 'deadLetterId');
  end if;
  select m.status into v_status from outreach.messages m where m.tenant_id = v_letter.tenant_id and m.id = v_letter.message_id for update;
  if v_status <> 'dead' then
    perform app.raise('INVALID_STATE', format('Message %s is %s, not dead: there is nothing to replay.', v_letter.message_id, v_status), 'deadLetterId');
  end if;
  update outreach.messages set status = 'queued', error_code = null, error_message = null
  where tenant_id = v_letter.tenant_id and id = v_letter.message_id;
  update outreach.message_dead_letters set replayed_at = now(), replayed_by = app.actor_id()
  where tenant_id = v_letter.tenant_id and id = v_letter.id
  returning * into v_letter;
  return v_letter;
end
$$;
comment on function outreach.replay_dead_letter(uuid) is 'Queues a message once more that was given up.';
grant execute on function outreach.replay_dead_letter(uuid) to rowhouse_manager;
--! EndIncluded outreach/replay_dead_letter.sql
--! Included outreach/campaigns.sql
-- A campaign sends one template, or variants of it, to the contacts of its segments.
create table if not exists outreach.campaigns (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  template_id uuid,
  name text not null constraint campaigns_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint campaigns_description_check check (length(description) <= 5000),
  channel crm.channel not null,
  status outreach.campaign_status not null default 'draft',
  sender_address text constraint campaigns_sender_address_check check (length(sender_address) between 1 and 500),
  settings jsonb not null default '{}' constraint campaigns_settings_check check (jsonb_typeof(settings) = 'object'),
  created_by uuid default app.actor_id(),
  scheduled_at timestamptz,
  started_at timestamptz,
  paused_at timestamptz,
  completed_at timestamptz,
  cancelled_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint campaigns_pkey primary key (tenant_id, id)
);
comment on table outreach.campaigns is E'@typeid camp\nOne message to many contacts: a template or variants of it, to the contacts of segments.';
comment on column outreach.campaigns.template_id is 'What is sent, when there are no variants.';
comment on column outreach.campaigns.channel is 'The way its messages go; a campaign keeps its channel.';
comment on column outreach.campaigns.sender_address is 'Address or number that its messages come from; the channel''s own when empty.';
comment on column outreach.campaigns.settings is 'Settings for sending, such as pace and hours, a JSON object.';
comment on column outreach.campaigns.created_by is 'Actor who made the campaign.';
comment on column outreach.campaigns.scheduled_at is 'When it starts by itself.';
create unique index if not exists campaigns_name_key on outreach.campaigns (tenant_id, name) where deleted_at is null;
create index if not exists campaigns_status_idx on outreach.campaigns (tenant_id, status, id);
create index if not exists campaigns_channel_idx on outreach.campaigns (tenant_id, channel, id);
create index if not exists campaigns_scheduled_at_idx on outreach.campaigns (tenant_id, scheduled_at);
create index if not exists campaigns_created_at_idx on outreach.campaigns (tenant_id, created_at);
select ddl.foreign_key('outreach.campaigns', 'template_id', 'outreach.templates', 'restrict');
select ddl.foreign_key('outreach.campaigns', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.campaigns', p_insert => '{template_id,name,description,channel,sender_address,settings,scheduled_at}',
  p_update => '{template_id,name,description,sender_address,settings,scheduled_at}');
select ddl.foreign_key('outreach.messages', 'campaign_id', 'outreach.campaigns', 'set null', p_index => false);
--! EndIncluded outreach/campaigns.sql
--! Included outreach/guard_campaign.sql
-- The way of a campaign, and what it needs for each step.
select ddl.state_machine('outreach.campaigns', 'status', '{
  "draft": ["scheduled", "running", "cancelled"], "scheduled": ["draft", "running", "cancelled"], "running": ["paused", "completed", "cancelled"],
  "paused": ["running", "completed", "cancelled"], "completed": [], "cancelled": []}', '{draft}');

create or replace function outreach.guard_campaign() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_template record;
begin
  if new.template_id is not null and (tg_op = 'INSERT' or new.template_id is distinct from old.template_id) then
    select t.name, t.channel into v_template from outreach.templates t where t.tenant_id = new.tenant_id and t.id = new.template_id;
    if v_template.channel <> new.channel then
      perform app.raise('VALIDATION_FAILED', format('Template "%s" is for %s, and campaign "%s" goes by %s.', v_template.name, v_template.channel, new.name, new.channel),
        'templateId');
    end if;
  end if;
  if tg_op = 'INSERT' then
    return new;
  end if;
  if new.template_id is distinct from old.template_id and old.status not in ('draft', 'scheduled') then
    perform app.raise('INVALID_STATE', format('Campaign "%s" is %s, and its template stays what it is.', old.name, old.status), 'templateId');
  end if;
  if new.deleted_at is not null and old.deleted_at is null and old.status in ('scheduled', 'running', 'paused') then
    perform app.raise('INVALID_STATE', format('Campaign "%s" is %s. Cancel it before you delete it.', old.name, old.status), 'deletedAt');
  end if;
  if new.status = old.status then
    if new.status = 'scheduled' and new.scheduled_at is null then
      perform app.raise('INVALID_STATE', format('Campaign "%s" is scheduled and needs a time. Take it back to a draft first.', old.name), 'scheduledAt');
    end if;
    return new;
  end if;
  if new.status = 'scheduled' and new.scheduled_at is null then
    perform app.raise('VALIDATION_FAILED', format('Campaign "%s" has no time at which it starts.', new.name), 'scheduledAt');
  end if;
  if new.status in ('scheduled', 'running') and old.status in ('draft', 'scheduled') then
    perform outreach.require_sendable_campaign(new);
  end if;
  new.started_at := case when new.status = 'running' then coalesce(new.started_at, now()) else new.started_at end;
  new.paused_at := case when new.status = 'paused' then now() when new.status = 'running' then null else new.paused_at end;
  new.completed_at := case when new.status = 'completed' then now() end;
  new.cancelled_at := case when new.status = 'cancelled' then now() end;
  return new;
end
$$;
comment on function outreach.guard_campaign() is 'Sees that a campaign has what a step of it needs, and notes when the step was taken.';

create or replace function outreach.require_sendable_campaign(p_campaign outreach.campaigns) returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_unfit record;
begin
  -- Variants, where there are any, are sent instead of the template.
  select t.name, t.archived_at, t.deleted_at, t.current_version_id into v_unfit
  from (
    select v.template_id from outreach.campaign_variants v where v.tenant_id = p_campaign.tenant_id and v.campaign_id = p_campaign.id and v.deleted_at is null
    union all
    select p_campaign.template_id where not exists (select from outreach.campaign_variants v
      where v.tenant_id = p_campaign.tenant_id and v.campaign_id = p_campaign.id and v.deleted_at is null)
  ) s left join outreach.templates t on t.tenant_id = p_campaign.tenant_id and t.id = s.template_id
  where t.status is distinct from 'active' or t.deleted_at is not null
  limit 1;
  if found then
    perform app.raise('INVALID_STATE', case
      when v_unfit.name is null then format('Campaign "%s" has nothing to send. Give it a template, or variants.', p_campaign.name)
      when v_unfit.deleted_at is not null then format('Template "%s" of campaign "%s" is deleted. Restore it, or choose another one.', v_unfit.name, p_campaign.name)
      when v_unfit.archived_at is not null then format('Template "%s" of campaign "%s" is archived. Unarchive it, or choose another one.', v_unfit.name, p_campaign.name)
      else format('Template "%s" of campaign "%s" was never published. Publish it first.', v_unfit.name, p_campaign.name) end, 'templateId');
  end if;
end
$$;
comment on function outreach.require_sendable_campaign(outreach.campaigns) is 'Raises INVALID_STATE where a campaign has nothing to send, or something that cannot be sent.';
select ddl.trigger('outreach.campaigns', '_300_campaign', $$before insert or update of template_id, status, scheduled_at, deleted_at
  for each row execute function outreach.guard_campaign()$$);
--! EndIncluded outreach/guard_campaign.sql
--! Included outreach/move_campaign.sql
create or replace function outreach.move_campaign(p_campaign_id uuid, p_status outreach.campaign_status, p_scheduled_at timestamptz default null) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_campaign outreach.campaigns;
begin
  update outreach.campaigns c set status = p_status, scheduled_at = coalesce(p_scheduled_at, c.scheduled_at)
  where c.tenant_id = app.tenant_id() and c.id = p_campaign_id and c.deleted_at is null
  returning * into v_campaign;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no campaign %s.', p_campaign_id), 'campaignId');
  end if;
  return v_campaign;
end
$$;
comment on function outreach.move_campaign(uuid, outreach.campaign_status, timestamptz) is
  'Takes a campaign a step on its way; what steps there are, and what each needs, its guards know.';
--! EndIncluded outreach/move_campaign.sql
--! Included outreach/schedule_campaign.sql
create or replace function outreach.schedule_campaign(campaign_id uuid, scheduled_at timestamptz) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('outreach:write');
  if schedule_campaign.scheduled_at <= now() then
    perform app.raise('VALIDATION_FAILED', format('%s is past. A campaign is scheduled for a time to come.', schedule_campaign.scheduled_at), 'scheduledAt');
  end if;
  return outreach.move_campaign(campaign_id, 'scheduled', schedule_campaign.scheduled_at);
end
$$;
comment on function outreach.schedule_campaign(uuid, timestamptz) is 'Has a campaign start by itself at a time to come.';
grant execute on function outreach.schedule_campaign(uuid, timestamptz) to rowhouse_manager;
--! EndIncluded outreach/schedule_campaign.sql
--! Included outreach/unschedule_campaign.sql
create or replace function outreach.unschedule_campaign(campaign_id uuid) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('outreach:write');
  return outreach.move_campaign(campaign_id, 'draft');
end
$$;
comment on function outreach.unschedule_campaign(uuid) is 'Takes a scheduled campaign back to a draft.';
grant execute on function outreach.unschedule_campaign(uuid) to rowhouse_manager;
--! EndIncluded outreach/unschedule_campaign.sql
--! Included outreach/pause_campaign.sql
create or replace function outreach.pause_campaign(campaign_id uuid) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('outreach:write');
  return outreach.move_campaign(campaign_id, 'paused');
end
$$;
comment on function outreach.pause_campaign(uuid) is 'Stops a running campaign, so that it can go on later.';
grant execute on function outreach.pause_campaign(uuid) to rowhouse_manager;
--! EndIncluded outreach/pause_campaign.sql
--! Included outreach/resume_campaign.sql
create or replace function outreach.resume_campaign(campaign_id uuid) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_campaign outreach.campaigns;
begin
  perform app.require_scope('outreach:write');
  select * into v_campaign from outreach.campaigns c
  where c.tenant_id = app.tenant_id() and c.id = resume_campaign.campaign_id and c.deleted_at is null for update;
  -- A draft can become running, too, but by being launched.
  if v_campaign.status <> 'paused' then
    perform app.raise('INVALID_STATE', format('Campaign "%s" is %s, not paused: there is nothing to resume.', v_campaign.name, v_campaign.status), 'campaignId');
  end if;
  return outreach.move_campaign(campaign_id, 'running');
end
$$;
comment on function outreach.resume_campaign(uuid) is 'Lets a paused campaign go on.';
grant execute on function outreach.resume_campaign(uuid) to rowhouse_manager;
--! EndIncluded outreach/resume_campaign.sql
--! Included outreach/cancel_campaign.sql
create or replace function outreach.cancel_campaign(campaign_id uuid) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('outreach:write');
  return outreach.move_campaign(campaign_id, 'cancelled');
end
$$;
comment on function outreach.cancel_campaign(uuid) is 'Stops a campaign for good. What was sent is sent.';
grant execute on function outreach.cancel_campaign(uuid) to rowhouse_manager;
--! EndIncluded outreach/cancel_campaign.sql
--! Included outreach/campaign_segments.sql
-- To whom a campaign goes: the contacts of these segments, without those of the excluded ones.
create table if not exists outreach.campaign_segments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  campaign_id uuid not null,
  segment_id uuid not null,
  is_excluded boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint campaign_segments_pkey primary key (tenant_id, id)
);
comment on table outreach.campaign_segments is E'@typeid camps\nThat a campaign goes to a segment, or leaves it out.';
comment on column outreach.campaign_segments.is_excluded is 'Whether its contacts are left out, instead of written to.';
create unique index if not exists campaign_segments_campaign_id_segment_id_key
  on outreach.campaign_segments (tenant_id, campaign_id, segment_id) where deleted_at is null;
create index if not exists campaign_segments_campaign_id_idx on outreach.campaign_segments (tenant_id, campaign_id, id);
select ddl.foreign_key('outreach.campaign_segments', 'campaign_id', 'outreach.campaigns', 'cascade', p_index => false);
select ddl.foreign_key('outreach.campaign_segments', 'segment_id', 'outreach.segments', 'cascade');
comment on constraint campaign_segments_campaign_id_fkey on outreach.campaign_segments is
  E'@nestedCreate\n@behavior +manyToMany\n@manyToManyFieldName campaigns\n@foreignFieldName segmentLinks';
comment on constraint campaign_segments_segment_id_fkey on outreach.campaign_segments is
  E'@behavior +manyToMany\n@manyToManyFieldName segments\n@foreignFieldName campaignLinks';
select ddl.tenant_table('outreach.campaign_segments', p_insert => '{campaign_id,segment_id,is_excluded}', p_update => '{is_excluded}');
--! EndIncluded outreach/campaign_segments.sql
--! Included outreach/campaign_variants.sql
-- Templates that a campaign tries against each other.
create table if not exists outreach.campaign_variants (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  campaign_id uuid not null,
  template_id uuid not null,
  label text not null constraint campaign_variants_label_check check (length(btrim(label)) between 1 and 100),
  weight integer not null default 1 constraint campaign_variants_weight_check check (weight between 0 and 1000),
  is_winner boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint campaign_variants_pkey primary key (tenant_id, id)
);
comment on table outreach.campaign_variants is E'@typeid var\nOne of the templates that a campaign tries against each other.';
comment on column outreach.campaign_variants.label is 'What it is called, such as A or B.';
comment on column outreach.campaign_variants.weight is 'Its share of the recipients, against the weights of the other variants.';
comment on column outreach.campaign_variants.is_winner is 'Whether the rest of the recipients get this one; at most one variant is.';
create unique index if not exists campaign_variants_label_key on outreach.campaign_variants (tenant_id, campaign_id, label) where deleted_at is null;
create unique index if not exists campaign_variants_winner_key on outreach.campaign_variants (tenant_id, campaign_id) where is_winner and deleted_at is null;
create index if not exists campaign_variants_campaign_id_idx on outreach.campaign_variants (tenant_id, campaign_id, id);
select ddl.foreign_key('outreach.campaign_variants', 'campaign_id', 'outreach.campaigns', 'cascade', p_index => false);
select ddl.foreign_key('outreach.campaign_variants', 'template_id', 'outreach.templates', 'restrict');
comment on constraint campaign_variants_campaign_id_fkey on outreach.campaign_variants is E'@nestedCreate\n@foreignFieldName variants';
select ddl.tenant_table('outreach.campaign_variants', p_insert => '{campaign_id,template_id,label,weight}', p_update => '{template_id,label,weight}');
--! EndIncluded outreach/campaign_variants.sql
--! Included outreach/choose_campaign_winner.sql
create or replace function outreach.choose_campaign_winner(variant_id uuid) returns outreach.campaign_variants
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_variant outreach.campaign_variants;
begin
  perform app.require_scope('outreach:write');
  select * into v_variant from outreach.campaign_variants v
  where v.tenant_id = app.tenant_id() and v.id = choose_campaign_winner.variant_id and v.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no variant %s.', variant_id), 'variantId');
  end if;
  -- Two who choose at once take turns; the one before gives way first, because there is one winner at most.
  perform from outreach.campaigns c where c.tenant_id = v_variant.tenant_id and c.id = v_variant.campaign_id for no key update;
  update outreach.campaign_variants v set is_winner = false
  where v.tenant_id = v_variant.tenant_id and v.campaign_id = v_variant.campaign_id and v.is_winner and v.id <> v_variant.id;
  update outreach.campaign_variants v set is_winner = true
  where v.tenant_id = v_variant.tenant_id and v.id = v_variant.id
  returning * into v_variant;
  return v_variant;
end
$$;
comment on function outreach.choose_campaign_winner(uuid) is 'Says which variant the rest of the recipients of a campaign get, instead of the one chosen before.';
grant execute on function outreach.choose_campaign_winner(uuid) to rowhouse_manager;
--! EndIncluded outreach/choose_campaign_winner.sql
--! Included outreach/campaign_recipients.sql
-- To whom a campaign goes, and what came of it: the facts are times, and the status is told by them.
create table if not exists outreach.campaign_recipients (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  campaign_id uuid not null,
  contact_id uuid not null,
  variant_id uuid,
  message_id uuid,
  -- Ordered by what tells most, so that reports which overtake each other never take a recipient back.
  status outreach.recipient_status not null generated always as (case when unsubscribed_at is not null then 'unsubscribed'
    when replied_at is not null then 'replied' when clicked_at is not null then 'clicked' when opened_at is not null then 'opened'
    when bounced_at is not null then 'bounced' when failed_at is not null then 'failed' when delivered_at is not null then 'delivered'
    when sent_at is not null then 'sent' when skipped_at is not null then 'skipped' when queued_at is not null then 'queued' else 'pending' end) stored,
  reason text constraint campaign_recipients_reason_check check (length(reason) <= 5000),
  queued_at timestamptz,
  sent_at timestamptz,
  delivered_at timestamptz,
  opened_at timestamptz,
  clicked_at timestamptz,
  replied_at timestamptz,
  bounced_at timestamptz,
  unsubscribed_at timestamptz,
  failed_at timestamptz,
  skipped_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint campaign_recipients_pkey primary key (tenant_id, id),
  constraint campaign_recipients_sent_at_check
    check (sent_at is not null or num_nonnulls(delivered_at, opened_at, clicked_at, replied_at, bounced_at, unsubscribed_at) = 0),
  constraint campaign_recipients_skipped_at_check check (skipped_at is null or sent_at is null)
);
comment on table outreach.campaign_recipients is E'@typeid rcpt\nA contact that a campaign goes to, and what came of it.';
comment on column outreach.campaign_recipients.variant_id is 'The variant it gets; none where the campaign has none.';
comment on column outreach.campaign_recipients.message_id is 'The message it got.';
comment on column outreach.campaign_recipients.reason is 'Why it was skipped, or why it failed.';
create unique index if not exists campaign_recipients_contact_id_key
  on outreach.campaign_recipients (tenant_id, campaign_id, contact_id) where deleted_at is null;
create index if not exists campaign_recipients_status_idx on outreach.campaign_recipients (tenant_id, campaign_id, status, id);
select ddl.foreign_key('outreach.campaign_recipients', 'campaign_id', 'outreach.campaigns', 'cascade', p_index => false);
select ddl.foreign_key('outreach.campaign_recipients', 'contact_id', 'crm.contacts', 'cascade');
select ddl.foreign_key('outreach.campaign_recipients', 'variant_id', 'outreach.campaign_variants', 'restrict');
select ddl.foreign_key('outreach.campaign_recipients', 'message_id', 'outreach.messages', 'set null');
comment on constraint campaign_recipients_campaign_id_fkey on outreach.campaign_recipients is
  E'@behavior +manyToMany\n@manyToManyFieldName campaigns\n@foreignFieldName recipients';
comment on constraint campaign_recipients_contact_id_fkey on outreach.campaign_recipients is
  E'@behavior +manyToMany\n@manyToManyFieldName contacts\n@foreignFieldName campaignRecipients';
comment on constraint campaign_recipients_variant_id_fkey on outreach.campaign_recipients is E'@fieldName variant\n@foreignFieldName recipients';
select ddl.tenant_table('outreach.campaign_recipients', p_insert => '{campaign_id,contact_id,variant_id}', p_update => '{deleted_at}');
select ddl.masked('outreach.campaign_recipients', '{"reason": "text"}');
--! EndIncluded outreach/campaign_recipients.sql
--! Included outreach/guard_campaign_parts.sql
-- What may be added to a campaign, and when.
create or replace function outreach.guard_campaign_variant() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select n.campaign_id, c.name, c.channel, c.status, t.name as template, t.channel as template_channel into v_found
  from new_rows n
  join outreach.campaigns c on c.tenant_id = n.tenant_id and c.id = n.campaign_id
  join outreach.templates t on t.tenant_id = n.tenant_id and t.id = n.template_id
  where t.channel <> c.channel limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Template "%s" is for %s, and campaign "%s" goes by %s.', v_found.template, v_found.template_channel,
      v_found.name, v_found.channel), 'templateId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_campaign_variant() is 'Sees that variants go by the channel of their campaign.';
select ddl.trigger('outreach.campaign_variants', '_200_channel_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_campaign_variant()');
select ddl.trigger('outreach.campaign_variants', '_200_channel_on_update',
  'after update referencing new table as new_rows for each statement execute function outreach.guard_campaign_variant()');

create or replace function outreach.guard_campaign_recipient() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select n.id, v.label, c.name into v_found
  from new_rows n
  join outreach.campaign_variants v on v.tenant_id = n.tenant_id and v.id = n.variant_id
  join outreach.campaigns c on c.tenant_id = n.tenant_id and c.id = n.campaign_id
  where v.campaign_id <> n.campaign_id limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Variant "%s" is not one of campaign "%s".', v_found.label, v_found.name), 'variantId');
  end if;
  select n.id, n.status into v_found from new_rows n where n.deleted_at is not null and (n.sent_at is not null or n.queued_at is not null) limit 1;
  if found then
    perform app.raise('INVALID_STATE', format('Recipient %s is %s already and stays in the campaign.', v_found.id, v_found.status), 'deletedAt');
  end if;
  if tg_op = 'INSERT' then
    select c.name, c.status into v_found
    from (select distinct tenant_id, campaign_id from new_rows) n join outreach.campaigns c on c.tenant_id = n.tenant_id and c.id = n.campaign_id
    where c.status in ('completed', 'cancelled') limit 1;
    if found then
      perform app.raise('INVALID_STATE', format('Campaign "%s" is %s and takes no more recipients.', v_found.name, v_found.status), 'campaignId');
    end if;
  end if;
  return null;
end
$$;
comment on function outreach.guard_campaign_recipient() is 'Sees that recipients get variants of their campaign, come in while it is open, and stay once they were written to.';
select ddl.trigger('outreach.campaign_recipients', '_200_recipient_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_campaign_recipient()');
select ddl.trigger('outreach.campaign_recipients', '_200_recipient_on_update',
  'after update referencing new table as new_rows for each statement execute function outreach.guard_campaign_recipient()');
--! EndIncluded outreach/guard_campaign_parts.sql
--! Included outreach/campaign_stats.sql
-- The figures of a campaign and of each of its variants, kept by the statements that change its recipients.
create table if not exists outreach.campaign_stats (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  campaign_id uuid not null,
  variant_id uuid,
  recipient_count bigint not null default 0 constraint campaign_stats_recipient_count_check check (recipient_count >= 0),
  sent_count bigint not null default 0 constraint campaign_stats_sent_count_check check (sent_count >= 0),
  delivered_count bigint not null default 0 constraint campaign_stats_delivered_count_check check (delivered_count >= 0),
  opened_count bigint not null default 0 constraint campaign_stats_opened_count_check check (opened_count >= 0),
  clicked_count bigint not null default 0 constraint campaign_stats_clicked_count_check check (clicked_count >= 0),
  replied_count bigint not null default 0 constraint campaign_stats_replied_count_check check (replied_count >= 0),
  bounced_count bigint not null default 0 constraint campaign_stats_bounced_count_check check (bounced_count >= 0),
  unsubscribed_count bigint not null default 0 constraint campaign_stats_unsubscribed_count_check check (unsubscribed_count >= 0),
  failed_count bigint not null default 0 constraint campaign_stats_failed_count_check check (failed_count >= 0),
  skipped_count bigint not null default 0 constraint campaign_stats_skipped_count_check check (skipped_count >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint campaign_stats_pkey primary key (tenant_id, id),
  constraint campaign_stats_variant_id_key unique (tenant_id, variant_id)
);
comment on table outreach.campaign_stats is E'@typeid cstat\nHow many recipients of a campaign, or of one of its variants, were sent the message, opened it, and so on. '
  'Each figure is the number of living recipients with that time: opened_count counts those with opened_at.';
comment on column outreach.campaign_stats.variant_id is 'The variant; none in the row that counts the whole campaign.';
comment on column outreach.campaign_stats.recipient_count is 'How many recipients there are.';
create unique index if not exists campaign_stats_campaign_id_variant_id_key
  on outreach.campaign_stats (tenant_id, campaign_id, variant_id) nulls not distinct;
select ddl.foreign_key('outreach.campaign_stats', 'campaign_id', 'outreach.campaigns', 'cascade', p_index => false);
select ddl.foreign_key('outreach.campaign_stats', 'variant_id', 'outreach.campaign_variants', 'cascade', p_index => false);
comment on constraint campaign_stats_campaign_id_fkey on outreach.campaign_stats is E'@foreignFieldName stats';
comment on constraint campaign_stats_variant_id_fkey on outreach.campaign_stats is E'@fieldName variant\n@foreignSingleFieldName stats';
comment on constraint campaign_stats_variant_id_key on outreach.campaign_stats is E'@behavior -single';
select ddl.tenant_table('outreach.campaign_stats');

create or replace function outreach.begin_campaign_stats() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  if tg_table_name = 'campaigns' then
    insert into outreach.campaign_stats (tenant_id, campaign_id) select tenant_id, id from new_rows;
  else
    insert into outreach.campaign_stats (tenant_id, campaign_id, variant_id) select tenant_id, campaign_id, id from new_rows;
  end if;
  return null;
end
$$;
comment on function outreach.begin_campaign_stats() is 'Gives a new campaign or variant its row of figures, all nought.';
select ddl.trigger('outreach.campaigns', '_300_stats',
  'after insert referencing new table as new_rows for each statement execute function outreach.begin_campaign_stats()');
select ddl.trigger('outreach.campaign_variants', '_300_stats',
  'after insert referencing new table as new_rows for each statement execute function outreach.begin_campaign_stats()');
--! EndIncluded outreach/campaign_stats.sql
--! Included outreach/count_campaign_recipients.sql
create or replace function outreach.count_campaign_recipients() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  -- Each event sees only the transition tables that it has.
  v_changes constant text := case tg_op when 'INSERT' then 'select 1 as sign, n.* from new_rows n' when 'DELETE' then 'select -1 as sign, o.* from old_rows o'
    else 'select 1 as sign, n.* from new_rows n union all select -1, o.* from old_rows o' end;
begin
  execute format($sql$
    with changes as (
      select tenant_id, campaign_id, variant_id, sum(sign) as recipients,
        coalesce(sum(sign) filter (where sent_at is not null), 0) as sent,
        coalesce(sum(sign) filter (where delivered_at is not null), 0) as delivered,
        coalesce(sum(sign) filter (where opened_at is not null), 0) as opened,
        coalesce(sum(sign) filter (where clicked_at is not null), 0) as clicked,
        coalesce(sum(sign) filter (where replied_at is not null), 0) as replied,
        coalesce(sum(sign) filter (where bounced_at is not null), 0) as bounced,
        coalesce(sum(sign) filter (where unsubscribed_at is not null), 0) as unsubscribed,
        coalesce(sum(sign) filter (where failed_at is not null), 0) as failed,
        coalesce(sum(sign) filter (where skipped_at is not null), 0) as skipped
      from (%s) r where deleted_at is null
      group by grouping sets ((tenant_id, campaign_id), (tenant_id, campaign_id, variant_id))
      having grouping(variant_id) = 1 or variant_id is not null
    ), locked as materialized (
      -- In one order, so that two statements wait for each other instead of locking each other out.
      select s.id, c.* from outreach.campaign_stats s
      join changes c on c.tenant_id = s.tenant_id and c.campaign_id = s.campaign_id and c.variant_id is not distinct from s.variant_id
      where (recipients, sent, delivered, opened, clicked, replied, bounced, unsubscribed, failed, skipped) <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
      order by s.id for no key update of s
    )
    update outreach.campaign_stats s set recipient_count = s.recipient_count + l.recipients, sent_count = s.sent_count + l.sent,
      delivered_count = s.delivered_count + l.delivered, opened_count = s.opened_count + l.opened, clicked_count = s.clicked_count + l.clicked,
      replied_count = s.replied_count + l.replied, bounced_count = s.bounced_count + l.bounced,
      unsubscribed_count = s.unsubscribed_count + l.unsubscribed, failed_count = s.failed_count + l.failed, skipped_count = s.skipped_count + l.skipped
    from locked l where s.tenant_id = l.tenant_id and s.id = l.id $sql$, v_changes);
  return null;
end
$$;
comment on function outreach.count_campaign_recipients() is 'Keeps the figures of campaigns, set-wise: one update per statement, whatever the number of recipients.';
select ddl.trigger('outreach.campaign_recipients', '_300_stats_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.count_campaign_recipients()');
select ddl.trigger('outreach.campaign_recipients', '_300_stats_on_update',
  'after update referencing old table as old_rows new table as new_rows for each statement execute function outreach.count_campaign_recipients()');
select ddl.trigger('outreach.campaign_recipients', '_300_stats_on_delete',
  'after delete referencing old table as old_rows for each statement execute function outreach.count_campaign_recipients()');
select ddl.recount('outreach.campaign_stats', '{campaign_id,variant_id}',
  '{recipient_count,sent_count,delivered_count,opened_count,clicked_count,replied_count,bounced_count,unsubscribed_count,failed_count,skipped_count}', $$
  select tenant_id, campaign_id, variant_id, count(*) as recipient_count, count(sent_at) as sent_count, count(delivered_at) as delivered_count,
    count(opened_at) as opened_count, count(clicked_at) as clicked_count, count(replied_at) as replied_count, count(bounced_at) as bounced_count,
    count(unsubscribed_at) as unsubscribed_count, count(failed_at) as failed_count, count(skipped_at) as skipped_count
  from outreach.campaign_recipients where deleted_at is null
  group by grouping sets ((tenant_id, campaign_id), (tenant_id, campaign_id, variant_id))
  having grouping(variant_id) = 1 or variant_id is not null$$);
--! EndIncluded outreach/count_campaign_recipients.sql
--! Included outreach/campaign_funnel.sql
create or replace view outreach.campaign_funnel with (security_invoker = true) as
select s.tenant_id, s.campaign_id, s.recipient_count, s.skipped_count, s.sent_count, s.failed_count, s.delivered_count, s.bounced_count,
  s.opened_count, s.clicked_count, s.replied_count, s.unsubscribed_count,
  s.delivered_count::float8 / nullif(s.sent_count, 0) as delivered_share,
  s.opened_count::float8 / nullif(s.delivered_count, 0) as opened_share,
  s.clicked_count::float8 / nullif(s.delivered_count, 0) as clicked_share,
  s.replied_count::float8 / nullif(s.delivered_count, 0) as replied_share,
  s.bounced_count::float8 / nullif(s.sent_count, 0) as bounced_share,
  s.unsubscribed_count::float8 / nullif(s.delivered_count, 0) as unsubscribed_share
from outreach.campaign_stats s
join outreach.campaigns c on c.tenant_id = s.tenant_id and c.id = s.campaign_id and c.deleted_at is null
where s.variant_id is null;
comment on view outreach.campaign_funnel is
  E'@behavior -type:node -query:resource:single\n@primaryKey tenant_id,campaign_id\n@foreignKey (tenant_id, campaign_id) references outreach.campaigns (tenant_id, id)|@fieldName campaign|@foreignFieldName funnel\nHow many recipients of a campaign got how far.';
comment on column outreach.campaign_funnel.recipient_count is E'@notNull\nRecipients.';
comment on column outreach.campaign_funnel.skipped_count is E'@notNull\nRecipients whom nothing was sent to, for a reason.';
comment on column outreach.campaign_funnel.sent_count is E'@notNull\nRecipients whom the message was sent to.';
comment on column outreach.campaign_funnel.failed_count is E'@notNull\nRecipients whom it could not be sent to.';
comment on column outreach.campaign_funnel.delivered_count is E'@notNull\nRecipients whom it reached.';
comment on column outreach.campaign_funnel.bounced_count is E'@notNull\nRecipients from whose address it came back.';
comment on column outreach.campaign_funnel.opened_count is E'@notNull\nRecipients who opened it.';
comment on column outreach.campaign_funnel.clicked_count is E'@notNull\nRecipients who followed a link.';
comment on column outreach.campaign_funnel.replied_count is E'@notNull\nRecipients who answered.';
comment on column outreach.campaign_funnel.unsubscribed_count is E'@notNull\nRecipients who want no more of it.';
comment on column outreach.campaign_funnel.delivered_share is 'Share of those sent that were delivered, from 0 to 1.';
comment on column outreach.campaign_funnel.opened_share is 'Share of those delivered that were opened, from 0 to 1.';
comment on column outreach.campaign_funnel.clicked_share is 'Share of those delivered in which a link was followed, from 0 to 1.';
comment on column outreach.campaign_funnel.replied_share is 'Share of those delivered that were answered, from 0 to 1.';
comment on column outreach.campaign_funnel.bounced_share is 'Share of those sent that came back, from 0 to 1.';
comment on column outreach.campaign_funnel.unsubscribed_share is 'Share of those delivered whose recipient unsubscribed, from 0 to 1.';
grant select on outreach.campaign_funnel to rowhouse_viewer, rowhouse_system;
--! EndIncluded outreach/campaign_funnel.sql
--! Included outreach/search.sql
-- A template is found by its name and by what its present version says.
select ddl.searchable('outreach.templates',
  $$setweight(app.search_words(name), 'A') || setweight(app.search_words(description), 'C')$$, $$app.fold(name)$$, '{name,description}');
select ddl.searchable('outreach.template_versions',
  $$setweight(app.search_words(subject), 'A') || setweight(app.search_words(body), 'B')$$, $$app.fold(coalesce(subject, ''))$$, '{subject,body}');

create or replace function outreach.search_templates(query text) returns setof outreach.templates
language sql stable rows 100
begin atomic
  select t.*
  from (
    select f.id, max(f.rank) as rank
    from (
      select t.id, t.rank from app.find_templates(query) t
      union all
      select v.template_id, f.rank / 2 from app.find_template_versions(query) f
      join outreach.template_versions v on v.tenant_id = app.tenant_id() and v.id = f.id
      join outreach.templates k on k.tenant_id = v.tenant_id and k.id = v.template_id
      where coalesce(k.current_version_id, v.id) = v.id
    ) f
    group by f.id
  ) f
  join outreach.templates t on t.tenant_id = app.tenant_id() and t.id = f.id and t.deleted_at is null
  order by f.rank desc, t.id desc;
end;
comment on function outreach.search_templates(text) is
  'Finds templates by their name, description, and what their published version (or draft) says, best first; when little is found, also what is spelt alike. At most a thousand.';
--! EndIncluded outreach/search.sql
--! EndIncluded outreach/messaging.sql
--! Included outreach/automation.sql
-- Sequences, workflows, experiments, tasks, attempts.
--! Included outreach/types_automation.sql
select ddl.enum('outreach.sequence_status', '{
  "draft": "Is being written.", "active": "Takes new people and moves them on.", "paused": "Stands still.", "archived": "Is kept, and out of the way."
}', 'Whether a sequence runs.');
select ddl.enum('outreach.step_type', '{
  "email": "Sends an e-mail.", "sms": "Sends a text message.", "whatsapp": "Sends a WhatsApp message.", "call": "Asks somebody to call.",
  "linkedin": "Asks somebody to write on LinkedIn.", "task": "Asks somebody to do something.", "wait": "Waits."
}', 'What a step of a sequence does.');
select ddl.enum('outreach.enrollment_status', '{
  "active": "Moves from step to step.", "paused": "Stands still.", "replied": "Ended, because the contact answered.", "bounced": "Ended, because the contact cannot be reached.",
  "unsubscribed": "Ended, because the contact wants no messages.", "completed": "Went through all steps.", "cancelled": "Somebody ended it."
}', 'Where a contact stands in a sequence.');
select ddl.enum('outreach.step_execution_status', '{
  "pending": "Its time has not come.", "running": "Is being done.", "done": "Is done.", "skipped": "Was passed over.", "failed": "Failed for good."
}', 'Where a step of an enrollment stands.');
select ddl.enum('outreach.workflow_status', '{
  "draft": "Is being drawn.", "active": "Takes new runs.", "paused": "Takes no new runs.", "archived": "Is kept, and out of the way."
}', 'Whether a workflow runs.');
select ddl.enum('outreach.workflow_version_status', '{"draft": "Is being drawn, and may change.", "published": "Can be run, and never changes again."}', 'Where a version of a workflow stands.');
select ddl.enum('outreach.workflow_run_status', '{
  "running": "Moves from node to node.", "waiting": "Waits for a time or an event.", "paused": "Stands still.", "completed": "Reached an end.",
  "failed": "Failed for good.", "cancelled": "Somebody ended it."
}', 'Where a run of a workflow stands.');
select ddl.enum('outreach.node_type', '{
  "trigger": "Starts the run.", "condition": "Chooses a way.", "delay": "Waits.", "split": "Chooses a way by chance.", "action": "Does something.", "goal": "Ends the run, with what was wanted."
}', 'What a node of a workflow does.');
select ddl.enum('outreach.experiment_status', '{"draft": "Is being prepared.", "running": "Gives people variants.", "stopped": "Gives no more variants.", "decided": "Has a winner."}', 'Where an experiment stands.');
select ddl.enum('outreach.task_kind', '{"call": "Call somebody.", "email": "Write to somebody.", "message": "Send somebody a message.", "review": "Look at something.", "other": "Something else."}', 'What there is to do.');
select ddl.enum('outreach.task_status', '{"open": "Waits for somebody.", "in_progress": "Somebody is at it.", "done": "Is done.", "cancelled": "Need not be done."}', 'Where a task stands.');
select ddl.enum('outreach.attempt_status', '{"queued": "Waits to go out.", "sent": "Went out.", "delivered": "Arrived.", "failed": "Did not arrive.", "responded": "Was answered."}', 'What became of an attempt.');
select ddl.enum('outreach.attempt_direction', '{"outbound": "From us.", "inbound": "From the lead."}', 'Which way an attempt went.');
select ddl.enum('outreach.response_type', '{"positive": "Is interested.", "negative": "Is not interested.", "neutral": "Neither.", "dnc": "Wants no more contact."}', 'What an answer says.');
--! EndIncluded outreach/types_automation.sql
--! Included outreach/sequences.sql
-- Steps that a contact goes through, one after the other, until they answer.
create table if not exists outreach.sequences (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint sequences_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint sequences_description_check check (length(description) <= 5000),
  channel crm.channel,
  status outreach.sequence_status not null default 'draft',
  settings jsonb not null default '{}' constraint sequences_settings_check check (jsonb_typeof(settings) = 'object'),
  enrollment_count bigint not null default 0 constraint sequences_enrollment_count_check check (enrollment_count >= 0),
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint sequences_pkey primary key (tenant_id, id)
);
comment on table outreach.sequences is E'@typeid seq\nSteps that a contact goes through, one after the other.';
comment on column outreach.sequences.channel is 'Its main channel; none when it uses several alike.';
comment on column outreach.sequences.settings is 'Quiet hours, stop rules and the like, a JSON object.';
comment on column outreach.sequences.enrollment_count is 'How many contacts were ever enrolled.';
comment on column outreach.sequences.created_by is 'Actor who made it.';
create unique index if not exists sequences_name_key on outreach.sequences (tenant_id, name) where deleted_at is null;
create index if not exists sequences_status_idx on outreach.sequences (tenant_id, status, id);
create index if not exists sequences_created_at_idx on outreach.sequences (tenant_id, created_at);
select ddl.foreign_key('outreach.sequences', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.sequences', p_insert => '{name,description,channel,settings}', p_update => '{name,description,channel,status,settings}');
select ddl.state_machine('outreach.sequences', 'status',
  '{"draft": ["active", "archived"], "active": ["paused", "archived"], "paused": ["active", "archived"], "archived": ["paused"]}', '{draft}');
--! EndIncluded outreach/sequences.sql
--! Included outreach/sequence_steps.sql
-- The steps of a sequence, in order.
create table if not exists outreach.sequence_steps (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_id uuid not null,
  step_number integer not null constraint sequence_steps_step_number_check check (step_number between 1 and 10000),
  type outreach.step_type not null,
  name text constraint sequence_steps_name_check check (length(name) <= 200),
  template_id uuid,
  prompt_id uuid,
  delay_days integer not null default 0 constraint sequence_steps_delay_days_check check (delay_days between 0 and 3650),
  delay_minutes integer not null default 0 constraint sequence_steps_delay_minutes_check check (delay_minutes between 0 and 1440),
  settings jsonb not null default '{}' constraint sequence_steps_settings_check check (jsonb_typeof(settings) = 'object'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint sequence_steps_pkey primary key (tenant_id, id),
  constraint sequence_steps_type_check check (type <> 'wait' or (template_id is null and prompt_id is null)),
  constraint sequence_steps_prompt_id_check check (template_id is null or prompt_id is null)
);
comment on table outreach.sequence_steps is E'@typeid step\nA step of a sequence.';
comment on column outreach.sequence_steps.step_number is 'Place in the sequence, from 1; unique among its living steps.';
comment on column outreach.sequence_steps.prompt_id is 'The prompt by which the message is written, instead of a template.';
comment on column outreach.sequence_steps.delay_days is 'Days to wait after the step before.';
comment on column outreach.sequence_steps.delay_minutes is 'Minutes to wait beyond the days.';
comment on column outreach.sequence_steps.settings is 'Details of the step, a JSON object.';
create unique index if not exists sequence_steps_step_number_key on outreach.sequence_steps (tenant_id, sequence_id, step_number) where deleted_at is null;
create index if not exists sequence_steps_sequence_id_idx on outreach.sequence_steps (tenant_id, sequence_id, id);
select ddl.foreign_key('outreach.sequence_steps', 'sequence_id', 'outreach.sequences', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_steps', 'template_id', 'outreach.templates', 'restrict');
select ddl.foreign_key('outreach.sequence_steps', 'prompt_id', 'outreach.prompts', 'restrict');
comment on constraint sequence_steps_sequence_id_fkey on outreach.sequence_steps is E'@nestedCreate\n@foreignFieldName steps';
select ddl.tenant_table('outreach.sequence_steps', p_insert => '{sequence_id,step_number,type,name,template_id,prompt_id,delay_days,delay_minutes,settings}',
  p_update => '{type,name,template_id,prompt_id,delay_days,delay_minutes,settings}');
--! EndIncluded outreach/sequence_steps.sql
--! Included outreach/guard_sequence.sql
-- What a sequence needs to run, and which templates its steps can have.
create or replace function outreach.fits_step(p_type outreach.step_type, p_channel crm.channel) returns boolean
language sql immutable set search_path to pg_catalog
return case p_type::text when 'call' then p_channel::text in ('phone', 'voice') when 'task' then true else p_channel::text = p_type::text end;
comment on function outreach.fits_step(outreach.step_type, crm.channel) is 'Whether a template of a channel can be used by a step of a type.';

create or replace function outreach.guard_step_template() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select n.step_number, n.type, t.name as template, t.channel into v_found
  from new_rows n join outreach.templates t on t.tenant_id = n.tenant_id and t.id = n.template_id
  where not outreach.fits_step(n.type, t.channel) limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Template "%s" is for %s, and step %s is of type %s.', v_found.template, v_found.channel, v_found.step_number, v_found.type),
      'templateId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_step_template() is 'Sees that steps have templates of their channel.';
select ddl.trigger('outreach.sequence_steps', '_200_template_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_step_template()');
select ddl.trigger('outreach.sequence_steps', '_200_template_on_update',
  'after update referencing new table as new_rows for each statement execute function outreach.guard_step_template()');

create or replace function outreach.guard_sequence() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_unfit record;
begin
  if new.deleted_at is not null and old.deleted_at is null and new.status = 'active' then
    perform app.raise('INVALID_STATE', format('Sequence "%s" is active. Pause or archive it before you delete it.', new.name), 'deletedAt');
  end if;
  if new.status <> 'active' or old.status = 'active' then
    return new;
  end if;
  if not exists (select from outreach.sequence_steps s where s.tenant_id = new.tenant_id and s.sequence_id = new.id and s.deleted_at is null) then
    perform app.raise('INVALID_STATE', format('Sequence "%s" has no steps. Add one first.', new.name), 'status');
  end if;
  select s.step_number, t.name, t.deleted_at, t.archived_at into v_unfit
  from outreach.sequence_steps s left join outreach.templates t on t.tenant_id = s.tenant_id and t.id = s.template_id
  where s.tenant_id = new.tenant_id and s.sequence_id = new.id and s.deleted_at is null and s.type in ('email', 'sms', 'whatsapp')
    and s.prompt_id is null and (t.status is distinct from 'active' or t.deleted_at is not null)
  order by s.step_number limit 1;
  if found then
    perform app.raise('INVALID_STATE', case
      when v_unfit.name is null then format('Step %s of sequence "%s" has nothing to send. Give it a template or a prompt.', v_unfit.step_number, new.name)
      when v_unfit.deleted_at is not null then format('Template "%s" of step %s is deleted. Restore it, or choose another one.', v_unfit.name, v_unfit.step_number)
      when v_unfit.archived_at is not null then format('Template "%s" of step %s is archived. Unarchive it, or choose another one.', v_unfit.name, v_unfit.step_number)
      else format('Template "%s" of step %s was never published. Publish it first.', v_unfit.name, v_unfit.step_number) end, 'status');
  end if;
  return new;
end
$$;
comment on function outreach.guard_sequence() is 'Sees that a sequence has steps, and its steps something to send, when it begins to run; it is not deleted while it does.';
select ddl.trigger('outreach.sequences', '_200_what_it_needs', 'before update of status, deleted_at for each row execute function outreach.guard_sequence()');
--! EndIncluded outreach/guard_sequence.sql
--! Included outreach/reorder_sequence_steps.sql
create or replace function outreach.reorder_sequence_steps(sequence_id uuid, step_ids uuid[]) returns outreach.sequences
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_sequence outreach.sequences;
  v_steps uuid[];
begin
  perform app.require_scope('outreach:write');
  select * into v_sequence from outreach.sequences s
  where s.tenant_id = app.tenant_id() and s.id = reorder_sequence_steps.sequence_id and s.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no sequence %s.', reorder_sequence_steps.sequence_id), 'sequenceId');
  end if;
  v_steps := array(select s.id from outreach.sequence_steps s
    where s.tenant_id = v_sequence.tenant_id and s.sequence_id = v_sequence.id and s.deleted_at is null order by s.id);
  if v_steps <> array(select i from unnest(step_ids) i order by i) then
    perform app.raise('VALIDATION_FAILED', format('Name each of the %s living steps of the sequence once, in the order they shall have.', cardinality(v_steps)),
      'stepIds', jsonb_build_object('expected', cardinality(v_steps), 'given', cardinality(step_ids)));
  end if;
  -- First to numbers that nobody has and nobody gets: they are unique at every moment.
  update outreach.sequence_steps s set step_number = f.n
  from unnest(v_steps) with ordinality o (id, n)
  join (select f.n, row_number() over (order by f.n desc) as place from generate_series(cardinality(v_steps) + 1, 10000) f (n)
    where not exists (select from outreach.sequence_steps t where t.tenant_id = v_sequence.tenant_id and t.sequence_id = v_sequence.id
      and t.deleted_at is null and t.step_number = f.n)) f on f.place = o.n
  where s.tenant_id = v_sequence.tenant_id and s.id = o.id;
  update outreach.sequence_steps s set step_number = o.n
  from unnest(step_ids) with ordinality o (id, n) where s.tenant_id = v_sequence.tenant_id and s.id = o.id;
  return v_sequence;
end
$$;
comment on function outreach.reorder_sequence_steps(uuid, uuid[]) is 'Puts the steps of a sequence into a new order.';
grant execute on function outreach.reorder_sequence_steps(uuid, uuid[]) to rowhouse_member;
--! EndIncluded outreach/reorder_sequence_steps.sql
--! Included outreach/sequence_enrollments.sql
-- That a contact goes through a sequence.
create table if not exists outreach.sequence_enrollments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_id uuid not null,
  contact_id uuid not null,
  campaign_id uuid,
  lead_id uuid,
  status outreach.enrollment_status not null default 'active',
  current_step_id uuid,
  assigned_to uuid,
  enrolled_by uuid default app.actor_id(),
  enrolled_at timestamptz not null default now(),
  paused_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint sequence_enrollments_pkey primary key (tenant_id, id),
  constraint sequence_enrollments_ended_at_check check ((status in ('active', 'paused')) = (ended_at is null)),
  constraint sequence_enrollments_paused_at_check check ((status = 'paused') = (paused_at is not null))
);
comment on table outreach.sequence_enrollments is E'@typeid enr\nThat a contact goes, or went, through a sequence. A contact is in a sequence once at a time.';
comment on column outreach.sequence_enrollments.campaign_id is 'The campaign that enrolled the contact.';
comment on column outreach.sequence_enrollments.lead_id is 'The lead on whose behalf.';
comment on column outreach.sequence_enrollments.current_step_id is 'The step that is next or under way.';
comment on column outreach.sequence_enrollments.assigned_to is 'Actor who does what people have to do.';
comment on column outreach.sequence_enrollments.enrolled_by is 'Actor who enrolled the contact.';
create unique index if not exists sequence_enrollments_sequence_id_contact_id_key
  on outreach.sequence_enrollments (tenant_id, sequence_id, contact_id) where status in ('active', 'paused');
create index if not exists sequence_enrollments_sequence_id_idx on outreach.sequence_enrollments (tenant_id, sequence_id, status, id);
create index if not exists sequence_enrollments_contact_id_idx on outreach.sequence_enrollments (tenant_id, contact_id, status, id);
create index if not exists sequence_enrollments_created_at_idx on outreach.sequence_enrollments (tenant_id, created_at);
select ddl.foreign_key('outreach.sequence_enrollments', 'sequence_id', 'outreach.sequences', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_enrollments', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_enrollments', 'campaign_id', 'outreach.campaigns', 'set null');
select ddl.foreign_key('outreach.sequence_enrollments', 'lead_id', 'crm.leads', 'set null');
select ddl.foreign_key('outreach.sequence_enrollments', 'current_step_id', 'outreach.sequence_steps', 'set null');
select ddl.foreign_key('outreach.sequence_enrollments', 'assigned_to', 'iam.actors', 'set null');
select ddl.foreign_key('outreach.sequence_enrollments', 'enrolled_by', 'iam.actors', 'set null');
comment on constraint sequence_enrollments_sequence_id_fkey on outreach.sequence_enrollments is E'@foreignFieldName enrollments';
comment on constraint sequence_enrollments_current_step_id_fkey on outreach.sequence_enrollments is E'@foreignFieldName currentEnrollments';
comment on constraint sequence_enrollments_assigned_to_fkey on outreach.sequence_enrollments is E'@foreignFieldName assignedEnrollments';
comment on constraint sequence_enrollments_enrolled_by_fkey on outreach.sequence_enrollments is E'@foreignFieldName startedEnrollments';
select ddl.tenant_table('outreach.sequence_enrollments', p_insert => '{sequence_id,contact_id,campaign_id,lead_id,assigned_to}', p_update => '{status,assigned_to}');
select ddl.state_machine('outreach.sequence_enrollments', 'status',
  '{"active": ["paused", "replied", "bounced", "unsubscribed", "completed", "cancelled"], "paused": ["active", "replied", "bounced", "unsubscribed", "cancelled"],
    "replied": [], "bounced": [], "unsubscribed": [], "completed": [], "cancelled": []}', '{active}');
select ddl.counter('outreach.sequence_enrollments', 'sequence_id', 'outreach.sequences', 'enrollment_count');

create or replace function outreach.stamp_enrollment() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.paused_at := case when new.status = 'paused' then now() end;
  new.ended_at := case when new.status not in ('active', 'paused') then coalesce(new.ended_at, now()) end;
  return new;
end
$$;
comment on function outreach.stamp_enrollment() is 'Keeps the times that follow from the status of an enrollment.';
select ddl.trigger('outreach.sequence_enrollments', '_300_times',
  'before update for each row when (old.status is distinct from new.status) execute function outreach.stamp_enrollment()');
--! EndIncluded outreach/sequence_enrollments.sql
--! Included outreach/sequence_step_executions.sql
-- What became of a step for an enrolled contact.
create table if not exists outreach.sequence_step_executions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_enrollment_id uuid not null,
  sequence_step_id uuid not null,
  attempt_number integer not null default 1 constraint sequence_step_executions_attempt_number_check check (attempt_number >= 1),
  status outreach.step_execution_status not null default 'pending',
  message_id uuid,
  error_message text,
  started_at timestamptz,
  completed_at timestamptz,
  opened_at timestamptz,
  clicked_at timestamptz,
  replied_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint sequence_step_executions_pkey primary key (tenant_id, id),
  constraint sequence_step_executions_completed_at_check check ((status in ('done', 'failed', 'skipped')) = (completed_at is not null))
);
comment on table outreach.sequence_step_executions is E'@typeid exec\nWhat became of a step for an enrolled contact.';
comment on column outreach.sequence_step_executions.attempt_number is 'Which try of the step it is, from 1.';
create unique index if not exists sequence_step_executions_step_attempt_key
  on outreach.sequence_step_executions (tenant_id, sequence_enrollment_id, sequence_step_id, attempt_number);
create index if not exists sequence_step_executions_sequence_enrollment_id_idx
  on outreach.sequence_step_executions (tenant_id, sequence_enrollment_id, id);
create index if not exists sequence_step_executions_sequence_step_id_idx on outreach.sequence_step_executions (tenant_id, sequence_step_id, status, id);
select ddl.foreign_key('outreach.sequence_step_executions', 'sequence_enrollment_id', 'outreach.sequence_enrollments', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_step_executions', 'sequence_step_id', 'outreach.sequence_steps', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_step_executions', 'message_id', 'outreach.messages', 'set null');
comment on constraint sequence_step_executions_sequence_enrollment_id_fkey on outreach.sequence_step_executions is E'@foreignFieldName executions\n@fieldName enrollment';
comment on constraint sequence_step_executions_sequence_step_id_fkey on outreach.sequence_step_executions is E'@foreignFieldName executions\n@fieldName step';
comment on constraint sequence_step_executions_message_id_fkey on outreach.sequence_step_executions is E'@foreignFieldName stepExecutions';
select ddl.tenant_table('outreach.sequence_step_executions');
select ddl.state_machine('outreach.sequence_step_executions', 'status',
  '{"pending": ["running", "skipped"], "running": ["done", "failed", "skipped"], "done": [], "failed": [], "skipped": []}', '{pending}');
select ddl.masked('outreach.sequence_step_executions', '{"error_message": "text"}');
--! EndIncluded outreach/sequence_step_executions.sql
--! Included outreach/sequence_schedules.sql
-- When the next step of an enrollment is due.
create table if not exists outreach.sequence_schedules (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_enrollment_id uuid not null,
  sequence_step_id uuid not null,
  scheduled_at timestamptz not null,
  processed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint sequence_schedules_pkey primary key (tenant_id, id)
);
comment on table outreach.sequence_schedules is E'@typeid ssch\nWhen a step of an enrollment is due. One is open at a time.';
create unique index if not exists sequence_schedules_sequence_enrollment_id_key
  on outreach.sequence_schedules (tenant_id, sequence_enrollment_id) where processed_at is null;
create index if not exists sequence_schedules_sequence_enrollment_id_idx on outreach.sequence_schedules (tenant_id, sequence_enrollment_id, id);
create index if not exists sequence_schedules_scheduled_at_idx on outreach.sequence_schedules (tenant_id, scheduled_at) where processed_at is null;
select ddl.foreign_key('outreach.sequence_schedules', 'sequence_enrollment_id', 'outreach.sequence_enrollments', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_schedules', 'sequence_step_id', 'outreach.sequence_steps', 'cascade');
comment on constraint sequence_schedules_sequence_enrollment_id_fkey on outreach.sequence_schedules is E'@foreignFieldName schedules\n@fieldName enrollment';
comment on constraint sequence_schedules_sequence_step_id_fkey on outreach.sequence_schedules is E'@foreignFieldName schedules\n@fieldName step';
select ddl.tenant_table('outreach.sequence_schedules');
--! EndIncluded outreach/sequence_schedules.sql
--! Included outreach/guard_sequence_parts.sql
-- Whatever names an enrollment and a step means a step of the enrollment's sequence.
create or replace function outreach.guard_enrollment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select q.name into v_found
  from new_rows n
  join outreach.sequence_steps s on s.tenant_id = n.tenant_id and s.id = n.current_step_id
  join outreach.sequences q on q.tenant_id = n.tenant_id and q.id = n.sequence_id
  where s.sequence_id <> n.sequence_id limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('The step is not one of sequence "%s".', v_found.name), 'currentStepId');
  end if;
  if tg_op = 'INSERT' then
    select q.name, q.status, q.deleted_at into v_found
    from (select distinct tenant_id, sequence_id from new_rows) n join outreach.sequences q on q.tenant_id = n.tenant_id and q.id = n.sequence_id
    where q.status = 'archived' or q.deleted_at is not null limit 1;
    if found then
      perform app.raise('INVALID_STATE', format('Sequence "%s" is %s and takes nobody.', v_found.name,
        case when v_found.deleted_at is not null then 'deleted' else v_found.status end), 'sequenceId');
    end if;
  end if;
  return null;
end
$$;
comment on function outreach.guard_enrollment() is 'Sees that an enrollment is at a step of its sequence, and that the sequence takes people.';
select ddl.trigger('outreach.sequence_enrollments', '_200_enrollment_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_enrollment()');
select ddl.trigger('outreach.sequence_enrollments', '_200_enrollment_on_update',
  'after update referencing new table as new_rows for each statement execute function outreach.guard_enrollment()');

create or replace function outreach.guard_step_of_enrollment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select n.sequence_enrollment_id into v_found
  from new_rows n
  join outreach.sequence_enrollments e on e.tenant_id = n.tenant_id and e.id = n.sequence_enrollment_id
  join outreach.sequence_steps s on s.tenant_id = n.tenant_id and s.id = n.sequence_step_id
  where s.sequence_id <> e.sequence_id limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('The step is not one of the sequence of enrollment %s.', v_found.sequence_enrollment_id), 'sequenceStepId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_step_of_enrollment() is 'Sees that an execution or a schedule is of a step of the enrollment''s sequence.';
select ddl.trigger(t, '_200_step_on_' || e, format('after %s referencing new table as new_rows for each statement execute function outreach.guard_step_of_enrollment()', e))
from unnest('{outreach.sequence_step_executions,outreach.sequence_schedules}'::regclass[]) t, unnest('{insert,update}'::text[]) e;
--! EndIncluded outreach/guard_sequence_parts.sql
--! Included outreach/workflows.sql
-- A graph of nodes that contacts move through. The graph itself is in versions.
create table if not exists outreach.workflows (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint workflows_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint workflows_description_check check (length(description) <= 5000),
  status outreach.workflow_status not null default 'draft',
  published_version_id uuid,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint workflows_pkey primary key (tenant_id, id),
  constraint workflows_published_version_id_check check (status in ('draft', 'archived') or published_version_id is not null)
);
comment on table outreach.workflows is E'@typeid wf\nA graph of nodes that contacts move through.';
comment on column outreach.workflows.published_version_id is 'The version that new runs take; changed by publishWorkflow.';
comment on column outreach.workflows.created_by is 'Actor who made it.';
create unique index if not exists workflows_name_key on outreach.workflows (tenant_id, name) where deleted_at is null;
create index if not exists workflows_status_idx on outreach.workflows (tenant_id, status, id);
create index if not exists workflows_created_at_idx on outreach.workflows (tenant_id, created_at);
select ddl.foreign_key('outreach.workflows', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.workflows', p_insert => '{name,description}', p_update => '{name,description,status}');
select ddl.state_machine('outreach.workflows', 'status',
  '{"draft": ["active", "archived"], "active": ["paused", "archived"], "paused": ["active", "archived"], "archived": ["paused", "draft"]}', '{draft}');
--! EndIncluded outreach/workflows.sql
--! Included outreach/workflow_versions.sql
-- The graph of a workflow as it was at a time: a draft changes, what was published never does.
create table if not exists outreach.workflow_versions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  workflow_id uuid not null,
  version integer not null constraint workflow_versions_version_check check (version >= 1),
  status outreach.workflow_version_status not null default 'draft',
  trigger jsonb not null default '{}' constraint workflow_versions_trigger_check check (jsonb_typeof(trigger) = 'object'),
  nodes jsonb not null default '[]' constraint workflow_versions_nodes_check check (jsonb_typeof(nodes) = 'array'),
  edges jsonb not null default '[]' constraint workflow_versions_edges_check check (jsonb_typeof(edges) = 'array'),
  goals jsonb not null default '[]' constraint workflow_versions_goals_check check (jsonb_typeof(goals) = 'array'),
  changelog text constraint workflow_versions_changelog_check check (length(changelog) <= 5000),
  created_by uuid default app.actor_id(),
  published_by uuid,
  published_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint workflow_versions_pkey primary key (tenant_id, id),
  constraint workflow_versions_published_at_check check ((status = 'published') = (published_at is not null))
);
comment on table outreach.workflow_versions is E'@typeid wfv\nThe graph of a workflow as it was at a time.';
comment on column outreach.workflow_versions.version is 'Number of the version, from 1; given by the database.';
comment on column outreach.workflow_versions.trigger is 'What starts a run, a JSON object such as {"event": "contact.created"}.';
comment on column outreach.workflow_versions.nodes is 'The nodes: an array of {id, type, config}; exactly one is of type trigger.';
comment on column outreach.workflow_versions.edges is 'The ways between them: an array of {from, to, when}.';
comment on column outreach.workflow_versions.goals is 'What the workflow is for: an array of {name, condition}.';
comment on column outreach.workflow_versions.changelog is 'What is new.';
comment on column outreach.workflow_versions.created_by is 'Actor who drew it.';
comment on column outreach.workflow_versions.published_by is 'Actor who published it.';
create unique index if not exists workflow_versions_workflow_id_version_key on outreach.workflow_versions (tenant_id, workflow_id, version);
create unique index if not exists workflow_versions_draft_key on outreach.workflow_versions (tenant_id, workflow_id) where status = 'draft';
select ddl.foreign_key('outreach.workflow_versions', 'workflow_id', 'outreach.workflows', 'cascade', p_index => false);
select ddl.foreign_key('outreach.workflow_versions', 'created_by', 'iam.actors', 'set null');
select ddl.foreign_key('outreach.workflow_versions', 'published_by', 'iam.actors', 'set null');
comment on constraint workflow_versions_workflow_id_fkey on outreach.workflow_versions is E'@nestedCreate\n@foreignFieldName versions';
select ddl.tenant_table('outreach.workflow_versions', p_insert => '{workflow_id,trigger,nodes,edges,goals,changelog}', p_update => '{trigger,nodes,edges,goals,changelog}');
select ddl.state_machine('outreach.workflow_versions', 'status', '{"draft": ["published"], "published": []}', '{draft}');

create or replace function outreach.guard_published_workflow_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('Version %s of the workflow is published and never changes. Make a new draft by newWorkflowVersion.', old.version));
  return null;
end
$$;
comment on function outreach.guard_published_workflow_version() is 'Keeps a published version as it was.';
select ddl.trigger('outreach.workflow_versions', '_200_published', $$before update or delete for each row
  when (old.status = 'published' and pg_trigger_depth() = 0) execute function outreach.guard_published_workflow_version()$$);

create or replace function outreach.number_workflow_version() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- Two who draw the next version at once take turns.
  perform from outreach.workflows where tenant_id = new.tenant_id and id = new.workflow_id for no key update;
  select coalesce(max(version), 0) + 1 into new.version
  from outreach.workflow_versions where tenant_id = new.tenant_id and workflow_id = new.workflow_id;
  return new;
end
$$;
comment on function outreach.number_workflow_version() is 'Numbers the versions of a workflow, one after the other.';
select ddl.trigger('outreach.workflow_versions', '_300_number',
  'before insert for each row when (new.version is null) execute function outreach.number_workflow_version()');
--! EndIncluded outreach/workflow_versions.sql
--! Included outreach/workflows_published_version.sql
-- A workflow points to its published version and its versions point to it: the second of the two references comes last.
select ddl.foreign_key('outreach.workflows', 'published_version_id', 'outreach.workflow_versions', 'set null');
comment on constraint workflows_published_version_id_fkey on outreach.workflows is E'@fieldName publishedVersion\n@foreignFieldName publishedAsLatestOf';

create or replace function outreach.guard_published_workflow() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if not exists (select from outreach.workflow_versions v
    where v.tenant_id = new.tenant_id and v.id = new.published_version_id and v.workflow_id = new.id and v.status = 'published') then
    perform app.raise('CONFLICT', format('Version %s is not a published version of workflow "%s".', new.published_version_id, new.name),
      'publishedVersionId');
  end if;
  return new;
end
$$;
comment on function outreach.guard_published_workflow() is 'Sees that a workflow points at a published version of its own.';
select ddl.trigger('outreach.workflows', '_200_published_version', $$before insert or update of published_version_id for each row
  when (new.published_version_id is not null) execute function outreach.guard_published_workflow()$$);
--! EndIncluded outreach/workflows_published_version.sql
--! Included outreach/check_workflow_graph.sql
create or replace function outreach.check_workflow_graph(p_nodes jsonb, p_edges jsonb, p_goals jsonb default '[]') returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_bad text;
  v_ids text[] := array(select n ->> 'id' from jsonb_array_elements(p_nodes) n);
  v_triggers text[] := array(select n ->> 'id' from jsonb_array_elements(p_nodes) n where n ->> 'type' = 'trigger');
begin
  if cardinality(v_ids) > 1000 or jsonb_array_length(p_edges) > 5000 then
    perform app.raise('LIMIT_EXCEEDED', format('A workflow has at most 1000 nodes and 5000 edges; this one has %s and %s. Make two of it.',
      cardinality(v_ids), jsonb_array_length(p_edges)), 'nodes');
  end if;
  select n::text into v_bad from jsonb_array_elements(p_nodes) n
  where jsonb_typeof(n) <> 'object' or coalesce(length(n ->> 'id'), 0) not between 1 and 200
    or coalesce(n ->> 'type', '') not in ('trigger', 'condition', 'delay', 'split', 'action', 'goal') limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('The node %s has no id, or no type of trigger, condition, delay, split, action or goal.', left(v_bad, 200)), 'nodes');
  end if;
  select i into v_bad from unnest(v_ids) i group by 1 having count(*) > 1 limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('Two nodes have the id %s. Give each an id of its own.', v_bad), 'nodes');
  end if;
  if cardinality(v_triggers) <> 1 then
    perform app.raise('VALIDATION_FAILED', format('A workflow begins at one node of type trigger; this one has %s.', cardinality(v_triggers)), 'nodes');
  end if;
  select e::text into v_bad from jsonb_array_elements(p_edges) e
  where jsonb_typeof(e) <> 'object' or (e ->> 'from' = any (v_ids) and e ->> 'to' = any (v_ids)) is not true limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('The edge %s does not lead from one node to another.', left(v_bad, 200)), 'edges');
  end if;
  if exists (select from jsonb_array_elements(p_edges) e where e ->> 'to' = v_triggers[1]) then
    perform app.raise('VALIDATION_FAILED', format('An edge leads back to the trigger %s, where runs begin. Lead it to the node after it.', v_triggers[1]), 'edges');
  end if;
  with recursive ways (source, target) as materialized (
    select distinct e ->> 'from', e ->> 'to' from jsonb_array_elements(p_edges) e
  ), reached (id) as (
    select v_triggers[1]
    union
    select w.target from reached r join ways w on w.source = r.id
  )
  select i into v_bad from unnest(v_ids) i where i not in (select r.id from reached r) order by 1 limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('No way leads from the trigger to node %s. Connect it or remove it.', v_bad), 'edges');
  end if;
  select g::text into v_bad from jsonb_array_elements(p_goals) g where jsonb_typeof(g) <> 'object' or coalesce(btrim(g ->> 'name'), '') = '' limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('The goal %s has no name.', left(v_bad, 200)), 'goals');
  end if;
end
$$;
comment on function outreach.check_workflow_graph(jsonb, jsonb, jsonb) is
  'Refuses a graph that cannot be run: nodes without id or type, not exactly one trigger, edges to nowhere, nodes that no way leads to, goals without name.';
--! EndIncluded outreach/check_workflow_graph.sql
--! Included outreach/publish_workflow.sql
create or replace function outreach.publish_workflow(workflow_id uuid) returns outreach.workflows
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_workflow outreach.workflows;
  v_draft outreach.workflow_versions;
begin
  perform app.require_scope('outreach:write');
  select * into v_workflow from outreach.workflows w
  where w.tenant_id = app.tenant_id() and w.id = publish_workflow.workflow_id and w.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no workflow %s.', publish_workflow.workflow_id), 'workflowId');
  end if;
  select * into v_draft from outreach.workflow_versions v
  where v.tenant_id = v_workflow.tenant_id and v.workflow_id = v_workflow.id and v.status = 'draft' for update;
  if not found then
    perform app.raise('INVALID_STATE', format('Workflow "%s" has no draft. Make one by newWorkflowVersion first.', v_workflow.name), 'workflowId');
  end if;
  perform outreach.check_workflow_graph(v_draft.nodes, v_draft.edges, v_draft.goals);
  update outreach.workflow_versions v set status = 'published', published_at = now(), published_by = app.actor_id()
  where v.tenant_id = v_draft.tenant_id and v.id = v_draft.id;
  update outreach.workflows w
  set published_version_id = v_draft.id, status = case when w.status = 'draft' then 'active' else w.status end
  where w.tenant_id = v_workflow.tenant_id and w.id = v_workflow.id returning * into v_workflow;
  return v_workflow;
end
$$;
comment on function outreach.publish_workflow(uuid) is
  'Publishes the draft of a workflow, after checking that its graph can be run. Runs that are under way stay on their version.';
grant execute on function outreach.publish_workflow(uuid) to rowhouse_manager;
--! EndIncluded outreach/publish_workflow.sql
--! Included outreach/new_workflow_version.sql
create or replace function outreach.new_workflow_version(workflow_id uuid, changelog text default null) returns outreach.workflow_versions
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_workflow outreach.workflows;
  v_draft integer;
  v_version outreach.workflow_versions;
begin
  perform app.require_scope('outreach:write');
  select * into v_workflow from outreach.workflows w
  where w.tenant_id = app.tenant_id() and w.id = new_workflow_version.workflow_id and w.deleted_at is null for no key update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no workflow %s.', new_workflow_version.workflow_id), 'workflowId');
  end if;
  select v.version into v_draft from outreach.workflow_versions v
  where v.tenant_id = v_workflow.tenant_id and v.workflow_id = v_workflow.id and v.status = 'draft';
  if found then
    perform app.raise('CONFLICT', format('Version %s of workflow "%s" is a draft already. Change or publish that.', v_draft, v_workflow.name), 'workflowId');
  end if;
  -- Begins as a copy of what new runs take; empty, when there is none.
  insert into outreach.workflow_versions (tenant_id, workflow_id, trigger, nodes, edges, goals, changelog)
  select v_workflow.tenant_id, v_workflow.id, coalesce(v.trigger, '{}'), coalesce(v.nodes, '[]'), coalesce(v.edges, '[]'), coalesce(v.goals, '[]'),
    new_workflow_version.changelog
  from (values (v_workflow.published_version_id)) w (id)
  left join outreach.workflow_versions v on v.tenant_id = v_workflow.tenant_id and v.id = w.id
  returning * into v_version;
  return v_version;
end
$$;
comment on function outreach.new_workflow_version(uuid, text) is
  'Makes a draft of the next version, as a copy of the version that new runs take. A workflow has one draft at a time.';
grant execute on function outreach.new_workflow_version(uuid, text) to rowhouse_member;
--! EndIncluded outreach/new_workflow_version.sql
--! Included outreach/workflow_runs.sql
-- A contact on its way through a workflow.
create table if not exists outreach.workflow_runs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  workflow_version_id uuid not null,
  contact_id uuid not null,
  lead_id uuid,
  status outreach.workflow_run_status not null default 'running',
  current_node_id text constraint workflow_runs_current_node_id_check check (length(current_node_id) <= 200),
  context jsonb not null default '{}' constraint workflow_runs_context_check check (jsonb_typeof(context) = 'object'),
  error_code text,
  error_message text,
  started_by uuid default app.actor_id(),
  started_at timestamptz not null default now(),
  completed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint workflow_runs_pkey primary key (tenant_id, id),
  constraint workflow_runs_completed_at_check check ((status in ('completed', 'failed', 'cancelled')) = (completed_at is not null))
);
comment on table outreach.workflow_runs is E'@typeid wfr\nA contact on its way through a workflow. A run stays on the version on which it began.';
comment on column outreach.workflow_runs.lead_id is 'The lead on whose behalf.';
comment on column outreach.workflow_runs.current_node_id is 'The node it is at.';
comment on column outreach.workflow_runs.context is 'What the run knows, a JSON object.';
comment on column outreach.workflow_runs.error_code is 'Code of the last error.';
comment on column outreach.workflow_runs.started_by is 'Actor who started it.';
create index if not exists workflow_runs_workflow_version_id_idx on outreach.workflow_runs (tenant_id, workflow_version_id, status, id);
create index if not exists workflow_runs_contact_id_idx on outreach.workflow_runs (tenant_id, contact_id, id);
create index if not exists workflow_runs_status_idx on outreach.workflow_runs (tenant_id, status, id);
create index if not exists workflow_runs_started_at_idx on outreach.workflow_runs (tenant_id, started_at);
select ddl.foreign_key('outreach.workflow_runs', 'workflow_version_id', 'outreach.workflow_versions', 'restrict', p_index => false);
select ddl.foreign_key('outreach.workflow_runs', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('outreach.workflow_runs', 'lead_id', 'crm.leads', 'set null');
select ddl.foreign_key('outreach.workflow_runs', 'started_by', 'iam.actors', 'set null');
comment on constraint workflow_runs_workflow_version_id_fkey on outreach.workflow_runs is E'@foreignFieldName runs\n@fieldName version';
select ddl.tenant_table('outreach.workflow_runs', p_update => '{status}');
select ddl.state_machine('outreach.workflow_runs', 'status',
  '{"running": ["waiting", "paused", "completed", "failed", "cancelled"], "waiting": ["running", "paused", "failed", "cancelled"],
    "paused": ["running", "waiting", "cancelled"], "completed": [], "failed": [], "cancelled": []}', '{running,waiting}');

create or replace function outreach.workflows_runs(workflow outreach.workflows) returns setof outreach.workflow_runs
language sql stable
begin atomic
  select r.* from outreach.workflow_runs r
  where r.tenant_id = workflow.tenant_id and r.workflow_version_id in (
    select v.id from outreach.workflow_versions v where v.tenant_id = workflow.tenant_id and v.workflow_id = workflow.id);
end;
comment on function outreach.workflows_runs(outreach.workflows) is E'@behavior +order\nRuns of the workflow, of whichever version.';
grant execute on function outreach.workflows_runs(outreach.workflows) to rowhouse_viewer;

create or replace function outreach.stamp_workflow_run() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.completed_at := case when new.status in ('completed', 'failed', 'cancelled') then coalesce(new.completed_at, now()) end;
  return new;
end
$$;
comment on function outreach.stamp_workflow_run() is 'Keeps the time that follows from the status of a run.';
select ddl.trigger('outreach.workflow_runs', '_300_times',
  'before update for each row when (old.status is distinct from new.status) execute function outreach.stamp_workflow_run()');

create or replace function outreach.guard_run_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('Run %s stays on the version on which it began. Start another run for another version.', old.id), 'workflowVersionId');
  return null;
end
$$;
comment on function outreach.guard_run_version() is 'Keeps a run on its version.';
select ddl.trigger('outreach.workflow_runs', '_200_version', $$before update of workflow_version_id for each row
  when (old.workflow_version_id <> new.workflow_version_id) execute function outreach.guard_run_version()$$);
select ddl.masked('outreach.workflow_runs', '{"context": "json", "error_message": "text"}');
--! EndIncluded outreach/workflow_runs.sql
--! Included outreach/workflow_run_steps.sql
-- What a run did at each node.
create table if not exists outreach.workflow_run_steps (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  workflow_run_id uuid not null,
  node_id text not null constraint workflow_run_steps_node_id_check check (length(node_id) between 1 and 200),
  node_type outreach.node_type not null,
  status outreach.step_execution_status not null default 'pending',
  output jsonb not null default '{}' constraint workflow_run_steps_output_check check (jsonb_typeof(output) = 'object'),
  message_id uuid,
  error_message text,
  scheduled_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint workflow_run_steps_pkey primary key (tenant_id, id),
  constraint workflow_run_steps_completed_at_check check ((status in ('done', 'failed', 'skipped')) = (completed_at is not null))
);
comment on table outreach.workflow_run_steps is E'@typeid wfs\nWhat a run did at a node.';
comment on column outreach.workflow_run_steps.node_id is 'Node of the version that the run is on.';
comment on column outreach.workflow_run_steps.output is 'What came out, a JSON object.';
create index if not exists workflow_run_steps_workflow_run_id_idx on outreach.workflow_run_steps (tenant_id, workflow_run_id, id);
create index if not exists workflow_run_steps_status_idx on outreach.workflow_run_steps (tenant_id, status, scheduled_at);
select ddl.foreign_key('outreach.workflow_run_steps', 'workflow_run_id', 'outreach.workflow_runs', 'cascade', p_index => false);
select ddl.foreign_key('outreach.workflow_run_steps', 'message_id', 'outreach.messages', 'set null');
comment on constraint workflow_run_steps_workflow_run_id_fkey on outreach.workflow_run_steps is E'@foreignFieldName steps\n@fieldName run';
select ddl.tenant_table('outreach.workflow_run_steps');
select ddl.state_machine('outreach.workflow_run_steps', 'status',
  '{"pending": ["running", "skipped"], "running": ["done", "failed", "skipped"], "done": [], "failed": [], "skipped": []}', '{pending}');
select ddl.masked('outreach.workflow_run_steps', '{"output": "json", "error_message": "text"}');
--! EndIncluded outreach/workflow_run_steps.sql
--! Included outreach/stamp_step_execution.sql
-- The times of a step, of a sequence and of a workflow alike.
create or replace function outreach.stamp_step_execution() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if new.status = 'running' then
    new.started_at := coalesce(new.started_at, now());
  end if;
  new.completed_at := case when new.status in ('done', 'failed', 'skipped') then coalesce(new.completed_at, now()) end;
  return new;
end
$$;
comment on function outreach.stamp_step_execution() is 'Keeps the times that follow from the status of a step.';
select ddl.trigger(t, '_300_times', 'before update for each row when (old.status is distinct from new.status) execute function outreach.stamp_step_execution()')
from unnest('{outreach.sequence_step_executions,outreach.workflow_run_steps}'::regclass[]) t;
--! EndIncluded outreach/stamp_step_execution.sql
--! Included outreach/workflow_schedules.sql
-- When a waiting run goes on.
create table if not exists outreach.workflow_schedules (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  workflow_run_id uuid not null,
  node_id text not null constraint workflow_schedules_node_id_check check (length(node_id) between 1 and 200),
  scheduled_at timestamptz not null,
  processed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint workflow_schedules_pkey primary key (tenant_id, id)
);
comment on table outreach.workflow_schedules is E'@typeid wfsch\nWhen a waiting run goes on at a node.';
comment on column outreach.workflow_schedules.node_id is 'Node at which it goes on.';
create unique index if not exists workflow_schedules_workflow_run_id_key on outreach.workflow_schedules (tenant_id, workflow_run_id) where processed_at is null;
create index if not exists workflow_schedules_workflow_run_id_idx on outreach.workflow_schedules (tenant_id, workflow_run_id, id);
create index if not exists workflow_schedules_scheduled_at_idx on outreach.workflow_schedules (tenant_id, scheduled_at) where processed_at is null;
select ddl.foreign_key('outreach.workflow_schedules', 'workflow_run_id', 'outreach.workflow_runs', 'cascade', p_index => false);
comment on constraint workflow_schedules_workflow_run_id_fkey on outreach.workflow_schedules is E'@foreignFieldName schedules\n@fieldName run';
select ddl.tenant_table('outreach.workflow_schedules');
--! EndIncluded outreach/workflow_schedules.sql
--! Included outreach/step_experiments.sql
-- Which of several ways to write a step works best.
create table if not exists outreach.step_experiments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_step_id uuid not null,
  name text not null constraint step_experiments_name_check check (length(btrim(name)) between 1 and 200),
  status outreach.experiment_status not null default 'draft',
  hypothesis text constraint step_experiments_hypothesis_check check (length(hypothesis) <= 5000),
  started_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint step_experiments_pkey primary key (tenant_id, id)
);
comment on table outreach.step_experiments is E'@typeid exp\nA comparison of several ways to write a step. A step has one under way at most.';
comment on column outreach.step_experiments.hypothesis is 'What is expected.';
create unique index if not exists step_experiments_sequence_step_id_key
  on outreach.step_experiments (tenant_id, sequence_step_id) where status = 'running' and deleted_at is null;
create index if not exists step_experiments_sequence_step_id_idx on outreach.step_experiments (tenant_id, sequence_step_id, id);
select ddl.foreign_key('outreach.step_experiments', 'sequence_step_id', 'outreach.sequence_steps', 'cascade', p_index => false);
comment on constraint step_experiments_sequence_step_id_fkey on outreach.step_experiments is E'@foreignFieldName experiments\n@fieldName step';
select ddl.tenant_table('outreach.step_experiments', p_insert => '{sequence_step_id,name,hypothesis}', p_update => '{name,hypothesis,status}');
select ddl.state_machine('outreach.step_experiments', 'status',
  '{"draft": ["running"], "running": ["stopped", "decided"], "stopped": ["running", "decided"], "decided": []}', '{draft}');

create or replace function outreach.stamp_experiment() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.started_at := case when new.status = 'running' then coalesce(old.started_at, now()) else old.started_at end;
  new.ended_at := case when new.status in ('stopped', 'decided') then now() end;
  return new;
end
$$;
comment on function outreach.stamp_experiment() is 'Keeps the times that follow from the status of an experiment.';
select ddl.trigger('outreach.step_experiments', '_300_times',
  'before update for each row when (old.status is distinct from new.status) execute function outreach.stamp_experiment()');
--! EndIncluded outreach/step_experiments.sql
--! Included outreach/step_experiment_variants.sql
-- One of the ways that an experiment compares.
create table if not exists outreach.step_experiment_variants (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  step_experiment_id uuid not null,
  name text not null constraint step_experiment_variants_name_check check (length(btrim(name)) between 1 and 100),
  template_id uuid,
  prompt_id uuid,
  weight integer not null default 1 constraint step_experiment_variants_weight_check check (weight between 0 and 10000),
  is_winner boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint step_experiment_variants_pkey primary key (tenant_id, id),
  constraint step_experiment_variants_prompt_id_check check (template_id is null or prompt_id is null)
);
comment on table outreach.step_experiment_variants is E'@typeid expv\nOne of the ways that an experiment compares.';
comment on column outreach.step_experiment_variants.prompt_id is 'The prompt by which the message is written, instead of a template.';
comment on column outreach.step_experiment_variants.weight is 'How often it is given, relative to the others.';
comment on column outreach.step_experiment_variants.is_winner is 'Whether it has won; one variant of an experiment has at most. Said by chooseExperimentWinner.';
create unique index if not exists step_experiment_variants_name_key
  on outreach.step_experiment_variants (tenant_id, step_experiment_id, name) where deleted_at is null;
create unique index if not exists step_experiment_variants_is_winner_key
  on outreach.step_experiment_variants (tenant_id, step_experiment_id) where is_winner and deleted_at is null;
create index if not exists step_experiment_variants_step_experiment_id_idx on outreach.step_experiment_variants (tenant_id, step_experiment_id, id);
select ddl.foreign_key('outreach.step_experiment_variants', 'step_experiment_id', 'outreach.step_experiments', 'cascade', p_index => false);
select ddl.foreign_key('outreach.step_experiment_variants', 'template_id', 'outreach.templates', 'restrict');
select ddl.foreign_key('outreach.step_experiment_variants', 'prompt_id', 'outreach.prompts', 'restrict');
comment on constraint step_experiment_variants_step_experiment_id_fkey on outreach.step_experiment_variants is E'@nestedCreate\n@foreignFieldName variants\n@fieldName experiment';
select ddl.tenant_table('outreach.step_experiment_variants', p_insert => '{step_experiment_id,name,template_id,prompt_id,weight}',
  p_update => '{name,template_id,prompt_id,weight}');
--! EndIncluded outreach/step_experiment_variants.sql
--! Included outreach/guard_experiment.sql
-- What an experiment needs to begin and to end, and what of it stays when it has begun.
create or replace function outreach.guard_experiment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_count integer;
  v_silent text;
  v_winners integer;
begin
  select count(*) filter (where v.weight > 0), min(v.name) filter (where v.template_id is null and v.prompt_id is null), count(*) filter (where v.is_winner)
  into v_count, v_silent, v_winners
  from outreach.step_experiment_variants v where v.tenant_id = new.tenant_id and v.step_experiment_id = new.id and v.deleted_at is null;
  if new.status = 'running' and v_count < 2 then
    perform app.raise('INVALID_STATE', format('Experiment "%s" has %s of at least two variants with a weight. Add what there is to compare.', new.name, v_count), 'status');
  end if;
  if new.status = 'running' and v_silent is not null then
    perform app.raise('INVALID_STATE', format('Variant "%s" of experiment "%s" has neither template nor prompt. Give it one.', v_silent, new.name), 'status');
  end if;
  if new.status = 'decided' and v_winners = 0 then
    perform app.raise('INVALID_STATE', format('Experiment "%s" has no winner. Say which by chooseExperimentWinner.', new.name), 'status');
  end if;
  return new;
end
$$;
comment on function outreach.guard_experiment() is 'Sees that an experiment has what to compare when it begins, and a winner when it is decided.';
select ddl.trigger('outreach.step_experiments', '_200_variants',
  'before update of status for each row when (old.status is distinct from new.status) execute function outreach.guard_experiment()');

create or replace function outreach.guard_experiment_variant() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select t.name as template, t.channel, s.type into v_found
  from new_rows n
  join outreach.templates t on t.tenant_id = n.tenant_id and t.id = n.template_id
  join outreach.step_experiments e on e.tenant_id = n.tenant_id and e.id = n.step_experiment_id
  join outreach.sequence_steps s on s.tenant_id = e.tenant_id and s.id = e.sequence_step_id
  where not outreach.fits_step(s.type, t.channel) limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Template "%s" is for %s, and the step is of type %s.', v_found.template, v_found.channel, v_found.type), 'templateId');
  end if;
  if tg_op = 'INSERT' then
    select e.name, e.status into v_found
    from new_rows n join outreach.step_experiments e on e.tenant_id = n.tenant_id and e.id = n.step_experiment_id where e.status <> 'draft' limit 1;
  else
    select e.name, e.status into v_found
    from new_rows n join old_rows o on o.tenant_id = n.tenant_id and o.id = n.id
    join outreach.step_experiments e on e.tenant_id = n.tenant_id and e.id = n.step_experiment_id
    where e.status <> 'draft' and (n.template_id, n.prompt_id, n.deleted_at) is distinct from (o.template_id, o.prompt_id, o.deleted_at) limit 1;
  end if;
  if found then
    perform app.raise('INVALID_STATE', format('Experiment "%s" is %s: its variants stay what they are. Compare something else by another experiment.', v_found.name, v_found.status));
  end if;
  return null;
end
$$;
comment on function outreach.guard_experiment_variant() is 'Sees that variants go by the channel of the step, and stay what they are once their experiment began; weights may change.';
select ddl.trigger('outreach.step_experiment_variants', '_200_variant_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_experiment_variant()');
select ddl.trigger('outreach.step_experiment_variants', '_200_variant_on_update',
  'after update referencing old table as old_rows new table as new_rows for each statement execute function outreach.guard_experiment_variant()');
--! EndIncluded outreach/guard_experiment.sql
--! Included outreach/choose_experiment_winner.sql
create or replace function outreach.choose_experiment_winner(step_experiment_variant_id uuid) returns outreach.step_experiments
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_variant outreach.step_experiment_variants;
  v_experiment outreach.step_experiments;
begin
  perform app.require_scope('outreach:write');
  select * into v_variant from outreach.step_experiment_variants v
  where v.tenant_id = app.tenant_id() and v.id = choose_experiment_winner.step_experiment_variant_id and v.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no variant %s.', choose_experiment_winner.step_experiment_variant_id), 'stepExperimentVariantId');
  end if;
  select * into v_experiment from outreach.step_experiments e
  where e.tenant_id = v_variant.tenant_id and e.id = v_variant.step_experiment_id for update;
  if v_experiment.status not in ('running', 'stopped') then
    perform app.raise('INVALID_STATE', format('Experiment "%s" %s.', v_experiment.name,
      case v_experiment.status when 'draft' then 'has not begun: there is nothing to decide yet' else 'has its winner already' end), 'stepExperimentVariantId');
  end if;
  update outreach.step_experiment_variants v set is_winner = true where v.tenant_id = v_variant.tenant_id and v.id = v_variant.id;
  update outreach.step_experiments e set status = 'decided' where e.tenant_id = v_experiment.tenant_id and e.id = v_experiment.id
  returning * into v_experiment;
  return v_experiment;
end
$$;
comment on function outreach.choose_experiment_winner(uuid) is 'Ends an experiment: the variant has won, and whoever comes to the step from now on gets it.';
grant execute on function outreach.choose_experiment_winner(uuid) to rowhouse_manager;
--! EndIncluded outreach/choose_experiment_winner.sql
--! Included outreach/enrollment_variant_assignments.sql
-- Which variant an enrolled contact was given: it stays with them.
create table if not exists outreach.enrollment_variant_assignments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_enrollment_id uuid not null,
  step_experiment_id uuid not null,
  step_experiment_variant_id uuid not null,
  assigned_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint enrollment_variant_assignments_pkey primary key (tenant_id, id)
);
comment on table outreach.enrollment_variant_assignments is E'@typeid eva\nWhich variant of an experiment an enrolled contact was given. It never changes.';
create unique index if not exists enrollment_variant_assignments_enrollment_experiment_key
  on outreach.enrollment_variant_assignments (tenant_id, sequence_enrollment_id, step_experiment_id);
select ddl.foreign_key('outreach.enrollment_variant_assignments', 'sequence_enrollment_id', 'outreach.sequence_enrollments', 'cascade', p_index => false);
select ddl.foreign_key('outreach.enrollment_variant_assignments', 'step_experiment_id', 'outreach.step_experiments', 'cascade');
select ddl.foreign_key('outreach.enrollment_variant_assignments', 'step_experiment_variant_id', 'outreach.step_experiment_variants', 'cascade');
comment on column outreach.enrollment_variant_assignments.step_experiment_id is 'The experiment of the variant; taken from it by the database.';
comment on constraint enrollment_variant_assignments_sequence_enrollment_id_fkey on outreach.enrollment_variant_assignments is E'@foreignFieldName variantAssignments\n@fieldName enrollment';
comment on constraint enrollment_variant_assignments_step_experiment_id_fkey on outreach.enrollment_variant_assignments is E'@foreignFieldName assignments\n@fieldName experiment';
comment on constraint enrollment_variant_assignments_step_experiment_variant_id_fkey on outreach.enrollment_variant_assignments is E'@foreignFieldName assignments\n@fieldName variant';
select ddl.append_only('outreach.enrollment_variant_assignments');

create or replace function outreach.derive_assignment_experiment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- The key of the table needs the experiment; it is never anything but the variant's.
  -- A variant that is not there is refused by the reference.
  new.step_experiment_id := coalesce((select v.step_experiment_id from outreach.step_experiment_variants v
    where v.tenant_id = new.tenant_id and v.id = new.step_experiment_variant_id), new.step_experiment_id);
  return new;
end
$$;
comment on function outreach.derive_assignment_experiment() is 'Takes the experiment of an assignment from its variant.';
select ddl.trigger('outreach.enrollment_variant_assignments', '_300_experiment',
  'before insert for each row execute function outreach.derive_assignment_experiment()');

create or replace function outreach.guard_assignment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select x.name, n.sequence_enrollment_id into v_found
  from new_rows n
  join outreach.sequence_enrollments e on e.tenant_id = n.tenant_id and e.id = n.sequence_enrollment_id
  join outreach.step_experiments x on x.tenant_id = n.tenant_id and x.id = n.step_experiment_id
  join outreach.sequence_steps s on s.tenant_id = x.tenant_id and s.id = x.sequence_step_id
  where s.sequence_id <> e.sequence_id limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Experiment "%s" is not about a step of the sequence of enrollment %s.', v_found.name, v_found.sequence_enrollment_id),
      'stepExperimentVariantId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_assignment() is 'Sees that a variant is given to people of the experiment''s sequence.';
select ddl.trigger('outreach.enrollment_variant_assignments', '_200_sequence',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_assignment()');
--! EndIncluded outreach/enrollment_variant_assignments.sql
--! Included outreach/tasks.sql
-- An intention to act. What was really sent is a message.
create table if not exists outreach.tasks (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  kind outreach.task_kind not null default 'other',
  title text not null constraint tasks_title_check check (length(btrim(title)) between 1 and 500),
  description text constraint tasks_description_check check (length(description) <= 20000),
  status outreach.task_status not null default 'open',
  contact_id uuid,
  lead_id uuid,
  company_id uuid,
  campaign_id uuid,
  sequence_enrollment_id uuid,
  sequence_step_id uuid,
  message_id uuid,
  assigned_to uuid,
  created_by uuid default app.actor_id(),
  due_at timestamptz,
  completed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint tasks_pkey primary key (tenant_id, id),
  constraint tasks_completed_at_check check ((status in ('done', 'cancelled')) = (completed_at is not null))
);
comment on table outreach.tasks is E'@typeid task\nSomething that somebody means to do.';
comment on column outreach.tasks.title is 'What is to be done.';
comment on column outreach.tasks.message_id is 'The message that came of it.';
comment on column outreach.tasks.assigned_to is 'Actor who is to do it.';
comment on column outreach.tasks.created_by is 'Actor who made it.';
create index if not exists tasks_status_idx on outreach.tasks (tenant_id, status, due_at, id);
create index if not exists tasks_assigned_to_idx on outreach.tasks (tenant_id, assigned_to, status, due_at);
create index if not exists tasks_created_at_idx on outreach.tasks (tenant_id, created_at);
select ddl.foreign_key('outreach.tasks', 'contact_id', 'crm.contacts', 'cascade');
select ddl.foreign_key('outreach.tasks', 'lead_id', 'crm.leads', 'cascade');
select ddl.foreign_key('outreach.tasks', 'company_id', 'crm.companies', 'cascade');
select ddl.foreign_key('outreach.tasks', 'campaign_id', 'outreach.campaigns', 'set null');
select ddl.foreign_key('outreach.tasks', 'sequence_enrollment_id', 'outreach.sequence_enrollments', 'set null');
select ddl.foreign_key('outreach.tasks', 'sequence_step_id', 'outreach.sequence_steps', 'set null');
select ddl.foreign_key('outreach.tasks', 'message_id', 'outreach.messages', 'set null');
select ddl.foreign_key('outreach.tasks', 'assigned_to', 'iam.actors', 'set null', p_index => false);
select ddl.foreign_key('outreach.tasks', 'created_by', 'iam.actors', 'set null');
comment on constraint tasks_sequence_enrollment_id_fkey on outreach.tasks is E'@fieldName enrollment';
comment on constraint tasks_sequence_step_id_fkey on outreach.tasks is E'@fieldName step';
comment on constraint tasks_assigned_to_fkey on outreach.tasks is E'@foreignFieldName assignedTasks';
select ddl.tenant_table('outreach.tasks', p_insert => '{kind,title,description,contact_id,lead_id,company_id,campaign_id,sequence_enrollment_id,assigned_to,due_at}',
  p_update => '{kind,title,description,status,contact_id,lead_id,company_id,campaign_id,assigned_to,due_at}');
select ddl.state_machine('outreach.tasks', 'status',
  '{"open": ["in_progress", "done", "cancelled"], "in_progress": ["open", "done", "cancelled"], "done": ["open"], "cancelled": ["open"]}', '{open}');

create or replace function outreach.stamp_task() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.completed_at := case when new.status in ('done', 'cancelled') then coalesce(new.completed_at, now()) end;
  return new;
end
$$;
comment on function outreach.stamp_task() is 'Keeps the time that follows from the status of a task.';
select ddl.trigger('outreach.tasks', '_300_times',
  'before update for each row when (old.status is distinct from new.status) execute function outreach.stamp_task()');

-- A person's work is theirs. The row is in sight of everybody, so the refusal says why, instead of finding nothing.
create or replace function outreach.guard_task_owner() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('FORBIDDEN', format('Task %s is somebody else''s. Members change tasks that they made, that are assigned to them or to nobody; ask a manager.', old.id));
  return null;
end
$$;
comment on function outreach.guard_task_owner() is 'Keeps members from changing the tasks of others.';
select ddl.trigger('outreach.tasks', '_200_owner', $$before update for each row
  when (current_user in ('rowhouse_member', 'rowhouse_member_scoped') and old.assigned_to is not null and old.assigned_to is distinct from app.actor_id()
    and old.created_by is distinct from app.actor_id()) execute function outreach.guard_task_owner()$$);
select ddl.masked('outreach.tasks', '{"title": "text", "description": "text"}');
--! EndIncluded outreach/tasks.sql
--! Included outreach/attempt_logs.sql
-- Every attempt to reach a lead, or of a lead to reach us. What became of it later is a row of its own.
create table if not exists outreach.attempt_logs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  lead_id uuid not null,
  contact_id uuid,
  campaign_id uuid,
  campaign_context crm.lead_campaign_status not null,
  attempt_number integer not null constraint attempt_logs_attempt_number_check check (attempt_number >= 1),
  channel crm.channel not null,
  direction outreach.attempt_direction not null default 'outbound',
  template_version_id uuid,
  message_id uuid,
  message_artifact_id uuid,
  pipeline_run_id uuid,
  correlation_id uuid,
  attempted_by uuid default app.actor_id(),
  attempted_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint attempt_logs_pkey primary key (tenant_id, id)
);
comment on table outreach.attempt_logs is E'@typeid atm\nAn attempt to reach a lead, or of a lead to reach us. It never changes; what became of it is in its outcomes.';
comment on column outreach.attempt_logs.campaign_context is 'Where the lead stood in campaigns.';
comment on column outreach.attempt_logs.attempt_number is 'Which attempt on this lead it is, from 1; given by the database.';
comment on column outreach.attempt_logs.template_version_id is 'What the message was rendered from.';
comment on column outreach.attempt_logs.message_artifact_id is 'Artifact that holds the message as it was handed over.';
comment on column outreach.attempt_logs.correlation_id is 'Joins everything that one cause brought about.';
comment on column outreach.attempt_logs.attempted_by is 'Actor who made it.';
create unique index if not exists attempt_logs_lead_id_attempt_number_key on outreach.attempt_logs (tenant_id, lead_id, attempt_number);
create index if not exists attempt_logs_channel_idx on outreach.attempt_logs (tenant_id, channel, attempted_at);
create index if not exists attempt_logs_attempted_at_idx on outreach.attempt_logs (tenant_id, attempted_at);
create index if not exists attempt_logs_correlation_id_idx on outreach.attempt_logs (tenant_id, correlation_id) where correlation_id is not null;
select ddl.foreign_key('outreach.attempt_logs', 'lead_id', 'crm.leads', 'cascade', p_index => false);
select ddl.foreign_key('outreach.attempt_logs', 'contact_id', 'crm.contacts', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'campaign_id', 'outreach.campaigns', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'template_version_id', 'outreach.template_versions', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'message_id', 'outreach.messages', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'message_artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'pipeline_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'attempted_by', 'iam.actors', 'set null');
comment on constraint attempt_logs_lead_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_contact_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_campaign_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_message_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_template_version_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_pipeline_run_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_message_artifact_id_fkey on outreach.attempt_logs is E'@foreignFieldName messageAttempts';
comment on constraint attempt_logs_attempted_by_fkey on outreach.attempt_logs is E'@foreignFieldName madeAttempts';
select ddl.append_only('outreach.attempt_logs',
  p_insert => '{lead_id,contact_id,campaign_id,campaign_context,channel,direction,template_version_id,message_id,correlation_id,attempted_at}');
--! EndIncluded outreach/attempt_logs.sql
--! Included outreach/number_attempts.sql
create or replace function outreach.number_attempt() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- Two attempts on a lead at once take turns. The rows that this statement wrote before are seen here.
  perform from crm.leads l where l.tenant_id = new.tenant_id and l.id = new.lead_id for no key update;
  select coalesce(max(a.attempt_number), 0) + 1 into new.attempt_number
  from outreach.attempt_logs a where a.tenant_id = new.tenant_id and a.lead_id = new.lead_id;
  return new;
end
$$;
comment on function outreach.number_attempt() is 'Numbers the attempts on a lead, one after the other.';
select ddl.trigger('outreach.attempt_logs', '_300_number', 'before insert for each row execute function outreach.number_attempt()');

create or replace function outreach.note_attempts() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update crm.leads l
  set attempt_count = l.attempt_count + a.n, last_attempt_at = greatest(l.last_attempt_at, a.outbound_at), last_response_at = greatest(l.last_response_at, a.inbound_at)
  from (select n.tenant_id, n.lead_id, count(*) as n, max(n.attempted_at) filter (where n.direction = 'outbound') as outbound_at,
      max(n.attempted_at) filter (where n.direction = 'inbound') as inbound_at from new_rows n group by 1, 2) a
  where l.tenant_id = a.tenant_id and l.id = a.lead_id;
  return null;
end
$$;
comment on function outreach.note_attempts() is 'Keeps attempt_count, last_attempt_at and last_response_at of leads: one update per statement.';
select ddl.trigger('outreach.attempt_logs', '_310_lead',
  'after insert referencing new table as new_rows for each statement execute function outreach.note_attempts()');
select ddl.recount('crm.leads', '{id}', '{attempt_count}', $$
  select tenant_id, lead_id as id, count(*) as attempt_count from outreach.attempt_logs group by 1, 2$$, 'attempt_count');
--! EndIncluded outreach/number_attempts.sql
--! Included outreach/attempt_outcomes.sql
-- What became of an attempt, one row a time.
create table if not exists outreach.attempt_outcomes (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  attempt_log_id uuid not null,
  status outreach.attempt_status not null constraint attempt_outcomes_status_check check (status <> 'queued'),
  response_type outreach.response_type,
  response_artifact_id uuid,
  occurred_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint attempt_outcomes_pkey primary key (tenant_id, id),
  constraint attempt_outcomes_response_type_check check (response_type is null or status = 'responded')
);
comment on table outreach.attempt_outcomes is E'@typeid atmo\nWhat became of an attempt at a time. The latest one says how the attempt stands.';
comment on column outreach.attempt_outcomes.response_type is 'What the answer says, of an outcome that is one.';
comment on column outreach.attempt_outcomes.response_artifact_id is 'Artifact that holds the answer.';
create index if not exists attempt_outcomes_attempt_log_id_idx on outreach.attempt_outcomes (tenant_id, attempt_log_id, occurred_at, id);
create index if not exists attempt_outcomes_status_idx on outreach.attempt_outcomes (tenant_id, status, occurred_at);
select ddl.foreign_key('outreach.attempt_outcomes', 'attempt_log_id', 'outreach.attempt_logs', 'cascade', p_index => false);
select ddl.foreign_key('outreach.attempt_outcomes', 'response_artifact_id', 'pipeline.artifacts', 'set null');
comment on constraint attempt_outcomes_attempt_log_id_fkey on outreach.attempt_outcomes is E'@foreignFieldName outcomes\n@fieldName attempt';
comment on constraint attempt_outcomes_response_artifact_id_fkey on outreach.attempt_outcomes is '@foreignFieldName attemptOutcomes';
select ddl.append_only('outreach.attempt_outcomes', p_insert => '{attempt_log_id,status,response_type,occurred_at}');

create or replace function outreach.note_response() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_leads uuid[];
  v_last jsonb;
begin
  -- By look-ups alone: joined, a tenant that the statistics do not know yet made a bulk insert quadratic.
  select array_agg(r.lead_id), jsonb_object_agg(r.lead_id, r.at) into v_leads, v_last
  from (
    select o.lead_id, max(o.occurred_at) as at
    from (
      select n.occurred_at, (select a.lead_id from outreach.attempt_logs a where a.tenant_id = n.tenant_id and a.id = n.attempt_log_id) as lead_id
      from new_rows n where n.status = 'responded'
    ) o
    where o.lead_id is not null group by o.lead_id
  ) r;
  if v_leads is not null then
    update crm.leads l set last_response_at = greatest(l.last_response_at, (v_last ->> l.id::text)::timestamptz)
    where l.tenant_id = app.tenant_id() and l.id = any (v_leads);
  end if;
  return null;
end
$$;
comment on function outreach.note_response() is 'Keeps last_response_at of leads: one update per statement.';
select ddl.trigger('outreach.attempt_outcomes', '_300_response',
  'after insert referencing new table as new_rows for each statement execute function outreach.note_response()');
--! EndIncluded outreach/attempt_outcomes.sql
--! Included outreach/attempt_standing.sql
-- How an attempt stands, told by its outcomes whenever it is asked: rows that never change have nothing to keep up to date.
create or replace function outreach.attempt_logs_status(attempt outreach.attempt_logs) returns outreach.attempt_status
language sql stable set search_path to pg_catalog
return coalesce((select o.status from outreach.attempt_outcomes o
  where o.tenant_id = attempt.tenant_id and o.attempt_log_id = attempt.id order by o.occurred_at desc, o.id desc limit 1), 'queued')::outreach.attempt_status;
comment on function outreach.attempt_logs_status(outreach.attempt_logs) is 'How the attempt stands: its latest outcome.';
grant execute on function outreach.attempt_logs_status(outreach.attempt_logs) to rowhouse_viewer;

create or replace function outreach.attempt_logs_delivered_at(attempt outreach.attempt_logs) returns timestamptz
language sql stable set search_path to pg_catalog
return (select min(o.occurred_at) from outreach.attempt_outcomes o
  where o.tenant_id = attempt.tenant_id and o.attempt_log_id = attempt.id and o.status = 'delivered');
comment on function outreach.attempt_logs_delivered_at(outreach.attempt_logs) is 'When it arrived.';
grant execute on function outreach.attempt_logs_delivered_at(outreach.attempt_logs) to rowhouse_viewer;

create or replace function outreach.attempt_logs_responded_at(attempt outreach.attempt_logs) returns timestamptz
language sql stable set search_path to pg_catalog
return (select min(o.occurred_at) from outreach.attempt_outcomes o
  where o.tenant_id = attempt.tenant_id and o.attempt_log_id = attempt.id and o.status = 'responded');
comment on function outreach.attempt_logs_responded_at(outreach.attempt_logs) is 'When it was first answered.';
grant execute on function outreach.attempt_logs_responded_at(outreach.attempt_logs) to rowhouse_viewer;

create or replace function outreach.attempt_logs_response_type(attempt outreach.attempt_logs) returns outreach.response_type
language sql stable set search_path to pg_catalog
return (select o.response_type from outreach.attempt_outcomes o
  where o.tenant_id = attempt.tenant_id and o.attempt_log_id = attempt.id and o.response_type is not null order by o.occurred_at desc, o.id desc limit 1);
comment on function outreach.attempt_logs_response_type(outreach.attempt_logs) is 'What the latest answer says.';
grant execute on function outreach.attempt_logs_response_type(outreach.attempt_logs) to rowhouse_viewer;
--! EndIncluded outreach/attempt_standing.sql
--! Included outreach/messages_origins.sql
-- What sent a message: enrollments and runs are defined after messages.
select ddl.foreign_key('outreach.messages', 'sequence_enrollment_id', 'outreach.sequence_enrollments', 'set null');
select ddl.foreign_key('outreach.messages', 'workflow_run_id', 'outreach.workflow_runs', 'set null');
--! EndIncluded outreach/messages_origins.sql
--! EndIncluded outreach/automation.sql
--! EndIncluded outreach/index.sql
--! Included inbox/index.sql
-- Conversations with people, and who answers them.
create schema if not exists inbox;
comment on schema inbox is 'Conversations with people, and who answers them.';
grant usage on schema inbox to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--! Included inbox/types.sql
select ddl.enum('inbox.thread_status', '{
  "open": "Waits for us.", "pending": "Waits for the contact.", "snoozed": "Comes back at a set time.", "closed": "Is done."
}', 'Where a conversation stands.');
select ddl.enum('inbox.thread_priority', '{
  "low": "Can wait.", "normal": "As it comes.", "high": "Goes first.", "urgent": "Goes before everything."
}', 'How urgent a conversation is.');
select ddl.enum('inbox.message_direction', '{"inbound": "From the contact.", "outbound": "From us.", "internal": "A note that the contact does not see."}', 'Which way a message goes.');
select ddl.enum('inbox.sla_kind', '{"first_response": "Until the first answer.", "resolution": "Until the conversation is closed."}', 'What a service-level clock measures.');
select ddl.enum('inbox.sla_clock_status', '{
  "running": "It runs.", "paused": "It stands still while we wait for the contact.", "met": "It was stopped in time.", "breached": "It ran out."
}', 'Where a service-level clock stands.');
--! EndIncluded inbox/types.sql
--! Included inbox/inbox_sla_policies.sql
-- How soon conversations are to be answered and closed.
create table if not exists inbox.inbox_sla_policies (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint inbox_sla_policies_name_check check (length(btrim(name)) between 1 and 200),
  priority inbox.thread_priority not null default 'normal',
  first_response_minutes integer not null constraint inbox_sla_policies_first_response_minutes_check check (first_response_minutes between 1 and 525600),
  resolution_minutes integer not null constraint inbox_sla_policies_resolution_minutes_check check (resolution_minutes between 1 and 525600),
  business_hours jsonb not null default '{}' constraint inbox_sla_policies_business_hours_check check (jsonb_typeof(business_hours) = 'object'),
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint inbox_sla_policies_pkey primary key (tenant_id, id),
  constraint inbox_sla_policies_minutes_check check (resolution_minutes >= first_response_minutes)
);
comment on table inbox.inbox_sla_policies is E'@typeid sla\nHow soon conversations of a priority are to be answered and closed.';
comment on column inbox.inbox_sla_policies.first_response_minutes is 'Minutes until the first answer.';
comment on column inbox.inbox_sla_policies.resolution_minutes is 'Minutes until the conversation is closed.';
comment on column inbox.inbox_sla_policies.business_hours is 'When the clock runs: weekday to [from, to], such as {"mon": ["09:00", "17:00"]}; empty means always.';
comment on column inbox.inbox_sla_policies.is_active is 'Whether new conversations follow it.';
create unique index if not exists inbox_sla_policies_name_key on inbox.inbox_sla_policies (tenant_id, name) where deleted_at is null;
create unique index if not exists inbox_sla_policies_priority_key on inbox.inbox_sla_policies (tenant_id, priority) where is_active and deleted_at is null;
select ddl.tenant_table('inbox.inbox_sla_policies', p_insert => '{name,priority,first_response_minutes,resolution_minutes,business_hours,is_active}',
  p_update => '{name,priority,first_response_minutes,resolution_minutes,business_hours,is_active}', p_write_role => 'rowhouse_manager');
--! EndIncluded inbox/inbox_sla_policies.sql
--! Included inbox/inbox_threads.sql
-- A conversation with a contact through one channel.
create table if not exists inbox.inbox_threads (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  lead_id uuid,
  channel crm.channel not null,
  subject text constraint inbox_threads_subject_check check (length(subject) <= 500),
  status inbox.thread_status not null default 'open',
  priority inbox.thread_priority not null default 'normal',
  assigned_to uuid,
  sla_policy_id uuid,
  message_count bigint not null default 0,
  unread_count bigint not null default 0,
  last_message_at timestamptz,
  snoozed_until timestamptz,
  closed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint inbox_threads_pkey primary key (tenant_id, id),
  constraint inbox_threads_snoozed_until_check check ((status = 'snoozed') = (snoozed_until is not null)),
  constraint inbox_threads_message_count_check check (message_count >= 0 and unread_count between 0 and message_count)
);
comment on table inbox.inbox_threads is E'@typeid thread\nA conversation with a contact through one channel.';
comment on column inbox.inbox_threads.subject is 'What it is about.';
comment on column inbox.inbox_threads.assigned_to is 'Actor who answers it; changed by assignThread.';
comment on column inbox.inbox_threads.message_count is 'How many messages it has.';
comment on column inbox.inbox_threads.unread_count is 'How many messages of the contact nobody has read.';
comment on column inbox.inbox_threads.snoozed_until is 'When a snoozed conversation comes back.';
create index if not exists inbox_threads_contact_id_idx on inbox.inbox_threads (tenant_id, contact_id, status, id);
create index if not exists inbox_threads_status_idx on inbox.inbox_threads (tenant_id, status, last_message_at, id);
create index if not exists inbox_threads_assigned_to_idx on inbox.inbox_threads (tenant_id, assigned_to, status, last_message_at);
create index if not exists inbox_threads_snoozed_until_idx on inbox.inbox_threads (tenant_id, snoozed_until) where snoozed_until is not null;
create index if not exists inbox_threads_created_at_idx on inbox.inbox_threads (tenant_id, created_at);
select ddl.foreign_key('inbox.inbox_threads', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('inbox.inbox_threads', 'lead_id', 'crm.leads', 'set null');
select ddl.foreign_key('inbox.inbox_threads', 'assigned_to', 'iam.actors', 'set null', p_index => false);
select ddl.foreign_key('inbox.inbox_threads', 'sla_policy_id', 'inbox.inbox_sla_policies', 'set null');
comment on constraint inbox_threads_sla_policy_id_fkey on inbox.inbox_threads is '@foreignFieldName threads';
select ddl.tenant_table('inbox.inbox_threads', p_insert => '{contact_id,lead_id,channel,subject,priority}',
  p_update => '{lead_id,subject,status,priority,snoozed_until}');
select ddl.state_machine('inbox.inbox_threads', 'status',
  '{"open": ["pending", "snoozed", "closed"], "pending": ["open", "snoozed", "closed"], "snoozed": ["open", "pending", "closed"], "closed": ["open"]}',
  '{open,pending}');

create or replace function inbox.stamp_thread() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.closed_at := case when new.status = 'closed' then now() end;
  -- Whoever takes a conversation out of its snooze need not name the time again.
  if old.status = 'snoozed' and new.status <> 'snoozed' then
    new.snoozed_until := null;
  end if;
  return new;
end
$$;
comment on function inbox.stamp_thread() is 'Keeps the times that follow from the status of a conversation.';
select ddl.trigger('inbox.inbox_threads', '_300_times',
  'before update for each row when (old.status is distinct from new.status) execute function inbox.stamp_thread()');
select ddl.masked('inbox.inbox_threads', '{"subject": "text"}');
--! EndIncluded inbox/inbox_threads.sql
--! Included inbox/inbox_messages.sql
-- What was said in a conversation.
create table if not exists inbox.inbox_messages (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  thread_id uuid not null,
  direction inbox.message_direction not null,
  channel crm.channel not null,
  subject text constraint inbox_messages_subject_check check (length(subject) <= 500),
  body text not null constraint inbox_messages_body_check check (length(body) <= 500000),
  body_html text constraint inbox_messages_body_html_check check (length(body_html) <= 2000000),
  attachments jsonb not null default '[]' constraint inbox_messages_attachments_check check (jsonb_typeof(attachments) = 'array'),
  external_id text constraint inbox_messages_external_id_check check (length(external_id) between 1 and 1000),
  sender_address text constraint inbox_messages_sender_address_check check (length(sender_address) <= 500),
  sent_by uuid default app.actor_id(),
  message_id uuid,
  sent_at timestamptz not null default now(),
  read_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint inbox_messages_pkey primary key (tenant_id, id),
  constraint inbox_messages_sent_by_check check (direction <> 'inbound' or sent_by is null)
);
comment on table inbox.inbox_messages is E'@typeid imsg\nA message of a conversation.';
comment on column inbox.inbox_messages.subject is 'Subject line, where the channel has one.';
comment on column inbox.inbox_messages.body is 'What it says, plain text.';
comment on column inbox.inbox_messages.body_html is 'What it says, as HTML; not cleaned.';
comment on column inbox.inbox_messages.attachments is 'Files that came with it: an array of {fileName, contentType, byteCount, artifactId}.';
comment on column inbox.inbox_messages.external_id is 'Id at the provider; unique within the tenant and channel.';
comment on column inbox.inbox_messages.sender_address is 'Address or number it came from.';
comment on column inbox.inbox_messages.sent_by is 'Actor who wrote it; none when the contact did.';
comment on column inbox.inbox_messages.message_id is 'The message that was sent out for it.';
create unique index if not exists inbox_messages_external_id_key on inbox.inbox_messages (tenant_id, channel, external_id) where deleted_at is null;
create index if not exists inbox_messages_thread_id_idx on inbox.inbox_messages (tenant_id, thread_id, sent_at, id);
create index if not exists inbox_messages_sent_at_idx on inbox.inbox_messages (tenant_id, sent_at);
select ddl.foreign_key('inbox.inbox_messages', 'thread_id', 'inbox.inbox_threads', 'cascade', p_index => false);
select ddl.foreign_key('inbox.inbox_messages', 'sent_by', 'iam.actors', 'set null');
comment on constraint inbox_messages_thread_id_fkey on inbox.inbox_messages is E'@foreignFieldName messages\n@fieldName thread';
select ddl.tenant_table('inbox.inbox_messages', p_insert => '{thread_id,direction,channel,subject,body,body_html,attachments,external_id,sender_address,sent_at}',
  p_update => '{read_at}');
select ddl.masked('inbox.inbox_messages', '{"subject": "text", "body": "text", "body_html": "text", "attachments": "json", "external_id": "text", "sender_address": "contact"}');
--! EndIncluded inbox/inbox_messages.sql
--! Included inbox/stamp_author.sql
create or replace function inbox.stamp_author() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.sent_by := null;
  return new;
end
$$;
comment on function inbox.stamp_author() is 'A message of the contact has no author of ours, whoever is signed in as it is written down.';
select ddl.trigger('inbox.inbox_messages', '_300_author',
  $$before insert for each row when (new.direction = 'inbound' and new.sent_by is not null) execute function inbox.stamp_author()$$);
--! EndIncluded inbox/stamp_author.sql
--! Included inbox/inbox_messages_message.sql
-- A message of a conversation that went out is a message of outreach, too.
select ddl.foreign_key('inbox.inbox_messages', 'message_id', 'outreach.messages', 'set null');
--! EndIncluded inbox/inbox_messages_message.sql
--! Included inbox/inbox_messages_search.sql
select ddl.searchable('inbox.inbox_messages',
  $$setweight(app.search_words(subject), 'A') || setweight(app.search_words(body), 'B') || setweight(app.search_words(sender_address), 'C')$$,
  $$app.fold(left(coalesce(subject, '') || ' ' || coalesce(sender_address, ''), 1000))$$,
  '{subject,body,sender_address}');
--! EndIncluded inbox/inbox_messages_search.sql
--! Included inbox/count_thread_messages.sql
create or replace function inbox.count_thread_messages() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_threads uuid[];
begin
  if tg_op = 'INSERT' then
    v_threads := array(select distinct thread_id from new_rows);
  elsif tg_op = 'DELETE' then
    v_threads := array(select distinct thread_id from old_rows);
  else
    v_threads := array(select thread_id from new_rows union select thread_id from old_rows);
  end if;
  -- In the order of their ids, so that two statements on the same threads do not wait for each other in a circle.
  perform from inbox.inbox_threads t where t.tenant_id = app.tenant_id() and t.id = any (v_threads) order by t.id for no key update;
  update inbox.inbox_threads t
  set message_count = c.messages, unread_count = c.unread, last_message_at = c.latest
  from (
    select h.id, count(m.id) as messages,
      count(m.id) filter (where m.direction = 'inbound' and m.read_at is null) as unread, max(m.sent_at) as latest
    from unnest(v_threads) h (id)
    left join inbox.inbox_messages m on m.tenant_id = app.tenant_id() and m.thread_id = h.id and m.deleted_at is null
    group by h.id
  ) c
  where t.tenant_id = app.tenant_id() and t.id = c.id
    and (t.message_count, t.unread_count, t.last_message_at) is distinct from (c.messages, c.unread, c.latest);
  return null;
end
$$;
comment on function inbox.count_thread_messages() is
  'Keeps message_count, unread_count and last_message_at of conversations: one update per statement.';
select ddl.trigger('inbox.inbox_messages', '_300_count_on_insert',
  'after insert referencing new table as new_rows for each statement execute function inbox.count_thread_messages()');
select ddl.trigger('inbox.inbox_messages', '_300_count_on_update',
  'after update referencing old table as old_rows new table as new_rows for each statement execute function inbox.count_thread_messages()');
select ddl.trigger('inbox.inbox_messages', '_300_count_on_delete',
  'after delete referencing old table as old_rows for each statement execute function inbox.count_thread_messages()');
select ddl.recount('inbox.inbox_threads', '{id}', '{message_count,unread_count}', $$
  select tenant_id, thread_id as id, count(*) as message_count, count(*) filter (where direction = 'inbound' and read_at is null) as unread_count
  from inbox.inbox_messages where deleted_at is null group by 1, 2$$);
--! EndIncluded inbox/count_thread_messages.sql
--! Included inbox/inbox_assignments.sql
-- Who had to answer a conversation, and since when: the present one and the earlier ones.
create table if not exists inbox.inbox_assignments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  thread_id uuid not null,
  assigned_to uuid not null,
  assigned_by uuid default app.actor_id(),
  note text constraint inbox_assignments_note_check check (length(note) <= 2000),
  assigned_at timestamptz not null default now(),
  unassigned_at timestamptz constraint inbox_assignments_unassigned_at_check check (unassigned_at >= assigned_at),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint inbox_assignments_pkey primary key (tenant_id, id)
);
comment on table inbox.inbox_assignments is E'@typeid assign\nThat a conversation was given to somebody. Without an end it is the present one.';
comment on column inbox.inbox_assignments.assigned_to is 'Actor who has to answer.';
comment on column inbox.inbox_assignments.assigned_by is 'Actor who decided it.';
comment on column inbox.inbox_assignments.note is 'A word to the one who has to answer.';
create unique index if not exists inbox_assignments_thread_id_key on inbox.inbox_assignments (tenant_id, thread_id) where unassigned_at is null;
create index if not exists inbox_assignments_thread_id_idx on inbox.inbox_assignments (tenant_id, thread_id, assigned_at);
create index if not exists inbox_assignments_assigned_to_idx on inbox.inbox_assignments (tenant_id, assigned_to, assigned_at);
select ddl.foreign_key('inbox.inbox_assignments', 'thread_id', 'inbox.inbox_threads', 'cascade', p_index => false);
select ddl.foreign_key('inbox.inbox_assignments', 'assigned_to', 'iam.actors', 'cascade', p_index => false);
select ddl.foreign_key('inbox.inbox_assignments', 'assigned_by', 'iam.actors', 'set null');
comment on constraint inbox_assignments_thread_id_fkey on inbox.inbox_assignments is E'@foreignFieldName assignments\n@fieldName thread';
comment on constraint inbox_assignments_assigned_to_fkey on inbox.inbox_assignments is '@foreignFieldName inboxAssignments';
comment on constraint inbox_assignments_assigned_by_fkey on inbox.inbox_assignments is '@foreignFieldName madeInboxAssignments';
select ddl.tenant_table('inbox.inbox_assignments');
select ddl.masked('inbox.inbox_assignments', '{"note": "text"}');
--! EndIncluded inbox/inbox_assignments.sql
--! Included inbox/inbox_sla_clocks.sql
-- The clocks that run on a conversation.
create table if not exists inbox.inbox_sla_clocks (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  thread_id uuid not null,
  sla_policy_id uuid,
  kind inbox.sla_kind not null,
  status inbox.sla_clock_status not null default 'running',
  due_at timestamptz not null,
  started_at timestamptz not null default now(),
  paused_at timestamptz,
  paused_seconds bigint not null default 0 constraint inbox_sla_clocks_paused_seconds_check check (paused_seconds >= 0),
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint inbox_sla_clocks_pkey primary key (tenant_id, id),
  constraint inbox_sla_clocks_paused_at_check check ((status = 'paused') = (paused_at is not null)),
  constraint inbox_sla_clocks_ended_at_check check ((status in ('met', 'breached')) = (ended_at is not null))
);
comment on table inbox.inbox_sla_clocks is E'@typeid clock\nA clock that runs on a conversation until it is answered or closed. One of a kind is open at a time.';
comment on column inbox.inbox_sla_clocks.paused_seconds is 'How long it has stood still.';
create unique index if not exists inbox_sla_clocks_thread_id_kind_key on inbox.inbox_sla_clocks (tenant_id, thread_id, kind) where status in ('running', 'paused');
create index if not exists inbox_sla_clocks_thread_id_idx on inbox.inbox_sla_clocks (tenant_id, thread_id, id);
create index if not exists inbox_sla_clocks_due_at_idx on inbox.inbox_sla_clocks (tenant_id, status, due_at);
select ddl.foreign_key('inbox.inbox_sla_clocks', 'thread_id', 'inbox.inbox_threads', 'cascade', p_index => false);
select ddl.foreign_key('inbox.inbox_sla_clocks', 'sla_policy_id', 'inbox.inbox_sla_policies', 'set null');
comment on constraint inbox_sla_clocks_thread_id_fkey on inbox.inbox_sla_clocks is E'@foreignFieldName slaClocks\n@fieldName thread';
comment on constraint inbox_sla_clocks_sla_policy_id_fkey on inbox.inbox_sla_clocks is '@foreignFieldName clocks';
select ddl.tenant_table('inbox.inbox_sla_clocks');
select ddl.state_machine('inbox.inbox_sla_clocks', 'status',
  '{"running": ["paused", "met", "breached"], "paused": ["running", "met", "breached"], "met": [], "breached": []}', '{running}');
--! EndIncluded inbox/inbox_sla_clocks.sql
--! Included inbox/inbox_canned_responses.sql
-- Answers that are written once and used often.
create table if not exists inbox.inbox_canned_responses (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  shortcut text not null constraint inbox_canned_responses_shortcut_check check (shortcut ~ '^[a-z0-9][a-z0-9_-]{0,49}$'),
  title text constraint inbox_canned_responses_title_check check (length(title) <= 200),
  content text not null constraint inbox_canned_responses_content_check check (length(btrim(content)) between 1 and 20000),
  channel crm.channel,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint inbox_canned_responses_pkey primary key (tenant_id, id)
);
comment on table inbox.inbox_canned_responses is E'@typeid canned\nAn answer that is written once and used often.';
comment on column inbox.inbox_canned_responses.shortcut is 'What to type to get it, such as thanks.';
comment on column inbox.inbox_canned_responses.title is 'What it is for.';
comment on column inbox.inbox_canned_responses.content is 'The text, with variables in double braces.';
comment on column inbox.inbox_canned_responses.created_by is 'Actor who wrote it.';
create unique index if not exists inbox_canned_responses_shortcut_key on inbox.inbox_canned_responses (tenant_id, shortcut) where deleted_at is null;
select ddl.foreign_key('inbox.inbox_canned_responses', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('inbox.inbox_canned_responses', p_insert => '{shortcut,title,content,channel}', p_update => '{shortcut,title,content,channel}');
--! EndIncluded inbox/inbox_canned_responses.sql
--! Included inbox/inbox_thread_totals.sql
-- How much there is to do, kept as conversations come and move on.
create table if not exists inbox.inbox_thread_totals (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  status inbox.thread_status not null,
  assigned_to uuid,
  slot smallint not null default 0,
  thread_count bigint not null default 0,
  unread_thread_count bigint not null default 0,
  urgent_thread_count bigint not null default 0,
  created_at timestamptz not null default now(),
  constraint inbox_thread_totals_pkey primary key (tenant_id, id)
) with (fillfactor = 50);
comment on table inbox.inbox_thread_totals is E'@behavior -*\nTotals of conversations by status and assignee, spread over slots; inbox_load adds them up.';
comment on column inbox.inbox_thread_totals.slot is 'Writers at the same time add to different slots.';
create unique index if not exists inbox_thread_totals_status_assigned_to_key
  on inbox.inbox_thread_totals (tenant_id, status, assigned_to, slot) nulls not distinct;
select ddl.foreign_key('inbox.inbox_thread_totals', 'assigned_to', 'iam.actors', 'cascade');
select ddl.tenant_table('inbox.inbox_thread_totals', p_system => 'select');
select ddl.roll_up('inbox.inbox_threads', 'inbox.inbox_thread_totals', '{"status": "r.status", "assigned_to": "r.assigned_to"}', '{
  "thread_count": "true", "unread_thread_count": "r.unread_count > 0", "urgent_thread_count": "r.priority = ''urgent''"
}');
--! EndIncluded inbox/inbox_thread_totals.sql
--! Included inbox/inbox_load.sql
create or replace view inbox.inbox_load with (security_invoker = true) as
select t.tenant_id, t.status, t.assigned_to, t.thread_count, t.unread_thread_count, t.urgent_thread_count,
  coalesce(b.thread_count, 0) as breached_thread_count
from (
  select tenant_id, status, assigned_to, sum(thread_count)::bigint as thread_count,
    sum(unread_thread_count)::bigint as unread_thread_count, sum(urgent_thread_count)::bigint as urgent_thread_count
  from inbox.inbox_thread_totals
  group by 1, 2, 3 having sum(thread_count) > 0
) t
-- What is closed is not late any more, so only the conversations that are not are looked at: they are few.
left join (
  select h.tenant_id, h.status, h.assigned_to, count(*) as thread_count
  from inbox.inbox_threads h
  where h.status in ('open', 'pending', 'snoozed') and h.deleted_at is null
    and exists (select from inbox.inbox_sla_clocks c where c.tenant_id = h.tenant_id and c.thread_id = h.id
      and (c.status = 'breached' or c.status = 'running' and c.due_at < now()))
  group by 1, 2, 3
) b on b.tenant_id = t.tenant_id and b.status = t.status and b.assigned_to is not distinct from t.assigned_to;
comment on view inbox.inbox_load is
  E'@behavior -type:node -query:resource:single\n@foreignKey (tenant_id, assigned_to) references iam.actors (tenant_id, id)|@fieldName assignee|@foreignFieldName inboxLoad\nHow many conversations there are in each status, by the actor who answers them.';
comment on column inbox.inbox_load.status is E'@notNull\nWhere the conversations stand.';
comment on column inbox.inbox_load.assigned_to is 'Actor who answers them; none for those that nobody has taken.';
comment on column inbox.inbox_load.thread_count is E'@notNull\nConversations.';
comment on column inbox.inbox_load.unread_thread_count is E'@notNull\nConversations with a message of the contact that nobody has read.';
comment on column inbox.inbox_load.urgent_thread_count is E'@notNull\nUrgent conversations.';
comment on column inbox.inbox_load.breached_thread_count is E'@notNull\nConversations, not closed, that were or are not answered or solved in time.';
grant select on inbox.inbox_load to rowhouse_viewer, rowhouse_system;
--! EndIncluded inbox/inbox_load.sql
--! Included inbox/assign_thread.sql
create or replace function inbox.assign_thread(thread_id uuid, actor_id uuid default null, note text default null) returns inbox.inbox_threads
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_thread inbox.inbox_threads;
  v_now timestamptz;
begin
  perform app.require_scope('inbox:write');
  select * into v_thread from inbox.inbox_threads t
  where t.tenant_id = app.tenant_id() and t.id = assign_thread.thread_id and t.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no conversation %s.', assign_thread.thread_id), 'threadId');
  end if;
  if assign_thread.actor_id is not null and not exists (
    select from iam.actors a left join iam.memberships m on m.tenant_id = a.tenant_id and m.id = a.membership_id
    where a.tenant_id = v_thread.tenant_id and a.id = assign_thread.actor_id and (a.membership_id is null or m.deleted_at is null)
  ) then
    perform app.raise('NOT_FOUND', format('There is no actor %s who could answer.', assign_thread.actor_id), 'actorId');
  end if;
  if v_thread.assigned_to is not distinct from assign_thread.actor_id then
    return v_thread;
  end if;
  -- Members take and give away what is nobody's or their own.
  if v_thread.assigned_to <> app.actor_id() and current_setting('jwt.claims.role', true) = 'member' then
    perform inbox.refuse_other_thread(v_thread.id);
  end if;
  -- The time at which it was this one's turn: a transaction that had to wait may have begun before the assignment it ends.
  v_now := clock_timestamp();
  update inbox.inbox_assignments a set unassigned_at = v_now
  where a.tenant_id = v_thread.tenant_id and a.thread_id = v_thread.id and a.unassigned_at is null;
  if assign_thread.actor_id is not null then
    insert into inbox.inbox_assignments (tenant_id, thread_id, assigned_to, note, assigned_at)
    values (v_thread.tenant_id, v_thread.id, assign_thread.actor_id, assign_thread.note, v_now);
  end if;
  update inbox.inbox_threads t set assigned_to = assign_thread.actor_id
  where t.tenant_id = v_thread.tenant_id and t.id = v_thread.id returning * into v_thread;
  return v_thread;
end
$$;
comment on function inbox.assign_thread(uuid, uuid, text) is 'Gives a conversation to somebody, or without an actor to nobody; the assignments keep who had it before. Members give away what is nobody''s or their own.';
grant execute on function inbox.assign_thread(uuid, uuid, text) to rowhouse_member;
--! EndIncluded inbox/assign_thread.sql
--! Included inbox/guard_thread_owner.sql
-- A person's work is theirs. The conversation is in sight of everybody, so the refusal says why, instead of finding nothing.
create or replace function inbox.refuse_other_thread(p_thread_id uuid) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('FORBIDDEN', format('Conversation %s is assigned to somebody else. Members work on conversations that are assigned to them or to nobody; ask a manager to assign it to you.', p_thread_id));
end
$$;
comment on function inbox.refuse_other_thread(uuid) is E'@behavior -*\nSays that a conversation is somebody else''s work.';
grant execute on function inbox.refuse_other_thread(uuid) to rowhouse_member;

create or replace function inbox.guard_thread_owner() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform inbox.refuse_other_thread(old.id);
  return null;
end
$$;
comment on function inbox.guard_thread_owner() is 'Keeps members from changing conversations that are assigned to others.';
-- Counts of messages and assignments are kept by functions that act as the owner, and pass.
select ddl.trigger('inbox.inbox_threads', '_200_owner', $$before update for each row
  when (current_user in ('rowhouse_member', 'rowhouse_member_scoped') and old.assigned_to is not null and old.assigned_to is distinct from app.actor_id())
  execute function inbox.guard_thread_owner()$$);

create or replace function inbox.guard_message_thread() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if exists (select from inbox.inbox_threads t where t.tenant_id = new.tenant_id and t.id = new.thread_id and t.assigned_to <> app.actor_id()) then
    perform inbox.refuse_other_thread(new.thread_id);
  end if;
  return new;
end
$$;
comment on function inbox.guard_message_thread() is 'Keeps members from answering in conversations that are assigned to others, and from marking their messages. What a contact writes is taken from whoever brings it.';
select ddl.trigger('inbox.inbox_messages', '_200_thread_insert', $$before insert for each row
  when (current_user in ('rowhouse_member', 'rowhouse_member_scoped') and new.direction <> 'inbound') execute function inbox.guard_message_thread()$$);
select ddl.trigger('inbox.inbox_messages', '_200_thread_update', $$before update for each row
  when (current_user in ('rowhouse_member', 'rowhouse_member_scoped')) execute function inbox.guard_message_thread()$$);
--! EndIncluded inbox/guard_thread_owner.sql
--! EndIncluded inbox/index.sql
--! Included tracking/index.sql
-- What became of messages: opens, clicks, daily figures.
create schema if not exists tracking;
comment on schema tracking is 'What became of messages: opens, clicks, daily figures.';
grant usage on schema tracking to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--! Included tracking/tracking_pixels.sql
-- The invisible picture of a message: whoever loads it has opened the message.
create table if not exists tracking.tracking_pixels (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  message_id uuid not null,
  token text not null default encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'hex')
    constraint tracking_pixels_token_check check (token ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default now(),
  constraint tracking_pixels_pkey primary key (tenant_id, id)
);
comment on table tracking.tracking_pixels is E'@typeid pixel\nThe invisible picture of a message, whose address cannot be guessed.';
comment on column tracking.tracking_pixels.token is E'@behavior -*\nSecret part of its address.';
create unique index if not exists tracking_pixels_message_id_key on tracking.tracking_pixels (tenant_id, message_id);
-- A request for the picture carries the token alone, before the tenant is known.
create unique index if not exists tracking_pixels_token_key on tracking.tracking_pixels (token);
select ddl.foreign_key('tracking.tracking_pixels', 'message_id', 'outreach.messages', 'cascade', p_index => false);
select ddl.tenant_table('tracking.tracking_pixels');
--! EndIncluded tracking/tracking_pixels.sql
--! Included tracking/tracked_links.sql
-- The links of a message: whoever follows one is sent on to its target, and counted.
create table if not exists tracking.tracked_links (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  message_id uuid not null,
  position integer not null default 1 constraint tracked_links_position_check check (position >= 1),
  token text not null default encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'hex')
    constraint tracked_links_token_check check (token ~ '^[0-9a-f]{64}$'),
  target_url text not null constraint tracked_links_target_url_check check (target_url ~ '^https?://' and length(target_url) <= 4000),
  click_count bigint not null default 0 constraint tracked_links_click_count_check check (click_count >= 0),
  first_clicked_at timestamptz,
  last_clicked_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint tracked_links_pkey primary key (tenant_id, id)
);
comment on table tracking.tracked_links is E'@typeid link\nA link of a message, replaced by an address of ours that cannot be guessed.';
comment on column tracking.tracked_links.position is 'Which link of the message it is.';
comment on column tracking.tracked_links.token is E'@behavior -*\nSecret part of its address.';
comment on column tracking.tracked_links.target_url is 'Where it leads.';
create unique index if not exists tracked_links_message_id_position_key on tracking.tracked_links (tenant_id, message_id, position);
create unique index if not exists tracked_links_token_key on tracking.tracked_links (token);
select ddl.foreign_key('tracking.tracked_links', 'message_id', 'outreach.messages', 'cascade', p_index => false);
select ddl.tenant_table('tracking.tracked_links');
select ddl.masked('tracking.tracked_links', '{"target_url": "text"}');
--! EndIncluded tracking/tracked_links.sql
--! Included tracking/message_open_stats.sql
-- How often a message was opened and clicked.
create table if not exists tracking.message_open_stats (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  message_id uuid not null,
  open_count bigint not null default 0 constraint message_open_stats_open_count_check check (open_count >= 0),
  click_count bigint not null default 0 constraint message_open_stats_click_count_check check (click_count >= 0),
  first_opened_at timestamptz,
  last_opened_at timestamptz,
  last_user_agent text constraint message_open_stats_last_user_agent_check check (length(last_user_agent) <= 1000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint message_open_stats_pkey primary key (tenant_id, id),
  constraint message_open_stats_last_opened_at_check check (last_opened_at >= first_opened_at)
);
comment on table tracking.message_open_stats is E'@typeid mopen\nHow often a message was opened and its links were followed.';
comment on column tracking.message_open_stats.last_user_agent is 'What the program that opened it last calls itself.';
create unique index if not exists message_open_stats_message_id_key on tracking.message_open_stats (tenant_id, message_id);
select ddl.foreign_key('tracking.message_open_stats', 'message_id', 'outreach.messages', 'cascade', p_index => false);
select ddl.tenant_table('tracking.message_open_stats');
--! EndIncluded tracking/message_open_stats.sql
--! Included tracking/analytics_events.sql
-- What happened, for counting. The month is in the id (a version 7 uuid), so the key stays (tenant_id, id) although the
-- table is cut into months. Its references have no foreign keys: what happened stays true when its subject is gone.
create table if not exists tracking.analytics_events (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  event_type text not null constraint analytics_events_event_type_check check (event_type ~ '^[a-z][a-z0-9_.]{0,99}$'),
  entity_type text not null constraint analytics_events_entity_type_check check (entity_type ~ '^[a-z][a-z0-9_]{0,99}$'),
  entity_id uuid not null,
  channel crm.channel,
  contact_id uuid,
  user_id uuid,
  source_type text constraint analytics_events_source_type_check check (source_type ~ '^[a-z][a-z0-9_]{0,99}$'),
  source_id uuid,
  campaign_id uuid,
  workflow_id uuid,
  sequence_id uuid,
  template_id uuid,
  metadata jsonb not null default '{}' constraint analytics_events_metadata_check check (jsonb_typeof(metadata) = 'object'),
  occurred_at timestamptz not null default now(),
  ingested_at timestamptz not null default clock_timestamp(),
  created_at timestamptz not null default now(),
  constraint analytics_events_pkey primary key (tenant_id, id)
) partition by range (id);
comment on table tracking.analytics_events is E'@typeid aev\nSomething that happened, for counting: kept for two years.';
comment on column tracking.analytics_events.event_type is 'What happened, such as message.opened.';
comment on column tracking.analytics_events.entity_type is 'To what kind of thing, such as message.';
comment on column tracking.analytics_events.entity_id is 'To which one.';
comment on column tracking.analytics_events.contact_id is E'@typeid contact\nWith which contact.';
comment on column tracking.analytics_events.user_id is E'@typeid user\nBy which user.';
comment on column tracking.analytics_events.source_type is 'What kind of thing caused it, such as campaign.';
comment on column tracking.analytics_events.source_id is 'Which one caused it.';
comment on column tracking.analytics_events.campaign_id is E'@typeid camp\nIn which campaign.';
comment on column tracking.analytics_events.workflow_id is E'@typeid wf\nIn which workflow.';
comment on column tracking.analytics_events.sequence_id is E'@typeid seq\nIn which sequence.';
comment on column tracking.analytics_events.template_id is E'@typeid tpl\nFrom which template.';
comment on column tracking.analytics_events.metadata is 'Details, a JSON object.';
create index if not exists analytics_events_event_type_idx on tracking.analytics_events (tenant_id, event_type, occurred_at);
create index if not exists analytics_events_occurred_at_idx on tracking.analytics_events (tenant_id, occurred_at);
create index if not exists analytics_events_entity_id_idx on tracking.analytics_events (tenant_id, entity_id, occurred_at);
create index if not exists analytics_events_campaign_id_idx on tracking.analytics_events (tenant_id, campaign_id, event_type) where campaign_id is not null;
create index if not exists analytics_events_contact_id_idx on tracking.analytics_events (tenant_id, contact_id, occurred_at) where contact_id is not null;
select ddl.append_only('tracking.analytics_events');
select ddl.partition_by_month('tracking.analytics_events', interval '2 years');
select ddl.masked('tracking.analytics_events', '{"metadata": "json"}');
--! EndIncluded tracking/analytics_events.sql
--! Included tracking/daily_message_summary.sql
-- How many message events of a kind a day had: added up as the events come in, one row a day, channel and kind.
create table if not exists tracking.daily_message_summary (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  date date not null,
  channel crm.channel not null,
  event_type text not null,
  event_count bigint not null default 0 constraint daily_message_summary_event_count_check check (event_count >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint daily_message_summary_pkey primary key (tenant_id, id)
);
comment on table tracking.daily_message_summary is E'@typeid dms\nHow many message events of a kind a day had, in the tenant''s time zone.';
comment on column tracking.daily_message_summary.date is 'Day in the tenant''s time zone.';
comment on column tracking.daily_message_summary.event_type is 'Kind of event, such as message.opened.';
create unique index if not exists daily_message_summary_date_channel_event_type_key
  on tracking.daily_message_summary (tenant_id, date, channel, event_type);
select ddl.tenant_table('tracking.daily_message_summary');

create or replace function tracking.summarise_messages() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  insert into tracking.daily_message_summary as s (tenant_id, date, channel, event_type, event_count)
  select n.tenant_id, (n.occurred_at at time zone t.time_zone)::date, n.channel, n.event_type, count(*)
  from new_rows n join iam.tenants t on t.id = n.tenant_id
  where n.entity_type = 'message' and n.channel is not null
  group by 1, 2, 3, 4
  -- In the order of the key, so that two statements do not wait for each other in a circle.
  order by 1, 2, 3, 4
  on conflict (tenant_id, date, channel, event_type) do update set event_count = s.event_count + excluded.event_count;
  return null;
end
$$;
comment on function tracking.summarise_messages() is 'Adds the message events of a statement to the daily figures.';
select ddl.trigger('tracking.analytics_events', '_300_summarise',
  'after insert referencing new table as new_rows for each statement execute function tracking.summarise_messages()');
-- The figures outlive the events: only what lies well within their two years is compared.
select ddl.recount('tracking.daily_message_summary', '{date,channel,event_type}', '{event_count}', $$
  select e.tenant_id, (e.occurred_at at time zone t.time_zone)::date as date, e.channel, e.event_type, count(*) as event_count
  from tracking.analytics_events e join iam.tenants t on t.id = e.tenant_id
  where e.entity_type = 'message' and e.channel is not null and (e.occurred_at at time zone t.time_zone)::date > current_date - 670
  group by 1, 2, 3, 4$$, p_when => 'date > current_date - 670');
--! EndIncluded tracking/daily_message_summary.sql
--! EndIncluded tracking/index.sql
--! Included events/index.sql
-- The feed of changes, and who is told of them.
create schema if not exists events;
comment on schema events is 'The feed of changes, and who is told of them.';
grant usage on schema events to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--! Included events/types.sql
select ddl.enum('events.webhook_subscription_status', '{
  "active": "Events are delivered.", "disabled": "Nothing is delivered, until somebody switches it on again."
}', 'Whether an outgoing webhook works.');
select ddl.enum('events.webhook_subscription_end', '{
  "manual": "Somebody switched it off.", "failing": "Deliveries failed again and again.", "gone": "The receiver said that the address exists no more."
}', 'Why an outgoing webhook was switched off.');
select ddl.enum('events.webhook_delivery_status', '{
  "pending": "Waits for its turn.", "delivering": "A worker is at it.", "delivered": "The receiver took it.",
  "failed": "It did not go through, and is tried again later.", "dead": "It was tried often enough, and waits for a person to replay it."
}', 'Where the delivery of an event stands.');
select ddl.enum('events.webhook_replay_status', '{
  "queued": "Waits for a worker.", "running": "A worker makes its deliveries.", "succeeded": "All its deliveries are made.", "failed": "It ended with an error."
}', 'Where a replay of events stands.');
--! EndIncluded events/types.sql
--! Included events/events.sql
-- The feed: what changed, one event for each statement that matters, written in the transaction of the change itself.
-- Readers go by position up to the horizon (feed_horizon.sql), so a transaction that commits late is not skipped.
-- Positions are given one by one, without a cache: one that a session had put by would be below what others know of.
create sequence if not exists events.positions as bigint cache 1;
comment on sequence events.positions is 'Positions of the feed, of all tenants. What a transaction that rolled back was given is missing.';
grant usage on sequence events.positions to rowhouse_system, rowhouse_definer;

create table if not exists events.events (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  position bigint not null default nextval('events.positions'),
  type text not null constraint events_type_check check (type ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$'),
  subject_type text not null constraint events_subject_type_check check (subject_type ~ '^[a-z][a-z0-9_]*$'),
  subject_id uuid,
  keys uuid[] not null default '{}' constraint events_keys_check check (cardinality(keys) <= 1000 and array_position(keys, null) is null),
  changed_fields text[] not null default '{}' constraint events_changed_fields_check check (array_position(changed_fields, null) is null),
  row_count bigint not null default 1 constraint events_row_count_check check (row_count >= 0),
  counts jsonb not null default '{}' constraint events_counts_check check (jsonb_typeof(counts) = 'object'),
  payload jsonb not null default '{}' constraint events_payload_check check (jsonb_typeof(payload) = 'object'),
  actor_id uuid default app.actor_id(),
  depth smallint not null default coalesce(nullif(current_setting('rowhouse.depth', true), '')::smallint, 0)
    constraint events_depth_check check (depth >= 0),
  correlation_id uuid default nullif(current_setting('rowhouse.correlation_id', true), '')::uuid,
  request_id text default nullif(left(current_setting('rowhouse.request_id', true), 200), '') constraint events_request_id_check check (length(request_id) <= 200),
  created_at timestamptz not null default now(),
  constraint events_pkey primary key (tenant_id, id)
) partition by range (id);
comment on table events.events is E'@typeid evt\n@foreignKey (tenant_id, actor_id) references iam.actors (tenant_id, id)|@foreignFieldName events\nSomething that happened in this tenant: the durable, ordered feed of changes.';
comment on column events.events.position is E'@behavior -*\nIts place in the feed: the order in which events are read.';
comment on column events.events.depth is 'How many automations stand behind it, one having set off the other; 0 for none.';
comment on column events.events.type is 'What happened: contact.created, list_import.completed, …';
comment on column events.events.subject_type is 'Table of the rows that it is about.';
comment on column events.events.subject_id is 'The row that it is about, when it is one.';
comment on column events.events.keys is 'Ids of the rows that it is about. Empty when there are more than a thousand: they are those whose updatedAt is its createdAt.';
comment on column events.events.changed_fields is 'Which columns changed, when something was updated.';
comment on column events.events.row_count is 'How many rows it is about.';
comment on column events.events.counts is 'Figures by name, when there are several, a JSON object.';
comment on column events.events.payload is 'What a receiver needs to know without asking, a JSON object.';
comment on column events.events.correlation_id is 'Ties it to everything else that had the same cause.';
comment on column events.events.request_id is 'The request that caused it, as in the log.';
create index if not exists events_position_idx on events.events (tenant_id, position);
create index if not exists events_type_idx on events.events (tenant_id, type, id);
create index if not exists events_subject_id_idx on events.events (tenant_id, subject_id, id);
create index if not exists events_actor_id_idx on events.events (tenant_id, actor_id, id);
comment on column events.events.actor_id is 'Actor who caused it. No reference: what happened stays true when the actor is gone.';
select ddl.append_only('events.events');
grant insert on events.events to rowhouse_definer;
select ddl.partition_by_month('events.events', interval '90 days');
--! EndIncluded events/events.sql
--! Included events/feed_months.sql
-- Where the feed stood when a month had ended: whoever has not read past that when the month is dropped has lost something.
create table if not exists private.feed_months (
  month date primary key,
  last_position bigint not null constraint feed_months_last_position_check check (last_position >= 0),
  is_dropped boolean not null default false,
  updated_at timestamptz not null default now()
);
comment on table private.feed_months is 'Positions of the feed at the ends of months. Written by private.keep_feed_months().';
select ddl.private_table('private.feed_months');
select ddl.trigger('private.feed_months', '_100_stamp', 'before update for each row execute function app.stamp()');

create or replace function private.keep_feed_months(p_first date, p_this date) returns void
language sql set search_path to pg_catalog
begin atomic
  -- What was written in the month before this one stands below the position of now.
  insert into private.feed_months (month, last_position)
  values (p_this - interval '1 month', coalesce(pg_sequence_last_value('events.positions'::regclass), 0))
  on conflict (month) do nothing;
  update private.feed_months set is_dropped = true where month < p_first and not is_dropped;
end;
comment on function private.keep_feed_months(date, date) is 'Notes where the feed stands once a month has ended, and which months are kept no more. Called by private.keep_partitions().';
--! EndIncluded events/feed_months.sql
--! Included events/join_feed.sql
-- A transaction joins a tenant's feed with its first event: under a shared lock it holds the last position given so far, and
-- only then draws its own. A reader who sees the lock stops there; one who does not comes before the positions were drawn.
create or replace function private.feed_lock_class(p_tenant_id uuid) returns integer
language sql immutable set search_path to pg_catalog
return hashtextextended('events.feed ' || p_tenant_id, 0) >> 32;
comment on function private.feed_lock_class(uuid) is 'First key of the locks of a tenant''s feed. Two tenants may share one: then they wait for each other''s transactions, no more.';

create or replace function private.feed_lock_key(p_position bigint) returns integer
language sql immutable set search_path to pg_catalog
return ('x' || lpad(to_hex(p_position & 4294967295), 8, '0'))::bit(32)::integer;
comment on function private.feed_lock_key(bigint) is 'Second key of a lock of the feed: the lower half of a position.';

create or replace function private.join_feed() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform pg_advisory_xact_lock_shared(private.feed_lock_class(new.tenant_id),
    private.feed_lock_key(coalesce(pg_sequence_last_value('events.positions'::regclass), 0)));
  -- Goes with the lock when a savepoint is rolled back.
  perform set_config('rowhouse.feed', concat(current_setting('rowhouse.feed', true), ' ', new.tenant_id), true);
  perform pg_notify('rowhouse_events', new.tenant_id::text);
  -- The one that stands there was drawn before the lock was held.
  new.position := nextval('events.positions');
  return new;
end
$$;
comment on function private.join_feed() is 'Takes part in the feed of a tenant before the first event of a transaction, and wakes its readers when it commits.';
select ddl.trigger('events.events', '_100_join_feed', $$before insert for each row
  when (strpos(coalesce(current_setting('rowhouse.feed', true), ''), new.tenant_id::text) = 0) execute function private.join_feed()$$);
--! EndIncluded events/join_feed.sql
--! Included events/write_event.sql
set local role rowhouse_definer;
create or replace function private.write_event(
  p_tenant_id uuid, p_type text, p_subject_type text, p_keys uuid[], p_row_count bigint, p_payload jsonb default '{}', p_changed_fields text[] default '{}'
) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  -- An actor is somebody within one tenant.
  v_actor_id uuid := case when p_tenant_id = app.tenant_id_or_null() then app.actor_id() end;
  v_is_deleted boolean := p_type like '%.deleted';
begin
  -- The end of a whole tenant takes its feed with it.
  if v_is_deleted and not exists (select from iam.tenants t where t.id = p_tenant_id) then
    return;
  end if;
  if p_row_count <= 1000 or not v_is_deleted then
    insert into events.events (tenant_id, type, subject_type, subject_id, keys, row_count, payload, changed_fields, actor_id)
    values (p_tenant_id, p_type, p_subject_type, case when p_row_count = 1 then p_keys[1] end, case when p_row_count <= 1000 then p_keys else '{}' end,
      p_row_count, p_payload, p_changed_fields, v_actor_id);
  else
    -- Rows that are gone cannot be found by their time: each is named.
    insert into events.events (tenant_id, type, subject_type, keys, row_count, payload, changed_fields, actor_id)
    select p_tenant_id, p_type, p_subject_type, p_keys[n:n + 999], cardinality(p_keys[n:n + 999]), p_payload, p_changed_fields, v_actor_id
    from generate_series(1, p_row_count, 1000) n;
  end if;
end
$$;
comment on function private.write_event(uuid, text, text, uuid[], bigint, jsonb, text[]) is
  'Writes an event, or several for the deletion of more than a thousand rows. Crosses tenants: set-up commands have no claims.';
revoke all on function private.write_event(uuid, text, text, uuid[], bigint, jsonb, text[]) from public;
grant execute on function private.write_event(uuid, text, text, uuid[], bigint, jsonb, text[]) to rowhouse_owner;
set local role rowhouse_owner;
--! EndIncluded events/write_event.sql
--! Included events/feed_horizon.sql
create or replace function private.feed_horizon(p_tenant_id uuid, out horizon bigint, out last_position bigint, out first_position bigint)
language plpgsql volatile security definer set search_path to pg_catalog as $$
declare
  v_locks bigint[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform app.raise('INVALID_STATE', format('The feed cannot be read in a transaction that is %s: it must see what commits meanwhile. Read it as read committed.',
      current_setting('transaction_isolation')));
  end if;
  -- In this order: what was given, who may not have committed yet, and, in a later snapshot, the events.
  horizon := coalesce(pg_sequence_last_value('events.positions'::regclass), 0);
  select array_agg(l.objid::bigint) into v_locks
  from pg_locks l
  where l.locktype = 'advisory' and l.objsubid = 2 and l.classid = (private.feed_lock_class(p_tenant_id)::bigint & 4294967295)::oid
    and l.database = (select d.oid from pg_database d where d.datname = current_database());
  last_position := coalesce(pg_sequence_last_value('events.positions'::regclass), 0);
  -- A lock has the lower half of a position that is not above the last one, and not four billion below it.
  horizon := least(horizon, (select min(last_position - ((last_position - k) & 4294967295)) from unnest(v_locks) k));
  select coalesce(max(m.last_position), 0) into first_position from private.feed_months m where m.is_dropped;
end
$$;
comment on function private.feed_horizon(uuid) is
  'Up to which position the feed of a tenant is complete: no event that commits later will stand there. Besides, the last position given, and that below which nothing is kept.';
--! EndIncluded events/feed_horizon.sql
--! Included events/cursors.sql
-- A cursor is opaque to clients: a position with a check, so that a mistake is noticed.
create or replace function events.cursor_of(p_position bigint) returns text
language sql immutable strict parallel safe set search_path to pg_catalog
return 'at_' || to_hex(p_position) || left(md5('feed ' || p_position), 6);
comment on function events.cursor_of(bigint) is E'@behavior -*\nThe cursor of a position of the feed.';

create or replace function events.position_of(p_cursor text) returns bigint
language plpgsql immutable strict set search_path to pg_catalog as $$
declare
  v_hex text := substring(p_cursor from '^at_([0-9a-f]{1,15})[0-9a-f]{6}$');
  v_position bigint := ('x' || lpad(v_hex, 16, '0'))::bit(64)::bigint;
begin
  if v_position is null or events.cursor_of(v_position) <> p_cursor then
    perform app.raise('VALIDATION_FAILED', 'This is no cursor of the feed. Use one that an event, a page of events or feedHead gave, unchanged.', 'after');
  end if;
  return v_position;
end
$$;
comment on function events.position_of(text) is E'@behavior -*\nThe position of a cursor; refuses what is none.';

create or replace function events.events_cursor(p_event events.events) returns text
language sql immutable parallel safe set search_path to pg_catalog
return events.cursor_of(p_event.position);
comment on function events.events_cursor(events.events) is 'Its place in the feed: reading after it goes on with the next event.';

create or replace function events.feed_bounds(out horizon bigint, out last_position bigint, out first_position bigint)
language plpgsql volatile security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('events:read');
  select b.horizon, b.last_position, b.first_position into horizon, last_position, first_position from private.feed_horizon(app.tenant_id()) b;
end
$$;
comment on function events.feed_bounds() is
  E'@behavior -*\nUp to which position the feed of this tenant is complete now, the last position given, and that below which nothing is kept.';

create or replace function events.feed_head() returns text
language plpgsql volatile set search_path to pg_catalog as $$
begin
  return events.cursor_of((events.feed_bounds()).horizon);
end
$$;
comment on function events.feed_head() is
  E'@behavior -*\nThe cursor of everything that is complete now: whatever is read afterwards has it all, and the events after it are what comes next.';
grant execute on function events.cursor_of(bigint), events.position_of(text), events.events_cursor(events.events), events.feed_bounds(), events.feed_head()
  to rowhouse_viewer, rowhouse_system;
--! EndIncluded events/cursors.sql
--! Included events/matches_types.sql
create or replace function events.matches_types(p_type text, p_types text[]) returns boolean
language sql immutable parallel safe set search_path to pg_catalog
return cardinality(p_types) = 0 or p_type = any (p_types)
  or exists (select from unnest(p_types) t where right(t, 1) = '*' and starts_with(p_type, left(t, -1)));
comment on function events.matches_types(text, text[]) is
  E'@behavior -*\nWhether a type of event is among the named ones: contact.created names itself, contact.* all of contacts, none all.';
grant execute on function events.matches_types(text, text[]) to rowhouse_viewer, rowhouse_system;
--! EndIncluded events/matches_types.sql
--! Included events/feed_page.sql
create or replace function events.feed_page(
  p_after text, p_types text[], p_subjects uuid[], p_first integer, out nodes events.events[], out cursor text, out has_more boolean
)
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_tenant_id uuid := app.tenant_id();
  -- So many events are looked through at most: a page of rare ones may be short although more follow.
  c_examined constant integer := 10000;
  v_after bigint := coalesce(events.position_of(p_after), 0);
  v_bounds record;
  v_last bigint;
begin
  if p_first is null or p_first not between 1 and 1000 then
    perform app.raise('VALIDATION_FAILED', format('A page has 1 to 1000 events, not %s.', coalesce(p_first::text, 'null')), 'first');
  end if;
  v_bounds := events.feed_bounds();
  if p_after is not null and v_after < v_bounds.first_position then
    perform app.raise('INVALID_STATE', 'Events right after this cursor are kept no more. Take feedHead, read all rows anew, and go on from there.', 'after');
  end if;
  if v_after > v_bounds.last_position then
    perform app.raise('INVALID_STATE', 'This cursor is ahead of the feed: it is of another database, or of a later state of this one. Take feedHead, read all rows anew, and go on from there.', 'after');
  end if;
  select array_agg(s.e order by (s.e).position) into nodes
  from (
    select x.e from (
      select e from events.events e
      where e.tenant_id = v_tenant_id and e.position > v_after and e.position <= v_bounds.horizon
      order by e.position limit c_examined
    ) x
    where events.matches_types((x.e).type, coalesce(p_types, '{}'))
      -- One that is about too many rows to name them may be about this one.
      and (coalesce(p_subjects, '{}') = '{}' or (x.e).subject_id = any (p_subjects) or (x.e).keys && p_subjects
        or (x.e).row_count > cardinality((x.e).keys))
    order by (x.e).position limit p_first
  ) s;
  nodes := coalesce(nodes, '{}');
  if cardinality(nodes) = p_first then
    v_last := nodes[p_first].position;
  else
    select e.position into v_last from events.events e
    where e.tenant_id = v_tenant_id and e.position > v_after and e.position <= v_bounds.horizon
    order by e.position offset c_examined - 1 limit 1;
  end if;
  -- To the horizon: what does not match needs not be looked through again.
  cursor := events.cursor_of(coalesce(v_last, greatest(v_after, v_bounds.horizon)));
  has_more := v_last is not null and exists (
    select from events.events e where e.tenant_id = v_tenant_id and e.position > v_last and e.position <= v_bounds.horizon);
end
$$;
comment on function events.feed_page(text, text[], uuid[], integer) is
  E'@behavior -*\nA page of the feed of this tenant: events after a cursor in their order, the cursor to go on from, and whether more follow now.';

grant execute on function events.feed_page(text, text[], uuid[], integer) to rowhouse_viewer, rowhouse_system;
--! EndIncluded events/feed_page.sql
--! Included events/read_feed.sql
create or replace function events.read_feed(p_after text default null, p_types text[] default '{}', p_subjects uuid[] default '{}', p_first integer default 100)
returns setof events.events
language plpgsql volatile rows 100 set search_path to pg_catalog as $$
begin
  return query select * from unnest((events.feed_page(p_after, p_types, p_subjects, p_first)).nodes);
end
$$;
comment on function events.read_feed(text, text[], uuid[], integer) is
  E'@behavior -*\nEvents of this tenant after a cursor in their order; those from the oldest kept on when there is none.';
grant execute on function events.read_feed(text, text[], uuid[], integer) to rowhouse_viewer, rowhouse_system;
--! EndIncluded events/read_feed.sql
--! Included events/feed_consumers.sql
-- How far each consumer in the worker has read the feed of each tenant. Moved in the transaction of what it did.
create table if not exists private.feed_consumers (
  tenant_id uuid not null constraint feed_consumers_tenant_id_fkey references iam.tenants (id) on delete cascade,
  name text not null constraint feed_consumers_name_check check (name ~ '^[a-z][a-z0-9_]*$'),
  position bigint not null,
  failure_count integer not null default 0,
  retry_at timestamptz,
  last_error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint feed_consumers_pkey primary key (tenant_id, name)
);
comment on table private.feed_consumers is 'Readers of the feed within the worker, and how far they are.';
select ddl.private_table('private.feed_consumers');
select ddl.trigger('private.feed_consumers', '_100_stamp', 'before update for each row execute function app.stamp()');
grant select, insert, delete on private.feed_consumers to rowhouse_definer;

set local role rowhouse_definer;
create or replace function private.keep_feed_consumers(p_name text, p_tenant_ids uuid[], p_since timestamptz[]) returns void
language plpgsql volatile security definer set search_path to pg_catalog as $$
declare
  v_tenant record;
  v_horizon bigint;
begin
  delete from private.feed_consumers c where c.name = p_name and c.tenant_id <> all (p_tenant_ids);
  for v_tenant in
    select u.id, u.since from unnest(p_tenant_ids, p_since) u (id, since)
    where not exists (select from private.feed_consumers c where c.tenant_id = u.id and c.name = p_name)
      and exists (select from iam.tenants t where t.id = u.id)
  loop
    -- What is not to be seen yet comes after the horizon; what is, has its time in its id.
    v_horizon := (private.feed_horizon(v_tenant.id)).horizon;
    insert into private.feed_consumers (tenant_id, name, position)
    select v_tenant.id, p_name, coalesce(least(v_horizon, min(e.position) - 1), v_horizon)
    from events.events e where e.tenant_id = v_tenant.id and e.id >= app.uuid_at(v_tenant.since)
    on conflict do nothing;
  end loop;
end
$$;
comment on function private.keep_feed_consumers(text, uuid[], timestamptz[]) is
  'Gives a consumer the tenants that it serves, and no others; a new one begins with the events since the given time. Crosses tenants: the worker serves them all.';
revoke all on function private.keep_feed_consumers(text, uuid[], timestamptz[]) from public;
grant execute on function private.keep_feed_consumers(text, uuid[], timestamptz[]) to rowhouse_worker;

create or replace function private.waiting_feed_consumers(p_limit integer) returns table (tenant_id uuid, name text)
language sql volatile security definer set search_path to pg_catalog
begin atomic
  select c.tenant_id, c.name from private.feed_consumers c
  where (c.retry_at is null or c.retry_at <= now())
    and exists (select from events.events e where e.tenant_id = c.tenant_id and e.position > c.position)
  order by c.updated_at limit p_limit;
end;
comment on function private.waiting_feed_consumers(integer) is
  'Consumers for which there are events, the longest waiting first. Crosses tenants: the worker serves them all, and reads the events under the claims of each.';
revoke all on function private.waiting_feed_consumers(integer) from public;
grant execute on function private.waiting_feed_consumers(integer) to rowhouse_worker;
set local role rowhouse_owner;
grant execute on function private.feed_horizon(uuid) to rowhouse_definer;

create or replace function private.claim_feed_consumer(p_name text, out last_position bigint, out failure_count integer)
language sql volatile security definer set search_path to pg_catalog
begin atomic
  select c.position, c.failure_count from private.feed_consumers c
  where c.tenant_id = app.tenant_id() and c.name = p_name and (c.retry_at is null or c.retry_at <= now())
  for update skip locked;
end;
comment on function private.claim_feed_consumer(text) is 'Holds a consumer of this tenant until the transaction ends; nothing when another worker holds it, or it waits after a failure.';

create or replace function private.move_feed_consumer(p_name text, p_position bigint) returns void
language sql volatile security definer set search_path to pg_catalog
begin atomic
  update private.feed_consumers c set position = p_position, failure_count = 0, retry_at = null, last_error = null
  where c.tenant_id = app.tenant_id() and c.name = p_name;
end;
comment on function private.move_feed_consumer(text, bigint) is 'Notes how far a consumer has come, in the transaction of what it did.';

create or replace function private.fail_feed_consumer(p_name text, p_error text) returns void
language sql volatile security definer set search_path to pg_catalog
begin atomic
  update private.feed_consumers c set failure_count = c.failure_count + 1, last_error = left(p_error, 2000),
    retry_at = now() + least(300, 0.5 * 2 ^ least(c.failure_count, 20)) * (0.5 + random()) * interval '1 second'
  where c.tenant_id = app.tenant_id() and c.name = p_name;
end;
comment on function private.fail_feed_consumer(text, text) is 'Lets a consumer wait after a failure: half a second, then longer, five minutes at most.';
grant execute on function private.claim_feed_consumer(text), private.move_feed_consumer(text, bigint), private.fail_feed_consumer(text, text) to rowhouse_system;
--! EndIncluded events/feed_consumers.sql
--! Included events/webhook_subscriptions.sql
-- Who outside is told of events, and of which.
create table if not exists events.webhook_subscriptions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint webhook_subscriptions_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint webhook_subscriptions_description_check check (length(description) <= 5000),
  url text not null constraint webhook_subscriptions_url_check check (url ~ '^https?://[^\s/@]+(/\S*)?$' and length(url) <= 2000),
  types text[] not null default '{}' constraint webhook_subscriptions_types_check
    check (array_position(types, null) is null and array_to_string(types, '') ~ '^[a-z0-9_.*]*$'
      and array_to_string(types, ' ') ~ '^([a-z0-9_.]+(\.\*)?( [a-z0-9_.]+(\.\*)?)*)?$'),
  api_version text not null default '1' constraint webhook_subscriptions_api_version_check check (length(api_version) between 1 and 20),
  status events.webhook_subscription_status not null default 'active',
  disabled_reason events.webhook_subscription_end,
  disabled_at timestamptz,
  failure_count integer not null default 0 constraint webhook_subscriptions_failure_count_check check (failure_count >= 0),
  failing_since timestamptz,
  active_since timestamptz not null default now(),
  start_position bigint not null default coalesce(pg_sequence_last_value('events.positions'::regclass), 0),
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint webhook_subscriptions_pkey primary key (tenant_id, id),
  constraint webhook_subscriptions_disabled_at_check check ((status = 'disabled') = (disabled_at is not null)),
  constraint webhook_subscriptions_disabled_reason_check check ((status = 'disabled') = (disabled_reason is not null))
);
comment on table events.webhook_subscriptions is E'@typeid wsub\n@behavior -insert\nAn address that is told of events.';
comment on column events.webhook_subscriptions.url is 'Address that events are sent to.';
comment on column events.webhook_subscriptions.types is 'Types of events to send, such as contact.created or contact.*; empty for all.';
comment on column events.webhook_subscriptions.api_version is 'Version of the API in whose form payloads are sent.';
comment on column events.webhook_subscriptions.failure_count is 'How many deliveries in a row were given up.';
comment on column events.webhook_subscriptions.failing_since is 'Since when no delivery has gone through; null when the last one did.';
comment on column events.webhook_subscriptions.active_since is E'@behavior -*\nWhen it was made or last switched on.';
comment on column events.webhook_subscriptions.start_position is E'@behavior -*\nWhere the feed stood then: it is told of what comes after.';
create unique index if not exists webhook_subscriptions_name_key on events.webhook_subscriptions (tenant_id, name) where deleted_at is null;
create index if not exists webhook_subscriptions_status_idx on events.webhook_subscriptions (tenant_id, status, id);
select ddl.foreign_key('events.webhook_subscriptions', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('events.webhook_subscriptions', p_insert => '{name,description,url,types}',
  p_update => '{name,description,url,types,status}', p_write_role => 'rowhouse_admin', p_select_role => 'rowhouse_manager');

create or replace function events.note_subscription_status() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  if new.status = 'active' then
    new.active_since := clock_timestamp();
    new.start_position := coalesce(pg_sequence_last_value('events.positions'::regclass), 0);
    new.disabled_reason := null;
    new.disabled_at := null;
    new.failure_count := 0;
    new.failing_since := null;
  else
    new.disabled_reason := coalesce(new.disabled_reason, 'manual');
    new.disabled_at := coalesce(new.disabled_at, now());
  end if;
  return new;
end
$$;
comment on function events.note_subscription_status() is 'Notes when and why a subscription was switched off; switched on again, it starts afresh.';
select ddl.trigger('events.webhook_subscriptions', '_300_status', $$before update of status for each row
  when (old.status is distinct from new.status) execute function events.note_subscription_status()$$);
--! EndIncluded events/webhook_subscriptions.sql
--! Included events/webhook_subscription_secrets.sql
-- Signing secrets stand apart from their subscriptions, where no grant of the API reaches.
create table if not exists private.webhook_subscription_secrets (
  tenant_id uuid not null,
  webhook_subscription_id uuid not null,
  sealed_secret bytea not null,
  previous_sealed_secret bytea,
  previous_expires_at timestamptz,
  rotated_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint webhook_subscription_secrets_pkey primary key (tenant_id, webhook_subscription_id)
);
comment on table private.webhook_subscription_secrets is 'Secrets that sign outgoing webhooks, sealed with the server''s key. After a rotation the previous one signs too, until it expires.';
select ddl.foreign_key('private.webhook_subscription_secrets', 'webhook_subscription_id', 'events.webhook_subscriptions', 'cascade', p_index => false);
select ddl.private_table('private.webhook_subscription_secrets');
select ddl.trigger('private.webhook_subscription_secrets', '_100_stamp', 'before update for each row execute function app.stamp()');
grant select on private.webhook_subscription_secrets to rowhouse_definer;
--! EndIncluded events/webhook_subscription_secrets.sql
--! Included events/webhook_deliveries.sql
-- One event on its way to one subscriber. The event is not a foreign key: whole months of events are dropped,
-- and a delivery has the payload as it was when the event happened.
create table if not exists events.webhook_deliveries (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  webhook_subscription_id uuid not null,
  event_id uuid not null,
  event_type text not null constraint webhook_deliveries_event_type_check check (length(event_type) between 1 and 200),
  position bigint not null default 0,
  subject_type text not null default 'events',
  subject_id uuid,
  payload jsonb not null constraint webhook_deliveries_payload_check check (jsonb_typeof(payload) = 'object'),
  status events.webhook_delivery_status not null default 'pending',
  is_blocked boolean not null default false,
  attempt_count integer not null default 0 constraint webhook_deliveries_attempt_count_check check (attempt_count >= 0),
  response_status integer constraint webhook_deliveries_response_status_check check (response_status between 100 and 599),
  response_body text constraint webhook_deliveries_response_body_check check (length(response_body) <= 2000),
  error_code text,
  error_message text,
  next_attempt_at timestamptz default now(),
  last_attempt_at timestamptz,
  delivered_at timestamptz,
  replayed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint webhook_deliveries_pkey primary key (tenant_id, id),
  constraint webhook_deliveries_next_attempt_at_check check ((next_attempt_at is not null) = (status in ('pending', 'delivering', 'failed'))),
  constraint webhook_deliveries_delivered_at_check check ((delivered_at is not null) = (status = 'delivered'))
);
comment on table events.webhook_deliveries is E'@typeid wdel\nAn event on its way to a subscriber, and what the receiver answered.';
comment on column events.webhook_deliveries.event_id is E'@typeid evt\nThe event. It may be gone by now: events are dropped by the month.';
comment on column events.webhook_deliveries.event_type is 'Type of the event.';
comment on column events.webhook_deliveries.position is E'@behavior -*\nPlace of the event in the feed: the order among events of one subject.';
comment on column events.webhook_deliveries.subject_type is E'@behavior -*\nTable of the rows that the event is about.';
comment on column events.webhook_deliveries.subject_id is E'@behavior -*\nThe row that the event is about; null when it is about several, and then nothing of that table overtakes it.';
comment on column events.webhook_deliveries.is_blocked is 'Whether an earlier event of the same subject must be delivered, or given up, before.';
comment on column events.webhook_deliveries.attempt_count is 'How often it was tried, since it was last replayed.';
comment on column events.webhook_deliveries.replayed_at is 'When somebody last had it sent once more.';
comment on column events.webhook_deliveries.payload is 'What is sent, fixed when the event happened: every attempt sends the same.';
comment on column events.webhook_deliveries.response_status is 'HTTP status of the last answer.';
comment on column events.webhook_deliveries.response_body is 'The beginning of the last answer.';
comment on column events.webhook_deliveries.error_code is 'Code of the last error.';
comment on column events.webhook_deliveries.next_attempt_at is 'When it is tried next; a delivery that is being made is tried again then, should its worker be lost.';
create unique index if not exists webhook_deliveries_webhook_subscription_id_event_id_key
  on events.webhook_deliveries (tenant_id, webhook_subscription_id, event_id);
create index if not exists webhook_deliveries_webhook_subscription_id_idx on events.webhook_deliveries (tenant_id, webhook_subscription_id, id);
create index if not exists webhook_deliveries_event_id_idx on events.webhook_deliveries (tenant_id, event_id);
create index if not exists webhook_deliveries_status_idx on events.webhook_deliveries (tenant_id, status, id);
create index if not exists webhook_deliveries_subject_idx on events.webhook_deliveries (tenant_id, webhook_subscription_id, subject_type, subject_id, position)
  where next_attempt_at is not null;
create index if not exists webhook_deliveries_ready_idx on events.webhook_deliveries (tenant_id, webhook_subscription_id, next_attempt_at)
  where next_attempt_at is not null and not is_blocked;
create index if not exists webhook_deliveries_next_attempt_at_idx on events.webhook_deliveries (tenant_id, next_attempt_at) where next_attempt_at is not null;
select ddl.foreign_key('events.webhook_deliveries', 'webhook_subscription_id', 'events.webhook_subscriptions', 'cascade', p_index => false);
comment on constraint webhook_deliveries_webhook_subscription_id_fkey on events.webhook_deliveries is E'@fieldName subscription\n@foreignFieldName deliveries';
select ddl.tenant_table('events.webhook_deliveries', p_select_role => 'rowhouse_manager');
grant select, update on events.webhook_deliveries to rowhouse_definer;
select ddl.state_machine('events.webhook_deliveries', 'status',
  '{"pending": ["delivering", "dead"], "delivering": ["delivered", "failed", "dead", "pending"], "failed": ["delivering", "dead"], "dead": ["pending"], "delivered": ["pending"]}',
  '{pending}');

create or replace function events.note_delivery_status() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if new.payload <> old.payload or new.event_id <> old.event_id or new.webhook_subscription_id <> old.webhook_subscription_id then
    perform app.raise('FORBIDDEN', format('What delivery %s sends, and to whom, is fixed. Make a new delivery.', old.id));
  end if;
  if new.status <> old.status then
    new.delivered_at := case when new.status = 'delivered' then coalesce(new.delivered_at, now()) end;
    new.next_attempt_at := case when new.status in ('pending', 'delivering', 'failed') then coalesce(new.next_attempt_at, now()) end;
    if new.status = 'pending' and old.status in ('delivered', 'dead') then
      new.attempt_count := 0;
      new.replayed_at := now();
    end if;
    if new.status = 'delivering' then
      new.attempt_count := old.attempt_count + 1;
      new.last_attempt_at := clock_timestamp();
    end if;
  end if;
  return new;
end
$$;
comment on function events.note_delivery_status() is 'Counts the attempts of a delivery and keeps its times; what it sends never changes.';
select ddl.trigger('events.webhook_deliveries', '_300_status', 'before update for each row execute function events.note_delivery_status()');
--! EndIncluded events/webhook_deliveries.sql
--! Included events/event_rows.sql
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
--! EndIncluded events/event_rows.sql
--! Included events/add_webhook_deliveries.sql
-- Nothing of a subject overtakes what came before it: a delivery is blocked until the earlier ones are over. An event of several
-- rows blocks, and waits for, everything of its table. All of this happens under the lock of the subscription's row.
-- A plan that was made while the table was empty would look through all of it for ever: it goes by the indexes, here and where deliveries
-- are claimed and settled.
create or replace function private.unblock_webhook_deliveries(p_tenant_id uuid, p_lanes jsonb) returns void
language sql security definer set search_path to pg_catalog
set enable_seqscan to off set enable_bitmapscan to off set enable_hashjoin to off set enable_mergejoin to off
begin atomic
  with lanes as (
    select distinct l.subscription_id, l.subject_type, l.subject_id from jsonb_to_recordset(p_lanes) l (subscription_id uuid, subject_type text, subject_id uuid)
  ), next as (
    -- The first of the subject, the first that is about several, and after one of those whatever it held back.
    select f.* from lanes l cross join lateral (
      (select d.id, d.webhook_subscription_id, d.subject_type, d.subject_id, d.position from events.webhook_deliveries d
       where d.tenant_id = p_tenant_id and d.webhook_subscription_id = l.subscription_id and d.subject_type = l.subject_type
         and d.subject_id = l.subject_id and d.next_attempt_at is not null order by d.position limit 1)
      union all
      (select d.id, d.webhook_subscription_id, d.subject_type, d.subject_id, d.position from events.webhook_deliveries d
       where d.tenant_id = p_tenant_id and d.webhook_subscription_id = l.subscription_id and d.subject_type = l.subject_type
         and d.subject_id is null and d.next_attempt_at is not null order by d.position limit 1)
      union all
      (select d.id, d.webhook_subscription_id, d.subject_type, d.subject_id, d.position from events.webhook_deliveries d
       where l.subject_id is null and d.tenant_id = p_tenant_id and d.webhook_subscription_id = l.subscription_id and d.subject_type = l.subject_type
         and d.subject_id is not null and d.next_attempt_at is not null and d.is_blocked and d.position < coalesce((
           select min(b.position) from events.webhook_deliveries b
           where b.tenant_id = p_tenant_id and b.webhook_subscription_id = l.subscription_id and b.subject_type = l.subject_type
             and b.subject_id is null and b.next_attempt_at is not null), 9223372036854775807))
    ) f
  )
  update events.webhook_deliveries d set is_blocked = false
  from next n
  where d.tenant_id = p_tenant_id and d.id = n.id and d.is_blocked
    and not exists (
      select from events.webhook_deliveries e
      where e.tenant_id = p_tenant_id and e.webhook_subscription_id = n.webhook_subscription_id and e.subject_type = n.subject_type
        and e.subject_id is null and e.position < n.position and e.next_attempt_at is not null)
    and not exists (
      select from events.webhook_deliveries e
      where e.tenant_id = p_tenant_id and e.webhook_subscription_id = n.webhook_subscription_id and e.subject_type = n.subject_type
        and e.subject_id = n.subject_id and e.position < n.position and e.next_attempt_at is not null)
    and (n.subject_id is not null or not exists (
      select from events.webhook_deliveries e
      where e.tenant_id = p_tenant_id and e.webhook_subscription_id = n.webhook_subscription_id and e.subject_type = n.subject_type
        and e.position < n.position and e.next_attempt_at is not null));
end;
comment on function private.unblock_webhook_deliveries(uuid, jsonb) is
  'Lets deliveries go whose earlier ones are over, in lanes of {subscription_id, subject_type, subject_id}. The caller holds the locks of the subscriptions.';
revoke all on function private.unblock_webhook_deliveries(uuid, jsonb) from public;

create or replace function private.add_webhook_deliveries(p_deliveries jsonb, p_is_replay boolean default false) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_tenant_id uuid := app.tenant_id();
  v_lanes jsonb;
  v_count integer;
begin
  perform from events.webhook_subscriptions s
  where s.tenant_id = v_tenant_id and s.id in (select (d ->> 'subscription_id')::uuid from jsonb_array_elements(p_deliveries) d)
  order by s.id for no key update;
  with given as (
    select * from jsonb_to_recordset(p_deliveries) g (
      subscription_id uuid, event_id uuid, event_type text, position bigint, subject_type text, subject_id uuid, payload jsonb)
  ), made as (
    insert into events.webhook_deliveries as d
      (tenant_id, webhook_subscription_id, event_id, event_type, position, subject_type, subject_id, payload, is_blocked)
    select v_tenant_id, g.subscription_id, g.event_id, g.event_type, g.position, g.subject_type, g.subject_id, g.payload, true
    from given g join events.webhook_subscriptions s on s.tenant_id = v_tenant_id and s.id = g.subscription_id and s.deleted_at is null
    order by g.position
    -- What is on its way already goes on; what is over goes once more where that is asked for, with what it said.
    on conflict (tenant_id, webhook_subscription_id, event_id) do update set status = 'pending', next_attempt_at = now(), is_blocked = true
      where p_is_replay and d.status in ('delivered', 'dead')
    returning d.webhook_subscription_id as subscription_id, d.subject_type, d.subject_id
  )
  select count(*), jsonb_agg(distinct to_jsonb(m)) into v_count, v_lanes from made m;
  if v_count = 0 then
    return 0;
  end if;
  if p_is_replay then
    -- What stands after them waits for them.
    update events.webhook_deliveries d set is_blocked = true
    from (select distinct l.subscription_id, l.subject_type from jsonb_to_recordset(v_lanes) l (subscription_id uuid, subject_type text)) l
    where d.tenant_id = v_tenant_id and d.webhook_subscription_id = l.subscription_id and d.subject_type = l.subject_type
      and d.status in ('pending', 'failed') and not d.is_blocked;
    select jsonb_agg(distinct jsonb_build_object('subscription_id', d.webhook_subscription_id, 'subject_type', d.subject_type, 'subject_id', d.subject_id))
    into v_lanes
    from events.webhook_deliveries d
    join (select distinct l.subscription_id, l.subject_type from jsonb_to_recordset(v_lanes) l (subscription_id uuid, subject_type text)) l
      on d.webhook_subscription_id = l.subscription_id and d.subject_type = l.subject_type
    where d.tenant_id = v_tenant_id and d.next_attempt_at is not null;
  end if;
  perform private.unblock_webhook_deliveries(v_tenant_id, v_lanes);
  perform pg_notify('rowhouse_webhooks', '');
  return v_count;
end
$$;
comment on function private.add_webhook_deliveries(jsonb, boolean) is
  'Makes deliveries of events of this tenant, each once per subscription. A replay also sends what is over once more, before what stands after it.';
revoke all on function private.add_webhook_deliveries(jsonb, boolean) from public;
grant execute on function private.add_webhook_deliveries(jsonb, boolean) to rowhouse_system;
--! EndIncluded events/add_webhook_deliveries.sql
--! Included events/claim_webhook_deliveries.sql
grant select, update (updated_at) on events.webhook_subscriptions to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.claim_webhook_deliveries(p_limit integer, p_per_subscription integer, p_per_tenant integer, p_lease interval)
returns table (
  tenant_id uuid, id uuid, subscription_id uuid, url text, event_id uuid, body text, attempt integer, lease text, waited double precision,
  sealed_secret bytea, previous_sealed_secret bytea
)
language plpgsql security definer set search_path to pg_catalog
set enable_seqscan to off set enable_bitmapscan to off set enable_hashjoin to off set enable_mergejoin to off as $$
#variable_conflict use_column
declare
  v_tenant_ids uuid[];
  v_ids uuid[];
begin
  -- One worker at a time hands out what a subscription has, so that no limit is exceeded; others need not wait for it.
  select array_agg(l.tenant_id), array_agg(l.id) into v_tenant_ids, v_ids
  from (
    select s.tenant_id, s.id from events.webhook_subscriptions s
    where s.status = 'active' and s.deleted_at is null
      and exists (select from events.webhook_deliveries d
        where d.tenant_id = s.tenant_id and d.webhook_subscription_id = s.id and not d.is_blocked and d.next_attempt_at <= clock_timestamp())
    for no key update of s skip locked
  ) l;
  if v_ids is null then
    return;
  end if;
  return query
  with busy as (
    select d.tenant_id, d.webhook_subscription_id, count(*) as count from events.webhook_deliveries d
    where d.tenant_id = any (v_tenant_ids) and d.status = 'delivering' and d.next_attempt_at > clock_timestamp() group by 1, 2
  ), ready as (
    -- The first of each subscription come before the second of any, and the first of each tenant before its second.
    select s.tenant_id, r.id, r.next_attempt_at, row_number() over (partition by s.tenant_id order by r.rank, r.next_attempt_at)
      + coalesce((select sum(b.count) from busy b where b.tenant_id = s.tenant_id), 0) as rank
    from unnest(v_tenant_ids, v_ids) s (tenant_id, id)
    cross join lateral (
      select d.id, d.next_attempt_at, row_number() over (order by d.next_attempt_at, d.position) as rank
      from events.webhook_deliveries d
      where d.tenant_id = s.tenant_id and d.webhook_subscription_id = s.id and not d.is_blocked and d.next_attempt_at <= clock_timestamp()
      order by d.next_attempt_at, d.position
      limit greatest(p_per_subscription - coalesce((select b.count from busy b where b.tenant_id = s.tenant_id and b.webhook_subscription_id = s.id), 0), 0)
    ) r
  ), picked as (
    select r.tenant_id, r.id from ready r where r.rank <= p_per_tenant order by r.rank, r.next_attempt_at limit p_limit
  ), claimed as (
    update events.webhook_deliveries d
    -- One that its worker never settled is taken again, which counts as an attempt, too.
    set status = 'delivering', attempt_count = d.attempt_count + (d.status = 'delivering')::integer, next_attempt_at = clock_timestamp() + p_lease
    from picked p
    where d.tenant_id = p.tenant_id and d.id = p.id and d.next_attempt_at <= clock_timestamp()
    returning d.tenant_id, d.id, d.webhook_subscription_id, d.event_id, d.payload, d.attempt_count, d.next_attempt_at,
      extract(epoch from clock_timestamp() - coalesce(d.replayed_at, d.created_at))::double precision as waited
  )
  select c.tenant_id, c.id, c.webhook_subscription_id, s.url, c.event_id, c.payload::text, c.attempt_count, c.next_attempt_at::text, c.waited,
    k.sealed_secret, case when k.previous_expires_at > now() then k.previous_sealed_secret end
  from claimed c
  join events.webhook_subscriptions s on s.tenant_id = c.tenant_id and s.id = c.webhook_subscription_id
  left join private.webhook_subscription_secrets k on k.tenant_id = c.tenant_id and k.webhook_subscription_id = c.webhook_subscription_id;
end
$$;
comment on function private.claim_webhook_deliveries(integer, integer, integer, interval) is
  'Hands deliveries that are due to a worker, until the lease ends: fair between tenants, a limited number at a time for each subscription and tenant. Crosses tenants: one worker delivers for all of them.';
grant execute on function private.claim_webhook_deliveries(integer, integer, integer, interval) to rowhouse_worker;
revoke all on function private.claim_webhook_deliveries(integer, integer, integer, interval) from public;

create or replace function private.webhook_tenants() returns table (tenant_id uuid, since timestamptz)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select s.tenant_id, min(s.active_since) from events.webhook_subscriptions s where s.status = 'active' and s.deleted_at is null group by 1;
end;
comment on function private.webhook_tenants() is 'The tenants with an active outgoing webhook, and since when. Crosses tenants: one worker follows the feeds of all of them.';
grant execute on function private.webhook_tenants() to rowhouse_worker;
revoke all on function private.webhook_tenants() from public;
set local role rowhouse_owner;
--! EndIncluded events/claim_webhook_deliveries.sql
--! Included events/webhook_notices.sql
set local role rowhouse_definer;
create or replace function private.tell_webhook_disabled(p_tenant_id uuid, p_subscription_id uuid) returns void
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform private.queue_mail('webhook_disabled', u.email, p_tenant_id, p_subscription_id)
  from iam.memberships m join iam.users u on u.id = m.user_id and u.deleted_at is null
  where m.tenant_id = p_tenant_id and m.deleted_at is null and m.role in ('owner', 'admin');
end
$$;
comment on function private.tell_webhook_disabled(uuid, uuid) is
  'Has the admins of a tenant told by mail that an outgoing webhook was switched off. Crosses tenants: users belong to none.';
grant execute on function private.tell_webhook_disabled(uuid, uuid) to rowhouse_owner;
revoke all on function private.tell_webhook_disabled(uuid, uuid) from public;

create or replace function private.open_webhook_mail(p_tenant_id uuid, p_subscription_id uuid) returns jsonb
language sql stable security definer set search_path to pg_catalog
begin atomic
  select jsonb_build_object('tenantName', t.name, 'name', s.name, 'url', s.url, 'reason', s.disabled_reason, 'disabledAt', s.disabled_at)
  from events.webhook_subscriptions s join iam.tenants t on t.id = s.tenant_id
  where s.tenant_id = p_tenant_id and s.id = p_subscription_id and s.status = 'disabled' and s.deleted_at is null and t.deleted_at is null;
end;
comment on function private.open_webhook_mail(uuid, uuid) is
  'What the mail about a webhook that was switched off says; nothing when it is on again. Crosses tenants: see queue_mail.';
revoke all on function private.open_webhook_mail(uuid, uuid) from public;
set local role rowhouse_owner;
--! EndIncluded events/webhook_notices.sql
--! Included events/settle_webhook_deliveries.sql
create or replace function private.settle_webhook_deliveries(p_results jsonb, p_disable_days integer, p_disable_deaths integer)
returns table (delivery_id uuid, status text, is_disabled boolean)
language plpgsql security definer set search_path to pg_catalog
set enable_seqscan to off set enable_bitmapscan to off set enable_hashjoin to off set enable_mergejoin to off as $$
#variable_conflict use_column
declare
  v_tenant_id uuid := app.tenant_id();
  v_settled jsonb;
  v_disabled uuid[];
begin
  perform from events.webhook_subscriptions s
  where s.tenant_id = v_tenant_id and s.id in (select (r ->> 'subscription_id')::uuid from jsonb_array_elements(p_results) r)
  order by s.id for no key update;
  with results as (
    select * from jsonb_to_recordset(p_results) r (
      id uuid, subscription_id uuid, lease timestamptz, outcome text, response_status integer, response_body text,
      error_code text, error_message text, retry_seconds double precision)
  ), settled as (
    -- Only what is still held: a lease that ended has gone to somebody else.
    update events.webhook_deliveries d
    set status = case r.outcome when 'gone' then 'dead' else r.outcome end, response_status = r.response_status, response_body = r.response_body,
      error_code = r.error_code, error_message = r.error_message, delivered_at = case when r.outcome = 'delivered' then clock_timestamp() end,
      next_attempt_at = case when r.outcome = 'failed' then clock_timestamp() + make_interval(secs => r.retry_seconds) end
    from results r
    where d.tenant_id = v_tenant_id and d.id = r.id and d.status = 'delivering' and d.next_attempt_at = r.lease
    returning d.id, d.webhook_subscription_id as subscription_id, d.subject_type, d.subject_id, r.outcome
  )
  select coalesce(jsonb_agg(to_jsonb(s)), '[]') into v_settled from settled s;
  perform private.unblock_webhook_deliveries(v_tenant_id,
    (select coalesce(jsonb_agg(s), '[]') from jsonb_array_elements(v_settled) s where s ->> 'outcome' <> 'failed'));

  with heard as (
    select s.subscription_id, bool_or(s.outcome = 'delivered') as has_delivered, count(*) filter (where s.outcome = 'dead') as deaths, bool_or(s.outcome = 'gone') as is_gone
    from jsonb_to_recordset(v_settled) s (subscription_id uuid, outcome text) group by 1
  )
  update events.webhook_subscriptions s
  set failure_count = case when h.has_delivered then 0 else s.failure_count + h.deaths end,
    failing_since = case when not h.has_delivered then coalesce(s.failing_since, clock_timestamp()) end
  from heard h
  where s.tenant_id = v_tenant_id and s.id = h.subscription_id
    and case when h.has_delivered then s.failure_count > 0 or s.failing_since is not null else h.deaths > 0 or s.failing_since is null end;
  with ended as (
    update events.webhook_subscriptions s
    set status = 'disabled', disabled_reason = case when h.is_gone then 'gone' else 'failing' end
    from (select x.subscription_id, bool_or(x.outcome = 'gone') as is_gone from jsonb_to_recordset(v_settled) x (subscription_id uuid, outcome text) group by 1) h
    where s.tenant_id = v_tenant_id and s.id = h.subscription_id and s.status = 'active'
      and (h.is_gone or s.failure_count >= p_disable_deaths or s.failing_since < clock_timestamp() - make_interval(days => p_disable_days))
    returning s.id
  )
  select array_agg(e.id) into v_disabled from ended e;
  perform private.tell_webhook_disabled(v_tenant_id, s.id),
    private.write_event(v_tenant_id, 'webhook_subscription.disabled', 'webhook_subscriptions', array[s.id], 1, jsonb_build_object('disabled_reason', s.disabled_reason))
  from events.webhook_subscriptions s where s.tenant_id = v_tenant_id and s.id = any (v_disabled);
  return query select s.id, case s.outcome when 'gone' then 'dead' else s.outcome end, coalesce(s.subscription_id = any (v_disabled), false)
  from jsonb_to_recordset(v_settled) s (id uuid, subscription_id uuid, outcome text);
end
$$;
comment on function private.settle_webhook_deliveries(jsonb, integer, integer) is
  'Writes how attempts at deliveries of this tenant ended, lets those go that waited for them, and disables a subscription whose receiver is gone or has failed too long. What somebody else has taken over meanwhile is left alone.';
revoke all on function private.settle_webhook_deliveries(jsonb, integer, integer) from public;
grant execute on function private.settle_webhook_deliveries(jsonb, integer, integer) to rowhouse_system;
--! EndIncluded events/settle_webhook_deliveries.sql
--! Included events/forget_webhook_deliveries.sql
grant delete on events.webhook_deliveries to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.forget_webhook_deliveries(p_days integer, p_limit integer) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_before timestamptz := now() - make_interval(days => p_days);
  v_deliveries integer;
  v_rows integer;
begin
  delete from events.webhook_deliveries d using (
    select o.tenant_id, o.id from iam.tenants t cross join lateral (
      select x.tenant_id, x.id from events.webhook_deliveries x
      -- A replay may have made an old one new; what a deleted subscription left will not be sent.
      where x.tenant_id = t.id and x.id < app.uuid_at(v_before) and x.updated_at < v_before and (x.status in ('delivered', 'dead') or exists (
        select from events.webhook_subscriptions s where s.tenant_id = x.tenant_id and s.id = x.webhook_subscription_id and s.deleted_at < v_before))
      limit p_limit) o
    limit p_limit
  ) o where d.tenant_id = o.tenant_id and d.id = o.id;
  get diagnostics v_deliveries = row_count;
  delete from private.event_rows r using (
    select o.tenant_id, o.event_id from iam.tenants t cross join lateral (
      select x.tenant_id, x.event_id from private.event_rows x
      where x.tenant_id = t.id and x.event_id < app.uuid_at(v_before) limit p_limit) o
    limit p_limit
  ) o where r.tenant_id = o.tenant_id and r.event_id = o.event_id;
  get diagnostics v_rows = row_count;
  return greatest(v_deliveries, v_rows);
end
$$;
comment on function private.forget_webhook_deliveries(integer, integer) is
  'Deletes so many deliveries that were over so many days ago, and kept rows of events as old; how many. Crosses tenants: one maintenance task clears away for all of them.';
grant execute on function private.forget_webhook_deliveries(integer, integer) to rowhouse_worker;
revoke all on function private.forget_webhook_deliveries(integer, integer) from public;
set local role rowhouse_owner;
--! EndIncluded events/forget_webhook_deliveries.sql
--! Included events/create_webhook_subscription.sql
create or replace function app.create_webhook_subscription(
  p_id uuid, p_name text, p_description text, p_url text, p_types text[], p_sealed_secret bytea
) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('events:write');
  insert into events.webhook_subscriptions (tenant_id, id, name, description, url, types)
  values (app.tenant_id(), p_id, p_name, p_description, p_url, coalesce(p_types, '{}'));
  insert into private.webhook_subscription_secrets (tenant_id, webhook_subscription_id, sealed_secret) values (app.tenant_id(), p_id, p_sealed_secret);
  return p_id;
end
$$;
comment on function app.create_webhook_subscription(uuid, text, text, text, text[], bytea) is
  'A new outgoing webhook with its signing secret, sealed by the server. The API''s mutation of that name makes the secret and shows it once.';
grant execute on function app.create_webhook_subscription(uuid, text, text, text, text[], bytea) to rowhouse_admin;

create or replace function app.rotate_webhook_secret(p_subscription_id uuid, p_sealed_secret bytea, p_overlap interval) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('events:write');
  if p_overlap not between '0' and interval '30 days' then
    perform app.raise('VALIDATION_FAILED', 'The old secret signs for 0 minutes to 30 days more.', 'overlapMinutes');
  end if;
  perform from events.webhook_subscriptions s
  where s.tenant_id = app.tenant_id() and s.id = p_subscription_id and s.deleted_at is null for no key update;
  if not found then
    perform app.raise('NOT_FOUND', 'There is no such webhook subscription.', 'webhookSubscriptionId');
  end if;
  insert into private.webhook_subscription_secrets as k (tenant_id, webhook_subscription_id, sealed_secret)
  values (app.tenant_id(), p_subscription_id, p_sealed_secret)
  on conflict (tenant_id, webhook_subscription_id) do update set
    previous_sealed_secret = case when p_overlap > '0' then k.sealed_secret end,
    previous_expires_at = case when p_overlap > '0' then now() + p_overlap end,
    sealed_secret = excluded.sealed_secret, rotated_at = now();
  return p_subscription_id;
end
$$;
comment on function app.rotate_webhook_secret(uuid, bytea, interval) is
  'Gives an outgoing webhook a new signing secret, sealed by the server; the old one signs, too, until the overlap ends.';
grant execute on function app.rotate_webhook_secret(uuid, bytea, interval) to rowhouse_admin;
--! EndIncluded events/create_webhook_subscription.sql
--! Included events/webhook_replays.sql
-- A request to send a stretch of the feed to a subscriber once more. The worker goes through it from position to position.
create table if not exists events.webhook_replays (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  webhook_subscription_id uuid not null,
  after_position bigint not null,
  last_position bigint not null,
  since timestamptz,
  until timestamptz,
  status events.webhook_replay_status not null default 'queued',
  event_count bigint not null default 0,
  error_code text,
  error_message text,
  started_by uuid default app.actor_id(),
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint webhook_replays_pkey primary key (tenant_id, id)
);
comment on table events.webhook_replays is E'@typeid wrep\nEvents that are sent to a subscriber once more.';
comment on column events.webhook_replays.after_position is E'@behavior -*\nThe events up to this position are done, or were not asked for.';
comment on column events.webhook_replays.last_position is E'@behavior -*\nThe last position of the feed when it was asked for.';
comment on column events.webhook_replays.since is 'Events from this time on.';
comment on column events.webhook_replays.until is 'Events before this time.';
comment on column events.webhook_replays.event_count is 'For how many events deliveries were made so far.';
comment on column events.webhook_replays.error_code is 'Code of the error that ended it.';
comment on column events.webhook_replays.started_by is 'Actor who asked for it.';
create index if not exists webhook_replays_webhook_subscription_id_idx on events.webhook_replays (tenant_id, webhook_subscription_id, id);
select ddl.foreign_key('events.webhook_replays', 'webhook_subscription_id', 'events.webhook_subscriptions', 'cascade', p_index => false);
comment on constraint webhook_replays_webhook_subscription_id_fkey on events.webhook_replays is E'@fieldName subscription\n@foreignFieldName replays';
select ddl.foreign_key('events.webhook_replays', 'started_by', 'iam.actors', 'set null');
select ddl.tenant_table('events.webhook_replays', p_select_role => 'rowhouse_manager');
select ddl.state_machine('events.webhook_replays', 'status',
  '{"queued": ["running", "failed"], "running": ["succeeded", "failed", "queued"], "succeeded": [], "failed": ["running"]}', '{queued}');
select ddl.enqueue('events.webhook_replays', 'replay_webhook_events', 'insert');
--! EndIncluded events/webhook_replays.sql
--! Included events/replay_webhooks.sql
create or replace function events.replay_webhook_delivery(webhook_delivery_id uuid) returns events.webhook_deliveries
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_delivery events.webhook_deliveries;
begin
  perform app.require_scope('events:write');
  select * into v_delivery from events.webhook_deliveries d
  where d.tenant_id = app.tenant_id() and d.id = replay_webhook_delivery.webhook_delivery_id;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no webhook delivery %s.', replay_webhook_delivery.webhook_delivery_id), 'webhookDeliveryId');
  end if;
  if v_delivery.status not in ('delivered', 'dead') then
    perform app.raise('INVALID_STATE', format('Delivery %s is %s: it is on its way already.', v_delivery.id, v_delivery.status), 'webhookDeliveryId');
  end if;
  perform private.add_webhook_deliveries(jsonb_build_array(jsonb_build_object(
    'subscription_id', v_delivery.webhook_subscription_id, 'event_id', v_delivery.event_id, 'event_type', v_delivery.event_type, 'position', v_delivery.position,
    'subject_type', v_delivery.subject_type, 'subject_id', v_delivery.subject_id, 'payload', v_delivery.payload)), true);
  select * into v_delivery from events.webhook_deliveries d
  where d.tenant_id = app.tenant_id() and d.id = replay_webhook_delivery.webhook_delivery_id;
  return v_delivery;
end
$$;
comment on function events.replay_webhook_delivery(uuid) is
  'Sends a delivery that is over once more: the same webhook-id and the same body, signed anew. It waits while its subscription is disabled.';
grant execute on function events.replay_webhook_delivery(uuid) to rowhouse_admin;

create or replace function events.replay_webhook_events(
  webhook_subscription_id uuid, after text default null, since timestamptz default null, until timestamptz default null
) returns events.webhook_replays
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_replay events.webhook_replays;
begin
  perform app.require_scope('events:write');
  perform from events.webhook_subscriptions s
  where s.tenant_id = app.tenant_id() and s.id = replay_webhook_events.webhook_subscription_id and s.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no webhook subscription %s.', replay_webhook_events.webhook_subscription_id), 'webhookSubscriptionId');
  end if;
  if after is null and since is null then
    perform app.raise('VALIDATION_FAILED', 'Say from where on events are sent once more: after a cursor, or since a time.', 'since');
  end if;
  if since >= until then
    perform app.raise('VALIDATION_FAILED', 'The end of a replay comes after its beginning.', 'until');
  end if;
  insert into events.webhook_replays (tenant_id, webhook_subscription_id, after_position, last_position, since, until)
  values (app.tenant_id(), replay_webhook_events.webhook_subscription_id, coalesce(events.position_of(after), 0), (events.feed_bounds()).horizon, since, until)
  returning * into v_replay;
  return v_replay;
end
$$;
comment on function events.replay_webhook_events(uuid, text, timestamptz, timestamptz) is
  'Sends a stretch of the feed to a subscriber once more, in its order and as far as it matches the types of the subscription: what was delivered or given up goes again under the same webhook-id with the same body, what never had a delivery gets one.';
grant execute on function events.replay_webhook_events(uuid, text, timestamptz, timestamptz) to rowhouse_admin;

create or replace function events.test_webhook_subscription(webhook_subscription_id uuid) returns events.webhook_deliveries
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_subscription events.webhook_subscriptions;
  v_event_id uuid := uuidv7();
  v_delivery events.webhook_deliveries;
begin
  perform app.require_scope('events:write');
  select * into v_subscription from events.webhook_subscriptions s
  where s.tenant_id = app.tenant_id() and s.id = test_webhook_subscription.webhook_subscription_id and s.deleted_at is null for no key update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no webhook subscription %s.', test_webhook_subscription.webhook_subscription_id), 'webhookSubscriptionId');
  end if;
  if v_subscription.status <> 'active' then
    perform app.raise('INVALID_STATE', format('Webhook subscription %s is disabled: nothing is sent. Set its status to ACTIVE first.', v_subscription.id), 'webhookSubscriptionId');
  end if;
  insert into events.webhook_deliveries (tenant_id, webhook_subscription_id, event_id, event_type, subject_type, subject_id, payload)
  values (v_subscription.tenant_id, v_subscription.id, v_event_id, 'webhook.ping', 'ping', v_event_id,
    jsonb_build_object('type', 'webhook.ping', 'timestamp', to_jsonb(now()), 'data', jsonb_build_object('subscription', v_subscription.name)))
  returning * into v_delivery;
  perform pg_notify('rowhouse_webhooks', '');
  return v_delivery;
end
$$;
comment on function events.test_webhook_subscription(uuid) is 'Sends an event of type webhook.ping to a subscriber, whatever types it asks for.';
grant execute on function events.test_webhook_subscription(uuid) to rowhouse_admin;
--! EndIncluded events/replay_webhooks.sql
--! Included events/fed_tables.sql
-- Every table whose changes others follow. Left out as ignored is what is counted or noted as the row is used. The payload
-- has ids and states only: viewers read it, and what a row says is for its own table to show.
select ddl.feed('iam.memberships', p_payload => '{role}');

select ddl.feed('crm.contacts');
select ddl.feed('crm.channel_identifiers', p_payload => '{contact_id,channel}');
select ddl.feed('crm.contact_addresses', p_payload => '{contact_id}');
select ddl.feed('crm.contact_attributes', p_payload => '{contact_id}');
select ddl.feed('crm.contact_consents', p_payload => '{contact_id,channel,purpose,is_granted}');
select ddl.feed('crm.contact_tags');
select ddl.feed('crm.contact_tag_mapping', p_payload => '{contact_id,contact_tag_id}');
select ddl.feed('crm.contact_timeline_events', p_payload => '{contact_id,event_type}');
select ddl.feed('crm.companies');
select ddl.feed('crm.positions', p_payload => '{contact_id,company_id}');
select ddl.feed('crm.sectors');
select ddl.feed('crm.leads', p_ignored => '{attempt_count,last_attempt_at,last_response_at}', p_payload => '{status,assigned_to}');
select ddl.feed('crm.lead_contacts', p_payload => '{lead_id,contact_id}');
select ddl.feed('crm.lead_labels');
select ddl.feed('crm.lead_label_mapping', p_payload => '{lead_id,lead_label_id}');
select ddl.feed('crm.merges', p_payload => '{winner_contact_id,loser_contact_id,winner_company_id,loser_company_id}');

select ddl.feed('lists.lists', p_ignored => '{entry_count}', p_payload => '{status}');
select ddl.feed('lists.list_imports', p_status => 'status', p_payload => '{list_id,is_dry_run}', p_ignored => '{headers,byte_count,line_count,accepted_count,rejected_count,warning_count,inserted_count,filled_count,overwritten_count,skipped_count,removed_count,restored_count,checkpoint}');
-- Imported by the million and enriched by the hundred: what changed is not worked out.
select ddl.feed('lists.list_entries', p_compare => false, p_payload => '{list_id}');
select ddl.feed('lists.data_groups', p_ignored => '{entry_count,evaluated_at}', p_payload => '{list_id}');
select ddl.feed('lists.data_group_entries', p_payload => '{data_group_id,list_entry_id}');
select ddl.feed('lists.filter_rules');
select ddl.feed('lists.enrichment_plans', p_ignored => '{run_count,last_run_at}', p_payload => '{list_id,status}');
select ddl.feed('lists.enrichment_plan_steps', p_payload => '{enrichment_plan_id}');
select ddl.feed('lists.enrichment_queue_jobs', p_status => 'status', p_payload => '{enrichment_plan_id,list_id}',
  p_ignored => '{entry_count,processed_count,changed_count,failed_count,attempt_count,progress_log,leased_by,lease_expires_at,started_at}');
select ddl.feed('lists.export_jobs', p_status => 'status', p_payload => '{list_id}', p_ignored => '{row_count,byte_count,total_count}');
select ddl.feed('lists.export_deliveries', p_status => 'status', p_payload => '{export_job_id,connection_id}', p_ignored => '{byte_count}');
select ddl.feed('lists.connections', p_ignored => '{last_tested_at,last_test_error,last_used_at}', p_payload => '{kind,status}');

select ddl.feed('outreach.template_categories');
select ddl.feed('outreach.templates', p_payload => '{status}');
select ddl.feed('outreach.template_versions', p_status => 'status', p_payload => '{template_id}');
select ddl.feed('outreach.whatsapp_hsm_approvals', p_status => 'status', p_payload => '{template_id,template_version_id}');
select ddl.feed('outreach.prompts');
select ddl.feed('outreach.segments', p_ignored => '{member_count,evaluated_at}');
select ddl.feed('outreach.segment_rules', p_payload => '{segment_id}');
select ddl.feed('outreach.segment_members', p_payload => '{segment_id,contact_id}');
select ddl.feed('outreach.campaigns', p_status => 'status');
select ddl.feed('outreach.campaign_segments', p_payload => '{campaign_id,segment_id}');
select ddl.feed('outreach.campaign_variants', p_payload => '{campaign_id}');
select ddl.feed('outreach.campaign_recipients', p_status => 'status', p_payload => '{campaign_id,contact_id}');
select ddl.feed('outreach.sequences', p_status => 'status', p_ignored => '{enrollment_count}');
select ddl.feed('outreach.sequence_steps', p_payload => '{sequence_id}');
select ddl.feed('outreach.step_experiments', p_status => 'status', p_payload => '{sequence_step_id}');
select ddl.feed('outreach.step_experiment_variants', p_payload => '{step_experiment_id}');
select ddl.feed('outreach.sequence_enrollments', p_status => 'status', p_payload => '{sequence_id,contact_id}');
select ddl.feed('outreach.tasks', p_status => 'status', p_payload => '{kind,assigned_to,contact_id,lead_id}');
select ddl.feed('outreach.messages', p_status => 'status', p_payload => '{contact_id,campaign_id,direction,channel}', p_ignored => '{retry_count}');
select ddl.feed('outreach.message_dead_letters', p_payload => '{message_id}', p_ignored => '{attempt_count}');
select ddl.feed('outreach.workflows', p_status => 'status');
select ddl.feed('outreach.workflow_versions', p_status => 'status', p_payload => '{workflow_id}');
select ddl.feed('outreach.workflow_runs', p_status => 'status', p_payload => '{workflow_version_id,contact_id,lead_id}', p_ignored => '{context}');

select ddl.feed('inbox.inbox_threads', p_status => 'status', p_payload => '{contact_id,channel,assigned_to}', p_ignored => '{message_count,unread_count,last_message_at}');
select ddl.feed('inbox.inbox_messages', p_payload => '{thread_id,direction,channel}');
select ddl.feed('inbox.inbox_canned_responses');
select ddl.feed('inbox.inbox_sla_policies');
select ddl.feed('inbox.inbox_sla_clocks', p_status => 'status', p_payload => '{thread_id,kind}', p_ignored => '{paused_seconds}');

select ddl.feed('pipeline.jobs', p_status => 'status', p_payload => '{task,subject_type,subject_id}', p_ignored => '{attempt_count,progress,worker_id,started_at}');
select ddl.feed('pipeline.blueprints');
select ddl.feed('pipeline.blueprint_versions', p_status => 'status', p_payload => '{blueprint_id}');
select ddl.feed('pipeline.pipeline_runs', p_status => 'status', p_payload => '{blueprint_version_id,trigger_type}', p_ignored => '{stats,retry_count}');
select ddl.feed('pipeline.automations', p_ignored => '{trigger_count,last_triggered_at,next_run_at,failure_count}', p_payload => '{is_enabled,disabled_reason}');
select ddl.feed('pipeline.webhook_sources', p_payload => '{is_active}');
-- Of webhooks that come in only those are told that are taken: what strangers send must not fill the feed (private.apply_webhook_verdict).
--! EndIncluded events/fed_tables.sql
--! EndIncluded events/index.sql
--! Included audit/index.sql
-- Who changed what, and when.
create schema if not exists audit;
comment on schema audit is 'Who changed what, and when.';
grant usage on schema audit to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--! Included audit/types.sql
select ddl.enum('audit.audit_action', '{
  "create": "A row was made.", "update": "Values changed.", "delete": "A row was deleted, or marked as deleted.", "restore": "A deleted row came back.",
  "unmask": "Somebody who sees contact data masked asked for it in full; the reason is among the new values."
}', 'What was done to a row.');
--! EndIncluded audit/types.sql
--! Included audit/audit_logs.sql
-- What was done to sensitive rows. The month is in the id, so the key stays (tenant_id, id) although the table is cut into
-- months. Nothing is referred to: what was done stays true when its subject is gone.
create table if not exists audit.audit_logs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  action audit.audit_action not null,
  entity_type text not null,
  entity_id uuid not null,
  old_values jsonb constraint audit_logs_old_values_check check (jsonb_typeof(old_values) = 'object'),
  new_values jsonb constraint audit_logs_new_values_check check (jsonb_typeof(new_values) = 'object'),
  actor_id uuid,
  user_id uuid,
  ip_address inet,
  request_id text,
  created_at timestamptz not null default now(),
  constraint audit_logs_pkey primary key (tenant_id, id)
) partition by range (id);
comment on table audit.audit_logs is
  E'@typeid log\n@foreignKey (tenant_id, actor_id) references iam.actors (tenant_id, id)|@foreignFieldName auditLogs\nWhat was done to a sensitive row: by whom, from where, and which values changed. Kept for two years.';
comment on column audit.audit_logs.entity_type is 'Table of the row.';
comment on column audit.audit_logs.entity_id is 'The row.';
comment on column audit.audit_logs.old_values is 'Values before, of the columns that changed; secrets are left out.';
comment on column audit.audit_logs.new_values is 'Values after, of the columns that changed; secrets are left out.';
comment on column audit.audit_logs.actor_id is 'Actor who did it; none for set-up commands.';
comment on column audit.audit_logs.user_id is 'User who did it.';
comment on column audit.audit_logs.ip_address is 'Address the request came from.';
comment on column audit.audit_logs.request_id is 'Request or job in which it was done.';
create index if not exists audit_logs_entity_id_idx on audit.audit_logs (tenant_id, entity_id, id);
create index if not exists audit_logs_entity_type_idx on audit.audit_logs (tenant_id, entity_type, id);
create index if not exists audit_logs_actor_id_idx on audit.audit_logs (tenant_id, actor_id, id);
create index if not exists audit_logs_created_at_idx on audit.audit_logs (tenant_id, created_at);
select ddl.append_only('audit.audit_logs', p_select_role => 'rowhouse_admin');
grant insert on audit.audit_logs to rowhouse_definer;
select ddl.partition_by_month('audit.audit_logs', interval '2 years');
--! EndIncluded audit/audit_logs.sql
--! Included audit/record_change.sql
set local role rowhouse_definer;
create or replace function private.write_audit_logs(
  p_table text, p_scope text, p_redacted text[], p_ignored text[], p_entity text, p_old jsonb[], p_new jsonb[]
) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  -- A header may say anything; what is no address must not undo the change itself.
  v_ip text := nullif(current_setting('rowhouse.ip', true), '');
  v_ip_address inet := case when pg_input_is_valid(v_ip, 'inet') then v_ip::inet end;
begin
  insert into audit.audit_logs (tenant_id, action, entity_type, entity_id, old_values, new_values, actor_id, user_id, ip_address, request_id)
  select t.id, case
      when o is null then 'create' when n is null then 'delete'
      when n ->> 'deleted_at' is not null and o ->> 'deleted_at' is null then 'delete'
      when n ->> 'deleted_at' is null and o ->> 'deleted_at' is not null then 'restore' else 'update' end,
    p_table, r.entity_id, c.old_values, c.new_values,
    -- An actor is somebody within one tenant; to others, the user says who it was.
    case when t.id = coalesce(app.tenant_id_or_null(), t.id) then app.actor_id() end, app.user_id(), v_ip_address,
    nullif(current_setting('rowhouse.request_id', true), '')
  from (select o, n, (coalesce(n, o) ->> p_entity)::uuid as entity_id from unnest(p_old, p_new) u (o, n)) r
  -- What a secret was is left out, that it changed is not; nothing is still nothing.
  cross join lateral (
    select
      jsonb_object_agg(v.key, case when v.is_secret and v.was <> 'null' then '"[redacted]"' else v.was end) filter (where v.was is not null) as old_values,
      jsonb_object_agg(v.key, case when v.is_secret and v.is_now <> 'null' then '"[redacted]"' else v.is_now end) filter (where v.is_now is not null) as new_values
    from (
      select k as key, k = any (p_redacted) as is_secret,
        case when o is not null then coalesce(o -> k, 'null') end as was, case when n is not null then coalesce(n -> k, 'null') end as is_now
      from jsonb_object_keys(coalesce(n, o)) k where k <> all (p_ignored)
    ) v
    where coalesce(v.was, 'null') <> coalesce(v.is_now, 'null')
  ) c
  -- A user has no column that names the tenant: a change is told to each tenant they belong to; to the one in which it
  -- is made when there is none.
  cross join lateral (
    select (coalesce(n, o) ->> p_scope)::uuid as id where p_scope <> 'membership'
    union all
    select m.tenant_id from iam.memberships m where p_scope = 'membership' and m.user_id = r.entity_id and m.deleted_at is null
    union all
    select app.tenant_id_or_null() where p_scope = 'membership' and app.tenant_id_or_null() is not null
      and not exists (select from iam.memberships m where m.user_id = r.entity_id and m.deleted_at is null)
  ) t
  where (c.old_values is not null or c.new_values is not null)
    -- The end of a whole tenant takes its log with it.
    and (n is not null or exists (select from iam.tenants k where k.id = t.id));
end
$$;
comment on function private.write_audit_logs(text, text, text[], text[], text, jsonb[], jsonb[]) is
  'Writes what changed between rows before and after. Crosses tenants: a user is one person in all of them, and set-up commands have no claims.';
grant execute on function private.write_audit_logs(text, text, text[], text[], text, jsonb[], jsonb[]) to rowhouse_owner;
revoke all on function private.write_audit_logs(text, text, text[], text[], text, jsonb[], jsonb[]) from public;
set local role rowhouse_owner;

create or replace function audit.record_change() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_old jsonb[];
  v_new jsonb[];
  v_ignored text[] := array['tenant_id', 'created_at', 'updated_at'] || tg_argv[2]::text[];
  v_entity text := tg_argv[3];
begin
  if tg_op = 'INSERT' then
    select array_agg(to_jsonb(n)) into v_new from new_rows n;
  elsif tg_op = 'DELETE' then
    select array_agg(to_jsonb(o)) into v_old from old_rows o;
  else
    -- Rows that stayed as they were are not looked at further. One whose key changed is one row less and one row more.
    select array_agg(o.row), array_agg(n.row) into v_old, v_new
    from (select to_jsonb(r) as row from old_rows r) o
    full join (select to_jsonb(r) as row from new_rows r) n
      on n.row ->> v_entity = o.row ->> v_entity and coalesce(n.row ->> 'tenant_id', '') = coalesce(o.row ->> 'tenant_id', '')
    where o.row - v_ignored is distinct from n.row - v_ignored;
  end if;
  if v_old is not null or v_new is not null then
    perform private.write_audit_logs(tg_table_name, tg_argv[0], tg_argv[1]::text[], v_ignored, v_entity, v_old, v_new);
  end if;
  return null;
end
$$;
comment on function audit.record_change() is 'Writes what a statement changed to the audit log, set-wise.';
--! EndIncluded audit/record_change.sql
--! Included audit/audited_tables.sql
-- Every sensitive table: who may do what, where data goes, what is let through, what people agreed to. Ignored is what is
-- written as the row is used, such as counters.
select ddl.audit('iam.tenants', p_scope => 'id');
select ddl.audit('iam.users', p_scope => 'membership');
select ddl.audit('iam.memberships');
select ddl.audit('iam.api_keys', p_ignored => '{last_used_at}');
select ddl.audit('iam.invitations');
select ddl.audit('lists.connections', p_ignored => '{last_tested_at,last_test_error,last_used_at}');
select ddl.audit('lists.export_jobs', p_ignored => '{row_count,byte_count,total_count}');
select ddl.audit('lists.filter_rules');
select ddl.audit('pipeline.automations', p_ignored => '{trigger_count,last_triggered_at,next_run_at,failure_count}');
select ddl.audit('pipeline.webhook_sources', p_redacted => '{path_token}');
select ddl.audit('events.webhook_subscriptions', p_ignored => '{failure_count,failing_since,active_since,start_position}');
select ddl.audit('crm.contact_consents');

-- What a secret is stays unknown, that it was set or replaced does not.
select ddl.audit('private.user_credentials', '{password_hash}', p_scope => 'membership', p_entity => 'user_id');
select ddl.audit('private.connection_secrets', '{sealed_secret}', p_entity => 'connection_id');
select ddl.audit('private.webhook_source_secrets', '{sealed_secret,previous_sealed_secret}', p_entity => 'webhook_source_id');
select ddl.audit('private.webhook_subscription_secrets', '{sealed_secret,previous_sealed_secret}', p_entity => 'webhook_subscription_id');
select ddl.audit('private.user_totp', '{sealed_secret}', p_scope => 'membership', p_ignored => '{last_step}', p_entity => 'user_id');
-- That somebody asked for a new password, and that the link was used: its token is gone then.
select ddl.audit('private.password_reset_tokens', '{token_hash}', p_scope => 'membership', p_entity => 'user_id');
--! EndIncluded audit/audited_tables.sql
--! EndIncluded audit/index.sql
--! Included masked/index.sql
-- What viewers see where their tenant keeps e-mail addresses and phone numbers from them: made from what ddl.masked() says
-- beside the tables. The last file of the book: it looks at everything before it.
create schema if not exists masked;
comment on schema masked is 'What stands in for tables and functions in the sessions of masked viewers.';
revoke all on schema masked from public;
grant usage on schema masked to rowhouse_viewer_masked;
select ddl.masked_all();
-- These act with the rights of their owner, and tell nothing of contacts.
set local role rowhouse_definer;
grant execute on function app.find_templates(text), app.find_template_versions(text) to rowhouse_viewer_masked;
set local role rowhouse_owner;
grant execute on function app.note_effect(text), iam.end_session(uuid), events.feed_bounds() to rowhouse_viewer_masked;
--! EndIncluded masked/index.sql
--! EndIncluded index.sql
