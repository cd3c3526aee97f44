-- Returns the last version of a stream, up to last_version (inclusive), that was recorded at or before a time; 0: none.
-- The stream must have last_version. Versions have no gaps and times never decrease, so that a binary search finds it
-- with one lookup for each bit of last_version.
create or replace function :schema.version_as_of(stream_key bigint, as_of timestamptz, last_version bigint)
returns bigint
language plpgsql stable
-- The plan is made once per session, perhaps while the table is nearly empty. It must be a lookup by key.
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  _low bigint := 0;
  _high bigint := last_version;
  _middle bigint;
  _recorded_at timestamptz;
begin
  while _low < _high loop
    _middle := (_low + _high + 1) / 2;
    select e.recorded_at into strict _recorded_at
    from :schema.events e
    where e.stream_key = version_as_of.stream_key and e.version = _middle;
    if _recorded_at <= as_of then
      _low := _middle;
    else
      _high := _middle - 1;
    end if;
  end loop;
  return _low;
end
$$;
