/**
 * Inline projections on Postgres: writes events and the documents they change in one transaction. A whole group of
 * appends takes four round trips:
 *
 *     begin ──► lock and read documents, append events ──► write documents ──► commit
 *
 * The store locks documents before it takes positions, for two reasons:
 * - Otherwise two appends could change one document in another order than the log's.
 * - Otherwise a deadlock is possible. A rebuild holds the projection's lock while it waits until the log is settled.
 *   The log does not settle while an append that has positions waits for that lock.
 */
import {
  type CallerOf,
  callersOf,
  InlineFailure,
  type InlineProjections,
  InvalidInputError,
  type LogQuery,
  type PreparedAppend,
  type PreparedImport,
  type ProjectionStorage,
  presentCaller,
  type RecordedEvent,
  recordedEvent,
  type Storage,
} from '../storage/index.ts'
import type { Parameters, Row, Session, Statement } from './client.ts'
import { plainArray } from './encode.ts'
import { isEventIdTaken, isProjectionOutdated } from './errors.ts'
import { LockAndAppend } from './lock-and-append.ts'
import type { AfterLockTimeout } from './lock-wait.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'
import { PostgresStorageTransaction } from './transaction.ts'

// A document's key may depend on the time at which its event is recorded, for example on the day. The store knows that
// time only after the append. If the keys then differ from the locked ones, it rolls back and locks those documents
// too.
const maxAttempts = 5

/** Thrown if the recorded events have other document keys than the store expected and locked. */
class UnlockedDocumentsError extends Error {
  readonly events: readonly RecordedEvent[]

  constructor(events: readonly RecordedEvent[]) {
    super('documents were not locked')
    this.events = events
  }

  toInputError(): InvalidInputError {
    return new InvalidInputError(
      'key',
      'must not depend on the position of an event',
      'another key on each try',
    )
  }
}

/** Thrown if a projection was rebuilt since the store read which generation is current. */
class StaleGenerationError extends Error {}

/** Two statements that append the same. `locking`: also locks and reads documents before it appends. */
interface AppendStatements {
  readonly statement: Statement
  readonly locking: Statement
}

/** Appends and imports events together with the documents of the inline projections. */
export class InlineDocuments {
  readonly #runner: Runner
  readonly #statements: Statements
  readonly #inline: InlineProjections
  readonly #storage: Pick<ProjectionStorage, 'registerProjections'>
  readonly #readLogPageIn: (session: Session, query: LogQuery) => ReturnType<Storage['readLogPage']>

  constructor(
    runner: Runner,
    statements: Statements,
    inline: InlineProjections,
    storage: Pick<ProjectionStorage, 'registerProjections'>,
    readLogPageIn: (session: Session, query: LogQuery) => ReturnType<Storage['readLogPage']>,
  ) {
    this.#runner = runner
    this.#statements = statements
    this.#inline = inline
    this.#storage = storage
    this.#readLogPageIn = readLogPageIn
  }

  /**
   * Appends events, and writes their documents. `eventsOf`: returns the appended events from the answer of the
   * statement.
   */
  append(
    appends: readonly PreparedAppend[],
    { statement, locking }: AppendStatements,
    parameters: (retried: boolean) => Parameters,
    eventsOf: (row: Row) => readonly RecordedEvent[],
    afterLockTimeout: AfterLockTimeout,
    signal: AbortSignal | undefined,
  ): Promise<Row> {
    const now = new Date()
    const expected = appends.flatMap(({ streamId, events }) =>
      events.map((event) => recordedEvent(streamId, event, { version: 0, position: 0, recordedAt: now })),
    )
    const { forDocuments, forDocumentsOfGroup } = this.#runner.lockTimeouts
    return this.#write(
      'Appending',
      expected,
      appends.length === 1 ? forDocuments : forDocumentsOfGroup,
      callersOf(appends),
      afterLockTimeout,
      signal,
      async (session, retried, together) => {
        const row = together?.row ?? ((await session.run(statement, parameters(retried)))[0] as Row)
        return { row, events: eventsOf(row) }
      },
      (retried) => new LockAndAppend(locking, () => parameters(retried)),
    )
  }

  /** Imports a batch and writes its documents. */
  import(
    batch: readonly PreparedImport[],
    parameters: (retried: boolean) => Parameters,
    signal: AbortSignal | undefined,
  ): Promise<Row> {
    const now = new Date()
    const expected = batch.map((event) =>
      recordedEvent(event.streamId, event, { version: 0, position: 0, recordedAt: event.recordedAt ?? now }),
    )
    const caller = presentCaller()
    return this.#write(
      'Importing',
      expected,
      this.#runner.lockTimeouts.forDocuments,
      () => caller,
      'retry',
      signal,
      async (session, retried) => {
        const [row] = await session.run(this.#statements.importEvents, parameters(retried))
        const after = row?.after ?? null
        const ids = plainArray(batch.map(({ id }) => id))
        const found =
          after === null ? [] : await session.run(this.#statements.importedEvents, [ids, String(after)])
        return { row: row as Row, events: importedEvents(batch, found) }
      },
    )
  }

  async #write(
    what: string,
    expected: readonly RecordedEvent[],
    lockTimeout: string | null,
    callerOf: CallerOf,
    afterLockTimeout: AfterLockTimeout,
    signal: AbortSignal | undefined,
    append: (
      session: Session,
      retried: boolean,
      together: LockAndAppend | undefined,
    ) => Promise<{ readonly row: Row; readonly events: readonly RecordedEvent[] }>,
    together?: (retried: boolean) => LockAndAppend,
  ): Promise<Row> {
    let retriedBefore = false
    let toLock = expected
    for (let attempt = 1; ; attempt++) {
      // This must come before the transaction: an embedded database has only one connection.
      const targets = await this.#inline.targets(this.#storage)
      try {
        return await this.#runner.transaction(
          what,
          async (session, retried) => {
            const readLogPage = (query: LogQuery) => this.#readLogPageIn(session, query)
            const transaction = new PostgresStorageTransaction(
              session,
              this.#statements,
              readLogPage,
              lockTimeout,
              this.#runner.lockTimeouts.forProjections,
            )
            transaction.enter = this.#runner.presentTransaction()
            const isRetried = retried || retriedBefore
            const toAppend = together?.(isRetried)
            transaction.toAppend = toAppend
            transaction.commitsAtEnd = targets.every(({ projection }) => projection.kind !== 'raw')
            const locked = await this.#inline.lock(targets, toLock, transaction).catch((thrown: unknown) => {
              throw toAppend?.failedWith(thrown) ? thrown : new InlineFailure(thrown)
            })
            transaction.toAppend = undefined
            if (locked === 'stale') throw new StaleGenerationError()
            const { row, events } = await append(session, isRetried, toAppend)
            await transaction.restoreLockTimeout()
            if ((await asInlineFailure(locked.apply(events, transaction, callerOf))) === 'unlocked')
              throw new UnlockedDocumentsError(events)
            await asInlineFailure(transaction.end())
            return row
          },
          'if transient',
          signal,
          afterLockTimeout,
        )
      } catch (error) {
        if (error instanceof StaleGenerationError || isProjectionOutdated(error)) this.#inline.forget()
        else if (error instanceof UnlockedDocumentsError && attempt <= maxAttempts)
          toLock = [...expected, ...error.events]
        // The next attempt checks whether the call is a repeat.
        else if (isEventIdTaken(error) && !retriedBefore) retriedBefore = true
        else throw error instanceof UnlockedDocumentsError ? new InlineFailure(error.toInputError()) : error
      }
    }
  }
}

/** Reports an error of the work as a failure of the inline projection. */
async function asInlineFailure<T>(work: Promise<T>): Promise<T> {
  return work.catch((thrown: unknown) => {
    throw new InlineFailure(thrown)
  })
}

/** Returns the events of a batch that this transaction recorded. `found`: rows of `imported-events.sql`. */
function importedEvents(batch: readonly PreparedImport[], found: readonly Row[]): RecordedEvent[] {
  const rows = new Map(found.map((row) => [String(row.event_id), row]))
  const events: RecordedEvent[] = []
  for (const event of batch) {
    const row = rows.get(event.id)
    if (row === undefined) continue
    events.push(
      recordedEvent(event.streamId, event, {
        version: Number(row.version),
        position: Number(row.position),
        recordedAt: new Date(Number(row.recorded_at)),
      }),
    )
  }
  return events.sort((a, b) => a.position - b.position)
}
