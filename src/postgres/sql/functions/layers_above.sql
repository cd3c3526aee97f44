-- Returns the skip layers that reach beyond a position; null if none does. The function `repartition` in registry.ts must
-- return the same layers.
create or replace function :schema.layers_above(layers json, of_position bigint) returns json
language sql immutable as $$
  select json_agg(l.layer order by l.number)
  from json_array_elements(layers) with ordinality as l (layer, number)
  where (select max(p.position::bigint) from json_array_elements_text(l.layer) as p (position)) > of_position
$$;
