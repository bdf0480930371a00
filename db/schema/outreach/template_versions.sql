-- What a template says, as it was at a time: a draft changes, what was published never does.
create table if not exists outreach.template_versions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  template_id uuid not null,
  version integer not null constraint template_versions_version_check check (version >= 1),
  status outreach.template_version_status not null default 'draft',
  subject text constraint template_versions_subject_check check (length(subject) between 1 and 1000),
  body text not null default '' constraint template_versions_body_check check (length(body) <= 500000),
  body_html text constraint template_versions_body_html_check check (length(body_html) between 1 and 2000000),
  variables jsonb not null default '[]',
  changelog text constraint template_versions_changelog_check check (length(changelog) <= 5000),
  created_by uuid default app.actor_id(),
  published_by uuid,
  published_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint template_versions_pkey primary key (tenant_id, id),
  constraint template_versions_published_at_check check ((status = 'published') = (published_at is not null)),
  -- Each element is an object with a name; in strict mode a missing one makes the count differ.
  constraint template_versions_variables_check check (case when jsonb_typeof(variables) = 'array' then jsonb_array_length(variables)
    = jsonb_array_length(jsonb_path_query_array(variables,
      'strict $[*] ? (@.type() == "object" && @."name" like_regex "^[a-zA-Z][a-zA-Z0-9_.]{0,99}$")', '{}', true)) else false end)
);
comment on table outreach.template_versions is E'@typeid tplv\nWhat a template says in one version. A message stays on its version.';
comment on column outreach.template_versions.version is 'Counts from 1 within the template.';
comment on column outreach.template_versions.subject is 'Subject line of an e-mail; placeholders as in the body.';
comment on column outreach.template_versions.body is 'The text, with placeholders such as {{firstName}}.';
comment on column outreach.template_versions.body_html is 'The text as HTML, for e-mail.';
comment on column outreach.template_versions.variables is
  'What the placeholders stand for: an array of {name, description, default, isRequired}, of which only the name must be there.';
comment on column outreach.template_versions.changelog is 'What is new in this version.';
create unique index if not exists template_versions_template_id_version_key on outreach.template_versions (tenant_id, template_id, version);
create unique index if not exists template_versions_draft_key on outreach.template_versions (tenant_id, template_id) where status = 'draft';
select ddl.foreign_key('outreach.template_versions', 'template_id', 'outreach.templates', 'cascade', p_index => false);
select ddl.foreign_key('outreach.template_versions', 'created_by', 'iam.actors', 'set null');
select ddl.foreign_key('outreach.template_versions', 'published_by', 'iam.actors', 'set null');
comment on constraint template_versions_template_id_fkey on outreach.template_versions is E'@nestedCreate\n@foreignFieldName versions';
select ddl.tenant_table('outreach.template_versions', p_insert => '{template_id,subject,body,body_html,variables,changelog}',
  p_update => '{subject,body,body_html,variables,changelog}');
select ddl.state_machine('outreach.template_versions', 'status', '{"draft": ["published"], "published": []}');

create or replace function outreach.guard_published_template_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('Version %s of the template is published and never changes. Make a new draft by newTemplateVersion.', old.version));
  return null;
end
$$;
comment on function outreach.guard_published_template_version() is 'Refuses a change of a published version.';
select ddl.trigger('outreach.template_versions', '_200_published', $$before update or delete for each row
  when (old.status = 'published' and pg_trigger_depth() = 0) execute function outreach.guard_published_template_version()$$);

create or replace function outreach.number_template_version() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- Two who write the next version at once take turns.
  perform from outreach.templates where tenant_id = new.tenant_id and id = new.template_id for no key update;
  select coalesce(max(version), 0) + 1 into new.version
  from outreach.template_versions where tenant_id = new.tenant_id and template_id = new.template_id;
  return new;
end
$$;
comment on function outreach.number_template_version() is 'Gives a new version the next number of its template.';
select ddl.trigger('outreach.template_versions', '_300_number',
  'before insert for each row when (new.version is null) execute function outreach.number_template_version()');
