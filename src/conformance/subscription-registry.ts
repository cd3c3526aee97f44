/** Cases of the registry: for each version, a name stands for one kind, one filter and one number of partitions. */
import assert from 'node:assert/strict'
import { hasCode } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import type { EventStore } from '../store.ts'
import type { SubscribeOptions } from '../subscription/subscription.ts'
import { balances, deposit } from './balances.ts'
import type { ConformanceCase } from './case.ts'
import { collector, counted, eventOfType, numbersOf, range } from './events.ts'
import { refused } from './expect.ts'

const group = 'subscription registry'

/** Starts a subscription that the store must refuse, because another subscription has the name. Returns the message. */
async function mismatch(store: EventStore, options: SubscribeOptions): Promise<string> {
  const { cause } = await refused(store.runOnce(options), 'subscription-failed')
  assert.ok(
    hasCode(cause, 'subscription-mismatch'),
    `expected 'subscription-mismatch', but got: ${String(cause)}`,
  )
  return cause.message
}

const typesOf = (events: readonly RecordedEvent[]) => events.map(({ type }) => type)

export const subscriptionRegistryCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'fails a worker whose `onStateChange` throws when it is superseded or removed',
    async run({ open }) {
      const store = await open()
      const { handle } = collector()
      for (const last of ['superseded', 'removed'] as const) {
        const boom = new Error('boom')
        const name = `s-${last}`
        const subscription = store.subscribe({
          name,
          handle,
          onStateChange(state) {
            if (state === last) throw boom
          },
        })
        await subscription.caughtUp()
        const done = refused(subscription.done, 'subscription-failed')
        if (last === 'removed') await store.subscriptions.remove(name)
        else await store.runOnce({ name, version: 2, handle })
        assert.equal((await done).cause, boom)
      }
    },
  },
  {
    group,
    name: 'refuses the same version of a subscription with another definition, and shows both',
    async run({ open }) {
      const store = await open()
      await store.append('a', [eventOfType('A'), eventOfType('B')])
      const { handle, handled } = collector()
      const mailer = { name: 'mailer', types: ['A'], partitions: 2, handle }
      await store.runOnce(mailer)
      const message = await mismatch(store, { ...mailer, types: ['B'] })
      assert.match(message, /types \["A"\].*types \["B"\].*raise its version to 2/)
      assert.doesNotMatch(message, /partition|transactional/)
      for (const other of [
        { types: ['A', 'B'] },
        { types: undefined },
        { streamPrefix: 'a' },
        { tags: ['x'] },
        { partitions: 3 },
        { transactional: true },
      ]) {
        await mismatch(store, { ...mailer, ...other })
      }
      await store.append('a', [eventOfType('A')])
      await store.runOnce(mailer)
      assert.deepEqual(typesOf(handled), ['A', 'A'])
    },
  },
  {
    group,
    name: 'takes types and tags in any order, more than once, for the same definition',
    async run({ open }) {
      const store = await open()
      await store.append('a', [eventOfType('A'), eventOfType('B')])
      const { handle, handled } = collector()
      await store.runOnce({ name: 's', types: ['A', 'B'], handle })
      await store.append('a', [eventOfType('B')])
      await store.runOnce({ name: 's', types: ['B', 'A', 'B'], handle })
      assert.deepEqual(typesOf(handled), ['A', 'B', 'B'])
    },
  },
  {
    group,
    name: 'refuses a projection under the name of a handler, and a handler under the name of a projection',
    async run({ open }) {
      const store = await open()
      await store.append('account-1', [deposit('a', 5)])
      await store.runOnce({ name: balances.name, handle() {} })
      const version = 2
      await store.runOnce({ name: 'handled', handle() {} })
      assert.match(await mismatch(store, { projection: { ...balances, name: 'handled' } }), /another name/)
      assert.match(await mismatch(store, { projection: { ...balances, version } }), /another name/)
      await refused(store.rebuild({ ...balances, version }), 'subscription-mismatch')
      await store.runOnce({ projection: { ...balances, name: 'projected' } })
      assert.match(await mismatch(store, { name: 'projected', handle() {} }), /another name/)
      assert.match(await mismatch(store, { name: 'projected', version, handle() {} }), /another name/)
    },
  },
  {
    group,
    name: 'does not resolve caughtUp of a definition that it refuses, whatever the stored checkpoints are',
    async run({ open }) {
      const store = await open()
      await store.append('a', [eventOfType('A'), eventOfType('B')])
      await store.runOnce({ name: 's', types: ['A'], handle() {} })
      const other = store.subscribe({ name: 's', types: ['B'], handle() {} })
      const { cause } = await refused(other.caughtUp(), 'subscription-failed')
      assert.ok(hasCode(cause, 'subscription-mismatch'))
    },
  },
  {
    group,
    name: 'refuses another handler under a name that it runs already, at once',
    async run({ open }) {
      const store = await open()
      const first = collector()
      const second = collector()
      const running = store.subscribe({ name: 's', handle: first.handle })
      await refused(() => store.subscribe({ name: 's', handle: second.handle }), 'subscription-mismatch')
      await refused(store.runOnce({ name: 's', handle: second.handle }), 'subscription-mismatch')
      const again = store.subscribe({ name: 's', handle: first.handle })
      await Promise.all([running.stop(), again.stop()])
      await store.append('a', counted(1))
      await store.runOnce({ name: 's', handle: second.handle })
      assert.equal(second.handled.length, 1)
    },
  },
  {
    group,
    name: 'continues with a higher version where the lower one was, whose workers stand aside',
    needs: ['shared-data'],
    async run({ open }) {
      const [former, present] = [await open(), await open()]
      await former.append('a', counted(3))
      const [one, two] = [collector(), collector()]
      const states: string[] = []
      const first = former.subscribe({
        name: 's',
        handle: one.handle,
        onStateChange: (state) => void states.push(state),
      })
      await first.caughtUp()
      const second = present.subscribe({ name: 's', version: 2, partitions: 3, handle: two.handle })
      await first.done
      assert.equal(states.at(-1), 'superseded')
      await present.append('a', counted(3, 4))
      await second.caughtUp()
      assert.deepEqual(numbersOf(one.handled), range(1, 3))
      assert.deepEqual(numbersOf(two.handled), range(4, 6))
      const late = former.subscribe({ name: 's', handle: one.handle })
      await late.done
      assert.equal((await late.status()).state, 'superseded')
      const { handled, caughtUp } = await former.runOnce({ name: 's', handle: one.handle })
      assert.deepEqual({ handled, caughtUp }, { handled: 0, caughtUp: true })
      await second.stop()
    },
  },
  {
    group,
    name: 'handles with a wider filter of a higher version what comes after the checkpoint, not what came before',
    async run({ open }) {
      const store = await open()
      await store.append('a', [eventOfType('A'), eventOfType('B')])
      const { handle, handled } = collector()
      await store.runOnce({ name: 's', types: ['A'], handle })
      await store.append('a', [eventOfType('B')])
      await store.runOnce({ name: 's', version: 2, types: ['A', 'B'], handle })
      assert.deepEqual(typesOf(handled), ['A', 'B'])
    },
  },
  {
    group,
    name: 'handles with a narrower filter of a higher version only what it selects, and a later wider one does not go back',
    async run({ open }) {
      const store = await open()
      const { handle, handled } = collector()
      await store.append('a', [eventOfType('A'), eventOfType('B')])
      await store.runOnce({ name: 's', handle })
      await store.append('a', [eventOfType('A'), eventOfType('B')])
      await store.runOnce({ name: 's', version: 2, types: ['B'], handle })
      assert.deepEqual(typesOf(handled), ['A', 'B', 'B'])
      await store.append('a', [eventOfType('A')])
      await store.runOnce({ name: 's', version: 3, handle })
      assert.deepEqual(typesOf(handled), ['A', 'B', 'B', 'A'])
    },
  },
  {
    group,
    name: 'passes a parked event to the handler of a higher version also if its filter no longer selects it',
    async run({ open }) {
      const store = await open()
      await store.append('a', [eventOfType('A')])
      const onError = { retries: 0, action: 'park' } as const
      const fail = () => {
        throw new Error('later')
      }
      await store.runOnce({ name: 's', handle: fail, onError })
      const { handle, handled } = collector()
      const second = { name: 's', version: 2, types: ['B'], handle, onError }
      await store.runOnce(second)
      assert.deepEqual(handled, [])
      assert.equal(await store.parked('s').retry({}), 1)
      await store.runOnce(second)
      assert.deepEqual(typesOf(handled), ['A'])
    },
  },
  {
    group,
    name: 'continues after its checkpoint when a higher version has another stream prefix or other tags',
    async run({ open }) {
      const store = await open()
      const { handle, handled } = collector()
      const streams = () => handled.map(({ streamId }) => streamId)
      const appendToEach = async () => {
        for (const stream of ['a-1', 'b-1'])
          await store.append(stream, [{ ...eventOfType('A'), tags: [stream] }])
      }
      await appendToEach()
      await store.runOnce({ name: 's', streamPrefix: 'a-', handle })
      await appendToEach()
      await store.runOnce({ name: 's', version: 2, streamPrefix: 'b-', handle })
      assert.deepEqual(streams(), ['a-1', 'b-1'])
      await appendToEach()
      await store.runOnce({ name: 's', version: 3, tags: ['a-1'], handle })
      assert.deepEqual(streams(), ['a-1', 'b-1', 'a-1'])
    },
  },
  {
    group,
    name: 'repartitions when a higher version has another number of partitions, and handles each event once',
    async run({ open }) {
      const store = await open()
      const { handle, handled } = collector()
      const streams = range(1, 6).map((number) => `s${number}`)
      for (const [index, partitions] of [3, 5, 2].entries()) {
        for (const stream of streams) await store.append(stream, counted(2, 2 * index + 1))
        await store.runOnce({ name: 's', version: index + 1, partitions, handle })
        assert.equal((await store.subscriptionStatus('s'))?.partitions.length, partitions)
      }
      for (const stream of streams) {
        const versions = handled.filter(({ streamId }) => streamId === stream).map(({ version }) => version)
        assert.deepEqual(versions, range(1, 6))
      }
    },
  },
  {
    group,
    name: 'keeps the number of partitions that an operator has set until a higher version asks for another number',
    async run({ open }) {
      const store = await open()
      const count = async () => (await store.subscriptionStatus('s'))?.partitions.length
      const subscription = { name: 's', partitions: 4, handle() {} }
      await store.runOnce(subscription)
      await store.subscriptions.repartition('s', 6)
      await store.runOnce({ ...subscription, partitions: 8 })
      await store.runOnce({ ...subscription, version: 2 })
      assert.equal(await count(), 6)
      await store.runOnce({ ...subscription, version: 3, partitions: 8 })
      assert.equal(await count(), 8)
    },
  },
  {
    group,
    name: 'continues after its checkpoint when a higher version becomes transactional, and when the next one is not',
    async run({ open }) {
      const store = await open()
      const { handle, handled } = collector()
      for (const [index, transactional] of [false, true, false].entries()) {
        await store.append('a', counted(2, 2 * index + 1))
        await store.runOnce({ name: 's', version: index + 1, transactional, handle })
      }
      assert.deepEqual(numbersOf(handled), range(1, 6))
    },
  },
  {
    group,
    name: 'continues after its checkpoint with another function and other limits of the same version, at the next start',
    async run({ open }) {
      const store = await open()
      const { handle, handled } = collector()
      await store.append('a', counted(2))
      await store.runOnce({ name: 's', handle })
      await store.append('a', counted(2, 3))
      await store.runOnce({
        name: 's',
        batchSize: 7,
        leaseTime: 5_000,
        onError: { action: 'park', retries: 1 },
        handleBatch: (events: readonly RecordedEvent[]) => void handled.push(...events),
      })
      assert.deepEqual(numbersOf(handled), range(1, 4))
    },
  },
  {
    group,
    name: 'runs another function under a name that it runs already if its version is higher, and ends the former one',
    async run({ open }) {
      const store = await open()
      const [one, two] = [collector(), collector()]
      const first = store.subscribe({ name: 's', handle: one.handle })
      await store.append('a', counted(2))
      await first.caughtUp()
      const second = store.subscribe({ name: 's', version: 2, handle: two.handle })
      await first.done
      assert.equal((await first.status()).state, 'superseded')
      await store.append('a', counted(2, 3))
      await second.caughtUp()
      assert.deepEqual(
        [numbersOf(one.handled), numbersOf(two.handled)],
        [
          [1, 2],
          [3, 4],
        ],
      )
      await second.stop()
    },
  },
  {
    group,
    name: 'stands aside with a lower version, whatever its definition, and returns to former code under a higher one',
    async run({ open }) {
      const store = await open()
      const { handle, handled } = collector()
      const former = { name: 's', types: ['A'], handle }
      await store.append('a', [eventOfType('A'), eventOfType('B')])
      await store.runOnce({ name: 's', version: 2, types: ['A', 'B'], partitions: 2, handle })
      assert.equal((await store.runOnce(former)).handled, 0)
      assert.equal((await store.runOnce({ ...former, transactional: true })).handled, 0)
      const late = store.subscribe(former)
      await late.done
      assert.equal((await late.status()).state, 'superseded')
      await store.append('a', [eventOfType('B'), eventOfType('A')])
      await store.runOnce({ ...former, version: 3 })
      assert.deepEqual(typesOf(handled), ['A', 'B', 'A'])
    },
  },
  {
    group,
    name: 'lets a successor take over the place of a subscription, with its parked events',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(3))
      const handle = (event: RecordedEvent) => {
        if (event.version === 2) throw new Error('not this one')
      }
      const onError = { retries: 0, action: 'park' } as const
      await store.runOnce({ name: 'mailer', handle, onError })
      const next = collector()
      const successor = { name: 'mailer-v2', from: { after: 'mailer', otherwise: 'beginning' } } as const
      await store.append('a', counted(2, 4))
      await store.runOnce({ ...successor, handle: next.handle })
      assert.deepEqual(numbersOf(next.handled), [4, 5])
      assert.equal(await store.parked('mailer-v2').retry({ error: 'not this one' }), 1)
      await store.runOnce({ ...successor, handle: next.handle })
      assert.deepEqual(numbersOf(next.handled), [4, 5, 2])
      // The former one has no place any more, and no second successor gets it.
      // Longer than a case may take: the call does not wait for a subscription that has ended.
      const limits = { timeout: 600_000 }
      const { handled } = await store.runOnce({ name: 'mailer', handle, onError }, limits)
      assert.equal(handled, 0)
      const third = { name: 'mailer-v3', from: { after: 'mailer', otherwise: 'end' }, handle() {} } as const
      assert.match(await mismatch(store, third), /'mailer-v2' has taken over/)
    },
  },
  {
    group,
    name: 'stays paused when a higher version or a successor continues, until it is resumed',
    async run({ open }) {
      const store = await open()
      const { handle, handled } = collector()
      await store.append('a', counted(2))
      await store.runOnce({ name: 's', handle })
      await store.subscriptions.pause('s')
      await store.append('a', counted(2, 3))
      const { caughtUp } = await store.runOnce({ name: 's', version: 2, handle })
      assert.equal(caughtUp, false)
      const successor = { name: 't', from: { after: 's', otherwise: 'beginning' }, handle } as const
      await store.runOnce(successor)
      assert.deepEqual(numbersOf(handled), [1, 2])
      await store.subscriptions.resume('t')
      await store.runOnce(successor)
      assert.deepEqual(numbersOf(handled), range(1, 4))
    },
  },
  {
    group,
    name: 'begins where `otherwise` says if there is nothing to take over',
    async run({ open }) {
      const store = await open()
      const { position } = await store.append('a', counted(3))
      const { handle, handled } = collector()
      const from = { after: 'nobody', otherwise: { after: position } } as const
      await store.runOnce({ name: 's', from, handle })
      await store.append('a', counted(2, 4))
      await store.runOnce({ name: 's', from, handle })
      assert.deepEqual(numbersOf(handled), [4, 5])
      for (const wrong of [
        { after: 'other' },
        { after: 's', otherwise: 'end' },
        { after: 1, otherwise: 'end' },
      ]) {
        await refused(() => store.subscribe({ name: 's', from: wrong as never, handle }), 'invalid-input')
      }
    },
  },
  {
    group,
    name: 'refuses a successor of another kind',
    async run({ open }) {
      const store = await open()
      await store.append('account-1', [deposit('a', 5)])
      await store.runOnce({ projection: balances })
      const from = { after: balances.name, otherwise: 'end' } as const
      assert.match(await mismatch(store, { name: 's', from, handle() {} }), /cannot take over/)
    },
  },
  {
    group,
    name: 'ends a worker that runs when a successor takes over, and handles each event once',
    needs: ['shared-data'],
    async run({ open }) {
      const [former, present] = [await open(), await open()]
      for (const stream of range(1, 12)) await former.append(`s${stream}`, counted(4))
      const [one, two] = [collector(), collector()]
      const first = former.subscribe({ name: 'old', partitions: 5, transactional: true, handle: one.handle })
      await first.caughtUp()
      const second = present.subscribe({
        name: 'new',
        partitions: 3,
        transactional: true,
        from: { after: 'old', otherwise: 'beginning' },
        handle: two.handle,
      })
      await first.done
      assert.equal((await first.status()).state, 'superseded')
      await refused(first.caughtUp(), 'unknown-subscription', { successor: 'new' })
      for (const stream of range(1, 12)) await present.append(`s${stream}`, counted(2, 5))
      await second.caughtUp()
      assert.equal(one.handled.length, 48)
      assert.equal(two.handled.length, 24)
      await second.stop()
    },
  },
]
