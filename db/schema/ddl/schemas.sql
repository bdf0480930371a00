create or replace function ddl.domain_schemas() returns text[]
language sql immutable parallel safe
return array['iam', 'pipeline', 'crm', 'lists', 'outreach', 'inbox', 'tracking', 'events', 'audit'];
comment on function ddl.domain_schemas() is 'The schemas of the model, in load order: what the tenant pattern, the lints and the API are about.';

create or replace function ddl.own_schemas() returns text[]
language sql immutable parallel safe
return array['ddl', 'app', 'private', 'staging', 'masked'] || ddl.domain_schemas();
comment on function ddl.own_schemas() is 'Every schema of ours: those of the model, and those that serve them.';
