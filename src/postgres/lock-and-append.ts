/**
 * An append whose statement also locks and reads the documents that its events change: one round trip for both. The
 * store must still decide what the documents become, so it writes them with another statement.
 */
import type { Parameters, Row, Session, Statement } from './client.ts'

export class LockAndAppend {
  readonly #statement: Statement
  readonly #parameters: () => Parameters
  #row: Row | undefined
  #failure: { readonly error: unknown } | undefined

  /** `parameters`: of the append. The statement takes those of `lock-documents.sql` after them. */
  constructor(statement: Statement, parameters: () => Parameters) {
    this.#statement = statement
    this.#parameters = parameters
  }

  /** Locks the documents and appends. Returns the rows of `lock-documents.sql`. */
  async lock(session: Session, parameters: Parameters): Promise<readonly Row[]> {
    try {
      const rows = await session.run(this.#statement, [...this.#parameters(), ...parameters])
      this.#row = rows.find(({ place }) => place === null)
      return rows.filter((row) => row !== this.#row)
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  /** The answer of the append. Undefined if it was not made, for example because its events change no document. */
  get row(): Row | undefined {
    return this.#row
  }

  /** Whether the statement failed with this error. Then the projection is not at fault. */
  failedWith(error: unknown): boolean {
    return this.#failure !== undefined && this.#failure.error === error
  }
}
