create or replace function pipeline.check_trigger(p_trigger text, p_config jsonb) returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_keys text[] := case p_trigger when 'schedule' then array['schedule', 'timezone'] when 'event' then array['event'] when 'webhook' then array['event'] else '{}' end;
  v_event text := p_config ->> 'event';
  v_unknown text;
begin
  select k into v_unknown from jsonb_object_keys(p_config) k where k <> all (v_keys) limit 1;
  if v_unknown is not null then
    perform app.raise('VALIDATION_FAILED', format('triggerConfig.%s: the trigger %s has no such setting. It has: %s.', left(v_unknown, 60), upper(p_trigger),
      coalesce(nullif(array_to_string(v_keys, ', '), ''), 'none')), 'triggerConfig');
  end if;
  if p_trigger = 'schedule' then
    perform pipeline.check_cron(p_config ->> 'schedule', 'triggerConfig.schedule');
    begin
      perform timezone(p_config ->> 'timezone', now());
      -- Offsets and abbreviations know no daylight saving time.
      if p_config ->> 'timezone' !~ '^(UTC|[A-Za-z_]+/[A-Za-z_/+0-9-]+)$' then raise invalid_parameter_value; end if;
    exception when invalid_parameter_value then
      perform app.raise('VALIDATION_FAILED', format('triggerConfig.timezone: there is no time zone %L. Name one of the IANA database, such as Europe/Paris.',
        left(p_config ->> 'timezone', 60)), 'triggerConfig.timezone');
    end;
  elsif p_trigger = 'event' then
    if v_event is null or length(v_event) > 200 or v_event !~ '^[a-z][a-z0-9_]*\.(\*|[a-z][a-z0-9_]*)$' or pipeline.event_subject(v_event) is null then
      perform app.raise('VALIDATION_FAILED', format('triggerConfig.event: %L is no type of events. Write a type such as contact.created or list_import.completed, or contact.* for all of contacts.',
        left(v_event, 200)), 'triggerConfig.event');
    elsif split_part(v_event, '.', 1) in ('automation_run', 'job') then
      perform app.raise('VALIDATION_FAILED', 'triggerConfig.event: runs of automations and jobs do not set automations going: each would be the cause of the next.', 'triggerConfig.event');
    end if;
  elsif v_event is not null and (length(v_event) > 200 or v_event = '') then
    perform app.raise('VALIDATION_FAILED', 'triggerConfig.event has 1 to 200 characters: a type as the service writes it, or the beginning of one and an asterisk.', 'triggerConfig.event');
  end if;
end
$$;
comment on function pipeline.check_trigger(text, jsonb) is E'@behavior -*\nRefuses settings that do not go with a trigger: an unknown type of events, no schedule, no time zone.';

create or replace function pipeline.guard_automation() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_subject regclass;
  v_role text := nullif(current_setting('jwt.claims.role', true), '');
  v_of_rule constant text[] := array['trigger_type', 'trigger_config', 'webhook_source_id', 'conditions', 'actions', 'blueprint_id', 'role',
    'fires_per_row', 'can_trigger_itself', 'depth_limit', 'rate_limit'];
  v_is_changed boolean := tg_op = 'INSERT';
begin
  if tg_op = 'UPDATE' then
    -- Switched on, or brought back, it acts anew; switching it off takes no more than being a manager.
    v_is_changed := exists (select from unnest(v_of_rule) f where to_jsonb(new) -> f is distinct from to_jsonb(old) -> f)
      or (new.is_enabled and not old.is_enabled) or (new.deleted_at is null and old.deleted_at is not null);
  end if;
  if not v_is_changed then
    return new;
  end if;
  if new.trigger_type = 'schedule' and not new.trigger_config ? 'timezone' then
    new.trigger_config := new.trigger_config || jsonb_build_object('timezone', app.time_zone());
  end if;
  if tg_op = 'INSERT' or (old.trigger_type, old.trigger_config, old.conditions, old.actions, old.blueprint_id)
    is distinct from (new.trigger_type, new.trigger_config, new.conditions, new.actions, new.blueprint_id) then
    perform pipeline.check_trigger(new.trigger_type, new.trigger_config);
    v_subject := pipeline.event_subject(pipeline.trigger_event(new.trigger_type, new.trigger_config));
    if octet_length(new.conditions::text) > 65536 then
      perform app.raise('LIMIT_EXCEEDED', 'conditions has more than 64 KB.', 'conditions');
    end if;
    perform pipeline.check_conditions(new.conditions, 'conditions', 0, new.trigger_type, v_subject);
    perform pipeline.check_actions(new.actions, new.trigger_type, v_subject);
    if new.blueprint_id is null and new.actions = '[]' then
      perform app.raise('VALIDATION_FAILED', 'An automation does something: give it actions, a blueprintId, or both.', 'actions');
    end if;
  end if;
  -- It acts by leave of whoever wrote it last: nobody lends it, or gets from it, what is not theirs. The worker has no role.
  if v_role is not null then
    if private.role_rank(new.role) > private.role_rank(v_role) then
      perform app.raise('FORBIDDEN', format('You are %s here: an automation that acts as %s is above your own role. Ask somebody who has it.', v_role, new.role), 'role');
    end if;
    new.authorized_by := app.actor_id();
    new.scopes := string_to_array(coalesce(current_setting('jwt.claims.scopes', true), ''), ' ');
  end if;
  if tg_op = 'INSERT' or (new.is_enabled and not old.is_enabled)
    or (old.trigger_type, old.trigger_config, old.webhook_source_id) is distinct from (new.trigger_type, new.trigger_config, new.webhook_source_id) then
    new.armed_at := now();
    new.next_run_at := null;
  end if;
  if new.is_enabled then
    new.disabled_reason := null;
    new.disabled_at := null;
    if tg_op = 'UPDATE' and not old.is_enabled then
      new.failure_count := 0;
    end if;
  end if;
  return new;
end
$$;
comment on function pipeline.guard_automation() is
  'Refuses rules that could not be followed, and roles above that of whoever writes them; notes by whose leave it acts and since when.';
select ddl.trigger('pipeline.automations', '_200_guard', 'before insert or update for each row execute function pipeline.guard_automation()');
