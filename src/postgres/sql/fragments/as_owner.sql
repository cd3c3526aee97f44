-- What the application's role may call runs with the rights of the owner, who alone may write to the tables. The path is
-- the function's own: on the caller's, the operators and functions in here could be the caller's too, and run with the
-- owner's rights. Temporary objects come last, where they hide nothing.
security definer
set search_path = pg_catalog, pg_temp
