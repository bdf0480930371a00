-- To whom a campaign goes: the contacts of these segments, without those of the excluded ones.
create table if not exists outreach.campaign_segments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  campaign_id uuid not null,
  segment_id uuid not null,
  is_excluded boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint campaign_segments_pkey primary key (tenant_id, id)
);
comment on table outreach.campaign_segments is E'@typeid camps\nThat a campaign goes to a segment, or leaves it out.';
comment on column outreach.campaign_segments.is_excluded is 'Whether its contacts are left out, instead of written to.';
create unique index if not exists campaign_segments_campaign_id_segment_id_key
  on outreach.campaign_segments (tenant_id, campaign_id, segment_id) where deleted_at is null;
create index if not exists campaign_segments_campaign_id_idx on outreach.campaign_segments (tenant_id, campaign_id, id);
select ddl.foreign_key('outreach.campaign_segments', 'campaign_id', 'outreach.campaigns', 'cascade', p_index => false);
select ddl.foreign_key('outreach.campaign_segments', 'segment_id', 'outreach.segments', 'cascade');
comment on constraint campaign_segments_campaign_id_fkey on outreach.campaign_segments is
  E'@nestedCreate\n@behavior +manyToMany\n@manyToManyFieldName campaigns\n@foreignFieldName segmentLinks';
comment on constraint campaign_segments_segment_id_fkey on outreach.campaign_segments is
  E'@behavior +manyToMany\n@manyToManyFieldName segments\n@foreignFieldName campaignLinks';
select ddl.tenant_table('outreach.campaign_segments', p_insert => '{campaign_id,segment_id,is_excluded}', p_update => '{is_excluded}');
