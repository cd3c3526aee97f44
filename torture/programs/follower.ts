/** Follows the log in all ways: with `readAll`, as a worker of a subscription, and as a worker of projections. */
import { type EventStore, hasCode, type RecordedEvent, type Subscription } from '@eventsourced/core'
import type { Delivered, DeliveryLine, Handle } from '../delivery.ts'
import { History, readHistory } from '../history.ts'
import { now, type Trace, type TracedEvent } from '../operation.ts'
import { asyncStates, rawProjection } from '../projections.ts'
import { isNoted, SplitEvents } from '../releases.ts'
import { countEvents, optionsIn, shardSubscriptions } from '../shard-subscriptions.ts'
import { type ClientTask, historyFile } from '../task.ts'
import { within } from '../within.ts'

/** The largest number of events in a line of the history. */
const eventsPerLine = 200

export class Follower {
  readonly #task: ClientTask
  readonly #store: EventStore
  readonly #read: History<DeliveryLine>
  readonly #handled: History<DeliveryLine>
  readonly #ending = new AbortController()
  readonly #subscriptions: Subscription[] = []
  #reading: Promise<void> = Promise.resolve()
  /** The position of the last event in the history of `readAll`. */
  position: number
  followed = 0

  constructor(task: ClientTask, store: EventStore) {
    this.#task = task
    this.#store = store
    const path = historyFile(task.folder, task.client, 'log')
    this.position = readHistory<DeliveryLine>(path).at(-1)?.events.at(-1)?.[0] ?? 0
    this.#read = new History(path)
    this.#handled = new History(historyFile(task.folder, task.client, 'subscription'))
  }

  /** Starts to follow. `wrapHandler` may break the handler on purpose. */
  start(wrapHandler: (handle: Handle) => Handle): void {
    const { leaseTime, address } = this.#task
    this.#reading = this.#readLog()
    this.#subscriptions.push(
      this.#store.subscribe({
        name: 'handlers',
        partitions: 4,
        batchSize: eventsPerLine,
        leaseTime,
        handleBatch: wrapHandler(async (events) => {
          const parts = new SplitEvents()
          parts.add(events)
          parts.end()
          this.#handled.write(this.#line(events))
        }),
      }),
      this.#store.subscribe({ projection: asyncStates, leaseTime }),
      // A transaction of DynamoDB has at most 100 items, and each document is one.
      this.#store.subscribe({
        projection: rawProjection,
        leaseTime,
        batchSize: address.kind === 'dynamodb' ? 50 : 500,
      }),
      ...this.#shardSubscriptions(wrapHandler),
    )
  }

  #shardSubscriptions(wrapHandler: (handle: Handle) => Handle): Subscription[] {
    const { leaseTime, subscriptions, generation } = this.#task
    return shardSubscriptions(subscriptions).map((one, nth) => {
      const { base, isTransactional } = one
      const note = wrapHandler(async (events) => {
        this.#handled.write({ ...this.#line(events), subscription: base })
      })
      return this.#store.subscribe<TracedEvent>({
        ...optionsIn(generation, nth, one),
        leaseTime,
        // A transaction of DynamoDB has at most 100 items, and each document is one.
        batchSize: isTransactional ? 40 : eventsPerLine,
        handleBatch: (events, context) =>
          isTransactional ? countEvents(base, events, context.tx) : note(events),
      })
    })
  }

  /** Follows up to the end of the log and stops. Called when no client writes any more. */
  async end(): Promise<void> {
    const { patience } = this.#task
    let head = 0
    for await (const { position } of this.#store.readAll({ direction: 'backward', limit: 1 })) head = position
    for (const subscription of this.#subscriptions) {
      // A client of a later generation has taken some of them over. They end.
      await Promise.race([subscription.caughtUp({ position: head, timeout: patience }), subscription.done])
      await within(patience, `stopping ${subscription.name}`, subscription.stop())
    }
    this.#ending.abort()
    await within(patience, 'following the log', this.#reading)
    // Reads the events after the last page of `readAll`.
    await this.#write(this.#store.readAll({ after: this.position }))
    this.#read.close()
    this.#handled.close()
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
    const flush = () => {
      const last = batch.at(-1)
      if (last === undefined) return
      this.#read.write(this.#line(batch))
      this.position = last.position
      this.followed += batch.length
      batch = []
    }
    const flushing = setInterval(flush, 50)
    const parts = new SplitEvents()
    try {
      for await (const event of events) {
        parts.add([event])
        batch.push(event)
        if (batch.length >= eventsPerLine) flush()
      }
    } finally {
      clearInterval(flushing)
      flush()
    }
  }

  #line(events: readonly RecordedEvent[]): DeliveryLine {
    const delivered = events
      .filter((event) => !isNoted(event))
      .map(
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
