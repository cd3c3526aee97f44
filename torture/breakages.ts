/**
 * Stores that are broken on purpose, each in a way that a real one has been: a campaign on one of them must end badly. They
 * prove that the checker sees what it is there for; no campaign uses them unless it is told to.
 */
import type { Event, EventStore } from '@eventsourced/core'
import { hasCode } from '@eventsourced/core'
import pg from 'pg'
import type { Handle } from './delivery.ts'

export type Breakage = keyof typeof breakages

interface BrokenStore {
  /** What is done to the functions and tables in the database. */
  readonly sql?: string
  /** What is done between the client and the store. */
  readonly store?: (store: EventStore) => EventStore
  /** What is done to the handler of a subscription. */
  readonly handler?: (handle: Handle) => Handle
}

/** A function of the store, defined anew with some of its text replaced. */
const altered = (name: string, pattern: string, replacement: string) => `
do $alter$
declare
  _before text;
  _after text;
  _found boolean := false;
begin
  for _before in
    select pg_get_functiondef(p.oid) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'eventsourced' and p.proname = '${name}'
  loop
    _after := regexp_replace(_before, $old$${pattern}$old$, $new$${replacement}$new$, 'gi');
    if _after = _before then raise exception 'there is nothing to alter in ${name}'; end if;
    execute _after;
    _found := true;
  end loop;
  if not _found then raise exception 'there is no function ${name}'; end if;
end $alter$;`

/** Now and then a lease is taken that is held. */
const stealing = altered(
  'keep_leases',
  '\\(f\\.owner is null or f\\.lease_until <= _now\\)',
  '(f.owner is null or f.lease_until <= _now or random() < 0.5)',
)

export const breakages = {
  /** Reads up to the last position that was given out, as if transactions committed in the order of positions. */
  'naive-reader': { sql: altered('frontier', 'least\\(_head, coalesce\\(_marked, _head\\)\\)', '_head') },

  /** Makes an append again whose outcome it does not know, with other event ids. */
  'retry-without-ids': {
    store: (store) => ({
      ...store,
      async append(streamId, events, options) {
        for (;;) {
          const unnamed = events.map(({ type, data }): Event => ({ type, data }))
          try {
            return await store.append(streamId, unnamed, options)
          } catch (error) {
            if (!hasCode(error, 'store-unavailable')) throw error
          }
        }
      },
    }),
  },

  /** Says that events are handled before they are. */
  'checkpoint-before-handler': {
    handler(handle) {
      let handled: Promise<void> = Promise.resolve()
      return async (events) => {
        handled = handled
          .then(() => new Promise((resolve) => setTimeout(resolve, 100)))
          .then(() => handle(events))
      }
    },
  },

  /** Takes leases that others hold, and lets those go on as if they still held them. */
  'unfenced-lease': {
    sql: stealing + altered('advance_checkpoint', 'and c\\.token = of_token and c\\.owner is not null', ''),
  },

  /** The same without the second half, which is harmless: the token of a lease is what keeps its workers apart. */
  'stolen-leases': { sql: stealing },

  /** Reads the versions of streams without locking them, and has no constraint to fall back on. */
  'no-stream-lock': {
    sql: `${altered('lock_streams', 'for no key update( skip locked)?', '')}
alter table eventsourced.events drop constraint events_stream_version_key;`,
  },
} satisfies Record<string, BrokenStore>

export const breakageNamed = (name: Breakage | undefined): BrokenStore =>
  name === undefined ? {} : breakages[name]

export async function breakDatabase(url: string, name: Breakage): Promise<void> {
  const { sql } = breakageNamed(name)
  if (sql === undefined) return
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql)
  await client.end()
}
