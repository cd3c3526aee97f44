-- The size of an event's payload as it is stored, perhaps compressed. Postgres knows it without reading the payload.
pg_column_size(e.data) + coalesce(pg_column_size(e.metadata), 0)
