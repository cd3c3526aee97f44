/** Cases of `close`: running calls end, and the store refuses later calls. */
import assert from 'node:assert/strict'
import { hasCode } from '../errors/index.ts'
import type { EventStore } from '../store.ts'
import { uuidv7 } from '../uuid.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, logOf, range } from './events.ts'
import { allAtOnce, failure, refused } from './expect.ts'

const group = 'closing'

const calls: readonly (readonly [description: string, call: (store: EventStore) => Promise<unknown>])[] = [
  ['createStream', (store) => store.createStream('b')],
  ['append', (store) => store.append('a', counted(1))],
  ['append without events', (store) => store.append('a', [])],
  ['appendAll', (store) => store.appendAll([{ streamId: 'a', events: counted(1) }])],
  ['appendAll without appends', (store) => store.appendAll([])],
  ['readStream', (store) => store.readStream('a')],
  ['readAll', (store) => logOf(store)],
  ['readAll with follow', (store) => logOf(store, { follow: true })],
  ['raw.findEvent', (store) => store.raw.findEvent(uuidv7())],
  ['streamInfo', (store) => store.streamInfo('a')],
  ['listStreams', (store) => collect(store.listStreams())],
  ['listStreams of the largest', (store) => collect(store.listStreams({ order: 'largest', limit: 1 }))],
  ['import', (store) => store.import([{ type: 'T', data: 1, streamId: 'a' }], { name: 'n' })],
  [
    'audit.record',
    (store) => store.audit.record({ actor: 'ada', action: 'pause', target: 'a', outcome: 'done' }),
  ],
  ['audit.list', (store) => collect(store.audit.list())],
  ['import of an empty source', (store) => store.import([])],
]

export const closeCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'refuses every further call with StoreClosedError',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1))
      await store.close()
      for (const [description, call] of calls) {
        const error = await failure(() => call(store))
        assert.ok(hasCode(error, 'store-closed'), `${description}: ${error}`)
      }
    },
  },
  {
    group,
    name: 'closes without an error when it is closed again, also at the same moment',
    async run({ open }) {
      const store = await open()
      await Promise.all([store.close(), store.close()])
      await store.close()
    },
  },
  {
    group,
    name: 'closes a store that is disposed of',
    async run({ open }) {
      const store = await open()
      await store[Symbol.asyncDispose]()
      await refused(store.readStream('a'), 'store-closed')
      await store[Symbol.asyncDispose]()
    },
  },
  {
    group,
    name: 'ends an import whose source has no end',
    async run({ open }) {
      const store = await open()
      async function* endless() {
        for (let number = 1; ; number++) {
          if (number === 25) await store.close()
          yield { type: 'T', data: number, streamId: 'a' }
        }
      }
      await refused(store.import(endless(), { name: 'endless', batchSize: 10 }), 'store-closed')
    },
  },
  {
    group,
    name: 'does not wait for a reader of the log, and shows it no further page',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(3500))
      let seen = 0
      const reading = async () => {
        for await (const _ of store.readAll()) if (++seen === 500) await store.close()
      }
      await refused(reading, 'store-closed')
      assert.ok(seen >= 500 && seen < 3500, `${seen} events were shown`)
    },
  },
  {
    group,
    name: 'leaves other stores on the same data open, and keeps the data',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, other] = [await open(), await open()]
      await store.append('a', counted(2))
      await store.close()
      assert.equal((await other.append('a', counted(1))).version, 3)
      const third = await open()
      assert.equal((await third.readStream('a')).version, 3)
    },
  },
  {
    group,
    name: 'settles all running appends, and has recorded the ones that succeeded',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, other] = [await open(), await open()]
      const calling = range(1, 40).map((number) => store.append(`s-${number}`, counted(2)))
      const closing = store.close()
      const outcomes = await Promise.allSettled(calling)
      await closing
      await allAtOnce(40, async (index) => {
        const { version } = await other.readStream(`s-${index + 1}`)
        const outcome = outcomes[index]
        if (outcome?.status === 'fulfilled') assert.equal(version, 2)
        else assert.ok(hasCode(outcome?.reason, 'store-closed') && (version === 0 || version === 2))
      })
    },
  },
]
