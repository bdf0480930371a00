-- Lineage: of which artifacts an artifact was made.
create table if not exists pipeline.artifact_parents (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  artifact_id uuid not null,
  parent_id uuid not null constraint artifact_parents_parent_id_check check (parent_id <> artifact_id),
  created_at timestamptz not null default now(),
  constraint artifact_parents_pkey primary key (tenant_id, id)
);
comment on table pipeline.artifact_parents is E'@typeid artp\nThat an artifact was made of another one.';
comment on column pipeline.artifact_parents.artifact_id is 'What was made.';
comment on column pipeline.artifact_parents.parent_id is 'Of what it was made.';
create unique index if not exists artifact_parents_artifact_id_parent_id_key on pipeline.artifact_parents (tenant_id, artifact_id, parent_id);
select ddl.foreign_key('pipeline.artifact_parents', 'artifact_id', 'pipeline.artifacts', 'cascade', p_index => false);
select ddl.foreign_key('pipeline.artifact_parents', 'parent_id', 'pipeline.artifacts', 'cascade');
comment on constraint artifact_parents_artifact_id_fkey on pipeline.artifact_parents is
  E'@behavior +manyToMany\n@manyToManyFieldName children\n@foreignFieldName parentLinks';
comment on constraint artifact_parents_parent_id_fkey on pipeline.artifact_parents is
  E'@behavior +manyToMany\n@manyToManyFieldName parents\n@foreignFieldName childLinks';
select ddl.append_only('pipeline.artifact_parents');
