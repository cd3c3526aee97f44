-- Events e as one row. Each column is a JSON array with the values of all events, in the order of the events.
-- One row of many events is cheaper to send and to parse than one row per event. Several rows of a hundred events are
-- much cheaper than one of a thousand: buffers need not grow, and the client parses a row while the server makes the
-- next. Metadata and tags are null if no event has any.
--
-- The subquery e adds the column size, see stored_size. The caller sets _share, the largest size that an event may have:
-- row_budget divided by the maximum number of events in the row, or without a limit for a row of one event. If an event
-- is larger, data and metadata of the row are null, and the caller reads a shorter row. fitting: how many events that row
-- may have, so that it holds its data even if all of them are as large as the largest one here.
-- `filter` keeps Postgres from reading the payloads of the large events: `case` alone would not, because Postgres computes
-- aggregates first.
-- The JSON columns are varchar, so that from-pg.ts can recognize and parse them.
    count(*)::int as event_count,
    ('[' || string_agg(e.position::text, ',') || ']')::varchar as positions,
    ('[' || string_agg(e.version::text, ',') || ']')::varchar as versions,
    ('[' || string_agg((date_part('epoch', e.recorded_at) * 1000)::bigint::text, ',') || ']')::varchar as recorded_ats,
    ('["' || string_agg(e.event_id::text, '","') || '"]')::varchar as event_ids,
    to_json(array_agg(e.type))::text::varchar as types,
    greatest(1, :row_budget / max(e.size)) as fitting,
    case when max(e.size) <= _share then
      ('[' || string_agg(e.data::text, ',') filter (where e.size <= _share) || ']')::varchar
    end as data,
    case when max(e.size) <= _share and count(e.metadata) > 0 then
      ('[' || string_agg(coalesce(e.metadata::text, '{}'), ',') filter (where e.size <= _share) || ']')::varchar
    end as metadata,
    case
      when count(e.tags) > 0 then ('[' || string_agg(coalesce(to_json(e.tags)::text, '[]'), ',') || ']')::varchar
    end as tags
