/**
 * Tests many writers, of which some die after they took a slot and some stall, with two readers that seal
 * missing slots. No event is lost, duplicated or out of order, and both readers see the same log.
 */

import type { Metric } from '@eventsourced/core'
import { hasCode, type RecordedEvent } from '@eventsourced/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sleep } from '../../../src/runtime/abort.ts'
import { emulators, type Ground, startGround } from '../ground.ts'

/** The numbers of one test. */
interface Campaign {
  readonly writers: number
  readonly streams: number
  /** How many appends each writer makes. */
  readonly appends: number
  /** The percentage of transactions that are never sent, because their writer dies. */
  readonly deaths: number
  /** The percentage of transactions that are sent late, by `from` to `to` milliseconds. */
  readonly stalls: { readonly percent: number; readonly from: number; readonly to: number }
  /** The `gapTimeout` of each reader, in milliseconds. */
  readonly readers: readonly number[]
}

interface Report {
  readonly acknowledged: number
  readonly conflicts: number
  readonly deaths: number
  readonly kinds: ReadonlyMap<Metric['kind'], number>
  readonly logs: readonly (readonly RecordedEvent[])[]
  /** The position that each acknowledged append returned, by the event's name. */
  readonly positions: ReadonlyMap<string, number>
}

const between = (from: number, to: number) => from + Math.random() * (to - from)

async function run(ground: Ground, campaign: Campaign): Promise<Report> {
  const { writers, streams, appends, deaths: deadly, stalls, readers } = campaign
  const table = ground.table()
  const kinds = new Map<Metric['kind'], number>()
  const onMetric = ({ kind }: Metric) => kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  await ground.open(table).store.schema.create()
  const positions = new Map<string, number>()
  let conflicts = 0
  let deaths = 0
  let isWriting = true

  async function write(writer: number): Promise<void> {
    let isDead = () => {}
    let death = new Promise<'died'>(() => {})
    const live = () => {
      // The long requestTimeout keeps the store of a dead writer from repeating its request.
      const options = { gapTimeout: 60_000, requestTimeout: 900_000, onMetric }
      const { store, faults } = ground.open(table, options)
      death = new Promise((resolve) => {
        isDead = () => resolve('died')
      })
      faults.before(async ({ command }) => {
        if (command !== 'TransactWriteItems') return undefined
        if (Math.random() * 100 < deadly) {
          isDead()
          // A dead writer sends nothing any more.
          await sleep(600_000, ground.ending)
        }
        if (Math.random() * 100 < stalls.percent) await sleep(between(stalls.from, stalls.to))
        return undefined
      })
      return store
    }
    let store = live()
    for (let nth = 0; nth < appends; nth++) {
      const streamId = `stream-${Math.floor(Math.random() * streams)}`
      const name = `${writer}-${nth}`
      const expectedVersion = nth % 3 === 0 ? (await store.readStream(streamId)).version : 'any'
      const append = store.append(streamId, [{ type: 'Happened', data: { name } }], { expectedVersion }).then(
        ({ position }) => position,
        (error: unknown) => {
          if (!hasCode(error, 'wrong-expected-version')) throw error
          conflicts++
          return undefined
        },
      )
      append.catch(() => {})
      const result = await Promise.race([append, death])
      if (result === 'died') {
        deaths++
        store = live()
      } else if (result !== undefined) positions.set(name, result)
    }
  }

  async function read(gapTimeout: number): Promise<RecordedEvent[]> {
    const { store, faults } = ground.open(table, { gapTimeout, onMetric })
    // Delays each seal, so that the writer may use the slot between the reader's last look and its seal.
    faults.before(async ({ command }) => {
      if (command === 'PutItem') await sleep(between(0, 80))
      return undefined
    })
    const log: RecordedEvent[] = []
    for (let isLast = false; ; ) {
      for await (const event of store.readAll({ after: log.at(-1)?.position ?? 0 })) log.push(event)
      if (isLast) return log
      isLast = !isWriting
    }
  }

  const reading = readers.map(read)
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer))).finally(() => {
    isWriting = false
  })
  return {
    acknowledged: positions.size,
    conflicts,
    deaths,
    kinds,
    logs: await Promise.all(reading),
    positions,
  }
}

const nameOf = ({ data }: RecordedEvent) => (data as { name: string }).name

/** Counts the faults in the logs. All counts must be 0. */
function faultsIn({ logs, positions }: Report) {
  const [log = []] = logs
  const seen = new Map<string, number>()
  const versions = new Map<string, number>()
  const found = { lost: 0, doubled: 0, outOfOrder: 0, elsewhere: 0, different: 0 }
  let last = 0
  for (const event of log) {
    const name = nameOf(event)
    if (seen.has(name)) found.doubled++
    seen.set(name, event.position)
    const version = versions.get(event.streamId) ?? 0
    if (event.position <= last || event.version !== version + 1) found.outOfOrder++
    last = event.position
    versions.set(event.streamId, event.version)
  }
  for (const [name, position] of positions) {
    if (!seen.has(name)) found.lost++
    else if (seen.get(name) !== position) found.elsewhere++
  }
  const ids = (events: readonly RecordedEvent[]) =>
    events.map(({ id, position }) => `${id} ${position}`).join()
  for (const other of logs) if (ids(other) !== ids(log)) found.different++
  return found
}

const none = { lost: 0, doubled: 0, outOfOrder: 0, elsewhere: 0, different: 0 }

describe.each(emulators)('races on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  it('16 writers on 12 streams lose nothing, though some die with a slot and some stall', async () => {
    const report = await run(ground, {
      writers: 16,
      streams: 12,
      appends: 16,
      deaths: 4,
      stalls: { percent: 8, from: 20, to: 140 },
      readers: [25, 40],
    })
    expect(faultsIn(report)).toEqual(none)
    expect(report.deaths).toBeGreaterThan(0)
    expect(report.kinds.get('seal')).toBeGreaterThan(0)
    expect(report.acknowledged + report.conflicts + report.deaths).toBe(256)
  })

  it('writers whose slot was sealed take another one, and every append succeeds or conflicts', {
    timeout: 180_000,
  }, async () => {
    let late = 0
    // On a busy machine readers look later, so that a stall must be longer until they seal the slot of a writer.
    for (let attempt = 1; late === 0 && attempt <= 5; attempt++) {
      const report = await run(ground, {
        writers: 12,
        streams: 12,
        appends: 12,
        deaths: 0,
        stalls: { percent: 12, from: 150 * attempt, to: 270 * attempt },
        readers: [15, 20],
      })
      expect(faultsIn(report)).toEqual(none)
      expect(report.acknowledged + report.conflicts).toBe(144)
      // The log contains only acknowledged events.
      expect(report.logs[0]?.length).toBe(report.acknowledged)
      late += report.kinds.get('late') ?? 0
    }
    expect(late).toBeGreaterThan(0)
  })
})
