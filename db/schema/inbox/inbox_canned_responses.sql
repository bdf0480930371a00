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
