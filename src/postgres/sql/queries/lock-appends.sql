select :schema.lock_appends()::text as locked
