/**
 * Postgres makes a plan once per session, perhaps while the tables are empty. After the tables have grown, no plan may
 * scan a whole table. The number of rows that each call reads shows that.
 */
import { projection, uuidv7 } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect, counted, identified, logOf, range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const streamCount = 200_000
const calls = 25

type Operation = (store: PostgresStore, number: number) => Promise<unknown>

/** The operations. Each needs a few hundred rows at most. */
const operations: Readonly<Record<string, Operation>> = {
  'append to a new stream': (store) => store.append(uuidv7(), counted(2), { expectedVersion: 'noStream' }),

  'append at any version': (store) => store.append('loaded-77', counted(1)),

  async 'append at an exact version'(store) {
    const { version } = (await store.streamInfo('loaded-99')) ?? { version: 0 }
    await store.append('loaded-99', counted(1), { expectedVersion: version })
  },

  async 'append that conflicts'(store) {
    const append = store.append('loaded-55', counted(3), { expectedVersion: 900 })
    await expect(append).rejects.toMatchObject({ code: 'wrong-expected-version' })
  },

  async 'append that is repeated'(store) {
    const events = identified(5)
    for (const expectedVersion of ['any', 'any', 0, 'noStream'] as const) {
      await store.append(String(events[0]?.id), events, { expectedVersion })
    }
  },

  async 'appends at once to old and new streams, with conflicts and repeats'(store, number) {
    const repeated = identified(2)
    const appends = range(1, 20).map((caller) => store.append(`loaded-${number * caller}`, counted(1)))
    appends.push(
      ...range(1, 20).map(() => store.append(uuidv7(), counted(1), { expectedVersion: 'noStream' })),
    )
    appends.push(store.append('loaded-56', repeated), store.append('loaded-56', repeated))
    const conflict = store.append('loaded-57', counted(1), { expectedVersion: 900 })
    await expect(conflict).rejects.toMatchObject({ code: 'wrong-expected-version' })
    await Promise.all(appends)
  },

  async 'appendAll to old and new streams'(store, number) {
    const streamIds = ['loaded-1', 'loaded-2', uuidv7(), `all-${number}`]
    await store.appendAll(streamIds.map((streamId) => ({ streamId, events: counted(2) })))
  },

  async import(store) {
    const source = identified(20).map((event, index) => ({
      ...event,
      streamId: index % 4 === 0 ? 'loaded-5' : `${event.id}-${index % 4}`,
    }))
    await store.import(source)
    await store.import(source)
  },

  async createStream(store) {
    const streamId = uuidv7()
    await store.createStream(streamId)
    await expect(store.createStream(streamId)).rejects.toMatchObject({ code: 'stream-already-exists' })
  },

  async readStream(store, number) {
    const streamId = `loaded-${number * 1000}`
    await store.readStream(streamId)
    await store.readStream(streamId, { direction: 'backward', limit: 1 })
    await store.readStream(streamId, { fromVersion: 1, toVersion: 3 })
    await store.readStream(streamId, { asOf: new Date() })
    await store.readStream('nothing')
  },

  async 'readStream of many at once'(store, number) {
    const streamIds = range(1, 20).map((caller) =>
      caller % 5 === 0 ? 'nothing' : `loaded-${number * caller}`,
    )
    await Promise.all(streamIds.map((streamId) => store.readStream(streamId)))
    await Promise.all(streamIds.map((streamId) => store.readStream(streamId, { asOf: new Date(), limit: 1 })))
  },

  async 'readAll from the middle'(store) {
    const after = (await store.frontier()).position >> 1
    await logOf(store, { after, limit: 100 })
    await logOf(store, { after, limit: 100, types: ['Loaded', 'Counted'] })
    await logOf(store, { direction: 'backward', limit: 100 })
  },

  async 'readAll with filters that few events match'(store, number) {
    await logOf(store, { streamPrefix: 'nothing', limit: 100 })
    await logOf(store, { streamPrefix: `loaded-${number * 1000}`, limit: 100 })
    // So many streams have this prefix that the store looks up those of the last events.
    await logOf(store, { streamPrefix: 'loaded-19', until: streamCount, limit: 10, direction: 'backward' })
  },

  async 'readAll by type, with an index'(store) {
    await logOf(store, { types: ['Nothing'], limit: 100 })
    await logOf(store, { types: ['Nothing', 'Counted'], limit: 100, tags: ['nothing'] })
    await logOf(store, { types: ['Nothing', 'Counted'], limit: 100, direction: 'backward' })
  },

  async 'readAll at the end'(store) {
    await logOf(store, { after: (await store.frontier()).position - 1 })
  },

  async 'list of streams'(store, number) {
    await collect(store.listStreams({ after: `loaded-${number * 1000}`, limit: 100 }))
    await collect(store.listStreams({ prefix: 'loaded-1', limit: 100 }))
    await collect(store.listStreams({ prefix: 'nothing' }))
  },

  async 'append with an inline document'(store, number) {
    await Promise.all([`loaded-${number}`, `loaded-${number * 7}`].map((id) => store.append(id, counted(1))))
    await store.append(uuidv7(), counted(1))
  },

  async 'reading of documents'(store, number) {
    const view = store.view(counts)
    await view.get(`loaded-${number}`, { atLeast: (await store.append('loaded-3', counted(1))).position })
    await collect(view.list({ prefix: `loaded-${number + 1000}` }))
  },

  async 'subscription from the end of the log'(store, number) {
    const name = `from the end ${number} ${uuidv7()}`
    const runOnce = () =>
      store.runOnce({
        name,
        from: 'end',
        transactional: true,
        onError: { retries: 0, action: 'park' },
        handle: () => Promise.reject(new Error('no')),
      })
    await runOnce()
    const { position } = await store.append('loaded-4', counted(1))
    await runOnce()
    await store.parked(name).skip(position)
    await store.subscriptionStatus(name)
  },
}

const counts = projection({
  name: 'counts',
  key: ({ streamId }) => streamId,
  initialState: () => ({ count: 0 }),
  evolve: ({ count }) => ({ count: count + 1 }),
})
const inInlined = ['append with an inline document', 'reading of documents', 'readAll by type, with an index']
// Once a projection is inline, every append must write its documents. The other operations append without.
const schemas = { plain: 'eventsourced', inline: 'inlined' }

describe('after calls on empty tables, 200,000 streams are loaded', () => {
  let database: FreshDatabase
  const stores: Record<string, PostgresStore> = {}

  beforeAll(async () => {
    database = await freshDatabase()
    for (const schema of Object.values(schemas)) {
      // An inline projection can only be registered on an empty log.
      const inline = schema === schemas.inline ? [counts] : []
      const creator = postgresStore(database.url, { schema, inline })
      await creator.append('first', counted(1))
      await creator.close()
      // Without autovacuum there are no new statistics, which would cause new plans.
      for (const table of ['streams', 'events', 'documents']) {
        await database.query(`alter table ${schema}.${table} set (autovacuum_enabled = false)`)
      }
    }
    await database.query(`create index on ${schemas.inline}.events (type, position)`)
    for (const [name, run] of Object.entries(operations)) {
      // Each operation has one session, whose plans are fixed after some calls.
      const url = Object.assign(new URL(database.url), {
        search: `?application_name=${encodeURIComponent(name)}`,
      }).href
      const options = inInlined.includes(name) ? { schema: schemas.inline, inline: [counts] } : {}
      const store = postgresStore(url, { maxConnections: 1, ...options })
      stores[name] = store
      for (const number of range(1, 8)) await run(store, number)
    }
    const loader = await database.session()
    const load = (schema: string) => `
      insert into ${schema}.streams (stream_key, stream_id, version, created_at, last_recorded_at)
      select nextval('${schema}.stream_keys'), 'loaded-' || n, 1, now(), now() from generate_series(1, ${streamCount}) n
      on conflict (stream_id) do nothing;
      insert into ${schema}.events (position, stream_key, version, recorded_at, event_id, type, data)
      select nextval('${schema}.event_positions'), s.stream_key, 1, now(), gen_random_uuid(), 'Loaded', '{}'
      from ${schema}.streams s
      where s.stream_id like 'loaded-%'
      on conflict (stream_key, version) do nothing;
      insert into ${schema}.documents (projection, generation, key, revision, position, state)
      select 'counts', p.generation, 'loaded-' || n, 1, 1, '{"count":1}'
      from generate_series(1, ${streamCount}) n, ${schema}.projections p
      where p.name = 'counts'
      on conflict do nothing`
    for (const schema of Object.values(schemas)) await loader.query(load(schema))
    // A session reports its counters when it ends.
    await loader.end()
  })

  afterAll(async () => {
    await Promise.all(Object.values(stores).map((store) => store.close()))
    await database.drop()
  })

  /** Returns how many rows of the tables and entries of their indexes were read so far. */
  async function rowsRead(): Promise<number> {
    const [server] = await database.query<{ version: number }>(
      `select current_setting('server_version_num')::int as version`,
    )
    // Before PostgreSQL 15, counters are up to half a second old.
    if (server !== undefined && server.version < 150_000) await sleep(600)
    const [counters] = await database.query<{ rows: number }>(`
      select (
        (select sum(seq_tup_read) from pg_stat_user_tables where schemaname in ('${schemas.plain}', '${schemas.inline}'))
        + (select sum(idx_tup_read) from pg_stat_user_indexes where schemaname in ('${schemas.plain}', '${schemas.inline}'))
      )::int as rows`)
    return counters?.rows ?? Number.NaN
  }

  it.each(Object.entries(operations))('%s reads few rows', async (name, run) => {
    const before = await rowsRead()
    const store = stores[name] as PostgresStore
    for (const number of range(1, calls)) await run(store, number)
    await store.close()
    const sessions =
      'select from pg_stat_activity where datname = current_database() and application_name = $1'
    while ((await database.query(sessions, [name])).length > 0) await sleep(2)
    const perCall = ((await rowsRead()) - before) / calls
    expect(perCall).toBeLessThan(streamCount / 100)
  })

  it('a scan of a whole table would be detected', async () => {
    const before = await rowsRead()
    const searcher = await database.session('searcher')
    await searcher.query(`select from eventsourced.events where type = 'nothing'`)
    await searcher.end()
    while ((await rowsRead()) < before + streamCount) await sleep(2)
  })

  it('readStream is not planned again at each call', async () => {
    const client = await database.session('planner')
    const store = postgresStore(client)
    for (const number of range(1, 30)) await store.readStream(`loaded-${number}`)
    const { rows } = await client.query(
      `select custom_plans::int from pg_prepared_statements where name like 'eventsourced_read_stream_%'`,
    )
    // Postgres makes five custom plans before it compares them with the generic one.
    expect(rows).toEqual([{ custom_plans: 5 }])
    await store.close()
  })
})
