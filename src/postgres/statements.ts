/** The statements of one store: the compiled SQL with its schema filled in, and a name for each text. */
import { createHash } from 'node:crypto'
import type { Statement } from './client.ts'
import * as sql from './sql.generated.ts'

export type Statements = ReturnType<typeof statementsOf>

/** Fills in the name of the schema, which `checkSchemaName` has found to need no quotes. */
export function inSchema(text: string, schema: string): string {
  return text.replaceAll(':schema', schema)
}

/** Names a text. The same name must never stand for two texts on one connection, so it holds a hash of the text. */
export function statementOf(name: string, text: string): Statement {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { name: `eventsourced_${name}_${hash}`, text }
}

export function statementsOf(schema: string): {
  readonly [Name in
    | 'appendToStream'
    | 'appendToStreams'
    | 'createStream'
    | 'findEvents'
    | 'frontier'
    | 'import'
    | 'listStreams'
    | 'readLog'
    | 'readStream'
    | 'readStreams'
    | 'streamInfo']: Statement
} {
  const statement = (name: string, template: string) => statementOf(name, inSchema(template, schema))
  return {
    appendToStream: statement('append_to_stream', sql.appendToStream),
    appendToStreams: statement('append_to_streams', sql.appendToStreams),
    createStream: statement('create_stream', sql.createStream),
    findEvents: statement('find_events', sql.findEvents),
    frontier: statement('frontier', sql.frontier),
    import: statement('import', sql.importEvents),
    listStreams: statement('list_streams', sql.listStreams),
    readLog: statement('read_log', sql.readLog),
    readStream: statement('read_stream', sql.readStream),
    readStreams: statement('read_streams', sql.readStreams),
    streamInfo: statement('stream_info', sql.streamInfo),
  }
}
