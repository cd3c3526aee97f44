/** Deletes the documents of generations that nobody reads any more. */

import type { Environment } from '../environment.ts'
import { documentPartition, type Key, projectionKey, shards } from '../keys.ts'
import { text } from '../requests/attributes.ts'
import type { ProjectionRegistry } from './projection-registry.ts'

// One call deletes about so many documents. The caller repeats it until none remain.
const documentsPerCall = 250

/**
 * Deletes some documents of the generations that are neither read nor the one to keep. Returns how many, 0 if
 * none remain. Without a generation to keep, it also abandons a build that is under way.
 */
export async function dropDocuments(
  { connection, tables }: Environment,
  registry: ProjectionRegistry,
  name: string,
  keep: number | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (keep === undefined) await registry.abandonBuild(name, signal)
  const { current, highest } = await registry.generationRange(name, signal)
  const keys: Key[] = []
  for (let generation = highest; generation >= 0 && keys.length < documentsPerCall; generation--) {
    if (generation === current || generation === keep) continue
    for (let shard = 0; shard < shards && keys.length < documentsPerCall; shard++) {
      const partition = documentPartition(name, generation, shard)
      const subject = { doing: 'Dropping documents', table: tables.log, key: partition }
      const input = {
        KeyConditionExpression: 'p = :p',
        ExpressionAttributeValues: { ':p': text(partition) },
        ProjectionExpression: 'p, s',
        Limit: documentsPerCall,
      }
      keys.push(...((await connection.query(subject, input, signal)).items as Key[]))
    }
  }
  const subject = { doing: 'Dropping documents', table: tables.log, key: projectionKey(name).p.S }
  await connection.deleteAll(subject, keys, signal)
  return keys.length
}
