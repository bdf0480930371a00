create or replace function iam.make_actor() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  insert into iam.actors (tenant_id, kind, label) values (new.tenant_id, tg_argv[0], new.name) returning id into new.actor_id;
  return new;
end
$$;
comment on function iam.make_actor() is 'Gives a new row the actor under which it acts, of the kind that the trigger names.';

create or replace function iam.rename_actor() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update iam.actors set label = new.name where tenant_id = new.tenant_id and id = new.actor_id and label <> new.name;
  return new;
end
$$;
comment on function iam.rename_actor() is 'Shows the actor of a row under the row''s new name.';
