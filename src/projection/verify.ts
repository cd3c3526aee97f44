/** Verifying a projection: its documents are made anew and compared with the present ones. */

import { ProjectionVersionError } from '../errors/index.ts'
import { checkFunction, checkInteger } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import { BuildLease } from './build-lease.ts'
import type { VerifyOptions, VerifyResult } from './maintenance.ts'
import type { AnyDocumentProjection } from './projection.ts'
import { checkDocumentProjection } from './projection.ts'
import { ProjectionBuild } from './projection-build.ts'
import { beginBuild, tidyUp } from './rebuild.ts'

const batchSize = 5_000

export async function verify(
  environment: EngineEnvironment,
  projection: AnyDocumentProjection,
  isInline: (name: string) => boolean,
  options: VerifyOptions | undefined,
): Promise<VerifyResult> {
  checkDocumentProjection(projection)
  const { onProgress, limit = 100, signal } = optionsOf(options, ['onProgress', 'limit', 'signal'])
  if (onProgress !== undefined) checkFunction(onProgress, 'onProgress')
  checkInteger(limit, 'limit', 1)
  const { storage } = environment
  const { name, version } = projection
  // As an append would: nothing may have been appended yet.
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
    const shadow = new ProjectionBuild(environment, projection, lease, {
      generation,
      batchSize,
      onProgress,
      signal,
    })
    // The documents of an async projection are those of its checkpoint, which the shadow must not pass by.
    const isAsync = registered.mode === 'async'
    const build = async () => {
      if (isAsync) await shadow.build(await checkpointOf(environment, name, signal))
      else await shadow.buildToEnd()
      return undefined
    }
    await build()
    const compared = await shadow.conclude(
      'Comparing documents',
      async (transaction) => {
        await transaction.lockProjection(name)
        const until = isAsync ? await transaction.checkpoint(name) : await transaction.lastPosition()
        await shadow.finish(transaction, until ?? 0, until ?? 0)
        return transaction.compareDocuments(name, generation, registered.generation, limit)
      },
      build,
    )
    await tidyUp(lease, name)
    const { documents, differences } = compared
    return {
      ok: differences.length === 0,
      events: shadow.events,
      position: shadow.position,
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
  const checkpoints = await storage.checkpoints(name, signal)
  return checkpoints.length === 0 ? 0 : Math.min(...checkpoints.map(({ position }) => position))
}
