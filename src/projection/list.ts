/** Lists the projections of a store. */
import type { CallOptions } from '../call-options.ts'
import { optionsOf } from '../input/options.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Operations } from '../runtime/operations.ts'
import { itemsOf } from '../runtime/paged-reader.ts'
import type { ListedProjection } from '../storage/projections.ts'
import type { ProjectionSummary } from './maintenance.ts'

const projectionsPerPage = 100

/** `versionHere`: the version of a projection that this store runs; undefined if it does not run it. */
export function listProjections(
  { storage }: EngineEnvironment,
  operations: Operations,
  versionHere: (name: string) => number | undefined,
  options: CallOptions | undefined,
): AsyncIterable<ProjectionSummary> {
  const { signal } = optionsOf(options, ['signal'])

  async function summaryOf(projection: ListedProjection, signal: AbortSignal): Promise<ProjectionSummary> {
    const { name, version } = projection
    const isBuildNeeded = version === 0 || (versionHere(name) ?? version) !== version
    return { ...projection, documents: await storage.countDocuments(name, signal), isBuildNeeded }
  }

  return itemsOf(signal, async function* (signal) {
    for (let last = ''; ; ) {
      const after = last
      const page = await operations.perform(signal, () =>
        storage.listProjections(after, projectionsPerPage, signal),
      )
      for (const projection of page) {
        yield [await operations.perform(signal, () => summaryOf(projection, signal))]
      }
      if (page.length < projectionsPerPage) return
      last = page.at(-1)?.name as string
    }
  })
}
