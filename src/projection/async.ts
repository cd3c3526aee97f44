/** An async projection: the handler that a subscription runs for it, in the transaction of its checkpoint. */
import type { RecordedEvent } from '../event.ts'
import type { EventFilter } from '../input/event-filter.ts'
import type { ProjectionStorage, StorageTransaction } from '../storage/projections.ts'
import { type ProjectionTarget, project } from './project.ts'
import type { Projection } from './projection.ts'
import { Registration } from './registration.ts'

export interface AsyncProjection {
  readonly filter: EventFilter
  /** To be called before each transaction: an embedded database has but one connection. @throws ProjectionVersionError */
  prepare(): Promise<void>
  /**
   * @throws ProjectionVersionError if the projection was rebuilt in another version, ProjectionMovedError if in the
   * same one, and whatever it throws itself
   */
  handleBatch(events: readonly RecordedEvent[], transaction: StorageTransaction): Promise<void>
}

/** The documents are being kept elsewhere since the projection was rebuilt: the next try writes there. */
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
    filter: { types: projection.events, streamPrefix: projection.streamPrefix },
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
