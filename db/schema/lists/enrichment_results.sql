-- What a step learnt about an entry, and from where: the provenance of every enriched field.
create table if not exists lists.enrichment_results (
  tenant_id uuid not null default app.tenant_id(),
  list_entry_id uuid not null,
  block lists.enrichment_block not null,
  id uuid not null default uuidv7(),
  enrichment_queue_job_id uuid not null,
  status lists.step_status not null,
  found jsonb not null default '{}' constraint enrichment_results_found_check check (jsonb_typeof(found) = 'object'),
  provenance jsonb not null default '{}' constraint enrichment_results_provenance_check check (jsonb_typeof(provenance) = 'object'),
  reason text,
  cost_minor bigint not null default 0 constraint enrichment_results_cost_minor_check check (cost_minor >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint enrichment_results_pkey primary key (tenant_id, id),
  constraint enrichment_results_list_entry_id_key unique (tenant_id, list_entry_id, block)
);
comment on table lists.enrichment_results is E'@typeid result\nWhat the last run of a block learnt about an entry, and where each value came from.';
comment on column lists.enrichment_results.found is 'What was learnt, a JSON object.';
comment on column lists.enrichment_results.provenance is 'Per field that was written: source, version, confidence where there is doubt, and previous, the value before, where there was one.';
comment on column lists.enrichment_results.reason is 'Why nothing was found, or what failed.';
comment on column lists.enrichment_results.cost_minor is 'Cost in the minor unit of the tenant''s currency.';
create index if not exists enrichment_results_enrichment_queue_job_id_idx on lists.enrichment_results (tenant_id, enrichment_queue_job_id, status);
select ddl.foreign_key('lists.enrichment_results', 'list_entry_id', 'lists.list_entries', 'cascade', p_index => false);
select ddl.foreign_key('lists.enrichment_results', 'enrichment_queue_job_id', 'lists.enrichment_queue_jobs', 'cascade', p_index => false);
select ddl.tenant_table('lists.enrichment_results');
-- The entry belongs to the tenant, so the reference to it says all; a second one would cost each result 5 µs of about 30.
alter table lists.enrichment_results drop constraint if exists enrichment_results_tenant_id_fkey;
select ddl.masked('lists.enrichment_results', '{"found": "json", "provenance": "json", "reason": "text"}');
