/** `copy` loses and changes nothing: from Postgres to DynamoDB and back, event by event. */
import { isDeepStrictEqual } from 'node:util'
import type { RecordedEvent, StreamInfo } from '@eventsourced/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Random, randomOf } from '../../../torture/random.ts'
import type { AnyStore } from '../src/target/known.ts'
import { openTarget } from '../src/target/open.ts'
import { databases, type StartedDatabase } from './databases.ts'
import { rows, run } from './run.ts'

const seed = 20_271_201
const appends = 1_200
const appendsAtOnce = 40
const streams = 150

/** Texts that an encoding could garble: other planes, combining marks, both directions, quotes, control characters. */
const texts = [
  'plain',
  'Ærøskøbing',
  '日本語',
  '👩‍👩‍👧 family',
  'e\u0301 ≠ é',
  'שלום',
  '"\\\'\n\t',
  '\u0001\u007f\ufeff',
  '',
] as const

async function withStore<Result>(url: string, use: (store: AnyStore) => Promise<Result>): Promise<Result> {
  const { store } = await openTarget({ url }, true)
  return await use(store).finally(() => store.close())
}

/** Text that compression does not make small. */
const longText = (random: Random, length: number) =>
  Array.from({ length }, () => String.fromCharCode(33 + random.below(90))).join('')

function eventOf(random: Random, nth: number) {
  const tags = Array.from(
    { length: random.below(4) },
    () => `customer:${random.below(40)} ${random.pick(texts)}`,
  )
  return {
    type: random.pick(['Submitted', 'Accepted', 'Bewertung geprüft', '決定']),
    data: {
      nth,
      text: random.pick(texts),
      [random.pick(texts)]: [null, true, -0.5, 1e-7, 2 ** 53 - 1, { nested: random.pick(texts) }],
      ...(nth % 300 === 0 && { large: longText(random, 150_000) }),
      ...(nth % 400 === 0 && { long: random.pick(texts).repeat(20_000) }),
    },
    ...(random.percent(60) && {
      metadata: {
        correlationId: `case ${random.below(50)}`,
        actor: { name: random.pick(texts), roles: ['clerk', random.pick(texts)] },
      },
    }),
    ...(random.percent(50) && { tags: [...new Set(tags)] }),
  }
}

/** Writes a log with each kind of append, and streams with metadata and without events. */
async function writeLog(store: AnyStore): Promise<void> {
  const random = randomOf(seed)
  const stream = () => `loan ${random.pick(texts)} ${random.below(streams)}`
  for (let nth = 0; nth < 20; nth++) {
    const metadata = nth % 2 === 0 ? { owner: random.pick(texts), nth } : {}
    await store.createStream(`created ${nth}`, { metadata })
  }
  let nth = 0
  const some = () => Array.from({ length: 1 + random.below(5) }, () => eventOf(random, ++nth))
  const append = () => {
    if (random.percent(90)) return store.append(stream(), some())
    const names = new Set([stream(), stream(), `created ${random.below(15)}`])
    return store.appendAll([...names].map((streamId) => ({ streamId, events: some() })))
  }
  for (let done = 0; done < appends; done += appendsAtOnce) {
    await Promise.all(Array.from({ length: appendsAtOnce }, append))
  }
}

/** All that a copy keeps of an event: all but its position. The order of the list is the order of the log. */
async function eventsOf(store: AnyStore): Promise<readonly object[]> {
  const events: object[] = []
  for await (const { position: _, ...kept } of store.raw.readAll() as AsyncIterable<RecordedEvent>)
    events.push(kept)
  return events
}

async function streamsOf(store: AnyStore): Promise<readonly object[]> {
  const all: object[] = []
  for await (const { createdAt: _, ...kept } of store.listStreams() as AsyncIterable<StreamInfo>)
    all.push(kept)
  return all
}

const postgres = databases.find(({ name }) => name === 'postgres')
const dynamodb = databases.find(({ name }) => name === 'dynamodb')

describe.runIf(postgres !== undefined && dynamodb !== undefined)('a log of thousands of events', () => {
  const started: StartedDatabase[] = []
  beforeAll(async () => {
    for (const database of [postgres, dynamodb, postgres]) {
      if (database !== undefined) started.push(await database.start())
    }
  })
  afterAll(() => Promise.all(started.map(({ stop }) => stop())))

  it('is the same in DynamoDB, and again in Postgres, event by event', async () => {
    const [first, between, last] = started.map(({ url }) => url) as [string, string, string]
    await withStore(first, writeLog)
    const [events, streams] = await withStore(first, (store) =>
      Promise.all([eventsOf(store), streamsOf(store)]),
    )
    expect(events.length).toBeGreaterThan(3_000)
    for (const [from, to] of [
      [first, between],
      [between, last],
    ] as const) {
      const copied = await run('--url', from, 'copy', '--to', to, '--json')
      expect(rows(copied)).toMatchObject([{ imported: events.length, skipped: 0 }])
      await withStore(to, async (store) => {
        const found = await eventsOf(store)
        expect(found.length).toBe(events.length)
        // The first event that differs can be read; the difference of two whole logs cannot.
        const different = events.findIndex((event, index) => !isDeepStrictEqual(found[index], event))
        expect(found[different]).toStrictEqual(events[different])
        expect(await streamsOf(store)).toStrictEqual(streams)
      })
    }
  }, 180_000)
})
