/** An async projection: the handler that its subscription runs, in the transaction that also moves the checkpoint. */
import type { RecordedEvent } from '../event.ts'
import type { EventFilter } from '../input/event-filter.ts'
import type { ProjectionStorage, StorageTransaction } from '../storage/projections.ts'
import { type ProjectionTarget, project } from './project.ts'
import type { Projection } from './projection.ts'
import { Registration } from './registration.ts'

export interface AsyncProjection {
  readonly filter: Required<EventFilter>
  /**
   * Looks up where to write. Must be called before each transaction, not inside it: an embedded database has only one
   * connection. @throws ProjectionVersionError if the stored documents have another version or mode
   */
  prepare(): Promise<void>
  /**
   * Writes the documents that the events change.
   * @throws ProjectionMovedError if the projection was rebuilt since `prepare`
   * @throws the error of the projection's own functions
   */
  handleBatch(events: readonly RecordedEvent[], transaction: StorageTransaction): Promise<void>
}

/** A rebuild has switched to a new generation of documents. The next attempt writes into that generation. */
export class ProjectionMovedError extends Error {
  constructor(name: string) {
    super(`Projection '${name}' was rebuilt meanwhile; the next try writes into what was built`)
  }
}

export function asyncProjection(
  storage: Pick<ProjectionStorage, 'registerProjections'>,
  projection: Projection,
): AsyncProjection {
  const registration = new Registration([projection], 'async')
  let targets: readonly ProjectionTarget[] = []
  return {
    filter: { types: projection.events, streamPrefix: projection.streamPrefix, tags: undefined },
    async prepare() {
      targets = await registration.targets(storage)
    },
    async handleBatch(events, transaction) {
      const result = await project(targets, events, transaction)
      if (result === 'done') return
      registration.forget()
      throw new ProjectionMovedError(projection.name)
    },
  }
}
