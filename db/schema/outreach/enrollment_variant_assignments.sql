-- Which variant an enrolled contact was given: it stays with them.
create table if not exists outreach.enrollment_variant_assignments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_enrollment_id uuid not null,
  step_experiment_id uuid not null,
  step_experiment_variant_id uuid not null,
  assigned_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint enrollment_variant_assignments_pkey primary key (tenant_id, id)
);
comment on table outreach.enrollment_variant_assignments is E'@typeid eva\nWhich variant of an experiment an enrolled contact was given. It never changes.';
create unique index if not exists enrollment_variant_assignments_enrollment_experiment_key
  on outreach.enrollment_variant_assignments (tenant_id, sequence_enrollment_id, step_experiment_id);
select ddl.foreign_key('outreach.enrollment_variant_assignments', 'sequence_enrollment_id', 'outreach.sequence_enrollments', 'cascade', p_index => false);
select ddl.foreign_key('outreach.enrollment_variant_assignments', 'step_experiment_id', 'outreach.step_experiments', 'cascade');
select ddl.foreign_key('outreach.enrollment_variant_assignments', 'step_experiment_variant_id', 'outreach.step_experiment_variants', 'cascade');
comment on column outreach.enrollment_variant_assignments.step_experiment_id is 'The experiment of the variant; taken from it by the database.';
comment on constraint enrollment_variant_assignments_sequence_enrollment_id_fkey on outreach.enrollment_variant_assignments is E'@foreignFieldName variantAssignments\n@fieldName enrollment';
comment on constraint enrollment_variant_assignments_step_experiment_id_fkey on outreach.enrollment_variant_assignments is E'@foreignFieldName assignments\n@fieldName experiment';
comment on constraint enrollment_variant_assignments_step_experiment_variant_id_fkey on outreach.enrollment_variant_assignments is E'@foreignFieldName assignments\n@fieldName variant';
select ddl.append_only('outreach.enrollment_variant_assignments');

create or replace function outreach.derive_assignment_experiment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- The key of the table needs the experiment; it is never anything but the variant's.
  -- A variant that is not there is refused by the reference.
  new.step_experiment_id := coalesce((select v.step_experiment_id from outreach.step_experiment_variants v
    where v.tenant_id = new.tenant_id and v.id = new.step_experiment_variant_id), new.step_experiment_id);
  return new;
end
$$;
comment on function outreach.derive_assignment_experiment() is 'Takes the experiment of an assignment from its variant.';
select ddl.trigger('outreach.enrollment_variant_assignments', '_300_experiment',
  'before insert for each row execute function outreach.derive_assignment_experiment()');

create or replace function outreach.guard_assignment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select x.name, n.sequence_enrollment_id into v_found
  from new_rows n
  join outreach.sequence_enrollments e on e.tenant_id = n.tenant_id and e.id = n.sequence_enrollment_id
  join outreach.step_experiments x on x.tenant_id = n.tenant_id and x.id = n.step_experiment_id
  join outreach.sequence_steps s on s.tenant_id = x.tenant_id and s.id = x.sequence_step_id
  where s.sequence_id <> e.sequence_id limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Experiment "%s" is not about a step of the sequence of enrollment %s.', v_found.name, v_found.sequence_enrollment_id),
      'stepExperimentVariantId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_assignment() is 'Sees that a variant is given to people of the experiment''s sequence.';
select ddl.trigger('outreach.enrollment_variant_assignments', '_200_sequence',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_assignment()');
