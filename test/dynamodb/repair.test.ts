/** Tests tables as a restore to a point in time may leave them: with only a part of a transaction. */
import { randomBytes } from 'node:crypto'
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { commandHandler, decider, hasCode, type RecordedEvent } from '@eventsourced/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { commandEventId } from '../../src/command/caused-events.ts'
import type { Item } from '../../src/dynamodb/attributes.ts'
import { counterKey } from '../../src/dynamodb/keys.ts'
import { slotOfItem } from '../../src/dynamodb/slot-item.ts'
import { type Ground, type OpenedStore, oneEmulator, type StoredItem, startGround } from './ground.ts'

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ type: 'Counted', data: { number: from + index } }))
const numbersOf = (events: readonly RecordedEvent[]) =>
  events.map(({ data }) => (data as { number: number }).number)

const imported = numbered(21, 32).map((event, index) => ({
  ...event,
  streamId: `import-${index % 3}`,
  id: crypto.randomUUID(),
}))
/** Whether an item of event ids has an event of the stream. */
const namesStream = (item: StoredItem, streamId: string) =>
  Object.values(item).some((value) => value?.S?.startsWith(JSON.stringify([streamId]).slice(0, -1)))
const counting = decider({
  initialState: () => 0,
  decide: (count: number) => numbered(1, count),
  evolve: (count) => count + 1,
})
const known = numbered(10, 10).map((event) => ({ ...event, id: crypto.randomUUID() }))

describe.each(oneEmulator)('a restore on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  let table: string
  let opened: OpenedStore
  let log: readonly RecordedEvent[]

  const collect = async (one = opened) => {
    const events: RecordedEvent[] = []
    for await (const event of one.store.readAll()) events.push(event)
    return events
  }
  /** Opens a store in a new process, which remembers nothing. */
  const another = () => ground.open(table, { gapTimeout: 20 })
  const itemsOf = async (kind: 'events' | 'log', partition: RegExp): Promise<StoredItem[]> =>
    (await ground.items(`${table}_${kind}`)).filter(({ p }) => partition.test(p?.S ?? ''))
  const slotOf = async (streamId: string) => {
    const slots = await itemsOf('log', /^L#/)
    return slots.find((item) =>
      slotOfItem(item as Item).runs.some((run) => run.streamId === streamId),
    ) as StoredItem
  }

  beforeEach(async () => {
    table = ground.table()
    opened = ground.open(table)
    const { store } = opened
    await store.append('alone', numbered(1, 3))
    // Three streams in one transaction, so all of them are in one slot.
    await store.appendAll(
      ['x', 'y', 'z'].map((streamId, index) => ({
        streamId,
        events: numbered(4 + 2 * index, 5 + 2 * index),
      })),
    )
    await store.append('known', known)
    await store.import(imported)
    await store.append('alone', numbered(40, 41))
    log = await collect()
    expect(await store.schema.verify()).toMatchObject({ ok: true, problems: [] })
    expect(await store.schema.repair()).toEqual({ repaired: [], left: [] })
  })

  it.each(['x', 'import-1', 'known'])(
    'restores the slot of the commits of %s, with the same positions',
    async (streamId) => {
      await ground.remove(`${table}_log`, await slotOf(streamId))
      const { problems } = await opened.store.schema.verify()
      expect(problems.length).toBeGreaterThan(0)
      expect(new Set(problems.map(({ kind }) => kind))).toEqual(new Set(['commit-without-slot']))
      expect((await opened.store.schema.repair()).repaired).toEqual(problems)
      expect((await opened.store.schema.verify()).ok).toBe(true)
      expect(await collect(another())).toEqual(log)
    },
  )

  it.each(['x', 'import-1', 'known'])(
    'moves the commits of %s to the end of the log if a reader has sealed their slot',
    async (streamId) => {
      await ground.remove(`${table}_log`, await slotOf(streamId))
      const seen = await collect(another())
      expect(seen.length).toBeLessThan(log.length)
      await opened.store.schema.repair()
      expect((await opened.store.schema.verify()).ok).toBe(true)
      const one = another()
      const events = await collect(one)
      // A reader that has read the log finds the moved events after the last position that it knows.
      expect(events.slice(0, seen.length)).toEqual(seen)
      expect(numbersOf(events).toSorted((a, b) => a - b)).toEqual(numbersOf(log).toSorted((a, b) => a - b))
      for (const stream of new Set(events.map((event) => event.streamId))) {
        expect((await one.store.streamInfo(stream))?.version).toBeGreaterThan(0)
        const own = events.filter((event) => event.streamId === stream)
        expect((await one.store.readStream(stream)).events).toEqual(own)
      }
    },
  )

  it('empties the positions of a lost commit, and keeps the positions of its neighbours', async () => {
    const [commit] = await itemsOf('events', /^S#y$/)
    await ground.remove(`${table}_events`, commit as StoredItem)
    const error: unknown = await collect(another()).catch((thrown: unknown) => thrown)
    expect(hasCode(error, 'damaged-log')).toBe(true)
    expect((error as Error).message).toMatch(
      /version 1 of stream 'y' at position \d+, but it is not there: call/,
    )
    expect((await opened.store.schema.verify()).problems).toMatchObject([
      { kind: 'slot-without-commit', streamId: 'y', version: 1 },
    ])
    await opened.store.schema.repair()
    expect((await opened.store.schema.verify()).ok).toBe(true)
    expect(await collect(another())).toEqual(log.filter(({ streamId }) => streamId !== 'y'))
  })

  it('frees the ids of lost events', async () => {
    const [commit] = await itemsOf('events', /^S#known$/)
    await ground.remove(`${table}_events`, commit as StoredItem)
    await opened.store.schema.repair()
    const result = await another().store.append('known', known)
    expect(result).toMatchObject({ version: 1, deduplicated: false })
  })

  it('frees the ids of a lost command, so that it can be handled again, and keeps the ids of its neighbours', async () => {
    const handle = commandHandler({ store: opened.store, decider: counting })
    await handle('lost', 20, { commandId: 'x' })
    // The last digit of this id is one that the command has not used.
    await opened.store.append('kept', [{ type: 'Counted', data: {}, id: commandEventId('lost', 'x', 20) }])
    const [commit] = await itemsOf('events', /^S#lost$/)
    await ground.remove(`${table}_events`, commit as StoredItem)
    await opened.store.schema.repair()
    const result = await commandHandler({ store: another().store, decider: counting })('lost', 3, {
      commandId: 'x',
    })
    expect(result).toMatchObject({ version: 3, deduplicated: false })
    const again = another().store.append('other', [
      { type: 'Counted', data: {}, id: commandEventId('lost', 'x', 20) },
    ])
    await expect(again).rejects.toMatchObject({ code: 'duplicate-event-id', streamId: 'kept' })
  })

  it('restores the lost ids of a command', async () => {
    const handle = commandHandler({ store: opened.store, decider: counting })
    const { events } = await handle('commanded', 20, { commandId: 'x' })
    const slot = await slotOf('commanded')
    const ids = (await itemsOf('log', /^I#/)).filter((item) => namesStream(item, 'commanded'))
    expect(ids).toHaveLength(2)
    for (const item of [slot, ...ids]) await ground.remove(`${table}_log`, item as StoredItem)
    await opened.store.schema.repair()
    const { store } = another()
    for (const [from, to] of [
      [0, 20],
      [17, 19],
    ] as const) {
      const again = await store.append('commanded', events.slice(from, to))
      expect(again).toMatchObject({ firstVersion: from + 1, version: to, deduplicated: true })
      expect(again.positions).toEqual(events.slice(from, to).map(({ position }) => position))
    }
  })

  it('finds events that were appended again before the repair, and keeps them once', async () => {
    const [commit] = await itemsOf('events', /^S#z$/)
    await ground.remove(`${table}_events`, commit as StoredItem)
    // A process that did not wait for the repair finds the stream empty, and appends again.
    await another().store.append('z', numbered(60, 61))
    expect((await opened.store.schema.verify()).problems).toMatchObject([
      { kind: 'slot-without-commit', streamId: 'z' },
    ])
    await opened.store.schema.repair()
    const events = await collect(another())
    expect(numbersOf(events.filter(({ streamId }) => streamId === 'z'))).toEqual([60, 61])
    expect(events.slice(0, -2)).toEqual(log.filter(({ streamId }) => streamId !== 'z'))
  })

  it('restores the lost items of event ids', async () => {
    const slot = await slotOf('known')
    const [id] = (await itemsOf('log', /^I#/)).filter((item) => namesStream(item, 'known'))
    for (const item of [slot, id]) await ground.remove(`${table}_log`, item as StoredItem)
    await opened.store.schema.repair()
    expect(await another().store.append('known', known)).toMatchObject({ version: 1, deduplicated: true })
  })

  it('moves a counter forward that was restored to a time before its slots', async () => {
    await ground.admin.send(
      new UpdateItemCommand({
        TableName: `${table}_log`,
        Key: counterKey,
        UpdateExpression: 'SET n = :n',
        ExpressionAttributeValues: { ':n': { N: '1' } },
      }),
    )
    expect((await opened.store.schema.verify()).problems).toMatchObject([
      { kind: 'counter-behind', slot: 13, position: 20 },
    ])
    await opened.store.schema.repair()
    const one = another()
    await one.store.append('after', numbered(50, 50))
    const events = await collect(one)
    expect(events.slice(0, -1)).toEqual(log)
    expect(events.at(-1)?.streamId).toBe('after')
  })

  it.each(['a checkpoint', 'a checkpoint of former partitions'])(
    'moves the counter past %s, so that no subscription skips the next events',
    async (kind) => {
      const handled: number[] = []
      let fails = kind !== 'a checkpoint'
      const counting = {
        name: 'counting',
        partitions: fails ? 2 : 1,
        handle({ streamId, data }: RecordedEvent) {
          if (fails && streamId === 'x') throw new Error('the handler fails')
          handled.push((data as { number: number }).number)
        },
        onError: { retries: 0 },
      }
      await opened.store.runOnce(counting).catch(() => {})
      if (fails) await opened.store.subscriptions.repartition('counting', 3)
      fails = false
      // The last append, its slot and the counter are lost, and the checkpoint is not.
      const slots = await itemsOf('log', /^L#/)
      const number = (item: StoredItem) => slotOfItem(item as Item).number
      const last = slots.reduce((most, slot) => (number(slot) > number(most) ? slot : most))
      await ground.remove(`${table}_log`, last)
      const commits = await itemsOf('events', /^S#alone$/)
      const commit = commits.find(({ g }) => g?.N === String(number(last)))
      await ground.remove(`${table}_events`, commit as StoredItem)
      await ground.admin.send(
        new UpdateItemCommand({
          TableName: `${table}_log`,
          Key: counterKey,
          UpdateExpression: 'SET n = n - :one, c = c - :two',
          ExpressionAttributeValues: { ':one': { N: '1' }, ':two': { N: '2' } },
        }),
      )
      const end = log.at(-1)?.position as number
      expect((await opened.store.schema.verify()).problems).toMatchObject([
        { kind: 'counter-behind', position: end },
      ])
      await opened.store.schema.repair()
      expect((await opened.store.schema.verify()).ok).toBe(true)
      const { store } = another()
      await store.append('after', numbered(50, 51))
      await store.runOnce(counting)
      expect(handled.filter((one) => one >= 50)).toEqual([50, 51])
      expect((await store.readStream('after')).events[0]?.position).toBeGreaterThan(end)
    },
  )

  it('reports a commit that lacks a part, and does not read the rest of it', async () => {
    const filler = randomBytes(600_000).toString('base64')
    await opened.store.append('large', [{ type: 'Filled', data: { filler } }])
    const parts = await itemsOf('events', /^S#large$/)
    expect(parts.length).toBeGreaterThan(1)
    await ground.remove(`${table}_events`, parts.find(({ s }) => s?.S?.endsWith('+01')) as StoredItem)
    const error: unknown = await another()
      .store.readStream('large')
      .catch((thrown: unknown) => thrown)
    expect(hasCode(error, 'damaged-log')).toBe(true)
    const { left, repaired } = await opened.store.schema.repair()
    expect(left).toEqual([{ kind: 'incomplete-commit', streamId: 'large', version: 1 }])
    expect(repaired).toEqual([])
  })

  it('reports versions that no repair can restore', async () => {
    const [first] = await itemsOf('events', /^S#alone$/)
    await ground.remove(`${table}_events`, first as StoredItem)
    const { left, repaired } = await opened.store.schema.repair()
    expect(left).toEqual([{ kind: 'missing-version', streamId: 'alone', version: 1 }])
    expect(repaired).toMatchObject([{ kind: 'slot-without-commit', streamId: 'alone' }])
  })
})
