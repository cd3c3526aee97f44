/** `POST /api/projections/…`: rebuilds and verifies projections in the background, and drops them. */
import type { Jobs, JobWork } from '../jobs/jobs.ts'
import { knownProjection, rebuildWork, verifyWork } from '../jobs/projection-jobs.ts'
import type { ConsoleContext } from '../options.ts'
import { confirmedShape, droppedShape, namedShape } from '../shapes/action.ts'
import { type Job, jobShape } from '../shapes/projection.ts'
import { actionRoute, checkConfirmed, recorded, recordedAs } from './action.ts'
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
  /** The work of a job is recorded from its beginning to its end, also after the request has ended. */
  async function start(request: Request, kind: Job['kind'], name: string, work: JobWork): Promise<Job> {
    const actor = await context.actorOf(request)
    return jobs.start(kind, name, (onProgress, signal) =>
      recordedAs(context, actor, `projections.${kind}`, name, undefined, () => work(onProgress, signal)),
    )
  }
  return newRoutes()
    .openapi(rebuild, async (c) => {
      const { name } = c.req.valid('json')
      const work = rebuildWork(context, knownProjection(context, name))
      return c.json(await start(c.req.raw, 'rebuild', name, work), 200)
    })
    .openapi(verify, async (c) => {
      const { name } = c.req.valid('json')
      const work = verifyWork(context, knownProjection(context, name))
      return c.json(await start(c.req.raw, 'verify', name, work), 200)
    })
    .openapi(drop, async (c) => {
      const { name, confirm } = c.req.valid('json')
      checkConfirmed(name, confirm)
      const signal = limitOf(context, c.req.raw)
      const dropped = await recorded(context, c, 'projections.drop', name, undefined, () =>
        context.store.dropProjection(name, { signal }),
      )
      return c.json({ name, dropped }, 200)
    })
}
