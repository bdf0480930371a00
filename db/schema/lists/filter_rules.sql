-- The blacklist and the whitelist: whom nothing is sent to, and who may be exported.
create table if not exists lists.filter_rules (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  effect lists.filter_rule_effect not null,
  match_type lists.filter_rule_match not null,
  value text not null constraint filter_rules_value_check check (length(value) between 1 and 500),
  scope lists.filter_rule_scope not null default 'both',
  reason text constraint filter_rules_reason_check check (length(reason) <= 1000),
  expires_at timestamptz,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint filter_rules_pkey primary key (tenant_id, id)
);
comment on table lists.filter_rules is E'@typeid rule\nA rule that accepts or rejects phone numbers and e-mail addresses on their way out.';
comment on column lists.filter_rules.value is 'What it matches, brought into one form: +12022243441, anna@example.com, example.com, 202, +1202, or a regular expression.';
comment on column lists.filter_rules.expires_at is 'When it ceases to hold; never when empty.';
comment on column lists.filter_rules.created_by is 'Actor who made the rule.';
-- One rule for one thing in one place: what is accepted and rejected at once would be a riddle.
create unique index if not exists filter_rules_value_key on lists.filter_rules (tenant_id, match_type, value, scope) where deleted_at is null;
create index if not exists filter_rules_effect_idx on lists.filter_rules (tenant_id, effect, id);
create index if not exists filter_rules_created_at_idx on lists.filter_rules (tenant_id, created_at);
select ddl.foreign_key('lists.filter_rules', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.filter_rules', p_insert => '{effect,match_type,value,scope,reason,expires_at}',
  p_update => '{effect,match_type,value,scope,reason,expires_at}', p_write_role => 'rowhouse_manager');

create or replace function lists.normalize_filter_rule() returns trigger
language plpgsql set search_path to pg_catalog as $$
declare
  v_value text := btrim(new.value);
  v_digits text := regexp_replace(v_value, '[^0-9]', '', 'g');
  v_wanted text;
begin
  case new.match_type
  when 'phone', 'prefix' then
    if v_value !~ '^[+0-9(][-0-9 ()./]*$' then
      v_wanted := 'a phone number or its beginning, such as +12022243441';
    else
      v_value := '+' || case when v_value like '00%' then substr(v_digits, 3) else v_digits end;
      -- A number as one dials it at home, in the countries where that cannot be mistaken.
      if new.match_type = 'phone' and new.value !~ '^\s*(\+|00)' then
        v_value := case when length(v_digits) = 10 and (select t.default_country in ('US', 'CA') from iam.tenants t where t.id = new.tenant_id)
          then '+1' || v_digits when length(v_digits) = 11 and v_digits like '1%' then v_value else '' end;
      end if;
      if v_value !~ (case new.match_type when 'phone' then '^\+[1-9][0-9]{6,14}$' else '^\+[1-9][0-9]{0,13}$' end) then
        v_wanted := case new.match_type when 'phone' then 'a phone number in international form, such as +12022243441'
          else 'the beginning of a phone number in international form, such as +1202' end;
      end if;
    end if;
  when 'area_code' then
    v_value := v_digits;
    if new.value !~ '^\s*\(?[2-9][0-9]{2}\)?\s*$' then
      v_wanted := 'an area code of three digits, such as 202';
    end if;
  when 'email' then
    v_value := lower(v_value);
    if v_value !~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' or length(v_value) > 320 then
      v_wanted := 'an e-mail address, such as anna@example.com';
    end if;
  when 'domain' then
    v_value := lower(regexp_replace(regexp_replace(v_value, '^(\*?\.|.*@)', ''), '\.$', ''));
    if v_value !~ '^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z][-a-z0-9]{0,61}[a-z0-9]$' then
      v_wanted := 'a domain, such as example.com';
    end if;
  when 'pattern' then
    v_value := new.value;
    begin
      if '' ~ v_value then
        v_wanted := 'a regular expression that does not match everything';
      end if;
    exception when invalid_regular_expression then
      v_wanted := 'a regular expression, such as ^\+1900; it is none: ' || regexp_replace(sqlerrm, '^.*: ', '');
    end;
    -- A back reference makes matching slow without bound.
    if v_value ~ '\\[1-9]' then
      v_wanted := 'a regular expression without references such as \1';
    end if;
  end case;
  if v_wanted is not null then
    perform app.raise('VALIDATION_FAILED', format('The value of a rule on %s must be %s. "%s" is not.',
      replace(new.match_type, '_', ' '), v_wanted, left(new.value, 100)), 'value');
  end if;
  new.value := v_value;
  return new;
end
$$;
comment on function lists.normalize_filter_rule() is 'Brings the value of a rule into the one form of its kind, or says what is expected.';
select ddl.trigger('lists.filter_rules', '_200_value',
  'before insert or update of match_type, value for each row execute function lists.normalize_filter_rule()');
select ddl.masked('lists.filter_rules', '{"value": "contact", "reason": "text"}');
