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
