/** A transaction of the storage: documents, checkpoints and the user's own SQL that commit together. */
import {
  type Comparison,
  type DocumentAddress,
  type DocumentChange,
  type HandlerTransaction,
  handlerDocuments,
  type Lease,
  LeaseLostError,
  type LockedDocuments,
  type LogPage,
  type LogQuery,
  type RegisteredProjection,
  type Storage,
  type StorageTransaction,
  type StoredDocument,
  type SubscriptionDefinition,
} from '../storage/index.ts'
import type { Parameters, Row, Session, Statement } from './client.ts'
import { jsonList, plainArray, textArray } from './encode.ts'
import { isTransactionAborted } from './errors.ts'
import type { LockAndAppend } from './lock-and-append.ts'
import type { Statements } from './statements.ts'

/** The transaction that handlers and raw projections write with. It also runs your own SQL. */
export interface SqlTransaction extends HandlerTransaction {
  /**
   * Runs your own SQL in the transaction and returns its rows. The driver's own rules apply to values and rows.
   * @throws TransactionOverError if the transaction has ended
   */
  query<R = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>
  /** The driver's own transaction: a `pg` client, or a postgres.js or PGlite transaction. */
  readonly client: unknown
}

/** Implements `StorageTransaction` on a session that is inside a transaction. */
export class PostgresStorageTransaction implements StorageTransaction {
  readonly user: SqlTransaction
  /** Whether `holdLease` holds leases: no heartbeat can run beside this transaction. */
  holdsLeases = false
  enter: (<T>(work: () => T) => T) | undefined
  /** The append that the next call of `lockDocuments` makes. */
  toAppend: LockAndAppend | undefined
  /** Whether `end` writes all documents and commits, in one round trip if the driver can. The user then runs no SQL. */
  commitsAtEnd = false
  readonly #session: Session
  readonly #statements: Statements
  readonly #readLogPage: (query: LogQuery) => ReturnType<Storage['readLogPage']>
  readonly #lockTimeout: string | null
  readonly #projectionLockTimeout: string | null
  /**
   * Locked documents that do not exist: each has a placeholder row. `end` deletes the placeholders that got no state.
   */
  readonly #placeholders = new Map<string, DocumentAddress>()
  /** The changes that `end` writes. */
  readonly #toWrite: DocumentChange[] = []
  /** The `lock_timeout` before the first call of `lockProjection`. */
  #formerLockTimeout: string | undefined
  /** Whether the user may have run SQL in this transaction. */
  #isUsed = false
  /** The first error of the user's SQL after which no statement has succeeded. */
  #failure: { readonly error: unknown } | undefined

  /**
   * `lockTimeout`, `projectionLockTimeout`: the values of `lock_timeout` that `lockDocuments` and `lockProjection` set.
   * Null: they leave the setting as it is.
   */
  constructor(
    session: Session,
    statements: Statements,
    readLogPage: (query: LogQuery) => ReturnType<Storage['readLogPage']>,
    lockTimeout: string | null,
    projectionLockTimeout: string | null,
  ) {
    this.#session = session
    this.#statements = statements
    this.#readLogPage = readLogPage
    this.#lockTimeout = lockTimeout
    this.#projectionLockTimeout = projectionLockTimeout
    const markUsed = () => {
      this.#isUsed = true
    }
    this.user = {
      ...handlerDocuments(this),
      query: async <R>(text: string, values: readonly unknown[] = []) => {
        markUsed()
        try {
          const rows = (await session.query(text, values)) as R[]
          // The transaction goes on, so an earlier error was rolled back to a savepoint.
          this.#failure = undefined
          return rows
        } catch (error) {
          this.#failure ??= { error }
          throw error
        }
      },
      get client() {
        markUsed()
        return session.client
      },
    }
  }

  async lockDocuments(addresses: readonly DocumentAddress[]): Promise<LockedDocuments> {
    const parameters = [...addressParameters(addresses), this.#lockTimeout]
    const rows =
      (await this.toAppend?.lock(this.#session, parameters)) ??
      (await this.#session.run(this.#statements.lockDocuments, parameters))
    if (Number(rows[0]?.place) === 0) return 'stale'
    const documents = documentsOf(addresses, rows)
    for (const [index, document] of documents.entries()) {
      const address = addresses[index] as DocumentAddress
      if (document === undefined) this.#placeholders.set(nameOf(address), address)
    }
    return documents
  }

  async readDocuments(
    addresses: readonly DocumentAddress[],
  ): Promise<readonly (StoredDocument | undefined)[]> {
    return documentsOf(
      addresses,
      await this.#session.run(this.#statements.readDocuments, addressParameters(addresses)),
    )
  }

  async writeDocuments(changes: readonly DocumentChange[]): Promise<void> {
    for (const change of changes) this.#placeholders.delete(nameOf(change))
    if (this.commitsAtEnd) this.#toWrite.push(...changes)
    else await this.#session.run(this.#statements.writeDocuments, documentParameters(changes))
  }

  async holdLease(lease: Lease): Promise<boolean> {
    // Locks the row of the checkpoint, and `keep_leases` takes no locked one. On several connections heartbeats renew
    // the lease, and the lock would make changes of the subscription wait.
    if (this.holdsLeases) await this.#moveCheckpoint(lease, 0)
    return this.holdsLeases
  }

  async advance(lease: Lease, position: number): Promise<void> {
    await this.end()
    await this.#moveCheckpoint(lease, position)
  }

  async unpark(lease: Lease, position: number): Promise<void> {
    await this.end()
    await this.#runUnderLease(this.#statements.unparkEvent, lease, position)
  }

  /** Moves the checkpoint, never back. @throws LeaseLostError */
  #moveCheckpoint(lease: Lease, position: number): Promise<void> {
    return this.#runUnderLease(this.#statements.advanceCheckpoint, lease, position)
  }

  /** Runs a statement that changes nothing unless the worker still holds the lease. @throws LeaseLostError */
  async #runUnderLease(statement: Statement, lease: Lease, position: number): Promise<void> {
    const { subscription, place, partition, token, server } = lease
    const parameters = [place, String(partition), String(token), String(position), server ?? null]
    const [row] = await this.#session.run(statement, parameters)
    if (row?.held !== 'true') throw new LeaseLostError(subscription, partition)
  }

  async lockProjection(name: string): Promise<void> {
    const [row] = await this.#session.run(this.#statements.lockProjection, [
      name,
      this.#projectionLockTimeout,
    ])
    this.#formerLockTimeout ??= String(row?.timeout)
  }

  async lockAppends(): Promise<boolean> {
    const [row] = await this.#session.run(this.#statements.lockAppends, [])
    return row?.locked === 'true'
  }

  /**
   * Sets `lock_timeout` back to its value before `lockProjection`, so that the user's own SQL waits for locks as long as
   * the user's settings say.
   */
  async restoreLockTimeout(): Promise<void> {
    if (this.#formerLockTimeout === undefined) return
    await this.#session.query("select set_config('lock_timeout', $1, true)", [this.#formerLockTimeout])
  }

  readLogPage(query: LogQuery): Promise<LogPage> {
    return this.#readLogPage(query)
  }

  async lastPosition(): Promise<number> {
    const [row] = await this.#session.run(this.#statements.lastPosition, [])
    return Number(row?.position)
  }

  async checkpoint(subscription: string): Promise<number | undefined> {
    const rows = await this.#session.run(this.#statements.checkpoints, [subscription])
    return rows.length === 0 ? undefined : Math.min(...rows.map(({ position }) => Number(position)))
  }

  async compareDocuments(
    projection: string,
    left: number,
    right: number,
    limit: number,
  ): Promise<Comparison> {
    const parameters = [projection, String(left), String(right), String(limit)]
    const [row] = await this.#session.run(this.#statements.compareDocuments, parameters)
    const found = JSON.parse(String(row?.differences ?? '[]')) as [string, string | null, string | null][]
    return {
      documents: Number(row?.documents),
      differences: found.map(([key, ours, theirs]) => ({
        key,
        left: ours ?? undefined,
        right: theirs ?? undefined,
      })),
    }
  }

  async setProjection({ name, version, generation, mode }: RegisteredProjection): Promise<void> {
    await this.#session.run(this.#statements.setProjection, [name, String(version), String(generation), mode])
  }

  async moveCheckpoints(
    subscription: string,
    definition: SubscriptionDefinition,
    position: number,
  ): Promise<void> {
    const parameters = [subscription, JSON.stringify(definition), String(position)]
    await this.#session.run(this.#statements.moveCheckpoints, parameters)
  }

  /**
   * Must be called before the commit. It deletes unused placeholders, and fails if the commit would fail.
   *
   * If the user's code caught an error of its SQL, the server answers the commit with a rollback, and the caller would
   * not notice. A statement before the commit reveals that. It also checks deferred constraints.
   */
  async end(): Promise<void> {
    try {
      if (this.#placeholders.size > 0) {
        await this.writeDocuments(
          [...this.#placeholders.values()].map((address) => ({ ...address, state: null, position: 0 })),
        )
      }
      if (this.#toWrite.length > 0) {
        const { runAndCommit = this.#session.run } = this.#session
        await runAndCommit(this.#statements.writeDocuments, documentParameters(this.#toWrite))
      }
      if (!this.#isUsed) return
      this.#isUsed = false
      await this.#session.query('set constraints all immediate', [])
    } catch (error) {
      throw this.#failure !== undefined && isTransactionAborted(error) ? this.#failure.error : error
    }
  }
}

function nameOf({ projection, generation, key }: DocumentAddress): string {
  return JSON.stringify([projection, generation, key])
}

function addressParameters(addresses: readonly DocumentAddress[]): [string, string, string] {
  return [
    textArray(addresses.map(({ projection }) => projection)),
    plainArray(addresses.map(({ generation }) => generation)),
    textArray(addresses.map(({ key }) => key)),
  ]
}

function documentParameters(changes: readonly DocumentChange[]): Parameters {
  return [
    ...addressParameters(changes),
    jsonList(changes.map(({ state }) => state ?? 'null')),
    plainArray(changes.map(({ position }) => position)),
  ]
}

/**
 * Orders the documents by their addresses. Each row has the 1-based place of its document; missing ones have no row.
 */
function documentsOf(
  addresses: readonly DocumentAddress[],
  rows: readonly Row[],
): readonly (StoredDocument | undefined)[] {
  const documents: (StoredDocument | undefined)[] = addresses.map(() => undefined)
  for (const row of rows) {
    const index = Number(row.place) - 1
    documents[index] = documentOf(row, (addresses[index] as DocumentAddress).key)
  }
  return documents
}

/** Decodes a row that has a document. */
export function documentOf(row: Row, key: string): StoredDocument {
  return {
    key,
    state: String(row.state),
    revision: Number(row.revision),
    position: Number(row.position),
  }
}
