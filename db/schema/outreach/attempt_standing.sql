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
