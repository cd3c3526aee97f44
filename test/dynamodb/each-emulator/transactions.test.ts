/**
 * Tests the user's own items in the store's transactions, and rebuilds of projections while other stores
 * append.
 */
import { randomBytes } from 'node:crypto'
import { CreateTableCommand, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { projection, type RecordedEvent, WriteConditionError } from '@eventsourced/core'
import type { DynamodbTransaction } from '@eventsourced/core/dynamodb'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { range } from '../../../src/conformance/events.ts'
import { latch } from '../../../src/conformance/expect.ts'
import { counterKey } from '../../../src/dynamodb/keys.ts'
import { sleep } from '../../../src/runtime/abort.ts'
import { lost } from '../../worlds/faulty-client.ts'
import { emulators, type Ground, letTimePass, startGround } from '../ground.ts'

const counted = (count: number, from = 1) =>
  Array.from({ length: count }, (_, index) => ({ type: 'Counted', data: { number: from + index } }))

const perStream = projection({
  name: 'per-stream',
  key: ({ streamId }: RecordedEvent) => [streamId, 'all'],
  initialState: () => ({ count: 0, hash: 0 }),
  evolve: ({ count, hash }, { position }) => ({ count: count + 1, hash: (hash * 31 + position) % 1_000_003 }),
})

describe.each(emulators)('transactions on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())
  afterEach(() => {
    vi.restoreAllMocks()
  })

  /** Creates a table of the user's own, with an amount to add to. */
  async function ownTable() {
    const TableName = `${ground.table()}_own`
    await ground.admin.send(
      new CreateTableCommand({
        TableName,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    )
    const Key = { id: { S: 'total' } }
    return {
      add: (count: number, most = 1_000) => ({
        Update: {
          TableName,
          Key,
          UpdateExpression: 'ADD amount :count',
          ConditionExpression: 'attribute_not_exists(amount) OR amount < :most',
          ExpressionAttributeValues: { ':count': { N: String(count) }, ':most': { N: String(most) } },
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        },
      }),
      async amount() {
        const { Item } = await ground.admin.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }))
        return Number(Item?.amount?.N ?? 0)
      },
    }
  }

  it('an inline projection writes its own items with the events, or neither is written', async () => {
    const own = await ownTable()
    const totals = projection({
      name: 'totals',
      handle(events: readonly RecordedEvent[], tx: DynamodbTransaction) {
        tx.write(own.add(events.length, 5))
      },
    })
    const { store } = ground.open(ground.table(), { inline: [totals] })
    await store.append('a', counted(3))
    await store.appendAll(['b', 'c'].map((streamId) => ({ streamId, events: counted(1) })))
    expect(await own.amount()).toBe(5)
    const error: unknown = await store.append('a', counted(1)).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(WriteConditionError)
    expect((error as WriteConditionError).item).toMatchObject({ amount: { N: '5' } })
    expect((await store.readStream('a')).version).toBe(3)
    expect(await own.amount()).toBe(5)
  })

  it('a missing table of the caller is named, among the tables of the transaction', async () => {
    const totals = projection({
      name: 'totals',
      handle(_: readonly RecordedEvent[], tx: DynamodbTransaction) {
        tx.write({ Put: { TableName: 'no_totals', Item: { id: { S: 'a' } } } })
      },
    })
    const table = ground.table()
    const { store } = ground.open(table, { inline: [totals] })
    const error: unknown = await store.append('a', counted(1)).catch((thrown: unknown) => thrown)
    expect(String(error)).toMatch(/SchemaMismatchError: One of these tables is missing: .*'no_totals'/)
    expect(String(error)).toContain(`'${table}_log'`)
  })

  it('a handler writes its own items with its checkpoint: each event counts once, though answers are lost', async () => {
    const own = await ownTable()
    const { store, faults } = ground.open(ground.table(), { gapTimeout: 50, retries: 19 })
    for (let number = 1; number <= 10; number++) await store.append(`s-${number % 3}`, counted(4))
    faults.afterWrites(() => (Math.random() < 0.4 ? lost() : undefined))
    await store.runOnce({
      name: 'adding',
      transactional: true,
      batchSize: 3,
      handleBatch: async (events, { tx }) => tx.write(own.add(events.length)),
    })
    faults.clear()
    expect(await own.amount()).toBe(40)
  })

  it('runOnce resumes where another process has stopped, as functions on Lambda do', async () => {
    const table = ground.table()
    const seen: number[] = []
    for (let call = 0; call < 4; call++) {
      const { store } = ground.open(table)
      await store.append('a', counted(5, 5 * call + 1))
      await store.runOnce({
        name: 'lambda',
        handle: async ({ data }) => void seen.push((data as { number: number }).number),
      })
      await store.close()
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
  })

  it('rebuilds of an inline projection lose no event that other stores append meanwhile', async () => {
    const table = ground.table()
    const options = { inline: [perStream], gapTimeout: 300 }
    const stores = Array.from({ length: 4 }, () => ground.open(table, options).store)
    const [first] = stores
    await first?.append('s-0', counted(1))
    let isRebuilding = true
    const appending = stores.slice(1).map(async (store, caller) => {
      let appended = 0
      for (let nth = 0; isRebuilding || nth < 10; nth++) {
        await store.append(`s-${(caller + nth) % 5}`, counted(2))
        appended += 2
      }
      return appended
    })
    for (let time = 0; time < 4; time++) {
      await first?.rebuild(perStream)
      await sleep(50)
    }
    isRebuilding = false
    const appended = (await Promise.all(appending)).reduce((sum, count) => sum + count, 1)
    expect(await first?.verify(perStream)).toMatchObject({ ok: true, events: appended })
    expect((await first?.view<{ count: number }>('per-stream').get('all'))?.state.count).toBe(appended)
  })

  /** Leaves the lock of a rebuild that died. */
  const leaveLocked = (table: string) =>
    ground.admin.send(
      new UpdateItemCommand({
        TableName: `${table}_log`,
        Key: counterKey,
        UpdateExpression: 'SET l = :l, r = :r',
        ExpressionAttributeValues: { ':l': { S: '{"per-stream":"dead"}' }, ':r': { N: '1' } },
      }),
    )

  it('appends wait for a rebuild that died with its lock, until the lock has been idle for 30 s', async () => {
    const table = ground.table()
    const { store } = ground.open(table, { inline: [perStream] })
    await store.append('a', counted(1))
    await leaveLocked(table)
    // A process that starts after the rebuild died waits too.
    const { store: fresh } = ground.open(table, { inline: [perStream] })
    let done = 0
    const appending = [store, fresh].map(async (one) => {
      await one.append('a', counted(1))
      done++
    })
    await sleep(300)
    expect(done).toBe(0)
    letTimePass(31_000)
    await Promise.all(appending)
    expect(await store.verify(perStream)).toMatchObject({ ok: true, events: 3 })
  })

  it.each([
    ['call', false],
    ['process', true],
  ])('appends wait together for those 30 s if no single %s waits so long', async (_, isAnother) => {
    const table = ground.table()
    let { store } = ground.open(table, { inline: [perStream] })
    await store.append('a', counted(1))
    await leaveLocked(table)
    // The clock runs 20 times as fast: 30 s pass in 1.5 s.
    const now = performance.now.bind(performance)
    const began = now()
    vi.spyOn(performance, 'now').mockImplementation(() => began + 20 * (now() - began))
    let version: number | undefined
    let calls = 0
    while (version === undefined && calls++ < 20) {
      if (isAnother) store = ground.open(table, { inline: [perStream] }).store
      const options = { expectedVersion: 1, signal: AbortSignal.timeout(500) }
      const appended = store.append('a', counted(1), options).catch(() => undefined)
      version = (await appended)?.version
      if (isAnother) await store.close()
    }
    expect(version).toBe(2)
    expect(now() - began).toBeGreaterThan(1_500)
    expect(calls).toBeGreaterThan(1)
  })

  it('a store with other inline projections does not wait for a rebuild', async () => {
    const table = ground.table()
    const { store } = ground.open(table, { inline: [perStream] })
    await store.append('a', counted(1))
    await ground.admin.send(
      new UpdateItemCommand({
        TableName: `${table}_log`,
        Key: counterKey,
        UpdateExpression: 'SET l = :l, r = :r',
        ExpressionAttributeValues: { ':l': { S: '{"another":"one"}' }, ':r': { N: '1' } },
      }),
    )
    await store.append('a', counted(1))
    expect((await store.readStream('a')).version).toBe(2)
  })

  it('an append that looked up a projection before a rebuild and took its slot after it writes the new generation', async () => {
    const table = ground.table()
    const options = { inline: [perStream], gapTimeout: 60_000 }
    const [one, other] = [ground.open(table, options), ground.open(table, options)]
    await one.store.append('a', counted(1))
    await other.store.append('a', counted(1))
    const [sent, released] = [latch(), latch()]
    let isFirst = true
    one.faults.before(async ({ command, input }) => {
      if (
        !isFirst ||
        command !== 'UpdateItem' ||
        input.UpdateExpression !== 'SET n = n + :one, c = c + :count'
      )
        return undefined
      isFirst = false
      sent.release()
      await released.released
      return undefined
    })
    const slow = one.store.append('b', counted(1))
    await sent.released
    await other.store.rebuild(perStream)
    // This append makes the process look up the new generation.
    await one.store.append('c', counted(1))
    released.release()
    await slow
    expect(await other.store.verify(perStream)).toMatchObject({ ok: true, events: 4 })
  })

  it('a rebuild that another process resumes reads only the end of the log while appends wait', async () => {
    const table = ground.table()
    const one = ground.open(table, { maxBatch: 1 })
    for (let nth = 0; nth < 20; nth++) {
      await Promise.all(range(0, 14).map((caller) => one.store.append(`s-${caller}`, counted(1))))
    }
    const aborting = new AbortController()
    const onProgress = ({ events }: { readonly events: number }) => {
      if (events > 250) aborting.abort(new Error('enough'))
    }
    const options = { batchSize: 50, signal: aborting.signal, onProgress }
    const dying = ground.open(table, { inline: [perStream] })
    await expect(dying.store.rebuild(perStream, options)).rejects.toThrow('enough')
    const other = ground.open(table, { inline: [perStream] })
    let isLocked = false
    let queries = 0
    other.faults.before(({ command, input }) => {
      if (String(input.UpdateExpression).startsWith('SET l = :l')) isLocked = true
      if (command === 'TransactWriteItems') isLocked = false
      if (command === 'Query' && isLocked) queries++
      return undefined
    })
    expect(await other.store.rebuild(perStream)).toMatchObject({ resumed: true })
    // The log has 19 blocks of slots.
    expect(queries).toBeGreaterThan(0)
    expect(queries).toBeLessThan(10)
  })

  it('a rebuild that is aborted while it locks leaves no lock', async () => {
    const table = ground.table()
    const options = { inline: [perStream] }
    const [one, other] = [ground.open(table, options), ground.open(table, options)]
    await one.store.append('a', counted(1))
    const aborting = new AbortController()
    one.faults.before(async ({ input }) => {
      if (input.UpdateExpression !== 'SET l = :l, r = :next') return undefined
      aborting.abort(new Error('enough'))
      await sleep(100)
      return undefined
    })
    await expect(one.store.rebuild(perStream, { signal: aborting.signal })).rejects.toThrow('enough')
    one.faults.clear()
    const locks = async () => {
      const items = await ground.items(`${table}_log`)
      return items.find(({ p }) => p?.S === counterKey.p.S)?.l?.S ?? '{}'
    }
    for (let look = 0; look < 100 && (await locks()) !== '{}'; look++) await sleep(20)
    expect(await locks()).toBe('{}')
    await other.store.append('a', counted(1))
    expect(await other.store.verify(perStream)).toMatchObject({ ok: true, documents: 2 })
  })

  it('a new build whose first answer was lost begins at the start of the log', async () => {
    const counts = (version: number) =>
      projection({
        name: 'counts',
        version,
        key: () => 'all',
        initialState: () => 0,
        evolve: (count: number) => count + 1,
      })
    const { store, faults } = ground.open(ground.table())
    for (let number = 1; number <= 20; number++) await store.append('a', counted(1, number))
    const aborting = new AbortController()
    const onProgress = () => aborting.abort(new Error('enough'))
    await expect(
      store.rebuild(counts(1), { batchSize: 5, signal: aborting.signal, onProgress }),
    ).rejects.toThrow()
    await sleep(200)
    let left = 1
    faults.afterWrites(({ input }) =>
      String(input.UpdateExpression).startsWith('SET b = :b') && left-- > 0 ? lost() : undefined,
    )
    expect(await store.rebuild(counts(2))).toMatchObject({ resumed: false, events: 20 })
    expect(left).toBeLessThan(1)
    expect((await store.view<number>(counts(2)).get('all'))?.state).toBe(20)
  })

  it('a document that is too large fails its own append, and no concurrent append', async () => {
    const sized = projection({
      name: 'sized',
      key: ({ streamId }: RecordedEvent) => streamId,
      initialState: () => '',
      evolve: (_state: string, { data }) =>
        (data as { number: number }).number === 3 ? randomBytes(400_000).toString('base64') : 'small',
    })
    const { store } = ground.open(ground.table(), { inline: [sized] })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, number) => store.append(`s-${number}`, counted(1, number))),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(
      outcomes.map((_, number) => (number === 3 ? 'rejected' : 'fulfilled')),
    )
  })

  it('a raw projection that only reads a document sees it in the order of the log', async () => {
    const copying = projection({
      name: 'copying',
      async handle(events: readonly RecordedEvent[], tx: DynamodbTransaction) {
        const numbers = tx.documents<number>('numbers')
        for (const { type, data, streamId } of events) {
          const { number } = data as { number: number }
          if (type === 'Counted') await numbers.put('source', number)
          else await numbers.put(`copy-${streamId}`, (await numbers.get('source')) ?? 0)
        }
      },
    })
    const table = ground.table()
    const options = { inline: [copying], gapTimeout: 60_000, maxBatch: 1, retries: 49 }
    const stores = Array.from({ length: 4 }, () => ground.open(table, options))
    for (const { faults } of stores) {
      faults.before(async ({ command }) => {
        if (command === 'TransactWriteItems') await sleep(Math.random() * 30)
        return undefined
      })
    }
    await stores[0]?.store.schema.create()
    await Promise.all(
      stores.map(async ({ store }, caller) => {
        for (let nth = 0; nth < 8; nth++) {
          const number = 100 * caller + nth + 1
          if (caller % 2 === 0) await store.append('source', counted(1, number))
          else await store.append(`${number}`, [{ type: 'Copied', data: { number } }])
        }
      }),
    )
    const { store } = stores[0] as (typeof stores)[number]
    let source = 0
    for await (const { type, data, streamId } of store.readAll()) {
      if (type === 'Counted') source = (data as { number: number }).number
      else expect((await store.view<number>('numbers').get(`copy-${streamId}`))?.state).toBe(source)
    }
  })
})
