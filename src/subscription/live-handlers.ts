/** The handlers that run in one store now. */
import { SubscriptionMismatchError } from '../errors/index.ts'
import type { Plan } from './plan.ts'

type Live = Pick<Plan, 'name' | 'definition' | 'handler'>

export class LiveHandlers {
  readonly #live = new Set<Live>()

  /**
   * Adds a handler. Returns the function that removes it. Two workers of a store may share a name only if they run the
   * same function, or different versions.
   * @throws SubscriptionMismatchError if another function runs under the name, with the same version
   */
  add(plan: Live): () => void {
    const { name, definition, handler } = plan
    for (const other of this.#live) {
      if (other.name !== name || other.definition.version !== definition.version) continue
      if (other.handler.code === handler.code) continue
      throw new SubscriptionMismatchError(
        name,
        'this store runs another handler under this name already, with the same version. Pass the same function, or give one of the two another name',
      )
    }
    this.#live.add(plan)
    return () => this.#live.delete(plan)
  }

  /** Returns the version of an async projection that runs in this store; undefined if none of that name does. */
  projectionVersion(name: string): number | undefined {
    const live = [...this.#live].find((one) => one.name === name && one.definition.kind === 'projection')
    return live?.definition.version
  }
}
