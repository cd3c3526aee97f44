/**
 * Several statements that `pg` sends in one flight: one write to the socket, one answer. The last message is the only
 * `Sync`, so after an error the server skips the statements that follow. Otherwise a statement could run although the
 * `begin` before it has failed, and commit by itself.
 *
 * A batch is a query object as `pg-cursor` is one: `client.query` passes it the connection and the answers.
 */
import type { Parameters, Row } from './client.ts'
import { noteFailure, preparedName } from './prepared-names.ts'

/** A statement of a batch. Without `name`, it is not prepared. */
export interface BatchStatement {
  readonly name: string
  readonly text: string
  readonly values: Parameters
  /** Whether it returns no rows, as `begin`. */
  readonly isCommand?: true
}

/** The part of the connection of a `pg.Client` that a batch uses. The types of `pg` do not declare all of it. */
interface BatchConnection {
  readonly stream: { cork?(): void; uncork?(): void }
  readonly parsedStatements: Readonly<Record<string, string>>
  parse(message: { name: string; text: string; types: [] }): void
  bind(message: { portal: ''; statement: string; values: readonly (string | null)[] }): void
  describe(message: { type: 'P'; name: '' }): void
  execute(message: { portal: ''; rows: 0 }): void
  sync(): void
}

interface Field {
  readonly name: string
  readonly dataTypeID: number
}

type Callback = (error: Error | null, results?: readonly (readonly Row[])[]) => void

const messages = ['parse', 'bind', 'describe', 'execute', 'sync'] as const

/** Whether the client can send batches: not in the pipeline mode of `pg`, and not the client of `pg-native`. */
export function canBatch(client: object): boolean {
  const { pipeline, connection } = client as { pipeline?: boolean; connection?: Partial<BatchConnection> }
  return (
    pipeline !== true &&
    connection?.parsedStatements !== undefined &&
    connection.stream !== undefined &&
    messages.every((message) => typeof connection[message] === 'function')
  )
}

/** A query object for `client.query`. */
export class PgBatch {
  callback: Callback
  readonly #client: object
  readonly #statements: readonly BatchStatement[]
  readonly #names: readonly string[]
  readonly #parseValue: (value: string, type: number) => unknown
  readonly #results: (readonly Row[])[] = []
  #fields: readonly Field[] = []
  #rows: Row[] = []
  #hasFailed = false

  /** `prepare`: whether the statements are prepared by their names. `parseValue`: parses a value of a type (its OID). */
  constructor(
    client: object,
    statements: readonly BatchStatement[],
    prepare: boolean,
    parseValue: (value: string, type: number) => unknown,
    callback: Callback,
  ) {
    this.#client = client
    this.#statements = statements
    this.#names = statements.map(({ name }) => (prepare ? preparedName(client, name) : ''))
    this.#parseValue = parseValue
    this.callback = callback
  }

  /** How many statements have succeeded. */
  get done(): number {
    return this.#results.length
  }

  /** The client records under this name that the server has prepared the statement whose answer comes now. */
  get name(): string {
    return this.#names[this.done] ?? ''
  }

  get text(): string {
    return this.#statements[this.done]?.text ?? ''
  }

  submit(connection: BatchConnection): null {
    const { stream, parsedStatements } = connection
    stream.cork?.()
    try {
      for (const [index, { text, values, isCommand }] of this.#statements.entries()) {
        const name = this.#names[index] as string
        if (name === '' || parsedStatements[name] === undefined) connection.parse({ name, text, types: [] })
        connection.bind({ portal: '', statement: name, values })
        if (!isCommand) connection.describe({ type: 'P', name: '' })
        connection.execute({ portal: '', rows: 0 })
      }
      connection.sync()
    } finally {
      stream.uncork?.()
    }
    return null
  }

  handleRowDescription({ fields }: { readonly fields: readonly Field[] }): void {
    this.#fields = fields
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    const row: Record<string, unknown> = {}
    for (const [index, { name, dataTypeID }] of this.#fields.entries()) {
      const value = fields[index] ?? null
      row[name] = value === null ? null : this.#parseValue(value, dataTypeID)
    }
    this.#rows.push(row)
  }

  handleCommandComplete(): void {
    this.#results.push(this.#rows)
    this.#rows = []
    this.#fields = []
  }

  handleEmptyQuery(): void {}

  handlePortalSuspended(): void {}

  handleError(error: Error): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    for (const { name } of this.#statements) noteFailure(this.#client, name)
    this.callback(error)
  }

  handleReadyForQuery(): void {
    if (!this.#hasFailed) this.callback(null, this.#results)
  }
}
