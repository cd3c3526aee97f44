/**
 * The fault: each append to a stream that another transaction holds kept a connection and a place among the running groups.
 * Six of them took all places, so that an append to a free stream waited until one of the six streams was released. Now at
 * most six appends wait so; the appends to other held streams try again after a pause and hold nothing meanwhile.
 */
import { projection } from '@eventsourced/core'
import { type PostgresStore, type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted, range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
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
        : `insert into ${schema}.streams (stream_id, version, created_at) select s, 0, now() from unnest($1::text[]) s`,
      [streams],
    )
    const settled: string[] = []
    const held: Promise<boolean>[] = []
    const appendTo = async (streamId: string, nth: number) => {
      const { version } = await store.append(streamId, counted(1))
      settled.push(streamId)
      return version === (exist ? 1 : 0) + nth
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
