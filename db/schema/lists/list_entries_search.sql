select ddl.searchable('lists.list_entries',
  $$setweight(app.search_words(full_name), 'A') || strip(app.search_words(email)) || app.search_digits(coalesce(phone_e164, phone))
    || setweight(app.search_words(company_name), 'C') || setweight(app.search_words(coalesce(city, '') || ' ' || coalesce(tag, '')), 'D')$$,
  $$app.fold(coalesce(full_name, '') || ' ' || coalesce(company_name, ''))$$,
  '{full_name,email,phone_e164,phone,company_name,city,tag}');
