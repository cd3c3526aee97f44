/** Drops a projection: deletes its documents, and no longer requires appends to name it. */
import type { CallOptions } from '../call-options.ts'
import { checkName } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import { BuildLease } from './build-lease.ts'
import { collectionGeneration } from './handler-documents.ts'
import { cleanUp } from './rebuild.ts'

/**
 * Marks the projection as never built, then deletes its documents in batches. If the process dies in between, readers
 * see no document, and the next call deletes the rest. The storage keeps the projection's record, because no generation
 * may be used twice. Returns false if the projection was never built, or was dropped before.
 */
export async function dropProjection(
  environment: EngineEnvironment,
  name: string,
  options: CallOptions | undefined,
): Promise<boolean> {
  checkName(name, 'name')
  const { signal } = optionsOf(options, ['signal'])
  const { storage } = environment
  if ((await storage.registeredProjection(name, signal)) === undefined) return false
  const lease = new BuildLease(environment, name)
  await lease.take(name, signal)
  try {
    const registered = await storage.registeredProjection(name, signal)
    const wasBuilt = registered !== undefined && registered.version > 0
    if (wasBuilt) {
      const held = await lease.held(signal)
      await storage.transaction(
        'Dropping a projection',
        async (transaction) => {
          await transaction.lockProjection(name)
          await transaction.setProjection({
            name,
            version: 0,
            generation: collectionGeneration,
            mode: 'async',
          })
          await transaction.advance(held, 0)
        },
        signal,
      )
    }
    await cleanUp(lease, name)
    return wasBuilt
  } finally {
    await lease.release()
  }
}
