-- The clocks that run on a conversation.
create table if not exists inbox.inbox_sla_clocks (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  thread_id uuid not null,
  sla_policy_id uuid,
  kind inbox.sla_kind not null,
  status inbox.sla_clock_status not null default 'running',
  due_at timestamptz not null,
  started_at timestamptz not null default now(),
  paused_at timestamptz,
  paused_seconds bigint not null default 0 constraint inbox_sla_clocks_paused_seconds_check check (paused_seconds >= 0),
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint inbox_sla_clocks_pkey primary key (tenant_id, id),
  constraint inbox_sla_clocks_paused_at_check check ((status = 'paused') = (paused_at is not null)),
  constraint inbox_sla_clocks_ended_at_check check ((status in ('met', 'breached')) = (ended_at is not null))
);
comment on table inbox.inbox_sla_clocks is E'@typeid clock\nA clock that runs on a conversation until it is answered or closed. One of a kind is open at a time.';
comment on column inbox.inbox_sla_clocks.paused_seconds is 'How long it has stood still.';
create unique index if not exists inbox_sla_clocks_thread_id_kind_key on inbox.inbox_sla_clocks (tenant_id, thread_id, kind) where status in ('running', 'paused');
create index if not exists inbox_sla_clocks_thread_id_idx on inbox.inbox_sla_clocks (tenant_id, thread_id, id);
create index if not exists inbox_sla_clocks_due_at_idx on inbox.inbox_sla_clocks (tenant_id, status, due_at);
select ddl.foreign_key('inbox.inbox_sla_clocks', 'thread_id', 'inbox.inbox_threads', 'cascade', p_index => false);
select ddl.foreign_key('inbox.inbox_sla_clocks', 'sla_policy_id', 'inbox.inbox_sla_policies', 'set null');
comment on constraint inbox_sla_clocks_thread_id_fkey on inbox.inbox_sla_clocks is E'@foreignFieldName slaClocks\n@fieldName thread';
comment on constraint inbox_sla_clocks_sla_policy_id_fkey on inbox.inbox_sla_clocks is '@foreignFieldName clocks';
select ddl.tenant_table('inbox.inbox_sla_clocks');
select ddl.state_machine('inbox.inbox_sla_clocks', 'status',
  '{"running": ["paused", "met", "breached"], "paused": ["running", "met", "breached"], "met": [], "breached": []}', '{running}');
