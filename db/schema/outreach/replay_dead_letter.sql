create or replace function outreach.replay_dead_letter(dead_letter_id uuid) returns outreach.message_dead_letters
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_letter outreach.message_dead_letters;
  v_status text;
begin
  perform app.require_scope('outreach:write');
  select * into v_letter from outreach.message_dead_letters d
  where d.tenant_id = app.tenant_id() and d.id = replay_dead_letter.dead_letter_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no dead letter %s.', dead_letter_id), 'deadLetterId');
  end if;
  if v_letter.replayed_at is not null then
    perform app.raise('INVALID_STATE', format('Dead letter %s was replayed already. Look at its message.', dead_letter_id), 'deadLetterId');
  end if;
  select m.status into v_status from outreach.messages m where m.tenant_id = v_letter.tenant_id and m.id = v_letter.message_id for update;
  if v_status <> 'dead' then
    perform app.raise('INVALID_STATE', format('Message %s is %s, not dead: there is nothing to replay.', v_letter.message_id, v_status), 'deadLetterId');
  end if;
  update outreach.messages set status = 'queued', error_code = null, error_message = null
  where tenant_id = v_letter.tenant_id and id = v_letter.message_id;
  update outreach.message_dead_letters set replayed_at = now(), replayed_by = app.actor_id()
  where tenant_id = v_letter.tenant_id and id = v_letter.id
  returning * into v_letter;
  return v_letter;
end
$$;
comment on function outreach.replay_dead_letter(uuid) is 'Queues a message once more that was given up.';
grant execute on function outreach.replay_dead_letter(uuid) to rowhouse_manager;
