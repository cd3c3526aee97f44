/** Cases of `rebuild` while appends run, and of `verify`. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import type { RebuildProgress } from '../projection/maintenance.ts'
import { projection } from '../projection/projection.ts'
import type { View } from '../projection/view.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { type Counted, collect, counted, eventOfType, logOf, range } from './events.ts'
import { allAtOnce, refused } from './expect.ts'

const group = 'rebuilding'

/**
 * A projection with a sum for each stream. A test changes `factor` to simulate a projection that was wrong for a time.
 */
function sums(version = 1, factor: () => number = () => version) {
  return projection({
    name: 'sums',
    version,
    events: ['Counted', 'Closed'],
    key: ({ streamId }: RecordedEvent<Counted | { type: 'Closed'; data: object }>) => streamId,
    initialState: () => ({ sum: 0 }),
    evolve(state, event) {
      if (event.type === 'Closed') return null
      return { sum: state.sum + factor() * event.data.number }
    },
  })
}

async function statesOf(view: View<{ sum: number }>): Promise<Record<string, number>> {
  const documents = await collect(view.list())
  return Object.fromEntries(documents.map(({ key, state }) => [key, state.sum]))
}

/** Computes the documents that the log must lead to, without the projection. */
async function expectedStates(store: EventStore, factor: number): Promise<Record<string, number>> {
  const expected = new Map<string, number>()
  for (const { streamId, type, data } of await logOf(store)) {
    if (type === 'Closed') expected.delete(streamId)
    else expected.set(streamId, (expected.get(streamId) ?? 0) + factor * (data as Counted['data']).number)
  }
  return Object.fromEntries([...expected].sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function fill(store: EventStore, streams: number): Promise<void> {
  for (const stream of range(1, streams)) await store.append(`s${stream}`, counted(3, stream))
}

export const rebuildCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'builds documents from the recorded events, and a subscription resumes after them',
    async run({ open }) {
      const store = await open()
      await fill(store, 20)
      await store.append('s3', [eventOfType('Closed')])
      const { position } = await store.append('s1', counted(1, 10))
      const result = await store.rebuild(sums())
      assert.deepEqual(
        { events: result.events, position: result.position, resumed: result.resumed },
        { events: 62, position, resumed: false },
      )
      assert.deepEqual(await statesOf(store.view(sums())), await expectedStates(store, 1))
      assert.equal(await store.view(sums()).get('s3'), undefined)

      await store.append('s2', counted(2, 5))
      await using subscription = store.subscribe({ projection: sums() })
      await subscription.caughtUp()
      assert.deepEqual(await statesOf(store.view(sums())), await expectedStates(store, 1))
    },
  },
  {
    group,
    name: 'rebuilds an inline projection while appends continue, and loses none of them',
    async run({ open }) {
      const store = await open({ inline: [sums()] })
      await fill(store, 30)
      let isDone = false
      const appending = allAtOnce(4, async (writer) => {
        let count = 0
        for (; !isDone; count++) {
          await store.append(`s${1 + ((writer * 7 + count) % 40)}`, counted(1))
          // A store in memory would otherwise leave no time for the rebuild.
          await new Promise((resolve) => setImmediate(resolve))
        }
        return count
      })
      for (const _ of range(1, 3)) await store.rebuild(sums(), { batchSize: 25 })
      isDone = true
      const counts = await appending
      assert.ok(counts.every((count) => count > 0))
      assert.deepEqual(await statesOf(store.view(sums())), await expectedStates(store, 1))
      assert.equal((await store.verify(sums())).ok, true)
    },
  },
  {
    group,
    name: 'ends although callers append more events than it folds in the same time',
    async run({ open }) {
      const store = await open({ inline: [sums()] })
      await fill(store, 10)
      const onProgress = async () => void (await store.append('s1', counted(10)))
      await store.rebuild(sums(), { batchSize: 5, onProgress })
      assert.deepEqual(await statesOf(store.view(sums())), await expectedStates(store, 1))
    },
  },
  {
    group,
    name: 'handles parked events with all others, and unparks them',
    async run({ open }) {
      const store = await open()
      await fill(store, 10)
      let isBroken = true
      const fragile = sums(1, () => {
        if (isBroken) throw new Error('broken')
        return 1
      })
      await store.runOnce({ projection: fragile, onError: { retries: 0, action: 'park' } })
      const parked = await collect(store.parked('sums').list())
      assert.equal(parked.length, 30)
      isBroken = false
      await store.rebuild(fragile)
      assert.deepEqual(await collect(store.parked('sums').list()), [])
      await refused(store.parked('sums').retry(Number(parked[0]?.position)), 'not-parked')
      await store.runOnce({ projection: fragile })
      assert.deepEqual(await statesOf(store.view(fragile)), await expectedStates(store, 1))
    },
  },
  {
    group,
    name: 'rebuilds an async projection while its subscription runs, and counts each event once',
    async run({ open }) {
      const store = await open()
      await fill(store, 10)
      await using subscription = store.subscribe({ projection: sums(), leaseTime: 600 })
      for (const round of range(1, 3)) {
        await allAtOnce(10, (index) => store.append(`s${index}`, counted(2, round)))
        await store.rebuild(sums(), { batchSize: 7 })
      }
      await store.append('last', counted(1))
      await subscription.caughtUp()
      assert.deepEqual(await statesOf(store.view(sums())), await expectedStates(store, 1))
    },
  },
  {
    group,
    name: 'shows the old documents until the new ones are complete, and then refuses the old version',
    needs: ['shared-data'],
    async run({ open }) {
      const old = await open({ inline: [sums(1)] })
      const next = await open({ inline: [sums(2)] })
      await fill(old, 5)
      await refused(next.append('s1', counted(1)), 'projection-version', {
        projection: 'sums',
        version: 2,
        registered: 1,
      })
      const before = await expectedStates(old, 1)
      const seen: Record<string, number>[] = []
      await next.rebuild(sums(2), {
        batchSize: 5,
        onProgress: async () => void seen.push(await statesOf(next.view(sums(2)))),
      })
      assert.ok(seen.length > 0)
      for (const states of seen) assert.deepEqual(states, before)
      assert.deepEqual(await statesOf(next.view(sums(2))), await expectedStates(next, 2))
      await next.append('s1', counted(1))
      await refused(old.append('s1', counted(1)), 'projection-version', { version: 1, registered: 2 })
      assert.deepEqual(await statesOf(next.view(sums(2))), await expectedStates(next, 2))
    },
  },
  {
    group,
    name: 'reports its progress, changes nothing when it is aborted, and resumes there the next time',
    async run({ open }) {
      const store = await open({ inline: [sums()] })
      await fill(store, 40)
      const before = await statesOf(store.view(sums()))
      const controller = new AbortController()
      const reports: RebuildProgress[] = []
      const onProgress = (progress: RebuildProgress) => {
        reports.push(progress)
        if (reports.length === 2) controller.abort(new Error('enough'))
      }
      const aborted = store.rebuild(sums(), { batchSize: 30, onProgress, signal: controller.signal })
      await assert.rejects(aborted, /enough/)
      assert.deepEqual(await statesOf(store.view(sums())), before)
      for (const { position, lastPosition, events } of reports)
        assert.ok(position > 0 && lastPosition >= position && events > 0)

      await store.append('s1', counted(1, 100))
      const { resumed, events } = await store.rebuild(sums(), { batchSize: 30 })
      assert.equal(resumed, true)
      assert.ok(events < 121, `${events} events were folded in again`)
      assert.deepEqual(await statesOf(store.view(sums())), await expectedStates(store, 1))
      assert.equal((await store.rebuild(sums())).resumed, false)
    },
  },
  {
    group,
    name: 'runs one rebuild of a projection at a time, and the others wait',
    async run({ open }) {
      const store = await open()
      await fill(store, 10)
      const results = await allAtOnce(3, () => store.rebuild(sums(), { batchSize: 5 }))
      for (const { position } of results) assert.equal(position, results[0]?.position)
      assert.deepEqual(await statesOf(store.view(sums())), await expectedStates(store, 1))
    },
  },
  {
    group,
    name: 'lets an inline projection begin on a log that has events',
    needs: ['shared-data'],
    async run({ open }) {
      const plain = await open()
      await fill(plain, 5)
      const store = await open({ inline: [sums()] })
      await refused(store.append('s1', counted(1)), 'projection-version', { registered: 0 })
      assert.deepEqual(await logOf(store), await logOf(plain))
      await store.rebuild(sums())
      await store.append('s1', counted(1))
      assert.deepEqual(await statesOf(store.view(sums())), await expectedStates(store, 1))
    },
  },
  {
    group,
    name: 'changes the mode of a projection, and counts no event twice',
    needs: ['shared-data'],
    async run({ open }) {
      const [inline, plain] = [await open({ inline: [sums()] }), await open()]
      await fill(inline, 5)
      await plain.rebuild(sums(), { mode: 'async' })
      await refused(inline.append('s1', counted(1)), 'projection-version')
      await plain.append('s1', counted(1))
      await using subscription = plain.subscribe({ projection: sums() })
      await subscription.caughtUp()
      assert.deepEqual(await statesOf(plain.view(sums())), await expectedStates(plain, 1))
    },
  },
  {
    group,
    name: 'refuses a projection that cannot be rebuilt, and wrong options',
    async run({ open }) {
      const store = await open()
      const raw = projection({ name: 'raw', handle() {} })
      await refused(store.rebuild(raw as never), 'invalid-input', { field: 'projection' })
      await refused(store.rebuild(undefined as never), 'invalid-input', { field: 'projection' })
      await refused(store.rebuild(sums(), { batchSize: 0 }), 'invalid-input', { field: 'batchSize' })
      await refused(store.rebuild(sums(), { mode: 'later' as never }), 'invalid-input', { field: 'mode' })
    },
  },
  {
    group,
    name: 'ends with the error that the projection throws, and keeps the present documents',
    async run({ open }) {
      const store = await open({ inline: [sums()] })
      await fill(store, 5)
      const before = await statesOf(store.view(sums()))
      const broken = sums(1, () => {
        throw new Error('broken')
      })
      await assert.rejects(store.rebuild(broken), /broken/)
      assert.deepEqual(await statesOf(store.view(sums())), before)
      await store.append('s1', counted(1))
      await store.rebuild(sums())
      assert.deepEqual(await statesOf(store.view(sums())), await expectedStates(store, 1))
    },
  },
  {
    group: 'verifying',
    name: 'finds no difference when the documents match the events',
    async run({ open }) {
      const store = await open({ inline: [sums()] })
      await fill(store, 10)
      await store.append('s1', [eventOfType('Closed')])
      const { ok, documents, differences, events } = await store.verify(sums())
      assert.deepEqual(
        { ok, documents, differences, events },
        { ok: true, documents: 9, differences: [], events: 31 },
      )
    },
  },
  {
    group: 'verifying',
    name: 'reports which documents differ and how, and changes nothing',
    async run({ open }) {
      let factor = 1
      const faulty = sums(1, () => factor)
      const store = await open({ inline: [faulty] })
      await fill(store, 3)
      factor = 10
      await store.append('s2', counted(1, 7))
      await store.append('s9', counted(1, 5))
      factor = 1
      const before = await statesOf(store.view(faulty))
      const { ok, differences } = await store.verify(faulty)
      assert.equal(ok, false)
      assert.deepEqual(differences, [
        { key: 's2', expected: { sum: 16 }, actual: { sum: 79 } },
        { key: 's9', expected: { sum: 5 }, actual: { sum: 50 } },
      ])
      assert.equal((await store.verify(faulty, { limit: 1 })).differences.length, 1)
      assert.deepEqual(await statesOf(store.view(faulty)), before)
      await store.rebuild(faulty)
      assert.equal((await store.verify(faulty)).ok, true)
    },
  },
  {
    group: 'verifying',
    name: 'compares an async projection at its checkpoint',
    async run({ open }) {
      const store = await open()
      await fill(store, 5)
      await store.runOnce({ projection: sums() })
      const { position } = await store.append('s1', counted(4))
      const result = await store.verify(sums())
      assert.equal(result.ok, true)
      assert.ok(result.position < position)
      assert.equal(result.events, 15)
    },
  },
  {
    group: 'verifying',
    name: 'refuses a projection that was never built, or was built in another version',
    async run({ open }) {
      const store = await open()
      await refused(store.verify(sums()), 'projection-version', { registered: 0 })
      await store.rebuild(sums())
      await refused(store.verify(sums(2)), 'projection-version', { version: 2, registered: 1 })
    },
  },
  {
    group,
    name: 'lists the projections, with the number of their documents and whether a build is needed',
    async run({ open }) {
      const store = await open()
      await store.append('s1', counted(2))
      const listed = () => collect(store.listProjections())
      assert.deepEqual(await listed(), [])
      const projected = {
        version: 1,
        mode: 'async',
        generation: 1,
        building: undefined,
        isBuildNeeded: false,
      }
      await store.runOnce({ projection: { ...sums(), name: 'b' } })
      await store.runOnce({ projection: { ...sums(), name: 'a' } })
      assert.deepEqual(await listed(), [
        { ...projected, name: 'a', documents: 1 },
        { ...projected, name: 'b', documents: 1 },
      ])
      assert.deepEqual(await collect(store.listProjections({ counts: true })), await listed())
      assert.deepEqual(await collect(store.listProjections({ counts: false })), [
        { ...projected, name: 'a', documents: undefined },
        { ...projected, name: 'b', documents: undefined },
      ])
      await store.rebuild({ ...sums(2), name: 'b' })
      await store.dropProjection('a')
      const [dropped, rebuilt] = await listed()
      assert.deepEqual([dropped?.version, dropped?.documents, dropped?.isBuildNeeded], [0, 0, true])
      assert.deepEqual([rebuilt?.version, rebuilt?.generation, rebuilt?.isBuildNeeded], [2, 2, false])
    },
  },
  {
    group,
    name: 'says that a build is needed if it has another version of a projection than the documents',
    needs: ['shared-data'],
    async run({ open }) {
      await (await open({ inline: [sums()] })).append('s1', counted(2))
      const neededBy = async (version: number) =>
        (await collect((await open({ inline: [sums(version)] })).listProjections()))[0]?.isBuildNeeded
      assert.deepEqual([await neededBy(1), await neededBy(2)], [false, true])
    },
  },
]
