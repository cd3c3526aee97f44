/** The operations of clients, and the lines of their histories: one before each try, and one with its outcome. */
import { uuidOf } from '@eventsourced/core'

export type OperationKind =
  /** Appends to one stream, at any version. */
  | 'append'
  /** Reads a stream, and appends with the version that it saw as the expected version. */
  | 'append-at'
  | 'append-all'
  /** Handles a command with `commandHandler`. */
  | 'command'
  | 'read'
  /** Appends in the caller's own transaction, which stays open for a while. */
  | 'slow'

/** A state of a stream that a client saw: its version, and the digest of all events up to it. */
export type Seen = readonly [version: number, digest: number]

export interface Part {
  readonly stream: string
  /** The number of events to append; 0 for a read. */
  readonly count: number
}

export interface Invocation {
  readonly what: 'invoke'
  /** The name of the operation. A retry uses the same name, and so the same event ids. */
  readonly op: string
  readonly kind: OperationKind
  /** By the machine's monotonic clock, in microseconds, so that the times of all processes are comparable. */
  readonly at: number
  readonly parts: readonly Part[]
  /** The state that an `append-at` was decided on. */
  readonly seen?: Seen
}

interface Completion {
  readonly what: 'ok'
  readonly op: string
  readonly at: number
  readonly appended?: readonly Appended[]
  readonly seen?: Seen
}

export interface Appended {
  readonly stream: string
  readonly firstVersion: number
  readonly positions: readonly number[]
}

interface Failure {
  /** 'fail': it did not happen, and never will. 'unknown': it may have happened. */
  readonly what: 'fail' | 'unknown'
  readonly op: string
  readonly at: number
  readonly code: string
}

export type OperationLine = Invocation | Completion | Failure

/** The data of the campaign's events. */
export interface Trace {
  /** The operation's name and the event's number in it. Unique in the log if no event is duplicated. */
  readonly name: string
  /** The state that the operation was decided on. */
  readonly seen?: Seen
  /** Whether the event is the first part of one that the former release has written. */
  readonly isSplit?: boolean
}

/** How many types the events have, so that a subscription can select a part of them. */
export const shards = 16

export type TracedEvent = { readonly type: `Happened${number}`; readonly data: Trace }

export const typeOf = (shard: number): TracedEvent['type'] => `Happened${shard}`

/** The shard of an event, by its name. */
export const shardOf = (name: string): number => digest(0, name) % shards

/** Returns the nth event of an operation, with the same id at each call. */
export function eventOf(op: string, nth: number, seen?: Seen): TracedEvent & { readonly id: string } {
  const name = eventName(op, nth)
  const type = typeOf(shardOf(name))
  return { id: uuidOf(name), type, data: seen === undefined ? { name } : { name, seen } }
}

export const eventName = (op: string, nth: number): string => `${op}/${nth}`

export const operationOf = (name: string): string => name.slice(0, name.lastIndexOf('/'))

/** Returns the digest of a stream after one more event: FNV-1a over the names of its events. */
export function digest(before: number, name: string): number {
  let hash = before ^ 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

export const now = (): number => Number(process.hrtime.bigint() / 1000n)
