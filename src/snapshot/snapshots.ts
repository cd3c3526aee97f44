/** The public types of the snapshots that a store keeps: states of long streams, so that loading one reads few events. */
import type { CallOptions } from '../call-options.ts'

/** A state of a stream, as the store keeps it. */
export interface Snapshot {
  /** The version of the stream's last event that the state contains. */
  readonly version: number
  /** The content, as JSON text. The store does not look into it. */
  readonly json: string
}

/** The options of `snapshots.write`. */
export interface WriteSnapshotOptions extends CallOptions {
  /**
   * The version of a stored snapshot that the caller has found to be wrong. The store replaces that one although it has a
   * later version. @default none
   */
  readonly replaces?: number | undefined
}

/** The options of `snapshots.delete`. */
export interface DeleteSnapshotsOptions extends CallOptions {
  /** Only the snapshot of this stream. @default the snapshots of all streams */
  readonly streamId?: string | undefined
}

/**
 * The snapshots of a store, one for each name and stream. They are no events: no read returns them, and losing one costs
 * only time. `commandHandler` and `foldStream` read and write them.
 */
export interface Snapshots {
  /** Returns the snapshot of a stream; `undefined` if there is none. */
  read(name: string, streamId: string, options?: CallOptions): Promise<Snapshot | undefined>

  /**
   * Stores the snapshot of a stream in place of an older one. Does nothing if the stored one has a later version.
   * @throws InvalidInputError if the text is no JSON, or on DynamoDB exceeds 390,000 bytes after compression
   */
  write(name: string, streamId: string, snapshot: Snapshot, options?: WriteSnapshotOptions): Promise<void>

  /** Deletes the snapshots of a name, or only that of one stream. Handlers write new ones when they need them. */
  delete(name: string, options?: DeleteSnapshotsOptions): Promise<void>
}
