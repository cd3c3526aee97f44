/** Rebuilds a projection: builds a new generation of its documents, then switches readers to that generation. */

import { checkRequiredEvents, requiredEventsOf } from '../catalogue/required-events.ts'
import { checkTypes } from '../catalogue/unknown-type.ts'
import { hasCode, LogNotSettledError, SubscriptionMismatchError } from '../errors/index.ts'
import { checkFunction, checkInteger, checkOneOf } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { ProjectionMode, ProjectionToRegister, RegisteredProjection } from '../storage/projections.ts'
import { projectionDefinition } from '../subscription/definition.ts'
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
  checkRequiredEvents(requiredEventsOf(projection), environment.known, 'projection')
  checkTypes(environment.known, projection.events, 'projection.events')
  const {
    onProgress,
    batchSize = defaultBatchSize,
    mode: requestedMode,
    signal,
  } = optionsOf(options, ['onProgress', 'batchSize', 'mode', 'signal'])
  if (requestedMode !== undefined) checkOneOf(requestedMode, 'mode', ['inline', 'async'])
  if (onProgress !== undefined) checkFunction(onProgress, 'onProgress')
  checkInteger(batchSize, 'batchSize', 1)
  const { clock } = environment
  const { name, version } = projection
  const mode = requestedMode ?? (isInline(name) ? 'inline' : await registeredMode(environment, name, signal))
  if (mode === 'async') await checkKind(environment, name, signal)
  const startedAt = clock.now()
  const lease = new BuildLease(environment, name)
  await lease.take(name, signal)
  try {
    const { generation, resumed } = await beginBuild(environment, lease, { name, version, mode }, signal)
    const build = new ProjectionBuild(environment, projection, lease, {
      generation,
      batchSize,
      onProgress,
      signal,
    })
    await build.buildToEnd()
    await switchGeneration(environment, build, projection, { name, version, generation, mode }, signal)
    await cleanUp(lease, name)
    const duration = Math.round(clock.now() - startedAt)
    return { events: build.events, position: build.position, version, duration, resumed }
  } finally {
    await lease.release()
  }
}

/**
 * Cleans up after a finished build: deletes the documents of other generations, and resets the checkpoint. If another
 * process now holds the lease, that process cleans up or builds on instead.
 */
export async function cleanUp(lease: BuildLease, projection: string): Promise<void> {
  try {
    await lease.dropDocuments(projection, undefined)
    await lease.reset()
  } catch (error) {
    if (!hasCode(error, 'lease-lost')) throw error
  }
}

/** @throws SubscriptionMismatchError if the name belongs to a subscription with a handler */
async function checkKind(
  { storage }: EngineEnvironment,
  name: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const kind = (await storage.readSubscription(name, signal))?.definition?.kind
  if (kind !== undefined && kind !== 'projection') {
    const problem = `it is a ${kind}, so no async projection can have this name. Give the projection another name`
    throw new SubscriptionMismatchError(name, problem)
  }
}

/** The mode that the projection has now, so that a process that only rebuilds need not name the inline projections. */
async function registeredMode(
  { storage }: EngineEnvironment,
  name: string,
  signal: AbortSignal | undefined,
): Promise<ProjectionMode> {
  const registered = await storage.registeredProjection(name, signal)
  return registered !== undefined && registered.version > 0 ? registered.mode : 'async'
}

/**
 * Returns the generation to build: a new one, or that of an interrupted build of the same version. Deletes the
 * documents of abandoned builds.
 */
export async function beginBuild(
  { storage }: EngineEnvironment,
  lease: BuildLease,
  projection: ProjectionToRegister,
  signal: AbortSignal | undefined,
): Promise<{ readonly generation: number; readonly resumed: boolean }> {
  // Without the caller's signal: an abort before `reset` would leave the new build with the checkpoint of an old one.
  const begun = await storage.beginBuild(projection)
  if (!begun.resumed) {
    await lease.reset()
    await lease.take(projection.name, signal)
  }
  await lease.dropDocuments(projection.name, begun.generation, signal)
  return begun
}

/**
 * Makes the new generation the one that is read. The transaction locks the projection, so that no other process writes
 * its documents, and folds in the few events that the build still lacks. An inline projection must contain every event
 * up to the last position of the log. So the transaction also waits for all running appends, and blocks new ones: an
 * append that began before the projection was inline would never write its documents.
 */
async function switchGeneration(
  { storage }: EngineEnvironment,
  build: ProjectionBuild,
  projection: AnyDocumentProjection,
  registered: RegisteredProjection,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { name, mode, generation } = registered
  await build.runFinalTransaction(
    'Putting a rebuilt projection in place',
    async (transaction) => {
      await transaction.lockProjection(name)
      const isSettled = mode === 'async' || (await transaction.lockAppends())
      const target = mode === 'inline' ? await transaction.lastPosition(build.position) : 0
      if (!isSettled) throw new LogNotSettledError(build.position, target)
      await build.catchUp(transaction, target)
      if (mode === 'async') {
        await transaction.moveCheckpoints(name, projectionDefinition(projection), build.position)
      }
      await transaction.setProjection(registered)
      return true
    },
    async () => {
      // If the connection broke during the commit, the database may have committed the switch all the same.
      const present = await storage.registeredProjection(name, signal)
      if (present?.generation === generation) return true
      await build.buildToEnd()
      return undefined
    },
  )
}
