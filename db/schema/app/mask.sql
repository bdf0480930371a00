-- What masked viewers see instead. The forms have one length, so that no length is told, and show a little, so that people can tell
-- two of them apart.
create or replace function app.mask_email(p_email text) returns text
language sql immutable strict parallel safe
return case when p_email ~ '^[^@]+@[^@]+$'
  then left(p_email, 1) || '•••@' || left(split_part(p_email, '@', 2), 1) || '•••' || coalesce(substring(p_email from '\.[A-Za-z]{2,12}$'), '')
  when p_email = '' then '' else '•••' end;
comment on function app.mask_email(text) is 'An e-mail address with all but its first letters and its last part hidden: a•••@e•••.com.';

create or replace function app.mask_domain(p_domain text) returns text
language sql immutable strict parallel safe
return left(p_domain, 1) || '•••' || coalesce(substring(p_domain from '\.[A-Za-z]{2,12}$'), '');
comment on function app.mask_domain(text) is 'The domain of an e-mail address, masked as in the address: e•••.com.';

create or replace function app.mask_phone(p_phone text) returns text
language sql immutable strict parallel safe
return case when length(regexp_replace(p_phone, '\D', '', 'g')) >= 7
  then case when p_phone ~ '^\+\d' then left(p_phone, 2) else '' end || '•••••••' || right(regexp_replace(p_phone, '\D', '', 'g'), 2)
  when p_phone = '' then '' else '•••' end;
comment on function app.mask_phone(text) is 'A phone number with all but its first and last two digits hidden: +1•••••••12.';

create or replace function app.mask_contact(p_contact text) returns text
language sql immutable strict parallel safe
return case when position('@' in p_contact) > 0 then app.mask_email(p_contact) else app.mask_phone(p_contact) end;
comment on function app.mask_contact(text) is 'An e-mail address, a phone number, or any other way to reach somebody, masked.';

create or replace function app.mask_text(p_text text) returns text
language sql immutable strict parallel safe
return regexp_replace(
  regexp_replace(p_text, '([[:alnum:]])[^\s@<>"'',;:()\[\]{}=&?/]*(@|%40|&#64;|&#x40;|&commat;)[^\s@<>"'',;:()\[\]{}=&?/]+', '\1•••@•••', 'gi'),
  '\+?\(?\d(?:[\s()./\u00a0-]{0,3}\d){4,}[\s()./\u00a0-]{0,3}(\d)[\s()./\u00a0-]{0,3}(\d)', '•••••••\1\2', 'g');
comment on function app.mask_text(text) is
  'A text in which whatever looks like an e-mail address or has the seven digits of a phone number is hidden; rather too much than too little.';

create or replace function app.names_contact(p_name text) returns boolean
language sql immutable parallel safe
return coalesce(p_name ~* 'mail|phone|mobile|cell|\mtel|\mfax|whatsapp|msisdn|landline', false);
comment on function app.names_contact(text) is 'Whether the name of a field says that an e-mail address or a phone number is in it.';

-- p_by_name: whether names of fields tell what is in them; where they map columns to columns they do not.
create or replace function app.mask_json(p_json jsonb, p_is_contact boolean default false, p_by_name boolean default true) returns jsonb
language plpgsql immutable strict parallel safe set search_path to pg_catalog as $$
declare
  v_text text := p_json #>> '{}';
begin
  case jsonb_typeof(p_json)
    when 'object' then
      return (select coalesce(jsonb_object_agg(app.mask_text(e.key), app.mask_json(e.value, p_is_contact or p_by_name and app.names_contact(e.key), p_by_name)), '{}')
        from jsonb_each(p_json) e);
    when 'array' then
      return (select coalesce(jsonb_agg(app.mask_json(e.value, p_is_contact, p_by_name) order by e.ordinality), '[]') from jsonb_array_elements(p_json) with ordinality e);
    when 'string' then
      -- Ids and times have many digits, too; as a whole they are nobody's number.
      if v_text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
        or v_text ~ '^(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$' then
        return p_json;
      end if;
      return to_jsonb(case when p_is_contact then app.mask_contact(v_text) else app.mask_text(v_text) end);
    when 'number' then
      return case when v_text ~ '^-?\d+$' and (p_is_contact or length(v_text) >= 7) then to_jsonb(app.mask_phone(v_text)) else p_json end;
    else return p_json;
  end case;
end
$$;
comment on function app.mask_json(jsonb, boolean, boolean) is
  'A JSON value in which every text is masked as by mask_text(), and what stands in a field named like a contact wholly.';
grant execute on function app.mask_email(text), app.mask_domain(text), app.mask_phone(text), app.mask_contact(text), app.mask_text(text), app.names_contact(text),
  app.mask_json(jsonb, boolean, boolean) to rowhouse_viewer_masked, rowhouse_system, rowhouse_definer;
