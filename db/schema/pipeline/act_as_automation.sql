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
