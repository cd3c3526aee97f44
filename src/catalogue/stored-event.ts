/** A stored event as upcasters get it, and the version of its data. */
import type { Metadata } from '../event.ts'

/** Facts about a stored event, for upcasters that need more than its data. */
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

/** The metadata property that holds the version of an event's data. It is absent if the version is 1. */
export const schemaVersionKey = '$schemaVersion'

/** Returns the stored version of an event's data. `NaN` if the metadata has something else there. */
export function schemaVersionOf(metadata: Metadata): number {
  const stored = metadata[schemaVersionKey]
  if (stored === undefined) return 1
  return Number.isSafeInteger(stored) && (stored as number) >= 1 ? (stored as number) : Number.NaN
}
