select ddl.enum('iam.tenant_status', '{
  "active": "It works.", "suspended": "Nobody may sign in for now.", "closed": "It has ended; its data waits for erasure."
}', 'Whether a tenant may work.');
select ddl.enum('iam.tenant_plan', '{
  "free": "Pays nothing.", "team": "Pays by seat.", "business": "Pays by contract."
}', 'What a tenant pays for.');
select ddl.enum('iam.membership_role', '{
  "viewer": "Reads.", "member": "Works with the data.", "manager": "Also decides how the work is done: rules, policies, templates.",
  "admin": "Also decides who may do what, and where data goes.", "owner": "An admin who answers for the tenant."
}', 'What a user may do in a tenant; each role may do what the ones before it may.');
select ddl.enum('iam.actor_kind', '{
  "user": "A member.", "api_key": "A program with a key.", "automation": "A rule of the tenant.", "system": "Rowhouse itself."
}', 'What kind of actor did something.');
select ddl.enum('iam.session_end', '{
  "logout": "The user signed out.", "reuse_detected": "A token that had been exchanged already came a second time: somebody else may hold a copy.",
  "password_changed": "The user''s password was changed.", "membership_ended": "The user no longer belongs to the tenant.", "admin": "An admin ended it."
}', 'Why a session was ended before its time.');
