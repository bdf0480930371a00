-- Runs and artifacts point at each other; what a run takes in and brings out comes after both.
alter table pipeline.pipeline_runs add column if not exists input_artifact_id uuid;
alter table pipeline.pipeline_runs add column if not exists output_artifact_id uuid;
comment on column pipeline.pipeline_runs.input_artifact_id is 'What it takes in.';
comment on column pipeline.pipeline_runs.output_artifact_id is 'What it brought out.';
select ddl.foreign_key('pipeline.pipeline_runs', 'input_artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('pipeline.pipeline_runs', 'output_artifact_id', 'pipeline.artifacts', 'set null');
comment on constraint pipeline_runs_input_artifact_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName inputOfRuns';
comment on constraint pipeline_runs_output_artifact_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName outputOfRuns';
