/** How events are stored: what an upcast gets, what an append stores, and the version of the data. */
import type { Metadata } from '../event.ts'

/** Facts about a stored event, for upcasts that need more than its data. */
export interface StoredEvent {
  /** The type under which it is stored. */
  readonly type: string
  /** The version of its data; 1 unless its metadata says otherwise. */
  readonly schemaVersion: number
  readonly id: string
  readonly streamId: string
  readonly recordedAt: Date
  /** Without `$schemaVersion`. */
  readonly metadata: Metadata
  readonly tags: readonly string[]
}

/** An event as it will be stored. */
export interface StoredForm {
  readonly type: string
  readonly data: unknown
  /** The version of its data. */
  readonly schemaVersion: number
}

/** The metadata property that holds the version of an event's data. It is absent if the version is 1. */
export const schemaVersionKey = '$schemaVersion'

/** Returns the stored version of an event's data. `NaN` if the metadata has something else there. */
export function schemaVersionOf(metadata: Metadata): number {
  const stored = metadata[schemaVersionKey]
  if (stored === undefined) return 1
  return Number.isSafeInteger(stored) && (stored as number) >= 1 ? (stored as number) : Number.NaN
}
