-- Whether the trigger that protects events exists and fires.
exists (
    select from pg_trigger t
    where t.tgrelid = to_regclass(':schema.events') and t.tgname = 'protect_events' and t.tgenabled in ('O', 'A')
  )
