-- Indexes and unique constraints of tenant tables lead with the tenant; GIN indexes, which cannot, are exempt.
-- Exempt: export_files_expires_at_idx (a maintenance task looks across tenants), memberships_user_id_idx, sessions_user_id_idx (a user is one person in all tenants),
-- sessions_revoked_at_idx, api_keys_updated_at_idx, memberships_updated_at_idx (servers ask what was ended or changed in any tenant),
-- tracking_pixels_token_key, tracked_links_token_key (a picture and a link are asked for by their token alone),
-- webhook_sources_path_token_key (a call is routed by its address before the tenant is known).
-- Violated by: create index bad_idx on lists.lists (name);
-- Violated by: create unique index bad_key on lists.lists (name);
select i.indexrelid::regclass::text as object, 'does not lead with tenant_id' as problem
from pg_index i
join pg_class c on c.oid = i.indrelid
join pg_class x on x.oid = i.indexrelid
join pg_am am on am.oid = x.relam and am.amname <> 'gin'
join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
where c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
  and i.indkey[0] <> t.attnum
  and x.relname not in ('export_files_expires_at_idx', 'memberships_user_id_idx', 'sessions_user_id_idx', 'sessions_revoked_at_idx', 'api_keys_updated_at_idx', 'memberships_updated_at_idx', 'tracking_pixels_token_key', 'tracked_links_token_key', 'webhook_sources_path_token_key')
