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
