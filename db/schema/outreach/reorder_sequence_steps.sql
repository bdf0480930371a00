create or replace function outreach.reorder_sequence_steps(sequence_id uuid, step_ids uuid[]) returns outreach.sequences
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_sequence outreach.sequences;
  v_steps uuid[];
begin
  perform app.require_scope('outreach:write');
  select * into v_sequence from outreach.sequences s
  where s.tenant_id = app.tenant_id() and s.id = reorder_sequence_steps.sequence_id and s.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no sequence %s.', reorder_sequence_steps.sequence_id), 'sequenceId');
  end if;
  v_steps := array(select s.id from outreach.sequence_steps s
    where s.tenant_id = v_sequence.tenant_id and s.sequence_id = v_sequence.id and s.deleted_at is null order by s.id);
  if v_steps <> array(select i from unnest(step_ids) i order by i) then
    perform app.raise('VALIDATION_FAILED', format('Name each of the %s living steps of the sequence once, in the order they shall have.', cardinality(v_steps)),
      'stepIds', jsonb_build_object('expected', cardinality(v_steps), 'given', cardinality(step_ids)));
  end if;
  -- First to numbers that nobody has and nobody gets: they are unique at every moment.
  update outreach.sequence_steps s set step_number = f.n
  from unnest(v_steps) with ordinality o (id, n)
  join (select f.n, row_number() over (order by f.n desc) as place from generate_series(cardinality(v_steps) + 1, 10000) f (n)
    where not exists (select from outreach.sequence_steps t where t.tenant_id = v_sequence.tenant_id and t.sequence_id = v_sequence.id
      and t.deleted_at is null and t.step_number = f.n)) f on f.place = o.n
  where s.tenant_id = v_sequence.tenant_id and s.id = o.id;
  update outreach.sequence_steps s set step_number = o.n
  from unnest(step_ids) with ordinality o (id, n) where s.tenant_id = v_sequence.tenant_id and s.id = o.id;
  return v_sequence;
end
$$;
comment on function outreach.reorder_sequence_steps(uuid, uuid[]) is 'Puts the steps of a sequence into a new order.';
grant execute on function outreach.reorder_sequence_steps(uuid, uuid[]) to rowhouse_member;
