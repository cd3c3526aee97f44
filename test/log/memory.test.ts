/** The memory of the one reader: bounded in events and in bytes, however long the log is and however large its events. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import type { RecordedEvent } from '../../src/event.ts'
import { type LogMember, LogReader } from '../../src/log/log-reader.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { Wakeup } from '../../src/runtime/wakeup.ts'
import type { LogPage, LogQuery } from '../../src/storage/log-query.ts'
import { partitionOf } from '../../src/storage/partition.ts'
import { eventAt } from './scripted-log.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** The megabytes that are in use after a garbage collection. */
function used(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1e6
}

/** A log that makes its events when they are read. `end` can grow. */
class LongLog {
  end: number
  reads = 0
  readonly #sizeOfEvent: number
  readonly #maxBytesOfPage = 16e6

  constructor(end: number, sizeOfEvent: number) {
    this.end = end
    this.#sizeOfEvent = sizeOfEvent
  }

  readonly readLogPage = async ({ after, limit, partition }: LogQuery): Promise<LogPage> => {
    this.reads++
    const events: RecordedEvent[] = []
    const most = Math.min(limit, Math.ceil(this.#maxBytesOfPage / this.#sizeOfEvent))
    let through = after
    while (through < this.end && events.length < most) {
      through++
      const streamId = `stream-${through % 997}`
      if (partition !== undefined && partitionOf(streamId, partition.count) !== partition.index) continue
      const text = Buffer.alloc(this.#sizeOfEvent, 'x').toString('latin1')
      events.push({ ...eventAt(through, 'A', streamId), data: { text } })
    }
    const bytes = events.length * this.#sizeOfEvent
    return { events, frontier: this.end, full: events.length === most, through, bytes, readAt: new Date() }
  }
}

it.each([
  ['a million events', 1_000_000, 100],
  ['events of 1 MB', 300, 1_000_000],
])(
  'is bounded with %s, while slow partitions and members stand still',
  async (_, count, size) => {
    const log = new LongLog(count, size)
    const wakeup = new Wakeup()
    const reader = new LogReader(log, wakeup, systemClock)
    const { signal } = new AbortController()
    const before = used()
    const partitions = [0, 1, 2, 3].map((index) =>
      reader.join({ filter: {}, pollInterval: 250, partition: { subscription: 's', index, count: 4 } }),
    )
    const slow = reader.join({ filter: {}, pollInterval: 250 })
    await slow.read({ after: 0, limit: 10 }, signal)
    const last = [0, 0, 0, 0]
    let highest = 0
    // One partition reads the whole log, another one a part of it, and two stand still.
    for (const [index, most] of [Number.POSITIVE_INFINITY, 20].entries()) {
      for (let pages = 0; pages < most; pages++) {
        const query = { after: last[index] as number, limit: 2_000 }
        const page = await (partitions[index] as LogMember).read(query, signal)
        expect(page.events.length).toBeLessThanOrEqual(2_000)
        last[index] = page.through
        if (pages % 100 === 10 || !page.full) highest = Math.max(highest, used())
        if (!page.full) break
      }
    }
    // At the end of the log: the newest events, for a member that waits while another one stands still.
    const waiting = partitions[0] as LogMember
    for (let round = 0; round < 60; round++) {
      const wait = waiting.wait(last[0] as number, signal)
      log.end += Math.max(1, Math.round(count / 2_000))
      wakeup.wake()
      await wait
      for (let full = true; full; ) {
        const page = await waiting.read({ after: last[0] as number, limit: 2_000 }, signal)
        last[0] = page.through
        full = page.full
      }
      if (round % 20 === 19) highest = Math.max(highest, used())
    }
    expect(last[0]).toBe(log.end)
    // Two times 8 MB of events as stored, a page under way, and the objects around them.
    expect(highest - before).toBeLessThan(60)
    for (const member of partitions) member.leave()
  },
  120_000,
)
