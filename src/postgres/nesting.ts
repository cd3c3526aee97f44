/**
 * Calls of a store from inside one of its own transactions. Such a call needs a second connection while the transaction
 * keeps the first one. So the store keeps one connection free for such calls, and refuses a call that would wait for
 * its own transaction:
 *
 *     inside                                one connection    several connections
 *     a transactional handler               refused           runs on the connection that is kept free
 *     a raw inline projection               refused           refused: its appends may wait for each other
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { abortable, NestedCallError } from '../storage/index.ts'

interface Inside {
  readonly kind: 'handler' | 'inline'
  isOver: boolean
}

export class Nesting {
  readonly #inside = new AsyncLocalStorage<Inside>()
  readonly #waiting: (() => void)[] = []
  #connections = Number.POSITIVE_INFINITY
  #open = 0

  /** Says how many connections the database has. Until then nothing is limited. */
  setConnections(connections: number): void {
    this.#connections = connections
  }

  get hasOneConnection(): boolean {
    return this.#connections === 1
  }

  /** @throws NestedCallError if this code runs inside a transaction for which the call would wait */
  check(): void {
    const inside = this.#inside.getStore()
    if (inside === undefined || inside.isOver) return
    if (inside.kind === 'inline') throw new NestedCallError('an inline projection')
    if (this.hasOneConnection) throw new NestedCallError('a transactional handler on the only connection')
  }

  /** Runs the work of a transaction, so that `check` recognizes the calls that it makes. */
  async enter<T>(kind: Inside['kind'], work: () => Promise<T>): Promise<T> {
    const inside: Inside = { kind, isOver: false }
    try {
      return await this.#inside.run(inside, work)
    } finally {
      inside.isOver = true
    }
  }

  /** Returns a function that calls another one as a part of the present transaction, in any async context. */
  present(): <T>(work: () => T) => T {
    const inside = this.#inside.getStore()
    return (work) => (inside === undefined ? work() : this.#inside.run(inside, work))
  }

  /**
   * Runs a transaction with a handler once enough connections are free. All but one connection may run such
   * transactions at the same time.
   * @throws NestedCallError inside another transaction with a handler: together they might need all connections
   */
  async withConnection<T>(signal: AbortSignal | undefined, transaction: () => Promise<T>): Promise<T> {
    this.check()
    const inside = this.#inside.getStore()
    if (inside?.isOver === false)
      throw new NestedCallError('a transactional handler, as another transaction,')
    if (this.#open >= Math.max(1, this.#connections - 1)) await this.#turn(signal)
    else this.#open++
    try {
      return await transaction()
    } finally {
      this.#pass()
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    let wake = () => {}
    const turn = new Promise<void>((resolve) => {
      wake = resolve
    })
    this.#waiting.push(wake)
    try {
      await abortable(turn, signal)
    } catch (error) {
      const index = this.#waiting.indexOf(wake)
      if (index >= 0) this.#waiting.splice(index, 1)
      else turn.then(() => this.#pass())
      throw error
    }
  }

  /** Passes the connection to the next transaction that waits. */
  #pass(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#open--
    else next()
  }
}

const known = new WeakMap<object, Nesting>()

/** Returns the nesting of a connection; stores on one pool or client share it. */
export function nestingOf(connection: unknown): Nesting {
  if ((typeof connection !== 'object' && typeof connection !== 'function') || connection === null)
    return new Nesting()
  const nesting = known.get(connection) ?? new Nesting()
  known.set(connection, nesting)
  return nesting
}
