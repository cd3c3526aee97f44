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

const queries = {
  advanceCheckpoint: sql.advanceCheckpoint,
  appendToStream: sql.appendToStream,
  appendToStreams: sql.appendToStreams,
  appendWithDocuments: sql.appendWithDocuments,
  beginBuild: sql.beginBuild,
  checkpoints: sql.checkpoints,
  compareDocuments: sql.compareDocuments,
  countParked: sql.countParked,
  createStream: sql.createStream,
  createSubscription: sql.createSubscription,
  dropDocuments: sql.dropDocuments,
  enterProjections: sql.enterProjections,
  findEvents: sql.findEvents,
  frontier: sql.frontier,
  importEvents: sql.importEvents,
  importedEvents: sql.importedEvents,
  keepLeases: sql.keepLeases,
  lastPosition: sql.lastPosition,
  leaveSubscription: sql.leaveSubscription,
  listDocuments: sql.listDocuments,
  listParked: sql.listParked,
  listStreams: sql.listStreams,
  lockDocuments: sql.lockDocuments,
  lockProjection: sql.lockProjection,
  moveCheckpoints: sql.moveCheckpoints,
  parkEvents: sql.parkEvents,
  parkedStreams: sql.parkedStreams,
  parkedToHandle: sql.parkedToHandle,
  positionBefore: sql.positionBefore,
  readDocument: sql.readDocument,
  readDocuments: sql.readDocuments,
  readLog: sql.readLog,
  readStream: sql.readStream,
  readStreams: sql.readStreams,
  registerProjections: sql.registerProjections,
  registeredProjection: sql.registeredProjection,
  releaseLease: sql.releaseLease,
  retryParked: sql.retryParked,
  setProjection: sql.setProjection,
  skipParked: sql.skipParked,
  streamInfo: sql.streamInfo,
  unparkEvent: sql.unparkEvent,
  writeDocuments: sql.writeDocuments,
} as const

export function statementsOf(schema: string): { readonly [Name in keyof typeof queries]: Statement } {
  const statements = Object.entries(queries).map(([name, template]) => [
    name,
    statementOf(snakeCase(name), inSchema(template, schema)),
  ])
  return Object.fromEntries(statements)
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
