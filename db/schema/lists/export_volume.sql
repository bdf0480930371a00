create or replace view lists.export_volume with (security_invoker = true) as
select e.tenant_id, (e.finished_at at time zone t.time_zone)::date as day, e.format,
  count(*) as export_count, sum(e.row_count)::bigint as row_count, sum(e.byte_count)::bigint as byte_count
from lists.export_jobs e
join iam.tenants t on t.id = e.tenant_id
where e.status in ('succeeded', 'expired') and e.finished_at is not null
group by e.tenant_id, 2, e.format;
comment on view lists.export_volume is
  E'@behavior -type:node -query:resource:single\n@primaryKey tenant_id,day,format\nHow much was exported on a day, as days are in the tenant''s time zone, by format.';
comment on column lists.export_volume.day is 'The day on which the exports ended, in the tenant''s time zone.';
comment on column lists.export_volume.format is 'Format of the files.';
comment on column lists.export_volume.export_count is E'@notNull\nExports that succeeded.';
comment on column lists.export_volume.row_count is E'@notNull\nEntries that they wrote.';
comment on column lists.export_volume.byte_count is E'@notNull\nBytes that they wrote.';
grant select on lists.export_volume to rowhouse_viewer, rowhouse_system;
