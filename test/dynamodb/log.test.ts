/** Tests of reading an unusual log: thousands of slots without an event, and positions within a slot. */
import { BatchWriteItemCommand, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { counterKey, slotsPerBlock } from '../../src/dynamodb/keys.ts'
import { sealedItem } from '../../src/dynamodb/log/slot-item.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { wholeLog } from '../../src/storage/log-query.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { startProcess } from './processes.ts'

const counted = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ type: 'Counted', data: { number: index + 1 } }))

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

describe.each(oneEmulator)('the log on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  /**
   * Seals slots, as writers do that took them and could not write, for example in an outage of the other
   * table.
   */
  async function sealSlots(table: string, from: number, to: number): Promise<void> {
    const TableName = `${table}_log`
    for (let start = from; start <= to; start += 25) {
      const slots = Array.from({ length: Math.min(25, to - start + 1) }, (_, nth) => start + nth)
      const puts = slots.map((slot) => ({
        PutRequest: {
          Item: sealedItem(slot),
        },
      }))
      await ground.admin.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: puts } }))
    }
    await ground.admin.send(
      new UpdateItemCommand({
        TableName,
        Key: counterKey,
        UpdateExpression: 'SET n = :n',
        ExpressionAttributeValues: { ':n': { N: String(to) } },
      }),
    )
  }

  /** The number of slots that were taken. */
  async function counterOf(table: string): Promise<number> {
    const { Item } = await ground.admin.send(
      new GetItemCommand({ TableName: `${table}_log`, Key: counterKey, ConsistentRead: true }),
    )
    return Number(Item?.n?.N)
  }

  it('is read past thousands of sealed slots, in both directions and by subscriptions', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    await store.append('a', counted(2))
    await sealSlots(table, 2, 8_400)
    await store.append('a', counted(1))
    const events = await collect(store.readAll())
    expect(events.map(({ version }) => version)).toEqual([1, 2, 3])
    expect(await collect(store.readAll({ direction: 'backward' }))).toEqual(events.toReversed())
    // Another process, which has read nothing yet, begins after the last event before the sealed slots.
    const { store: other } = ground.open(table)
    expect(await collect(other.readAll({ after: events[1]?.position ?? 0 }))).toEqual(events.slice(2))
    const seen: number[] = []
    await other.runOnce({ name: 'seen', handle: async ({ version }) => void seen.push(version) })
    expect(seen).toEqual([1, 2, 3])
    expect((await other.subscriptionStatus('seen'))?.lag).toBe(0)
    expect((await collect(other.listStreams())).length).toBe(1)
  })

  it('is read once by readers that read it side by side, and each of them gets events of its own', async () => {
    const table = ground.table()
    // One event at a time, so that each event has a slot.
    const { store: writer } = ground.open(table)
    for (let number = 1; number <= 100; number++) {
      await writer.append('a', [{ type: 'Counted', data: { number } }])
    }
    const { store, faults } = ground.open(table)
    let queries = 0
    faults.before(({ command, input }) => {
      if (command === 'Query' && JSON.stringify(input).includes('"L#')) queries++
      return undefined
    })
    const readers = 20
    const all = await Promise.all(Array.from({ length: readers }, () => collect(store.readAll())))
    for (const events of all) {
      expect(events.map(({ data }) => (data as { number: number }).number)).toEqual(
        Array.from({ length: 100 }, (_, index) => index + 1),
      )
      for (const { data } of events) (data as { number: number }).number = 0
    }
    // The last block is not complete: each reader reads it.
    const blocks = Math.ceil(100 / slotsPerBlock)
    expect(queries).toBeLessThanOrEqual(blocks + 2 * readers)
  })

  it('is read from any position to any position, also within a slot and across blocks', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    await store.schema.create()
    await sealSlots(table, 1, 120)
    for (let nth = 0; nth < 8; nth++) {
      await store.appendAll(['a', 'b'].map((streamId) => ({ streamId, events: counted(2) })))
    }
    await sealSlots(table, 129, 200)
    await store.append('a', counted(3))
    const events = await collect(store.readAll())
    expect(events).toHaveLength(35)
    const positions = events.map(({ position }) => position)
    for (let from = 0; from < positions.length; from += 3) {
      for (let to = from; to < positions.length; to += 4) {
        const [after, until] = [positions[from] as number, positions[to] as number]
        const between = events.filter(({ position }) => position > after && position <= until)
        for (const limit of [1, 3, 100]) {
          expect(await collect(store.readAll({ after, until, limit }))).toEqual(between.slice(0, limit))
          expect(await collect(store.readAll({ after, until, limit, direction: 'backward' }))).toEqual(
            between.toReversed().slice(0, limit),
          )
        }
      }
    }
    expect(await collect(store.readAll({ streamPrefix: 'b', limit: 5 }))).toEqual(
      events.filter(({ streamId }) => streamId === 'b').slice(0, 5),
    )
  })

  // Fault: a look at the end of the log found the rest of one block at most, and took it for the end. So a process that looks eight
  // times a second fell behind more and more at 128 slots a second.
  it('is read to its end by a look that finds the slots of several blocks', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    const { storage } = startProcess(ground, table)
    const slots = 3 * slotsPerBlock
    let through = 0
    // The first look finds events, so the second one expects some.
    for (let look = 1; look <= 2; look++) {
      for (let nth = 0; nth < slots; nth++) await store.append('a', counted(1))
      let page = await storage.readLogPage({ ...wholeLog, after: through, limit: 1_000, mayLag: true })
      through = page.through
      while (page.full) {
        page = await storage.readLogPage({ ...wholeLog, after: through, limit: 1_000, mayLag: true })
        through = page.through
      }
      expect(through).toBe(look * slots)
    }
  })

  it('is read backward from an event that is not stored yet, and whose slot begins a block', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    await store.schema.create()
    await sealSlots(table, 1, 15)
    const { store: slow, faults } = ground.open(table)
    faults.before(async ({ command }) => {
      if (command === 'TransactWriteItems') await sleep(300, ground.ending)
      return undefined
    })
    const appending = slow.append('a', counted(1))
    await vi.waitUntil(async () => (await counterOf(table)) === 16)
    await store.append('b', counted(1))
    const events = await collect(store.readAll({ direction: 'backward', until: 1 }))
    expect(events.map(({ streamId }) => streamId)).toEqual(['a'])
    expect((await appending).position).toBe(1)
  })

  it('has exact positions after 2^38 slots and 2^45 positions', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    await store.schema.create()
    const [slot, position] = [2 ** 38, 2 ** 45]
    // The next slot is the first one of its block.
    await ground.admin.send(
      new UpdateItemCommand({
        TableName: `${table}_log`,
        Key: counterKey,
        UpdateExpression: 'SET n = :n, c = :c',
        ExpressionAttributeValues: { ':n': { N: String(slot - 1) }, ':c': { N: String(position) } },
      }),
    )
    const first = await store.append('a', counted(2))
    expect(first.position).toBe(position + 2)
    for (let nth = 0; nth < 20; nth++) await store.append(`s-${nth}`, counted(3))
    const { store: other } = ground.open(table)
    const events = await collect(other.readAll({ after: position + 1 }))
    expect(events.map((event) => event.position)).toEqual(
      Array.from({ length: 61 }, (_, nth) => position + 2 + nth),
    )
    expect(await collect(other.readAll({ after: position + 30 }))).toEqual(events.slice(29))
    const backward = other.readAll({ after: position + 1, direction: 'backward' })
    expect(await collect(backward)).toEqual(events.toReversed())
    expect((await other.readStream('a')).events.map((event) => event.position)).toEqual([
      position + 1,
      position + 2,
    ])
  })
})
