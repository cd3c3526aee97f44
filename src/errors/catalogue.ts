/** Errors of a catalogue: events that do not fit it, and stored events that it cannot read. */
import { EventSourcedError } from './base.ts'

/** One reason why an event does not fit the catalogue, and where. */
export interface EventIssue {
  /** For example `['events', 0, 'data', 'price', 'amount']`. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

const mostShown = 10

/** Events do not fit the catalogue of the store. Nothing was written. `issues` has all reasons, for all events. */
export class InvalidEventError extends EventSourcedError {
  readonly code = 'invalid-event'
  readonly issues: readonly EventIssue[]
  constructor(issues: readonly EventIssue[]) {
    const lines = issues.slice(0, mostShown).map(({ path, message }) => `${pathText(path)}: ${message}`)
    if (issues.length > mostShown) lines.push(`and ${issues.length - mostShown} more`)
    super(['The events do not fit the catalogue; nothing was written:', ...lines].join('\n  '))
    this.issues = issues
  }
}

/** Returns the text of a path, such as `events[0].data.price`. */
export function pathText(path: readonly (string | number)[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? key : `.${key}`))
    .join('')
}

/**
 * Why a stored event cannot be read. 'unknown-type': the catalogue has no event of this name. 'newer-version': its data has
 * a later version than the catalogue knows. 'older-version': the catalogue has no upcast from its version. 'upcast-failed':
 * an upcast threw, or returned no data.
 */
export type UnreadableReason = 'unknown-type' | 'newer-version' | 'older-version' | 'upcast-failed'

/**
 * The catalogue of this process cannot read a stored event. For 'unknown-type' and 'newer-version', a process of a newer
 * release has probably written it: upgrade this process. Otherwise, mend the catalogue.
 */
export class UnreadableEventError extends EventSourcedError {
  readonly code = 'unreadable-event'
  readonly reason: UnreadableReason
  /** The type of the event, as it is stored. */
  readonly type: string
  /** The version of its data, as it is stored. */
  readonly schemaVersion: number
  readonly streamId: string
  readonly version: number
  readonly position: number
  constructor(
    reason: UnreadableReason,
    event: UnreadableEvent,
    schemaVersion: number,
    problem: string,
    options?: ErrorOptions,
  ) {
    const { type, streamId, version, position } = event
    super(
      `Event '${type}' (version ${version} of stream '${streamId}', position ${position}) cannot be read: ${problem}`,
      options,
    )
    this.reason = reason
    this.type = type
    this.schemaVersion = schemaVersion
    this.streamId = streamId
    this.version = version
    this.position = position
  }

  /** True if a process of a newer release can probably read the event. */
  get needsNewerProcess(): boolean {
    return this.reason === 'unknown-type' || this.reason === 'newer-version'
  }
}

interface UnreadableEvent {
  readonly type: string
  readonly streamId: string
  readonly version: number
  readonly position: number
}
