/**
 * The documents of projections in memory, by projection, generation and key. A rebuild writes a new generation of all
 * documents beside the present one. When the rebuild is complete, readers switch to the new generation in one step.
 */
import {
  collectionGeneration,
  compareNames,
  type DocumentAddress,
  type DocumentChange,
  type DocumentDifference,
  isSameJson,
  type ListedProjection,
  type ProjectionToRegister,
  type RegisteredProjection,
  type StoredDocument,
} from '../storage/index.ts'

/** A rebuild that has begun: the version of the projection it is for, and the generation it writes. */
interface Building {
  readonly version: number
  readonly generation: number
}

/** The documents of one generation, by key. */
type Generation = Map<string, StoredDocument>

export class MemoryDocuments {
  readonly #generations = new Map<string, Map<number, Generation>>()
  readonly #registered = new Map<string, RegisteredProjection>()
  readonly #building = new Map<string, Building>()
  /** The highest generation that was ever used for a projection. A new rebuild must not write into an older one. */
  readonly #lastGeneration = new Map<string, number>()

  registered(name: string): RegisteredProjection | undefined {
    return this.#registered.get(name)
  }

  listRegistered(after: string, limit: number): ListedProjection[] {
    return [...this.#registered.values()]
      .filter(({ name }) => compareNames(name, after) > 0)
      .sort((a, b) => compareNames(a.name, b.name))
      .slice(0, limit)
      .map((projection) => ({ ...projection, building: this.#building.get(projection.name)?.version }))
  }

  count(name: string): number {
    return this.#documents(name, this.current(name)).size
  }

  /** The projections whose documents every append must write. */
  inline(): RegisteredProjection[] {
    return [...this.#registered.values()].filter(({ version, mode }) => version > 0 && mode === 'inline')
  }

  /**
   * Registers a projection that is not registered yet, and returns its registration. `isNew`: the log is empty. An
   * inline projection that began on a log with events would lack those events. It is not registered (`undefined`); the
   * caller must rebuild it first.
   */
  register(projection: ProjectionToRegister, isNew: boolean): RegisteredProjection | undefined {
    const present = this.#registered.get(projection.name)
    if (present !== undefined) return present
    if (projection.mode === 'inline' && !isNew) return undefined
    return this.set({ ...projection, generation: 1 })
  }

  /** Sets the version, mode and generation that count from now on. This ends a rebuild of the projection. */
  set(projection: RegisteredProjection): RegisteredProjection {
    this.#registered.set(projection.name, projection)
    this.#building.delete(projection.name)
    const last = this.#lastGeneration.get(projection.name) ?? 0
    this.#lastGeneration.set(projection.name, Math.max(last, projection.generation))
    return projection
  }

  /** Begins a rebuild, or resumes one for the same version that has not ended. Returns the generation to write. */
  beginBuild({ name, version, mode }: ProjectionToRegister): { generation: number; resumed: boolean } {
    if (!this.#registered.has(name)) this.set({ name, version: 0, generation: 0, mode })
    const begun = this.#building.get(name)
    if (begun?.version === version) return { generation: begun.generation, resumed: true }
    const generation = (this.#lastGeneration.get(name) ?? 0) + 1
    this.#lastGeneration.set(name, generation)
    this.#building.set(name, { version, generation })
    return { generation, resumed: false }
  }

  /** The generation that readers see. A collection that belongs to no projection has one generation only. */
  current(name: string): number {
    return this.#registered.get(name)?.generation ?? collectionGeneration
  }

  at({ projection, generation, key }: DocumentAddress): StoredDocument | undefined {
    return this.#generations.get(projection)?.get(generation)?.get(key)
  }

  /** Stores one changed document, or deletes it if its new state is `null`. */
  apply({ projection, generation, key, state, position }: DocumentChange): void {
    const generations = this.#generations.get(projection) ?? new Map<number, Generation>()
    this.#generations.set(projection, generations)
    const documents: Generation = generations.get(generation) ?? new Map()
    generations.set(generation, documents)
    if (state === null) documents.delete(key)
    else documents.set(key, { key, state, revision: (documents.get(key)?.revision ?? 0) + 1, position })
  }

  list(name: string, prefix: string, after: string, limit: number): StoredDocument[] {
    return [...this.#documents(name, this.current(name)).values()]
      .filter(({ key }) => key.startsWith(prefix) && compareNames(key, after) > 0)
      .sort((a, b) => compareNames(a.key, b.key))
      .slice(0, limit)
  }

  #documents(name: string, generation: number): Generation {
    return this.#generations.get(name)?.get(generation) ?? new Map()
  }

  /**
   * Compares two generations of a projection, key by key, and returns at most `limit` differences. `pending`: changes
   * of the caller's transaction, which count although they are not applied yet.
   */
  compare(
    name: string,
    left: number,
    right: number,
    limit: number,
    pending: readonly DocumentChange[],
  ): { documents: number; differences: DocumentDifference[] } {
    const [leftStates, rightStates] = [this.#states(name, left, pending), this.#states(name, right, pending)]
    const keys = [...new Set([...leftStates.keys(), ...rightStates.keys()])].sort(compareNames)
    const differences: DocumentDifference[] = []
    for (const key of keys) {
      const pair = { key, left: leftStates.get(key), right: rightStates.get(key) }
      if (!isSameJson(pair.left, pair.right)) differences.push(pair)
    }
    return { documents: keys.length, differences: differences.slice(0, limit) }
  }

  #states(name: string, generation: number, pending: readonly DocumentChange[]): Map<string, string> {
    const states = new Map<string, string>()
    for (const { key, state } of this.#documents(name, generation).values()) states.set(key, state)
    for (const change of pending) {
      if (change.projection !== name || change.generation !== generation) continue
      if (change.state === null) states.delete(change.key)
      else states.set(change.key, change.state)
    }
    return states
  }

  /**
   * Deletes all generations but the one that readers see and `keep`, which a running rebuild writes. Without `keep`,
   * the rebuild is over too. Returns the number of deleted documents.
   */
  drop(name: string, keep: number | undefined): number {
    if (keep === undefined) this.#building.delete(name)
    let dropped = 0
    for (const [generation, documents] of this.#generations.get(name) ?? []) {
      if (generation === keep || generation === this.current(name)) continue
      dropped += documents.size
      this.#generations.get(name)?.delete(generation)
    }
    return dropped
  }
}
