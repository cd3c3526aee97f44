-- $1 names $2 generations
select :schema.enter_projections($1::text::text[], $2::text::int[])::text as entered
