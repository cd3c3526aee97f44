/** Lists the projections of a store. */
import { checkBoolean } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Operations } from '../runtime/operations.ts'
import { itemsOf } from '../runtime/paged-reader.ts'
import type { ListedProjection } from '../storage/projections.ts'
import type { ListProjectionsOptions, ProjectionSummary } from './maintenance.ts'

const projectionsPerPage = 100

/** `versionHere`: the version of a projection that this store runs; undefined if it does not run it. */
export function listProjections(
  { storage }: EngineEnvironment,
  operations: Operations,
  versionHere: (name: string) => number | undefined,
  options: ListProjectionsOptions | undefined,
): AsyncIterable<ProjectionSummary> {
  const { counts = true, signal } = optionsOf(options, ['counts', 'signal'])
  checkBoolean(counts, 'counts')

  async function summaryOf(projection: ListedProjection, signal: AbortSignal): Promise<ProjectionSummary> {
    const { name, version } = projection
    const isBuildNeeded = version === 0 || (versionHere(name) ?? version) !== version
    const documents = counts ? await storage.countDocuments(name, signal) : undefined
    return { ...projection, documents, isBuildNeeded }
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
