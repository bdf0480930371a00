-- What was said in a conversation.
create table if not exists inbox.inbox_messages (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  thread_id uuid not null,
  direction inbox.message_direction not null,
  channel crm.channel not null,
  subject text constraint inbox_messages_subject_check check (length(subject) <= 500),
  body text not null constraint inbox_messages_body_check check (length(body) <= 500000),
  body_html text constraint inbox_messages_body_html_check check (length(body_html) <= 2000000),
  attachments jsonb not null default '[]' constraint inbox_messages_attachments_check check (jsonb_typeof(attachments) = 'array'),
  external_id text constraint inbox_messages_external_id_check check (length(external_id) between 1 and 1000),
  sender_address text constraint inbox_messages_sender_address_check check (length(sender_address) <= 500),
  sent_by uuid default app.actor_id(),
  message_id uuid,
  sent_at timestamptz not null default now(),
  read_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint inbox_messages_pkey primary key (tenant_id, id),
  constraint inbox_messages_sent_by_check check (direction <> 'inbound' or sent_by is null)
);
comment on table inbox.inbox_messages is E'@typeid imsg\nA message of a conversation.';
comment on column inbox.inbox_messages.subject is 'Subject line, where the channel has one.';
comment on column inbox.inbox_messages.body is 'What it says, plain text.';
comment on column inbox.inbox_messages.body_html is 'What it says, as HTML; not cleaned.';
comment on column inbox.inbox_messages.attachments is 'Files that came with it: an array of {fileName, contentType, byteCount, artifactId}.';
comment on column inbox.inbox_messages.external_id is 'Id at the provider; unique within the tenant and channel.';
comment on column inbox.inbox_messages.sender_address is 'Address or number it came from.';
comment on column inbox.inbox_messages.sent_by is 'Actor who wrote it; none when the contact did.';
comment on column inbox.inbox_messages.message_id is 'The message that was sent out for it.';
create unique index if not exists inbox_messages_external_id_key on inbox.inbox_messages (tenant_id, channel, external_id) where deleted_at is null;
create index if not exists inbox_messages_thread_id_idx on inbox.inbox_messages (tenant_id, thread_id, sent_at, id);
create index if not exists inbox_messages_sent_at_idx on inbox.inbox_messages (tenant_id, sent_at);
select ddl.foreign_key('inbox.inbox_messages', 'thread_id', 'inbox.inbox_threads', 'cascade', p_index => false);
select ddl.foreign_key('inbox.inbox_messages', 'sent_by', 'iam.actors', 'set null');
comment on constraint inbox_messages_thread_id_fkey on inbox.inbox_messages is E'@foreignFieldName messages\n@fieldName thread';
select ddl.tenant_table('inbox.inbox_messages', p_insert => '{thread_id,direction,channel,subject,body,body_html,attachments,external_id,sender_address,sent_at}',
  p_update => '{read_at}');
select ddl.masked('inbox.inbox_messages', '{"subject": "text", "body": "text", "body_html": "text", "attachments": "json", "external_id": "text", "sender_address": "contact"}');
