-- What a sequence needs to run, and which templates its steps can have.
create or replace function outreach.fits_step(p_type outreach.step_type, p_channel crm.channel) returns boolean
language sql immutable set search_path to pg_catalog
return case p_type::text when 'call' then p_channel::text in ('phone', 'voice') when 'task' then true else p_channel::text = p_type::text end;
comment on function outreach.fits_step(outreach.step_type, crm.channel) is 'Whether a template of a channel can be used by a step of a type.';

create or replace function outreach.guard_step_template() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select n.step_number, n.type, t.name as template, t.channel into v_found
  from new_rows n join outreach.templates t on t.tenant_id = n.tenant_id and t.id = n.template_id
  where not outreach.fits_step(n.type, t.channel) limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Template "%s" is for %s, and step %s is of type %s.', v_found.template, v_found.channel, v_found.step_number, v_found.type),
      'templateId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_step_template() is 'Sees that steps have templates of their channel.';
select ddl.trigger('outreach.sequence_steps', '_200_template_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_step_template()');
select ddl.trigger('outreach.sequence_steps', '_200_template_on_update',
  'after update referencing new table as new_rows for each statement execute function outreach.guard_step_template()');

create or replace function outreach.guard_sequence() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_unfit record;
begin
  if new.deleted_at is not null and old.deleted_at is null and new.status = 'active' then
    perform app.raise('INVALID_STATE', format('Sequence "%s" is active. Pause or archive it before you delete it.', new.name), 'deletedAt');
  end if;
  if new.status <> 'active' or old.status = 'active' then
    return new;
  end if;
  if not exists (select from outreach.sequence_steps s where s.tenant_id = new.tenant_id and s.sequence_id = new.id and s.deleted_at is null) then
    perform app.raise('INVALID_STATE', format('Sequence "%s" has no steps. Add one first.', new.name), 'status');
  end if;
  select s.step_number, t.name, t.deleted_at, t.archived_at into v_unfit
  from outreach.sequence_steps s left join outreach.templates t on t.tenant_id = s.tenant_id and t.id = s.template_id
  where s.tenant_id = new.tenant_id and s.sequence_id = new.id and s.deleted_at is null and s.type in ('email', 'sms', 'whatsapp')
    and s.prompt_id is null and (t.status is distinct from 'active' or t.deleted_at is not null)
  order by s.step_number limit 1;
  if found then
    perform app.raise('INVALID_STATE', case
      when v_unfit.name is null then format('Step %s of sequence "%s" has nothing to send. Give it a template or a prompt.', v_unfit.step_number, new.name)
      when v_unfit.deleted_at is not null then format('Template "%s" of step %s is deleted. Restore it, or choose another one.', v_unfit.name, v_unfit.step_number)
      when v_unfit.archived_at is not null then format('Template "%s" of step %s is archived. Unarchive it, or choose another one.', v_unfit.name, v_unfit.step_number)
      else format('Template "%s" of step %s was never published. Publish it first.', v_unfit.name, v_unfit.step_number) end, 'status');
  end if;
  return new;
end
$$;
comment on function outreach.guard_sequence() is 'Sees that a sequence has steps, and its steps something to send, when it begins to run; it is not deleted while it does.';
select ddl.trigger('outreach.sequences', '_200_what_it_needs', 'before update of status, deleted_at for each row execute function outreach.guard_sequence()');
