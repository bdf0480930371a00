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
create index if not exists enrollment_variant_assignments_variant_idx
  on outreach.enrollment_variant_assignments (tenant_id, step_experiment_variant_id, step_experiment_id);
select ddl.foreign_key('outreach.enrollment_variant_assignments', 'sequence_enrollment_id', 'outreach.sequence_enrollments', 'cascade', p_index => false);
select ddl.foreign_key('outreach.enrollment_variant_assignments', 'step_experiment_id', 'outreach.step_experiments', 'cascade');
-- The variant is one of that experiment: its key carries the experiment.
select ddl.constraint('outreach.step_experiment_variants', 'step_experiment_variants_id_step_experiment_id_key', 'unique (tenant_id, id, step_experiment_id)');
select ddl.constraint('outreach.enrollment_variant_assignments', 'enrollment_variant_assignments_step_experiment_variant_id_fkey',
  'foreign key (tenant_id, step_experiment_variant_id, step_experiment_id) references outreach.step_experiment_variants (tenant_id, id, step_experiment_id) on delete cascade');
comment on constraint enrollment_variant_assignments_sequence_enrollment_id_fkey on outreach.enrollment_variant_assignments is E'@foreignFieldName variantAssignments\n@fieldName enrollment';
comment on constraint enrollment_variant_assignments_step_experiment_id_fkey on outreach.enrollment_variant_assignments is E'@foreignFieldName assignments\n@fieldName experiment';
comment on constraint enrollment_variant_assignments_step_experiment_variant_id_fkey on outreach.enrollment_variant_assignments is E'@foreignFieldName assignments\n@fieldName variant';
select ddl.append_only('outreach.enrollment_variant_assignments');
