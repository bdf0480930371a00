create or replace function pipeline.trigger_fits(p_automation pipeline.automations, p_facts jsonb) returns boolean
language plpgsql immutable set search_path to pg_catalog as $$
begin
  return coalesce(case p_automation.trigger_type
    when 'schedule' then p_facts ? 'schedule'
    when 'webhook' then p_facts ? 'webhook' and coalesce(app.uuid_of_type_id(p_facts #>> '{webhook,sourceId}') = p_automation.webhook_source_id, true)
      and (not p_automation.trigger_config ? 'event' or events.matches_types(p_facts #>> '{webhook,type}', array[p_automation.trigger_config ->> 'event']))
    else events.matches_types(p_facts #>> '{event,type}', array[pipeline.trigger_event(p_automation.trigger_type, p_automation.trigger_config)]) end, false);
end
$$;
comment on function pipeline.trigger_fits(pipeline.automations, jsonb) is E'@behavior -*\nWhether these facts are of the kind that an automation waits for.';

grant execute on function pipeline.trigger_fits(pipeline.automations, jsonb) to rowhouse_manager, rowhouse_system;
