-- The wall's own table: everything else belongs to one of these rows.
create table if not exists iam.tenants (
  id uuid primary key default uuidv7(),
  name text not null constraint tenants_name_check check (length(btrim(name)) between 1 and 200),
  slug text not null constraint tenants_slug_check check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  plan iam.tenant_plan not null default 'free',
  status iam.tenant_status not null default 'active',
  time_zone text not null default 'UTC',
  default_country text not null default 'US' constraint tenants_default_country_check check (default_country ~ '^[A-Z]{2}$'),
  settings jsonb not null default '{}' constraint tenants_settings_check check (jsonb_typeof(settings) = 'object'),
  billing_reference text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
comment on table iam.tenants is E'@typeid tenant\n@behavior -insert -delete -bulk -list -connection\nAn organisation that uses Rowhouse. All other data belongs to exactly one tenant.';
comment on column iam.tenants.slug is 'Short name for addresses and commands; unique, lower case.';
comment on column iam.tenants.time_zone is 'IANA time zone in which the tenant''s days begin.';
comment on column iam.tenants.default_country is 'ISO 3166 alpha-2 country that phone numbers and addresses without one belong to.';
comment on column iam.tenants.settings is 'Preferences of the tenant, a JSON object.';
comment on column iam.tenants.billing_reference is 'The tenant''s number at the billing provider; for admins.';
create index if not exists tenants_updated_at_idx on iam.tenants (updated_at);
create unique index if not exists tenants_slug_key on iam.tenants (slug) where deleted_at is null;

alter table iam.tenants enable row level security;
alter table iam.tenants force row level security;
select ddl.policy('iam.tenants', 'tenant_wall', 'as restrictive for all to public using (id = app.tenant_id()) with check (id = app.tenant_id())');
-- Whatever its scopes, a key may know its tenant: the days of all other data begin by it.
select ddl.policy('iam.tenants', 'scope_wall', $$as restrictive for update to rowhouse_scoped using (true) with check ((select app.require_scope('iam:write')))$$);
select ddl.policy('iam.tenants', 'all_system', 'for all to rowhouse_system, rowhouse_owner using (true) with check (true)');
select ddl.policy('iam.tenants', 'select_viewer', 'for select to rowhouse_viewer using (true)');
select ddl.policy('iam.tenants', 'update_admin', 'for update to rowhouse_admin using (true) with check (true)');
-- What the tenant pays by is for those who run it.
grant select (id, name, slug, plan, status, time_zone, default_country, settings, created_at, updated_at, deleted_at, xmin) on iam.tenants to rowhouse_viewer;
grant select on iam.tenants to rowhouse_admin;
grant select on iam.tenants to rowhouse_system;
grant select, insert on iam.tenants to rowhouse_definer;
grant update (name, time_zone, default_country, settings) on iam.tenants to rowhouse_admin;
select ddl.trigger('iam.tenants', '_100_stamp', 'before update for each row execute function app.stamp()');
select ddl.trigger('iam.tenants', '_300_forget',
  'after delete referencing old table as old_rows for each statement execute function private.forget_tenants()');
