-- What runs take in and bring out. An artifact never changes: a better one supersedes it.
create table if not exists pipeline.artifacts (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  pipeline_run_id uuid,
  block_execution_id uuid,
  correlation_id uuid,
  artifact_type text not null constraint artifacts_artifact_type_check check (artifact_type ~ '^[a-z][a-z0-9_.]{0,99}$'),
  mime_type text not null default 'application/json' constraint artifacts_mime_type_check check (mime_type ~ '^[^/\s]+/[^/\s]+'),
  storage_type pipeline.artifact_storage not null
    generated always as (case when object_path is null then 'inline' else 'object' end) stored,
  inline_data jsonb,
  object_path text constraint artifacts_object_path_check check (length(object_path) between 1 and 1000),
  size_bytes bigint not null constraint artifacts_size_bytes_check check (size_bytes >= 0),
  checksum text not null constraint artifacts_checksum_check check (checksum ~ '^[0-9a-f]{64}$'),
  version integer not null default 1 constraint artifacts_version_check check (version >= 1),
  supersedes_id uuid constraint artifacts_supersedes_id_check check (supersedes_id <> id),
  metadata jsonb not null default '{}' constraint artifacts_metadata_check check (jsonb_typeof(metadata) = 'object'),
  created_at timestamptz not null default now(),
  constraint artifacts_pkey primary key (tenant_id, id),
  constraint artifacts_supersedes_id_key unique (tenant_id, supersedes_id),
  constraint artifacts_inline_data_check check (num_nonnulls(inline_data, object_path) = 1),
  -- The length of the text, because it does not depend on how the value happens to be compressed.
  constraint artifacts_inline_data_length_check check (octet_length(inline_data::text) < 102400)
);
comment on table pipeline.artifacts is E'@typeid art\nA result or an input of a pipeline, kept as it was: a skip trace, an imported file, a message.';
comment on column pipeline.artifacts.pipeline_run_id is 'The run that brought it.';
comment on column pipeline.artifacts.block_execution_id is 'The block that brought it.';
comment on column pipeline.artifacts.correlation_id is 'Ties it to everything else that had the same cause.';
comment on column pipeline.artifacts.artifact_type is 'What it is: skiptrace_result, apollo_result, sms_message, csv_import, …';
comment on column pipeline.artifacts.mime_type is 'Media type of the data.';
comment on column pipeline.artifacts.inline_data is 'The data itself, when it is shorter than 100 KB (102,400 bytes of JSON text).';
comment on column pipeline.artifacts.object_path is 'Where the data is in object storage, when it is not inline.';
comment on column pipeline.artifacts.size_bytes is 'Size of the data; of inline data, of its JSON text.';
comment on column pipeline.artifacts.checksum is 'SHA-256 of the data in hexadecimal; of inline data, of its JSON text.';
comment on column pipeline.artifacts.version is 'One more than that of the artifact it supersedes.';
comment on column pipeline.artifacts.supersedes_id is 'The artifact that this one replaces; an artifact is superseded once.';
comment on column pipeline.artifacts.metadata is 'Anything else about it, a JSON object.';
comment on constraint artifacts_supersedes_id_key on pipeline.artifacts is E'@behavior -single';
create index if not exists artifacts_artifact_type_idx on pipeline.artifacts (tenant_id, artifact_type, id);
create index if not exists artifacts_correlation_id_idx on pipeline.artifacts (tenant_id, correlation_id);
create index if not exists artifacts_created_at_idx on pipeline.artifacts (tenant_id, created_at);
select ddl.foreign_key('pipeline.artifacts', 'pipeline_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.foreign_key('pipeline.artifacts', 'block_execution_id', 'pipeline.block_executions', 'set null');
select ddl.foreign_key('pipeline.artifacts', 'supersedes_id', 'pipeline.artifacts', 'no action', p_index => false);
comment on constraint artifacts_pipeline_run_id_fkey on pipeline.artifacts is E'@foreignFieldName artifacts';
comment on constraint artifacts_block_execution_id_fkey on pipeline.artifacts is E'@foreignFieldName artifacts';
comment on constraint artifacts_supersedes_id_fkey on pipeline.artifacts is E'@fieldName supersedes\n@foreignSingleFieldName supersededBy';
select ddl.append_only('pipeline.artifacts');

create or replace function pipeline.describe_artifact() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_text constant text := new.inline_data::text;
begin
  if v_text is not null then
    new.size_bytes := octet_length(v_text);
    new.checksum := encode(sha256(convert_to(v_text, 'UTF8')), 'hex');
  end if;
  if new.supersedes_id is not null then
    select a.version + 1 into new.version from pipeline.artifacts a where a.tenant_id = new.tenant_id and a.id = new.supersedes_id;
    new.version := coalesce(new.version, 1); -- the reference itself is refused by its key
  end if;
  return new;
end
$$;
comment on function pipeline.describe_artifact() is 'Gives an artifact its version, and inline data its size and checksum.';
select ddl.trigger('pipeline.artifacts', '_300_describe', 'before insert for each row execute function pipeline.describe_artifact()');
select ddl.masked('pipeline.artifacts', '{"inline_data": "json", "metadata": "json", "checksum": "hidden"}');
