/** Random programs have the same outcomes on the store in memory as on the model, and on every store as in memory. */
import assert from 'node:assert/strict'
import { type EventStore, memoryStore, type RecordedEvent, uuidv7 } from '@eventsourced/core'
import fc from 'fast-check'
import { afterEach, it, vi } from 'vitest'
import { onEachStore } from './each-store.ts'
import { runs } from './fuzz/runs.ts'
import { Model } from './model.ts'
import { type Command, collect, command, momentIn, run, type Subject, withoutRepeats } from './program.ts'

afterEach(() => {
  vi.useRealTimers()
})

const program = fc.array(command, { maxLength: 40, size: 'max' }).map(withoutRepeats)

it('the store in memory gives the results and errors of the model', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await fc.assert(
    fc.asyncProperty(program, async (commands) => {
      vi.setSystemTime(Date.UTC(2024, 0, 1))
      const [store, model] = [memoryStore(), new Model()]
      for (const one of commands) {
        if (one.kind === 'tick') vi.setSystemTime(Date.now() + one.milliseconds)
        assert.deepEqual(await run(store, one), await run(model, one))
      }
      assert.deepEqual(await collect(store.readAll()), model.readAll())
    }),
    runs(1000, 10),
  )
})

onEachStore(({ name, emulator }, withWorld) => {
  const withStore = (use: (store: EventStore) => Promise<void>) =>
    withWorld(async (world) => use(await world.open()))

  if (name !== 'memory') {
    it('gives the results and errors of the store in memory', async () => {
      const runProgram = (commands: readonly Command[]) =>
        withStore(async (store) => {
          const memory = memoryStore()
          for (const one of commands) {
            assert.deepEqual(await comparable(store, one), await comparable(memory, one))
          }
          const everything = { kind: 'readAll', options: {}, after: undefined, until: undefined } as const
          assert.deepEqual(await comparable(store, everything), await comparable(memory, everything))
        })
      // A program takes five times as long on an emulator as on other stores.
      await fc.assert(fc.asyncProperty(program, runProgram), runs(emulator === undefined ? 30 : 10))
    })
  }

  it('returns names and payloads of all kinds unchanged', async () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
    const nameOf = text.filter((one) => !one.includes('\0') && !one.startsWith('$'))
    const payload = fc.jsonValue({ stringUnit: 'grapheme' })
    const event = fc.record({ type: nameOf, data: payload, tags: fc.array(nameOf, { maxLength: 3 }) })
    const streams = fc.dictionary(nameOf, fc.array(event, { minLength: 1, maxLength: 4 }), {
      minKeys: 40,
      maxKeys: 60,
    })
    await withStore(async (store) => {
      await fc.assert(
        fc.asyncProperty(streams, async (given) => {
          const prefix = uuidv7()
          const appends = Object.entries(given).map(([own, events]) => ({
            streamId: `${prefix}${own}`,
            events,
          }))
          await store.appendAll(appends)
          for (const { streamId, events } of appends) {
            const slice = await store.readStream(streamId)
            assert.equal((await store.streamInfo(streamId))?.streamId, streamId)
            const found = slice.events.map(({ type, data, tags }) => ({ type, data, tags }))
            assert.deepEqual(found, JSON.parse(JSON.stringify(events)))
          }
        }),
        runs(emulator === undefined ? 20 : 6, 0.1),
      )
    })
  })
})

// Earlier times were imported by the program. Later times come from the store, and differ between two stores.
const present = Date.UTC(2022, 0, 1)

/** Runs a command, and returns its outcome in a form that two stores share: with places in the log instead of positions. */
async function comparable(subject: Subject, one: Command): Promise<unknown> {
  if (one.kind === 'readStream' && one.asOf !== undefined) {
    const moment = await momentIn(subject, one.asOf)
    if (moment.getTime() > present) return assertOwnMoment(subject, one.streamId, moment)
  }
  const outcome = await run(subject, one)
  const places = new Map([[0, 0]])
  for (const { position } of await collect(subject.readAll())) places.set(position, places.size)
  return withPlaces(outcome, places)
}

function withPlaces(value: unknown, places: ReadonlyMap<number, number>): unknown {
  if (value instanceof Date) return value.getTime() < present ? value : 'now'
  if (Array.isArray(value)) return value.map((item) => withPlaces(item, places))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, member]) => {
    if (key === 'data' || key === 'metadata') return [key, member]
    if (key === 'position') return [key, places.get(member)]
    if (key === 'positions') return [key, (member as number[]).map((position) => places.get(position))]
    return [key, withPlaces(member, places)]
  })
  return Object.fromEntries(entries)
}

/** Asserts that the stream as of a time of this store's clock has exactly the events that were recorded up to it. */
async function assertOwnMoment(subject: Subject, streamId: string, asOf: Date): Promise<void> {
  const all = (await collect(subject.readAll())) as RecordedEvent[]
  const { events } = (await subject.readStream(streamId, { asOf })) as { events: readonly RecordedEvent[] }
  assert.deepEqual(
    events,
    all.filter((event) => event.streamId === streamId && event.recordedAt <= asOf),
  )
}
