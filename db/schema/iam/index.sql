-- Who is here: tenants, users, their memberships, and the actors that everything done points to.
create schema if not exists iam;
comment on schema iam is 'Identity: tenants, users, memberships, actors.';
grant usage on schema iam to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;

--!include iam/types.sql
--!include iam/tenants.sql
--!include iam/time_zone.sql
--!include iam/users.sql
--!include iam/memberships.sql
--!include iam/actors.sql
--!include iam/make_actor.sql
--!include iam/guard_revoked.sql
--!include iam/api_keys.sql
--!include iam/api_key_hashes.sql
--!include iam/key_maker.sql
--!include iam/create_api_key.sql
--!include iam/revoke_api_key.sql
--!include iam/change_api_key.sql
--!include iam/find_api_key.sql
--!include iam/find_foreign_member.sql
--!include iam/sessions.sql
--!include iam/session_tokens.sql
--!include iam/invitations.sql
--!include iam/invitation_tokens.sql
--!include iam/user_credentials.sql
--!include iam/find_login.sql
--!include iam/find_user.sql
--!include iam/find_tenant_actors.sql
--!include iam/create_tenant.sql
--!include iam/create_user.sql
--!include iam/open_session.sql
--!include iam/exchange_session_token.sql
--!include iam/end_sessions.sql
--!include iam/revoked_tokens.sql
--!include iam/login_attempts.sql
--!include iam/change_password.sql
--!include iam/idempotency_keys.sql
