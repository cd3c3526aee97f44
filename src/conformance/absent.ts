/**
 * Cases of properties that a caller passes with the value undefined. The fault: a spread copies an undefined property
 * over a value, and `in` finds it, so that a property that the caller left out replaces one that the caller gave.
 */
import assert from 'node:assert/strict'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import type { Event, Metadata } from '../event.ts'
import { type DocumentProjection, projection } from '../projection/projection.ts'
import type { SubscribeOptions } from '../subscription/subscription.ts'
import { balances, deposit } from './balances.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, eventOfType, logOf, streamOf } from './events.ts'

const group = 'undefined properties'

/** A decider that counts events, and decides the event that the command is. */
const counter = decider({
  initialState: () => 0,
  decide: (event: Event) => event,
  evolve: (count: number) => count + 1,
})

export const absentCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'keeps metadata of the call where the metadata of the event is undefined',
    async run({ open }) {
      const store = await open()
      const metadata = { correlationId: 'c', userId: 'shared', traceparent: undefined }
      const event = { ...eventOfType('A'), metadata: { correlationId: undefined, userId: 'own' } }
      await store.append('a', [event, eventOfType('A')], { metadata })
      await store.appendAll([{ streamId: 'b', events: [event, eventOfType('A')] }], { metadata })
      for (const streamId of ['a', 'b']) {
        assert.deepEqual(
          (await streamOf(store, streamId)).map((recorded) => recorded.metadata),
          [
            { correlationId: 'c', userId: 'own' },
            { correlationId: 'c', userId: 'shared' },
          ],
        )
      }
    },
  },
  {
    group,
    name: 'records correlationId and causationId of a command whose metadata has them as undefined',
    async run({ open }) {
      const store = await open()
      const handle = commandHandler({ store, decider: counter, streamId: undefined, retries: undefined })
      const absent = { correlationId: undefined, causationId: undefined }
      const metadata: Metadata = { ...absent, userId: 'u', ['__proto__']: 'kept' }
      const event: Event = { ...eventOfType('A'), id: undefined, tags: undefined }
      await handle('a', { ...event, metadata: absent }, { commandId: 'c-1' })
      await handle(
        'a',
        { ...event, metadata: { ...absent, userId: undefined } },
        { commandId: 'c-2', metadata },
      )
      await handle('a', { ...event, metadata: undefined }, { commandId: undefined, metadata: absent })
      const [first, second, third] = (await streamOf(store, 'a')).map((recorded) => recorded.metadata)
      assert.deepEqual(first, { correlationId: 'c-1', causationId: 'c-1' })
      assert.deepEqual(second, {
        correlationId: 'c-2',
        causationId: 'c-2',
        userId: 'u',
        ['__proto__']: 'kept',
      })
      assert.equal(typeof third?.correlationId, 'string')
      assert.equal(third?.causationId, third?.correlationId)
    },
  },
  {
    group,
    name: 'returns the events of a command with undefined metadata as it has recorded them',
    async run({ open }) {
      const store = await open()
      const handle = commandHandler({ store, decider: counter })
      const metadata = { correlationId: undefined, userId: 'u' }
      const event = { ...eventOfType('A'), metadata: { userId: undefined } }
      const { events } = await handle('a', event, { metadata })
      assert.deepEqual(events, await logOf(store))
    },
  },
  {
    group,
    name: 'accepts a subscription in which what belongs to another kind of handler is undefined',
    async run({ open }) {
      const store = await open()
      await store.append('a', [deposit('k', 1), deposit('l', 2)])
      let calls = 0
      const handle = () => void calls++
      const own = { types: undefined, tags: undefined, from: undefined, onError: undefined }
      for (const options of [
        { ...own, name: 'one', handle, handleBatch: undefined, projection: undefined },
        { ...own, name: 'batch', handle: undefined, handleBatch: handle, projection: undefined },
        { projection: balances, name: undefined, handle: undefined, handleBatch: undefined },
      ]) {
        assert.equal((await store.runOnce(options as SubscribeOptions)).handled, 2)
      }
      assert.equal(calls, 3)
      assert.equal((await store.view(balances).get('l'))?.state.balance, 2)
    },
  },
  {
    group,
    name: 'takes the default of every option that is undefined',
    async run({ open }) {
      const store = await open({ inline: undefined })
      const { metadata } = await store.createStream('a', { metadata: undefined, signal: undefined })
      assert.deepEqual(metadata, {})
      const options = { expectedVersion: undefined, metadata: undefined, signal: undefined }
      const event: Event = { ...eventOfType('A'), id: undefined, metadata: undefined, tags: undefined }
      await store.append('a', [event], options)
      await store.appendAll([{ streamId: 'a', events: [event], expectedVersion: undefined }], options)
      await store.import([{ ...event, streamId: 'b', recordedAt: undefined }], {
        name: 'n',
        batchSize: undefined,
        clampTimes: undefined,
        onProgress: undefined,
      })
      const all = await logOf(store)
      assert.deepEqual(
        all.map(({ metadata, tags }) => ({ metadata, tags })),
        all.map(() => ({ metadata: {}, tags: [] })),
      )
      const none = {
        ...{ after: undefined, until: undefined, direction: undefined, limit: undefined, follow: undefined },
        ...{ types: undefined, streamPrefix: undefined, tags: undefined, signal: undefined },
      }
      assert.deepEqual(await logOf(store, none), all)
      const window = { fromVersion: undefined, toVersion: undefined, asOf: undefined, limit: undefined }
      assert.equal((await store.readStream('a', { ...window, direction: undefined })).events.length, 2)
      const streams = await collect(
        store.listStreams({ prefix: undefined, after: undefined, limit: undefined, order: undefined }),
      )
      assert.equal(streams.length, 2)
    },
  },
  {
    group,
    name: 'takes the default of every option of a projection that is undefined',
    async run({ open }) {
      const given = { name: 'numbers', events: undefined, version: undefined, streamPrefix: undefined }
      const functions = { key: () => 'k', initialState: () => 0, evolve: (count: number) => count + 1 }
      const numbers = projection({
        ...given,
        ...functions,
        handle: undefined,
      } as never) as DocumentProjection<number, Event>
      const store = await open({ inline: [numbers] })
      await store.append('a', counted(3))
      assert.equal((await store.view(numbers).get('k'))?.state, 3)
      const documents = { prefix: undefined, after: undefined, limit: undefined }
      assert.equal((await collect(store.view(numbers).list(documents))).length, 1)
    },
  },
]
