-- Whether the version of a stream is the one that the caller of an append expects. version: null if no stream exists.
-- expected_version: a version (0 matches a missing stream too), null (any), -1 (no stream), or -2 (the stream exists).
create or replace function :schema.is_expected(expected_version bigint, version bigint) returns boolean
language sql immutable as $$
  select case
    when expected_version is null then true
    when expected_version = -1 then version is null
    when expected_version = -2 then version is not null
    else coalesce(version, 0) = expected_version
  end
$$;
