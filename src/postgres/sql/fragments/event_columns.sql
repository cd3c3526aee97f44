-- Events e as columns: each a JSON array of all events' values, in the order in which they come. A row of many
-- events is cheaper to send and to parse than a row an event, and some rows of a hundred are much cheaper than one
-- of a thousand: no party has to grow its buffers, and rows are parsed while the next ones are made.
-- Metadata and tags are null if no event has any. A row that would be large comes without its data, and is asked
-- for again in parts.
-- The columns of JSON are varchar, by which a driver can tell them from others: see from-pg.ts.
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
