/** `POST /api/projections/…`: rebuilds and verifies projections in the background, and drops them. */
import type { Jobs } from '../jobs/jobs.ts'
import { knownProjection, rebuildWork, verifyWork } from '../jobs/projection-jobs.ts'
import type { ConsoleContext } from '../options.ts'
import { confirmedShape, droppedShape, namedShape } from '../shapes/action.ts'
import { jobShape } from '../shapes/projection.ts'
import { actionRoute, checkConfirmed, recorded } from './action.ts'
import { limitOf, newRoutes, type Routes } from './route.ts'

const rebuild = actionRoute(
  '/projections/rebuild',
  'Begins to build new documents, while readers get the old ones. Resumes an interrupted rebuild.',
  namedShape,
  jobShape,
)
const verify = actionRoute(
  '/projections/verify',
  'Begins to compare the documents with new ones made of all events.',
  namedShape,
  jobShape,
)
const drop = actionRoute(
  '/projections/drop',
  'Deletes the documents of a projection that no process runs any more.',
  confirmedShape,
  droppedShape,
)

export function projectionActions(context: ConsoleContext, jobs: Jobs): Routes {
  return newRoutes()
    .openapi(rebuild, async (c) => {
      const { name } = c.req.valid('json')
      const projection = knownProjection(context, name)
      const actor = await context.actorOf(c.req.raw)
      return c.json(jobs.start('rebuild', name, rebuildWork(context, actor, projection)), 200)
    })
    .openapi(verify, async (c) => {
      const { name } = c.req.valid('json')
      const projection = knownProjection(context, name)
      const actor = await context.actorOf(c.req.raw)
      return c.json(jobs.start('verify', name, verifyWork(context, actor, projection)), 200)
    })
    .openapi(drop, async (c) => {
      const { name, confirm } = c.req.valid('json')
      checkConfirmed(name, confirm)
      const signal = limitOf(context, c.req.raw)
      const dropped = await recorded(
        context,
        c.req.raw,
        { action: 'projections.drop', target: name },
        () => context.store.dropProjection(name, { signal }),
        (dropped) => ({ dropped }),
      )
      return c.json({ name, dropped }, 200)
    })
}
