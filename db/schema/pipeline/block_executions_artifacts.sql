-- Blocks and artifacts point at each other; what a block takes in and brings out comes after both.
alter table pipeline.block_executions add column if not exists input_artifact_id uuid;
alter table pipeline.block_executions add column if not exists output_artifact_id uuid;
comment on column pipeline.block_executions.input_artifact_id is 'What it takes in.';
comment on column pipeline.block_executions.output_artifact_id is 'What it brought out.';
select ddl.foreign_key('pipeline.block_executions', 'input_artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('pipeline.block_executions', 'output_artifact_id', 'pipeline.artifacts', 'set null');
comment on constraint block_executions_input_artifact_id_fkey on pipeline.block_executions is E'@foreignFieldName inputOfBlocks';
comment on constraint block_executions_output_artifact_id_fkey on pipeline.block_executions is E'@foreignFieldName outputOfBlocks';
