-- Takes the writer marker: from now until its end, this transaction takes no position at or below the last one
-- that was given out before the call. To be called after the stream locks (waiting for those must not hold
-- readers back) and before the first nextval. See frontier.
create or replace function :schema.mark_writer() returns void
language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(:schema.marker_key(case when s.is_called then s.last_value else 0 end))
  from :schema.event_positions s;
end
$$;
