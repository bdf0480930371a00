-- What a contact must be like to be in a dynamic segment.
create table if not exists outreach.segment_rules (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  segment_id uuid not null,
  group_index integer not null default 0 constraint segment_rules_group_index_check check (group_index between 0 and 99),
  field text not null constraint segment_rules_field_check check (field ~ '^[a-zA-Z][a-zA-Z0-9_]*(\.[a-zA-Z0-9_-]+){0,3}$' and length(field) <= 200),
  operator outreach.segment_operator not null,
  value jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint segment_rules_pkey primary key (tenant_id, id),
  constraint segment_rules_value_check check (coalesce(case
    when operator in ('is_set', 'is_not_set') then value is null
    when operator in ('in', 'not_in') then jsonb_typeof(value) = 'array' and jsonb_array_length(value) between 1 and 1000
      and not value @? 'strict $[*] ? (@.type() == "object" || @.type() == "array" || @.type() == "null")'
    when operator = 'between' then jsonb_typeof(value) = 'array' and jsonb_array_length(value) = 2
      and jsonb_typeof(value -> 0) = jsonb_typeof(value -> 1) and jsonb_typeof(value -> 0) in ('string', 'number')
    when operator in ('within_last_days', 'not_within_last_days') then jsonb_typeof(value) = 'number' and (value)::numeric between 0 and 36525
    when operator in ('contains', 'not_contains', 'starts_with', 'ends_with') then jsonb_typeof(value) = 'string' and value <> '""'
    when operator in ('equals', 'not_equals') then jsonb_typeof(value) in ('string', 'number', 'boolean')
    else jsonb_typeof(value) in ('string', 'number') end, false))
);
comment on table outreach.segment_rules is E'@typeid segr\nA condition of a dynamic segment. Rules of one group must all hold; it is enough that one group holds.';
comment on column outreach.segment_rules.group_index is 'Which group it is of.';
comment on column outreach.segment_rules.field is 'What of a contact it looks at: status, tags, attributes.plan, company.sector, …';
comment on column outreach.segment_rules.operator is 'How it compares.';
comment on column outreach.segment_rules.value is
  'What it compares with, as the operator asks: nothing for is_set, an array for in, two values for between, a number of days for within_last_days, one value else.';
create index if not exists segment_rules_segment_id_idx on outreach.segment_rules (tenant_id, segment_id, group_index);
select ddl.foreign_key('outreach.segment_rules', 'segment_id', 'outreach.segments', 'cascade', p_index => false);
comment on constraint segment_rules_segment_id_fkey on outreach.segment_rules is E'@nestedCreate\n@foreignFieldName rules';
select ddl.tenant_table('outreach.segment_rules', p_insert => '{segment_id,group_index,field,operator,value}', p_update => '{group_index,field,operator,value}');

create or replace function outreach.guard_segment_rule() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_name text;
begin
  select s.name into v_name
  from new_rows n join outreach.segments s on s.tenant_id = n.tenant_id and s.id = n.segment_id
  where s.type = 'static' limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Segment "%s" is static and has no rules. Make a dynamic segment.', v_name), 'segmentId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_segment_rule() is 'Refuses rules of a static segment.';
select ddl.trigger('outreach.segment_rules', '_200_type',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_segment_rule()');
select ddl.masked('outreach.segment_rules', '{"value": "app.mask_json(t.value, app.names_contact(t.field))"}');
