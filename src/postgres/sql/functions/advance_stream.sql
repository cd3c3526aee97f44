-- Locks one stream, checks its version and moves it on by a number of events. The lock is held until the end
-- of the transaction. Nothing is changed unless the outcome is 'appended'.
--
-- expected_version: a version, or null (any), -1 (no stream), -2 (stream exists).
-- wait: whether to wait for a stream that another transaction holds, or to answer 'busy'.
--
-- outcome: 'appended' | 'conflict' | 'busy'; version: the new one, or the actual one of a conflict;
-- recorded_at: when the events are recorded (time in a stream never steps back, even if the clock does).
create or replace function :schema.advance_stream(
  stream_id text,
  expected_version bigint,
  event_count int,
  wait boolean,
  out outcome text,
  out version bigint,
  out recorded_at timestamptz
)
language plpgsql as $$
declare
  -- In whole milliseconds, the precision of a JavaScript Date: what a reader sees is what is compared.
  _now timestamptz := date_trunc('milliseconds', clock_timestamp());
  _create boolean := expected_version in (0, -1);
begin
  loop
    -- A stream that should be new: the insert is lock and check in one.
    if _create then
      insert into :schema.streams as s (stream_id, version, created_at, last_recorded_at)
      values (advance_stream.stream_id, event_count, _now, _now)
      on conflict do nothing;
      if found then
        outcome := 'appended';
        version := event_count;
        recorded_at := _now;
        -- Only checked: the row goes again, but whoever wants to create the stream waits for our end.
        if event_count = 0 then
          delete from :schema.streams s where s.stream_id = advance_stream.stream_id;
        end if;
        return;
      end if;
    end if;

    if not wait then
      perform from :schema.streams s where s.stream_id = advance_stream.stream_id for update skip locked;
      if not found and exists (select from :schema.streams s where s.stream_id = advance_stream.stream_id) then
        outcome := 'busy';
        return;
      end if;
    end if;

    update :schema.streams s
    set version = s.version + event_count,
        last_recorded_at = case when event_count = 0 then s.last_recorded_at else greatest(_now, s.last_recorded_at) end
    where s.stream_id = advance_stream.stream_id
      and (expected_version is null or expected_version = -2 or s.version = expected_version)
    returning s.version, s.last_recorded_at into version, recorded_at;
    if found then
      outcome := 'appended';
      return;
    end if;

    if expected_version is not null then
      outcome := 'conflict';
      select s.version into version from :schema.streams s where s.stream_id = advance_stream.stream_id;
      version := coalesce(version, 0);
      return;
    end if;
    if event_count = 0 then
      outcome := 'appended';
      version := 0;
      return;
    end if;
    -- Any version will do and there is no stream yet: create it. If somebody does so first, go round again.
    _create := true;
  end loop;
end
$$;
