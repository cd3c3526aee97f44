/** Tables that were copied into another cluster row by row, without the sequence, as logical replication does. */
import { postgresStore } from '@eventsourced/core/postgres'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { counted, everything, identified, logOf, range } from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'

const events = identified(3)
let original: FreshDatabase
let copy: FreshDatabase
let before: unknown
let first: object
let head: number

beforeEach(async () => {
  original = await freshDatabase()
  copy = await freshDatabase()
  const store = postgresStore(original.url)
  for (const number of range(1, 20)) await store.append(`stream-${number % 3}`, counted(2, number))
  first = await store.append('repeated', events)
  before = await everything(store)
  head = (await store.frontier()).head
  await store.close()

  const target = postgresStore(copy.url)
  await target.schema.create()
  await target.close()
  for (const table of ['streams', 'events']) {
    const rows = await original.query(`select * from eventsourced.${table}`)
    await copy.query(
      `insert into eventsourced.${table} select * from json_populate_recordset(null::eventsourced.${table}, $1)`,
      [JSON.stringify(rows)],
    )
  }
})

afterEach(async () => {
  await original.drop()
  await copy.drop()
})

it('copied tables are refused while the sequence is behind them; after it is advanced, all events are visible and new ones come after them', async () => {
  const store = postgresStore(copy.url)
  const refusal = { code: 'sequence-behind', head: 0, lastPosition: head }
  await expect(logOf(store)).rejects.toMatchObject(refusal)
  await expect(store.append('a', counted(1))).rejects.toMatchObject(refusal)

  await copy.query(`select setval('eventsourced.event_positions', $1)`, [head])
  expect(await everything(store)).toEqual(before)
  expect(await store.append('repeated', events)).toEqual({ ...first, deduplicated: true })
  const { positions, version } = await store.append('stream-1', counted(2), { expectedVersion: 14 })
  expect(version).toBe(16)
  expect(Math.min(...positions)).toBeGreaterThan(head)
  expect(await logOf(store, { after: head })).toHaveLength(2)
  await store.close()
})

it('copied tables get no new stream while the sequence of stream keys is behind them, until it is corrected', async () => {
  await copy.query(`select setval('eventsourced.event_positions', $1)`, [head])
  const store = postgresStore(copy.url)
  const session = await copy.session()
  await session.query('begin')
  const uses: (() => Promise<unknown>)[] = [
    () => store.append('new', counted(1)),
    () => Promise.all([1, 2].map((number) => store.append(`new-${number}`, counted(1)))),
    () => store.appendAll([{ streamId: 'new', events: counted(1) }]),
    () => store.createStream('new'),
    () => store.import([{ streamId: 'new', type: 'Imported', data: 1 }], { name: 'old' }),
    () => store.inTransaction(session).append('new', counted(1)),
  ]
  const refusals: unknown[] = []
  for (const use of uses) {
    // Each failed call has used keys up.
    await copy.query(`select setval('eventsourced.stream_keys', 1, false)`)
    refusals.push(await use().catch((error: unknown) => error))
  }
  for (const refusal of refusals) {
    expect(refusal).toMatchObject({
      code: 'sequence-behind',
      message: expect.stringContaining('stream_keys'),
    })
  }
  await session.query('rollback')
  expect(await everything(store)).toEqual(before)

  await copy.query(/run `(.*?)`/.exec(String(refusals[0]))?.[1] ?? '')
  expect(await store.append('new', counted(1))).toMatchObject({ version: 1 })
  await store.close()
})

it('one correction, which the error states, mends both sequences of copied tables', async () => {
  const store = postgresStore(copy.url)
  const refusal = await store.append('new', counted(1)).catch((error: unknown) => error)
  await copy.query(/run `(.*?)`/.exec(String(refusal))?.[1] ?? '')
  expect(await store.append('new', counted(1))).toMatchObject({ version: 1 })
  await store.close()
})
