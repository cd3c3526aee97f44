/** Finds the generation that a projection writes into. Asks the storage once, and again after a rebuild. */
import { ProjectionVersionError } from '../errors/index.ts'
import type { ProjectionMode, ProjectionStorage } from '../storage/projections.ts'
import type { ProjectionTarget } from './project.ts'
import type { Projection } from './projection.ts'

export class Registration {
  readonly #projections: readonly Projection[]
  readonly #mode: ProjectionMode
  #targets: Promise<readonly ProjectionTarget[]> | undefined

  constructor(projections: readonly Projection[], mode: ProjectionMode) {
    this.#projections = projections
    this.#mode = mode
  }

  /** @throws ProjectionVersionError if the stored documents of a projection have another version or mode */
  targets(storage: Pick<ProjectionStorage, 'registerProjections'>): Promise<readonly ProjectionTarget[]> {
    this.#targets ??= this.#register(storage).catch((error: unknown) => {
      this.#targets = undefined
      throw error
    })
    return this.#targets
  }

  /** Makes the next call of `targets` ask the storage again, because a projection was rebuilt. */
  forget(): void {
    this.#targets = undefined
  }

  async #register(
    storage: Pick<ProjectionStorage, 'registerProjections'>,
  ): Promise<readonly ProjectionTarget[]> {
    const mode = this.#mode
    const wanted = this.#projections.map(({ name, version }) => ({ name, version, mode }))
    const registered = await storage.registerProjections(wanted)
    return this.#projections.map((projection, index) => {
      const { version = 0, generation = 0, mode = this.#mode } = registered[index] ?? {}
      // Documents of the other mode are complete up to another position, so this mode cannot continue with them.
      if (version !== projection.version || mode !== this.#mode) {
        throw new ProjectionVersionError(projection.name, projection.version, version, this.#mode, mode)
      }
      return { projection, generation }
    })
  }
}
