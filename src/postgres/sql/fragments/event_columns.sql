-- Events e as columns: each a list of all events' values, in the order in which they come, as JSON without
-- the outer brackets (ids side by side, 36 characters each). One row with ten long texts is several times
-- cheaper to send and to parse than a row an event. Metadata and tags are null if no event has any.
-- A page too large for one text of JavaScript comes without its data, and is asked for again in parts.
    count(*)::int as event_count,
    string_agg(e.position::text, ',') as positions,
    string_agg(e.version::text, ',') as versions,
    string_agg((date_part('epoch', e.recorded_at) * 1000)::bigint::text, ',') as recorded_ats,
    string_agg(e.event_id::text, '') as event_ids,
    string_agg(to_json(e.stream_id)::text, ',') as stream_ids,
    string_agg(to_json(e.type)::text, ',') as types,
    case
      when count(*) = 1
        or sum(octet_length(e.data::text)) + coalesce(sum(octet_length(e.metadata::text)), 0) <= 33554432
      then string_agg(e.data::text, ',')
    end as data,
    case
      when count(e.metadata) > 0 and (count(*) = 1 or sum(octet_length(e.metadata::text)) <= 33554432)
      then string_agg(coalesce(e.metadata::text, '{}'), ',')
    end as metadata,
    case when count(e.tags) > 0 then string_agg(coalesce(to_json(e.tags)::text, '[]'), ',') end as tags
