/** Tests large commits in several items, appends that are too large for a transaction, and many documents. */
import { randomBytes } from 'node:crypto'
import { hasCode, projection, type RecordedEvent } from '@eventsourced/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AppendTooLargeError } from '../../src/errors/index.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'

/** An event of so many bytes that hardly compress. */
const eventOf = (bytes: number, number = 0) => ({
  type: 'Filled',
  data: { number, filler: randomBytes(Math.ceil((bytes * 3) / 4)).toString('base64') },
})

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

const totals = projection({
  name: 'totals',
  key: ({ data }: RecordedEvent) => `key-${(data as { number: number }).number}`,
  initialState: () => 0,
  evolve: (count: number) => count + 1,
})

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ type: 'Counted', data: { number: from + index } }))

describe.each(oneEmulator)('sizes on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  it.each([true, false])(
    'every kind of read returns an append of 3 MB completely (compress: %s)',
    async (compress) => {
      const { store } = ground.open(ground.table(), { compress, maxAppendBytes: 10_000_000 })
      await store.append('a', [eventOf(100)])
      const events = Array.from({ length: 30 }, (_, number) => eventOf(100_000, number))
      const large = await store.append('a', events, { expectedVersion: 1 })
      await store.append('a', [eventOf(100)], { expectedVersion: 31 })
      const expected = events.map(({ data }) => data)
      const dataOf = (recorded: readonly RecordedEvent[]) => recorded.map(({ data }) => data)
      const whole = (await store.readStream('a')).events
      expect(dataOf(whole.slice(1, -1))).toEqual(expected)
      expect(dataOf((await store.readStream('a', { direction: 'backward' })).events.slice(1, -1))).toEqual(
        expected.toReversed(),
      )
      const window = await store.readStream('a', { fromVersion: 10, toVersion: 20 })
      expect(window.events).toEqual(whole.slice(9, 20))
      expect((await store.readStream('a', { direction: 'backward', limit: 2 })).events).toEqual(
        whole.slice(-2).toReversed(),
      )
      expect(await collect(store.readAll())).toEqual(whole)
      expect(await collect(store.readAll({ direction: 'backward', limit: 5 }))).toEqual(
        whole.slice(-5).toReversed(),
      )
      expect(large.positions).toEqual(whole.slice(1, -1).map(({ position }) => position))
    },
  )

  it('one event may be larger than an item', async () => {
    const { store } = ground.open(ground.table(), { maxPayloadBytes: 2_000_000 })
    const event = eventOf(1_500_000)
    await store.append('a', [event])
    expect((await store.readStream('a')).events[0]?.data).toEqual(event.data)
  })

  it('an append of more than 4 MB is refused with its largest event, and nothing is written', async () => {
    const { store } = ground.open(ground.table(), { maxAppendBytes: 20_000_000 })
    const events = Array.from({ length: 60 }, (_, number) =>
      eventOf(number === 41 ? 300_000 : 100_000, number),
    )
    const error: unknown = await store.append('a', events).catch((thrown: unknown) => thrown)
    if (!hasCode(error, 'append-too-large')) throw error
    expect(error.limit).toBe('bytes')
    expect(error.found).toBeGreaterThan(error.most)
    expect(error.largest).toContain("event 41 of stream 'a'")
    expect((await store.readStream('a')).exists).toBe(false)
    expect(await collect(store.readAll())).toEqual([])
  })

  it('more streams than a transaction takes are refused, and nothing is written', async () => {
    const { store } = ground.open(ground.table())
    const appends = (count: number) =>
      Array.from({ length: count }, (_, number) => ({ streamId: `s-${number}`, events: numbered(1, 1) }))
    const error: unknown = await store.appendAll(appends(100)).catch((thrown: unknown) => thrown)
    expect(error as AppendTooLargeError).toMatchObject({
      code: 'append-too-large',
      limit: 'items',
      most: 100,
      found: 101,
    })
    expect(await collect(store.readAll())).toEqual([])
    expect(await store.appendAll(appends(99))).toHaveLength(99)
  })

  it('more ids from the caller than a transaction takes are refused, and nothing is written', async () => {
    const { store } = ground.open(ground.table())
    const events = numbered(1, 99).map((event) => ({ ...event, id: crypto.randomUUID() }))
    const error: unknown = await store.append('a', events).catch((thrown: unknown) => thrown)
    expect(error as AppendTooLargeError).toMatchObject({ code: 'append-too-large', limit: 'items' })
    expect((error as Error).message).toContain("99 times 'event id given by the caller'")
    await store.append('a', events.slice(0, 98))
    expect((await store.readStream('a')).version).toBe(98)
  })

  it('an append that is too large fails alone, and the other appends of its group succeed', async () => {
    const { store } = ground.open(ground.table(), { maxAppendBytes: 20_000_000 })
    const large = Array.from({ length: 60 }, () => eventOf(100_000))
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, number) =>
        store.append(`s-${number}`, number === 5 ? large : numbered(1, 2)),
      ),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(
      outcomes.map((_, number) => (number === 5 ? 'rejected' : 'fulfilled')),
    )
    expect(await collect(store.readAll())).toHaveLength(22)
  })

  it('an append that changes more documents than a transaction takes is refused, and nothing is written', async () => {
    const { store } = ground.open(ground.table(), { inline: [totals] })
    const error: unknown = await store.append('a', numbered(1, 99)).catch((thrown: unknown) => thrown)
    expect(error as AppendTooLargeError).toMatchObject({ code: 'append-too-large', limit: 'items' })
    expect(await collect(store.view(totals).list())).toEqual([])
    await store.append('a', numbered(1, 98))
    expect(await collect(store.view(totals).list())).toHaveLength(98)
  })

  it('an import whose events change many documents uses more transactions', async () => {
    const { store } = ground.open(ground.table(), { inline: [totals] })
    const source = numbered(1, 150).map((event, index) => ({ ...event, streamId: `s-${index % 3}` }))
    expect(await store.import(source, { name: 'import' })).toMatchObject({ imported: 150 })
    expect(await collect(store.view(totals).list())).toHaveLength(150)
    expect(await store.verify(totals)).toMatchObject({ ok: true })
  })

  it('an async projection and a rebuild write any number of documents', async () => {
    const { store } = ground.open(ground.table())
    for (let from = 1; from <= 600; from += 200) await store.append('a', numbered(from, from + 199))
    await store.append('b', numbered(1, 50))
    await store.runOnce({ projection: totals })
    const documents = await collect(store.view<number>(totals).list())
    expect(documents).toHaveLength(600)
    expect(documents.filter(({ state }) => state === 2)).toHaveLength(50)
    expect(await store.rebuild(totals)).toMatchObject({ events: 650, resumed: false })
    expect((await collect(store.view<number>(totals).list())).map(({ key, state }) => [key, state])).toEqual(
      documents.map(({ key, state }) => [key, state]),
    )
  })

  it('a rebuild that is interrupted between the transactions of a batch folds no event twice', async () => {
    const { store, faults } = ground.open(ground.table())
    for (let time = 0; time < 4; time++) await store.append('a', numbered(1, 150))
    let batches = 0
    const aborting = new AbortController()
    const { signal } = aborting
    faults.afterWrites(({ command, input }) => {
      const items = (input.TransactItems ?? []) as object[]
      if (command !== 'TransactWriteItems' || items.length < 100) return undefined
      batches++
      // Now the first documents of the second batch are written, but its checkpoint is not.
      if (batches === 2) aborting.abort(new Error('enough'))
      return undefined
    })
    await expect(store.rebuild(totals, { batchSize: 150, signal })).rejects.toThrow('enough')
    faults.clear()
    expect(await store.rebuild(totals, { batchSize: 150 })).toMatchObject({ resumed: true })
    const states = (await collect(store.view<number>(totals).list())).map(({ state }) => state)
    expect(states).toEqual(Array(150).fill(4))
  })

  it('a document that is larger than an item is refused with its name', async () => {
    const large = projection({
      name: 'large',
      key: () => 'one',
      initialState: () => '',
      evolve: () => randomBytes(400_000).toString('base64'),
    })
    const { store } = ground.open(ground.table(), { inline: [large] })
    const error: unknown = await store.append('a', numbered(1, 1)).catch((thrown: unknown) => thrown)
    expect((error as Error).message).toMatch(/the state of document 'one' of 'large' must not exceed/)
    expect(await collect(store.readAll())).toEqual([])
  })
})
