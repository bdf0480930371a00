create or replace function ddl.state_machine(p_table regclass, p_column text, p_transitions json, p_initial text[] default null) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  perform ddl.trigger(p_table, format('_200_%s_transition', p_column), format(
    'before update for each row when (old.%1$I is distinct from new.%1$I) execute function app.guard_transition(%1$L, %2$L)',
    p_column, p_transitions::jsonb));
  if p_initial is not null then
    perform ddl.trigger(p_table, format('_200_%s_initial', p_column), format(
      'before insert for each row when (new.%1$I <> all (%2$L::text[])) execute function app.guard_initial_state(%1$L, %3$L)',
      p_column, p_initial, array_to_string(p_initial, ', ')));
  end if;
end
$$;
comment on function ddl.state_machine(regclass, text, json, text[]) is
  'Allows a status column the given steps only: {"draft": ["running"], "running": ["paused", "done"], "done": []}. The states of new rows can be limited, too.';
