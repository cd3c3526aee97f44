/**
 * Tests that nothing is written twice when the answer to a transaction was lost and DynamoDB has forgotten its token, which it does
 * after ten minutes.
 */
import { randomUUID } from 'node:crypto'
import { CreateTableCommand, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { type Event, type EventStore, projection, type RecordedEvent } from '@eventsourced/core'
import type { DynamodbTransaction } from '@eventsourced/core/dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect, counted } from '../../../src/conformance/events.ts'
import { type Faults, lost, type Request } from '../../worlds/faulty-client.ts'
import { emulators, type Ground, startGround } from '../ground.ts'
import { beatOf, definitionOf, keepOne, startProcess } from '../processes.ts'

describe.each(emulators)('a forgotten token on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  /** Returns a write of a table of the user's own that has no condition, and how often it was done. */
  async function ownTable() {
    const TableName = `${ground.table()}_own`
    const Key = { id: { S: 'total' } }
    await ground.admin.send(
      new CreateTableCommand({
        TableName,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    )
    const values = { ':count': { N: '1' } }
    const update = { UpdateExpression: 'ADD amount :count', ExpressionAttributeValues: values }
    return {
      add: { Update: { TableName, Key, ...update } },
      async amount() {
        const { Item } = await ground.admin.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }))
        return Number(Item?.amount?.N ?? 0)
      },
    }
  }

  /** Loses the first answer to a transaction that has the table, and gives each retry another token. */
  function loseAnswer(faults: Faults, isMeant: (request: Request) => boolean) {
    const tokens = new Set<unknown>()
    let losses = 0
    faults.before(({ command, input }) => {
      if (command !== 'TransactWriteItems') return undefined
      if (tokens.has(input.ClientRequestToken)) input.ClientRequestToken = randomUUID()
      tokens.add(input.ClientRequestToken)
      return undefined
    })
    faults.afterWrites((request) => {
      if (losses > 0 || request.command !== 'TransactWriteItems' || !isMeant(request)) return undefined
      losses++
      return lost()
    })
    return { losses: () => losses }
  }

  const hasText =
    (text: string) =>
    ({ input }: Request) =>
      JSON.stringify(input.TransactItems).includes(text)

  const open = () => {
    const { store, faults } = ground.open(ground.table())
    return { store: store as EventStore<Event, DynamodbTransaction>, faults }
  }

  it('does not repeat what a handler has written', async () => {
    const own = await ownTable()
    const { store, faults } = open()
    let calls = 0
    const options = {
      ...{ name: 's', transactional: true },
      handle(_: RecordedEvent, { tx }: { readonly tx: DynamodbTransaction }) {
        calls++
        tx.write(own.add)
      },
    }
    await store.append('a', counted(1))
    await store.runOnce(options)
    await store.append('a', counted(1, 2))
    const { losses } = loseAnswer(faults, hasText('ADD amount'))
    expect(await store.runOnce(options)).toMatchObject({ handled: 1, caughtUp: true })
    expect([losses(), await own.amount(), calls]).toEqual([1, 2, 2])
  })

  it('does not repeat what a handler has written for a parked event', async () => {
    const own = await ownTable()
    const { store, faults } = open()
    let fails = true
    const options = {
      ...{ name: 's', transactional: true, onError: { retries: 0, action: 'park' as const } },
      handle(_: RecordedEvent, { tx }: { readonly tx: DynamodbTransaction }) {
        if (fails) throw new Error('it fails')
        tx.write(own.add)
      },
    }
    await store.append('a', counted(1))
    expect(await store.runOnce(options)).toMatchObject({ parked: 1 })
    fails = false
    await store.parked('s').retry({})
    const { losses } = loseAnswer(faults, hasText('ADD amount'))
    expect(await store.runOnce(options)).toMatchObject({ handled: 1, caughtUp: true })
    expect([losses(), await own.amount()]).toEqual([1, 1])
    expect(await collect(store.parked('s').list())).toEqual([])
  })

  it('does not park an event again that an operator has skipped meanwhile', async () => {
    const table = ground.table()
    await ground.open(table).store.schema.create()
    const [worker, operator] = [startProcess(ground, table), startProcess(ground, table)]
    const current = await worker.storage.createSubscription('s', definitionOf(1), 0)
    const { leases } = await keepOne(worker.storage, beatOf(current, 'one', 60_000))
    const lease = leases[0] as NonNullable<(typeof leases)[0]>
    const event = { position: 7, streamId: 'a', eventId: randomUUID(), type: 'T', stack: undefined }
    const parked = { ...event, state: 'parked' as const, failures: 1, error: 'no' }
    for (const park of [
      () => worker.storage.park(lease, [parked], 7),
      () => worker.storage.parkAgain(lease, parked),
    ]) {
      await operator.storage.skipParked('s', [7])
      const { losses } = loseAnswer(worker.faults, hasText('stream'))
      let retries = 0
      worker.faults.before(async ({ command, input }) => {
        if (command !== 'TransactWriteItems' || losses() === 0) return undefined
        if (retries++ > 0) return undefined
        input.ClientRequestToken = randomUUID()
        expect(await operator.storage.skipParked('s', [7])).toEqual([7])
        return undefined
      })
      await park()
      expect([losses(), retries]).toEqual([1, 1])
      expect(await operator.storage.listParked('s', 0, 9)).toEqual([])
      worker.faults.clear()
      await worker.storage.parkAgain(lease, parked)
    }
  })

  it('does not repeat what an inline projection has written, nor the append', async () => {
    const own = await ownTable()
    const totals = projection({
      name: 'totals',
      handle: (_: readonly RecordedEvent[], tx: DynamodbTransaction) => tx.write(own.add),
    })
    const { store, faults } = ground.open(ground.table(), { inline: [totals] })
    const { losses } = loseAnswer(faults, hasText('ADD amount'))
    expect((await store.append('a', counted(2))).version).toBe(2)
    expect([losses(), await own.amount()]).toEqual([1, 1])
    expect((await store.readStream('a')).version).toBe(2)
  })

  it('creates a stream once', async () => {
    const { store, faults } = open()
    let losses = 0
    faults.afterWrites(({ command, input }) =>
      hasCreated(command, input) && losses++ === 0 ? lost() : undefined,
    )
    await store.createStream('a', { metadata: { owner: 'me' } })
    expect(losses).toBeGreaterThan(0)
    expect(await store.streamInfo('a')).toMatchObject({ metadata: { owner: 'me' } })
  })
})

const hasCreated = (command: string, input: Request['input']) =>
  /^(Put|Update|Transact)/.test(command) && JSON.stringify(input).includes('owner')
