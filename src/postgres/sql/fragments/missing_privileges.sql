-- The privileges that the library's statements need and the session's role lacks. $1: the functions that the statements
-- call. $2: the tables and views that they read. Every role can read the catalogs that this uses.
    select json_agg(needed.privilege)
    from (
      select 'USAGE on schema :schema_name' as privilege
      where not has_schema_privilege(':schema_name', 'USAGE')
      union all
      select 'SELECT on :schema_name.' || c.relname
      from pg_class c
      where c.relnamespace = to_regnamespace(':schema') and c.relname = any ($2::text::text[])
        and not has_table_privilege(c.oid, 'SELECT')
      union all
      select 'EXECUTE on :schema_name.' || f.proname
      from pg_proc f
      where f.pronamespace = to_regnamespace(':schema') and f.proname = any ($1::text::text[])
        and not has_function_privilege(f.oid, 'EXECUTE')
    ) needed
