-- Locks and reads documents, and then appends: lock-documents and append-to-each in one round trip.
-- $1 to $15: as in append-to-each. $16 projections $17 generations $18 keys $19 lock timeout of the documents (or null)
-- Returns the rows of lock-documents, and one row without a place for the append. If a generation is no longer the one
-- that is read, the statement does not append.
with locked as materialized (
  select d.place, d.state, d.revision, d.changed_at
  from :schema.lock_documents($16::text::text[], $17::text::int[], $18::text::text[], $19::text) d
),
-- The append needs this count, so the documents are locked before the events get positions.
checked as materialized (
  select count(*) filter (where l.place = 0) as stale from locked l
)
select
  l.place,
  l.state::text,
  l.revision::text,
  l.changed_at::text as position,
  null::text as outcomes,
  null::text as versions,
  null::text as recorded_ats,
  null::text as positions
from locked l
union all
select
  null,
  null,
  null,
  null,
  array_to_json(a.outcomes)::text as outcomes,
  array_to_json(a.versions)::text as versions,
  (select json_agg((date_part('epoch', r) * 1000)::bigint) from unnest(a.recorded_ats) r)::text as recorded_ats,
  array_to_json(a.positions)::text as positions
from checked k
cross join lateral :schema.append_to_each(
  $1::text::text[],
  $2::text::int[],
  $3::text::bigint[],
  $4::text::int[],
  $5::text::int[],
  $6::text::int[],
  $7::text::uuid[],
  $8::text::text[],
  string_to_array($9::text, E'\x1e')::json[],
  string_to_array($10::text, E'\x1e', '')::json[],
  $11::text::text[],
  $12::text::boolean,
  $13::text::text[],
  $14::text::int[],
  case when k.stale = 0 then $15::text end
) a
where k.stale = 0
