/**
 * Repairs tables that lack a random part: each table as a restore to another time leaves it, or as a failover of a
 * global table does, with further items lost, and with appends before the repair.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { hasCode, type RecordedEvent } from '@eventsourced/core'
import type { RepairResult } from '@eventsourced/core/dynamodb'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { counterKey } from '../../src/dynamodb/keys.ts'
import { runs } from '../fuzz/runs.ts'
import { type Ground, oneEmulator, type StoredItem, startGround } from './ground.ts'
import { putItems } from './put-items.ts'

const streams = ['a', 'b', 'c'] as const

const stream = fc.constantFrom(...streams)
/** In bytes. Slots contain small commits; the largest commits have two items. */
const size = fc.oneof(
  { weight: 16, arbitrary: fc.constant(10) },
  { weight: 8, arbitrary: fc.constant(3_000) },
  { weight: 1, arbitrary: fc.constant(500_000) },
)
const events = fc.array(size, { minLength: 1, maxLength: 3 })
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), stream, events }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('appendAll' as const), events }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('import' as const),
      streams: fc.array(stream, { minLength: 1, maxLength: 8 }),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

const ratio = fc.double({ min: 0, max: 1, noNaN: true })
const loss = fc.record({
  steps: fc.array(step, { minLength: 3, maxLength: 8 }),
  /** When each table was restored, as a part of the steps. */
  cuts: fc.record({ events: ratio, log: ratio }),
  /** Which items of both tables are lost too. */
  lost: fc.array(ratio, { maxLength: 4 }),
  /** An older counter, as a failover may leave it. */
  counter: fc.option(ratio, { freq: 3, nil: undefined }),
  /** Whether a process reads the log before the repair, and so seals slots. */
  isRead: fc.boolean(),
  /** What a process appends before the repair. */
  early: fc.array(step, { maxLength: 3 }),
})

type Filled = { readonly filler: string }
const filled = (bytes: number) => ({
  type: 'Filled',
  id: crypto.randomUUID(),
  data: { filler: randomBytes(bytes).toString('base64') },
})

/** At most 9 elements, evenly spread. */
const fewOf = <Value>(all: readonly Value[]): readonly Value[] =>
  all.filter((_, index) => index % Math.ceil(all.length / 8) === 0)

type Snapshot = Readonly<Record<'events' | 'log', readonly StoredItem[]>>

describe.each(oneEmulator)('a repair on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  async function perform(table: string, steps: readonly Step[], after: () => Promise<void>): Promise<void> {
    const { store } = ground.open(table, { gapTimeout: 20 })
    for (const one of steps) {
      try {
        if (one.do === 'append') await store.append(one.stream, one.events.map(filled))
        else if (one.do === 'appendAll') {
          await store.appendAll(streams.map((streamId) => ({ streamId, events: one.events.map(filled) })))
        } else await store.import(one.streams.map((streamId) => ({ streamId, ...filled(10) })))
      } catch (error) {
        // Before the repair, a stream or a slot may be damaged, or the counter lost.
        if (!hasCode(error, 'damaged-log') && !hasCode(error, 'schema-mismatch')) throw error
      }
      await after()
    }
  }

  const snapshotOf = async (table: string): Promise<Snapshot> => ({
    events: await ground.items(`${table}_events`),
    log: await ground.items(`${table}_log`),
  })

  /** Reads the log up to its end, or up to the first event that is lost. */
  async function read(table: string): Promise<RecordedEvent[]> {
    const { store } = ground.open(table, { gapTimeout: 20 })
    const found: RecordedEvent[] = []
    try {
      for await (const event of store.readAll()) found.push(event)
    } catch (error) {
      if (!hasCode(error, 'damaged-log')) throw error
    }
    return found
  }

  /** Returns the commits of which all items are stored, by their keys. */
  async function completeCommits(table: string): Promise<ReadonlySet<string>> {
    const items = (await ground.items(`${table}_events`)).filter(({ p }) => p?.S?.startsWith('S#'))
    const found = new Map<string, number>()
    const nameOf = ({ p, s }: StoredItem) => `${p?.S?.slice(2)} ${Number(s?.S?.slice(2, 18))}`
    for (const item of items) found.set(nameOf(item), (found.get(nameOf(item)) ?? 0) + 1)
    return new Set(items.filter((item) => found.get(nameOf(item)) === Number(item.m?.N ?? 1)).map(nameOf))
  }

  async function restore(
    snapshots: readonly Snapshot[],
    given: typeof loss extends fc.Arbitrary<infer V> ? V : never,
  ) {
    const at = (part: number) => snapshots[Math.round(part * (snapshots.length - 1))] as Snapshot
    const table = ground.table()
    await ground.open(table).store.schema.create()
    const { cuts, counter, lost } = given
    let log = [...at(cuts.log).log]
    if (counter !== undefined) {
      const isCounter = ({ p }: StoredItem) => p?.S === counterKey.p.S
      log = log.map((item) => (isCounter(item) ? (at(counter).log.find(isCounter) ?? item) : item))
    }
    const items = [
      ...at(cuts.events).events.map((item) => ({ kind: 'events', item }) as const),
      ...log.map((item) => ({ kind: 'log', item }) as const),
    ]
    for (const part of lost) items.splice(Math.floor(part * items.length), 1)
    for (const kind of ['events', 'log'] as const) {
      for (const item of await ground.items(`${table}_${kind}`)) await ground.remove(`${table}_${kind}`, item)
      const own = items.filter((one) => one.kind === kind)
      await putItems(
        ground.admin,
        `${table}_${kind}`,
        own.map(({ item }) => item),
      )
    }
    return table
  }

  const test = async (given: typeof loss extends fc.Arbitrary<infer V> ? V : never) => {
    const source = ground.table()
    await ground.open(source).store.schema.create()
    const snapshots: Snapshot[] = [await snapshotOf(source)]
    await perform(source, given.steps, async () => {
      snapshots.push(await snapshotOf(source))
    })
    const table = await restore(snapshots, given)
    const seen = given.isRead ? await read(table) : []
    await perform(table, given.early, async () => {})
    const complete = await completeCommits(table)
    const { store } = ground.open(table, { gapTimeout: 20 })
    const before = await store.schema.verify()
    const result = await store.schema.repair()
    await check(table, { given, seen, complete, result })
    assert.deepEqual(
      result.repaired.length + result.left.length,
      before.problems.length,
      'each problem is repaired or left',
    )
  }

  async function check(
    table: string,
    {
      given,
      seen,
      complete,
      result: { repaired, left },
    }: {
      given: { lost: readonly unknown[]; early: readonly unknown[] }
      seen: readonly RecordedEvent[]
      complete: ReadonlySet<string>
      result: RepairResult
    },
  ): Promise<void> {
    const { store } = ground.open(table, { gapTimeout: 20 })
    assert.deepEqual((await store.schema.verify()).problems, left)
    assert.deepEqual(await store.schema.repair(), { repaired: [], left })
    const reasons = new Set(left.map(({ kind }) => kind))
    assert.ok([...reasons].every((kind) => kind === 'missing-version' || kind === 'incomplete-commit'))
    if (given.lost.length === 0) assert.deepEqual(left, [])
    if (reasons.has('incomplete-commit')) return

    const all = await read(table)
    const positions = all.map(({ position }) => position)
    assert.deepEqual(
      positions,
      [...new Set(positions)].sort((a, b) => a - b),
    )
    const union: RecordedEvent[] = []
    for (const streamId of streams) {
      if (left.some((problem) => 'streamId' in problem && problem.streamId === streamId)) {
        await assert.rejects(store.readStream(streamId), { code: 'damaged-log' })
        union.push(...all.filter((event) => event.streamId === streamId))
        continue
      }
      const { events, version } = await store.readStream(streamId)
      union.push(...events)
      assert.deepEqual(
        events.map((event) => event.version),
        Array.from({ length: version }, (_, index) => index + 1),
      )
    }
    assert.deepEqual(
      all,
      union.sort((a, b) => a.position - b.position),
    )
    const stored = await completeCommits(table)
    for (const commit of complete) assert.ok(stored.has(commit), `${commit} is lost`)

    if (!repaired.some(({ kind }) => kind === 'slot-out-of-order')) {
      const positionOf = new Map(all.map(({ id, position }) => [id, position]))
      for (const { id, position } of seen) {
        const now = positionOf.get(id)
        assert.ok(
          now === undefined || now === position,
          `an event that was seen at ${position} is now at ${now}`,
        )
      }
    }

    const appended: RecordedEvent[] = []
    for (const streamId of [...streams, 'new']) {
      const { version } = await store.append(streamId, [filled(10)])
      appended.push(...(await store.readStream(streamId, { fromVersion: version })).events)
    }
    assert.deepEqual(await read(table), [...all, ...appended])
    for (const { id, data, streamId } of fewOf(all)) {
      const again = { id, type: 'Filled', data: data as Filled }
      const result = await store.append(streamId, [again])
      assert.equal(result.deduplicated, true)
    }
    assert.equal((await store.schema.verify()).problems.length, left.length)
  }

  it('restores all that can be restored, and leaves nothing for a second repair', async () => {
    await fc.assert(fc.asyncProperty(loss, test), { ...runs(5, 10), endOnFailure: true })
  }, 300_000)
})
