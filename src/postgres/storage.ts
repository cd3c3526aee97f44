/** Postgres as a storage, put together of its parts. */
import type { InlineProjections, LogQuery, Storage, StreamInfo } from '../storage/index.ts'
import { appending } from './append.ts'
import type { Row, Session } from './client.ts'
import { importing } from './import.ts'
import { InlineDocuments } from './inline-documents.ts'
import { projecting } from './projection.ts'
import { reading, readLogPage } from './read.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'
import { subscribing } from './subscription.ts'

/** `maxBatch`: most appends that share a transaction, or reads that share a statement. */
export function postgresStorage(
  runner: Runner,
  statements: Statements,
  maxBatch: number,
  inline: InlineProjections,
): Storage {
  const reads = reading(runner, statements, maxBatch)
  const readLogPageIn = (session: Session, query: LogQuery) =>
    readLogPage((_what, statement, parameters) => session.run(statement, parameters), statements, query)
  const projections = projecting(runner, statements, readLogPageIn)
  const documents = inline.isEmpty
    ? undefined
    : new InlineDocuments(runner, statements, inline, projections, readLogPageIn)
  return {
    ...reads,
    ...appending(runner, statements, reads, documents, maxBatch),
    ...importing(runner, statements, documents),
    ...projections,
    ...subscribing(runner, statements),

    async createStream(streamId, metadata, creationId, signal) {
      const parameters = [streamId, metadata === '{}' ? null : metadata, creationId]
      const rows = await runner.run('Creating a stream', statements.createStream, () => parameters, signal)
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
