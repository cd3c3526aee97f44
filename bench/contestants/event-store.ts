/** What the event stores in the benchmark are asked to do, so that each case is written once for all of them. */
import type { Contestant, Ground } from '../case.ts'
import { expectCount } from '../database.ts'
import type { OrderEvent } from './order-events.ts'

export interface BenchStore {
  /** Appends to a stream that must not exist yet. */
  appendNew(streamId: string, events: readonly OrderEvent[]): Promise<unknown>
  /** Appends whatever the stream's version is, as often as it takes. */
  appendAny(streamId: string, events: readonly OrderEvent[]): Promise<unknown>
  /** Reads a whole stream, and says how many events it got. */
  read(streamId: string): Promise<number>
  /** Handles the command that adds one line to an order. */
  commandHandler(options: { readonly cachedStreams: number }): (streamId: string) => Promise<unknown>
  /** Hands every event, from the first one on, to a handler that does nothing but this; in order. */
  consume(name: string, handle: (event: ConsumedEvent) => void): Promise<Consumer>
  /** Makes a document of each order, from the first event on, in the background. */
  project(name: string): Promise<Consumer>
  close(): Promise<void>
}

interface ConsumedEvent {
  readonly streamId: string
}

export interface Consumer {
  stop(): Promise<void>
}

export interface OpenOptions {
  /** Whether each append also writes a document of its order, in its transaction. @default false */
  readonly inline?: boolean
}

export interface BenchStoreKind {
  readonly name: string
  /** Opens the store, with its tables made: not every store can make them while many callers wait. */
  open(url: string, options?: OpenOptions): Promise<BenchStore>
  /** Counts the events that are recorded. */
  readonly countEvents: string
  /** Counts the documents that were made. */
  readonly countDocuments: string
  /** Tells up to which position the documents of `project` are made. */
  checkpointOf(name: string): string
}

export interface StoreWork {
  /** How many events it put there before the first turn. */
  readonly filled: number
  turn(): Promise<{ readonly value: number; readonly appended: number }>
  leave?(): Promise<void>
}

/** Makes a contestant of a store. After each turn it must hold every event that it took. */
export function storeContestant(
  kind: BenchStoreKind,
  prepare: (store: BenchStore, ground: Ground) => StoreWork | Promise<StoreWork>,
  options: OpenOptions = {},
): Contestant {
  return {
    name: kind.name,
    async enter(ground) {
      const store = await kind.open(ground.url, options)
      const work = await prepare(store, ground)
      let events = work.filled
      return {
        async turn() {
          const { value, appended } = await work.turn()
          events += appended
          await expectCount(ground.directUrl, kind.countEvents, events, kind.name)
          return value
        },
        async leave() {
          await work.leave?.()
          await store.close()
        },
      }
    },
  }
}
