-- WhatsApp allows a business to begin a conversation only by templates that it approved, one approval per version and language.
create table if not exists outreach.whatsapp_hsm_approvals (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  template_id uuid not null,
  template_version_id uuid not null,
  hsm_namespace text constraint whatsapp_hsm_approvals_hsm_namespace_check check (length(hsm_namespace) between 1 and 200),
  hsm_name text constraint whatsapp_hsm_approvals_hsm_name_check check (hsm_name ~ '^[a-z0-9_]+$' and length(hsm_name) <= 512),
  language text not null default 'en' constraint whatsapp_hsm_approvals_language_check check (language ~ '^[a-z]{2,3}(_[A-Z]{2})?$'),
  category outreach.hsm_category not null default 'marketing',
  status outreach.hsm_status not null default 'draft',
  external_id text constraint whatsapp_hsm_approvals_external_id_check check (length(external_id) between 1 and 200),
  rejection_reason text constraint whatsapp_hsm_approvals_rejection_reason_check check (length(rejection_reason) <= 5000),
  created_by uuid default app.actor_id(),
  submitted_at timestamptz,
  decided_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint whatsapp_hsm_approvals_pkey primary key (tenant_id, id),
  constraint whatsapp_hsm_approvals_submitted_at_check check ((status = 'draft') = (submitted_at is null))
);
comment on table outreach.whatsapp_hsm_approvals is E'@typeid hsm\nThat WhatsApp was asked to allow a version of a template in one language, and what it said.';
comment on column outreach.whatsapp_hsm_approvals.template_version_id is 'The version that is approved, as it is.';
comment on column outreach.whatsapp_hsm_approvals.hsm_namespace is 'Namespace of the WhatsApp account.';
comment on column outreach.whatsapp_hsm_approvals.hsm_name is 'Name of the template at WhatsApp.';
comment on column outreach.whatsapp_hsm_approvals.language is 'Language code as WhatsApp writes it, such as en or pt_BR.';
comment on column outreach.whatsapp_hsm_approvals.external_id is 'Id of the template at WhatsApp.';
comment on column outreach.whatsapp_hsm_approvals.rejection_reason is 'What WhatsApp did not like.';
comment on column outreach.whatsapp_hsm_approvals.decided_at is 'When WhatsApp last decided.';
comment on column outreach.whatsapp_hsm_approvals.created_by is 'Actor who prepared it.';
create unique index if not exists whatsapp_hsm_approvals_template_version_id_language_key
  on outreach.whatsapp_hsm_approvals (tenant_id, template_version_id, language) where deleted_at is null;
create index if not exists whatsapp_hsm_approvals_status_idx on outreach.whatsapp_hsm_approvals (tenant_id, status, id);
select ddl.foreign_key('outreach.whatsapp_hsm_approvals', 'template_id', 'outreach.templates', 'cascade');
select ddl.foreign_key('outreach.whatsapp_hsm_approvals', 'template_version_id', 'outreach.template_versions', 'cascade');
select ddl.foreign_key('outreach.whatsapp_hsm_approvals', 'created_by', 'iam.actors', 'set null');
comment on constraint whatsapp_hsm_approvals_template_id_fkey on outreach.whatsapp_hsm_approvals is E'@foreignFieldName hsmApprovals';
comment on constraint whatsapp_hsm_approvals_template_version_id_fkey on outreach.whatsapp_hsm_approvals is E'@foreignFieldName hsmApprovals';
select ddl.tenant_table('outreach.whatsapp_hsm_approvals', p_insert => '{template_id,template_version_id,hsm_namespace,hsm_name,language,category}',
  p_update => '{hsm_namespace,hsm_name,category}');
select ddl.state_machine('outreach.whatsapp_hsm_approvals', 'status', '{
  "draft": ["submitted"], "submitted": ["approved", "rejected"], "approved": ["paused", "disabled"],
  "paused": ["approved", "disabled"], "rejected": ["submitted"], "disabled": []}', '{draft}');

create or replace function outreach.guard_hsm_approval() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select t.name, t.channel, v.template_id, v.version, v.status into v_found
  from outreach.template_versions v join outreach.templates t on t.tenant_id = v.tenant_id and t.id = new.template_id
  where v.tenant_id = new.tenant_id and v.id = new.template_version_id;
  if v_found.channel <> 'whatsapp' then
    perform app.raise('VALIDATION_FAILED', format('Template "%s" is for %s. Only templates for WhatsApp are approved by WhatsApp.', v_found.name, v_found.channel),
      'templateId');
  elsif v_found.template_id <> new.template_id then
    perform app.raise('VALIDATION_FAILED', format('Version %s is not one of template "%s".', new.template_version_id, v_found.name), 'templateVersionId');
  elsif new.status <> 'draft' and v_found.status <> 'published' then
    perform app.raise('INVALID_STATE', format('Version %s of template "%s" is a draft and may still change. Publish it before WhatsApp is asked.',
      v_found.version, v_found.name), 'status');
  end if;
  if tg_op = 'UPDATE' and new.status = 'submitted' then
    new.submitted_at := now();
    new.decided_at := null;
  elsif tg_op = 'UPDATE' and new.status <> old.status then
    new.decided_at := now();
  end if;
  return new;
end
$$;
comment on function outreach.guard_hsm_approval() is 'Sees that what WhatsApp approves is a published version of a WhatsApp template, and notes when.';
select ddl.trigger('outreach.whatsapp_hsm_approvals', '_300_version', $$before insert or update of template_id, template_version_id, status for each row
  execute function outreach.guard_hsm_approval()$$);
