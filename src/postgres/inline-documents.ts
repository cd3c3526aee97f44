/**
 * Inline projections on Postgres: events and the documents they change, in one transaction. For a whole group of appends
 * that is begin, one call that appends, one that reads and locks the documents, one that writes them, and commit.
 *
 * The projections' locks come first, in the call that appends: see `enter_projections`.
 */
import type { RecordedEvent } from '../event.ts'
import type { InlineProjections } from '../projection/inline.ts'
import type { ProjectionTarget } from '../projection/project.ts'
import type { ProjectionStorage } from '../projection/storage.ts'
import type { LogQuery, PreparedImport, Storage } from '../storage.ts'
import type { Parameters, Row, Session } from './client.ts'
import { plainArray, textArray } from './encode.ts'
import { isEventIdTaken } from './errors.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'
import { PostgresTransaction } from './transaction.ts'

/** A projection was rebuilt since its generation was looked up. */
class Stale extends Error {}

export class InlineDocuments {
  readonly #runner: Runner
  readonly #statements: Statements
  readonly #inline: InlineProjections
  readonly #storage: Pick<ProjectionStorage, 'registerProjections'>
  readonly #readLogIn: (session: Session, query: LogQuery) => ReturnType<Storage['readLog']>

  constructor(
    runner: Runner,
    statements: Statements,
    inline: InlineProjections,
    storage: Pick<ProjectionStorage, 'registerProjections'>,
    readLogIn: (session: Session, query: LogQuery) => ReturnType<Storage['readLog']>,
  ) {
    this.#runner = runner
    this.#statements = statements
    this.#inline = inline
    this.#storage = storage
    this.#readLogIn = readLogIn
  }

  /** `eventsOf` tells from the answer which events were appended. */
  append(
    parameters: (retried: boolean) => Parameters,
    eventsOf: (row: Row) => readonly RecordedEvent[],
    signal: AbortSignal | undefined,
  ): Promise<Row> {
    return this.#write('Appending', signal, async (session, retried, targets) => {
      const values = [...parameters(retried), ...targetParameters(targets)]
      const [row] = await session.run(this.#statements.appendWithDocuments, values)
      if (row?.stale === 'true') throw new Stale()
      return { row: row as Row, events: eventsOf(row as Row) }
    })
  }

  import(
    batch: readonly PreparedImport[],
    parameters: (retried: boolean) => Parameters,
    signal: AbortSignal | undefined,
  ): Promise<Row> {
    return this.#write('Importing', signal, async (session, retried, targets) => {
      const [entered] = await session.run(this.#statements.enterProjections, targetParameters(targets))
      if (entered?.entered !== 'true') throw new Stale()
      const [row] = await session.run(this.#statements.importEvents, parameters(retried))
      const ids = plainArray(batch.map(({ id }) => id))
      const found = row?.imported === null ? [] : await session.run(this.#statements.importedEvents, [ids])
      return { row: row as Row, events: importedEvents(batch, found) }
    })
  }

  async #write(
    what: string,
    signal: AbortSignal | undefined,
    append: (
      session: Session,
      retried: boolean,
      targets: readonly ProjectionTarget[],
    ) => Promise<{ readonly row: Row; readonly events: readonly RecordedEvent[] }>,
  ): Promise<Row> {
    let retriedBefore = false
    for (;;) {
      // Before the transaction: an embedded database has but one connection.
      const targets = await this.#inline.targets(this.#storage)
      try {
        return await this.#runner.transaction(
          what,
          async (session, retried) => {
            const { row, events } = await append(session, retried || retriedBefore, targets)
            if (events.length === 0) return row
            const readLog = (query: LogQuery) => this.#readLogIn(session, query)
            const transaction = new PostgresTransaction(session, this.#statements, readLog)
            if ((await this.#inline.apply(targets, events, transaction)) === 'stale') throw new Stale()
            await transaction.end()
            return row
          },
          'several',
          signal,
        )
      } catch (error) {
        if (error instanceof Stale) this.#inline.forget()
        // Once more, looking whether it is a repeat.
        else if (isEventIdTaken(error) && !retriedBefore) retriedBefore = true
        else throw error
      }
    }
  }
}

function targetParameters(targets: readonly ProjectionTarget[]): Parameters {
  return [
    textArray(targets.map(({ projection }) => projection.name)),
    plainArray(targets.map(({ generation }) => generation)),
  ]
}

/** The events of a batch that were recorded, as they are recorded; `found` are rows of `imported-events.sql`. */
function importedEvents(batch: readonly PreparedImport[], found: readonly Row[]): RecordedEvent[] {
  const rows = new Map(found.map((row) => [String(row.event_id), row]))
  const events: RecordedEvent[] = []
  for (const { id, type, data, metadata, tags, streamId } of batch) {
    const row = rows.get(id)
    if (row === undefined) continue
    events.push({
      id,
      type,
      data: JSON.parse(data),
      metadata: JSON.parse(metadata),
      tags: [...tags],
      streamId,
      version: Number(row.version),
      position: Number(row.position),
      recordedAt: new Date(Number(row.recorded_at)),
    })
  }
  return events.sort((a, b) => a.position - b.position)
}
