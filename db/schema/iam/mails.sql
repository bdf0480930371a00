-- Mails that wait to be sent: to whom and what about. What they say, and the token in their link, is made when they are sent.
create table if not exists private.mails (
  id uuid primary key default uuidv7(),
  kind text not null constraint mails_kind_check check (kind in ('invitation', 'registration', 'password_reset', 'webhook_disabled')),
  address text not null constraint mails_address_check check (length(address) <= 320),
  tenant_id uuid constraint mails_tenant_id_fkey references iam.tenants (id) on delete cascade,
  subject_id uuid,
  created_at timestamptz not null default now()
);
comment on table private.mails is
  'Mails to send. A row goes when its mail is sent, or after a week. subject_id: the invitation, registration or webhook subscription. A password reset names only the address: whether somebody has it is found out by the worker.';
create index if not exists mails_created_at_idx on private.mails (created_at);
create index if not exists mails_tenant_id_idx on private.mails (tenant_id);
select ddl.private_table('private.mails');
grant select, insert, delete, update on private.mails to rowhouse_definer;

set local role rowhouse_worker;
create or replace function private.add_mail_job(p_mail_id uuid) returns void
language sql security definer set search_path to pg_catalog as $$
  -- Twelve attempts with growing pauses take about a day.
  select graphile_worker.add_job('send_mail', json_build_object('mailId', p_mail_id), max_attempts => 12, job_key => 'mail:' || p_mail_id);
$$;
comment on function private.add_mail_job(uuid) is 'Puts a mail into the queue of graphile-worker, by its id alone.';
grant execute on function private.add_mail_job(uuid) to rowhouse_definer;
revoke all on function private.add_mail_job(uuid) from public;

set local role rowhouse_definer;
create or replace function private.queue_mail(p_kind text, p_address text, p_tenant_id uuid, p_subject_id uuid) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_id uuid;
begin
  delete from private.mails where created_at < now() - interval '7 days';
  insert into private.mails (kind, address, tenant_id, subject_id) values (p_kind, p_address, p_tenant_id, p_subject_id) returning id into v_id;
  perform private.add_mail_job(v_id);
end
$$;
comment on function private.queue_mail(text, text, uuid, uuid) is 'Has a mail sent by the worker. Crosses tenants: a password reset belongs to none.';
grant execute on function private.queue_mail(text, text, uuid, uuid) to rowhouse_owner, rowhouse_identity;
revoke all on function private.queue_mail(text, text, uuid, uuid) from public;

create or replace function private.close_mail(p_mail_id uuid) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  delete from private.mails where id = p_mail_id;
end;
comment on function private.close_mail(uuid) is 'Forgets a mail that was sent, or that has become pointless. Crosses tenants: see queue_mail.';
grant execute on function private.close_mail(uuid) to rowhouse_worker;
revoke all on function private.close_mail(uuid) from public;
set local role rowhouse_owner;
