-- Which words a record is found by, the most telling first.
select ddl.searchable('crm.contacts',
  $$setweight(app.search_words(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), 'A')
    || strip(app.search_words(coalesce(display_name, '') || ' ' || coalesce(nickname, '') || ' ' || coalesce(primary_email, '')))
    || app.search_digits(primary_phone_e164) || setweight(app.search_words(title), 'C')$$,
  $$app.fold(coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(display_name, ''))$$,
  '{full_name,display_name,nickname,primary_email,primary_phone_e164,title}');
select ddl.searchable('crm.companies',
  $$setweight(app.search_words(name || ' ' || coalesce(legal_name, '')), 'A') || strip(app.search_words(coalesce(domain, '') || ' ' || coalesce(siren, '')))
    || app.search_digits(phone_e164) || setweight(app.search_words(coalesce(industry, '') || ' ' || coalesce(city, '')), 'C')$$,
  $$app.fold(name || ' ' || coalesce(legal_name, ''))$$,
  '{name,legal_name,domain,siren,phone_e164,industry,city}');
select ddl.searchable('crm.leads',
  $$setweight(app.search_words(coalesce(contact_name, coalesce(first_name, '') || ' ' || coalesce(last_name, ''))), 'A')
    || strip(app.search_words(coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(email, '')))
    || setweight(app.search_words(company_name), 'A') || app.search_digits(coalesce(phone_e164, phone)) || app.search_digits(mobile_phone_e164) || setweight(app.search_words(coalesce(address_line1, '') || ' ' || coalesce(city, '')), 'C')$$,
  $$app.fold(coalesce(contact_name, '') || ' ' || coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(company_name, ''))$$,
  '{contact_name,first_name,last_name,company_name,email,phone,phone_e164,mobile_phone_e164,address_line1,city}');
