-- Whether the owner of the checkpoint `c` holds its lease now: its row in the table of workers has not expired.
exists (
    select from :schema.workers w
    where w.place = c.place and w.worker = c.owner and w.alive_until > clock_timestamp()
  )
