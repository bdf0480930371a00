create or replace function outreach.check_workflow_graph(p_nodes jsonb, p_edges jsonb, p_goals jsonb default '[]') returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_bad text;
  v_ids text[] := array(select n ->> 'id' from jsonb_array_elements(p_nodes) n);
  v_triggers text[] := array(select n ->> 'id' from jsonb_array_elements(p_nodes) n where n ->> 'type' = 'trigger');
begin
  if cardinality(v_ids) > 1000 or jsonb_array_length(p_edges) > 5000 then
    perform app.raise('LIMIT_EXCEEDED', format('A workflow has at most 1000 nodes and 5000 edges; this one has %s and %s. Make two of it.',
      cardinality(v_ids), jsonb_array_length(p_edges)), 'nodes');
  end if;
  select n::text into v_bad from jsonb_array_elements(p_nodes) n
  where jsonb_typeof(n) <> 'object' or coalesce(length(n ->> 'id'), 0) not between 1 and 200
    or coalesce(n ->> 'type', '') not in ('trigger', 'condition', 'delay', 'split', 'action', 'goal') limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('The node %s has no id, or no type of trigger, condition, delay, split, action or goal.', left(v_bad, 200)), 'nodes');
  end if;
  select i into v_bad from unnest(v_ids) i group by 1 having count(*) > 1 limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('Two nodes have the id %s. Give each an id of its own.', v_bad), 'nodes');
  end if;
  if cardinality(v_triggers) <> 1 then
    perform app.raise('VALIDATION_FAILED', format('A workflow begins at one node of type trigger; this one has %s.', cardinality(v_triggers)), 'nodes');
  end if;
  select e::text into v_bad from jsonb_array_elements(p_edges) e
  where jsonb_typeof(e) <> 'object' or (e ->> 'from' = any (v_ids) and e ->> 'to' = any (v_ids)) is not true limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('The edge %s does not lead from one node to another.', left(v_bad, 200)), 'edges');
  end if;
  if exists (select from jsonb_array_elements(p_edges) e where e ->> 'to' = v_triggers[1]) then
    perform app.raise('VALIDATION_FAILED', format('An edge leads back to the trigger %s, where runs begin. Lead it to the node after it.', v_triggers[1]), 'edges');
  end if;
  with recursive ways (source, target) as materialized (
    select distinct e ->> 'from', e ->> 'to' from jsonb_array_elements(p_edges) e
  ), reached (id) as (
    select v_triggers[1]
    union
    select w.target from reached r join ways w on w.source = r.id
  )
  select i into v_bad from unnest(v_ids) i where i not in (select r.id from reached r) order by 1 limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('No way leads from the trigger to node %s. Connect it or remove it.', v_bad), 'edges');
  end if;
  select g::text into v_bad from jsonb_array_elements(p_goals) g where jsonb_typeof(g) <> 'object' or coalesce(btrim(g ->> 'name'), '') = '' limit 1;
  if v_bad is not null then
    perform app.raise('VALIDATION_FAILED', format('The goal %s has no name.', left(v_bad, 200)), 'goals');
  end if;
end
$$;
comment on function outreach.check_workflow_graph(jsonb, jsonb, jsonb) is
  'Refuses a graph that cannot be run: nodes without id or type, not exactly one trigger, edges to nowhere, nodes that no way leads to, goals without name.';
