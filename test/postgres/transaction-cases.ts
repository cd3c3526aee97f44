/**
 * The cases of `store.inTransaction(…)`, for any driver or ORM: the user's rows and the store's events commit or roll
 * back together.
 */
import {
  hasCode,
  projection,
  type RecordedEvent,
  UnsupportedIsolationError,
  uuidv7,
  WrongExpectedVersionError,
} from '@eventsourced/core'
import {
  type PostgresStore,
  postgresStore,
  type SqlTransaction,
  type TransactionalStore,
} from '@eventsourced/core/postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Counted,
  counted,
  identified,
  logOf,
  numbersOf,
  streamOf,
} from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'
import type { Isolation, OpenDriver, TransactionDriver, UserTransaction } from './transaction-drivers.ts'

export function describeTransactions(drivers: Readonly<Record<string, OpenDriver>>): void {
  let database: FreshDatabase

  beforeAll(async () => {
    database = await freshDatabase()
  })

  afterAll(() => database.drop())

  describe.each(Object.entries(drivers))('with %s', (name, openDriver) =>
    describeDriver(name, openDriver, () => database),
  )
}

function describeDriver(name: string, openDriver: OpenDriver, database: () => FreshDatabase): void {
  let driver: TransactionDriver
  let store: PostgresStore
  let orders: string
  let order: string

  beforeAll(async () => {
    driver = await openDriver(database().url)
    const schema = name.toLowerCase().replaceAll(/[^a-z]/g, '_')
    store = postgresStore(driver.connection, { schema })
    orders = `${schema}.orders`
    await store.schema.create()
    await driver.transact('read committed', ({ run }) => run(`create table ${orders} (id uuid primary key)`))
  })

  afterAll(async () => {
    await store.close()
    await driver.close()
  })

  beforeEach(() => {
    order = uuidv7()
  })

  const placeOrder = ({ run }: UserTransaction) => run(`insert into ${orders} values ('${order}')`)

  /** Returns whether the user's own row exists: a second row with its id is then refused. */
  async function isPlaced(): Promise<boolean> {
    const undone = new Error('undone')
    const placing = driver.transact('read committed', async (transaction) => {
      await placeOrder(transaction)
      throw undone
    })
    return (await placing.catch((error: unknown) => error)) !== undone
  }

  it("commits the user's row and the events together", async () => {
    const { result, seenMeanwhile } = await driver.transact('read committed', async (transaction) => {
      await placeOrder(transaction)
      const inside = store.inTransaction(transaction.handle)
      const result = await inside.append(order, counted(2), {
        expectedVersion: 'noStream',
        metadata: { by: 'me' },
      })
      // PGlite has one connection, which this transaction holds.
      const seenMeanwhile = name.includes('PGlite') ? [] : await streamOf(store, order)
      return { result, seenMeanwhile }
    })
    expect(seenMeanwhile).toEqual([])
    expect(result).toMatchObject({ version: 2, firstVersion: 1, deduplicated: false })
    expect(await isPlaced()).toBe(true)
    const events = await streamOf(store, order)
    expect(numbersOf(events)).toEqual([1, 2])
    expect(events.map(({ position }) => position)).toEqual(result.positions)
    expect(events[0]).toMatchObject({ metadata: { by: 'me' }, recordedAt: result.recordedAt })
  })

  it('rolls both back together', async () => {
    const before = await logOf(store)
    const failing = driver.transact('read committed', async (transaction) => {
      await placeOrder(transaction)
      const inside = store.inTransaction(transaction.handle)
      await inside.append(order, counted(2))
      await inside.appendAll([
        { streamId: order, events: counted(1, 3) },
        { streamId: `${order}-2`, events: counted(1) },
      ])
      await inside.createStream(`${order}-3`)
      throw new Error('the payment failed')
    })
    await expect(failing).rejects.toThrow('the payment failed')
    expect(await isPlaced()).toBe(false)
    expect(await logOf(store)).toEqual(before)
    for (const streamId of [order, `${order}-2`, `${order}-3`]) {
      expect(await store.streamInfo(streamId)).toBeUndefined()
    }
  })

  it('reads inside the transaction what the transaction wrote', async () => {
    await driver.transact('read committed', async (transaction) => {
      const inside = store.inTransaction(transaction.handle)
      await inside.createStream(order, { metadata: { kind: 'order' } })
      expect(await inside.readStream(order)).toMatchObject({ exists: true, version: 0 })
      await inside.append(order, counted(2), { expectedVersion: 0 })
      expect(numbersOf((await inside.readStream(order)).events)).toEqual([1, 2])
      await inside.append(order, counted(1, 3), { expectedVersion: 2 })
      expect(await inside.streamInfo(order)).toMatchObject({ version: 3, metadata: { kind: 'order' } })
    })
    expect(numbersOf(await streamOf(store, order))).toEqual([1, 2, 3])
  })

  it('leaves the transaction usable after a conflict', async () => {
    await store.append(order, counted(3))
    await driver.transact('read committed', async (transaction) => {
      await placeOrder(transaction)
      const inside = store.inTransaction(transaction.handle)
      const conflict = await inside
        .append(order, counted(1), { expectedVersion: 2 })
        .catch((error: unknown) => error)
      expect(conflict).toBeInstanceOf(WrongExpectedVersionError)
      expect(conflict).toMatchObject({ actual: 3 })
      const both = [
        { streamId: `${order}-2`, events: counted(1) },
        { streamId: order, events: counted(1), expectedVersion: 'noStream' as const },
      ]
      await expect(inside.appendAll(both)).rejects.toThrow(WrongExpectedVersionError)
      await expect(inside.createStream(order)).rejects.toMatchObject({
        code: 'stream-already-exists',
        version: 3,
      })
      await inside.append(order, counted(1, 4), { expectedVersion: 3 })
    })
    expect(await isPlaced()).toBe(true)
    expect(numbersOf(await streamOf(store, order))).toEqual([1, 2, 3, 4])
    expect(await store.streamInfo(`${order}-2`)).toBeUndefined()
  })

  it('leaves the transaction usable after an append of event ids that are recorded already', async () => {
    const [recorded, own] = [identified(2, 1), identified(1, 3)]
    const first = await store.append(order, recorded)
    await driver.transact('read committed', async (transaction) => {
      await placeOrder(transaction)
      const inside = store.inTransaction(transaction.handle)
      // The same append again returns its first result, for any expected version.
      expect(await inside.append(order, recorded, { expectedVersion: 0 })).toEqual({
        ...first,
        deduplicated: true,
      })
      expect(await inside.append(order, recorded)).toEqual({ ...first, deduplicated: true })
      // An append of its ids to another stream is refused.
      const duplicate = await inside
        .append(`${order}-2`, [...own, ...recorded])
        .catch((error: unknown) => error)
      expect(hasCode(duplicate, 'duplicate-event-id') && duplicate.streamId).toBe(order)
      const written = await inside.append(order, own)
      expect(await inside.append(order, own)).toEqual({ ...written, deduplicated: true })
    })
    expect(await isPlaced()).toBe(true)
    expect(numbersOf(await streamOf(store, order))).toEqual([1, 2, 3])
    expect(await store.streamInfo(`${order}-2`)).toBeUndefined()
  })

  it('rolls back an append that an inline projection refuses, and nothing else', async () => {
    const refusal = new Error('no overdraft')
    const balances = projection({
      name: 'balances',
      key: ({ streamId }: RecordedEvent<Counted>) => streamId,
      initialState: () => ({ sum: 0 }),
      evolve({ sum }, { data }) {
        if (sum + data.number < 0) throw refusal
        return { sum: sum + data.number }
      },
    })
    const schema = `inline_${name.toLowerCase().replaceAll(/[^a-z]/g, '_')}`
    const own = postgresStore(driver.connection, { schema, inline: [balances] })
    await own.append('first', counted(1))
    await driver.transact('read committed', async (transaction) => {
      await placeOrder(transaction)
      const inside = own.inTransaction(transaction.handle)
      await inside.append(order, counted(1, 5))
      await expect(inside.append(order, counted(1, -6))).rejects.toBe(refusal)
      const both = [
        { streamId: 'another', events: counted(1) },
        { streamId: order, events: counted(1, -6) },
      ]
      await expect(inside.appendAll(both)).rejects.toBe(refusal)
      const atOnce = [1, -100, 2, -100, 3].map((number) => inside.append(order, counted(1, number)))
      const outcomes = await Promise.allSettled(atOnce)
      expect(outcomes.map(({ status }) => status[0])).toEqual(['f', 'r', 'f', 'r', 'f'])
    })
    expect(await isPlaced()).toBe(true)
    expect(numbersOf(await streamOf(own, order))).toEqual([5, 1, 2, 3])
    expect(await own.streamInfo('another')).toBeUndefined()
    expect(await own.view(balances).get(order)).toMatchObject({ state: { sum: 11 } })
    await own.close()
  })

  it('rolls back with a nested transaction what the nested one appended', async ({ skip }) => {
    const undone = new Error('undone')
    await driver.transact('read committed', async (transaction) => {
      if (transaction.nested === undefined) return skip(`${name} has no nested transactions`)
      const inside = store.inTransaction(transaction.handle)
      await inside.append(order, counted(1))
      const failing = transaction.nested(async (inner) => {
        await placeOrder(inner)
        const nested = store.inTransaction(inner.handle)
        await nested.append(order, counted(1, 2), { expectedVersion: 1 })
        await nested.append(`${order}-2`, counted(1))
        throw undone
      })
      await expect(failing).rejects.toBe(undone)
      await transaction.nested(async (inner) => {
        await store.inTransaction(inner.handle).append(order, counted(1, 3), { expectedVersion: 1 })
      })
      await inside.append(order, counted(1, 4), { expectedVersion: 2 })
    })
    expect(await isPlaced()).toBe(false)
    expect(numbersOf(await streamOf(store, order))).toEqual([1, 3, 4])
    expect(await store.streamInfo(`${order}-2`)).toBeUndefined()
  })

  it('holds the readers of the log back until it ends', async ({ skip }) => {
    if (name.includes('PGlite')) skip('PGlite has one connection')
    const before = await logOf(store)
    const streamsSince = async () => (await logOf(store)).slice(before.length).map(({ streamId }) => streamId)
    const seen = await driver.transact('read committed', async ({ handle }) => {
      await store.inTransaction(handle).append(order, counted(1))
      await store.append(`${order}-2`, counted(1))
      return streamsSince()
    })
    expect(seen).toEqual([])
    expect(await streamsSince()).toEqual([order, `${order}-2`])
  })

  it('records payloads, metadata, tags and names as they are', async () => {
    const texts = [
      '?',
      '??',
      String.raw`\?`,
      '$1',
      ':name',
      String.raw`a"b'c\d`,
      'ünï 🍵\n\t',
      '{"a":[1]}',
      'null',
    ]
    const data = { texts, none: null, nested: [[], [{}], [1.5, -0.1, 2 ** 53, true]], '?': '$2' }
    const event = { id: uuidv7(), type: 'What?', data, metadata: { '?': '$1' }, tags: ['?:$1', 'a,b:"c"'] }
    const large = { type: 'Large', data: { text: '? $1 '.repeat(200_000) } }
    const streamId = `${order}-$1?`
    const seen = await driver.transact('read committed', async ({ handle }) => {
      const inside = store.inTransaction(handle)
      await inside.append(streamId, [event, large])
      return (await inside.readStream(streamId)).events
    })
    expect(seen).toMatchObject([event, large])
    expect(await streamOf(store, streamId)).toEqual(seen)
  })

  it("gives the SQL of an inline projection the same rows as in the store's own transaction", async () => {
    const answers: unknown[] = []
    const asking = projection({
      name: 'asking',
      async handle(_events: readonly RecordedEvent[], tx: SqlTransaction) {
        // Drizzle takes the JSON of postgres.js as text.
        const object = name === 'Drizzle on postgres.js' ? '{"a":"?"}' : { a: '?' }
        const values = ['9007199254740993', object, ['a"b', '?', 'c,d'], [order], null, true, '$1']
        const rows = await tx.query(
          `select $1::text::bigint as big, $2::jsonb as object, $3::text[] as texts, $4::uuid[] as ids,
             $5::text as none, $6::bool as flag, $7::text as dollar, 1.25::numeric as exact, '\\xff00'::bytea as bytes,
             array[$1::text::bigint] as bigs, 7 as count, $2::jsonb ? 'a' as has_a, '\\?' as question`,
          values,
        )
        answers.push(rows)
      },
    })
    const schema = `asking_${name.toLowerCase().replaceAll(/[^a-z]/g, '_')}`
    const own = postgresStore(driver.connection, { schema, inline: [asking] })
    await own.append(order, counted(1))
    await driver.transact('read committed', ({ handle }) =>
      own.inTransaction(handle).append(order, counted(1)),
    )
    expect(answers).toHaveLength(2)
    expect(answers[1]).toEqual(answers[0])
    expect(answers[0]).toMatchObject([{ texts: ['a"b', '?', 'c,d'], dollar: '$1', has_a: true }])
    await own.close()
  })

  it.each<Isolation>(['repeatable read', 'serializable'])('refuses a %s transaction', async (isolation) => {
    const before = await logOf(store)
    const both = [
      { streamId: order, events: counted(1) },
      { streamId: `${order}-2`, events: counted(1) },
    ]
    const attempts: ((inside: TransactionalStore) => Promise<unknown>)[] = [
      (inside) => inside.append(order, counted(1)),
      (inside) => inside.appendAll(both),
    ]
    for (const attempt of attempts) {
      const refusal = driver.transact(isolation, ({ handle }) => attempt(store.inTransaction(handle)))
      await expect(refusal).rejects.toThrow(UnsupportedIsolationError)
    }
    expect(await logOf(store)).toEqual(before)
    expect(await store.streamInfo(order)).toBeUndefined()
  })
}
