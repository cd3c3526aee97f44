/** Makes events for the cases, and reads what a store has recorded. */
import type { Event, RecordedEvent } from '../event.ts'
import type { ReadAllOptions, StreamInfo } from '../reads.ts'
import type { EventStore } from '../store.ts'
import { uuidv7 } from '../uuid.ts'

export type Counted = { readonly type: 'Counted'; readonly data: { readonly number: number } }

/** Returns `count` events of type `Counted`, whose data is `{ number: from }`, `{ number: from + 1 }`, … */
export function counted(count: number, from = 1): Counted[] {
  return Array.from({ length: count }, (_, index) => ({ type: 'Counted', data: { number: from + index } }))
}

/** Returns the same events as `counted`, but with ids, so that a call can be repeated. */
export function identified(count: number, from = 1): (Counted & { readonly id: string })[] {
  return counted(count, from).map((event) => ({ ...event, id: uuidv7() }))
}

/** Returns an event of this type. */
export function eventOfType(type: string, data: unknown = {}): Event {
  return { type, data }
}

/** Returns the numbers in the data of `counted` events. */
export function numbersOf(events: readonly RecordedEvent[]): number[] {
  return events.map((event) => (event as RecordedEvent<Counted>).data.number)
}

/** Returns the numbers `from`, `from + 1`, …, `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

/** Returns the log, or a part of it. */
export function logOf(store: EventStore, options?: ReadAllOptions): Promise<RecordedEvent[]> {
  return collect(store.readAll(options))
}

export async function streamOf(store: EventStore, streamId: string): Promise<readonly RecordedEvent[]> {
  return (await store.readStream(streamId)).events
}

export function streamsOf(store: EventStore): Promise<StreamInfo[]> {
  return collect(store.listStreams())
}

/** Returns a copy of the whole log and of the info of all streams. A case compares it with a later copy. */
export async function everything(store: EventStore): Promise<unknown> {
  return structuredClone({ log: await logOf(store), streams: await streamsOf(store) })
}

interface Collector {
  readonly handled: RecordedEvent[]
  handle(event: RecordedEvent): void
}

/** Returns a handler that collects the events that it has handled. */
export function collector(): Collector {
  const handled: RecordedEvent[] = []
  return { handled, handle: (event) => void handled.push(event) }
}
