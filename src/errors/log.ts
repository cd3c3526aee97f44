/** Errors of the log: reading cannot continue, or not yet. */
import { EventSourcedError } from './base.ts'

/** The log lists an event that is not stored: the tables were restored to different times, or changed by hand. */
export class DamagedLogError extends EventSourcedError {
  readonly code = 'damaged-log'
  readonly streamId: string
  readonly version: number
  /** Undefined if a reader of the stream missed the version, and not a reader of the log. */
  readonly position: number | undefined
  constructor(streamId: string, version: number, position: number | undefined, remedy: string) {
    super(
      position === undefined
        ? `Stream '${streamId}' has later versions than ${version}, but version ${version} is not there: ${remedy}`
        : `The log lists version ${version} of stream '${streamId}' at position ${position}, but it is not there: ${remedy}`,
    )
    this.streamId = streamId
    this.version = version
    this.position = position
  }
}

/** Reading cannot continue after this position: the log has lost its end, or it is another log. */
export class LogTruncatedError extends EventSourcedError {
  readonly code = 'log-truncated'
  /** The position after which the call wanted to read. */
  readonly after: number
  constructor(after: number, reason: string) {
    super(
      `Nothing can be read after position ${after}: ${reason}. Is the position right? If it is, this is another log, or the log has lost its end (after a failover, or a restored backup)`,
    )
    this.after = after
  }
}

/**
 * A rebuild or verification could not end, because appends that began earlier stayed open for too long. The projection
 * is unchanged, and the next call resumes the work.
 */
export class LogNotSettledError extends EventSourcedError {
  readonly code = 'log-not-settled'
  /** The position that the projection had reached. */
  readonly position: number
  /** The position that it had to reach. */
  readonly target: number
  constructor(position: number, target: number) {
    super(
      `The log is settled up to position ${position}, and the projection needs it up to ${target}: an append that began earlier is still open. End that transaction and call again`,
    )
    this.position = position
    this.target = target
  }
}
