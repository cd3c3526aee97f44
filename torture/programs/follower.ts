/** Follows the log in three ways: reads it, handles it as one of a subscription's workers, and projects it. */
import { type EventStore, hasCode, type RecordedEvent, type Subscription } from '@eventsourced/core'
import type { Delivered, DeliveryLine } from '../delivery.ts'
import { History, readHistory } from '../history.ts'
import { now, type Trace } from '../operation.ts'
import { asyncStates } from '../projections.ts'
import { type ClientTask, historyFile } from '../task.ts'

export type Handle = (events: readonly RecordedEvent[]) => Promise<void>

/** Events that are written down at once, so that the log is not followed at the pace of the disk. */
const eventsPerLine = 200

export class Follower {
  readonly #task: ClientTask
  readonly #store: EventStore
  readonly #read: History<DeliveryLine>
  readonly #handled: History<DeliveryLine>
  readonly #ending = new AbortController()
  readonly #subscriptions: Subscription[] = []
  #reading: Promise<void> = Promise.resolve()
  /** The position up to which it has read. */
  position: number
  followed = 0

  static async open(task: ClientTask, store: EventStore): Promise<Follower> {
    const path = historyFile(task.folder, task.client, 'log')
    const last = readHistory<DeliveryLine>(path).at(-1)?.events.at(-1)
    const handled = await History.open<DeliveryLine>(historyFile(task.folder, task.client, 'subscription'))
    return new Follower(task, store, await History.open(path), handled, last?.[0] ?? 0)
  }

  private constructor(
    task: ClientTask,
    store: EventStore,
    read: History<DeliveryLine>,
    handled: History<DeliveryLine>,
    position: number,
  ) {
    this.#task = task
    this.#store = store
    this.#read = read
    this.#handled = handled
    this.position = position
  }

  start(handling: (handle: Handle) => Handle): void {
    const { leaseTime } = this.#task
    this.#reading = this.#readLog()
    this.#subscriptions.push(
      this.#store.subscribe({
        name: 'handlers',
        partitions: 4,
        batchSize: eventsPerLine,
        leaseTime,
        handleBatch: handling((events) => this.#handled.write(this.#line(events))),
      }),
      this.#store.subscribe({ projection: asyncStates, leaseTime }),
    )
  }

  /** Goes on up to the end of the log, when nobody writes any more, and ends. */
  async end(): Promise<void> {
    let head = 0
    for await (const { position } of this.#store.readAll({ direction: 'backward', limit: 1 })) head = position
    for (const subscription of this.#subscriptions) {
      await subscription.caughtUp({ position: head, timeout: 300_000 })
      await subscription.stop()
    }
    this.#ending.abort()
    await this.#reading
    // What came between the last page and the end of the writing.
    await this.#write(this.#store.readAll({ after: this.position }))
    await this.#read.close()
    await this.#handled.close()
  }

  async #readLog(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      try {
        await this.#write(this.#store.readAll({ after: this.position, follow: true, signal }))
      } catch (error) {
        if (!signal.aborted && !hasCode(error, 'store-unavailable')) throw error
      }
    }
  }

  async #write(events: AsyncIterable<RecordedEvent>): Promise<void> {
    let batch: RecordedEvent[] = []
    let written = Promise.resolve()
    const flush = () => {
      const line = this.#line(batch)
      batch = []
      written = written.then(async () => {
        const last = line.events.at(-1)
        if (last === undefined) return
        await this.#read.write(line)
        this.position = last[0]
        this.followed += line.events.length
      })
      return written
    }
    const flushing = setInterval(flush, 50)
    try {
      for await (const event of events) {
        batch.push(event)
        if (batch.length >= eventsPerLine) await flush()
      }
    } finally {
      clearInterval(flushing)
      await flush()
    }
  }

  #line(events: readonly RecordedEvent[]): DeliveryLine {
    const delivered = events.map(
      ({ position, streamId, version, data }): Delivered => [
        position,
        streamId,
        version,
        (data as Trace).name,
      ],
    )
    return { by: `${this.#task.client} (life ${this.#task.life})`, at: now(), events: delivered }
  }
}
