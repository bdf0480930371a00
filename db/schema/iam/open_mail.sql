set local role rowhouse_definer;
create or replace function private.open_mail(p_mail_id uuid, p_token_hash text) returns table (kind text, address text, facts jsonb)
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_mail private.mails;
begin
  select * into v_mail from private.mails m where m.id = p_mail_id for update;
  kind := v_mail.kind;
  address := v_mail.address;
  facts := case v_mail.kind
    when 'invitation' then private.open_invitation_mail(v_mail.tenant_id, v_mail.subject_id, p_token_hash)
    when 'registration' then private.open_registration_mail(v_mail.subject_id, p_token_hash)
    when 'webhook_disabled' then private.open_webhook_mail(v_mail.tenant_id, v_mail.subject_id)
    when 'password_reset' then private.open_reset_mail(v_mail.address, p_token_hash)
  end;
  if facts ? 'isTaken' then
    kind := 'registration_taken';
  end if;
  if facts is not null then
    return next;
  end if;
end
$$;
comment on function private.open_mail(uuid, text) is
  'What a mail is to say, and from now on the token with this hash is good for what it is about; no row when there is nothing to say any more. Crosses tenants: see queue_mail.';
grant execute on function private.open_mail(uuid, text) to rowhouse_worker;
revoke all on function private.open_mail(uuid, text) from public;
set local role rowhouse_owner;
