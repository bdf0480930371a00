select ddl.enum('audit.audit_action', '{
  "create": "A row was made.", "update": "Values changed.", "delete": "A row was deleted, or marked as deleted.", "restore": "A deleted row came back.",
  "unmask": "Somebody who sees contact data masked asked for it in full; the reason is among the new values."
}', 'What was done to a row.');
