/** Cases of `raw.findEvent`: an event by its id, also one that the caller did not choose, as it is stored. */
import assert from 'node:assert/strict'
import { commandHandler } from '../command/command-handler.ts'
import type { Event } from '../event.ts'
import type { EventStore } from '../store.ts'
import { uuidOf, uuidv7 } from '../uuid.ts'
import type { ConformanceCase } from './case.ts'
import { openHotel } from './catalogue-hotel.ts'
import { collect, counted, identified, logOf, streamOf } from './events.ts'
import { allAtOnce } from './expect.ts'

const group = 'an event by its id'

/** Finds each event of the log by its id. Returns how many there are. */
async function findAll(store: EventStore): Promise<number> {
  const all = await collect(store.raw.readAll())
  await allAtOnce(all.length, async (index) => {
    const event = all[index]
    assert.deepEqual(await store.raw.findEvent(event?.id as string), event)
  })
  return all.length
}

/** A UUID of version 7 with this time, which no store has made. */
const idOfTime = (time: number): string => {
  const digits = time.toString(16).padStart(12, '0')
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`
}

export const findEventCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'finds events whose ids the store has made, alone, together, and in several streams at once',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1))
      await store.append('a', counted(3))
      await store.appendAll([
        { streamId: 'b', events: counted(2) },
        { streamId: 'c', events: counted(1) },
      ])
      await allAtOnce(40, (index) => store.append(`s-${index % 7}`, counted(2)))
      assert.equal(await findAll(store), 87)
    },
  },
  {
    group,
    name: 'finds an event as soon as its append has returned, also through another store',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, other] = [await open(), await open()]
      for (let number = 1; number <= 20; number++) {
        const { position } = await store.append('a', counted(1, number))
        const [last] = (await store.readStream('a', { fromVersion: number })).events
        assert.equal(last?.position, position)
        assert.deepEqual(await other.raw.findEvent(last.id), last)
      }
    },
  },
  {
    group,
    name: 'finds events whose ids the caller has chosen: of every version, of today or of long ago',
    async run({ open }) {
      const store = await open()
      const ids = [
        uuidv7(),
        uuidOf('order', 'o-1'),
        idOfTime(1),
        idOfTime(Date.parse('2500-01-01')),
        '6c84fb90-12c4-41e1-840d-725a7b5ee5c8',
        'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '00000000-0000-0000-0000-000000000000',
      ]
      await store.append('a', counted(2))
      await store.append(
        'a',
        ids.map((id) => ({ type: 'T', data: { id }, id })),
      )
      assert.equal(await findAll(store), 9)
    },
  },
  {
    group,
    name: 'finds imported events, with ids of their own or of the import',
    async run({ open }) {
      const store = await open()
      const recordedAt = new Date('2001-02-03T04:05:06.789Z')
      const own = identified(20).map((event, index) => ({ ...event, streamId: `s-${index % 3}`, recordedAt }))
      await store.import(own)
      await store.import(
        counted(20).map((event, index) => ({ ...event, streamId: `t-${index % 3}`, recordedAt })),
        { name: 'import' },
      )
      assert.equal(await findAll(store), 40)
      assert.deepEqual((await store.raw.findEvent(own[7]?.id as string))?.recordedAt, recordedAt)
    },
  },
  {
    group,
    name: 'finds the events of commands, with and without a command id',
    async run({ open }) {
      const store = await open()
      const handle = commandHandler({
        store,
        decider: {
          initialState: () => 0,
          decide: (events: readonly Event[]) => events,
          evolve: (count: number) => count + 1,
        },
      })
      await handle('a', counted(2))
      await handle('a', counted(3), { commandId: 'c-1' })
      assert.equal(await findAll(store), 5)
    },
  },
  {
    group,
    name: 'finds an event by its id in upper case',
    async run({ open }) {
      const store = await open()
      await store.append('a', [...counted(1), ...identified(1)])
      for (const event of await streamOf(store, 'a')) {
        assert.deepEqual(await store.raw.findEvent(event.id.toUpperCase()), event)
      }
    },
  },
  {
    group,
    name: 'returns undefined for an id that no event has, whatever time is in it',
    async run({ open }) {
      const store = await open()
      const ids = [uuidv7(), uuidOf('none'), idOfTime(0), idOfTime(2 ** 48 - 1), crypto.randomUUID()]
      for (const id of ids) assert.equal(await store.raw.findEvent(id), undefined)
      await store.append('a', [...counted(5), ...identified(5)])
      for (const id of [...ids, uuidv7()]) assert.equal(await store.raw.findEvent(id), undefined)
      // The ids of neighbours are not enough.
      for (const { id } of await logOf(store)) {
        const other = id.slice(0, -1) + (id.endsWith('0') ? '1' : '0')
        assert.equal(await store.raw.findEvent(other), undefined)
      }
    },
  },
  {
    group,
    name: 'returns undefined for the id of an append that was refused',
    async run({ open }) {
      const store = await open()
      const [event] = identified(1)
      await store.append('a', counted(1))
      await assert.rejects(store.append('a', [event as Event], { expectedVersion: 7 }))
      assert.equal(await store.raw.findEvent(event?.id as string), undefined)
      await store.append('a', [event as Event])
      assert.equal((await store.raw.findEvent(event?.id as string))?.version, 2)
    },
  },
  {
    group,
    name: 'returns an event of a catalogue as it is stored, and each time an object of its own',
    async run(context) {
      const store = await openHotel(context)
      const stored = await collect(store.raw.readAll())
      for (const event of stored) assert.deepEqual(await store.raw.findEvent(event.id), event)
      const { id, type } = stored[0] ?? {}
      const found = await store.raw.findEvent(id as string)
      Object.assign(found as object, { type: 'changed' })
      Object.assign(found?.data as object, { changed: true })
      assert.deepEqual((await store.raw.findEvent(id as string))?.type, type)
      assert.deepEqual((await store.raw.findEvent(id as string))?.data, stored[0]?.data)
    },
  },
]
