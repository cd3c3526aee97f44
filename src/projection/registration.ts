/** Which generation a projection writes into: looked up once, and again when the projection was rebuilt meanwhile. */
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

  /** Where to write. @throws ProjectionVersionError if the documents of one of them are of another version */
  targets(storage: Pick<ProjectionStorage, 'registerProjections'>): Promise<readonly ProjectionTarget[]> {
    this.#targets ??= this.#register(storage).catch((error: unknown) => {
      this.#targets = undefined
      throw error
    })
    return this.#targets
  }

  /** What was found is not true any more. */
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
      // In the other mode its documents are complete up to another position: they are not to be gone on with.
      if (version !== projection.version || mode !== this.#mode) {
        throw new ProjectionVersionError(projection.name, projection.version, version, this.#mode, mode)
      }
      return { projection, generation }
    })
  }
}
