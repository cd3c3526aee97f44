-- The 16 bits by which the writer markers of this schema are told from other advisory locks.
(hashtext('eventsourced.:schema')::bigint & 65535)
