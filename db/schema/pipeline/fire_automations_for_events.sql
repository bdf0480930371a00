create or replace function pipeline.fire_automations_for_events(p_event_ids uuid[]) returns integer
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_event jsonb;
  v_facts jsonb;
  v_automation pipeline.automations;
  v_role text;
  v_ids uuid[];
  v_cause pipeline.automation_runs;
  v_row record;
  v_status text;
  v_fate text;
  v_count integer := 0;
begin
  for v_event in
    select to_jsonb(e) from events.events e join unnest(p_event_ids) with ordinality i (id, n) on e.id = i.id
    where e.tenant_id = app.tenant_id() and e.subject_type not in ('automation_runs', 'jobs') order by i.n
  loop
    v_facts := null;
    for v_automation in
      select a.* from pipeline.automations a
      where a.tenant_id = app.tenant_id() and a.is_enabled and a.deleted_at is null and a.trigger_type in ('event', 'lead_created', 'message_received')
        and events.matches_types(v_event ->> 'type', array[pipeline.trigger_event(a.trigger_type, a.trigger_config)])
        and a.armed_at <= (v_event ->> 'created_at')::timestamptz
        and (a.can_trigger_itself or a.actor_id is distinct from (v_event ->> 'actor_id')::uuid)
      order by a.id
    loop
      v_facts := coalesce(v_facts, jsonb_build_object('event', pipeline.event_facts(v_event)));
      select coalesce(array_agg(k::uuid order by n), '{}') into v_ids from jsonb_array_elements_text(v_event -> 'keys') with ordinality e (k, n);
      v_ids := case when v_event ->> 'subject_id' is not null then array[(v_event ->> 'subject_id')::uuid]
        when cardinality(v_ids) = 1 or v_automation.fires_per_row then v_ids else '{}' end;
      v_role := pipeline.lent_role(v_automation);
      v_cause := jsonb_populate_record(null::pipeline.automation_runs, jsonb_build_object('event_id', v_event -> 'id', 'depth', coalesce(v_event -> 'depth', '0'),
        'correlation_id', coalesce(nullif(v_event -> 'correlation_id', 'null'), v_event -> 'id'), 'subject_type', v_event -> 'subject_type'));
      v_fate := null;
      begin
        for v_row in
          select i.id, s.facts from unnest(case when v_ids = '{}' then array[null::uuid] else v_ids end) with ordinality i (id, n)
          left join pipeline.subject_facts(v_automation, v_role, v_automation.scopes, v_event ->> 'subject_type', case when v_role is null then '{}' else v_ids end,
            pipeline.subject_fields(v_automation.conditions) || case when v_automation.trigger_type = 'message_received' then array['direction'] else '{}' end) s on s.id = i.id
          order by i.n
        loop
          v_cause.subject_id := v_row.id;
          v_status := pipeline.fire_automation(v_automation, v_cause, v_facts || jsonb_build_object('subject', v_row.facts), v_fate);
          v_fate := coalesce(v_fate, nullif(v_status, 'skipped'));
          v_count := v_count + coalesce(v_status = 'queued', false)::integer;
        end loop;
      exception
        when transaction_rollback or lock_not_available or insufficient_resources or operator_intervention then
          raise;
        when others then
          -- An automation that cannot be decided does not keep the others from their events.
          raise log 'automation % could not be fired: % (%)', v_automation.id, sqlerrm, sqlstate;
          insert into pipeline.automation_runs (tenant_id, automation_id, status, event_id, subject_type, depth, error_code, error_message, finished_at)
          values (v_automation.tenant_id, v_automation.id, 'failed', v_cause.event_id, v_cause.subject_type, v_cause.depth, 'INTERNAL',
            'Something went wrong inside Rowhouse, not in your data.', now()) on conflict do nothing;
      end;
    end loop;
  end loop;
  return v_count;
end
$$;
comment on function pipeline.fire_automations_for_events(uuid[]) is
  E'@behavior -*\nFires the automations that wait for these events of the feed, in their order. May be called again with the same ones: each fires once. Returns how many were queued.';
grant execute on function pipeline.fire_automations_for_events(uuid[]) to rowhouse_system;
