/** Cases of the observer of a store: what it measures, runs and injects. */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { commandHandler } from '../command/command-handler.ts'
import type { RecordedEvent } from '../event.ts'
import type { Metric } from '../observe/metric.ts'
import type { Observer } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { ConformanceCase } from './case.ts'
import { type Counted, counted, identified, logOf, streamOf } from './events.ts'
import { allAtOnce, failure, latch, refused } from './expect.ts'
import { counter, sums } from './observed.ts'

const group = 'observers'

type MetricOf<Kind> = Extract<Metric, { readonly kind: Kind }>

/** Collects the facts that a store measures. */
function collector() {
  const metrics: Metric[] = []
  return {
    measure: (metric: Metric) => {
      metrics.push(metric)
    },
    /** Returns the facts of a kind since the last call, without their durations, which must be positive. */
    take<Kind extends Metric['kind']>(kind: Kind): Omit<MetricOf<Kind>, 'kind' | 'duration'>[] {
      const taken = metrics.filter((metric): metric is MetricOf<Kind> => metric.kind === kind)
      metrics.length = 0
      return taken.map((metric) => {
        const { kind: _, duration = 1, ...facts } = metric as MetricOf<Kind> & { duration?: number }
        assert.ok(duration > 0 && duration < 60_000, `it took ${duration} ms`)
        return facts
      })
    },
  }
}

/** Collects the operations, each with the names of the operations around it. */
function tracer() {
  const inside = new AsyncLocalStorage<string>()
  const paths: string[] = []
  const operations: Operation[] = []
  const around: Observer['around'] = (operation, work) => {
    const path = [inside.getStore(), operation.name].filter((part) => part !== undefined).join(' > ')
    paths.push(path)
    operations.push(operation)
    return inside.run(path, work)
  }
  return { around, inject: () => ({ path: inside.getStore() }), paths, operations }
}

export const observerCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'measures appends, commits and reads, with their outcomes',
    async run({ open }) {
      const { measure, take } = collector()
      const store = await open({ observe: { measure } })
      const events = identified(2)
      await store.append('a', events)
      assert.deepEqual(take('append'), [{ events: 2, streams: 1, outcome: 'appended' }])
      await store.append('a', events)
      assert.deepEqual(take('append'), [{ events: 2, streams: 1, outcome: 'repeated' }])
      await refused(store.append('a', counted(1), { expectedVersion: 5 }), 'wrong-expected-version')
      assert.deepEqual(take('append'), [{ events: 1, streams: 1, outcome: 'conflict' }])
      await refused(
        store.append('b', [...identified(1), { ...events[0], type: 'X' } as never]),
        'duplicate-event-id',
      )
      assert.deepEqual(take('append'), [{ events: 2, streams: 1, outcome: 'failed' }])
      await refused(store.append('', counted(1)), 'invalid-input')
      assert.deepEqual(take('append'), [])
      const appends = ['c', 'd', 'e'].map((streamId) => ({ streamId, events: counted(2) }))
      await store.appendAll(appends)
      assert.deepEqual(take('append'), [{ events: 6, streams: 3, outcome: 'appended' }])
      await store.import(
        counted(4).map((event) => ({ ...event, streamId: 'f' })),
        { name: 'i' },
      )
      assert.deepEqual(take('append'), [{ events: 4, streams: 1, outcome: 'appended' }])
      await store.readStream('c')
      await store.raw.readStream('absent')
      assert.deepEqual(take('read'), [
        { events: 2, outcome: 'read' },
        { events: 0, outcome: 'read' },
      ])
      await allAtOnce(20, (index) => store.append(`g${index}`, counted(1)))
      const made = take('commit').reduce((sum, { appends }) => sum + appends, 0)
      assert.ok(made >= 20 && made <= 60, `${made} appends were committed`)
    },
  },
  {
    group,
    name: 'calls onMetric and observe.measure with the same facts',
    async run({ open }) {
      const [one, other] = [collector(), collector()]
      const store = await open({ observe: { measure: one.measure }, onMetric: other.measure })
      await store.append('a', counted(1))
      assert.equal(one.take('append').length, 1)
      assert.equal(other.take('append').length, 1)
    },
  },
  {
    group,
    name: 'measures commands: handled, repeated, refused, and how often they decided',
    async run({ open }) {
      const { measure, take } = collector()
      const store = await open({ observe: { measure } })
      const handle = commandHandler({ store, decider: counter })
      await handle('a', 1, { commandId: 'x' })
      await handle('a', 1, { commandId: 'x' })
      const [handled, repeated] = take('command')
      assert.deepEqual(handled, { attempts: 1, outcome: 'handled' })
      assert.equal(repeated?.outcome, 'repeated')
      assert.ok((await failure(handle('a', -1))) instanceof RangeError)
      await refused(handle('a', 1, { expectedVersion: 7 }), 'wrong-expected-version')
      assert.deepEqual(
        take('command').map(({ outcome }) => outcome),
        ['refused', 'refused'],
      )
      // Another append comes between the decision and its append.
      let left = 1
      const overtaken = commandHandler({
        store: {
          ...store,
          async append(streamId, events, options) {
            if (left-- > 0) await store.append(streamId, counted(1))
            return store.append(streamId, events, options)
          },
        },
        decider: counter,
      })
      await overtaken('a', 1)
      assert.deepEqual(take('command'), [{ attempts: 2, outcome: 'handled' }])
      const closed = await open({ observe: { measure } })
      const handleClosed = commandHandler({ store: closed, decider: counter })
      await closed.close()
      await refused(handleClosed('a', 1), 'store-closed')
      assert.deepEqual(
        take('command').map(({ outcome }) => outcome),
        ['failed'],
      )
    },
  },
  {
    group,
    name: 'measures each attempt of a handler, and each parked event',
    async run({ open }) {
      const { measure, take } = collector()
      const store = await open({ observe: { measure } })
      await store.append('a', counted(3))
      const handle = (event: RecordedEvent) => {
        if ((event as RecordedEvent<Counted>).data.number === 2) throw new RangeError('on purpose')
      }
      const onError = { retries: 1, backoff: 1, action: 'park' } as const
      take('append')
      await store.runOnce({ name: 's', handle, onError })
      const [parked] = await logOf(store, { after: 0 }).then((log) => log.slice(1, 2))
      const metrics = take('handle')
      assert.deepEqual(
        metrics.map(({ attempt, outcome }) => `${attempt} ${outcome}`),
        ['1 handled', '1 failed', '2 failed', '1 handled'],
      )
      assert.ok(metrics.every(({ subscription, events }) => subscription === 's' && events === 1))
      await store.runOnce({ name: 'batches', handleBatch: () => {} })
      assert.deepEqual(take('handle'), [
        { subscription: 'batches', events: 3, attempt: 1, outcome: 'handled' },
      ])
      await store.runOnce({ name: 't', handle, onError })
      assert.deepEqual(take('park'), [{ subscription: 't', position: parked?.position }])
    },
  },
  {
    group,
    name: 'measures the lag of a subscription, also while its handler does not end',
    async run({ open }) {
      const { measure, take } = collector()
      const store = await open({ observe: { measure } })
      const held = latch()
      await store.append('a', counted(1))
      const subscription = store.subscribe({ name: 's', handle: () => held.released })
      const until = async (isSo: (lag: Omit<MetricOf<'lag'>, 'kind'>) => boolean) => {
        for (let tries = 0; tries < 200; tries++) {
          const lags = take('lag') as Omit<MetricOf<'lag'>, 'kind'>[]
          if (lags.some(isSo)) return
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
        assert.fail('the lag did not become so')
      }
      try {
        await store.append('b', counted(4))
        await until(({ subscription, lag, lagTime }) => subscription === 's' && lag >= 5 && lagTime > 0)
        held.release()
        await until(({ lag, lagTime }) => lag === 0 && lagTime === 0)
      } finally {
        held.release()
        await subscription.stop()
      }
    },
  },
  {
    group,
    name: 'runs each operation inside the observer, and a handler with all that it does',
    async run({ open }) {
      const { around, paths, operations } = tracer()
      const store = await open({ observe: { around } })
      const handle = commandHandler({ store, decider: counter })
      await handle('a', 1, { commandId: 'x' })
      assert.deepEqual(paths, ['command', 'command > read', 'command > append'])
      assert.deepEqual(operations[0], { name: 'command', streamId: 'a', commandId: 'x' })
      assert.deepEqual(operations[2], { name: 'append', streamIds: ['a'], events: 1 })
      const [event] = await streamOf(store, 'a')
      paths.length = 0
      operations.length = 0
      await store.runOnce({
        name: 's',
        async handle({ streamId }) {
          if (streamId === 'a') await store.append('b', counted(1))
        },
      })
      assert.deepEqual(paths.slice(0, 2), ['handle', 'handle > append'])
      const facts = { subscription: 's', partition: 0, attempt: 1, events: [event] }
      assert.deepEqual(operations[0], { name: 'handle', ...facts })
      paths.length = 0
      await store.runOnce({ projection: sums })
      assert.deepEqual(paths, ['project'])
      await store.rebuild(sums)
      await store.verify(sums)
      assert.deepEqual(paths, ['project', 'rebuild', 'verify'])
      await refused(store.append('a', counted(1), { expectedVersion: 9 }), 'wrong-expected-version')
      assert.equal(paths.at(-1), 'append')
    },
  },
  {
    group,
    name: 'adds injected metadata to new events, but not to imported ones, and keeps what the event or the call has',
    async run({ open }) {
      const { around, inject } = tracer()
      const store = await open({ observe: { around, inject } })
      await store.append('a', [
        counted(1)[0] as Counted,
        { ...counted(1)[0], metadata: { path: 'own', more: 1 } } as Counted,
      ])
      await store.append('a', counted(1), { metadata: { path: 'call' } })
      await store.appendAll([{ streamId: 'b', events: counted(1) }])
      await store.import([{ ...counted(1)[0], streamId: 'c', id: identified(1)[0]?.id } as never])
      const metadataOf = async (streamId: string) =>
        (await streamOf(store, streamId)).map(({ metadata }) => metadata)
      assert.deepEqual(await metadataOf('a'), [
        { path: 'append' },
        { path: 'own', more: 1 },
        { path: 'call' },
      ])
      assert.deepEqual(await metadataOf('b'), [{ path: 'append' }])
      assert.deepEqual(await metadataOf('c'), [{}])
      const handle = commandHandler({ store, decider: counter, cacheSize: 1 })
      const { events } = await handle('d', 1)
      assert.equal(events[0]?.metadata.path, 'command')
      // The events that the handler returns are the ones that the store has recorded.
      assert.deepEqual(events, await streamOf(store, 'd'))
    },
  },
  {
    group,
    name: 'injects once for a command, also if it decides several times, and not again for a repeated command',
    async run({ open }) {
      let calls = 0
      const store = await open({ observe: { inject: () => ({ call: ++calls }) } })
      let left = 2
      const handle = commandHandler({
        store: {
          ...store,
          async append(streamId, events, options) {
            const before = calls
            if (left-- > 0) await store.append(streamId, counted(1))
            calls = before
            return store.append(streamId, events, options)
          },
        },
        decider: counter,
      })
      const { events } = await handle('a', 1, { commandId: 'x' })
      assert.equal(calls, 1)
      const repeated = await handle('a', 1, { commandId: 'x' })
      assert.equal(repeated.deduplicated, true)
      assert.deepEqual(repeated.events, events)
      assert.equal(repeated.events[0]?.metadata.call, 1)
    },
  },
]
