-- How often a message was opened and clicked.
create table if not exists tracking.message_open_stats (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  message_id uuid not null,
  open_count bigint not null default 0 constraint message_open_stats_open_count_check check (open_count >= 0),
  click_count bigint not null default 0 constraint message_open_stats_click_count_check check (click_count >= 0),
  first_opened_at timestamptz,
  last_opened_at timestamptz,
  last_user_agent text constraint message_open_stats_last_user_agent_check check (length(last_user_agent) <= 1000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint message_open_stats_pkey primary key (tenant_id, id),
  constraint message_open_stats_last_opened_at_check check (last_opened_at >= first_opened_at)
);
comment on table tracking.message_open_stats is E'@typeid mopen\nHow often a message was opened and its links were followed.';
comment on column tracking.message_open_stats.last_user_agent is 'What the program that opened it last calls itself.';
create unique index if not exists message_open_stats_message_id_key on tracking.message_open_stats (tenant_id, message_id);
select ddl.foreign_key('tracking.message_open_stats', 'message_id', 'outreach.messages', 'cascade', p_index => false);
select ddl.tenant_table('tracking.message_open_stats');
