-- The applied migrations, and whether events are protected. start-up has the same columns.
select
  (select json_agg(to_json(m)) from :schema.migrations m)::text as applied,
  (:events_protected)::text as events_protected
