/**
 * Snapshots of streams: one item for each name and stream, outside of any transaction.
 *
 *     v       the version of the stream that the snapshot describes
 *     e, z    the content, and how it is compressed
 */
import { InvalidInputError, type SnapshotStorage } from '../../storage/index.ts'
import { decodeText, encodeText, maxBytesOfPart } from '../commits/commit-body.ts'
import type { Environment } from '../environment.ts'
import { type Key, shards, snapshotKey, snapshotPartition } from '../keys.ts'
import { number, numberOf, text } from '../requests/attributes.ts'

export function snapshots({
  connection,
  tables,
  compress,
}: Pick<Environment, 'connection' | 'tables' | 'compress'>): SnapshotStorage {
  const subjectOf = (doing: string, key: string) => ({ doing, table: tables.log, key })

  return {
    async readSnapshot(name, streamId, signal) {
      const key = snapshotKey(name, streamId)
      const item = await connection.get(subjectOf('Reading a snapshot', key.p.S), key, signal)
      return item && { version: numberOf(item, 'v') as number, json: decodeText(item) }
    },

    async writeSnapshot(name, streamId, { version, json, replaces }, signal) {
      const { parts, size } = encodeText(json, compress)
      const [content] = parts
      if (content === undefined || parts.length > 1) throw tooLarge(name, streamId, size)
      const key = snapshotKey(name, streamId)
      const input = {
        Item: { ...key, v: number(version), ...content },
        ConditionExpression: `attribute_not_exists(p) OR v <= :v${replaces === undefined ? '' : ' OR v = :wrong'}`,
        ExpressionAttributeValues: {
          ':v': number(version),
          ...(replaces !== undefined && { ':wrong': number(replaces) }),
        },
        // The stored content would only cost time.
        ReturnValuesOnConditionCheckFailure: 'NONE',
      }
      // If the condition fails, a later snapshot is stored, or an earlier attempt has written this one.
      await connection.write(subjectOf('Writing a snapshot', key.p.S), 'PutItem', input, signal)
    },

    async deleteSnapshots(name, streamId, signal) {
      if (streamId !== undefined) {
        const key = snapshotKey(name, streamId)
        await connection.write(subjectOf('Deleting snapshots', key.p.S), 'DeleteItem', { Key: key }, signal)
        return
      }
      for (let shard = 0; shard < shards; shard++) {
        const partition = snapshotPartition(name, shard)
        const subject = subjectOf('Deleting snapshots', partition)
        const input = {
          KeyConditionExpression: 'p = :p',
          ExpressionAttributeValues: { ':p': text(partition) },
          ProjectionExpression: 'p, s',
        }
        await connection.deleteAll(
          subject,
          (await connection.queryAll(subject, input, signal)) as Key[],
          signal,
        )
      }
    },
  }
}

function tooLarge(name: string, streamId: string, size: number): InvalidInputError {
  return new InvalidInputError(
    `the snapshot '${name}' of stream '${streamId}'`,
    `must not exceed ${maxBytesOfPart} bytes, as DynamoDB stores it`,
    `${size} bytes`,
  )
}
