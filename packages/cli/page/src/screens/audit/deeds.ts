/** Joins the two entries of an action, at its beginning and at its end. */
import type { AuditEntryShape } from '../../../../src/console/shapes/store.ts'
import { address } from '../../route.ts'

export interface Deed extends Omit<AuditEntryShape, 'outcome' | 'startId'> {
  readonly outcome: 'running' | 'done' | 'failed'
  /** The address of its target, if the page has one. */
  readonly place: string | undefined
}

/** In the order of the entries. An action that has ended is shown as its end, with what was known at its beginning. */
export function deedsOf(entries: readonly AuditEntryShape[]): readonly Deed[] {
  const starts = new Map(
    entries.filter(({ outcome }) => outcome === 'started').map((entry) => [entry.id, entry]),
  )
  const ended = new Set(entries.map(({ startId }) => startId))
  return entries
    .filter(({ id, outcome }) => outcome !== 'started' || !ended.has(id))
    .map(({ startId, outcome, ...entry }) => {
      const start = startId === undefined ? undefined : starts.get(startId)
      return {
        ...start,
        ...entry,
        outcome: outcome === 'started' ? 'running' : outcome,
        place: placeOf(entry),
      }
    })
}

function placeOf({ action, target }: Pick<AuditEntryShape, 'action' | 'target'>): string | undefined {
  if (action === 'subscriptions.remove') return undefined
  if (action.startsWith('subscriptions.')) return address('subscription', { name: target })
  if (action.startsWith('parked.')) return address('parked', { subscription: target })
  if (action.startsWith('projections.')) return address('documents', { projection: target })
  return undefined
}
