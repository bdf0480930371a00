-- The invisible picture of a message: whoever loads it has opened the message.
create table if not exists tracking.tracking_pixels (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  message_id uuid not null,
  token text not null default encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'hex')
    constraint tracking_pixels_token_check check (token ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default now(),
  constraint tracking_pixels_pkey primary key (tenant_id, id)
);
comment on table tracking.tracking_pixels is E'@typeid pixel\nThe invisible picture of a message, whose address cannot be guessed.';
comment on column tracking.tracking_pixels.token is E'@behavior -*\nSecret part of its address.';
create unique index if not exists tracking_pixels_message_id_key on tracking.tracking_pixels (tenant_id, message_id);
-- A request for the picture carries the token alone, before the tenant is known.
create unique index if not exists tracking_pixels_token_key on tracking.tracking_pixels (token);
select ddl.foreign_key('tracking.tracking_pixels', 'message_id', 'outreach.messages', 'cascade', p_index => false);
select ddl.tenant_table('tracking.tracking_pixels');
