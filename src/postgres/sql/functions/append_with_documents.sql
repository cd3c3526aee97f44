-- append_to_streams for a transaction that also writes documents of these projections: see enter_projections.
create or replace function :schema.append_with_documents(
  projections text[],
  generations int[],
  stream_ids text[],
  places int[],
  expected_versions bigint[],
  event_counts int[],
  owners int[],
  nths int[],
  event_ids uuid[],
  types text[],
  data json[],
  metadata json[],
  tags text[],
  atomic boolean,
  retried boolean,
  out stale boolean,
  out outcomes text[],
  out versions bigint[],
  out recorded_ats timestamptz[],
  out positions bigint[]
)
language plpgsql as $$
begin
  stale := not :schema.enter_projections(projections, generations);
  if stale then
    return;
  end if;
  select a.outcomes, a.versions, a.recorded_ats, a.positions into outcomes, versions, recorded_ats, positions
  from :schema.append_to_streams(
    stream_ids, places, expected_versions, event_counts, owners, nths, event_ids, types, data, metadata, tags, atomic,
    retried
  ) a;
end
$$;
