-- Which contact or company was merged into which, and all that is needed to take it back.
create table if not exists crm.merges (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  winner_contact_id uuid,
  loser_contact_id uuid,
  winner_company_id uuid,
  loser_company_id uuid,
  survivorship jsonb not null default '{}' constraint merges_survivorship_check check (jsonb_typeof(survivorship) = 'object'),
  fields jsonb not null default '{}' constraint merges_fields_check check (jsonb_typeof(fields) = 'object'),
  changes jsonb not null default '[]' constraint merges_changes_check check (jsonb_typeof(changes) = 'array'),
  moved_count integer not null default 0,
  dropped_count integer not null default 0,
  merged_by uuid default app.actor_id(),
  undone_by uuid,
  undone_at timestamptz,
  created_at timestamptz not null default now(),
  constraint merges_pkey primary key (tenant_id, id),
  constraint merges_winner_contact_id_check check (num_nonnulls(winner_contact_id, winner_company_id) = 1
    and (winner_contact_id is null) = (loser_contact_id is null) and (winner_company_id is null) = (loser_company_id is null)),
  constraint merges_loser_contact_id_check check (winner_contact_id <> loser_contact_id),
  constraint merges_loser_company_id_check check (winner_company_id <> loser_company_id),
  constraint merges_undone_by_check check (undone_by is null or undone_at is not null)
);
comment on table crm.merges is E'@typeid merge\nThat a contact or a company, the loser, was merged into another one, the winner. It can be undone.';
comment on column crm.merges.survivorship is 'Whose value was to survive, by field, as it was asked for.';
comment on column crm.merges.fields is 'What the winner took over: an object of {field: {from, to}}.';
comment on column crm.merges.changes is E'@behavior -*\nThe rows that were moved to the winner, and what else was changed on the way, table by table.';
comment on column crm.merges.moved_count is 'How many rows that referred to the loser refer to the winner since.';
comment on column crm.merges.dropped_count is 'How many rows stayed with the loser, because the winner had the same: tags, identifiers, memberships.';
comment on column crm.merges.merged_by is 'Actor who merged them.';
comment on column crm.merges.undone_by is 'Actor who took it back.';
create unique index if not exists merges_loser_contact_id_key on crm.merges (tenant_id, loser_contact_id) where undone_at is null;
create unique index if not exists merges_loser_company_id_key on crm.merges (tenant_id, loser_company_id) where undone_at is null;
create index if not exists merges_created_at_idx on crm.merges (tenant_id, created_at);
select ddl.foreign_key('crm.merges', 'winner_contact_id', 'crm.contacts', 'cascade');
select ddl.foreign_key('crm.merges', 'loser_contact_id', 'crm.contacts', 'cascade');
select ddl.foreign_key('crm.merges', 'winner_company_id', 'crm.companies', 'cascade');
select ddl.foreign_key('crm.merges', 'loser_company_id', 'crm.companies', 'cascade');
select ddl.foreign_key('crm.merges', 'merged_by', 'iam.actors', 'set null');
select ddl.foreign_key('crm.merges', 'undone_by', 'iam.actors', 'set null');
comment on constraint merges_winner_contact_id_fkey on crm.merges is '@foreignFieldName merges';
comment on constraint merges_loser_contact_id_fkey on crm.merges is '@foreignFieldName mergesIntoOthers';
comment on constraint merges_winner_company_id_fkey on crm.merges is '@foreignFieldName merges';
comment on constraint merges_loser_company_id_fkey on crm.merges is '@foreignFieldName mergesIntoOthers';
comment on constraint merges_merged_by_fkey on crm.merges is '@foreignFieldName merges';
select ddl.tenant_table('crm.merges', p_system => 'select');
-- Only that it was undone is noted later; an actor who is erased, and a record that is erased, come from within a trigger.
select ddl.trigger('crm.merges', '_200_append_only',
  'before delete or truncate for each statement when (pg_trigger_depth() = 0) execute function app.refuse_change()');
select ddl.trigger('crm.merges', '_200_undone_once', $$before update for each row when (pg_trigger_depth() = 0
  and (old.undone_at is not null or to_jsonb(old) - '{undone_at,undone_by}'::text[] <> to_jsonb(new) - '{undone_at,undone_by}'::text[]))
  execute function app.refuse_change()$$);
select ddl.masked('crm.merges', '{"survivorship": "json", "fields": "json", "changes": "json"}');
