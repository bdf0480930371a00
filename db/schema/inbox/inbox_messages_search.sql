select ddl.searchable('inbox.inbox_messages',
  $$setweight(app.search_words(subject), 'A') || setweight(app.search_words(body), 'B') || setweight(app.search_words(sender_address), 'C')$$,
  $$app.fold(left(coalesce(subject, '') || ' ' || coalesce(sender_address, ''), 1000))$$,
  '{subject,body,sender_address}');
