/** One interface for all event stores on Postgres, so that each case is written once. */
import type { BenchContext, Contestant, Turn } from '../case.ts'
import { forEachOf } from '../closed-loop.ts'
import { expectCount } from '../database.ts'
import { newOrderId, type OrderEvent, orderEvents } from './order-events.ts'

export interface BenchStore {
  /** Appends to a stream that must not exist yet. */
  appendNew(streamId: string, events: readonly OrderEvent[]): Promise<unknown>
  /** Appends at any version of the stream, and retries until the append succeeds. */
  appendAny(streamId: string, events: readonly OrderEvent[]): Promise<unknown>
  /** Reads a whole stream, and returns how many events it has. */
  read(streamId: string): Promise<number>
  /** Returns a handler of the command that adds one line to an order. */
  commandHandler(options: { readonly cachedStreams: number }): (streamId: string) => Promise<unknown>
  /** Passes every event of the log, in order, to a handler that does hardly anything. */
  consume(name: string, handle: (event: ConsumedEvent) => void): Promise<Consumer>
  /** Keeps one document for each order, from the first event of the log on, in the background. */
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
  /** Whether each append also writes the document of its order, in the same transaction. @default false */
  readonly inline?: boolean
}

export interface BenchStoreKind {
  readonly name: string
  /** Opens the store, and creates its tables: not every store can create them while many callers wait. */
  open(url: string, options?: OpenOptions): Promise<BenchStore>
  /** The query that counts the recorded events. */
  readonly countEvents: string
  /** The query that counts the documents. */
  readonly countDocuments: string
  /** Returns the query for the position up to which `project` has handled the log. */
  checkpointOf(name: string): string
}

export interface StoreWork {
  /** How many events it appended before the first turn. */
  readonly filled: number
  turn(): Promise<StoreTurn>
  tearDown?(): Promise<void>
}

interface StoreTurn extends Turn {
  /** How many events the turn appended. */
  readonly appended: number
}

/** Makes a contestant of a store. Throws after a turn if the store has lost or duplicated an event. */
export function storeContestant(
  kind: BenchStoreKind,
  prepare: (store: BenchStore, context: BenchContext) => StoreWork | Promise<StoreWork>,
  options: OpenOptions = {},
): Contestant {
  return {
    name: kind.name,
    async setUp(context) {
      const store = await kind.open(context.url, options)
      const work = await prepare(store, context)
      let events = work.filled
      return {
        async turn() {
          const { appended, ...turn } = await work.turn()
          events += appended
          await expectCount(context.directUrl, kind.countEvents, events, kind.name)
          return turn
        },
        async tearDown() {
          await work.tearDown?.()
          await store.close()
        },
      }
    },
  }
}

/** Appends `length` events to each of `count` new streams, and returns the names of the streams. */
export async function createStreams(
  kind: BenchStoreKind,
  url: string,
  count: number,
  length: number,
): Promise<string[]> {
  const streams = Array.from({ length: count }, newOrderId)
  const filler = await kind.open(url)
  await forEachOf(streams, 32, (stream) => filler.appendNew(stream, orderEvents(length)))
  await filler.close()
  return streams
}
