-- $1 projection $2 left generation $3 right generation $4 limit
with compared as (
  select coalesce(l.key, r.key) as key, l.state as left_state, r.state as right_state
  from (
    select * from :schema.documents d
    where d.projection = $1::text and d.generation = $2::text::int and d.state is not null
  ) l
  full join (
    select * from :schema.documents d
    where d.projection = $1::text and d.generation = $3::text::int and d.state is not null
  ) r on r.key = l.key
)
select
  (select count(*) from compared)::text as documents,
  (
    select json_agg(json_build_array(d.key, d.left_state::text, d.right_state::text))
    from (
      select * from compared c
      where c.left_state::jsonb is distinct from c.right_state::jsonb
      order by c.key
      limit $4::text::bigint
    ) d
  )::text as differences
