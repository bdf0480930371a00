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
