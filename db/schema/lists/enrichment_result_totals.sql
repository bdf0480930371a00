-- What the steps of plans found, kept as results come and change.
create table if not exists lists.enrichment_result_totals (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  enrichment_plan_id uuid not null,
  block lists.enrichment_block not null,
  slot smallint not null default 0,
  result_count bigint not null default 0,
  found_count bigint not null default 0,
  unchanged_count bigint not null default 0,
  not_found_count bigint not null default 0,
  invalid_count bigint not null default 0,
  skipped_count bigint not null default 0,
  failed_count bigint not null default 0,
  cost_minor bigint not null default 0,
  created_at timestamptz not null default now(),
  constraint enrichment_result_totals_pkey primary key (tenant_id, id)
) with (fillfactor = 50);
comment on table lists.enrichment_result_totals is E'@behavior -*\nTotals of the results of a plan''s block, spread over slots; enrichment_coverage adds them up.';
comment on column lists.enrichment_result_totals.slot is 'Writers at the same time add to different slots.';
comment on column lists.enrichment_result_totals.cost_minor is 'Cost in the minor unit of the tenant''s currency.';
create unique index if not exists enrichment_result_totals_block_key on lists.enrichment_result_totals (tenant_id, enrichment_plan_id, block, slot);
select ddl.foreign_key('lists.enrichment_result_totals', 'enrichment_plan_id', 'lists.enrichment_plans', 'cascade', p_index => false);
select ddl.tenant_table('lists.enrichment_result_totals', p_system => 'select');
select ddl.roll_up('lists.enrichment_results', 'lists.enrichment_result_totals', '{"enrichment_plan_id": "j.enrichment_plan_id", "block": "r.block"}', '{
  "result_count": "true", "found_count": "r.status = ''found''", "unchanged_count": "r.status = ''unchanged''",
  "not_found_count": "r.status = ''not_found''", "invalid_count": "r.status = ''invalid''",
  "skipped_count": "r.status = ''skipped''", "failed_count": "r.status = ''failed''"
}', '{"cost_minor": "r.cost_minor"}',
  'join lists.enrichment_queue_jobs j on j.tenant_id = r.tenant_id and j.id = r.enrichment_queue_job_id',
  p_first => '{enrichment_queue_job_id,block}');
