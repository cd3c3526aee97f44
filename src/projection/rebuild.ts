/** Rebuilding a projection: its documents are made anew beside the present ones, and then take their place. */

import { hasCode } from '../errors/index.ts'
import { checkFunction, checkInteger, checkOneOf } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { ProjectionMode, ProjectionToRegister, RegisteredProjection } from '../storage/projections.ts'
import { BuildLease } from './build-lease.ts'
import type { RebuildOptions, RebuildResult } from './maintenance.ts'
import { type AnyDocumentProjection, checkDocumentProjection } from './projection.ts'
import { ProjectionBuild } from './projection-build.ts'

const defaultBatchSize = 5_000

export async function rebuild(
  environment: EngineEnvironment,
  projection: AnyDocumentProjection,
  isInline: (name: string) => boolean,
  options: RebuildOptions | undefined,
): Promise<RebuildResult> {
  checkDocumentProjection(projection)
  const {
    onProgress,
    batchSize = defaultBatchSize,
    mode: wanted,
    signal,
  } = optionsOf(options, ['onProgress', 'batchSize', 'mode', 'signal'])
  if (wanted !== undefined) checkOneOf(wanted, 'mode', ['inline', 'async'])
  if (onProgress !== undefined) checkFunction(onProgress, 'onProgress')
  checkInteger(batchSize, 'batchSize', 1)
  const { clock } = environment
  const { name, version } = projection
  const mode = wanted ?? (isInline(name) ? 'inline' : await presentMode(environment, name, signal))
  const startedAt = clock.now()
  const lease = new BuildLease(environment, name)
  await lease.take(name, signal)
  try {
    const { generation, resumed } = await beginBuild(environment, lease, { name, version, mode }, signal)
    const shadow = new ProjectionBuild(environment, projection, lease, {
      generation,
      batchSize,
      onProgress,
      signal,
    })
    await shadow.buildToEnd()
    await putInPlace(environment, shadow, { name, version, generation, mode }, signal)
    await tidyUp(lease, name)
    const duration = Math.round(clock.now() - startedAt)
    return { events: shadow.events, position: shadow.position, version, duration, resumed }
  } finally {
    await lease.release()
  }
}

/** What is left of a build that has ended. Whoever has taken the lease meanwhile does so, or goes on with it. */
export async function tidyUp(lease: BuildLease, projection: string): Promise<void> {
  try {
    await lease.dropDocuments(projection, undefined)
    await lease.reset()
  } catch (error) {
    if (!hasCode(error, 'lease-lost')) throw error
  }
}

/** A process that only rebuilds need not name the inline projections: what was inline stays so. */
async function presentMode(
  { storage }: EngineEnvironment,
  name: string,
  signal: AbortSignal | undefined,
): Promise<ProjectionMode> {
  const registered = await storage.registeredProjection(name, signal)
  return registered !== undefined && registered.version > 0 ? registered.mode : 'async'
}

/** A generation to build into, without the remains of builds that were given up. */
export async function beginBuild(
  { storage }: EngineEnvironment,
  lease: BuildLease,
  projection: ProjectionToRegister,
  signal: AbortSignal | undefined,
): Promise<{ readonly generation: number; readonly resumed: boolean }> {
  // Not to be given up halfway: the checkpoint of an earlier build is not this one's.
  const begun = await storage.beginBuild(projection)
  if (!begun.resumed) {
    await lease.reset()
    await lease.take(projection.name, signal)
  }
  await lease.dropDocuments(projection.name, begun.generation, signal)
  return begun
}

/**
 * The switch. While it holds the projection's lock nobody else writes its documents, so that what is still missing is
 * little, and can be folded in before the new ones are read. An inline projection must not lack any event that was
 * appended with the old ones: these are committed, but may be hidden behind an append of somebody else that is still
 * under way.
 */
async function putInPlace(
  { storage }: EngineEnvironment,
  shadow: ProjectionBuild,
  registered: RegisteredProjection,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { name, mode, generation } = registered
  await shadow.conclude(
    'Putting a rebuilt projection in place',
    async (transaction) => {
      await transaction.lockProjection(name)
      const target = mode === 'inline' ? await transaction.lastPosition() : 0
      await shadow.finish(transaction, target)
      if (mode === 'async') await transaction.moveCheckpoints(name, shadow.position)
      await transaction.setProjection(registered)
      return true
    },
    async () => {
      // The connection may have been lost after it was committed.
      const present = await storage.registeredProjection(name, signal)
      if (present?.generation === generation) return true
      await shadow.buildToEnd()
      return undefined
    },
  )
}
