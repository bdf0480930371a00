-- Templates that a campaign tries against each other.
create table if not exists outreach.campaign_variants (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  campaign_id uuid not null,
  template_id uuid not null,
  label text not null constraint campaign_variants_label_check check (length(btrim(label)) between 1 and 100),
  weight integer not null default 1 constraint campaign_variants_weight_check check (weight between 0 and 1000),
  is_winner boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint campaign_variants_pkey primary key (tenant_id, id)
);
comment on table outreach.campaign_variants is E'@typeid var\nOne of the templates that a campaign tries against each other.';
comment on column outreach.campaign_variants.label is 'What it is called, such as A or B.';
comment on column outreach.campaign_variants.weight is 'Its share of the recipients, against the weights of the other variants.';
comment on column outreach.campaign_variants.is_winner is 'Whether the rest of the recipients get this one; at most one variant is.';
create unique index if not exists campaign_variants_label_key on outreach.campaign_variants (tenant_id, campaign_id, label) where deleted_at is null;
create unique index if not exists campaign_variants_winner_key on outreach.campaign_variants (tenant_id, campaign_id) where is_winner and deleted_at is null;
create index if not exists campaign_variants_campaign_id_idx on outreach.campaign_variants (tenant_id, campaign_id, id);
select ddl.foreign_key('outreach.campaign_variants', 'campaign_id', 'outreach.campaigns', 'cascade', p_index => false);
select ddl.foreign_key('outreach.campaign_variants', 'template_id', 'outreach.templates', 'restrict');
comment on constraint campaign_variants_campaign_id_fkey on outreach.campaign_variants is E'@nestedCreate\n@foreignFieldName variants';
select ddl.tenant_table('outreach.campaign_variants', p_insert => '{campaign_id,template_id,label,weight}', p_update => '{template_id,label,weight}');
