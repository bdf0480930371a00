--! Previous: -
--! Hash: sha1:9cc6ff5a0290eb0ef478c183917ba8180a41ac7a
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

--! Included ddl/enum.sql
create or replace function ddl.enum(p_domain text, p_values text[], p_comment text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := split_part(p_domain, '.', 1);
  v_name text := split_part(p_domain, '.', 2);
  v_check text := format('value in (%s)', (select string_agg(quote_literal(v), ', ') from unnest(p_values) v));
begin
  if to_regtype(p_domain) is null then
    execute format('create domain %I.%I as text constraint %I check (%s)', v_schema, v_name, v_name || '_check', v_check);
  else
    -- The closed list may have grown or shrunk; values in use are checked when the constraint is added.
    execute format('alter domain %I.%I drop constraint if exists %I', v_schema, v_name, v_name || '_check');
    execute format('alter domain %I.%I add constraint %I check (%s)', v_schema, v_name, v_name || '_check', v_check);
  end if;
  execute format('comment on domain %I.%I is %L', v_schema, v_name,
    format(E'@enum %s\n%s', array_to_string(p_values, ','), p_comment));
end
$$;
comment on function ddl.enum(text, text[], text) is
  'A closed list of values as a text domain with a check. Text, because the equality of an enum type is not leakproof and its indexes would not serve under row-level security.';
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
  execute format('create policy %I on %s %s', p_name, p_table, p_definition);
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
  perform ddl.constraint(p_table, v_relname || '_tenant_id_fkey', 'foreign key (tenant_id) references iam.tenants (id) on delete cascade');

  execute format('alter table %s enable row level security', p_table);
  execute format('alter table %s force row level security', p_table);

  -- The wall is restrictive, so it is AND-ed with every other policy: no later policy can open it.
  -- The function stands unwrapped: PostgreSQL inlines it, and the planner sees which tenant it plans for.
  perform ddl.policy(p_table, 'tenant_wall',
    'as restrictive for all to public using (tenant_id = app.tenant_id()) with check (tenant_id = app.tenant_id())');
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

  if v_has_updated_at then
    perform ddl.trigger(p_table, '_100_stamp', 'before update for each row execute function app.stamp()');
  end if;
end
$$;
comment on function ddl.tenant_table(regclass, text[], text[], text, text, text) is
  'Applies the tenant pattern: reference to the tenant, forced row-level security with the tenant wall, select for viewers, insert and update of the named columns for the write role, everything named for the system role, the time stamp. A table with deleted_at and updatable columns can be soft-deleted by its write role.';
--! EndIncluded ddl/tenant_table.sql
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
--! EndIncluded ddl/index.sql
--! Included app/index.sql
-- The session: which tenant, which actor, which user, which role; errors; the time stamp.
create schema if not exists app;
comment on schema app is 'The session of a request or job: its tenant, actor and role, read from the claims of the transaction.';
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
select ddl.enum('iam.tenant_status', array['active', 'suspended', 'closed'], 'Whether a tenant may work.');
select ddl.enum('iam.tenant_plan', array['free', 'team', 'business'], 'What a tenant pays for.');
select ddl.enum('iam.membership_role', array['viewer', 'member', 'manager', 'admin', 'owner'], 'What a user may do in a tenant; each role may do what the ones before it may.');
select ddl.enum('iam.actor_kind', array['user', 'api_key', 'automation', 'system'], 'What kind of actor did something.');
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
comment on column iam.tenants.billing_reference is 'The tenant''s number at the billing provider.';
create unique index if not exists tenants_slug_key on iam.tenants (slug) where deleted_at is null;

alter table iam.tenants enable row level security;
alter table iam.tenants force row level security;
select ddl.policy('iam.tenants', 'tenant_wall', 'as restrictive for all to public using (id = app.tenant_id()) with check (id = app.tenant_id())');
select ddl.policy('iam.tenants', 'all_system', 'for all to rowhouse_system, rowhouse_owner using (true) with check (true)');
select ddl.policy('iam.tenants', 'select_viewer', 'for select to rowhouse_viewer using (true)');
select ddl.policy('iam.tenants', 'update_admin', 'for update to rowhouse_admin using (true) with check (true)');
grant select on iam.tenants to rowhouse_viewer, rowhouse_system;
grant select, insert on iam.tenants to rowhouse_definer;
grant update (name, time_zone, default_country, settings) on iam.tenants to rowhouse_admin;
select ddl.trigger('iam.tenants', '_100_stamp', 'before update for each row execute function app.stamp()');
--! EndIncluded iam/tenants.sql
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
select ddl.tenant_table('iam.memberships', p_update => '{role}', p_write_role => 'rowhouse_admin', p_system => 'select');
grant select, insert, update on iam.memberships to rowhouse_definer;

-- A user is visible to the tenants they belong to: the membership's own wall decides which tenant that is.
select ddl.policy('iam.users', 'tenant_wall', $$as restrictive for all to public
  using (exists (select from iam.memberships m where m.user_id = users.id and m.tenant_id = app.tenant_id()))$$);
select ddl.policy('iam.users', 'select_viewer', 'for select to rowhouse_viewer using (true)');
select ddl.policy('iam.users', 'all_system', 'for all to rowhouse_system, rowhouse_owner using (true) with check (true)');
--! EndIncluded iam/memberships.sql
--! Included iam/actors.sql
-- Everything that records "by whom" points here: a member, later an API key or an automation, or the system itself.
create table if not exists iam.actors (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  kind iam.actor_kind not null,
  membership_id uuid,
  label text not null constraint actors_label_check check (length(label) between 1 and 200),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint actors_pkey primary key (tenant_id, id),
  constraint actors_membership_id_check check ((kind = 'user') = (membership_id is not null))
);
comment on table iam.actors is E'@typeid actor\nWho did something in this tenant.';
comment on column iam.actors.label is 'Name to show, such as the user''s name when the actor was made.';
comment on column iam.actors.membership_id is 'The member, when the actor is a user.';
select ddl.foreign_key('iam.actors', 'membership_id', 'iam.memberships', 'cascade', p_index => false);
create unique index if not exists actors_membership_id_key on iam.actors (tenant_id, membership_id);
create unique index if not exists actors_system_key on iam.actors (tenant_id, kind) where kind = 'system';
select ddl.tenant_table('iam.actors', p_system => 'select');
grant select, insert on iam.actors to rowhouse_definer;
--! EndIncluded iam/actors.sql
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
--! EndIncluded iam/index.sql
--! Included pipeline/index.sql
-- Work: what was queued, what is running, what became of it.
create schema if not exists pipeline;
comment on schema pipeline is 'Work: the history of jobs.';
grant usage on schema pipeline to rowhouse_viewer, rowhouse_system;

--! Included pipeline/types.sql
select ddl.enum('pipeline.job_status', array['queued', 'running', 'retrying', 'succeeded', 'cancelled', 'dead'],
  'Where a job stands. Dead: it failed for good, and waits for a person to mend the cause and retry it.');
--! EndIncluded pipeline/types.sql
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
select ddl.foreign_key('pipeline.jobs', 'queued_by', 'iam.actors', 'set null');
create index if not exists jobs_subject_id_idx on pipeline.jobs (tenant_id, subject_id);
create index if not exists jobs_status_idx on pipeline.jobs (tenant_id, status, id);
select ddl.tenant_table('pipeline.jobs', p_system => 'select, update');
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
--! EndIncluded pipeline/index.sql
--! Included lists/index.sql
-- Lists: what comes in, what is learnt about it, what goes out.
create schema if not exists lists;
comment on schema lists is 'Lists of contact data: imports, entries, enrichment, exports.';
grant usage on schema lists to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--! Included lists/types.sql
select ddl.enum('lists.list_status', array['active', 'archived'], 'Whether a list is worked with.');
select ddl.enum('lists.import_status',
  array['awaiting_upload', 'uploading', 'interrupted', 'queued', 'merging', 'completed', 'failed', 'cancelled', 'undoing', 'undone'],
  'Where an import stands. Interrupted: the upload stopped; send the file again and it goes on after the last line that was kept.');
select ddl.enum('lists.import_format', array['auto', 'csv', 'tsv', 'jsonl'], 'Format of an uploaded file.');
select ddl.enum('lists.duplicate_policy', array['skip', 'fill', 'overwrite', 'keep'],
  'What happens to a row whose phone or e-mail the list has already: leave it out, fill the entry''s empty fields, overwrite the entry''s fields, or keep it as an entry of its own.');
select ddl.enum('lists.import_outcome', array['inserted', 'filled', 'overwritten', 'skipped', 'rejected'], 'What became of a row of an import.');
select ddl.enum('lists.entry_status', array['active', 'archived'], 'Whether an entry is worked with.');
select ddl.enum('lists.enrichment_status', array['pending', 'enriched', 'partial', 'failed'], 'How enrichment of an entry ended. Partial: some of its steps failed.');
select ddl.enum('lists.name_status', array['unknown', 'valid', 'invalid'], 'What is known of a name.');
select ddl.enum('lists.email_status', array['unknown', 'valid', 'invalid', 'risky'], 'What is known of an e-mail address. Risky: well-formed, but disposable or a role account.');
select ddl.enum('lists.phone_status', array['unknown', 'valid', 'invalid'], 'What is known of a phone number.');
select ddl.enum('lists.address_status', array['unknown', 'valid', 'invalid', 'partial'], 'What is known of a postal address.');
select ddl.enum('lists.phone_type',
  array['fixed_line', 'mobile', 'fixed_line_or_mobile', 'toll_free', 'premium_rate', 'shared_cost', 'voip', 'personal_number', 'pager', 'uan', 'voicemail', 'unknown'],
  'What kind of line a phone number is, by its numbering plan.');
select ddl.enum('lists.plan_status', array['active', 'paused', 'archived'], 'Whether an enrichment plan runs.');
select ddl.enum('lists.enrichment_block', array['phone', 'email', 'name', 'address'], 'What a step of an enrichment plan looks at.');
select ddl.enum('lists.queue_job_status', array['queued', 'running', 'succeeded', 'failed', 'cancelled'], 'Where a batch of entries stands.');
select ddl.enum('lists.step_status', array['found', 'unchanged', 'not_found', 'invalid', 'skipped', 'failed'], 'How a step ended for an entry.');
select ddl.enum('lists.export_status', array['queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired'], 'Where an export stands.');
select ddl.enum('lists.export_format', array['csv', 'jsonl'], 'Format of an exported file.');
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
select ddl.enqueue('lists.list_imports', 'merge_import', 'update', $$r.status = 'queued' and o.status is distinct from 'queued'$$);
select ddl.enqueue('lists.list_imports', 'undo_import', 'update', $$r.status = 'undoing' and o.status is distinct from 'undoing'$$);
select ddl.notify_progress('lists.list_imports', 'update');
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
  status lists.entry_status not null default 'active',
  enrichment_status lists.enrichment_status not null default 'pending',
  data jsonb not null default '{}' constraint list_entries_data_check check (jsonb_typeof(data) = 'object'),
  tag text constraint list_entries_tag_check check (length(tag) <= 200),
  score float8,
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
comment on column lists.list_entries.data is 'The row as it was imported: header to value.';
comment on column lists.list_entries.tag is 'Free label of the entry.';
comment on column lists.list_entries.score is 'Score of the entry, higher is better.';
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
select ddl.tenant_table('lists.list_entries',
  p_insert => '{list_id,data,tag,score,full_name,honorific,first_name,middle_name,last_name,name_suffix,nickname,company_name,email,phone,phone_e164,address_line1,address_line2,city,state,county,postal_code,country,time_zone}',
  p_update => '{status,data,tag,score,full_name,honorific,first_name,middle_name,last_name,name_suffix,nickname,company_name,email,phone,phone_e164,address_line1,address_line2,city,state,county,postal_code,country,time_zone}');
select ddl.counter('lists.list_entries', 'list_id', 'lists.lists', 'entry_count');
-- The list belongs to the tenant, so the reference to it says all; a second one would cost each imported row 5 µs of about 45.
alter table lists.list_entries drop constraint if exists list_entries_tenant_id_fkey;
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

-- A partial index over the values that exist serves equality and ranges; say so to the API, which otherwise
-- counts only whole indexes.
comment on index lists.list_entries_email_idx is 'Serves look-ups and duplicate detection by e-mail.';
comment on index lists.list_entries_phone_e164_idx is 'Serves look-ups and duplicate detection by phone.';
--! EndIncluded lists/list_entries_indexes.sql
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
--! Included lists/enrichment_plans.sql
-- What is to be learnt about the entries of a list.
create table if not exists lists.enrichment_plans (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid not null,
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
comment on column lists.enrichment_plans.is_auto_run is 'Run it on the entries of each finished import of the list.';
comment on column lists.enrichment_plans.batch_size is 'How many entries a job works on at a time.';
comment on column lists.enrichment_plans.run_count is 'How often it was run.';
comment on column lists.enrichment_plans.created_by is 'Actor who made the plan.';
create unique index if not exists enrichment_plans_name_key on lists.enrichment_plans (tenant_id, list_id, name) where deleted_at is null;
create index if not exists enrichment_plans_list_id_idx on lists.enrichment_plans (tenant_id, list_id, id);
select ddl.foreign_key('lists.enrichment_plans', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.enrichment_plans', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.enrichment_plans', p_insert => '{list_id,name,status,is_auto_run,batch_size}', p_update => '{name,status,is_auto_run,batch_size}');
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
select ddl.enqueue('lists.enrichment_queue_jobs', 'enrich_batch', 'insert');
select ddl.notify_progress('lists.enrichment_queue_jobs', 'insert', 'enrichment_plan_id', 'lists.enrichment_plans');
select ddl.notify_progress('lists.enrichment_queue_jobs', 'update', 'enrichment_plan_id', 'lists.enrichment_plans');
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
--! EndIncluded lists/enrichment_results.sql
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
comment on column lists.enrichment_progress.enrichment_plan_id is 'The plan.';
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
  delivery jsonb not null default '{}' constraint export_jobs_delivery_check check (jsonb_typeof(delivery) = 'object'),
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
comment on column lists.export_jobs.delivery is 'How the file was handed over.';
comment on column lists.export_jobs.error_code is 'Code of the error that ended the export.';
comment on column lists.export_jobs.started_by is 'Actor who started the export.';
create index if not exists export_jobs_list_id_idx on lists.export_jobs (tenant_id, list_id, id);
create index if not exists export_jobs_status_idx on lists.export_jobs (tenant_id, status, id);
select ddl.foreign_key('lists.export_jobs', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.export_jobs', 'started_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.export_jobs');
select ddl.enqueue('lists.export_jobs', 'export_list', 'insert');
select ddl.notify_progress('lists.export_jobs', 'update');
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
--! EndIncluded lists/export_files.sql
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
--! EndIncluded lists/index.sql
--! EndIncluded index.sql
