-- Events e as one row. Each column is a JSON array with the values of all events, in the order of the events.
-- One row of many events is cheaper to send and to parse than one row per event. Several rows of a hundred events are
-- much cheaper than one of a thousand: buffers need not grow, and the client parses a row while the server makes the
-- next. Metadata and tags are null if no event has any. A row that would be too large has null data, and the client
-- requests it again in smaller rows.
-- The JSON columns are varchar, so that from-pg.ts can recognize and parse them.
    count(*)::int as event_count,
    ('[' || string_agg(e.position::text, ',') || ']')::varchar as positions,
    ('[' || string_agg(e.version::text, ',') || ']')::varchar as versions,
    ('[' || string_agg((date_part('epoch', e.recorded_at) * 1000)::bigint::text, ',') || ']')::varchar as recorded_ats,
    ('["' || string_agg(e.event_id::text, '","') || '"]')::varchar as event_ids,
    to_json(array_agg(e.type))::text::varchar as types,
    case
      when count(*) = 1
        or octet_length(string_agg(e.data::text, ','))
          + coalesce(octet_length(string_agg(coalesce(e.metadata::text, '{}'), ',')), 0) <= 4194304
      then ('[' || string_agg(e.data::text, ',') || ']')::varchar
    end as data,
    case
      when count(e.metadata) > 0
        and (count(*) = 1 or octet_length(string_agg(coalesce(e.metadata::text, '{}'), ',')) <= 4194304)
      then ('[' || string_agg(coalesce(e.metadata::text, '{}'), ',') || ']')::varchar
    end as metadata,
    case
      when count(e.tags) > 0 then ('[' || string_agg(coalesce(to_json(e.tags)::text, '[]'), ',') || ']')::varchar
    end as tags
