-- The way of a message. Reports of providers overtake each other: what was handed over may be known to be delivered before it is known to be sent.
select ddl.state_machine('outreach.messages', 'status', '{
  "queued": ["sending", "suppressed", "cancelled", "failed"], "sending": ["sent", "delivered", "bounced", "failed", "queued", "suppressed"],
  "sent": ["delivered", "bounced", "failed"], "delivered": ["bounced"], "failed": ["queued", "dead", "cancelled"], "dead": ["queued"],
  "bounced": [], "suppressed": [], "cancelled": [], "received": []}');

create or replace function outreach.stamp_message_status() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if new.status in ('sent', 'delivered', 'bounced') then
    new.sent_at := coalesce(new.sent_at, new.delivered_at, now());
  end if;
  if new.status = 'delivered' then
    new.delivered_at := coalesce(new.delivered_at, now());
  end if;
  if new.status in ('failed', 'bounced') then
    new.failed_at := case when tg_op = 'UPDATE' and new.failed_at is not distinct from old.failed_at then now() else coalesce(new.failed_at, now()) end;
  end if;
  if tg_op = 'UPDATE' and new.status = 'queued' then
    new.retry_count := case old.status when 'failed' then old.retry_count + 1 when 'dead' then 0 else old.retry_count end;
  end if;
  return new;
end
$$;
comment on function outreach.stamp_message_status() is 'Notes when a message was sent, delivered and failed, and counts how often it was tried again.';
select ddl.trigger('outreach.messages', '_300_status', 'before insert or update of status for each row execute function outreach.stamp_message_status()');
