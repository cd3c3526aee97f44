/**
 * Lists the projections. Each has an item of its own, and no item lists them all: an append would have to write it. So
 * this takes the names from three lists: the async projections are registered as subscriptions, each projection that was
 * ever built has the lease of its build, and the counter lists the inline ones.
 */
import {
  buildPrefix,
  compareNames,
  type ListedProjection,
  type SubscriptionRegistry,
} from '../../storage/index.ts'
import type { Environment } from '../environment.ts'
import type { ProjectionRegistry } from './projection-registry.ts'

const namesPerPage = 100

export async function listProjections(
  { slots }: Environment,
  projections: ProjectionRegistry,
  subscriptions: Pick<SubscriptionRegistry, 'listSubscriptions'>,
  after: string,
  limit: number,
  signal?: AbortSignal,
): Promise<readonly ListedProjection[]> {
  const names = new Set((await slots.counter(signal)).inline.map(({ name }) => name))
  for (let last = ''; ; ) {
    const page = await subscriptions.listSubscriptions(last, namesPerPage, signal)
    for (const { name, definition } of page) {
      if (definition?.kind === 'projection') names.add(name)
      if (definition?.kind === 'build') names.add(name.slice(buildPrefix.length))
    }
    if (page.length < namesPerPage) break
    last = page.at(-1)?.name as string
  }
  const wanted = [...names].filter((name) => compareNames(name, after) > 0).sort(compareNames)
  return (await projections.listed(wanted, signal)).slice(0, limit)
}
