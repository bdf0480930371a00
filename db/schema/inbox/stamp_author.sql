create or replace function inbox.stamp_author() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.sent_by := null;
  return new;
end
$$;
comment on function inbox.stamp_author() is 'A message of the contact has no author of ours, whoever is signed in as it is written down.';
select ddl.trigger('inbox.inbox_messages', '_300_author',
  $$before insert for each row when (new.direction = 'inbound' and new.sent_by is not null) execute function inbox.stamp_author()$$);
