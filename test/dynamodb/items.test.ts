/** Tests the decoder of items: with the images of a stream, of an export to S3, and of the SDK. */
import { randomBytes } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { hasCode, type RecordedEvent } from '@eventsourced/core'
import {
  type DecodedCommit,
  eventsOf,
  type ItemImage,
  kindOf,
  slotOf,
} from '@eventsourced/core/dynamodb/items'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ground, type OpenedStore, oneEmulator, type StoredItem, startGround } from './ground.ts'

/** An item as a line of an export to S3, or a record of a stream: bytes are base64. */
const jsonOf = (item: StoredItem) =>
  JSON.stringify(item, (_, value) => {
    const isBytes = value instanceof Uint8Array || value?.type === 'Buffer'
    return isBytes ? Buffer.from(value instanceof Uint8Array ? value : value.data).toString('base64') : value
  })

/** An item as `unmarshall` returns it; `wrap` is its option for numbers. */
function plain(item: StoredItem, wrap: (text: string) => unknown): ItemImage {
  return Object.fromEntries(
    Object.entries(item).map(([name, value]) => [
      name,
      value.N === undefined ? (value.S ?? value.B ?? value.BOOL) : wrap(value.N),
    ]),
  )
}

const forms: Record<string, (item: StoredItem) => ItemImage> = {
  'of the SDK': (item) => item as ItemImage,
  'in JSON': (item) => JSON.parse(jsonOf(item)),
  'plain, with numbers': (item) => plain(item, Number),
  'plain, with bigints': (item) => plain(item, BigInt),
  'plain, with strings': (item) => plain(item, String),
  'plain, with wrapped numbers': (item) => plain(item, (value) => ({ value })),
}

const refusalOf = (call: () => unknown): unknown => {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('It was not refused')
}

describe.each(oneEmulator)('items of %s', (name) => {
  let ground: Ground
  let opened: OpenedStore
  let log: readonly RecordedEvent[]
  let commits: readonly StoredItem[]
  let slots: readonly StoredItem[]

  beforeAll(async () => {
    ground = await startGround(name)
    const table = ground.table()
    opened = ground.open(table, { gapTimeout: 20 })
    const { store } = opened
    const event = (number: number, bytes = 10) => ({
      type: number % 2 === 0 ? 'Even' : 'Odd',
      data: { number, filler: randomBytes(bytes).toString('hex') },
      metadata: { user: 'me' },
      tags: [`n:${number}`],
    })
    await store.append('a', [event(1), event(2)])
    await store.append('a', [event(3, 2_000)])
    await store.appendAll(['b', 'c'].map((streamId, index) => ({ streamId, events: [event(4 + index)] })))
    await store.import(
      [6, 7, 8, 9].map((number) => ({
        ...event(number),
        id: crypto.randomUUID(),
        streamId: `import-${number % 2}`,
        recordedAt: new Date(Date.UTC(2020, 0, number)),
      })),
    )
    await store.append('large', [event(10, 500_000)])
    await store.append('a', [event(11)])
    const events: RecordedEvent[] = []
    for await (const one of store.readAll()) events.push(one)
    log = events
    commits = (await ground.items(`${table}_events`)).filter(({ p }) => p?.S?.startsWith('S#'))
    slots = (await ground.items(`${table}_log`)).filter(({ p }) => p?.S?.startsWith('L#'))
  })
  afterAll(() => ground?.end())

  const partsOf = (streamId: string) => commits.filter(({ p }) => p?.S === `S#${streamId}`)

  it.each(Object.keys(forms))('are decoded %s', (form) => {
    const images = commits.map(forms[form] as (item: StoredItem) => ItemImage)
    const byCommit = new Map<string, ItemImage[]>()
    for (const [index, image] of images.entries()) {
      const { p, s } = commits[index] as StoredItem
      expect(kindOf(image)).toBe(s?.S?.includes('+') ? 'commit-part' : 'commit')
      const key = `${p?.S} ${s?.S?.slice(0, 18)}`
      byCommit.set(key, [...(byCommit.get(key) ?? []), image])
    }
    const events = [...byCommit.values()].flatMap((parts) => {
      const decoded = eventsOf(parts)
      return decoded.kind === 'events' ? decoded.events : []
    })
    expect(events.sort((a, b) => a.position - b.position)).toEqual(log)

    const runs = slots.flatMap((slot) => {
      const image = (forms[form] as (item: StoredItem) => ItemImage)(slot)
      expect(kindOf(image)).toBe('slot')
      return slotOf(image).runs
    })
    expect(runs.reduce((sum, { count }) => sum + count, 0)).toBe(log.length)
    for (const { streamId, firstVersion, firstPosition, types } of runs) {
      const first = log.find(({ position }) => position === firstPosition)
      expect(first).toMatchObject({ streamId, version: firstVersion })
      expect(types).toContain(first?.type)
    }
  })

  it('of an export to S3 have the order of the log when they are sorted by position', () => {
    const file = gzipSync(commits.map((item) => `{"Item":${jsonOf(item)}}`).join('\n'))
    const images = gunzipSync(file)
      .toString()
      .split('\n')
      .map((line) => JSON.parse(line).Item as ItemImage)
    const waiting = new Map<string, ItemImage[]>()
    const events: RecordedEvent[] = []
    for (const image of images) {
      let decoded: DecodedCommit = eventsOf(image)
      if (decoded.kind === 'incomplete') {
        const key = `${decoded.version} ${decoded.streamId}`
        const parts = [...(waiting.get(key) ?? []), image]
        waiting.set(key, parts)
        decoded = eventsOf(parts)
      }
      if (decoded.kind === 'events') events.push(...decoded.events)
    }
    expect(events.sort((a, b) => a.position - b.position)).toEqual(log)
  })

  it('of a commit with several parts say how many are missing', () => {
    const parts = partsOf('large') as ItemImage[]
    expect(parts.length).toBeGreaterThan(1)
    const missing = { kind: 'incomplete', streamId: 'large', version: 1, parts: parts.length }
    for (const part of parts) expect(eventsOf(part)).toEqual({ ...missing, has: 1 })
    expect(eventsOf([...parts.slice(1), parts[1] as ItemImage])).toEqual({
      ...missing,
      has: parts.length - 1,
    })
    expect(eventsOf(parts.toReversed())).toMatchObject({ kind: 'events', streamId: 'large' })
  })

  it('of other kinds are told apart, and refused', async () => {
    const others = [
      ...(await ground.items('ground_1_events')).filter(
        (item) => !commits.some(({ p }) => p?.S === item.p?.S),
      ),
      ...(await ground.items('ground_1_log')).filter((item) => !slots.some(({ p }) => p?.S === item.p?.S)),
    ] as ItemImage[]
    expect(others.length).toBeGreaterThan(3)
    for (const image of [...others, undefined, null, 1, {}, { p: 1, s: 2 }] as ItemImage[]) {
      expect(kindOf(image)).toBe('other')
      for (const call of [() => eventsOf(image), () => eventsOf([image]), () => slotOf(image)]) {
        expect(hasCode(refusalOf(call), 'invalid-input')).toBe(true)
      }
    }
    const [commit, other, slot] = [partsOf('a')[0], partsOf('b')[0], slots[0]] as ItemImage[]
    const refused: [call: () => unknown, message: RegExp][] = [
      [() => eventsOf(slot as ItemImage), /^image must be the image of a commit/],
      [() => slotOf(commit as ItemImage), /^image must be the image of a slot/],
      [() => eventsOf([]), /^images must not be empty/],
      [() => eventsOf([commit, other] as ItemImage[]), /^images\[1\] must be a part of the same commit/],
      [() => eventsOf({ ...commit, e: undefined }), /^image\.e must be there: pass the whole image/],
      [() => eventsOf({ ...commit, o: { S: '1' } }), /^image\.o must be a number/],
      [() => eventsOf({ ...commit, e: { S: '[' } }), /^image must have a body that can be decoded/],
      [() => slotOf({ ...slot, b: undefined }), /^image\.b must be there/],
      [() => slotOf({ ...slot, b: { B: Buffer.of(1, 91) } }), /^image must have a body that can be decoded/],
    ]
    for (const [call, message] of refused) {
      const error = refusalOf(call)
      expect(hasCode(error, 'invalid-input')).toBe(true)
      expect((error as Error).message).toMatch(message)
    }
  })

  it('of a later version are refused as such', () => {
    const [commit, slot] = [partsOf('a')[0], slots[0]] as ItemImage[]
    for (const call of [
      () => eventsOf({ ...commit, z: { N: '2' } }),
      () => eventsOf({ ...commit, e: { S: '[["id","type"]]' } }),
      () => slotOf({ ...slot, b: { B: Buffer.of(9) } }),
      () => slotOf({ ...slot, z: { N: '1' } }),
    ]) {
      expect(hasCode(refusalOf(call), 'schema-mismatch')).toBe(true)
    }
  })

  it('of a sealed slot have no events', async () => {
    const [slot] = slots
    const { p, s } = slot as StoredItem
    expect(slotOf({ p, s, x: { BOOL: true } })).toEqual({ number: Number(s?.S), runs: [] })
  })
})
