-- The five fields of cron, as the worker's library reads them: whatever passes here, it can compute.
create or replace function pipeline.check_cron(p_schedule text, p_field text) returns void
language plpgsql immutable set search_path to pg_catalog as $$
declare
  c_names constant text[] := array['minute', 'hour', 'day of the month', 'month', 'day of the week'];
  c_first constant integer[] := array[0, 0, 1, 1, 0];
  c_last constant integer[] := array[59, 23, 31, 12, 7];
  v_fields text[] := regexp_split_to_array(btrim(left(coalesce(p_schedule, ''), 200)), '[ \t]+');
  v_text text;
  v_item text;
  v_parts text[];
begin
  if cardinality(v_fields) <> 5 or length(p_schedule) > 200 then
    perform app.raise('VALIDATION_FAILED', format('A schedule has five fields: minute, hour, day of the month, month, day of the week, such as "0 9 * * 1-5"; not %L.',
      left(p_schedule, 200)), p_field);
  end if;
  for i in 1..5 loop
    v_text := lower(v_fields[i]);
    if i = 4 then
      for n in 1..12 loop
        v_text := replace(v_text, (array['jan','feb','mar','apr','may','jun','jul','aug','sep','oct','nov','dec'])[n], n::text);
      end loop;
    elsif i = 5 then
      for n in 0..6 loop
        v_text := replace(v_text, (array['sun','mon','tue','wed','thu','fri','sat'])[n + 1], n::text);
      end loop;
    end if;
    foreach v_item in array string_to_array(v_text, ',') loop
      v_parts := regexp_match(v_item, '^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?$');
      if v_parts is null or v_parts[2]::integer not between c_first[i] and c_last[i] or v_parts[3]::integer not between v_parts[2]::integer and c_last[i]
        or (v_parts[4] is not null and (v_parts[4]::integer not between 1 and c_last[i] or (v_parts[2] is not null and v_parts[3] is null))) then
        perform app.raise('VALIDATION_FAILED', format('%L is no %s of a schedule (%s to %s): write *, 5, 1-5, */10, 10-30/5, or several of these with commas.',
          v_fields[i], c_names[i], c_first[i], c_last[i]), p_field);
      end if;
    end loop;
  end loop;
end
$$;
comment on function pipeline.check_cron(text, text) is E'@behavior -*\nRefuses what is no schedule in cron''s five fields, naming the field that is wrong.';
