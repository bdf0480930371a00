create or replace function app.roll_up_slot() returns smallint
language plpgsql volatile set search_path to pg_catalog as $$
begin
  -- Transactions that write at once take different slots, so that none waits for the others' totals. One that is alone
  -- always takes the first, so that few rows are made; when all are taken, two share one and wait.
  for v_slot in 0..31 loop
    if pg_try_advisory_xact_lock(hashtext('app.roll_up_slot'), v_slot) then
      return v_slot;
    end if;
  end loop;
  return pg_backend_pid() % 32;
end
$$;
comment on function app.roll_up_slot() is 'The slot in which this transaction adds to roll-ups: one that no other transaction of the moment uses, if there is one.';
