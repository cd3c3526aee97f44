/** Reads answers that never change, such as the state at a version: once each, and aborts the requests for which nobody waits. */
import { get, type Query } from './client.ts'

const mostKept = 40

export class Steps<Answer> {
  readonly #known = new Map<string, Answer>()
  readonly #running = new Map<string, { controller: AbortController; answer: Promise<Answer> }>()

  known(path: string, query: Query): Answer | undefined {
    return this.#known.get(keyOf(path, query))
  }

  /** Returns the answer, from a running request of the same query if there is one. @throws ApiError */
  read(path: string, query: Query): Promise<Answer> {
    const key = keyOf(path, query)
    const known = this.#known.get(key)
    if (known !== undefined) return Promise.resolve(known)
    const running = this.#running.get(key)
    if (running !== undefined) return running.answer
    const controller = new AbortController()
    const answer = this.#ask(key, path, query, controller)
    this.#running.set(key, { controller, answer })
    return answer
  }

  /** Aborts the requests of other queries. */
  abortExcept(path: string, queries: readonly Query[]): void {
    const wanted = new Set(queries.map((query) => keyOf(path, query)))
    for (const [key, { controller }] of this.#running) {
      if (wanted.has(key)) continue
      this.#running.delete(key)
      controller.abort()
    }
  }

  async #ask(key: string, path: string, query: Query, controller: AbortController): Promise<Answer> {
    try {
      const answer = await get<Answer>(path, query, controller.signal)
      this.#known.set(key, answer)
      const [oldest] = this.#known.keys()
      if (this.#known.size > mostKept && oldest !== undefined) this.#known.delete(oldest)
      return answer
    } finally {
      if (this.#running.get(key)?.controller === controller) this.#running.delete(key)
    }
  }
}

function keyOf(path: string, query: Query): string {
  return JSON.stringify([path, query])
}
