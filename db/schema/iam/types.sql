select ddl.enum('iam.tenant_status', array['active', 'suspended', 'closed'], 'Whether a tenant may work.');
select ddl.enum('iam.tenant_plan', array['free', 'team', 'business'], 'What a tenant pays for.');
select ddl.enum('iam.membership_role', array['viewer', 'member', 'manager', 'admin', 'owner'], 'What a user may do in a tenant; each role may do what the ones before it may.');
select ddl.enum('iam.actor_kind', array['user', 'api_key', 'automation', 'system'], 'What kind of actor did something.');
