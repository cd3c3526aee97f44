/** What clients do to the store, and how they write it down: before they do it, and when they know what became of it. */
import { uuidOf } from '@eventsourced/core'

export type OperationKind =
  /** Appends to one stream, whatever its version. */
  | 'append'
  /** Reads a stream, and appends on condition that it has not moved on. */
  | 'append-at'
  | 'append-all'
  /** A command by `commandHandler`. */
  | 'command'
  | 'read'
  /** Appends in a transaction of the caller's that takes its time. */
  | 'slow'

/** A state of a stream, as somebody saw it: its version, and the digest of all events up to it. */
export type Seen = readonly [version: number, digest: number]

export interface Part {
  readonly stream: string
  /** How many events are to be appended; 0: it is only read. */
  readonly count: number
}

export interface Invocation {
  readonly what: 'invoke'
  /** Names the operation. Whoever tries it again uses the same name, and so the same event ids. */
  readonly op: string
  readonly kind: OperationKind
  /** Of the machine's monotonic clock, in microseconds, so that the times of all processes compare. */
  readonly at: number
  readonly parts: readonly Part[]
  /** What an `append-at` was decided on. */
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
  /** 'fail': it did not happen, and never will. 'unknown': nobody can tell. */
  readonly what: 'fail' | 'unknown'
  readonly op: string
  readonly at: number
  readonly code: string
}

export type OperationLine = Invocation | Completion | Failure

/** What the campaign's events hold. */
export interface Trace {
  /** The operation's name and the event's number in it: unique in the log if nothing is doubled. */
  readonly name: string
  /** What the operation was decided on. */
  readonly seen?: Seen
}

export type TracedEvent = { readonly type: 'Happened'; readonly data: Trace }

/** The nth event of an operation, the same whenever it is made. */
export function eventOf(op: string, nth: number, seen?: Seen): TracedEvent & { readonly id: string } {
  const name = eventName(op, nth)
  return { id: uuidOf(name), type: 'Happened', data: seen === undefined ? { name } : { name, seen } }
}

export const eventName = (op: string, nth: number): string => `${op}/${nth}`

export const operationOf = (name: string): string => name.slice(0, name.lastIndexOf('/'))

/** The digest of a stream with one more event: FNV-1a over the names. */
export function digest(before: number, name: string): number {
  let hash = before ^ 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

export const now = (): number => Number(process.hrtime.bigint() / 1000n)
