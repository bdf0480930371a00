-- A message of a conversation that went out is a message of outreach, too.
select ddl.foreign_key('inbox.inbox_messages', 'message_id', 'outreach.messages', 'set null');
