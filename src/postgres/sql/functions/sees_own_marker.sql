-- Takes a writer marker, and returns whether this session sees it as readers would. On a server without advisory locks,
-- or one that does not show them, readers would pass the events of running appends. The marker ends with the
-- transaction of the call.
create or replace function :schema.sees_own_marker() returns boolean
language plpgsql
:as_owner
as $$
begin
  perform :schema.mark_writer();
  return exists (
    select from :schema.writer_markers m
    where m.pid = pg_backend_pid() and m.marked_position <= :last_given_position
  );
end
$$;
