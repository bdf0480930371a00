create or replace function outreach.number_attempt() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- Two attempts on a lead at once take turns. The count is moved here, row by row, so that the rows of one statement
  -- are numbered one after the other.
  update crm.leads l
  set attempt_count = l.attempt_count + 1,
    last_attempt_at = case when new.direction = 'outbound' then greatest(l.last_attempt_at, new.attempted_at) else l.last_attempt_at end,
    last_response_at = case when new.direction = 'inbound' then greatest(l.last_response_at, new.attempted_at) else l.last_response_at end
  where l.tenant_id = new.tenant_id and l.id = new.lead_id
  returning l.attempt_count into new.attempt_number;
  -- A lead that is not there is refused by the reference, which needs a number to get that far.
  new.attempt_number := coalesce(new.attempt_number, 1);
  return new;
end
$$;
comment on function outreach.number_attempt() is
  'Numbers the attempts on a lead, one after the other, and keeps attempt_count, last_attempt_at and last_response_at of the lead.';
select ddl.trigger('outreach.attempt_logs', '_300_number', 'before insert for each row execute function outreach.number_attempt()');
select ddl.recount('crm.leads', '{id}', '{attempt_count}', $$
  select tenant_id, lead_id as id, count(*) as attempt_count from outreach.attempt_logs group by 1, 2$$, 'attempt_count');
