/** Looks at the projections: whether their documents are complete, and whether a worker keeps them up to date. */
import type { ProjectionSummary, SubscriptionSummary } from '@eventsourced/core'
import type { CommandContext } from '../context.ts'
import { type Finding, ok, problem, warning, word } from './finding.ts'

/** Yields the findings. `subscriptions`: those of the store, by name; a projection has the name of its subscription. */
export async function* projectionFindings(
  { store, signal }: CommandContext,
  subscriptions: ReadonlyMap<string, SubscriptionSummary>,
): AsyncGenerator<Finding> {
  for await (const projection of store.listProjections({ counts: false, signal })) {
    yield findingOf(projection, subscriptions.get(projection.name))
  }
}

function findingOf(
  { name, version, mode, building, isBuildNeeded }: ProjectionSummary,
  subscription: SubscriptionSummary | undefined,
): Finding {
  const subject = `projection ${name}`
  const rebuild = `eventsourced projections rebuild ${word(name)}`
  if (building !== undefined) {
    return warning(subject, `version ${building} is being built, unless its process has ended`, rebuild)
  }
  // The store remembers the name of a dropped projection.
  if (version === 0 && mode === 'async' && subscription === undefined) {
    return ok(subject, 'dropped, or never built, and no program runs it')
  }
  if (isBuildNeeded) return problem(subject, 'has no complete documents', rebuild)
  const start = `start a process that runs it; if no program has it any more: eventsourced projections drop ${word(name)}`
  if (mode === 'async' && subscription === undefined) {
    return warning(subject, 'no worker has ever kept it up to date', start)
  }
  if (mode === 'async' && subscription?.state === 'active' && subscription.owners.length === 0) {
    return warning(
      subject,
      `its documents stay as of position ${subscription.checkpoint}: no worker runs it`,
      start,
    )
  }
  return ok(subject, 'built')
}
