-- The upper 16 bits of this schema's writer markers, which distinguish them from other advisory locks.
(hashtext('eventsourced.:schema_name')::bigint & 65535)
