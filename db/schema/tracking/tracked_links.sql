-- The links of a message: whoever follows one is sent on to its target, and counted.
create table if not exists tracking.tracked_links (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  message_id uuid not null,
  position integer not null default 1 constraint tracked_links_position_check check (position >= 1),
  token text not null default encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'hex')
    constraint tracked_links_token_check check (token ~ '^[0-9a-f]{64}$'),
  target_url text not null constraint tracked_links_target_url_check check (target_url ~ '^https?://' and length(target_url) <= 4000),
  click_count bigint not null default 0 constraint tracked_links_click_count_check check (click_count >= 0),
  first_clicked_at timestamptz,
  last_clicked_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint tracked_links_pkey primary key (tenant_id, id)
);
comment on table tracking.tracked_links is E'@typeid link\nA link of a message, replaced by an address of ours that cannot be guessed.';
comment on column tracking.tracked_links.position is 'Which link of the message it is.';
comment on column tracking.tracked_links.token is E'@behavior -*\nSecret part of its address.';
comment on column tracking.tracked_links.target_url is 'Where it leads.';
create unique index if not exists tracked_links_message_id_position_key on tracking.tracked_links (tenant_id, message_id, position);
create unique index if not exists tracked_links_token_key on tracking.tracked_links (token);
select ddl.foreign_key('tracking.tracked_links', 'message_id', 'outreach.messages', 'cascade', p_index => false);
select ddl.tenant_table('tracking.tracked_links');
select ddl.masked('tracking.tracked_links', '{"target_url": "text"}');
