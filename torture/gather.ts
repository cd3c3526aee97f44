/** Gathers the evidence for the checker: the histories of the clients, and the contents of the store at the end. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { EventStore, RecordedEvent, View } from '@eventsourced/core'
import type { Evidence, LoggedEvent, ProjectedStreams, ShardHistory, StreamState } from './check/evidence.ts'
import type { Delivered, DeliveryLine } from './delivery.ts'
import { readHistory } from './history.ts'
import type { OperationLine, Trace } from './operation.ts'
import { asyncStates, inlinePrefix, inlineStates, rawStates } from './projections.ts'
import { isNoted } from './releases.ts'
import { countedBy, shardSubscriptions } from './shard-subscriptions.ts'

const streamsAtOnce = 8

/** `subscriptions`: how many each follower ran. */
export async function gather(store: EventStore, folder: string, subscriptions: number): Promise<Evidence> {
  const files = readdirSync(folder)
  const histories = <Line>(what: string) =>
    files
      .filter((file) => file.endsWith(`.${what}.jsonl`))
      .map((file) => [file, readHistory<Line>(join(folder, file))] as const)
  const handled = histories<DeliveryLine>('subscription').flatMap(([, lines]) => lines)
  return {
    operations: histories<OperationLine>('operations').flatMap(([, lines]) => lines),
    streams: await readStreams(store),
    followers: new Map([...histories<DeliveryLine>('log'), ['the last reader', await readLog(store)]]),
    subscriptions: new Map([['handlers', handled.filter(({ subscription }) => subscription === undefined)]]),
    shardSubscriptions: await shardHistories(store, handled, subscriptions),
    projections: new Map([
      ['inline-states', await readDocuments(store.view(inlineStates), inlinePrefix)],
      ['async-states', await readDocuments(store.view(asyncStates), '')],
      [rawStates, await readDocuments(store.view<StreamState>(rawStates), inlinePrefix)],
    ]),
  }
}

async function shardHistories(
  store: EventStore,
  handled: readonly DeliveryLine[],
  subscriptions: number,
): Promise<Map<string, ShardHistory>> {
  const histories = new Map<string, ShardHistory>()
  for (const { base, shards, isTransactional } of shardSubscriptions(subscriptions)) {
    const lines = handled.filter(({ subscription }) => subscription === base)
    const view = store.view<StreamState>(countedBy(base))
    const documents = isTransactional ? (await readDocuments(view, '')).documents : undefined
    histories.set(base, { shards, lines, documents })
  }
  return histories
}

/** Reads each stream by its name, independently of the log. */
async function readStreams(store: EventStore): Promise<Map<string, LoggedEvent[]>> {
  const names: string[] = []
  for await (const { streamId } of store.listStreams()) names.push(streamId)
  const streams = new Map<string, LoggedEvent[]>()
  const reading = Array.from({ length: streamsAtOnce }, async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const { events } = await store.readStream(name)
      streams.set(name, events.filter((event) => !isNoted(event)).map(logged))
    }
  })
  await Promise.all(reading)
  return streams
}

async function readLog(store: EventStore): Promise<DeliveryLine[]> {
  const events: Delivered[] = []
  for await (const event of store.readAll()) {
    const { position, streamId, version, data } = event
    if (!isNoted(event)) events.push([position, streamId, version, (data as Trace).name])
  }
  return [{ by: 'the last reader', at: 0, events }]
}

async function readDocuments(view: View<StreamState>, streamPrefix: string): Promise<ProjectedStreams> {
  const documents = new Map<string, StreamState>()
  for await (const { key, state } of view.list()) documents.set(key, state)
  return { streamPrefix, documents }
}

function logged({ position, streamId, version, id, data }: RecordedEvent): LoggedEvent {
  const { name, seen, isSplit } = data as Trace
  return { position, stream: streamId, version, id, name, seen, isSplit }
}
