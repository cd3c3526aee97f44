-- $1 functions $2 tables and views: see missing_privileges. What schema-warnings.ts judges. Every role can read the
-- catalogs that this uses.
select
  current_user::text as role,
  current_database()::text as database,
  current_setting('fsync') as fsync,
  current_setting('full_page_writes') as full_page_writes,
  current_setting('synchronous_commit') as synchronous_commit,
  current_setting('autovacuum') as autovacuum,
  current_setting('idle_in_transaction_session_timeout') as idle_timeout,
  -- The roles and databases for which synchronous_commit is off, as far as sessions of this database can have them, and
  -- as far as the role can use the store.
  (
    select json_agg(json_build_object('role', r.rolname, 'database', d.datname) order by r.rolname, d.datname)
    from pg_db_role_setting s
    left join pg_roles r on r.oid = s.setrole
    left join pg_database d on d.oid = s.setdatabase
    where exists (select from unnest(s.setconfig) c where c ~* '^synchronous_commit=(off|false|no|0)$')
      and (s.setdatabase = 0 or d.datname = current_database())
      and (s.setrole = 0 or has_schema_privilege(s.setrole, ':schema_name', 'USAGE'))
  )::text as lossy_sessions,
  (
    select json_agg(c.relname order by c.relname)
    from pg_class c
    where c.relnamespace = to_regnamespace(':schema') and c.relkind = 'r'
      and exists (select from unnest(c.reloptions) o where o ~* '^autovacuum_enabled=(off|false|no|0)$')
  )::text as unvacuumed,
  (select age(d.datfrozenxid) from pg_database d where d.datname = current_database())::text as transaction_age,
  current_setting('autovacuum_freeze_max_age') as freeze_age,
  (
    select pg_has_role(c.relowner, 'USAGE') from pg_class c where c.oid = to_regclass(':schema.events')
  )::text as is_owner,
  -- The other roles that the owner has given more than reading.
  (
    select json_agg(json_build_object('role', g.role, 'privileges', g.privileges) order by g.role)
    from (
      select case a.grantee when 0 then 'public' else a.grantee::regrole::text end as role,
        string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as privileges
      from pg_class c, aclexplode(c.relacl) a
      where c.oid = to_regclass(':schema.events') and a.grantee <> c.relowner
        and a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
      group by 1
    ) g
  )::text as writers_of_events,
  (
:missing_privileges
  )::text as missing
