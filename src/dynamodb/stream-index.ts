/**
 * The streams by name. Only streams that were created have an item at once. Those that begin with their first event get
 * theirs when streams are listed: whoever does so first brings the list up to where the log is. So an append to a new
 * stream costs no more than any other, and a list is as complete as a reading of the log.
 */
import type { Storage, StreamInfo } from '../storage/index.ts'
import { type Item, number, numberOf, text, textOf } from './attributes.ts'
import type { Environment } from './environment.ts'
import { commitKey, listedKey, listPartition, shards, streamKey } from './keys.ts'
import { listPage, mergeShards } from './merge-shards.ts'
import { isLost, type Slot } from './slots.ts'

const atOnce = 16

export function streamIndex(
  environment: Environment,
): Pick<Storage, 'createStream' | 'streamInfo' | 'listStreams'> {
  const { connection, tables, heads, log, writer } = environment
  const subjectOf = (doing: string, key: string) => ({ doing, table: tables.events, key })

  /** Lists what began in the log since this was last done, by whomever. */
  async function bringUpToDate(signal: AbortSignal | undefined): Promise<void> {
    const subject = subjectOf('Listing the streams', listedKey.p.S)
    const listed = numberOf(await connection.get(subject, listedKey, signal), 'o') ?? 0
    for await (const slots of log.slotsFrom(listed + 1, signal)) {
      const fresh = slots.flatMap((slot) => newIn(slot).map((streamId) => ({ streamId, slot })))
      for (let from = 0; from < fresh.length; from += atOnce) {
        await Promise.all(fresh.slice(from, from + atOnce).map((one) => list(one.streamId, one.slot, signal)))
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
    isSecondLook = false,
  ): Promise<StreamInfo | undefined> {
    const [item, { version, recordedAt }] = await Promise.all([
      listed ?? beginningOf(streamId, signal),
      heads.read(streamId, signal),
    ])
    // It may have begun between the two looks.
    if (item === undefined && version > 0 && !isSecondLook) return describe(streamId, listed, signal, true)
    // A stream whose first commit is lost began sometime.
    const beginning = item ?? (version > 0 ? { t: number(recordedAt) } : undefined)
    return beginning && infoOf(streamId, beginning, version, recordedAt)
  }

  /** The item that a stream was created with, or its first commit. */
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
      const never = {
        TableName: tables.events,
        ConditionExpression: 'attribute_not_exists(p)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }
      const plain = { size: 0, name: `stream '${streamId}'`, failed: () => undefined }
      const failures = await writer.write(
        'Creating a stream',
        [
          { ...plain, item: { Put: { ...never, Item: item } } },
          { ...plain, item: { ConditionCheck: { ...never, Key: commitKey(streamId, 1) } } },
        ],
        signal,
      )
      // It may be ours, by a request whose answer was lost.
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
      for (let from = 0; from < items.length; from += atOnce) {
        const some = items.slice(from, from + atOnce)
        const described = some.map((item) => describe(textOf(item, 's') as string, item, signal))
        infos.push(...(await Promise.all(described)).filter((info) => info !== undefined))
      }
      return infos
    },
  }
}

function newIn({ runs }: Slot): string[] {
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
