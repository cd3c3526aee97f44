/** `POST /api/parked/…`: retries and skips parked events, one or many. */
import { hasCode, type ParkedEvents, type ParkedFilter } from '@eventsourced/core'
import type { ConsoleContext } from '../options.ts'
import { Refusal } from '../refusal.ts'
import { retryShape, type Selection, settledShape, skipShape } from '../shapes/action.ts'
import { actionRoute, checkConfirmed, recorded } from './action.ts'
import { newRoutes, type RenewableLimit, type Routes, renewableLimitOf } from './route.ts'

const retry = actionRoute(
  '/parked/retry',
  'Lets the workers handle parked events again. Give `position`, `positions` or `filter`.',
  retryShape,
  settledShape,
)
const skip = actionRoute(
  '/parked/skip',
  'Removes parked events without handling them. Give `position`, `positions` or `filter`.',
  skipShape,
  settledShape,
)

export function parkedActions(context: ConsoleContext): Routes {
  const act = async (
    request: Request,
    kind: 'retry' | 'skip',
    subscription: string,
    selection: Selection,
  ) => {
    const limit = renewableLimitOf(context, request)
    const parked = context.store.parked(subscription)
    return recorded(
      context,
      request,
      { action: `parked.${kind}`, target: subscription, details: { ...selection } },
      () => settle(parked, kind, selection, limit).finally(limit.end),
      ({ count }) => ({ count }),
    )
  }
  return newRoutes()
    .openapi(retry, async (c) => {
      const { subscription, ...selection } = c.req.valid('json')
      checkSelection(selection)
      return c.json(await act(c.req.raw, 'retry', subscription, selection), 200)
    })
    .openapi(skip, async (c) => {
      const { subscription, confirm, ...selection } = c.req.valid('json')
      checkSelection(selection)
      checkConfirmed(subscription, confirm)
      return c.json(await act(c.req.raw, 'skip', subscription, selection), 200)
    })
}

/** Nothing is selected by default: an empty filter, which means all, must be said. */
function checkSelection({ position, positions, filter }: Selection): void {
  if ([position, positions, filter].filter((part) => part !== undefined).length === 1) return
  const detail = 'Which events? Give one of `position`, `positions` and `filter`. Nothing was changed.'
  throw new Refusal(400, 'invalid-input', 'Invalid input', detail)
}

async function settle(
  parked: ParkedEvents,
  action: 'retry' | 'skip',
  { position, positions, filter }: Selection,
  { signal, renew }: RenewableLimit,
): Promise<{ count: number; missing: number[] }> {
  const perform = (which: number | ParkedFilter) => parked[action](which, { signal, onProgress: renew })
  if (positions === undefined) return { count: await perform(position ?? filter ?? {}), missing: [] }
  let count = 0
  const missing: number[] = []
  for (const one of new Set(positions)) {
    try {
      count += await perform(one)
    } catch (error) {
      // A worker or another operator was faster.
      if (!hasCode(error, 'not-parked')) throw error
      missing.push(one)
    }
    renew()
  }
  return { count, missing }
}
