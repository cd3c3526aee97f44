/** Assembles the Postgres storage from its parts. */
import {
  commitTimer,
  documentSnapshots,
  type InlineProjections,
  type LogQuery,
  type Metric,
  type Storage,
  type StreamInfo,
} from '../storage/index.ts'
import { appends } from './append.ts'
import { appendCalls } from './append-calls.ts'
import type { Row, Session } from './client.ts'
import { imports } from './import.ts'
import { InlineDocuments } from './inline-documents.ts'
import { Log } from './log.ts'
import { projections } from './projection.ts'
import { reads } from './read.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'
import { subscriptions } from './subscription.ts'
import { subscriptionRegistry } from './subscription-registry.ts'

/**
 * Makes the storage. `maxBatch`: maximum number of appends in one transaction, or of stream reads in one statement.
 * `timeout`: for how long an append waits for a stream that another transaction holds, in milliseconds. `measure`: receives
 * the commits.
 */
export function postgresStorage(
  runner: Runner,
  statements: Statements,
  { maxBatch, timeout }: { readonly maxBatch: number; readonly timeout: number },
  inline: InlineProjections,
  measure?: (metric: Metric) => void,
): Storage {
  const log = new Log(statements)
  const { pendingReads, ...readStorage } = reads(runner, statements, log, maxBatch)
  const readLogPageIn = (session: Session, query: LogQuery) =>
    log.readPage((_what, statement, parameters) => session.run(statement, parameters(false)), query)
  const projectionStorage = projections(runner, statements, readLogPageIn)
  const documents = inline.isEmpty
    ? undefined
    : new InlineDocuments(runner, statements, inline, projectionStorage, readLogPageIn)
  return {
    timeout,
    ...readStorage,
    ...appends(
      appendCalls(runner, statements, readStorage, inline.named, documents),
      {
        maxBatch,
        lockTimeout: timeout,
        // On one connection, as on PGlite, two groups run one after the other, and cost more than one group.
        gather: () => (runner.hasOneConnection() ? 'all' : 'share'),
        otherCalls: pendingReads,
      },
      commitTimer(measure),
    ),
    ...imports(runner, statements, inline.named, documents),
    ...projectionStorage,
    ...documentSnapshots(projectionStorage),
    ...subscriptionRegistry(runner, statements),
    ...subscriptions(runner, statements),

    async frontier(signal) {
      const [row] = await runner.run('Reading the frontier', statements.frontier, () => [], signal)
      const { frontier, head, last_position: position, last_recorded_at: recordedAt, writers } = row as Row
      return {
        position: Number(frontier),
        head: Number(head),
        last:
          position === null
            ? undefined
            : { position: Number(position), recordedAt: new Date(Number(recordedAt)) },
        writers: JSON.parse(String(writers)),
      }
    },

    async createStream(streamId, metadata, creationId, signal) {
      const ownMetadata = metadata === '{}' ? null : metadata
      const parameters = [streamId, ownMetadata, creationId, runner.lockTimeouts.forStreams]
      const what = 'Creating a stream'
      const rows = await runner.run(what, statements.createStream, () => parameters, signal, 'retry')
      const row = rows[0] as Row
      if (row.created !== 'true') return { kind: 'exists', version: Number(row.version) }
      const stream: StreamInfo = {
        streamId,
        version: 0,
        createdAt: new Date(Number(row.created_at)),
        lastRecordedAt: undefined,
        metadata: JSON.parse(metadata),
      }
      return { kind: 'created', stream }
    },

    close: () => runner.close(),
  }
}
