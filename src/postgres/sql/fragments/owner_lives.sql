-- Whether the owner of a checkpoint c holds its lease now.
exists (
    select from :schema.workers w
    where w.place = c.place and w.worker = c.owner and w.alive_until > clock_timestamp()
  )
