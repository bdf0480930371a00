set local role rowhouse_definer;
create or replace function private.tell_webhook_disabled(p_tenant_id uuid, p_subscription_id uuid) returns void
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform private.queue_mail('webhook_disabled', u.email, p_tenant_id, p_subscription_id)
  from iam.memberships m join iam.users u on u.id = m.user_id and u.deleted_at is null
  where m.tenant_id = p_tenant_id and m.deleted_at is null and m.role in ('owner', 'admin');
end
$$;
comment on function private.tell_webhook_disabled(uuid, uuid) is
  'Has the admins of a tenant told by mail that an outgoing webhook was switched off. Crosses tenants: users belong to none.';
grant execute on function private.tell_webhook_disabled(uuid, uuid) to rowhouse_owner;
revoke all on function private.tell_webhook_disabled(uuid, uuid) from public;

create or replace function private.open_webhook_mail(p_tenant_id uuid, p_subscription_id uuid) returns jsonb
language sql stable security definer set search_path to pg_catalog
begin atomic
  select jsonb_build_object('tenantName', t.name, 'name', s.name, 'url', s.url, 'reason', s.disabled_reason, 'disabledAt', s.disabled_at)
  from events.webhook_subscriptions s join iam.tenants t on t.id = s.tenant_id
  where s.tenant_id = p_tenant_id and s.id = p_subscription_id and s.status = 'disabled' and s.deleted_at is null and t.deleted_at is null;
end;
comment on function private.open_webhook_mail(uuid, uuid) is
  'What the mail about a webhook that was switched off says; nothing when it is on again. Crosses tenants: see queue_mail.';
revoke all on function private.open_webhook_mail(uuid, uuid) from public;
set local role rowhouse_owner;
