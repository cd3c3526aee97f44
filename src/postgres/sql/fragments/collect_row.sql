-- Reads events e into the variables of log_page that make one row, with the first and the last position.
select
        :event_columns,
        '[' || string_agg(e.stream_key::text, ',') || ']',
        min(e.position),
        max(e.position)
      into event_count, positions, versions, recorded_ats, event_ids, types, _fitting, data, metadata, tags,
        stream_keys, _first, _last
      from
