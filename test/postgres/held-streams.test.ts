/**
 * The fault: each call that waited for a lock of another transaction kept a connection, and a few of them kept all, so
 * that calls that need no such lock waited too. Now a call waits for milliseconds and releases its connection. The store
 * retries it after a pause, until it has waited for the store's `timeout`.
 */
import { projection } from '@eventsourced/core'
import { type PostgresStore, type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted, range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { CuttingPostgresProxy } from '../cutting-proxy.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const heldStreams = range(1, 30).map((number) => `held-${number}`)

let database: FreshDatabase

beforeAll(async () => {
  database = await freshDatabase()
})

afterAll(() => database.drop())

const counts = projection({
  name: 'counts',
  key: ({ streamId }) => streamId,
  initialState: () => ({ count: 0 }),
  evolve: ({ count }) => ({ count: count + 1 }),
})

const settings: Readonly<Record<string, PostgresStoreOptions>> = {
  'by default': {},
  'with inline projections': { inline: [counts] },
  'without groups': { maxBatch: 1 },
  'on two connections': { maxConnections: 2 },
  'on one connection': { maxConnections: 1 },
}

describe.each(Object.entries(settings))('while another transaction holds 30 streams, %s', (name, options) => {
  const schema = `held_${Object.keys(settings).indexOf(name)}`

  async function whileHeld(work: (store: PostgresStore) => Promise<void>, exist: boolean) {
    const store = postgresStore(database.url, { ...options, schema })
    await store.append('free', counted(1))
    const streams = heldStreams.map((streamId) => `${streamId} ${exist}`)
    if (exist) await store.appendAll(streams.map((streamId) => ({ streamId, events: counted(1) })))
    const holder = await database.session('holder')
    await holder.query('begin')
    await holder.query(
      exist
        ? `select from ${schema}.streams where stream_id = any ($1) for update`
        : `insert into ${schema}.streams (stream_key, stream_id, version, created_at)
            select nextval('${schema}.stream_keys'), s, 0, now() from unnest($1::text[]) s`,
      [streams],
    )
    const settled: string[] = []
    const held: Promise<boolean>[] = []
    const appendTo = async (streamId: string, nth: number) => {
      const { version } = await store.append(streamId, counted(1))
      settled.push(streamId)
      // Without groups, two appends to one stream come in any order.
      return options.maxBatch === 1 || version === (exist ? 1 : 0) + nth
    }
    for (const [index, streamId] of streams.entries()) {
      for (const nth of index < 10 ? [1] : [1, 2]) held.push(appendTo(streamId, nth))
      // The first ones come one by one, each in a group of its own.
      if (index < 10) await sleep(60)
    }
    await work(store)
    expect(settled).toEqual([])
    await holder.query('rollback')
    // Each append is made, and the appends to one stream in the order of their calls.
    const inOrder = await Promise.all(held)
    expect(inOrder.filter((is) => !is)).toEqual([])
    await store.close()
  }

  it.each([
    ['that exist', true],
    ['that it creates', false],
  ])('%s, appends to free streams are made', async (_, exist) => {
    await whileHeld(async (store) => {
      for (const number of range(1, 20)) await store.append(`free-${number % 3} ${exist}`, counted(1))
      await Promise.all(range(1, 20).map((number) => store.append(`free-${number} ${exist}`, counted(1))))
    }, exist)
  })
})

it('appends to free streams are not slower beside 30 held streams than without', async () => {
  const store = postgresStore(database.url, { schema: 'ratio' })
  await store.appendAll(heldStreams.map((streamId) => ({ streamId, events: counted(1) })))
  const median = (numbers: number[]) => numbers.sort((x, y) => x - y)[numbers.length >> 1] as number
  const medianOfAppends = async () => {
    const times: number[] = []
    for (const _ of range(1, 20)) {
      const start = performance.now()
      await store.append(crypto.randomUUID(), counted(1))
      times.push(performance.now() - start)
    }
    return median(times)
  }
  await medianOfAppends()
  const ratios: number[] = []
  // Each ratio is of two moments that follow each other, because other programs change the speed of the machine.
  for (const _ of range(1, 11)) {
    const without = await medianOfAppends()
    const release = await hold('select from ratio.streams where stream_id = any ($1) for update', [
      heldStreams,
    ])
    const held = heldStreams.map((streamId) => store.append(streamId, counted(1)))
    ratios.push((await medianOfAppends()) / without)
    await release()
    await Promise.all(held)
  }
  // It was 0.9 to 1.8 on a busy machine.
  expect(median(ratios)).toBeLessThan(4)
  await store.close()
})

/** Holds what `locks` locks, until the returned function is called. */
async function hold(locks: string, parameters: readonly unknown[] = []): Promise<() => Promise<unknown>> {
  const holder = await database.session()
  await holder.query('begin')
  await holder.query(locks, [...parameters])
  return () => holder.query('rollback')
}

const lockStreams = 'select from eventsourced.streams where stream_id = any ($1) for update'
const createStreams = `insert into eventsourced.streams (stream_key, stream_id, version, created_at)
  select nextval('eventsourced.stream_keys'), s, 0, now() from unnest($1::text[]) s`

describe('calls that wait for a lock of another transaction', () => {
  const names = (kind: string) => range(1, 30).map((number) => `${kind}-${number}`)
  const append = (streamId: string) => ({ streamId, events: counted(1) })
  const imported = (streamId: string) => ({ type: 'Counted', data: {}, streamId, id: crypto.randomUUID() })
  const kinds: Readonly<
    Record<string, { locks: string; call: (store: PostgresStore, streamId: string) => Promise<unknown> }>
  > = {
    appendAll: {
      locks: lockStreams,
      call: (store, streamId) => store.appendAll([append(streamId), append(`second ${streamId}`)]),
    },
    createStream: { locks: createStreams, call: (store, streamId) => store.createStream(streamId) },
    import: { locks: lockStreams, call: (store, streamId) => store.import([imported(streamId)]) },
  }

  it.each(['appendAll', 'createStream', 'import'])(
    '%s: appends to free streams are made meanwhile',
    async (kind) => {
      const { locks, call } = kinds[kind] as (typeof kinds)[string]
      const store = postgresStore(database.url, { maxConnections: 3 })
      const streams = names(kind)
      if (locks === lockStreams) await store.appendAll(streams.map(append))
      const release = await hold(locks, [streams])
      const settled: string[] = []
      const held = streams.map((streamId) => call(store, streamId).then(() => settled.push(streamId)))
      for (const number of range(1, 20)) await store.append(`${kind} free-${number}`, counted(1))
      expect(settled).toEqual([])
      await release()
      await Promise.all(held)
      await store.close()
    },
  )

  it.each(['append', 'appendAll', 'createStream', 'import', 'in a group'])(
    '%s: it ends with a typed error after the timeout, and writes nothing',
    async (kind) => {
      const calls: Readonly<Record<string, (store: PostgresStore) => Promise<unknown>>> = {
        append: (store) => store.append('long', counted(1)),
        appendAll: (store) => store.appendAll([append('long'), append('other')]),
        createStream: (store) => store.createStream('long new'),
        import: (store) => store.import([imported('long')]),
        'in a group': (store) =>
          Promise.all([
            store.append(`not held ${crypto.randomUUID()}`, counted(1)),
            store.append('long', counted(1)),
          ]),
      }
      const store = postgresStore(database.url, { timeout: 400 })
      await store.append('long', counted(1), { expectedVersion: 'any' })
      const before = await store.streamInfo('long')
      const release = await hold(`${lockStreams.replace('any ($1)', "'long'")}`)
      const releaseNew = await hold(createStreams, [['long new']])
      const error = await calls[kind]?.(store).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'lock-timeout', timeout: 400 })
      await release()
      await releaseNew()
      expect(await store.streamInfo('long')).toEqual(before)
      expect(await store.streamInfo('other')).toBeUndefined()
      expect(await store.streamInfo('long new')).toBeUndefined()
      await store.close()
    },
  )

  it('a locked document keeps only the appends that change it', async () => {
    const store = postgresStore(database.url, { schema: 'documents', inline: [counts], maxConnections: 3 })
    const streams = names('document')
    await store.appendAll(streams.map(append))
    const release = await hold('select from documents.documents where key = any ($1) for update', [streams])
    const settled: string[] = []
    const held = streams.map((streamId) =>
      store.append(streamId, counted(1)).then(() => settled.push(streamId)),
    )
    for (const number of range(1, 20)) await store.append(`free-${number}`, counted(1))
    expect(settled).toEqual([])
    await release()
    await Promise.all(held)
    expect(await store.view(counts).get('document-7')).toMatchObject({ state: { count: 2 } })
    await store.close()
  })

  it('a locked table does not stop the calls for ever', async () => {
    const store = postgresStore(database.url, { timeout: 400 })
    await store.append('table', counted(1))
    const release = await hold('lock table eventsourced.events in exclusive mode')
    const appends = range(1, 5).map((number) =>
      store.append(`table-${number}`, counted(1)).catch((e: unknown) => e),
    )
    for (const error of await Promise.all(appends)) expect(error).toMatchObject({ code: 'lock-timeout' })
    await release()
    expect(await store.append('table', counted(1))).toMatchObject({ version: 2 })
    await store.close()
  })
})

it('an append in your own transaction waits as long as the session allows', async () => {
  const store = postgresStore(database.url)
  await store.append('own', counted(1))
  const release = await hold(lockStreams, [['own']])
  const session = await database.session()
  await session.query('begin')
  const appended = store.inTransaction(session).append('own', counted(1))
  await sleep(400)
  await release()
  expect(await appended).toMatchObject({ version: 2 })
  await session.query('commit')
  await store.close()
})

it('an append that waits for a held stream ends at once when its caller aborts it', async () => {
  const store = postgresStore(database.url)
  await store.append('held', counted(1))
  const holder = await database.session('holder')
  await holder.query('begin')
  await holder.query(`select from eventsourced.streams where stream_id = 'held' for update`)
  const controller = new AbortController()
  const held = store.append('held', counted(1), { signal: controller.signal })
  await sleep(300)
  controller.abort(new Error('given up'))
  await expect(held).rejects.toThrow('given up')
  await holder.query('rollback')
  await store.append('held', counted(1))
  await store.close()
})

// The fault: the retry of a group found its streams held by its own first attempt, whose answer was lost. The error said
// that nothing was written, and then the first attempt committed.
it('a group whose answer was lost, and whose first attempt still runs, may have been recorded', async () => {
  const proxy = await CuttingPostgresProxy.start(database.url)
  const store = postgresStore(proxy.url, { timeout: 800 })
  // Two of three streams share a group.
  const streams = ['slow-1', 'slow-2', 'slow-3']
  for (const streamId of streams) await store.append(streamId, counted(1))
  await database.query(`
    create function linger() returns trigger language plpgsql as $$ begin perform pg_sleep(3); return null; end $$;
    create trigger linger before insert on eventsourced.events for each statement execute function linger()`)
  const appends = streams.map((streamId) => store.append(streamId, counted(1)).catch((e: unknown) => e))
  const working = `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`
  while ((await database.query(working)).length < 2) await sleep(5)
  proxy.cutAll()
  const unknown = expect.objectContaining({ code: 'store-unavailable' })
  expect(await Promise.all(appends)).toEqual([unknown, unknown, unknown])
  while ((await database.query(working)).length > 0) await sleep(20)
  await database.query('drop trigger linger on eventsourced.events')
  for (const streamId of streams)
    expect(await store.append(streamId, counted(1))).toMatchObject({ version: 3 })
  await store.close()
  await proxy.stop()
})
