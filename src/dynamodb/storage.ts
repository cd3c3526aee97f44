/** Builds the storage for DynamoDB from its parts. */
import { abortable, type InlineProjections, type Storage } from '../storage/index.ts'
import { appends } from './appends/append.ts'
import { Commits } from './appends/commit.ts'
import { EventIds } from './appends/event-ids.ts'
import { imports } from './appends/import.ts'
import { Heads } from './commits/heads.ts'
import { streamReads } from './commits/read.ts'
import { dropDocuments } from './documents/document-drop.ts'
import { DocumentReads } from './documents/document-reads.ts'
import { listProjections } from './documents/projection-list.ts'
import { ProjectionLocks } from './documents/projection-lock.ts'
import { ProjectionRegistry } from './documents/projection-registry.ts'
import { snapshots } from './documents/snapshots.ts'
import { DynamodbStorageTransaction, type TransactionContext } from './documents/transaction.ts'
import type { Environment } from './environment.ts'
import { findingEvents } from './find-event.ts'
import type { Tables } from './keys.ts'
import { Log } from './log/log.ts'
import { Slots } from './log/slots.ts'
import { streamIndex } from './log/stream-index.ts'
import { pace } from './pace.ts'
import type { Connection } from './requests/connection.ts'
import { Writer } from './requests/writer.ts'
import { ParkedEvents } from './subscriptions/parked.ts'
import { DynamodbSubscriptions } from './subscriptions/subscription.ts'

export interface DynamodbStorageOptions {
  readonly maxBatch: number
  readonly gapTimeout: number
  readonly compress: boolean
}

export function dynamodbStorage(
  connection: Connection,
  tables: Tables,
  inline: InlineProjections,
  { maxBatch, gapTimeout, compress }: DynamodbStorageOptions,
): Storage {
  const writer = new Writer(connection, tables)
  const slots = new Slots(connection, tables, gapTimeout)
  const heads = new Heads(connection, tables)
  const log = new Log(connection, tables, slots, gapTimeout)
  const environment: Environment = { connection, tables, writer, slots, heads, log, compress }
  const ids = new EventIds(connection, tables)
  const subscriptions = new DynamodbSubscriptions(connection, writer, tables)
  const { registry: registered } = subscriptions
  const parked = new ParkedEvents(connection, writer, tables, subscriptions)
  const registry = new ProjectionRegistry(environment)
  const locks = new ProjectionLocks(environment, subscriptions)
  const documents = new DocumentReads(environment, registry)
  const context: TransactionContext = { environment, registry, locks, documents, subscriptions }
  const commits = new Commits(context, inline)
  const streams = streamReads(connection, tables, heads)

  return {
    pace,
    ...appends(environment, commits, ids, maxBatch),
    ...imports(environment, commits, ids),
    ...streams,
    ...findingEvents(ids, log, streams),
    ...streamIndex(environment),
    ...snapshots(environment),

    readLogPage: (query, signal) => log.readLogPage(query, signal),
    frontier: (signal) => log.frontier(signal),
    lastPosition: (signal) => log.lastPosition(signal),
    positionBefore: (time, signal) => log.positionBefore(time, signal),

    async transaction(what, work, signal) {
      signal?.throwIfAborted()
      const transaction = new DynamodbStorageTransaction(context, undefined, signal)
      try {
        const result = await abortable(work(transaction), signal)
        await transaction.commit(what)
        return result
      } finally {
        await transaction.end()
      }
    },
    registerProjections: (projections, signal) => registry.registerProjections(projections, signal),
    registeredProjection: (name, signal) => registry.registeredProjection(name, signal),
    listProjections: (after, limit, signal) =>
      listProjections(environment, registry, registered, after, limit, signal),
    countDocuments: (projection, signal) => documents.countDocuments(projection, signal),
    beginBuild: (projection, signal) => registry.beginBuild(projection, signal),
    readDocument: (projection, key, signal) => documents.readDocument(projection, key, signal),
    listDocuments: (projection, prefix, after, limit, signal) =>
      documents.listDocuments(projection, prefix, after, limit, signal),
    dropDocuments: (projection, keep, signal) =>
      dropDocuments(environment, registry, projection, keep, signal),

    readSubscription: (name, signal) => registered.readSubscription(name, signal),
    createSubscription: (name, definition, position, signal) =>
      registered.createSubscription(name, definition, position, signal),
    changeSubscription: (current, change, signal) => registered.changeSubscription(current, change, signal),
    takeOverSubscription: (current, successor, definition, signal) =>
      registered.takeOverSubscription(current, successor, definition, signal),
    pauseSubscription: (name, isPaused, signal) => registered.pauseSubscription(name, isPaused, signal),
    removeSubscription: (current, signal) => registered.removeSubscription(current, signal),
    listSubscriptions: (after, limit, signal) => registered.listSubscriptions(after, limit, signal),

    keepLeases: (...parameters) => subscriptions.keepLeases(...parameters),
    releaseLeases: (leases) => subscriptions.releaseLeases(leases),
    leave: (place, worker) => subscriptions.leave(place, worker),
    advance: (moves, signal) => subscriptions.advance(moves, signal),
    checkpoints: (name, signal) => subscriptions.checkpoints(name, signal),
    readProgress: (name, signal) => subscriptions.readProgress(name, signal),
    park: (lease, events, position, signal) => parked.park(lease, events, position, signal),
    parkedToHandle: (lease, limit, signal) => parked.parkedToHandle(lease, limit, signal),
    parkAgain: (lease, event, signal) => parked.parkAgain(lease, event, signal),
    parkedStreams: (lease, signal) => parked.parkedStreams(lease, signal),
    listParked: (name, after, limit, signal) => parked.listParked(name, after, limit, signal),
    retryParked: (name, positions, signal) => parked.retryParked(name, positions, signal),
    skipParked: (name, positions, signal) => parked.skipParked(name, positions, signal),
    countParked: (name, signal) => parked.countParked(name, signal),

    close: () => connection.close(),
  }
}
