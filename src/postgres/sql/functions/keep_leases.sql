-- The heartbeat of a process, for all its workers: marks them as alive, removes dead workers, and takes free leases until
-- each worker has its share. Returns one row for each beat, with its 1-based number. All times are the server's.
--
-- A lease belongs to its owner for as long as the table of workers has a row of that owner. So a worker renews all its
-- leases by one row. A row whose time has ended still counts: the leases are free once another heartbeat has deleted it.
-- That deletion decides the race between a worker that wakes up late and another worker that takes its leases:
--
--     the late worker finds its row   no other worker has taken, or can take, its leases
--     it finds no row, perhaps        other workers may be taking its leases now. It joins again, and keeps the leases
--     after a wait for the deletion   whose checkpoints it can lock. Each of the other workers locks a checkpoint first,
--                                     and then searches once more for the row of its owner.
--
-- The call waits only for locks on the rows of its own workers. Another heartbeat holds such a lock while it removes the
-- worker as dead, and a change of the subscription holds it at its end. Neither of them waits for another lock at that
-- moment, and all calls lock these rows in the same order. So there is no deadlock.
--
-- If the subscription is changed, taken over or removed at the same time:
--   - The change locks all checkpoints before it ends their leases. So once this call has locked a checkpoint, the
--     registry does not change before the end of the call, and each statement sees what was committed before its start.
--   - A change that commits before this call takes leases: this call takes them only if the beat still fits.
--   - The last statement reads registry and checkpoints in one snapshot, so they belong together.
create or replace function :schema.keep_leases(
  names text[],
  places text[],
  versions int[],
  by_workers text[],
  milliseconds int[]
)
returns table (
  beat int,
  kind text,
  share int,
  is_paused boolean,
  partitions int,
  skip text,
  parked_requests bigint,
  leased text,
  tokens text,
  positions text
)
language plpgsql
:as_owner
:plans_by_key
as $$
declare
  _now timestamptz := clock_timestamp();
  -- The workers of this call that may continue, and whether each has joined with this call.
  _places text[];
  _workers text[];
  _joined boolean[];
  -- The checkpoints of joining workers that this call has locked.
  _own_places text[];
  _own_partitions int[];
  _has_joined boolean;
  -- The workers that hold less than their share, the revision of their subscription, and how many leases they lack.
  _short_places text[];
  _short_workers text[];
  _short_revisions bigint[];
  _lacking int[];
  -- The free checkpoints that this call has locked.
  _free_places text[];
  _free_partitions int[];
  _layered text[];
begin
  with alive as (
    insert into :schema.workers as w (place, worker, alive_until, joined_at)
    select b.place, b.worker, _now + b.longest * interval '1 millisecond', _now
    from (
      select b.place collate "C" as place, b.worker collate "C" as worker, max(b.longest) as longest
      from unnest(names, places, versions, by_workers, milliseconds) as b (name, place, version, worker, longest)
      join :schema.subscriptions s on s.name = b.name
      where s.place = b.place and coalesce(s.version, 0) <= b.version
      group by 1, 2
      order by 1, 2
    ) b
    on conflict on constraint workers_pkey do update set alive_until = excluded.alive_until
    returning w.place, w.worker, w.joined_at = _now as has_joined
  )
  select array_agg(a.place), array_agg(a.worker), array_agg(a.has_joined)
  into _places, _workers, _joined
  from alive a;

  -- Removes the workers of this call that are superseded, or whose subscription was removed.
  if coalesce(cardinality(_workers), 0) < cardinality(by_workers) then
    delete from :schema.workers w
    using (
      select w.place, w.worker
      from unnest(places, by_workers) as b (place, worker)
      cross join lateral (
        select w.place, w.worker from :schema.workers w
        where w.place = b.place and w.worker = b.worker
        for update skip locked
      ) w
      where not exists (
        select from unnest(_places, _workers) as a (place, worker) where a.place = b.place and a.worker = b.worker
      )
    ) gone
    where w.place = gone.place and w.worker = gone.worker;
  end if;

  delete from :schema.workers w
  using (
    select w.place, w.worker
    from (select distinct a.place from unnest(_places) as a (place)) p
    cross join lateral (
      select w.place, w.worker from :schema.workers w
      where w.place = p.place and w.alive_until <= _now
      for update skip locked
    ) w
  ) dead
  where w.place = dead.place and w.worker = dead.worker;

  _has_joined := coalesce(true = any (_joined), false);
  if _has_joined then
    select array_agg(c.place), array_agg(c.partition)
    into _own_places, _own_partitions
    from unnest(_places, _workers, _joined) as a (place, worker, has_joined)
    cross join lateral (
      select c.place, c.partition from :schema.checkpoints c
      where c.place = a.place and c.owner = a.worker
      for update skip locked
    ) c
    where a.has_joined;
  end if;

  select array_agg(l.place), array_agg(l.worker), array_agg(l.revision), array_agg(l.lacking)
  into _short_places, _short_workers, _short_revisions, _lacking
  from (
    select
      w.place,
      w.worker,
      s.revision,
      ceil(s.partitions::numeric / m.members)::int - h.held::int as lacking
    from unnest(names, places, versions, by_workers) as b (name, place, version, worker)
    join :schema.subscriptions s on s.name = b.name
    join :schema.workers w on w.place = b.place and w.worker = b.worker
    cross join lateral (select count(*) as members from :schema.workers o where o.place = w.place) m
    cross join lateral (
      select count(*) as held from :schema.checkpoints c where c.place = w.place and c.owner = w.worker
    ) h
    where s.place = b.place and coalesce(s.version, 0) <= b.version and not s.is_paused
  ) l
  where l.lacking > 0;

  if _short_places is not null then
    -- `skip locked` skips leases that another worker is taking, or whose owner is about to commit.
    select array_agg(c.place), array_agg(c.partition)
    into _free_places, _free_partitions
    from (
      select n.place, sum(n.lacking) as lacking
      from unnest(_short_places, _lacking) as n (place, lacking)
      group by n.place
    ) n
    cross join lateral (
      select c.place, c.partition from :schema.checkpoints c
      where c.place = n.place
        and (
          c.owner is null
          or not exists (select from :schema.workers w where w.place = c.place and w.worker = c.owner)
        )
      order by c.partition
      limit n.lacking
      for update skip locked
    ) c;
  end if;

  if _free_places is not null then
    -- Gives the first free leases of a place to its first worker, and so on.
    update :schema.checkpoints c set owner = n.worker, token = c.token + 1
    from (
      select f.place, f.partition, row_number() over (partition by f.place order by f.partition) as number
      from unnest(_free_places, _free_partitions) as f (place, partition)
    ) f
    join (
      select
        n.place,
        n.worker,
        n.revision,
        row_number() over (partition by n.place order by n.worker) as number
      from unnest(_short_places, _short_workers, _short_revisions, _lacking) as n (place, worker, revision, lacking)
      cross join generate_series(1, n.lacking)
    ) n on n.place = f.place and n.number = f.number
    join :schema.subscriptions s on s.place = n.place and s.revision = n.revision
    where c.place = f.place and c.partition = f.partition
      -- This statement comes after the locks and has its own snapshot. So it sees an owner that has joined again, and it
      -- sees by the revision that a change of the subscription has committed.
      and (
        c.owner is null
        or not exists (select from :schema.workers w where w.place = c.place and w.worker = c.owner)
      );
  end if;

  -- Removes the skip layers that all checkpoints are beyond.
  select array_agg(s.place)
  into _layered
  from unnest(_places) as a (place)
  cross join lateral (
    select s.place from :schema.subscriptions s
    where s.place = a.place and s.skip is not null
    for no key update skip locked
  ) s;
  if _layered is not null then
    update :schema.subscriptions s set skip = r.skip
    from unnest(_layered) as l (place)
    cross join lateral (select min(c.position) as lowest from :schema.checkpoints c where c.place = l.place) c
    cross join lateral (
      select :schema.layers_above(s.skip, c.lowest) as skip from :schema.subscriptions s where s.place = l.place
    ) r
    where s.place = l.place and s.skip::text is distinct from r.skip::text;
  end if;

  return query
  select
    b.number::int,
    k.kind,
    case when s.is_paused then 0 else ceil(s.partitions::numeric / greatest(1, m.members))::int end,
    s.is_paused,
    s.partitions,
    s.skip::text,
    s.parked_requests,
    h.leased,
    h.tokens,
    h.positions
  from unnest(names, places, versions, by_workers) with ordinality as b (name, place, version, worker, number)
  left join :schema.subscriptions s on s.name = b.name
  cross join lateral (
    select case
      when s.name is null or s.place <> b.place then 'removed'
      when s.place is null or s.version > b.version then 'superseded'
      else 'kept'
    end as kind
  ) k
  cross join lateral (select count(*) as members from :schema.workers w where w.place = b.place) m
  cross join lateral (
    select
      '[' || string_agg(c.partition::text, ',') || ']' as leased,
      '[' || string_agg(c.token::text, ',') || ']' as tokens,
      '[' || string_agg(c.position::text, ',') || ']' as positions
    from (
      select c.partition, c.token, c.position from :schema.checkpoints c
      where k.kind = 'kept' and c.place = b.place and c.owner = b.worker
        and (
          not _has_joined
          or not exists (
            select from unnest(_places, _workers, _joined) as a (place, worker, has_joined)
            where a.place = b.place and a.worker = b.worker and a.has_joined
          )
          or exists (
            select from unnest(_own_places || _free_places, _own_partitions || _free_partitions) as o (place, partition)
            where o.place = c.place and o.partition = c.partition
          )
        )
      order by c.partition
    ) c
  ) h
  order by b.number;
end
$$;
