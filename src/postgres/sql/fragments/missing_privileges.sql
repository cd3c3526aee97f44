-- What the session's role may not do, but the statements of the library do. $1: the functions that they call, $2: the tables and
-- views that they read. By the catalogs, which are everybody's to read.
    select json_agg(needed.privilege)
    from (
      select 'USAGE on schema :schema' as privilege
      where not has_schema_privilege(':schema', 'USAGE')
      union all
      select 'SELECT on :schema.' || c.relname
      from pg_class c
      where c.relnamespace = to_regnamespace(':schema') and c.relname = any ($2::text::text[])
        and not has_table_privilege(c.oid, 'SELECT')
      union all
      select 'EXECUTE on :schema.' || f.proname
      from pg_proc f
      where f.pronamespace = to_regnamespace(':schema') and f.proname = any ($1::text::text[])
        and not has_function_privilege(f.oid, 'EXECUTE')
    ) needed
