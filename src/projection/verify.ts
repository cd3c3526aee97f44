/** Verifies a projection: builds its documents again in a new generation, and compares both generations. */

import { checkRequiredEvents, requiredEventsOf } from '../catalogue/required-events.ts'
import { checkTypes } from '../catalogue/unknown-type.ts'
import { ProjectionVersionError } from '../errors/index.ts'
import { checkFunction, checkInteger } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import { lowestCheckpoint } from '../subscription/checkpoint-waits.ts'
import { BuildLease } from './build-lease.ts'
import type { VerifyOptions, VerifyResult } from './maintenance.ts'
import type { AnyDocumentProjection } from './projection.ts'
import { checkDocumentProjection } from './projection.ts'
import { ProjectionBuild } from './projection-build.ts'
import { beginBuild, cleanUp } from './rebuild.ts'

const batchSize = 5_000

export async function verify(
  environment: EngineEnvironment,
  projection: AnyDocumentProjection,
  isInline: (name: string) => boolean,
  options: VerifyOptions | undefined,
): Promise<VerifyResult> {
  checkDocumentProjection(projection)
  checkRequiredEvents(requiredEventsOf(projection), environment.known, 'projection')
  checkTypes(environment.known, projection.events, 'projection.events')
  const { onProgress, limit = 100, signal } = optionsOf(options, ['onProgress', 'limit', 'signal'])
  if (onProgress !== undefined) checkFunction(onProgress, 'onProgress')
  checkInteger(limit, 'limit', 1)
  const { storage } = environment
  const { name, version } = projection
  // The first append registers an inline projection. Before that append, `verify` must register it.
  if (isInline(name)) await storage.registerProjections([{ name, version, mode: 'inline' }])
  const registered = await storage.registeredProjection(name, signal)
  if (registered?.version !== version) {
    const mode = registered?.mode ?? 'async'
    throw new ProjectionVersionError(name, version, registered?.version ?? 0, mode, mode)
  }
  const lease = new BuildLease(environment, name)
  await lease.take(name, signal)
  try {
    const { generation } = await beginBuild(environment, lease, registered, signal)
    const build = new ProjectionBuild(environment, projection, lease, {
      generation,
      batchSize,
      onProgress,
      signal,
    })
    // The documents of an async projection contain the events up to its checkpoint. The build must not go beyond that.
    const isAsync = registered.mode === 'async'
    const buildUpToPresent = async () => {
      if (isAsync) await build.build(await checkpointOf(environment, name, signal))
      else await build.buildToEnd()
      return undefined
    }
    await buildUpToPresent()
    const compared = await build.runFinalTransaction(
      'Comparing documents',
      async (transaction) => {
        await transaction.lockProjection(name)
        const until = isAsync
          ? await transaction.checkpoint(name)
          : await transaction.lastPosition(build.position)
        await build.catchUp(transaction, until ?? 0, until ?? 0)
        return transaction.compareDocuments(name, generation, registered.generation, limit)
      },
      buildUpToPresent,
    )
    await cleanUp(lease, name)
    const { documents, differences } = compared
    return {
      ok: differences.length === 0,
      events: build.events,
      position: build.position,
      documents,
      differences: differences.map(({ key, left, right }) => ({
        key,
        expected: left === undefined ? undefined : JSON.parse(left),
        actual: right === undefined ? undefined : JSON.parse(right),
      })),
    }
  } finally {
    await lease.release()
  }
}

async function checkpointOf(
  { storage }: EngineEnvironment,
  name: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  return lowestCheckpoint(await storage.checkpoints(name, signal))
}
