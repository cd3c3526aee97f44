/**
 * Lists the streams by name. A stream that was created has an item from the start. A stream that begins with
 * its first event gets its item when a process lists the streams: that process first brings the list up to
 * the end of the log. So an append to a new stream costs no more than any other append, and a list is as
 * complete as the log.
 */
import type { Storage, StreamInfo } from '../../storage/index.ts'
import type { Environment } from '../environment.ts'
import { commitKey, listedKey, listPartition, shards, streamKey } from '../keys.ts'
import { type Item, number, numberOf, text, textOf } from '../requests/attributes.ts'
import { listPage, mergeShards } from '../requests/merge-shards.ts'
import { isLost, type Slot } from './slot-item.ts'

const requestsAtOnce = 16

export function streamIndex(
  environment: Environment,
): Pick<Storage, 'createStream' | 'streamInfo' | 'listStreams'> {
  const { connection, tables, heads, log, writer } = environment
  const subjectOf = (doing: string, key: string) => ({ doing, table: tables.events, key })

  /** Lists the streams that began in the log since a process did this last. */
  async function bringUpToDate(signal: AbortSignal | undefined): Promise<void> {
    const subject = subjectOf('Listing the streams', listedKey.p.S)
    const listed = numberOf(await connection.get(subject, listedKey, signal), 'o') ?? 0
    for await (const slots of log.slotsFrom(listed + 1, signal)) {
      const fresh = slots.flatMap((slot) => newStreamsIn(slot).map((streamId) => ({ streamId, slot })))
      for (let from = 0; from < fresh.length; from += requestsAtOnce) {
        await Promise.all(
          fresh.slice(from, from + requestsAtOnce).map((one) => list(one.streamId, one.slot, signal)),
        )
      }
      const input = {
        Key: listedKey,
        UpdateExpression: 'SET o = :slot',
        ConditionExpression: 'attribute_not_exists(o) OR o < :slot',
        ExpressionAttributeValues: { ':slot': number(slots.at(-1)?.number as number) },
      }
      await connection.write(subject, 'UpdateItem', input, signal)
    }
  }

  async function list(streamId: string, { writtenAt }: Slot, signal: AbortSignal | undefined): Promise<void> {
    const key = streamKey(streamId)
    const input = {
      Key: key,
      UpdateExpression: 'SET t = if_not_exists(t, :t)',
      ExpressionAttributeValues: { ':t': number(writtenAt) },
    }
    await connection.write(subjectOf('Listing the streams', key.p.S), 'UpdateItem', input, signal)
  }

  async function describe(
    streamId: string,
    listed: Item | undefined,
    signal: AbortSignal | undefined,
    isSecondRead = false,
  ): Promise<StreamInfo | undefined> {
    const [item, { version, recordedAt }] = await Promise.all([
      listed ?? beginningOf(streamId, signal),
      heads.read(streamId, signal),
    ])
    // The stream may have begun between the two reads.
    if (item === undefined && version > 0 && !isSecondRead) return describe(streamId, listed, signal, true)
    // After a restore that lost its first commit, the start of a stream is unknown: use its last time.
    const beginning = item ?? (version > 0 ? { t: number(recordedAt) } : undefined)
    return beginning && infoOf(streamId, beginning, version, recordedAt)
  }

  /** The item of a created stream, or the time of the first commit. */
  async function beginningOf(streamId: string, signal: AbortSignal | undefined): Promise<Item | undefined> {
    const first = commitKey(streamId, 1)
    const subject = subjectOf('Looking at a stream', first.p.S)
    const input = { TableName: tables.events, Key: first, ProjectionExpression: 'w', ConsistentRead: true }
    const [created, { Item }] = await Promise.all([
      heads.streamItem(streamId, signal),
      connection.call<{ Item?: Item }>(subject, 'GetItem', input, signal),
    ])
    return created ?? (Item?.w && { t: Item.w })
  }

  return {
    async createStream(streamId, metadata, creationId, signal) {
      const createdAt = Date.now()
      const item = { ...streamKey(streamId), t: number(createdAt), m: text(metadata), c: text(creationId) }
      const mustNotExist = {
        TableName: tables.events,
        ConditionExpression: 'attribute_not_exists(p)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }
      const retriable = { size: 0, name: `stream '${streamId}'`, failed: () => undefined }
      const failures = await writer.write(
        'Creating a stream',
        [
          { ...retriable, item: { Put: { ...mustNotExist, Item: item } } },
          { ...retriable, item: { ConditionCheck: { ...mustNotExist, Key: commitKey(streamId, 1) } } },
        ],
        signal,
      )
      // The creation id shows that an earlier attempt of this call created the stream, and its answer was
      // lost.
      const isOwn = failures?.some(({ reason }) => textOf(reason.Item, 'c') === creationId) ?? true
      if (!isOwn) return { kind: 'exists', version: (await heads.read(streamId, signal)).version }
      return { kind: 'created', stream: infoOf(streamId, item, 0, createdAt) }
    },

    streamInfo: (streamId, signal) => describe(streamId, undefined, signal),

    async listStreams(prefix, after, limit, signal) {
      await bringUpToDate(signal)
      const pages = Array.from({ length: shards }, (_, shard) => (last: string) => {
        const subject = subjectOf('Listing the streams', listPartition(shard))
        return listPage(connection, subject, { prefix, after: last, limit }, signal)
      })
      const items = await mergeShards(pages, after, limit)
      const infos: StreamInfo[] = []
      for (let from = 0; from < items.length; from += requestsAtOnce) {
        const some = items.slice(from, from + requestsAtOnce)
        const described = some.map((item) => describe(textOf(item, 's') as string, item, signal))
        infos.push(...(await Promise.all(described)).filter((info) => info !== undefined))
      }
      return infos
    },
  }
}

/** The streams whose first event is in the slot. */
function newStreamsIn({ runs }: Slot): string[] {
  return runs.filter((run) => run.firstVersion === 1 && !isLost(run)).map(({ streamId }) => streamId)
}

function infoOf(streamId: string, item: Item, version: number, recordedAt: number): StreamInfo {
  return {
    streamId,
    version,
    createdAt: new Date(numberOf(item, 't') as number),
    lastRecordedAt: version === 0 ? undefined : new Date(recordedAt),
    metadata: JSON.parse(textOf(item, 'm') ?? '{}'),
  }
}
