-- Refuses every change of recorded events. Only a role that may drop or disable the trigger can lift this protection.
create or replace function :schema.protect_events() returns trigger
language plpgsql as $$
begin
  raise exception 'events are never changed (% on %)', tg_op, tg_table_name using errcode = 'ES004';
end
$$;

-- Creates the trigger only if it is missing, changed or disabled: its table lock waits for all open appends.
-- tgtype 58: before update, delete or truncate, for each statement.
do $$ begin
  if not exists (
    select from pg_trigger t
    where t.tgrelid = ':schema.events'::regclass and t.tgname = 'protect_events'
      and t.tgfoid = ':schema.protect_events'::regproc and t.tgtype = 58
      and t.tgattr = ''::int2vector and t.tgqual is null and t.tgenabled in ('O', 'A')
  ) then
    create or replace trigger protect_events
    before update or delete or truncate on :schema.events
    for each statement execute function :schema.protect_events();
  end if;
end $$;
