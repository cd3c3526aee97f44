/**
 * Tests with faults that DynamoDB has and emulators lack: conflicts, throttling, lost and late answers, stale
 * reads.
 */

import type { IncidentMetric } from '@eventsourced/core'
import { hasCode, projection, type RecordedEvent, uuidv7 } from '@eventsourced/core'
import { DynamodbFailure } from '@eventsourced/core/dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sleep } from '../../../src/runtime/abort.ts'
import { cancelled, lost, serviceError } from '../../worlds/faulty-client.ts'
import { emulators, type Ground, startGround } from '../ground.ts'
import { incidentsInto } from '../incident.ts'

const counted = (number: number) => [{ type: 'Counted', data: { number } }]
const numbersOf = (events: readonly RecordedEvent[]) =>
  events.map(({ data }) => (data as { number: number }).number)

describe.each(emulators)('faults on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  async function opened(options = {}) {
    const metrics: IncidentMetric[] = []
    const one = ground.open(ground.table(), { onMetric: incidentsInto(metrics), ...options })
    await one.store.append('before', counted(0))
    const collect = async () => {
      const events: RecordedEvent[] = []
      for await (const event of one.store.readAll()) events.push(event)
      return events
    }
    return { ...one, metrics, collect }
  }

  it.each(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'])(
    'the store retries a transaction that is cancelled for %s, with the same slot',
    async (code) => {
      const { store, faults, metrics } = await opened()
      let left = 3
      let slots = 0
      faults.before((request) => {
        if (request.command === 'UpdateItem') slots++
        return request.command === 'TransactWriteItems' && left-- > 0 ? cancelled(code, request) : undefined
      })
      const { version } = await store.append('a', counted(1))
      expect({ version, slots }).toEqual({ version: 1, slots: 1 })
      const kind = code === 'TransactionConflict' ? 'conflict' : 'throttle'
      expect(metrics).toMatchObject([1, 2, 3].map((attempt) => ({ kind, attempt })))
    },
  )

  it('permanent throttling is an error with the table, the key and the reason', async () => {
    const { store, faults, collect } = await opened({ retries: 2 })
    const reason = 'TableWriteKeyRangeThroughputExceeded'
    const resource = 'arn:aws:dynamodb:eu-west-1:1:table/orders_log'
    faults.before(({ command }) =>
      command === 'UpdateItem'
        ? serviceError('ThrottlingException', { throttlingReasons: [{ reason, resource }] })
        : undefined,
    )
    const error: unknown = await store.append('a', counted(1)).catch((thrown: unknown) => thrown)
    if (!hasCode(error, 'store-unavailable')) throw error
    expect(error.retries).toBe(2)
    expect(error.cause).toBeInstanceOf(DynamodbFailure)
    const { table, keyRange, reason: thrownReason } = error.cause as DynamodbFailure
    expect(table).toMatch(/_log$/)
    expect(keyRange).toBe('C#1#0')
    expect(thrownReason).toContain(reason)
    expect(error.message).toContain(resource)
    faults.clear()
    expect(numbersOf(await collect())).toEqual([0])
  })

  it('a conflict has sealed its slot before the call ends: a process that is frozen then delays no reader', async () => {
    const table = ground.table()
    const [one, other] = [ground.open(table, { gapTimeout: 60_000 }), ground.open(table)]
    await one.store.append('a', counted(1))
    await other.store.append('a', counted(2))
    const order: string[] = []
    one.faults.before(async ({ command, input }) => {
      const { Item } = input as { Item?: { x?: unknown } }
      if (command !== 'PutItem' || Item?.x === undefined) return undefined
      await sleep(50)
      order.push('sealed')
      return undefined
    })
    const appending = one.store.append('a', counted(3), { expectedVersion: 1 })
    await expect(appending).rejects.toMatchObject({ code: 'wrong-expected-version' })
    order.push('rejected')
    expect(order).toEqual(['sealed', 'rejected'])
    const events: RecordedEvent[] = []
    for await (const event of other.store.readAll()) events.push(event)
    expect(numbersOf(events)).toEqual([1, 2])
  })

  it('appends that wait while the counter is throttled are written in few large transactions', async () => {
    const { store, faults, metrics, collect } = await opened()
    let transactions = 0
    let left = 4
    faults.before(({ command }) => {
      if (command === 'TransactWriteItems') transactions++
      return command === 'UpdateItem' && left-- > 0 ? serviceError('ThrottlingException') : undefined
    })
    const appending: Promise<unknown>[] = []
    for (let round = 0; round < 30; round++) {
      for (let nth = 0; nth < 3; nth++) appending.push(store.append(`s-${round}-${nth}`, counted(round)))
      await sleep(1)
    }
    await Promise.all(appending)
    expect(await collect()).toHaveLength(91)
    expect(metrics.filter(({ kind }) => kind === 'throttle')).toHaveLength(4)
    expect(transactions).toBeLessThan(30)
  })

  // Fault: the transaction of the four appends is refused, so the store divides it. The first half was throttled and had to wait,
  // and the second half, with a later append to the same stream, did not.
  it('appends to a stream keep their order if a part of a divided transaction is throttled', async () => {
    const { store, faults } = await opened()
    let takes = 0
    faults.before(({ command }) =>
      command === 'UpdateItem' && ++takes === 2 ? serviceError('ThrottlingException') : undefined,
    )
    const id = uuidv7()
    const [first] = counted(1)
    const appending = [
      store.append('a', [{ ...(first as { type: string; data: object }), id }]),
      store.append('a', counted(2)),
      store.append('a', counted(3)),
      // The same id, so that DynamoDB refuses the transaction.
      store.append('b', [{ type: 'Counted', data: { number: 4 }, id }]),
    ]
    await Promise.allSettled(appending)
    expect(takes).toBeGreaterThan(2)
    expect(numbersOf((await store.readStream('a')).events)).toEqual([1, 2, 3])
  })

  it('an append is written once, though each of its answers is lost once', async () => {
    const { store, faults, collect } = await opened({ gapTimeout: 50 })
    const seen = new Set<unknown>()
    for (let number = 1; number <= 10; number++) {
      faults.afterWrites(({ input }) => {
        // The answer to the retry of the same request arrives.
        const isNew = !seen.has(input)
        const id = JSON.stringify(input)
        if (!isNew || seen.has(id)) return undefined
        seen.add(id)
        return input.TransactItems === undefined ? undefined : lost()
      })
      const { version } = await store.append('a', counted(number), { expectedVersion: number - 1 })
      expect(version).toBe(number)
    }
    faults.clear()
    expect(numbersOf(await collect())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('a written append is recognised by its slot after DynamoDB has forgotten its token', async () => {
    const { store, faults, collect } = await opened({ gapTimeout: 50 })
    let left = 1
    faults.afterWrites(({ command, input }) => {
      if (command !== 'TransactWriteItems' || left-- <= 0) return undefined
      // Without its token, the retry is a new transaction for DynamoDB.
      input.ClientRequestToken = undefined
      return lost()
    })
    faults.before(({ command, input }) => {
      if (command === 'TransactWriteItems' && left < 1) input.ClientRequestToken = crypto.randomUUID()
      return undefined
    })
    const result = await store.append('a', counted(1), { expectedVersion: 0 })
    expect(result).toMatchObject({ version: 1, deduplicated: false })
    faults.clear()
    expect(numbersOf(await collect())).toEqual([0, 1])
  })

  it('appends succeed when requests and answers are late and out of order', async () => {
    const { store, faults, collect } = await opened()
    const late = async () => {
      await sleep(Math.random() * 30)
      return undefined
    }
    faults.before(late)
    faults.afterWrites(late)
    const versions = new Map<string, number[]>()
    await Promise.all(
      Array.from({ length: 60 }, async (_, number) => {
        const streamId = `s-${number % 5}`
        const { version } = await store.append(streamId, counted(number))
        versions.set(streamId, [...(versions.get(streamId) ?? []), version])
      }),
    )
    faults.clear()
    for (const own of versions.values()) {
      expect(own.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1))
    }
    expect(new Set(numbersOf(await collect())).size).toBe(60)
  })

  it('the store repeats stale reads of events as consistent reads: no event is missing', async () => {
    const { store, faults, collect } = await opened()
    // The events are too large for their slots, so that reading the log reads their commits.
    const filler = Array.from({ length: 300 }, () => Math.random().toString(36)).join('')
    for (let number = 1; number <= 30; number++) {
      await store.append(`s-${number % 3}`, [{ type: 'Counted', data: { number, filler } }])
    }
    let dropped = 0
    faults.changeAnswers(({ command, input }, output) => {
      if (command !== 'BatchGetItem') return
      for (const [table, items] of Object.entries((output.Responses ?? {}) as Record<string, unknown[]>)) {
        const { ConsistentRead: isConsistent } =
          (input.RequestItems as Record<string, { ConsistentRead: boolean }>)[table] ?? {}
        if (isConsistent) continue
        dropped += items.length
        items.splice(0)
      }
    })
    expect(numbersOf(await collect())).toEqual(Array.from({ length: 31 }, (_, number) => number))
    expect(dropped).toBeGreaterThan(0)
  })

  it('with all faults at once, each acknowledged event is recorded once, and the documents match the log', async () => {
    const sums = projection({
      name: 'sums',
      key: ({ data }: RecordedEvent) => ['all', `part-${(data as { number: number }).number % 4}`],
      initialState: () => ({ count: 0, hash: 0 }),
      evolve: ({ count, hash }, { position }) => ({
        count: count + 1,
        hash: (hash * 31 + position) % 1_000_003,
      }),
    })
    const table = ground.table()
    const stores = Array.from({ length: 4 }, () =>
      ground.open(table, { inline: [sums], gapTimeout: 100, retries: 29, maxBatch: 1 }),
    )
    await stores[0]?.store.schema.create()
    const codes = ['TransactionConflict', 'ThrottlingError']
    for (const { faults } of stores) {
      faults.before(async (request) => {
        const chance = Math.random()
        if (chance < 0.1) await sleep(chance * 400)
        if (request.command === 'TransactWriteItems' && chance > 0.85) {
          return cancelled(codes[Math.floor(Math.random() * 2)] as string, request)
        }
        return chance > 0.97
          ? serviceError('InternalServerError', { $metadata: { httpStatusCode: 500 } })
          : undefined
      })
      faults.afterWrites(() => (Math.random() < 0.1 ? lost() : undefined))
    }
    const acknowledged = new Map<number, number>()
    await Promise.all(
      Array.from({ length: 8 }, async (_, caller) => {
        const { store } = stores[caller % 4] as (typeof stores)[number]
        for (let nth = 0; nth < 15; nth++) {
          const number = 15 * caller + nth
          const { position } = await store.append(`s-${number % 9}`, counted(number))
          acknowledged.set(number, position)
        }
      }),
    )
    for (const { faults } of stores) faults.clear()
    const { store } = stores[0] as (typeof stores)[number]
    const log: RecordedEvent[] = []
    for await (const event of store.readAll()) log.push(event)
    expect(new Map(log.map((event) => [numbersOf([event])[0], event.position]))).toEqual(
      new Map([...acknowledged].sort(([, a], [, b]) => a - b)),
    )
    expect(log.length).toBe(120)
    const hash = log.reduce((sum, { position }) => (sum * 31 + position) % 1_000_003, 0)
    expect((await store.view(sums).get('all'))?.state).toEqual({ count: 120, hash })
    expect(await store.verify(sums)).toMatchObject({ ok: true, documents: 5 })
  })

  it('an append whose answer was lost and whose retry is refused is an error that it may have happened', async () => {
    const { store, faults } = await opened()
    const events = [{ id: uuidv7(), type: 'Counted', data: { number: 1 } }]
    let writes = 0
    faults.afterWrites(({ command }) => (command === 'TransactWriteItems' ? lost() : undefined))
    faults.before(({ command }) => {
      if (command !== 'TransactWriteItems' || ++writes === 1) return undefined
      return serviceError('AccessDeniedException')
    })
    await expect(store.append('a', events)).rejects.toMatchObject({
      code: 'store-unavailable',
      retries: 1,
      cause: { reason: expect.stringContaining('AccessDenied') },
    })
    faults.clear()
    expect(await store.append('a', events)).toMatchObject({ version: 1, deduplicated: true })
  })
})
