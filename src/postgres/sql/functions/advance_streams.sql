-- Locks, checks and moves on each of these streams, as append_events needs it; see there for the arguments.
-- A stream whose events are recorded already is not moved: 'repeated'.
create or replace function :schema.advance_streams(
  stream_ids text[],
  expected_versions bigint[],
  event_counts int[],
  owners int[],
  event_ids uuid[],
  wait boolean,
  retried boolean,
  out outcomes text[],
  out versions bigint[],
  out recorded_ats timestamptz[]
)
language plpgsql as $$
declare
  _order int[] := '{1}';
  _at int;
  _stream record;
  _repeated boolean := false;
begin
  -- Streams are locked in one order by everyone, so that two calls never wait for each other.
  if cardinality(stream_ids) > 1 then
    select array_agg(s.at order by s.id collate "C") into _order
    from unnest(stream_ids) with ordinality as s (id, at);
  end if;

  foreach _at in array _order loop
    if retried then
      -- The lock first: an earlier try may be about to commit.
      perform from :schema.streams s where s.stream_id = stream_ids[_at] for update;
      _repeated := :schema.is_recorded(_at, owners, event_ids);
    end if;
    if not _repeated then
      _stream := :schema.advance_stream(stream_ids[_at], expected_versions[_at], event_counts[_at], wait);
      outcomes[_at] := _stream.outcome;
      versions[_at] := _stream.version;
      recorded_ats[_at] := _stream.recorded_at;
      _repeated := _stream.outcome = 'conflict' and :schema.is_recorded(_at, owners, event_ids);
    end if;
    if _repeated then
      outcomes[_at] := 'repeated';
      _repeated := false;
    end if;
  end loop;
end
$$;
