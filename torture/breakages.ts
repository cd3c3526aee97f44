/**
 * Stores that are broken on purpose, each in a way in which a real store has been broken. A campaign on such a store must
 * find faults, which proves that the checker works. Only a campaign with the option `--break` uses them.
 */
import type { Event, EventStore } from '@eventsourced/core'
import { hasCode } from '@eventsourced/core'
import pg from 'pg'
import type { Handle } from './delivery.ts'
import type { Seen } from './operation.ts'

export type Breakage = keyof typeof breakages

interface BrokenStore {
  /** A script that changes functions and tables in the database. */
  readonly sql?: string
  /** Wraps the store of a client. */
  readonly store?: (store: EventStore) => EventStore
  /** Wraps the handler of a subscription. */
  readonly handler?: (handle: Handle) => Handle
}

/** Returns a script that replaces text in a function of the database. It fails if there is nothing to replace. */
const alterFunction = (name: string, pattern: string, replacement: string) => `
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

/** Lets workers take leases that another worker still holds, in half of all cases. */
const stealLeases = alterFunction(
  'keep_leases',
  'or not exists \\(select from [a-z"]+\\.workers w where w\\.place = c\\.place and w\\.worker = c\\.owner\\)',
  '\\& or random() < 0.5',
)

/** Reads streams without locks. The pause after the read gives another append time to commit, also on a busy machine. */
const withoutStreamLocks = (name: string) =>
  alterFunction(name, 'for no key update( skip locked)?', `and pg_sleep(0.01)::text = ''`)

export const breakages = {
  /** Reads up to the last position that was handed out, as if transactions committed in the order of positions. */
  'naive-reader': {
    sql: alterFunction('frontier', 'least\\(_head, coalesce\\(_marked, _head\\)\\)', '_head'),
  },

  /** Retries an append with an unknown outcome, but with new event ids. */
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

  /** Returns from the handler before it has handled the events, so that the checkpoint moves too early. */
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

  /** Steals leases, and does not check their tokens, so that the former owners continue. */
  'unfenced-lease': {
    sql:
      stealLeases +
      alterFunction('advance_checkpoint', 'and c\\.token = of_token and c\\.owner is not null', '') +
      alterFunction('advance_checkpoints', 'and c\\.token = m\\.token and c\\.owner is not null', ''),
  },

  /** Steals leases, but checks their tokens. This is harmless, because the token keeps two workers apart. */
  'stolen-leases': { sql: stealLeases },

  /** Returns snapshots with another state, but with the right version and last event. */
  'changed-snapshot': {
    store: (store) => ({
      ...store,
      snapshots: {
        ...store.snapshots,
        async read(name, streamId, options) {
          const found = await store.snapshots.read(name, streamId, options)
          if (found === undefined) return undefined
          const content = JSON.parse(found.json) as { state: Seen }
          const [version, digest] = content.state
          return { ...found, json: JSON.stringify({ ...content, state: [version, digest + 1] }) }
        },
      },
    }),
  },

  /** Reads the versions of streams without locks, and without the constraint that would catch a mistake. */
  'no-stream-lock': {
    sql: `${['append_to_each', 'append_to_stream', 'append_to_streams'].map(withoutStreamLocks).join('')}
alter table eventsourced.events drop constraint events_stream_version_key;`,
  },
} satisfies Record<string, BrokenStore>

export const breakageNamed = (name: Breakage | undefined): BrokenStore =>
  name === undefined ? {} : breakages[name]

/** Runs the script of a breakage, if it has one. */
export async function breakDatabase(url: string, name: Breakage): Promise<void> {
  const { sql } = breakageNamed(name)
  if (sql === undefined) return
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
