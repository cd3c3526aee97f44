/** Cases of the observer of a store: what it measures, runs and injects, and that its mistakes change nothing. */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import type { RecordedEvent } from '../event.ts'
import type { Metric } from '../observe/metric.ts'
import type { Observer } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import { projection } from '../projection/projection.ts'
import type { ConformanceCase } from './case.ts'
import { type Counted, counted, identified, logOf, streamOf } from './events.ts'
import { allAtOnce, failure, latch, refused } from './expect.ts'

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

const counter = decider({
  initialState: () => 0,
  decide(number: number, sum: number): Counted[] {
    if (number < 0) throw new RangeError('must not be negative')
    return number === 0 ? [] : counted(1, sum + number)
  },
  evolve: (_: number, { data }: Counted) => data.number,
})

const sums = projection<{ sum: number }, Counted>({
  name: 'sums',
  version: 1,
  events: ['Counted'],
  key: (event) => event.streamId,
  initialState: () => ({ sum: 0 }),
  evolve: ({ sum }, { data }) => ({ sum: sum + data.number }),
})

/** Returns the messages of the warnings about observers that the process emits during the work. */
async function warningsOf(work: () => Promise<unknown>): Promise<string[]> {
  const warnings: string[] = []
  const hear = (warning: Error & { code?: string }) => {
    if (warning.code === 'observer-failed') warnings.push(warning.message)
  }
  process.on('warning', hear)
  try {
    await work()
    await new Promise((resolve) => setTimeout(resolve, 5))
  } finally {
    process.off('warning', hear)
  }
  return warnings
}

const wrongArounds: Readonly<Record<string, { readonly around: unknown; readonly says: RegExp }>> = {
  'throws before the work': {
    around: () => {
      throw new Error('on purpose')
    },
    says: /on purpose/,
  },
  'never calls the work': { around: async () => 'nothing', says: /without calling/ },
  'calls the work after an await': {
    around: async (_: Operation, work: () => Promise<unknown>) => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return work()
    },
    says: /without calling/,
  },
  'calls the work twice': {
    around: async (_: Operation, work: () => Promise<unknown>) => {
      void work()
      return work()
    },
    says: /twice/,
  },
  'returns an object that cannot be read': {
    around: (_: Operation, work: () => Promise<unknown>) => {
      void work()
      const has = () => {
        throw new Error('on purpose')
      }
      return new Proxy({}, { has })
    },
    says: /on purpose/,
  },
  'throws after the work': {
    around: async (_: Operation, work: () => Promise<unknown>) => {
      await work().catch(() => {})
      throw new Error('on purpose')
    },
    says: /on purpose/,
  },
}

const wrongInjects: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error('on purpose')
  },
  'returns no object': () => 1,
  'returns what is no JSON': () => ({ at: new Date() }),
  'returns a reserved key': () => ({ $schemaVersion: 1 }),
  'returns a promise': async () => ({}),
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
  {
    group,
    name: 'gives the observer copies of the events that a handler gets, so that it cannot change them',
    async run({ open }) {
      const around: Observer['around'] = (operation, work) => {
        if (operation.name === 'handle' || operation.name === 'project') {
          for (const { data } of operation.events) (data as { number: number }).number = 0
          ;(operation.events as RecordedEvent[]).length = 0
        }
        return work()
      }
      const store = await open({ observe: { around } })
      await store.append('a', counted(3))
      const seen: number[][] = []
      const note = (events: readonly RecordedEvent[]) => {
        seen.push((events as readonly RecordedEvent<Counted>[]).map(({ data }) => data.number))
      }
      await store.runOnce({ name: 'one', handle: (event) => note([event]) })
      await store.runOnce({ name: 'batch', handleBatch: note })
      await store.runOnce({ projection: sums })
      assert.deepEqual(seen, [[1], [2], [3], [1, 2, 3]])
      assert.deepEqual((await store.view(sums).get('a'))?.state, { sum: 6 })
    },
  },
  ...Object.entries(wrongInjects).map(
    ([how, inject]): ConformanceCase => ({
      group,
      name: `appends without injected metadata, and warns once, if \`inject\` ${how}`,
      async run({ open }) {
        const store = await open({ observe: { inject: inject as () => undefined } })
        const warnings = await warningsOf(async () => {
          for (let times = 0; times < 3; times++) await store.append('a', counted(1))
          await commandHandler({ store, decider: counter })('b', 1)
        })
        assert.equal(warnings.length, 1)
        assert.match(String(warnings[0]), /observe\.inject/)
        assert.deepEqual(
          (await streamOf(store, 'a')).map(({ metadata }) => metadata),
          [{}, {}, {}],
        )
      },
    }),
  ),
  ...Object.entries(wrongArounds).map(
    ([how, { around, says }]): ConformanceCase => ({
      group,
      name: `runs the work once, and returns its outcome, if \`around\` ${how}`,
      async run({ open }) {
        const measure = () => {
          throw new Error('also on purpose')
        }
        const store = await open({ observe: { around: around as never, measure } })
        const handled: number[] = []
        const warnings = await warningsOf(async () => {
          assert.equal((await store.append('a', counted(2))).version, 2)
          const conflict = store.append('a', counted(1), { expectedVersion: 9 })
          await refused(conflict, 'wrong-expected-version')
          assert.equal((await store.readStream('a')).version, 2)
          const { version } = await commandHandler({ store, decider: counter })('a', 1)
          assert.equal(version, 3)
          const handle = ({ version }: RecordedEvent) => {
            handled.push(version)
          }
          await store.runOnce({ name: 's', handle })
        })
        assert.deepEqual(handled, [1, 2, 3])
        assert.equal((await streamOf(store, 'a')).length, 3)
        assert.equal(warnings.length, 2, warnings.join('\n'))
        assert.ok(warnings.some((warning) => says.test(warning) && warning.includes('observe.around')))
      },
    }),
  ),
  {
    group,
    name: 'does not observe the calls of the store that the observer itself makes',
    async run({ open }) {
      const calls: string[] = []
      const own: Promise<unknown>[] = []
      let opened: { store: Awaited<ReturnType<typeof open>> } | undefined
      const again = (part: string) => {
        calls.push(part)
        if (calls.length > 20) throw new Error('the observer observes itself')
        if (opened !== undefined)
          own.push(opened.store.append('audit', counted(1)), opened.store.readStream('a'))
      }
      const around: Observer['around'] = (operation, work) => {
        again(operation.name)
        return work()
      }
      const inject = () => {
        again('inject')
        return { traced: true }
      }
      opened = { store: await open({ observe: { around, inject } }) }
      const { version } = await opened.store.append('a', counted(1))
      assert.equal(version, 1)
      await Promise.all(own)
      assert.deepEqual(calls, ['append', 'inject'])
      assert.deepEqual((await opened.store.readStream('a')).events[0]?.metadata, { traced: true })
      const audit = await streamOf(opened.store, 'audit')
      assert.ok(audit.every(({ metadata }) => metadata.traced === undefined))
    },
  },
  {
    group,
    name: 'does not wait for an observer that never settles',
    async run({ open }) {
      const around = ((_: Operation, work: () => Promise<unknown>) => {
        void work()
        return new Promise(() => {})
      }) as never
      const store = await open({ observe: { around, measure: () => new Promise(() => {}) as never } })
      await store.append('a', counted(1))
      await store.runOnce({ name: 's', handle: () => {} })
      await store.close()
    },
  },
  {
    group,
    name: 'refuses an observer that is none',
    async run({ open }) {
      // The last one has a misspelt name.
      for (const observe of [null, 1, 'x', [], { mesure() {} }]) {
        await refused(() => open({ observe: observe as never }), 'invalid-input', { field: 'observe' })
      }
      for (const part of ['measure', 'around', 'inject']) {
        const observe = { [part]: 1 }
        await refused(() => open({ observe }), 'invalid-input', { field: `observe.${part}` })
      }
      await refused(() => open({ onMetric: 1 as never }), 'invalid-input', { field: 'onMetric' })
    },
  },
]
