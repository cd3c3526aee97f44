/** Events for the cases, and ways to read them back. */
import type { Event, RecordedEvent } from '../event.ts'
import type { EventStore, ReadAllOptions, StreamInfo } from '../store.ts'
import { uuidv7 } from '../uuid.ts'

export type Counted = { readonly type: 'Counted'; readonly data: { readonly number: number } }

/** Events that count: `{ number: from }`, `{ number: from + 1 }`, … */
export function counted(count: number, from = 1): Counted[] {
  return Array.from({ length: count }, (_, index) => ({ type: 'Counted', data: { number: from + index } }))
}

/** The same with ids of their own, for calls that will be repeated. */
export function identified(count: number, from = 1): (Counted & { readonly id: string })[] {
  return counted(count, from).map((event) => ({ ...event, id: uuidv7() }))
}

export function oneOf(type: string, data: unknown = {}): Event {
  return { type, data }
}

/** What `counted` events say. */
export function numbersOf(events: readonly RecordedEvent[]): number[] {
  return events.map((event) => (event as RecordedEvent<Counted>).data.number)
}

/** `from`, `from + 1`, …, `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

/** The log, or a part of it. */
export function logOf(store: EventStore, options?: ReadAllOptions): Promise<RecordedEvent[]> {
  return collect(store.readAll(options))
}

export async function streamOf(store: EventStore, streamId: string): Promise<readonly RecordedEvent[]> {
  return (await store.readStream(streamId)).events
}

export function streamsOf(store: EventStore): Promise<StreamInfo[]> {
  return collect(store.listStreams())
}

/** Everything that can be seen in a store, copied, to be compared with what can be seen later. */
export async function everything(store: EventStore): Promise<unknown> {
  return structuredClone({ log: await logOf(store), streams: await streamsOf(store) })
}
