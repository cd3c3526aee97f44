/** Tests tables as a restore to a point in time may leave them: with only a part of a transaction. */
import { randomBytes } from 'node:crypto'
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { commandHandler, decider, hasCode, projection, type RecordedEvent } from '@eventsourced/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { commandEventId } from '../../src/command/caused-events.ts'
import { counterKey } from '../../src/dynamodb/keys.ts'
import { slotOfItem } from '../../src/dynamodb/log/slot-item.ts'
import type { Item } from '../../src/dynamodb/requests/attributes.ts'
import { serviceError } from '../worlds/faulty-client.ts'
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
  // So much data that no slot contains the commit.
  decide: (count: number) =>
    numbered(1, count).map(({ type, data }) => ({ type, data: { ...data, filler: fill(300) } })),
  evolve: (count) => count + 1,
})
const known = numbered(10, 10).map((event) => ({ ...event, id: crypto.randomUUID() }))
/** Data that no slot contains, because it is too large. */
const fill = (bytes = 3_000) => randomBytes(bytes).toString('base64')
const filled = (number: number, bytes?: number) => ({
  type: 'Filled',
  id: crypto.randomUUID(),
  data: { number, filler: fill(bytes) },
})

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
      expect(await opened.store.schema.repair()).toEqual({
        repaired: problems.map((problem) => ({ ...problem, done: 'restored' })),
        left: [],
      })
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

  it.each(['x', 'import-1', 'known', 'alone'])(
    'restores the lost commits of %s from their slots',
    async (streamId) => {
      const commits = await itemsOf('events', new RegExp(`^S#${streamId}$`))
      for (const commit of commits) await ground.remove(`${table}_events`, commit)
      const { problems } = await opened.store.schema.verify()
      expect(problems).toMatchObject(commits.map(() => ({ kind: 'slot-without-commit', streamId })))
      expect(await opened.store.schema.repair()).toEqual({
        repaired: problems.map((problem) => ({ ...problem, done: 'restored' })),
        left: [],
      })
      expect((await opened.store.schema.verify()).ok).toBe(true)
      const { store } = another()
      expect(await itemsOf('events', new RegExp(`^S#${streamId}$`))).toEqual(commits)
      expect((await store.readStream(streamId)).events).toEqual(
        log.filter((event) => event.streamId === streamId),
      )
      expect(await store.append('known', known)).toMatchObject({ version: 1, deduplicated: true })
    },
  )

  it('restores a lost commit in the middle of a stream', async () => {
    const [first] = await itemsOf('events', /^S#alone$/)
    await ground.remove(`${table}_events`, first as StoredItem)
    const { problems } = await opened.store.schema.verify()
    expect(problems).toMatchObject([
      { kind: 'slot-without-commit', streamId: 'alone', version: 1 },
      { kind: 'missing-version', streamId: 'alone', version: 1, through: 3 },
    ])
    const { repaired, left } = await opened.store.schema.repair()
    expect(left).toEqual([])
    expect(repaired.map(({ kind, done }) => [kind, done])).toEqual([
      ['slot-without-commit', 'restored'],
      ['missing-version', 'restored'],
    ])
    expect((await another().store.readStream('alone')).events.map(({ version }) => version)).toEqual([
      1, 2, 3, 4, 5,
    ])
  })

  it('empties the positions of a lost commit without a copy, and keeps the positions of its neighbours', async () => {
    await opened.store.appendAll(
      ['a', 'b', 'c'].map((streamId, index) => ({ streamId, events: [filled(70 + index)] })),
    )
    const all = await collect()
    const [commit] = await itemsOf('events', /^S#b$/)
    await ground.remove(`${table}_events`, commit as StoredItem)
    const error: unknown = await collect(another()).catch((thrown: unknown) => thrown)
    expect(hasCode(error, 'damaged-log')).toBe(true)
    expect((error as Error).message).toMatch(
      /version 1 of stream 'b' at position \d+, but it is not there: call/,
    )
    const { repaired } = await opened.store.schema.repair()
    expect(repaired).toMatchObject([
      { kind: 'slot-without-commit', streamId: 'b', version: 1, done: 'emptied' },
    ])
    expect((await opened.store.schema.verify()).ok).toBe(true)
    expect(await collect(another())).toEqual(all.filter(({ streamId }) => streamId !== 'b'))
  })

  it('does not restore a commit after a lost one', async () => {
    const { store } = opened
    await store.append('late', [filled(80)])
    await store.append('late', numbered(81, 81))
    for (const commit of await itemsOf('events', /^S#late$/)) await ground.remove(`${table}_events`, commit)
    const { repaired, left } = await opened.store.schema.repair()
    expect(left).toEqual([])
    expect(repaired.map(({ done }) => done)).toEqual(['emptied', 'emptied'])
    expect((await opened.store.schema.verify()).ok).toBe(true)
    expect(await collect(another())).toEqual(log)
  })

  it('refuses to read a stream without its versions in the middle, and reads it from behind them', async () => {
    await opened.store.append('alone', numbered(42, 42))
    const commits = await itemsOf('events', /^S#alone$/)
    const middle = commits.find(({ s }) => s?.S === 'e#0000000000000004') as StoredItem
    await ground.remove(`${table}_events`, middle)
    const { store } = another()
    for (const options of [
      {},
      { direction: 'backward' },
      { fromVersion: 4 },
      { fromVersion: 2, toVersion: 6 },
    ]) {
      const error: unknown = await store
        .readStream('alone', options as object)
        .catch((thrown: unknown) => thrown)
      expect(hasCode(error, 'damaged-log')).toBe(true)
      expect((error as Error).message).toMatch(
        /'alone' has later versions than 4, but version 4 is not there/,
      )
    }
    expect(numbersOf((await store.readStream('alone', { fromVersion: 6 })).events)).toEqual([42])
    expect(numbersOf((await store.readStream('alone', { toVersion: 3 })).events)).toEqual([1, 2, 3])
    expect(numbersOf((await store.readStream('alone', { direction: 'backward', limit: 1 })).events)).toEqual([
      42,
    ])
    await opened.store.schema.repair()
    expect((await another().store.readStream('alone')).version).toBe(6)
  })

  it('waits for commits of its transaction that a read does not show yet', async () => {
    const { store, faults } = another()
    await Promise.all([1, 2, 3].map((number) => store.append('chained', numbered(number, number))))
    let hidden = 3
    faults.changeAnswers(({ command }, output) => {
      const { Items } = output as { Items?: StoredItem[] }
      if (command !== 'Query' || Items === undefined || hidden-- <= 0) return
      const shown = Items.filter(({ s }) => s?.S !== 'e#0000000000000002')
      Object.assign(output, { Items: shown })
    })
    expect(numbersOf((await store.readStream('chained')).events)).toEqual([1, 2, 3])
    expect(hidden).toBeLessThanOrEqual(0)
  })

  it('frees the ids of lost events', async () => {
    const events = [filled(75)]
    await opened.store.append('freed', events)
    const [commit] = await itemsOf('events', /^S#freed$/)
    await ground.remove(`${table}_events`, commit as StoredItem)
    await opened.store.schema.repair()
    const result = await another().store.append('freed', events)
    expect(result).toMatchObject({ version: 1, deduplicated: false })
    expect(await another().store.append('known', known)).toMatchObject({ deduplicated: true })
  })

  it('frees the ids of events whose commit and slot are both lost', async () => {
    const slot = await slotOf('known')
    const [commit] = await itemsOf('events', /^S#known$/)
    await ground.remove(`${table}_events`, commit as StoredItem)
    await ground.remove(`${table}_log`, slot)
    // Nothing shows this loss but another one.
    await ground.remove(`${table}_log`, await slotOf('x'))
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
    const { repaired } = await opened.store.schema.repair()
    expect(repaired).toMatchObject([{ kind: 'slot-without-commit', streamId: 'z', done: 'emptied' }])
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

  it('moves a commit of several items, and the places of its event ids', async () => {
    const events = [filled(90, 400_000), filled(91, 400_000)]
    await opened.store.append('large', events)
    expect((await itemsOf('events', /^S#large$/)).length).toBeGreaterThan(2)
    await ground.remove(`${table}_log`, await slotOf('large'))
    // A reader seals the slot.
    expect(await collect(another())).toEqual(log)
    const { repaired } = await opened.store.schema.repair()
    expect(repaired).toMatchObject([{ kind: 'commit-without-slot', streamId: 'large', done: 'moved' }])
    expect((await opened.store.schema.verify()).ok).toBe(true)
    const { store } = another()
    const moved = (await collect(another())).slice(-2)
    expect(numbersOf(moved)).toEqual([90, 91])
    expect((await store.readStream('large')).events).toEqual(moved)
    const again = await store.append('large', events)
    expect(again).toMatchObject({ version: 2, deduplicated: true, position: moved[1]?.position })
  })

  // Fault: the second repair took the moved events for lost ones, and freed their ids.
  it('a repair that was interrupted after it has moved a commit can be called again, and keeps the ids of the commit', async () => {
    for (const streamId of ['known', 'import-1']) await ground.remove(`${table}_log`, await slotOf(streamId))
    // A reader seals the slots.
    await collect(another())
    const { store, faults } = another()
    let isInterrupted = false
    faults.before(() => (isInterrupted ? serviceError('AccessDeniedException') : undefined))
    faults.afterWrites(({ command }) => {
      isInterrupted ||= command === 'TransactWriteItems'
      return undefined
    })
    await expect(store.schema.repair()).rejects.toMatchObject({ code: 'storage-failed' })
    const { repaired } = await another().store.schema.repair()
    expect(repaired.length).toBeGreaterThan(0)
    const events = await collect(another())
    const moved = events.find(({ streamId }) => streamId === 'known')
    expect(moved?.position).toBeGreaterThan(24)
    const again = await another().store.append('known', known)
    expect(again).toMatchObject({ version: 1, deduplicated: true, position: moved?.position })
  })

  // Fault: the second repair found no problem, so the ids of the lost events stayed taken.
  it('a repair that was interrupted after it has emptied positions can be called again, and frees the ids of the lost events', async () => {
    const events = [filled(76)]
    await opened.store.append('freed', events)
    const [commit] = await itemsOf('events', /^S#freed$/)
    await ground.remove(`${table}_events`, commit as StoredItem)
    const { store, faults } = another()
    let isInterrupted = false
    faults.before(() => (isInterrupted ? serviceError('AccessDeniedException') : undefined))
    faults.afterWrites(({ command }) => {
      isInterrupted ||= command === 'PutItem'
      return undefined
    })
    await expect(store.schema.repair()).rejects.toMatchObject({ code: 'storage-failed' })
    expect((await another().store.schema.verify()).ok).toBe(true)
    await another().store.schema.repair()
    const result = await another().store.append('freed', events)
    expect(result).toMatchObject({ version: 1, deduplicated: false })
  })

  const setCounter = (slot: number, position: number) =>
    ground.admin.send(
      new UpdateItemCommand({
        TableName: `${table}_log`,
        Key: counterKey,
        UpdateExpression: 'SET n = :n, c = :c',
        ExpressionAttributeValues: { ':n': { N: String(slot) }, ':c': { N: String(position) } },
      }),
    )

  it('moves a counter forward that was restored to a time before its slots', async () => {
    await setCounter(1, 3)
    const { problems } = await opened.store.schema.verify()
    expect(problems).toEqual([{ kind: 'counter-behind', slot: 5, position: 24 }])
    const { repaired } = await opened.store.schema.repair()
    expect(repaired).toMatchObject([{ kind: 'counter-behind', done: 'moved' }])
    const one = another()
    await one.store.append('after', numbered(50, 50))
    const events = await collect(one)
    expect(events.slice(0, -1)).toEqual(log)
    expect(events.at(-1)?.streamId).toBe('after')
  })

  it('moves the events of slots whose positions were taken a second time', async () => {
    await setCounter(1, 3)
    // A process that does not wait for the repair finds slots 2 to 5 used, and takes slots with used positions.
    const early = another()
    for (const number of [50, 51]) await early.store.append('early', numbered(number, number))
    const { problems } = await opened.store.schema.verify()
    expect(new Set(problems.map(({ kind }) => kind))).toEqual(
      new Set(['slot-out-of-order', 'counter-behind']),
    )
    const { left } = await opened.store.schema.repair()
    expect(left).toEqual([])
    expect((await opened.store.schema.verify()).ok).toBe(true)
    const events = await collect(another())
    expect(events.slice(0, log.length)).toEqual(log)
    expect(numbersOf(events.slice(log.length))).toEqual([50, 51])
    expect((await another().store.readStream('early')).events).toEqual(events.slice(log.length))
  })

  it('restores a lost counter with its inline projections, and the item of the era', async () => {
    table = ground.table()
    const counts = projection({
      name: 'counts',
      key: ({ streamId }: RecordedEvent) => streamId,
      initialState: () => ({ count: 0 }),
      evolve: ({ count }) => ({ count: count + 1 }),
    })
    const { store } = ground.open(table, { inline: [counts] })
    await store.append('a', numbered(1, 3))
    const stored = await itemsOf('log', /^(C#1#0|E)$/)
    expect(stored).toHaveLength(2)
    for (const item of stored) await ground.remove(`${table}_log`, item)
    expect((await store.schema.verify()).problems).toEqual([
      { kind: 'era-missing' },
      { kind: 'counter-missing', slot: 1, position: 3 },
    ])
    const { repaired } = await store.schema.repair()
    expect(repaired.map(({ done }) => done)).toEqual(['restored', 'restored'])
    expect((await store.schema.verify()).ok).toBe(true)
    const withoutRevision = stored.map(({ r: _, ...item }) => item)
    expect(await itemsOf('log', /^(C#1#0|E)$/)).toEqual(withoutRevision)
    // The counter makes a store without the projection fail, as before.
    const error: unknown = await another()
      .store.append('a', numbered(4, 4))
      .catch((thrown: unknown) => thrown)
    expect(hasCode(error, 'missing-inline-projection')).toBe(true)
    await ground.open(table, { inline: [counts] }).store.append('a', numbered(4, 4))
    expect(await store.verify(counts)).toMatchObject({ ok: true })
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
    expect((await opened.store.schema.verify()).problems).toEqual(left)
  })

  it('reports versions that no repair can restore', async () => {
    const { store } = opened
    await store.append('holed', [filled(80)])
    await store.append('holed', numbered(81, 82))
    const [first] = await itemsOf('events', /^S#holed$/)
    await ground.remove(`${table}_events`, first as StoredItem)
    const { left, repaired } = await store.schema.repair()
    expect(left).toEqual([{ kind: 'missing-version', streamId: 'holed', version: 1, through: 1 }])
    expect(repaired).toMatchObject([{ kind: 'slot-without-commit', streamId: 'holed', done: 'emptied' }])
    expect((await store.schema.verify()).problems).toEqual(left)
    expect(await store.schema.repair()).toEqual({ repaired: [], left })
  })

  it.each(['verify', 'repair'] as const)('%s reports its progress, and can be aborted', async (call) => {
    const { schema } = opened.store
    const scanned: number[] = []
    await schema[call]({ onProgress: (progress) => void scanned.push(progress.scanned) })
    const stored = [...(await ground.items(`${table}_events`)), ...(await itemsOf('log', /^L#/))]
    // A repair also reads the whole table of the log, for the event ids.
    const idScan = call === 'repair' ? await ground.items(`${table}_log`) : []
    expect(scanned.at(-1)).toBe(stored.length + idScan.length)
    expect(scanned).toEqual(scanned.toSorted((a, b) => a - b))
    const failure = new Error('stop')
    const failing = schema[call]({
      onProgress() {
        throw failure
      },
    })
    await expect(failing).rejects.toBe(failure)
    await expect(schema[call]({ signal: AbortSignal.abort(failure) })).rejects.toBe(failure)
    const controller = new AbortController()
    const aborting = schema[call]({
      signal: controller.signal,
      onProgress: () => controller.abort(failure),
    })
    await expect(aborting).rejects.toBe(failure)
    for (const options of [{ onProgress: 1 }, { signal: 1 }, 1]) {
      const error: unknown = await schema[call](options as never).catch((thrown: unknown) => thrown)
      expect(hasCode(error, 'invalid-input')).toBe(true)
    }
  })
})
