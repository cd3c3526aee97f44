-- $1 stream id $2 first version $3 last version $4 as of (or null) $5 maximum number of events $6 backward
-- $7 maximum number of events in a row
-- Rows come in the direction of the read, at most 40. The events in a row are always in forward order, at most 100.
-- The limits are literals for the planner. Otherwise it would overestimate the number of rows, and then make a new plan
-- for every call, or use JIT compilation.
select part.stream_version::text, part.lower_version::text, part.upper_version::text, row.*
from (
  select
    $1::text as stream_id,
    $2::text::bigint as first_version,
    $3::text::bigint as last_version,
    $4::text::timestamptz as as_of,
    $5::text::bigint as most,
    $6::text::boolean as backward,
    $7::text::bigint as row_size
) asked
left join lateral (
  :stream_part
) part on true
left join lateral (
  select columns.*
  from (
    select generate_series(
      case when asked.backward then part.upper_version else part.lower_version end,
      case when asked.backward then part.lower_version else part.upper_version end,
      case when asked.backward then -asked.row_size else asked.row_size end
    ) as version,
    case
      when asked.row_size > 1 and part.upper_version > part.lower_version
      then :row_budget / least(asked.row_size, part.upper_version - part.lower_version + 1)
      else 2147483647
    end as _share
    limit 40
  ) start
  cross join lateral (
    select :event_columns
    from (
      select *, :stored_size as size from :schema.events e
      where e.stream_key = part.stream_key
        and e.version >= case
          when asked.backward then greatest(part.lower_version, start.version - asked.row_size + 1)
          else start.version
        end
        and e.version <= case
          when asked.backward then start.version
          else least(part.upper_version, start.version + asked.row_size - 1)
        end
      order by e.version
      limit 100
    ) e
  ) columns
) row on true
