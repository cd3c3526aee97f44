-- Refuses every change of recorded events. Only a role that may drop or disable the trigger can lift this protection.
create or replace function :schema.protect_events() returns trigger
language plpgsql as $$
begin
  raise exception 'events are never changed (% on %)', tg_op, tg_table_name using errcode = 'ES004';
end
$$;

create or replace trigger protect_events
before update or delete or truncate on :schema.events
for each statement execute function :schema.protect_events();
