-- Words that contacts are marked with.
create table if not exists crm.contact_tags (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint contact_tags_name_check check (length(btrim(name)) between 1 and 100),
  color text constraint contact_tags_color_check check (color ~ '^#[0-9a-f]{6}$'),
  description text constraint contact_tags_description_check check (length(description) <= 1000),
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint contact_tags_pkey primary key (tenant_id, id)
);
comment on table crm.contact_tags is E'@typeid tag\nA word that contacts are marked with.';
comment on column crm.contact_tags.color is 'Colour to show it in, such as #ff8800.';
comment on column crm.contact_tags.created_by is 'Actor who made it.';
create unique index if not exists contact_tags_name_key on crm.contact_tags (tenant_id, name) where deleted_at is null;
select ddl.foreign_key('crm.contact_tags', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('crm.contact_tags', p_insert => '{name,color,description}', p_update => '{name,color,description}');
