/** Cases of `runOnce` when the log has no new event: it must see everything else that there is to do. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, numbersOf, range } from './events.ts'
import { refused } from './expect.ts'

const group = 'runOnce without new events'

export const runOnceCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'returns that nothing was handled, also in an empty log, while paused, and beside a worker',
    async run({ open }) {
      const store = await open()
      const options = { name: 's', handle() {} }
      const nothing = { handled: 0, parked: 0, caughtUp: true, paused: false }
      assert.deepEqual(await store.runOnce(options), { ...nothing, checkpoint: 0 })
      assert.deepEqual(await store.runOnce(options), { ...nothing, checkpoint: 0 })
      await store.append('a', counted(3))
      const { checkpoint, ...first } = await store.runOnce(options)
      assert.deepEqual(first, { ...nothing, handled: 3 })
      assert.deepEqual(await store.runOnce(options), { ...nothing, checkpoint })
      await store.subscriptions.pause('s')
      assert.deepEqual(await store.runOnce(options), { ...nothing, checkpoint })
      await store.subscriptions.resume('s')
      const subscription = store.subscribe(options)
      await subscription.caughtUp()
      assert.deepEqual(await store.runOnce(options), { ...nothing, checkpoint })
      await subscription.stop()
    },
  },
  {
    group,
    needs: ['shared-data'],
    name: 'handles what another store object has appended, and moves over events that it does not want',
    async run({ open }) {
      const [store, other] = [await open(), await open()]
      const events: RecordedEvent[] = []
      const options = {
        name: 's',
        types: ['Counted'],
        handle: (event: RecordedEvent) => void events.push(event),
      }
      for (let round = 1; round <= 3; round++) {
        await other.append('a', counted(1, round))
        assert.equal((await store.runOnce(options)).handled, 1)
        const { position } = await other.append('a', [{ type: 'Other', data: {} }])
        const { handled, checkpoint, caughtUp } = await store.runOnce(options)
        assert.equal(handled, 0)
        assert.ok(caughtUp && checkpoint >= position)
      }
      assert.deepEqual(numbersOf(events), range(1, 3))
    },
  },
  {
    group,
    name: 'handles parked events that an operator retries, and blocked ones that a skip unblocks',
    async run({ open }) {
      const store = await open()
      const numbers: number[] = []
      let fails = true
      const options = {
        name: 's',
        onError: { retries: 0, action: 'block-stream' as const },
        handle({ data }: RecordedEvent) {
          if (fails) throw new Error('it fails')
          numbers.push((data as { number: number }).number)
        },
      }
      await store.append('a', counted(2))
      await store.append('b', counted(2, 3))
      assert.equal((await store.runOnce(options)).parked, 4)
      assert.deepEqual(await parkedAndHandled(store.runOnce(options)), [0, 0])
      assert.equal(await store.parked('s').retry({ streamId: 'a' }), 1)
      assert.deepEqual(await parkedAndHandled(store.runOnce(options)), [1, 0])
      fails = false
      assert.deepEqual(await parkedAndHandled(store.runOnce(options)), [0, 0])
      assert.equal(await store.parked('s').retry({ streamId: 'a' }), 1)
      assert.deepEqual(await parkedAndHandled(store.runOnce(options)), [0, 2])
      const first = (await collect(store.parked('s').list()))[0]
      assert.equal(await store.parked('s').skip(first?.position as number), 1)
      assert.deepEqual(await parkedAndHandled(store.runOnce(options)), [0, 1])
      assert.deepEqual(await parkedAndHandled(store.runOnce(options)), [0, 0])
      assert.deepEqual(numbers, [1, 2, 4])
    },
  },
  {
    group,
    name: 'handles events again after a move, and with another number of partitions',
    async run({ open }) {
      const store = await open()
      const handled: RecordedEvent[] = []
      const options = { name: 's', handle: (event: RecordedEvent) => void handled.push(event) }
      await store.append('a', counted(2))
      await store.runOnce(options)
      await store.subscriptions.move('s', 'beginning', { again: true })
      assert.equal((await store.runOnce(options)).handled, 2)
      await store.subscriptions.repartition('s', 3)
      assert.equal((await store.runOnce(options)).handled, 0)
      await store.append('b', counted(1, 3))
      assert.equal((await store.runOnce(options)).handled, 1)
      assert.deepEqual(numbersOf(handled), [1, 2, 1, 2, 3])
    },
  },
  {
    group,
    name: 'refuses another definition, stores a higher version, and takes over a place',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2))
      const handle = () => {}
      await store.runOnce({ name: 's', handle })
      const narrow = { name: 's', types: ['Other'], handle }
      const { cause } = await refused(store.runOnce(narrow), 'subscription-failed')
      assert.equal((cause as { code?: string }).code, 'subscription-mismatch')
      await store.runOnce({ ...narrow, version: 2 })
      await store.runOnce({ name: 's', handle })
      assert.equal((await collect(store.subscriptions.list()))[0]?.version, 2)
      const successor = { name: 't', from: { after: 's', otherwise: 'beginning' as const }, handle }
      const { handled } = await store.runOnce(successor)
      assert.equal(handled, 0)
      assert.equal((await store.runOnce(successor)).caughtUp, true)
      assert.equal((await store.runOnce({ ...narrow, version: 2 })).handled, 0)
    },
  },
  {
    group,
    name: 'refuses the former version of an async projection',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2))
      const count = (version: number) =>
        projection({
          ...{ name: 'count', version, key: () => 'all', initialState: () => 0 },
          evolve: (state: number) => state + 1,
        })
      const [former, later] = [count(1), count(2)]
      await store.runOnce({ projection: former })
      assert.equal((await store.runOnce({ projection: former })).handled, 0)
      await store.rebuild(later)
      const { handled } = await store.runOnce({ projection: former })
      assert.equal(handled, 0)
      assert.deepEqual(await store.runOnce({ projection: later }).then(({ caughtUp }) => caughtUp), true)
      assert.equal((await store.view(later).get('all'))?.state, 2)
    },
  },
]

async function parkedAndHandled(
  running: Promise<{ readonly parked: number; readonly handled: number }>,
): Promise<readonly number[]> {
  const { parked, handled } = await running
  return [parked, handled]
}
