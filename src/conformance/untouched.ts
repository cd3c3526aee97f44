/**
 * Cases of copies: the store copies what it receives and what it returns, so that no caller can change recorded data.
 */
import assert from 'node:assert/strict'
import type { Metadata, RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { StreamInfo } from '../reads.ts'
import { uuidv7 } from '../uuid.ts'
import type { ConformanceCase } from './case.ts'
import { collect, eventOfType, everything, logOf, streamOf } from './events.ts'

const group = 'input and output'

export const untouchedCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'records events as they are at the moment of the call, also if the caller changes them later',
    async run({ open }) {
      const store = await open()
      const id = uuidv7()
      const tags = ['t']
      const metadata = { userId: 'u', list: [1] }
      const shared = { shared: { value: 1 } }
      const data = { list: [1], inner: { value: 'before' } }
      const event = { type: 'T', data, metadata, tags, id }
      const events = [event, eventOfType('U')]
      const changeEverything = () => {
        data.list.push(2)
        data.inner.value = 'after'
        metadata.list.push(2)
        tags.push('later')
        shared.shared.value = 2
        Object.assign(event, { type: 'Z', id: uuidv7() })
        events.length = 0
      }
      const expected = {
        id,
        type: 'T',
        tags: ['t'],
        data: { list: [1], inner: { value: 'before' } },
        metadata: { userId: 'u', list: [1], shared: { value: 1 } },
      }
      const call = store.append('a', events, { metadata: shared as Metadata })
      changeEverything()
      assert.equal((await call).version, 2)
      const [first] = await streamOf(store, 'a')
      const { type, tags: labels, data: payload, metadata: facts } = first ?? {}
      assert.deepEqual({ id: first?.id, type, tags: labels, data: payload, metadata: facts }, expected)
    },
  },
  {
    group,
    name: 'reads with options as they are at the moment of the call',
    async run({ open }) {
      const store = await open()
      await store.append('a', [eventOfType('A'), eventOfType('B')])
      const asOf = new Date(Date.now() + 3_600_000)
      const reading = store.readStream('a', { asOf })
      asOf.setTime(0)
      assert.equal((await reading).events.length, 2)
      const types = ['A']
      const log = store.readAll({ types })
      types[0] = 'B'
      assert.deepEqual(
        (await collect(log)).map(({ type }) => type),
        ['A'],
      )
    },
  },
  {
    group,
    name: 'uses the options of a projection as they were when it was defined',
    async run({ open }) {
      const store = await open()
      await store.append('a', [eventOfType('A'), eventOfType('B')])
      const events = ['A']
      const evolve = (count: number) => count + 1
      const counts = projection({ name: 'counts', events, key: () => 'all', initialState: () => 0, evolve })
      events.push('B')
      await store.runOnce({ projection: counts })
      assert.equal((await store.view(counts).get('all'))?.state, 1)
    },
  },
  {
    group,
    name: 'keeps its data when a caller changes returned objects',
    async run({ open }) {
      const store = await open()
      await store.createStream('b', { metadata: { list: [1] } })
      const event = { type: 'T', data: { list: [1] }, id: uuidv7() }
      const results = [await store.append('a', [event]), await store.append('a', [event])]
      const before = await everything(store)
      for (const { recordedAt, positions } of [...results, await store.append('a', [event])]) {
        recordedAt?.setTime(0)
        ;(positions as number[]).fill(0)
      }
      const info = (await store.streamInfo('b')) as StreamInfo
      ;(info.metadata as { list: number[] }).list.push(2)
      info.createdAt.setTime(0)
      const listed = (await collect(store.listStreams()))[0]
      listed?.lastRecordedAt?.setTime(0)
      const [recorded] = (await logOf(store)) as [RecordedEvent<{ type: 'T'; data: { list: number[] } }>]
      recorded.recordedAt.setTime(0)
      recorded.data.list.push(2)
      ;(recorded.tags as string[]).push('t')
      assert.deepEqual(await everything(store), before)
      const again = await store.append('a', [event])
      assert.deepEqual(again.recordedAt, (await streamOf(store, 'a'))[0]?.recordedAt)
    },
  },
]
