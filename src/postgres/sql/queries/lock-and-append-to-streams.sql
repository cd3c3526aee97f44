-- Locks and reads documents, and then appends: lock-documents and append-to-streams in one round trip.
-- $1 to $14: as in append-to-streams. $15 projections $16 generations $17 keys $18 lock timeout of the documents (or null)
-- Returns the rows of lock-documents, and one row without a place for the append. If a generation is no longer the one
-- that is read, the statement does not append.
with locked as materialized (
  select d.place, d.state, d.revision, d.changed_at
  from :schema.lock_documents($15::text::text[], $16::text::int[], $17::text::text[], $18::text) d
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
cross join lateral :schema.append_to_streams(
  $1::text::text[],
  $2::text::bigint[],
  $3::text::int[],
  $4::text::int[],
  $5::text::int[],
  $6::text::uuid[],
  $7::text::text[],
  string_to_array($8::text, E'\x1e')::json[],
  string_to_array($9::text, E'\x1e', '')::json[],
  $10::text::text[],
  $11::text::boolean,
  $12::text::text[],
  $13::text::int[],
  case when k.stale = 0 then $14::text end
) a
where k.stale = 0
