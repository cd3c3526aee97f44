-- A registered subscription s.
    to_json(s.name)::text as name,
    to_json(s.place)::text as place,
    s.definition::text as definition,
    s.partitions,
    s.is_paused::text as is_paused,
    to_json(s.successor)::text as successor,
    ((date_part('epoch', s.created_at) * 1000)::bigint)::text as created_at,
    s.revision::text as revision
