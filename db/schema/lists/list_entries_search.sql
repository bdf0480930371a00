-- Every imported row pays for this: few calls, no trigrams (which cost an import more than all other indexes), and a
-- pending list that takes in many rows before they are sorted in.
select ddl.searchable('lists.list_entries',
  $$setweight(app.search_words(coalesce(full_name, coalesce(first_name, '') || ' ' || coalesce(last_name, ''))), 'A') || app.search_digits(coalesce(phone_e164, phone))
    || strip(app.search_words(coalesce(email, '') || ' ' || coalesce(company_name, '') || ' ' || coalesce(city, '') || ' ' || coalesce(tag, '')))
    || app.search_sounds(coalesce(full_name, coalesce(first_name, '') || ' ' || coalesce(last_name, '')))$$,
  null,
  '{full_name,email,phone_e164,phone,company_name,city,tag}', p_pending_kib => 32768);
