-- Only the owner may write to the tables, so the functions that an application's role calls run with the owner's
-- rights. Each function sets its own search_path. On the caller's path, the caller's operators and functions could
-- replace the built-in ones, and would run with the owner's rights. Temporary objects come last, where they hide
-- nothing.
security definer
set search_path = pg_catalog, pg_temp
