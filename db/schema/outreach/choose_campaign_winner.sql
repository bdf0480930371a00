create or replace function outreach.choose_campaign_winner(variant_id uuid) returns outreach.campaign_variants
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_variant outreach.campaign_variants;
begin
  perform app.require_scope('outreach:write');
  select * into v_variant from outreach.campaign_variants v
  where v.tenant_id = app.tenant_id() and v.id = choose_campaign_winner.variant_id and v.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no variant %s.', variant_id), 'variantId');
  end if;
  -- Two who choose at once take turns; the one before gives way first, because there is one winner at most.
  perform from outreach.campaigns c where c.tenant_id = v_variant.tenant_id and c.id = v_variant.campaign_id for no key update;
  update outreach.campaign_variants v set is_winner = false
  where v.tenant_id = v_variant.tenant_id and v.campaign_id = v_variant.campaign_id and v.is_winner and v.id <> v_variant.id;
  update outreach.campaign_variants v set is_winner = true
  where v.tenant_id = v_variant.tenant_id and v.id = v_variant.id
  returning * into v_variant;
  return v_variant;
end
$$;
comment on function outreach.choose_campaign_winner(uuid) is 'Says which variant the rest of the recipients of a campaign get, instead of the one chosen before.';
grant execute on function outreach.choose_campaign_winner(uuid) to rowhouse_manager;
