-- Whether a stream is where the caller of an append believes it to be. version: null if there is no stream.
-- expected_version: a version (0 also if there is no stream), or null (any), -1 (no stream), -2 (stream exists).
create or replace function :schema.is_expected(expected_version bigint, version bigint) returns boolean
language sql immutable as $$
  select case
    when expected_version is null then true
    when expected_version = -1 then version is null
    when expected_version = -2 then version is not null
    else coalesce(version, 0) = expected_version
  end
$$;
