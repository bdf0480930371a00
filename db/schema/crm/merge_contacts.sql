create or replace function crm.merge_contacts(winner_id uuid, loser_id uuid, survivorship jsonb default '{}') returns crm.merges
language sql volatile security definer set search_path to pg_catalog
begin atomic
  select crm.merge_records('crm.contacts', 'contact', winner_id, loser_id, coalesce(survivorship, '{}'),
    '{"primary_email": ["primary_email"], "primary_phone_e164": ["primary_phone_e164"]}')
  where app.require_scope('crm:write');
end;
comment on function crm.merge_contacts(uuid, uuid, jsonb) is E'@typeid contact\n'
  'Merges one contact, the loser, into another one, the winner. The loser is deleted, and undoMerge brings everything back. '
  'Survivorship says by field whose value stays: {"title": "longest", "primaryEmail": "loser"}. "winner" and "loser" take that value even if it is null; "newest" and "oldest" go by '
  'when the contacts were last changed; "longest" by the length; "filled" is the winner''s unless that is null; "combine" keeps the keys of both objects, the winner''s where both have one. '
  'Without a word, the winner''s value stays unless it is null, objects are combined, and whoever unsubscribed stays unsubscribed. '
  'Everything that refers to the loser refers to the winner from then on: identifiers, tags, messages, and history, too, so that consent and timeline go with the person. '
  'What the winner has already (the same tag, the same address, the same segment) stays with the loser, deleted where its table can; '
  'a second primary identifier becomes an ordinary one. Events, analytics and the audit log, which hold ids without a reference, tell of the loser still.';
grant execute on function crm.merge_contacts(uuid, uuid, jsonb) to rowhouse_manager;
