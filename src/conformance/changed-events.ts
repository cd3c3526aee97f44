/** Cases of handlers that change the event, or the list of events, that they get. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, numbersOf, range } from './events.ts'

const group = 'handlers that change their events'

export const changedEventCases: readonly ConformanceCase[] = [
  {
    group,
    // Without it, a retry would see what the call before has made of the event, and a checkpoint could pass over events.
    name: 'get an event as it was recorded for each call, also if a call before has changed it',
    async run({ open }) {
      const store = await open()
      const events = range(1, 3).map((number) => ({ type: 'T', data: { number, list: [number] } }))
      const { positions } = await store.append('a', events)
      const change = (event: RecordedEvent) => {
        ;(event.data as { list: number[] }).list.push(0)
        Object.assign(event, { position: 10 ** 9, streamId: 'b', type: 'U', id: undefined })
      }
      for (const transactional of [true, false]) {
        const seen: string[] = []
        const failing = new Set([1, 2])
        const handle = (event: RecordedEvent, { attempt }: { readonly attempt: number }) => {
          const { number, list } = event.data as { number: number; list: number[] }
          seen.push(`${event.streamId} ${event.type} ${number} ${JSON.stringify(list)} ${attempt}`)
          change(event)
          if (number === 2 || failing.delete(number)) throw new Error(`cannot handle ${number}`)
        }
        const onError = { retries: 1, backoff: 1, action: 'park' } as const
        const expected = ['1 [1] 1', '1 [1] 2', '2 [2] 1', '2 [2] 2', '3 [3] 1'].map((one) => `a T ${one}`)
        const name = `single ${transactional}`
        const once = await store.runOnce({ name, transactional, onError, handle })
        assert.deepEqual(seen, expected)
        assert.deepEqual([once.handled, once.parked, once.checkpoint], [2, 1, positions[2]])
        const batches = {
          name: `batch ${transactional}`,
          transactional,
          onError,
          handleBatch(batch: readonly RecordedEvent[], context: { readonly attempt: number }) {
            if (batch.length === 1) return handle(batch[0] as RecordedEvent, context)
            for (const event of batch) change(event)
            throw new Error('cannot handle the batch')
          },
        }
        seen.length = 0
        failing.add(1)
        assert.deepEqual(await store.runOnce(batches), once)
        assert.deepEqual(seen, expected)
        for (const parked of [store.parked(name), store.parked(batches.name)]) {
          const records = await collect(parked.list())
          const facts = records.map(({ position, streamId, type, failures }) => [
            position,
            streamId,
            type,
            failures,
          ])
          assert.deepEqual(facts, [[positions[1], 'a', 'T', 2]])
          await parked.retry({})
        }
        await store.runOnce(batches)
        const [again] = await collect(store.parked(batches.name).list())
        assert.deepEqual([again?.position, again?.streamId, again?.failures], [positions[1], 'a', 4])
      }
    },
  },
  {
    group,
    name: 'do not double what a projection has taken from an event, when another event of its batch fails',
    async run({ open }) {
      const store = await open()
      const collected = projection({
        name: 'collected',
        events: ['T', 'Bad'],
        key: ({ streamId }: RecordedEvent) => streamId,
        initialState: (): { list: number[] } => ({ list: [] }),
        evolve({ list }, { type, data }) {
          if (type === 'Bad') throw new Error('a bad event')
          // Keeps the list of the first event, and adds to it.
          const { list: more } = data as { list: number[] }
          if (list.length === 0) return { list: more }
          list.push(...more)
          return { list }
        },
      })
      await store.append('a', [
        ...range(1, 3).map((number) => ({ type: 'T', data: { list: [number] } })),
        { type: 'Bad', data: {} },
      ])
      await store.runOnce({ projection: collected, onError: { retries: 0, action: 'park' } })
      assert.deepEqual((await store.view(collected).get('a'))?.state, { list: [1, 2, 3] })
    },
  },
  {
    group,
    name: 'may empty the list of events that they get',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(5))
      for (const transactional of [true, false]) {
        const handled: RecordedEvent[] = []
        const { caughtUp } = await store.runOnce({
          name: `s-${transactional}`,
          transactional,
          handleBatch(events) {
            handled.push(...(events as RecordedEvent[]).splice(0))
          },
        })
        assert.equal(caughtUp, true)
        assert.deepEqual(numbersOf(handled), range(1, 5))
      }
    },
  },
]
