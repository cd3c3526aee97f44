-- A parked event p.
    p.position::text,
    to_json(p.stream_id)::text as stream_id,
    p.event_id::text,
    to_json(p.type)::text as type,
    p.state,
    p.failures,
    to_json(p.error)::text as error,
    to_json(p.stack)::text as stack,
    ((date_part('epoch', p.parked_at) * 1000)::bigint)::text as parked_at
