create or replace function outreach.reorder_sequence_steps(sequence_id uuid, step_ids uuid[]) returns outreach.sequences
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_sequence outreach.sequences;
  v_steps uuid[];
  v_last integer;
begin
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
  -- First beyond the others: the numbers are unique at every moment.
  select max(s.step_number) into v_last from outreach.sequence_steps s
  where s.tenant_id = v_sequence.tenant_id and s.sequence_id = v_sequence.id and s.deleted_at is null;
  update outreach.sequence_steps s set step_number = v_last + o.n
  from unnest(step_ids) with ordinality o (id, n) where s.tenant_id = v_sequence.tenant_id and s.id = o.id;
  update outreach.sequence_steps s set step_number = o.n
  from unnest(step_ids) with ordinality o (id, n) where s.tenant_id = v_sequence.tenant_id and s.id = o.id;
  return v_sequence;
end
$$;
comment on function outreach.reorder_sequence_steps(uuid, uuid[]) is 'Puts the steps of a sequence into a new order.';
grant execute on function outreach.reorder_sequence_steps(uuid, uuid[]) to rowhouse_member;
