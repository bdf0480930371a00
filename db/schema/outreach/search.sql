-- A template is found by its name and by what its present version says.
select ddl.searchable('outreach.templates',
  $$setweight(app.search_words(name), 'A') || setweight(app.search_words(description), 'C')$$, $$app.fold(name)$$, '{name,description}');
select ddl.searchable('outreach.template_versions',
  $$setweight(app.search_words(subject), 'A') || setweight(app.search_words(body), 'B')$$, $$app.fold(coalesce(subject, ''))$$, '{subject,body}');

create or replace function outreach.search_templates(query text) returns setof outreach.templates
language sql stable rows 100
begin atomic
  select t.*
  from (
    select f.id, max(f.rank) as rank
    from (
      select t.id, t.rank from app.find_templates(query) t
      union all
      select v.template_id, f.rank / 2 from app.find_template_versions(query) f
      join outreach.template_versions v on v.tenant_id = app.tenant_id() and v.id = f.id
      join outreach.templates k on k.tenant_id = v.tenant_id and k.id = v.template_id
      where coalesce(k.current_version_id, v.id) = v.id
    ) f
    group by f.id
  ) f
  join outreach.templates t on t.tenant_id = app.tenant_id() and t.id = f.id and t.deleted_at is null
  order by f.rank desc, t.id desc;
end;
comment on function outreach.search_templates(text) is
  'Finds templates by their name, description, and what their published version (or draft) says, best first; when little is found, also what is spelt alike. At most a thousand.';
