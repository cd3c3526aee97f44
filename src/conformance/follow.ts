/** Cases of `readAll` with `follow`: at the end of the log, the store waits for new events until the reader ends. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from './case.ts'
import { counted, eventOfType, logOf, numbersOf, range } from './events.ts'
import { allAtOnce, failure, refused } from './expect.ts'

const group = 'following'

export const followCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'shows the recorded events and then the new ones, each once',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(5, 1))
      const seen: number[] = []
      for await (const event of store.readAll({ follow: true, limit: 25 })) {
        seen.push(...numbersOf([event]))
        // Appends the next event only after the reader has seen this one.
        if (seen.length >= 5) await store.append('a', counted(1, seen.length + 1))
      }
      assert.deepEqual(seen, range(1, 25))
    },
  },
  {
    group,
    name: 'waits in an empty store for the first event',
    async run({ open }) {
      const store = await open()
      const reader = store.readAll({ follow: true })[Symbol.asyncIterator]()
      const first = reader.next()
      await store.createStream('a')
      await store.append('a', counted(1, 7))
      const { value } = await first
      assert.deepEqual(numbersOf([value]), [7])
      await reader.return?.()
    },
  },
  {
    group,
    name: 'shows events that another store appends to the same data',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, other] = [await open(), await open()]
      const reader = store.readAll({ follow: true })[Symbol.asyncIterator]()
      for (const number of range(1, 5)) {
        const next = reader.next()
        await other.append('a', counted(1, number))
        assert.deepEqual(numbersOf([(await next).value]), [number])
      }
      await reader.return?.()
    },
  },
  {
    group,
    name: 'shows imported events and events of appendAll too',
    async run({ open }) {
      const store = await open()
      const reader = store.readAll({ follow: true })[Symbol.asyncIterator]()
      const next = async () => numbersOf([(await reader.next()).value])[0]
      const first = next()
      await store.appendAll([
        { streamId: 'a', events: counted(1, 1) },
        { streamId: 'b', events: counted(1, 2) },
      ])
      assert.deepEqual([await first, await next()], [1, 2])
      const third = next()
      await store.import(
        counted(2, 3).map((event) => ({ ...event, streamId: 'c' })),
        { name: 'import' },
      )
      assert.deepEqual([await third, await next()], [3, 4])
      await reader.return?.()
    },
  },
  {
    group,
    name: 'shows only events that pass the filters',
    async run({ open }) {
      const store = await open()
      const { position } = await store.append('cart-1', [eventOfType('A', 'before')])
      const options = { follow: true, after: position, types: ['A'], streamPrefix: 'cart-', limit: 3 }
      const seen = logOf(store, options)
      for (const number of range(1, 3)) {
        await store.append('cart-1', [eventOfType('B', number), eventOfType('A', number)])
        await store.append('order-1', [eventOfType('A', -number)])
      }
      assert.deepEqual(
        (await seen).map(({ data }) => data),
        [1, 2, 3],
      )
    },
  },
  {
    group,
    name: 'ends at the position that until names, also when no event there passes the filters',
    async run({ open }) {
      const store = await open()
      const { positions } = await store.append('a', counted(4))
      assert.deepEqual(numbersOf(await logOf(store, { follow: true, until: positions[1] })), [1, 2])
      assert.deepEqual(await logOf(store, { follow: true, until: 0 }), [])
      assert.deepEqual(await logOf(store, { follow: true, types: ['None'], until: positions[3] }), [])

      const until = (positions[3] ?? 0) + 3
      const following = logOf(store, { follow: true, until })
      const filtered = logOf(store, { follow: true, until, streamPrefix: 'b' })
      for (const number of range(5, 9)) await store.append('a', counted(1, number))
      const all = await logOf(store)
      assert.deepEqual(
        await following,
        all.filter(({ position }) => position <= until),
      )
      assert.deepEqual(await filtered, [])
    },
  },
  {
    group,
    name: 'ends with the reason of the signal, while it waits and between two events',
    async run({ open }) {
      const store = await open()
      const reason = new Error('enough')
      const waiting = new AbortController()
      const reader = logOf(store, { follow: true, signal: waiting.signal })
      await store.append('a', counted(3))
      waiting.abort(reason)
      assert.equal(await failure(reader), reason)

      const reading = new AbortController()
      const seen: number[] = []
      const error = await failure(async () => {
        for await (const event of store.readAll({ follow: true, signal: reading.signal })) {
          seen.push(...numbersOf([event]))
          if (seen.length === 2) reading.abort(reason)
        }
      })
      assert.equal(error, reason)
      assert.deepEqual(seen, [1, 2])
      assert.equal(await failure(logOf(store, { follow: true, signal: AbortSignal.abort(reason) })), reason)
    },
  },
  {
    group,
    name: 'ends when the reader breaks off, and leaves the store usable',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(3))
      for (const _ of range(1, 40)) {
        for await (const event of store.readAll({ follow: true })) {
          assert.equal(event.version, 1)
          break
        }
      }
      await store.append('a', counted(1, 4))
      assert.deepEqual(numbersOf(await logOf(store)), [1, 2, 3, 4])
    },
  },
  {
    group,
    name: 'ends with StoreClosedError when the store is closed',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1))
      const seen: number[] = []
      const readers = allAtOnce(5, async () => {
        await refused(async () => {
          for await (const event of store.readAll({ follow: true })) seen.push(...numbersOf([event]))
        }, 'store-closed')
      })
      while (seen.length < 5) await new Promise(setImmediate)
      await store.close()
      await readers
      assert.deepEqual(seen, [1, 1, 1, 1, 1])
    },
  },
  {
    group,
    name: 'shows the same log to many readers while many writers append',
    async run({ open }) {
      const store = await open()
      const readers = allAtOnce(8, () => logOf(store, { follow: true, limit: 300 }))
      await allAtOnce(10, async (writer) => {
        for (const number of range(1, 15)) await store.append(`s-${writer % 4}`, counted(2, number))
      })
      const log = await logOf(store)
      assert.equal(log.length, 300)
      for (const seen of await readers) assert.deepEqual(seen, log)
    },
  },
  {
    group,
    name: 'refuses to follow the log backward',
    async run({ open }) {
      const store = await open()
      const call = () => logOf(store, { follow: true, direction: 'backward' })
      await refused(call, 'invalid-input', { field: 'follow' })
    },
  },
]
