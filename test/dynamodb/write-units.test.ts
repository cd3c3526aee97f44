/**
 * Tests the cost of appends and reads, in the units that AWS bills. Dynoxide counts them: it counts
 * transactions as AWS does, and DynamoDB Local does not.
 */
import { randomBytes } from 'node:crypto'
import { commandHandler, decider, projection, type RecordedEvent } from '@eventsourced/core'
import type { DynamodbStoreOptions } from '@eventsourced/core/dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emulators, type Ground, startGround } from './ground.ts'

interface Units {
  writes: number
  reads: number
  requests: string[]
}

/** An event of so many bytes of JSON that hardly compress. */
function eventOf(bytes = 500) {
  const filler = randomBytes(bytes)
    .toString('base64')
    .slice(0, bytes - 12)
  return { type: 'OrderPlaced', data: { filler } }
}

describe.runIf(emulators.includes('dynoxide'))('billed units', () => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround('dynoxide')
  })
  afterAll(() => ground?.end())

  /** Opens a store that has appended to stream `a` once, and counts the units of its requests. */
  async function counted(options: DynamodbStoreOptions = {}) {
    const { store, faults } = ground.open(ground.table(), { compress: false, ...options })
    await store.append('a', [eventOf()])
    await store.readStream('a')
    faults.before(({ input }) => {
      input.ReturnConsumedCapacity = 'TOTAL'
      return undefined
    })
    return {
      store,
      async units(work: () => Promise<unknown>): Promise<Units> {
        const units: Units = { writes: 0, reads: 0, requests: [] }
        faults.changeAnswers(({ command }, { ConsumedCapacity: consumed }) => {
          units.requests.push(command)
          const isWrite =
            command.startsWith('Transact') || command.startsWith('Put') || command.startsWith('Update')
          for (const { CapacityUnits = 0 } of [consumed ?? []].flat() as { CapacityUnits?: number }[]) {
            if (isWrite) units.writes += CapacityUnits
            else units.reads += CapacityUnits
          }
        })
        await work()
        return units
      },
    }
  }

  it('an append of one event of 500 bytes costs 5 write units', async () => {
    const { store, units } = await counted()
    const { writes, requests } = await units(() => store.append('a', [eventOf()]))
    expect({ writes, requests }).toEqual({ writes: 5, requests: ['UpdateItem', 'TransactWriteItems'] })
    expect((await units(() => store.append('a', [eventOf()], { expectedVersion: 2 }))).writes).toBe(5)
  })

  it('an append to a new stream costs 5 write units, and 7 with `noStream`', async () => {
    const { store, units } = await counted()
    expect((await units(() => store.append('b', [eventOf()], { expectedVersion: 0 }))).writes).toBe(5)
    expect((await units(() => store.append('c', [eventOf()]))).writes).toBe(5)
    expect((await units(() => store.append('d', [eventOf()], { expectedVersion: 'noStream' }))).writes).toBe(
      7,
    )
  })

  it('an append of ten events of 500 bytes costs 15 write units', async () => {
    const { store, units } = await counted()
    const events = Array.from({ length: 10 }, () => eventOf())
    expect((await units(() => store.append('a', events))).writes).toBe(15)
  })

  it('ten similar events cost 5 write units when compressed', async () => {
    const { store, units } = await counted({ compress: true })
    const events = Array.from({ length: 10 }, (_, number) => ({
      type: 'OrderPlaced',
      data: { number, description: 'a sentence that comes again and again. '.repeat(11) },
    }))
    expect((await units(() => store.append('a', events))).writes).toBe(5)
  })

  it('an inline document of 1 KB costs 2 write units more', async () => {
    const document = projection({
      name: 'orders',
      key: ({ streamId }: RecordedEvent) => streamId,
      initialState: () => ({}),
      evolve: () => ({ filler: 'x'.repeat(850) }),
    })
    const { store, units } = await counted({ inline: [document] })
    expect((await units(() => store.append('a', [eventOf()]))).writes).toBe(7)
  })

  it('an event with an id from the caller costs 2 write units more', async () => {
    const { store, units } = await counted()
    const event = { ...eventOf(), id: crypto.randomUUID() }
    expect((await units(() => store.append('a', [event]))).writes).toBe(7)
  })

  it('a command with an id costs 2 write units more, for up to 16 events', async () => {
    const { store, units } = await counted()
    const handle = commandHandler({
      store,
      decider: decider({
        initialState: () => undefined,
        decide: (count: number) => Array.from({ length: count }, () => eventOf()),
        evolve: () => undefined,
      }),
    })
    expect((await units(() => handle('a', 1, { commandId: 'pay-1' }))).writes).toBe(7)
    expect((await units(() => handle('a', 10, { commandId: 'pay-2' }))).writes).toBe(17)
    expect((await units(() => handle('a', 10, { commandId: 'pay-2' }))).writes).toBe(0)
  })

  it('an import costs 2 write units for the ids of up to 16 events, if it has a name', async () => {
    const { store, units } = await counted()
    const source = Array.from({ length: 80 }, (_, index) => ({
      streamId: `import-${index % 8}`,
      ...eventOf(200),
      recordedAt: new Date(Date.UTC(2020, 0, 1) + index),
    }))
    const [named, identified] = [
      await units(() => store.import(source, { name: 'shop' })),
      await units(() =>
        store.import(
          source.map((event) => ({ ...event, streamId: `b${event.streamId}`, id: crypto.randomUUID() })),
        ),
      ),
    ]
    expect(identified.writes - named.writes).toBeGreaterThan(130)
  })

  it('16 concurrent callers share a slot: an append costs about 2.3 write units', async () => {
    const { store, units } = await counted()
    const callers = Array.from({ length: 16 }, (_, caller) => `order-${caller}`)
    const append = () => Promise.all(callers.map((streamId) => store.append(streamId, [eventOf()])))
    await append()
    const { writes, requests } = await units(append)
    expect(requests).toEqual(['UpdateItem', 'TransactWriteItems'])
    expect(writes / 16).toBeGreaterThan(2)
    expect(writes / 16).toBeLessThanOrEqual(2.32)
  })

  it('without grouping, each append has its own slot', async () => {
    const { store, units } = await counted({ maxBatch: 1 })
    const callers = Array.from({ length: 4 }, (_, caller) => `order-${caller}`)
    const append = () => Promise.all(callers.map((streamId) => store.append(streamId, [eventOf()])))
    await append()
    expect((await units(append)).writes).toBe(20)
  })

  it('a conflict that is found by a read writes nothing', async () => {
    const { store, units } = await counted()
    const append = () => store.append('a', [eventOf()], { expectedVersion: 7 }).catch(() => {})
    const { writes, requests } = await units(append)
    expect({ writes, requests }).toEqual({ writes: 0, requests: ['Query'] })
  })

  it('one query reads a stream of 60 events, at one read unit for each 4 KB', async () => {
    const { store, units } = await counted()
    for (let commit = 0; commit < 6; commit++) {
      await store.append(
        'long',
        Array.from({ length: 10 }, () => eventOf()),
      )
    }
    const { reads, requests } = await units(async () => {
      const { events, version } = await store.readStream('long')
      expect([events.length, version]).toEqual([60, 60])
    })
    expect(requests).toEqual(['Query'])
    expect(reads).toBeLessThanOrEqual(9)
  })

  it('a reader that has caught up reads only the counter', async () => {
    const { store, units } = await counted()
    const positions: number[] = []
    for await (const { position } of store.readAll()) positions.push(position)
    const { reads, requests } = await units(async () => {
      for await (const _ of store.readAll({ after: positions.at(-1) ?? 0 })) expect.unreachable()
    })
    expect({ reads, requests }).toEqual({ reads: 1, requests: ['GetItem'] })
  })

  /** An event as programs write them, of about so many bytes of JSON: it compresses to about a third. */
  const orderOf = (bytes: number, number: number) => ({
    type: 'OrderPlaced',
    data: {
      order: `order-${number}`,
      customer: `customer-${(number * 7919) % 1000}`,
      placedAt: new Date(Date.UTC(2026, 0, 1) + number * 61_003).toISOString(),
      lines: Array.from({ length: Math.max(1, Math.round((bytes - 130) / 90)) }, (_, line) => ({
        article: `A-${(number * 31 + line * 17) % 9_973}`,
        quantity: 1 + ((number + line) % 5),
        price: { amount: ((number * 137 + line * 71) % 10_000) / 100, currency: 'EUR' },
      })),
    },
  })

  it.each([
    [120, 0.7],
    [600, 1.2],
    [1_000, 1.5],
  ])(
    '100 events of %i bytes that were appended together by many callers cost up to %f read units',
    async (bytes, most) => {
      const { store, units } = await counted({ compress: true })
      const append = (number: number) => store.append(`order-${number}`, [orderOf(bytes, number)])
      for (let from = 0; from < 980; from += 98) {
        await Promise.all(Array.from({ length: 98 }, (_, nth) => append(from + nth)))
      }
      let events = 0
      const { reads, requests } = await units(async () => {
        for await (const _ of store.readAll()) events++
      })
      expect(events).toBe(981)
      expect(requests.filter((request) => request === 'BatchGetItem')).toHaveLength(0)
      expect((reads * 100) / events).toBeLessThanOrEqual(most)
    },
  )

  it('bodies that make a slot dearer are not in the slot: appends stay cheap', async () => {
    const { store, units } = await counted({ compress: true })
    const append = () =>
      Promise.all(Array.from({ length: 98 }, (_, nth) => store.append(`order-${nth}`, [eventOf()])))
    await append()
    const { writes } = await units(append)
    expect(writes / 98).toBeLessThanOrEqual(2.3)
  })
})
