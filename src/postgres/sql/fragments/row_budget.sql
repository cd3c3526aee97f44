-- How many bytes the payloads of the events in one row may have as they are stored: 4 MiB divided by 20. Postgres rarely
-- compresses a payload further than to a twentieth, so the text of the row rarely exceeds 4 MiB.
209715
