create or replace function app.refuse_change() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('FORBIDDEN', format('Rows of %s.%s are never changed or deleted. Add a new row that supersedes or follows the old one.',
    tg_table_schema, tg_table_name));
  return null;
end
$$;
comment on function app.refuse_change() is 'Refuses a change of an append-only table.';

create or replace function app.guard_transition() returns trigger
language plpgsql set search_path to pg_catalog as $$
declare
  v_from text := to_jsonb(old) ->> tg_argv[0];
  v_to text := to_jsonb(new) ->> tg_argv[0];
  v_next jsonb := coalesce(tg_argv[1]::jsonb -> v_from, '[]');
begin
  if v_next ? v_to then
    return new;
  end if;
  perform app.raise('INVALID_STATE', format('Row %s of %s is %s and cannot become %s. %s', old.id, replace(tg_table_name, '_', ' '), v_from, v_to,
    case when v_next = '[]' then 'That is a final state.'
      else format('From there it can become: %s.', (select string_agg(s, ', ') from jsonb_array_elements_text(v_next) s)) end),
    tg_argv[0], jsonb_build_object('from', v_from, 'to', v_to, 'possible', v_next));
  return null;
end
$$;
comment on function app.guard_transition() is 'Refuses a step that the state machine of the column does not have.';

create or replace function app.guard_initial_state() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('A new row of %s cannot begin as %s. It begins as: %s.', replace(tg_table_name, '_', ' '),
    to_jsonb(new) ->> tg_argv[0], tg_argv[1]), tg_argv[0]);
  return null;
end
$$;
comment on function app.guard_initial_state() is 'Refuses a new row in a state in which none begins.';
