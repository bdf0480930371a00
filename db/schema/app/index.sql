-- The session: which tenant, which actor, which user, which role; errors; the time stamp.
create schema if not exists app;
comment on schema app is 'The session of a request or job: its tenant, actor and role, read from the claims of the transaction.';
grant create on schema app to rowhouse_definer;
grant usage on schema app to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;

--!include app/raise.sql
--!include app/scopes.sql
--!include app/session.sql
--!include app/stamp.sql
--!include app/guards.sql
--!include app/roll_up_slot.sql
--!include app/uuid_at.sql
--!include app/search_text.sql
--!include app/search_query.sql
--!include app/type_id.sql
--!include app/mask.sql
