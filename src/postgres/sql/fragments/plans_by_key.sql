-- The plans are made once per session, perhaps while the tables are nearly empty. They must be lookups by key, which
-- are right for any size. Without force_generic_plan, Postgres would make new plans for each small group, and planning
-- takes longer than execution.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
