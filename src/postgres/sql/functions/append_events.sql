-- Appends to many streams in one call and one transaction. Per stream (at most one entry each): its id, the
-- expected version (as in advance_stream) and how many of the events are its own. Per event, in the order in
-- which they get their positions: the stream's place in the first list (owner) and the event's 1-based number
-- among that stream's events of this call (nth), with the event itself.
--
-- atomic: all streams or none; waits for streams that others hold. Otherwise each stream has its own outcome,
-- and one that is held is 'busy'.
-- retried: this call may have been done before, so look for its event ids first. A first try need not look: its
-- ids being taken shows as a conflict or as a violation of events_event_id_key.
--
-- Per stream, in the order given: outcome ('appended' | 'conflict' | 'repeated' | 'busy'; what is not
-- 'appended' left nothing behind, and if atomic, then nothing was left by any), version and recorded_at.
-- positions: of the events of the appended streams, in order.
create or replace function :schema.append_events(
  stream_ids text[],
  expected_versions bigint[],
  event_counts int[],
  owners int[],
  nths int[],
  event_ids uuid[],
  types text[],
  data json[],
  metadata json[],
  tags text[],
  atomic boolean,
  retried boolean,
  out outcomes text[],
  out versions bigint[],
  out recorded_ats timestamptz[],
  out positions bigint[]
)
language plpgsql as $$
declare
  _at int;
begin
  -- At any other level the checks would look at an old snapshot.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append_events needs READ COMMITTED' using errcode = 'ES001';
  end if;

  if atomic and cardinality(stream_ids) > 1 then
    begin
      select a.outcomes, a.versions, a.recorded_ats into outcomes, versions, recorded_ats
      from :schema.advance_streams(
        stream_ids, expected_versions, event_counts, owners, event_ids, true, retried) a;
      if 'appended' <> any (outcomes) then
        raise exception 'undo' using errcode = 'ES002';
      end if;
    exception when sqlstate 'ES002' then
      -- The streams are as they were, while the outcomes are kept: they tell why. A repeat of this call may look
      -- like a conflict of one stream: of the others, too, it is to be known whether they repeat.
      for _at in 1 .. cardinality(stream_ids) loop
        if outcomes[_at] = 'appended' and :schema.is_recorded(_at, owners, event_ids) then
          outcomes[_at] := 'repeated';
        end if;
      end loop;
      return;
    end;
  else
    select a.outcomes, a.versions, a.recorded_ats into outcomes, versions, recorded_ats
    from :schema.advance_streams(
      stream_ids, expected_versions, event_counts, owners, event_ids, atomic, retried) a;
    if 'appended' <> all (outcomes) then
      return;
    end if;
  end if;

  perform :schema.mark_writer();
  with inserted as (
    insert into :schema.events
      (position, version, recorded_at, event_id, stream_id, type, data, metadata, tags)
    select
      nextval(':schema.event_positions'),
      versions[e.owner] - event_counts[e.owner] + e.nth,
      recorded_ats[e.owner],
      e.event_id,
      stream_ids[e.owner],
      e.type,
      e.data,
      e.metadata,
      e.tags::text[]
    from unnest(owners, nths, event_ids, types, data, metadata, tags)
      as e (owner, nth, event_id, type, data, metadata, tags)
    where outcomes[e.owner] = 'appended'
    returning position
  )
  select array_agg(i.position) into positions from inserted i;
end
$$;
