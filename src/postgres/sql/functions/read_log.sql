-- One page of the log, with the frontier that bounds it, in one call. after is exclusive, until inclusive;
-- types and stream_prefix may be null (all). The events come as columns, see event_columns.
--
-- through: the last position at or below the frontier that holds an event, whatever was asked for; 0: none.
create or replace function :schema.read_log(
  after bigint,
  until bigint,
  only_types text[],
  stream_prefix text,
  forward boolean,
  max_events int,
  out frontier bigint,
  out through bigint,
  out event_count int,
  out positions text,
  out versions text,
  out recorded_ats text,
  out event_ids text,
  out stream_ids text,
  out types text,
  out data text,
  out metadata text,
  out tags text
)
language plpgsql
-- The plan is made once in a session, perhaps while the table is nearly empty: it must be the ordered index scan
-- that is right for any size, and not a sort of everything after the position.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
begin
  -- At any other level the page would be read in a snapshot older than the frontier.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'read_log needs READ COMMITTED' using errcode = 'ES001';
  end if;
  frontier := :schema.frontier();
  until := least(until, frontier);
  -- From here on each statement has a snapshot taken after the frontier.
  if forward then
    select :event_columns
    into event_count, positions, versions, recorded_ats, event_ids, stream_ids, types, data, metadata, tags
    from (
      select * from :schema.events e
      where e.position > after and e.position <= until
        and (only_types is null or e.type = any (only_types))
        and (stream_prefix is null or starts_with(e.stream_id, stream_prefix))
      order by e.position
      limit max_events
    ) e;
  else
    select :event_columns
    into event_count, positions, versions, recorded_ats, event_ids, stream_ids, types, data, metadata, tags
    from (
      select * from :schema.events e
      where e.position > after and e.position <= until
        and (only_types is null or e.type = any (only_types))
        and (stream_prefix is null or starts_with(e.stream_id, stream_prefix))
      order by e.position desc
      limit max_events
    ) e;
  end if;
  select coalesce(max(e.position), 0) into through from :schema.events e where e.position <= until;
end
$$;
