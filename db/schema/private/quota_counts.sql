-- What principals, addresses and tenants have used in the present minute and the last. All server processes add to it a few times a second,
-- each in one statement; it need not survive a crash, so it is not logged.
create unlogged table if not exists private.quota_counts (
  subject text not null,
  minute bigint not null,
  amount float8 not null,
  constraint quota_counts_pkey primary key (subject, minute)
) with (fillfactor = 70);
comment on table private.quota_counts is 'What each subject of a limit has used, by minute; the sum over all server processes.';
comment on column private.quota_counts.subject is 'principal:<id>, address:<address> or database-time:<tenant id>.';
comment on column private.quota_counts.minute is 'Minutes since 1970.';
comment on column private.quota_counts.amount is 'Requests, or milliseconds of database time.';
select ddl.private_table('private.quota_counts');

-- What server processes have under way. A process that was killed does not renew its rows, so they end by themselves.
create unlogged table if not exists private.quota_holds (
  subject text not null,
  holder uuid not null,
  held integer not null,
  expires_at timestamptz not null,
  constraint quota_holds_pkey primary key (subject, holder)
) with (fillfactor = 70);
comment on table private.quota_holds is 'How much of a subject each server process has under way, until it is renewed or expires.';
comment on column private.quota_holds.subject is 'operations:<tenant id> or subscriptions:<tenant id>.';
comment on column private.quota_holds.holder is 'The server process, by an id that it made at its start.';
select ddl.private_table('private.quota_holds');
