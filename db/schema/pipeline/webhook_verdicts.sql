-- The verdict on a call is a row of its own, from which the call is filled in: so nobody can write the call itself again.
create table if not exists private.webhook_verdicts (
  tenant_id uuid not null,
  webhook_event_id uuid not null,
  webhook_source_id uuid not null,
  verdict pipeline.webhook_verdict not null,
  event_type text not null,
  provider_event_id text,
  payload jsonb,
  signature text,
  signed_digest text,
  created_at timestamptz not null default now(),
  constraint webhook_verdicts_pkey primary key (tenant_id, webhook_event_id)
);
comment on table private.webhook_verdicts is 'What was found of each call that came in; emptied into the call itself at once, and kept as the proof that it was judged once.';
select ddl.foreign_key('private.webhook_verdicts', 'webhook_event_id', 'pipeline.webhook_events', 'cascade', p_index => false);
select ddl.private_table('private.webhook_verdicts');

create or replace function private.apply_webhook_verdict() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update pipeline.webhook_events e
  set verdict = new.verdict, event_type = new.event_type, provider_event_id = new.provider_event_id, payload = new.payload,
    signature = new.signature, signed_digest = new.signed_digest, repeated_headers = null, called_urls = null,
    raw_body = case when new.verdict in ('valid', 'unsigned') or length(e.raw_body) <= 16384 then e.raw_body else substr(e.raw_body, 1, 16384) end
  where e.tenant_id = new.tenant_id and e.id = new.webhook_event_id and e.verdict = 'received';
  if new.verdict in ('valid', 'unsigned') then
    perform private.write_event(new.tenant_id, 'webhook_event.created', 'webhook_events', array[new.webhook_event_id], 1,
      jsonb_build_object('webhook_source_id', new.webhook_source_id));
  else
    -- Of what was refused a source keeps its latest thousand: junk cannot fill the disk.
    delete from pipeline.webhook_events e
    where e.tenant_id = new.tenant_id and e.id = any (array(
      select o.id from pipeline.webhook_events o
      where o.tenant_id = new.tenant_id and o.webhook_source_id = new.webhook_source_id and o.verdict not in ('received', 'valid', 'unsigned')
        and o.id < (select x.id from pipeline.webhook_events x
          where x.tenant_id = new.tenant_id and x.webhook_source_id = new.webhook_source_id and x.verdict not in ('received', 'valid', 'unsigned')
          order by x.id desc offset 999 limit 1)
      order by o.id limit 1000 for update skip locked));
  end if;
  -- What it says stands in the call from now on.
  new.payload := null;
  new.signature := null;
  return new;
end
$$;
comment on function private.apply_webhook_verdict() is 'Fills in a call by the verdict on it, and removes what was refused long before.';
select ddl.trigger('private.webhook_verdicts', '_300_apply', 'before insert for each row execute function private.apply_webhook_verdict()');

create or replace function private.judge_webhook_event(p_event_id uuid, p_verdict text, p_event_type text, p_provider_event_id text,
  p_payload text, p_signature text, p_signed_digest text) returns text
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_source_id uuid;
  v_earlier text;
  v_verdict text := p_verdict;
  v_payload jsonb;
begin
  -- A server that was slow and a worker that took it for dead may both come: the verdict of the first stands.
  select e.webhook_source_id, e.verdict into v_source_id, v_earlier from pipeline.webhook_events e
  where e.tenant_id = app.tenant_id() and e.id = p_event_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no call %s.', p_event_id));
  elsif v_earlier <> 'received' then
    return v_earlier;
  end if;
  if p_verdict in ('valid', 'unsigned') then
    begin
      v_payload := p_payload::jsonb;
    exception when data_exception or program_limit_exceeded then
      v_payload := null;
    end;
    if jsonb_typeof(v_payload) not in ('object', 'array') then
      v_payload := null;
    end if;
  end if;
  begin
    insert into private.webhook_verdicts (tenant_id, webhook_event_id, webhook_source_id, verdict, event_type, provider_event_id, payload, signature,
      signed_digest)
    values (app.tenant_id(), p_event_id, v_source_id, p_verdict, p_event_type, p_provider_event_id, v_payload, p_signature, p_signed_digest);
  exception when unique_violation then
    -- The same call once more: by its number, or by what was signed. Under another number it is no repetition of its sender.
    v_verdict := case when p_provider_event_id is null or exists (select from pipeline.webhook_events e
      where e.tenant_id = app.tenant_id() and e.webhook_source_id = v_source_id and e.provider_event_id = p_provider_event_id
        and e.verdict in ('valid', 'unsigned')) then 'duplicate' else 'replayed' end;
    insert into private.webhook_verdicts (tenant_id, webhook_event_id, webhook_source_id, verdict, event_type, provider_event_id, signature, signed_digest)
    values (app.tenant_id(), p_event_id, v_source_id, v_verdict, p_event_type, p_provider_event_id, p_signature, p_signed_digest);
  end;
  return v_verdict;
end
$$;
comment on function private.judge_webhook_event(uuid, text, text, text, text, text, text) is
  'Writes the verdict on a call of this tenant, once, and returns it. What came before is a duplicate, or a replay if it has another number.';
grant execute on function private.judge_webhook_event(uuid, text, text, text, text, text, text) to rowhouse_system;
revoke all on function private.judge_webhook_event(uuid, text, text, text, text, text, text) from public;
