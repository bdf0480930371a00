select ddl.enum('outreach.template_status', '{
  "draft": "No version of it was published yet.", "active": "It can be sent, in the version that was published last.",
  "archived": "It is kept, and out of the way."
}', 'Where a template stands.');
select ddl.enum('outreach.template_version_status', '{
  "draft": "Is being written, and may change.", "published": "Can be sent, and never changes again."
}', 'Where a version of a template stands.');
select ddl.enum('outreach.hsm_status', '{
  "draft": "Was not handed in yet.", "submitted": "WhatsApp looks at it.", "approved": "It may be sent.", "rejected": "WhatsApp refused it.",
  "paused": "WhatsApp stopped it for a while, because recipients complained.", "disabled": "WhatsApp stopped it for good."
}', 'Where the approval of a template by WhatsApp stands.');
select ddl.enum('outreach.hsm_category', '{
  "marketing": "Offers and news.", "utility": "About something that the recipient did, such as an order.", "authentication": "A code to sign in by."
}', 'What WhatsApp takes a template for, and charges it as.');
select ddl.enum('outreach.prompt_purpose', '{
  "write_message": "Writes a message.", "rewrite": "Says something in other words.", "summarize": "Makes something shorter.",
  "classify_reply": "Finds out what a reply means.", "research": "Finds out about a company or person."
}', 'What a prompt is for.');
select ddl.enum('outreach.segment_type', '{
  "static": "Contacts are put in and taken out by hand.", "dynamic": "Its rules say who is in."
}', 'How contacts come into a segment.');
select ddl.enum('outreach.segment_operator', '{
  "equals": "Is this value.", "not_equals": "Is not this value.", "contains": "Contains this text.", "not_contains": "Does not contain this text.",
  "starts_with": "Begins with this text.", "ends_with": "Ends with this text.", "in": "Is one of these values.", "not_in": "Is none of these values.",
  "greater_than": "Is more or later.", "greater_or_equal": "Is this, or more or later.", "less_than": "Is less or earlier.",
  "less_or_equal": "Is this, or less or earlier.", "between": "Lies between two values, or is one of them.",
  "within_last_days": "Lies at most so many days back.", "not_within_last_days": "Lies more than so many days back, or is empty.",
  "is_set": "Is not empty.", "is_not_set": "Is empty."
}', 'How a rule of a segment compares.');
select ddl.enum('outreach.segment_member_reason', '{
  "rule": "The rules of the segment say so.", "manual": "Somebody put it in.", "import": "It came in with an import.", "automation": "An automation or workflow put it in."
}', 'Why a contact is in a segment.');
select ddl.enum('outreach.direction', '{"outbound": "From the tenant.", "inbound": "To the tenant."}', 'Which way a message goes.');
select ddl.enum('outreach.message_status', '{
  "queued": "Waits to be sent.", "sending": "Is being handed to the provider.", "sent": "The provider has it.", "delivered": "It arrived.",
  "bounced": "It came back.", "failed": "Sending failed, and may be tried again.", "dead": "Sending failed for good; its dead letter can be replayed.",
  "suppressed": "It was not sent: consent, a filter rule or the like forbade it.", "cancelled": "Somebody stopped it before it was sent.",
  "received": "It came in."
}', 'Where a message stands.');
select ddl.enum('outreach.message_source', '{
  "campaign": "A campaign.", "sequence": "A step of a sequence.", "workflow": "A run of a workflow.", "direct": "None of these: somebody wrote it, or it came in."
}', 'What brought a message about.');
select ddl.enum('outreach.delivery_event', '{
  "queued": "It was queued.", "sending": "It was handed to the provider.", "sent": "The provider took it.", "delivered": "It arrived.",
  "opened": "It was opened.", "clicked": "A link in it was followed.", "replied": "It was answered.", "bounced": "It came back.",
  "complained": "The recipient reported it as spam.", "unsubscribed": "The recipient wants no more of these.", "failed": "Sending failed.",
  "retried": "It was queued once more.", "dead": "It was given up.", "suppressed": "It was not sent on purpose.", "cancelled": "It was stopped.",
  "received": "It came in."
}', 'What happened to a message.');
select ddl.enum('outreach.campaign_status', '{
  "draft": "Is being written.", "scheduled": "Starts by itself at its time.", "running": "Its messages go out.", "paused": "It is stopped, and can go on.",
  "completed": "Every recipient was dealt with.", "cancelled": "It was stopped for good."
}', 'Where a campaign stands.');
select ddl.enum('outreach.recipient_status', '{
  "pending": "Its turn has not come.", "queued": "Its message waits to be sent.", "sent": "Its message went out.", "delivered": "Its message arrived.",
  "opened": "It opened the message.", "clicked": "It followed a link.", "replied": "It answered.", "bounced": "The message came back.",
  "unsubscribed": "It wants no more messages.", "failed": "The message could not be sent.", "skipped": "It was left out: consent, a filter rule or the like forbade it."
}', 'How far a campaign came with a recipient: the most telling thing that happened.');
