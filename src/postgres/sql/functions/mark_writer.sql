-- Admits an append: checks the inline projections, and takes the writer marker of this transaction.
--
-- inline_names, inline_versions: the projections whose documents the caller writes in this transaction. They must be the
-- inline projections of the database:
-- - If one of them is not inline in that version, the append fails with ES008. The caller then looks its projections up
--   again.
-- - If an inline projection is not among them, the append fails with ES007. Its detail lists the missing names.
-- Every append of a transaction is checked, because its appends may come from stores with different projections. See
-- lock_appends.
--
-- The marker promises that the transaction takes only positions above the last one that the sequence assigned before this
-- call. See frontier.
--
-- Must be called after the stream locks, because a wait for these must not hold readers back, and before the first
-- nextval.
--
-- Refuses a sequence that is behind the log with ES006: it would assign positions that readers have passed. Another
-- server may have taken over behind the same address since the store's first use.
--
-- A transaction takes only one marker: one for each of its appends could fill the lock table. A transaction-local
-- setting records that the marker is taken. A rollback to a savepoint undoes the setting together with the lock. The name
-- of the setting contains the OID of the sequence, and not the name of the schema: Postgres ignores case there.
create or replace function :schema.mark_writer(inline_names text[], inline_versions int[]) returns void
language plpgsql
-- The plan is made once per session, perhaps while the table is nearly empty. It must be a lookup by key.
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  _head bigint;
  _is_behind boolean;
  _transaction text := pg_current_xact_id()::text;
  _sequence oid := ':schema.event_positions'::regclass;
  _setting text := 'eventsourced.marked_' || _sequence;
  _is_marked boolean := current_setting(_setting, true) is not distinct from _transaction;
  _named bigint;
  _missing text[];
begin
  -- The lock comes before the marker: an append that waits here must not hold readers back.
  if not _is_marked then
    perform pg_advisory_xact_lock_shared(:appends_lock);
  end if;
  -- This statement comes after the lock and has its own snapshot, so it sees a change that has just committed.
  perform from :schema.projections p where p.mode = 'inline' and p.version > 0;
  if found or cardinality(inline_names) > 0 then
    select count(*) filter (where i.is_named), array_agg(i.name order by i.name) filter (where not i.is_named)
    into _named, _missing
    from (
      select p.name, (p.name, p.version) in (select * from unnest(inline_names, inline_versions)) as is_named
      from :schema.projections p
      where p.mode = 'inline' and p.version > 0
    ) i;
    if _named < cardinality(inline_names) then
      raise exception 'a projection of this append is not inline in this version' using errcode = 'ES008';
    elsif _missing is not null then
      raise exception 'the append lacks inline projections' using errcode = 'ES007', detail = to_json(_missing)::text;
    end if;
  end if;

  if not _is_marked then
    -- The snapshot of the log is older than the value of the sequence, so that running appends do not matter.
    select h.position, exists (select from :schema.events e where e.position > h.position)
    into _head, _is_behind
    from (select :last_given_position as position offset 0) h;
    if _is_behind then
      raise exception 'the sequence is behind the log' using errcode = 'ES006', detail = json_build_object(
        'schema', ':schema',
        'head', _head,
        'lastPosition', (select max(e.position) from :schema.events e)
      )::text;
    end if;
    -- The keys are signed, and the bits are those of the OID and of the position. See writer_markers.
    perform pg_advisory_xact_lock_shared(_sequence::int, ((_head << 32) >> 32)::int);
    perform set_config(_setting, _transaction, true);
  end if;
end
$$;
