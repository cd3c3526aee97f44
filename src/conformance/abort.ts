/**
 * Cases of abort signals: a call with an aborted signal does nothing, and a running call ends with the signal's reason.
 */
import assert from 'node:assert/strict'
import { sleep } from '../runtime/abort.ts'
import type { EventStore } from '../store.ts'
import { uuidv7 } from '../uuid.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, everything, identified, logOf, numbersOf, range } from './events.ts'
import { failure } from './expect.ts'

const group = 'signals'

const calls: readonly (readonly [
  description: string,
  call: (store: EventStore, signal: AbortSignal) => Promise<unknown>,
])[] = [
  ['createStream', (store, signal) => store.createStream('b', { signal })],
  ['append', (store, signal) => store.append('a', counted(1), { signal })],
  ['append without events', (store, signal) => store.append('a', [], { signal })],
  ['appendAll', (store, signal) => store.appendAll([{ streamId: 'a', events: counted(1) }], { signal })],
  ['readStream', (store, signal) => store.readStream('a', { signal })],
  ['readAll', (store, signal) => logOf(store, { signal })],
  ['raw.findEvent', (store, signal) => store.raw.findEvent(uuidv7(), { signal })],
  ['streamInfo', (store, signal) => store.streamInfo('a', { signal })],
  ['listStreams', (store, signal) => collect(store.listStreams({ signal }))],
  [
    'audit.record',
    (store, signal) =>
      store.audit.record({ actor: 'ada', action: 'pause', target: 'a', outcome: 'done' }, { signal }),
  ],
  ['audit.list', (store, signal) => collect(store.audit.list({ signal }))],
  [
    'listStreams of the largest',
    (store, signal) => collect(store.listStreams({ order: 'largest', limit: 1, signal })),
  ],
  [
    'import',
    (store, signal) =>
      store.import([{ ...counted(1)[0], type: 'T', data: 1, streamId: 'c' }], { name: 'n', signal }),
  ],
  ['import of an empty source', (store, signal) => store.import([], { signal })],
]

/** A signal that is no instance of this realm's `AbortSignal`, but behaves like one. */
function foreignSignal(): { readonly signal: AbortSignal; abort(reason: unknown): void } {
  const controller = new AbortController()
  const { signal } = controller
  const foreign = {
    get aborted() {
      return signal.aborted
    },
    get reason() {
      return signal.reason
    },
    addEventListener: signal.addEventListener.bind(signal),
    removeEventListener: signal.removeEventListener.bind(signal),
    throwIfAborted: () => signal.throwIfAborted(),
  }
  return { signal: foreign as unknown as AbortSignal, abort: (reason) => controller.abort(reason) }
}

async function* endless(): AsyncGenerator<never> {
  await new Promise(() => {})
}

export const abortCases: readonly ConformanceCase[] = [
  ...calls.map(
    ([description, call]): ConformanceCase => ({
      group,
      name: `rejects ${description} with the reason of an aborted signal, and does nothing`,
      async run({ open }) {
        const store = await open()
        await store.append('a', counted(2))
        const before = await everything(store)
        const reason = new Error('given up')
        assert.equal(await failure(call(store, AbortSignal.abort(reason))), reason)
        assert.deepEqual(await everything(store), before)
        const unnamed = await failure(call(store, AbortSignal.abort()))
        assert.ok(unnamed instanceof Error && unnamed.name === 'AbortError')
        // The store must stay usable.
        await call(store, new AbortController().signal)
      },
    }),
  ),
  {
    group,
    name: 'obeys a signal of another realm, before a call and during it',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(3))
      for (const when of ['before', 'during'] as const) {
        const { signal, abort } = foreignSignal()
        const reason = new Error(when)
        if (when === 'before') abort(reason)
        const runs = [
          collect(store.readAll({ follow: true, signal })),
          store.import(endless(), { name: `${when} import`, signal }),
          store.runOnce({ name: when, handle: (_, context) => sleep(60_000, context.signal) }, { signal }),
        ]
        const outcomes = Promise.all(runs.map((run) => failure(run)))
        if (when === 'during') setTimeout(() => abort(reason), 20)
        for (const outcome of await outcomes) assert.equal(outcome, reason)
      }
    },
  },
  {
    group,
    name: 'settles an aborted append, and has written all of its events or none',
    async run({ open }) {
      const store = await open()
      const reason = new Error('given up')
      const calling = range(1, 20).map(async (number) => {
        const controller = new AbortController()
        const call = store.append(`s-${number}`, identified(3), { signal: controller.signal })
        if (number % 2 === 0) await new Promise(setImmediate)
        controller.abort(reason)
        return call
      })
      for (const outcome of await Promise.allSettled(calling)) {
        if (outcome.status === 'rejected') assert.equal(outcome.reason, reason)
      }
      for (const number of range(1, 20)) {
        // The aborted call has recorded all of its three events before this one, or none.
        const { version } = await store.append(`s-${number}`, counted(1))
        assert.ok(version === 1 || version === 4)
      }
    },
  },
  {
    group,
    name: 'shows no further event once the reader of the log aborts',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1500))
      const reason = new Error('given up')
      for (const at of [1, 500, 1000, 1200]) {
        const controller = new AbortController()
        const seen: number[] = []
        const error = await failure(async () => {
          for await (const event of store.readAll({ signal: controller.signal })) {
            seen.push(...numbersOf([event]))
            if (seen.length === at) controller.abort(reason)
          }
        })
        assert.equal(error, reason)
        assert.equal(seen.length, at)
      }
    },
  },
  {
    group,
    name: 'shows no further stream once the reader of the list aborts',
    async run({ open }) {
      const store = await open()
      const source = identified(700).map((event, index) => ({ ...event, streamId: `s-${index}` }))
      await store.import(source)
      const reason = new Error('given up')
      for (const at of [1, 500, 600]) {
        const controller = new AbortController()
        let seen = 0
        const error = await failure(async () => {
          for await (const _ of store.listStreams({ signal: controller.signal })) {
            if (++seen === at) controller.abort(reason)
          }
        })
        assert.equal(error, reason)
        assert.equal(seen, at)
      }
    },
  },
  {
    group,
    name: 'leaves no listener on a signal',
    async run({ open }) {
      const store = await open()
      const { signal } = new AbortController()
      let listeners = 0
      const count = (name: 'addEventListener' | 'removeEventListener', change: number) => {
        const original = signal[name].bind(signal) as (...parameters: unknown[]) => void
        Object.defineProperty(signal, name, {
          value: (...parameters: unknown[]) => {
            listeners += change
            original(...parameters)
          },
        })
      }
      count('addEventListener', 1)
      count('removeEventListener', -1)
      for (const [, call] of calls) await call(store, signal)
      assert.equal(listeners, 0)
    },
  },
]
