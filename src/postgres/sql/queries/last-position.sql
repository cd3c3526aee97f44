select coalesce(max(e.position), 0)::text as position from :schema.events e
