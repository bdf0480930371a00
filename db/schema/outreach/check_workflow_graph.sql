create or replace function outreach.check_workflow_graph(p_nodes jsonb, p_edges jsonb) returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_bad text;
  v_triggers integer := (select count(*) from jsonb_array_elements(p_nodes) n where n ->> 'type' = 'trigger');
begin
  select n::text into v_bad from jsonb_array_elements(p_nodes) n
  where jsonb_typeof(n) <> 'object' or coalesce(n ->> 'id', '') = ''
    or coalesce(n ->> 'type', '') not in ('trigger', 'condition', 'delay', 'split', 'action', 'goal') limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('The node %s has no id, or no type of trigger, condition, delay, split, action or goal.', left(v_bad, 200)), 'nodes');
  end if;
  select n ->> 'id' into v_bad from jsonb_array_elements(p_nodes) n group by 1 having count(*) > 1 limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('Two nodes have the id %s. Give each an id of its own.', v_bad), 'nodes');
  end if;
  if v_triggers <> 1 then
    perform app.raise('VALIDATION_FAILED', format('A workflow begins at one node of type trigger; this one has %s.', v_triggers), 'nodes');
  end if;
  select e::text into v_bad from jsonb_array_elements(p_edges) e
  where jsonb_typeof(e) <> 'object'
    or not exists (select from jsonb_array_elements(p_nodes) n where n ->> 'id' = e ->> 'from')
    or not exists (select from jsonb_array_elements(p_nodes) n where n ->> 'id' = e ->> 'to') limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('The edge %s does not lead from one node to another.', left(v_bad, 200)), 'edges');
  end if;
  with recursive reached (id) as (
    select n ->> 'id' from jsonb_array_elements(p_nodes) n where n ->> 'type' = 'trigger'
    union
    select e ->> 'to' from reached r join jsonb_array_elements(p_edges) e on e ->> 'from' = r.id
  )
  select n ->> 'id' into v_bad from jsonb_array_elements(p_nodes) n
  where not exists (select from reached r where r.id = n ->> 'id') order by 1 limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('No way leads from the trigger to node %s. Connect it or remove it.', v_bad), 'edges');
  end if;
end
$$;
comment on function outreach.check_workflow_graph(jsonb, jsonb) is
  'Refuses a graph that cannot be run: nodes without id or type, not exactly one trigger, edges to nowhere, nodes that no way leads to.';
