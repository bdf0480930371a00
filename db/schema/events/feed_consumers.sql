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
