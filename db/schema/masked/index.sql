-- What viewers see where their tenant keeps e-mail addresses and phone numbers from them: made from what ddl.masked() says
-- beside the tables. The last file of the book: it looks at everything before it.
create schema if not exists masked;
comment on schema masked is 'What stands in for tables and functions in the sessions of masked viewers.';
revoke all on schema masked from public;
grant usage on schema masked to rowhouse_viewer_masked;
select ddl.masked_all();
-- These act with the rights of their owner, and tell nothing of contacts.
set local role rowhouse_definer;
grant execute on function app.find_templates(text), app.find_template_versions(text) to rowhouse_viewer_masked;
set local role rowhouse_owner;
grant execute on function app.note_effect(text), iam.end_session(uuid), events.feed_bounds() to rowhouse_viewer_masked;
