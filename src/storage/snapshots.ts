/** The part of the `Storage` contract that keeps snapshots of streams. */
import type { Snapshot } from '../snapshot/snapshots.ts'

export interface SnapshotToWrite extends Snapshot {
  /** The version of a stored snapshot that is wrong, and is replaced even if it is later; undefined: there is none. */
  readonly replaces: number | undefined
}

/** The methods of a storage that keep snapshots, one for each name and stream. */
export interface SnapshotStorage {
  readSnapshot(name: string, streamId: string, signal?: AbortSignal): Promise<Snapshot | undefined>

  /** Writes a snapshot, unless the stored one has a later version. It then writes only if `replaces` is that version. */
  writeSnapshot(
    name: string,
    streamId: string,
    snapshot: SnapshotToWrite,
    signal?: AbortSignal,
  ): Promise<void>

  /** Deletes the snapshot of a stream, or of all streams (undefined), but no snapshot of another name. */
  deleteSnapshots(name: string, streamId: string | undefined, signal?: AbortSignal): Promise<void>
}

/** Returns true if a snapshot must not replace the stored one. */
export function isOutdated({ version, replaces }: SnapshotToWrite, stored: number | undefined): boolean {
  return stored !== undefined && stored > version && stored !== replaces
}
