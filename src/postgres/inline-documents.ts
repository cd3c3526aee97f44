/**
 * Inline projections on Postgres: events and the documents they change, in one transaction. For a whole group of appends
 * that is begin, one call that locks and reads the documents, one that appends, one that writes them, and commit.
 *
 * The locks come first. Taken after the positions, two appends to one document could be folded in another order than the
 * log's; and one that has positions and waits for a projection's lock would keep a rebuild waiting, which waits for the
 * log to be settled while it holds that lock.
 */
import {
  InlineFailure,
  type InlineProjections,
  InvalidInputError,
  type LogQuery,
  type PreparedAppend,
  type PreparedImport,
  type ProjectionStorage,
  type RecordedEvent,
  recordedEvent,
  type Storage,
} from '../storage/index.ts'
import type { Parameters, Row, Session } from './client.ts'
import { plainArray } from './encode.ts'
import { isEventIdTaken } from './errors.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'
import { PostgresTransaction } from './transaction.ts'

// A key may depend on when an event is recorded (a day, say), which is known only afterwards.
const mostAttempts = 5

/** Events have other keys, now that they are recorded, than was expected. */
class Unlocked extends Error {
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

/** A projection was rebuilt since its generation was looked up. */
class Stale extends Error {}

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

  /** `eventsOf` tells from the answer which events were appended. */
  append(
    appends: readonly PreparedAppend[],
    parameters: (retried: boolean) => Parameters,
    eventsOf: (row: Row) => readonly RecordedEvent[],
    signal: AbortSignal | undefined,
  ): Promise<Row> {
    const now = new Date()
    const expected = appends.flatMap(({ streamId, events }) =>
      events.map((event) => recordedEvent(streamId, event, { version: 0, position: 0, recordedAt: now })),
    )
    return this.#write('Appending', expected, signal, async (session, retried) => {
      const [row] = await session.run(this.#statements.appendToStreams, parameters(retried))
      return { row: row as Row, events: eventsOf(row as Row) }
    })
  }

  import(
    batch: readonly PreparedImport[],
    parameters: (retried: boolean) => Parameters,
    signal: AbortSignal | undefined,
  ): Promise<Row> {
    const now = new Date()
    const expected = batch.map((event) =>
      recordedEvent(event.streamId, event, { version: 0, position: 0, recordedAt: event.recordedAt ?? now }),
    )
    return this.#write('Importing', expected, signal, async (session, retried) => {
      const [row] = await session.run(this.#statements.importEvents, parameters(retried))
      const ids = plainArray(batch.map(({ id }) => id))
      const found = row?.imported === null ? [] : await session.run(this.#statements.importedEvents, [ids])
      return { row: row as Row, events: importedEvents(batch, found) }
    })
  }

  async #write(
    what: string,
    expected: readonly RecordedEvent[],
    signal: AbortSignal | undefined,
    append: (
      session: Session,
      retried: boolean,
    ) => Promise<{ readonly row: Row; readonly events: readonly RecordedEvent[] }>,
  ): Promise<Row> {
    let retriedBefore = false
    let toLock = expected
    for (let attempt = 1; ; attempt++) {
      // Before the transaction: an embedded database has but one connection.
      const targets = await this.#inline.targets(this.#storage)
      try {
        return await this.#runner.transaction(
          what,
          async (session, retried) => {
            const readLogPage = (query: LogQuery) => this.#readLogPageIn(session, query)
            const transaction = new PostgresTransaction(session, this.#statements, readLogPage)
            const locked = await inlineOnly(this.#inline.lock(targets, toLock, transaction))
            if (locked === 'stale') throw new Stale()
            const { row, events } = await append(session, retried || retriedBefore)
            if ((await inlineOnly(locked.apply(events, transaction))) === 'unlocked')
              throw new Unlocked(events)
            await inlineOnly(transaction.end())
            return row
          },
          'if transient',
          signal,
        )
      } catch (error) {
        if (error instanceof Stale) this.#inline.forget()
        else if (error instanceof Unlocked && attempt <= mostAttempts) toLock = [...expected, ...error.events]
        // Once more, looking whether it is a repeat.
        else if (isEventIdTaken(error) && !retriedBefore) retriedBefore = true
        else throw error instanceof Unlocked ? new InlineFailure(error.toInputError()) : error
      }
    }
  }
}

/** What goes wrong in it is told as the projection's failure. */
async function inlineOnly<T>(work: Promise<T>): Promise<T> {
  return work.catch((thrown: unknown) => {
    throw new InlineFailure(thrown)
  })
}

/** The events of a batch that were recorded, as they are recorded; `found` are rows of `imported-events.sql`. */
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
