/** `POST /api/subscriptions/…`: pauses, resumes, moves, repartitions and removes subscriptions. */
import type { StartPosition } from '@eventsourced/core'
import type { ConsoleContext } from '../options.ts'
import {
  changedShape,
  confirmedShape,
  type Move,
  movedShape,
  moveShape,
  namedShape,
  repartitionedShape,
  repartitionShape,
} from '../shapes/action.ts'
import { actionRoute, checkConfirmed, recorded } from './action.ts'
import { limitOf, newRoutes, type Routes } from './route.ts'

const pause = actionRoute(
  '/subscriptions/pause',
  'Stops the workers of a subscription in all processes, until it is resumed.',
  namedShape,
  changedShape,
)
const resume = actionRoute('/subscriptions/resume', 'Ends a pause.', namedShape, changedShape)
const move = actionRoute(
  '/subscriptions/move',
  'Lets a subscription continue at another place of the log.',
  moveShape,
  movedShape,
)
const repartition = actionRoute(
  '/subscriptions/repartition',
  'Divides the streams into another number of partitions.',
  repartitionShape,
  repartitionedShape,
)
const remove = actionRoute(
  '/subscriptions/remove',
  'Removes a subscription, its checkpoints and its parked events.',
  confirmedShape,
  changedShape,
)

export function subscriptionActions(context: ConsoleContext): Routes {
  const { subscriptions } = context.store
  return newRoutes()
    .openapi(pause, async (c) => {
      const { name } = c.req.valid('json')
      const signal = limitOf(context, c.req.raw)
      const action = { action: 'subscriptions.pause', target: name }
      await recorded(context, c.req.raw, action, () => subscriptions.pause(name, { signal }))
      return c.json({ name, state: 'paused' as const }, 200)
    })
    .openapi(resume, async (c) => {
      const { name } = c.req.valid('json')
      const signal = limitOf(context, c.req.raw)
      const action = { action: 'subscriptions.resume', target: name }
      await recorded(context, c.req.raw, action, () => subscriptions.resume(name, { signal }))
      return c.json({ name, state: 'active' as const }, 200)
    })
    .openapi(move, async (c) => {
      const { name, to, again } = c.req.valid('json')
      const signal = limitOf(context, c.req.raw)
      const action = { action: 'subscriptions.move', target: name, details: { to, ...(again && { again }) } }
      const position = await recorded(
        context,
        c.req.raw,
        action,
        () => subscriptions.move(name, startPosition(to), { again, signal }),
        (position) => ({ position }),
      )
      return c.json({ name, position }, 200)
    })
    .openapi(repartition, async (c) => {
      const { name, partitions } = c.req.valid('json')
      const signal = limitOf(context, c.req.raw)
      const action = { action: 'subscriptions.repartition', target: name, details: { partitions } }
      await recorded(context, c.req.raw, action, () =>
        subscriptions.repartition(name, partitions, { signal }),
      )
      return c.json({ name, partitions }, 200)
    })
    .openapi(remove, async (c) => {
      const { name, confirm } = c.req.valid('json')
      checkConfirmed(name, confirm)
      const signal = limitOf(context, c.req.raw)
      const action = { action: 'subscriptions.remove', target: name }
      await recorded(context, c.req.raw, action, () => subscriptions.remove(name, { signal }))
      return c.json({ name, state: 'removed' as const }, 200)
    })
}

function startPosition(to: Move['to']): StartPosition {
  return typeof to === 'object' && 'time' in to ? new Date(to.time) : to
}
