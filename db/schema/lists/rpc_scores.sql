-- The log of scores: does this number reach this person? A newer score stands beside the older one.
create table if not exists lists.rpc_scores (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_entry_id uuid not null,
  enrichment_queue_job_id uuid,
  name text constraint rpc_scores_name_check check (length(name) <= 500),
  phone_e164 text constraint rpc_scores_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  features jsonb not null default '{}' constraint rpc_scores_features_check check (jsonb_typeof(features) = 'object'),
  score float8 not null constraint rpc_scores_score_check check (score between 0 and 1),
  verdict lists.rpc_verdict not null,
  method text not null constraint rpc_scores_method_check check (length(btrim(method)) between 1 and 100),
  method_version text not null constraint rpc_scores_method_version_check check (length(btrim(method_version)) between 1 and 50),
  scored_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  constraint rpc_scores_pkey primary key (tenant_id, id)
);
comment on table lists.rpc_scores is E'@typeid rpc\nHow likely the phone number of an entry reaches the person it names, and why.';
comment on column lists.rpc_scores.enrichment_queue_job_id is 'The batch in which it was scored.';
comment on column lists.rpc_scores.name is 'The name that was scored.';
comment on column lists.rpc_scores.phone_e164 is 'The phone number that was scored, in international form.';
comment on column lists.rpc_scores.features is 'What the score is made of: a JSON object, feature to figure, such as {"nameSimilarity": 0.91}.';
comment on column lists.rpc_scores.score is 'From 0, somebody else, to 1, this person.';
comment on column lists.rpc_scores.method is 'The method that scored, such as record_linkage.';
comment on column lists.rpc_scores.method_version is 'Version of the method.';
comment on column lists.rpc_scores.scored_by is 'Actor who scored.';
create index if not exists rpc_scores_list_entry_id_idx on lists.rpc_scores (tenant_id, list_entry_id, id);
create index if not exists rpc_scores_verdict_idx on lists.rpc_scores (tenant_id, verdict, id);
select ddl.foreign_key('lists.rpc_scores', 'list_entry_id', 'lists.list_entries', 'cascade', p_index => false);
select ddl.foreign_key('lists.rpc_scores', 'enrichment_queue_job_id', 'lists.enrichment_queue_jobs', 'set null');
select ddl.foreign_key('lists.rpc_scores', 'scored_by', 'iam.actors', 'set null');
comment on constraint rpc_scores_scored_by_fkey on lists.rpc_scores is '@foreignFieldName rpcScores';
select ddl.append_only('lists.rpc_scores',
  p_insert => '{list_entry_id,enrichment_queue_job_id,name,phone_e164,features,score,verdict,method,method_version}');

create or replace function lists.list_entries_latest_rpc_score(entry lists.list_entries) returns lists.rpc_scores
language sql stable
begin atomic
  select s from lists.rpc_scores s where s.tenant_id = entry.tenant_id and s.list_entry_id = entry.id order by s.id desc limit 1;
end;
comment on function lists.list_entries_latest_rpc_score(lists.list_entries) is 'The youngest score of the entry''s name and number; the one that counts.';
grant execute on function lists.list_entries_latest_rpc_score(lists.list_entries) to rowhouse_viewer, rowhouse_system;
select ddl.masked('lists.rpc_scores', '{"phone_e164": "phone", "features": "json"}');
