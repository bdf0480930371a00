-- Words that leads are marked with.
create table if not exists crm.lead_labels (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint lead_labels_name_check check (length(btrim(name)) between 1 and 100),
  color text constraint lead_labels_color_check check (color ~ '^#[0-9a-f]{6}$'),
  description text constraint lead_labels_description_check check (length(description) <= 1000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint lead_labels_pkey primary key (tenant_id, id)
);
comment on table crm.lead_labels is E'@typeid lbl\nA word that leads are marked with.';
comment on column crm.lead_labels.color is 'Colour to show it in, such as #ff8800.';
create unique index if not exists lead_labels_name_key on crm.lead_labels (tenant_id, name) where deleted_at is null;
select ddl.tenant_table('crm.lead_labels', p_insert => '{name,color,description}', p_update => '{name,color,description}');
