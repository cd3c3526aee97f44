/** Cases of the mistakes of an observer: it throws, hangs, changes what it gets, or calls the store itself. */
import assert from 'node:assert/strict'
import { commandHandler } from '../command/command-handler.ts'
import type { RecordedEvent } from '../event.ts'
import type { Observer } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { ConformanceCase } from './case.ts'
import { type Counted, counted, streamOf } from './events.ts'
import { refused } from './expect.ts'
import { counter, sums } from './observed.ts'

const group = 'observers'

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

export const observerMistakeCases: readonly ConformanceCase[] = [
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
