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
