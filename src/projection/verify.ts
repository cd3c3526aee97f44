/** Verifying a projection: its documents are made anew and compared with the present ones. */
import { ProjectionVersionError } from '../errors.ts'
import { checkInteger } from '../input.ts'
import { checkFunction, optionsOf } from '../options.ts'
import type { CallOptions } from '../store.ts'
import type { SubscriptionEnvironment } from '../subscription/environment.ts'
import { BuildLease } from './build-lease.ts'
import type { AnyDocumentProjection } from './projection.ts'
import { beginBuild, checkBuildable, type RebuildOptions, tidyUp } from './rebuild.ts'
import { Shadow } from './shadow.ts'

export interface VerifyOptions extends CallOptions {
  readonly onProgress?: RebuildOptions['onProgress']
  /** Most differences that are told one by one. @default 100 */
  readonly limit?: number | undefined
}

export interface VerifyResult {
  /** True if there is no difference. */
  readonly ok: boolean
  readonly events: number
  /** Up to which position the documents were compared. */
  readonly position: number
  readonly documents: number
  /** By key; `expected` is what the events make, `actual` what is read now; undefined: no document. */
  readonly differences: readonly {
    readonly key: string
    readonly expected: unknown
    readonly actual: unknown
  }[]
}

const batchSize = 5_000

export async function verify(
  environment: SubscriptionEnvironment,
  projection: AnyDocumentProjection,
  isInline: (name: string) => boolean,
  options: VerifyOptions | undefined,
): Promise<VerifyResult> {
  checkBuildable(projection)
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
    const shadow = new Shadow(environment, projection, lease, { generation, batchSize, onProgress, signal })
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
  { storage }: SubscriptionEnvironment,
  name: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const checkpoints = await storage.checkpoints(name, signal)
  return checkpoints.length === 0 ? 0 : Math.min(...checkpoints.map(({ position }) => position))
}
