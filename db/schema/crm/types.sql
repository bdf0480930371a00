select ddl.enum('crm.channel', '{
  "email": "E-mail.", "sms": "Text message.", "phone": "Phone call.", "whatsapp": "WhatsApp.", "voice": "Recorded or synthetic voice.",
  "linkedin": "LinkedIn.", "postal": "Letter."
}', 'A way to reach somebody.');
select ddl.enum('crm.contact_status', '{
  "active": "Is worked with.", "inactive": "Is left alone for now.", "unsubscribed": "Wants no messages.", "bounced": "Cannot be reached.", "archived": "Is kept, and out of the way."
}', 'Whether a contact is worked with.');
select ddl.enum('crm.source_type', '{
  "manual": "Typed in.", "csv_import": "A row of an imported file.", "api": "Sent by a program.", "enrichment": "Found by enrichment.", "inbound": "Wrote to us first.", "form": "Filled in a form."
}', 'How a record came here.');
select ddl.enum('crm.consent_purpose', '{
  "marketing": "Offers and news.", "transactional": "Messages about something that was bought or booked.", "service": "Help and notices.", "research": "Surveys."
}', 'What messages are for.');
select ddl.enum('crm.consent_method', '{
  "form": "Filled in a form.", "double_opt_in": "Confirmed by a link.", "verbal": "Said so.", "written": "Wrote so.", "import": "Was told by an imported file.", "unsubscribe_link": "Followed a link.", "api": "Sent by a program."
}', 'How consent was given or taken back.');
select ddl.enum('crm.attribute_type', '{
  "text": "Text.", "number": "A number.", "boolean": "Yes or no.", "date": "A day.", "timestamp": "A moment.", "json": "Anything else, as JSON."
}', 'What kind of value an attribute has.');
select ddl.enum('crm.address_kind', '{
  "home": "Lives there.", "work": "Works there.", "postal": "Gets letters there.", "billing": "Gets bills there.", "other": "Something else."
}', 'What somebody has to do with an address.');
select ddl.enum('crm.lead_status', '{
  "new": "Nobody has been in touch yet.", "contacted": "Somebody was in touch.", "qualified": "Is worth the work.", "converted": "Became a customer.", "dnc": "Must not be contacted."
}', 'How far the work on a lead is.');
select ddl.enum('crm.lead_campaign_status', '{
  "initial": "Gets the first messages.", "retarget": "Is tried once more.", "follow_up": "Answered, and is followed up.", "nurture": "Is kept warm.", "ghost": "Has stopped answering."
}', 'Where a lead stands in campaigns.');
select ddl.enum('crm.lead_enrichment_status', '{
  "pending": "Not enriched yet.", "in_progress": "Is being enriched.", "completed": "Was enriched.", "failed": "Could not be enriched."
}', 'How far the enrichment of a lead is.');
select ddl.enum('crm.owner_likelihood', '{
  "unknown": "Nobody knows.", "low": "Probably not.", "medium": "Perhaps.", "high": "Probably."
}', 'How likely it is that the contact owns the property.');
