create or replace view lists.enrichment_coverage with (security_invoker = true) as
select s.tenant_id, s.id as enrichment_plan_step_id, s.enrichment_plan_id, p.list_id, s.block,
  e.entry_count, greatest(e.entry_count - t.result_count, 0) as pending_count,
  t.found_count, t.unchanged_count, t.not_found_count, t.invalid_count, t.skipped_count, t.failed_count,
  least(t.result_count::float8 / nullif(e.entry_count, 0), 1) as covered_share, t.cost_minor
from lists.enrichment_plan_steps s
join lists.enrichment_plans p on p.tenant_id = s.tenant_id and p.id = s.enrichment_plan_id and p.deleted_at is null
cross join lateral (
  select coalesce(sum(entry_count), 0)::bigint as entry_count
  from lists.list_entry_totals t where t.tenant_id = p.tenant_id and t.list_id = p.list_id
) e
cross join lateral (
  select coalesce(sum(result_count), 0)::bigint as result_count, coalesce(sum(found_count), 0)::bigint as found_count,
    coalesce(sum(unchanged_count), 0)::bigint as unchanged_count, coalesce(sum(not_found_count), 0)::bigint as not_found_count,
    coalesce(sum(invalid_count), 0)::bigint as invalid_count, coalesce(sum(skipped_count), 0)::bigint as skipped_count,
    coalesce(sum(failed_count), 0)::bigint as failed_count, coalesce(sum(cost_minor), 0)::bigint as cost_minor
  from lists.enrichment_result_totals t
  where t.tenant_id = s.tenant_id and t.enrichment_plan_id = s.enrichment_plan_id and t.block = s.block
) t
where s.deleted_at is null;
comment on view lists.enrichment_coverage is
  E'@behavior -type:node -query:resource:single -resource:aggregates -resource:groupedAggregates\n@primaryKey tenant_id,enrichment_plan_step_id\n@foreignKey (tenant_id, enrichment_plan_step_id) references lists.enrichment_plan_steps (tenant_id, id)|@fieldName step|@foreignFieldName coverage\n@foreignKey (tenant_id, enrichment_plan_id) references lists.enrichment_plans (tenant_id, id)|@fieldName plan|@foreignFieldName coverage\n@foreignKey (tenant_id, list_id) references lists.lists (tenant_id, id)|@fieldName list|@foreignFieldName enrichmentCoverage\nHow far the entries of a list are enriched by a step of a plan, what it found, and what it cost. Results of entries deleted since are counted, too.';
comment on column lists.enrichment_coverage.block is E'@notNull\nWhat the step looks at.';
comment on column lists.enrichment_coverage.entry_count is E'@notNull\nLiving entries of the list.';
comment on column lists.enrichment_coverage.pending_count is E'@notNull\nEntries that the step has not looked at.';
comment on column lists.enrichment_coverage.found_count is E'@notNull\nEntries of which something was learnt.';
comment on column lists.enrichment_coverage.unchanged_count is E'@notNull\nEntries of which everything was right already.';
comment on column lists.enrichment_coverage.not_found_count is E'@notNull\nEntries of which nothing is known.';
comment on column lists.enrichment_coverage.invalid_count is E'@notNull\nEntries of which something is wrong.';
comment on column lists.enrichment_coverage.skipped_count is E'@notNull\nEntries in which there was nothing to look at.';
comment on column lists.enrichment_coverage.failed_count is E'@notNull\nEntries for which the step failed.';
comment on column lists.enrichment_coverage.covered_share is 'Share of the entries that the step has looked at, from 0 to 1; none for an empty list.';
comment on column lists.enrichment_coverage.cost_minor is E'@notNull\nWhat it cost, in the minor unit of the tenant''s currency.';
grant select on lists.enrichment_coverage to rowhouse_viewer, rowhouse_system;
