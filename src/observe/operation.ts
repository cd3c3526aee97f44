/** The operations of a store that an observer can run inside a span. */
import type { RecordedEvent } from '../event.ts'

/** An operation of a store. `name` says which. */
export type Operation =
  | AppendOperation
  | ReadOperation
  | CommandOperation
  | HandleOperation
  | ProjectOperation
  | BuildOperation

/** A call of `append` or `appendAll`, or a batch of `import`. */
export interface AppendOperation {
  readonly name: 'append'
  /** The streams that are appended to, each once. */
  readonly streamIds: readonly string[]
  /** The number of events. */
  readonly events: number
}

/** A call of `readStream`. */
export interface ReadOperation {
  readonly name: 'read'
  readonly streamId: string
}

/** A call of a command handler, with its retries. */
export interface CommandOperation {
  readonly name: 'command'
  readonly streamId: string
  readonly commandId: string | undefined
}

/** One attempt of the handler of a subscription, for one event or a batch, with its transaction if it has one. */
export interface HandleOperation {
  readonly name: 'handle'
  readonly subscription: string
  readonly partition: number
  /** 1 for the first attempt. */
  readonly attempt: number
  /** Copies of the events, as they are stored. */
  readonly events: readonly RecordedEvent[]
}

/** One attempt of an async projection to write the documents of a batch of events, with its transaction. */
export interface ProjectOperation {
  readonly name: 'project'
  readonly projection: string
  readonly partition: number
  /** 1 for the first attempt. */
  readonly attempt: number
  /** Copies of the events, as they are stored. */
  readonly events: readonly RecordedEvent[]
}

/** A call of `rebuild` or `verify`. */
export interface BuildOperation {
  readonly name: 'rebuild' | 'verify'
  readonly projection: string
}
