/** `/api/jobs`: the rebuilds and verifications of this console, as they run. */
import { createRoute } from '@hono/zod-openapi'
import { streamSSE } from 'hono/streaming'
import { heartbeat, heartbeatTime } from '../frames.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { ConsoleContext } from '../options.ts'
import { cancelShape } from '../shapes/action.ts'
import { jobShape, jobsShape } from '../shapes/projection.ts'
import { actionRoute } from './action.ts'
import { noParameters } from './query.ts'
import { answers, newRoutes, type Routes } from './route.ts'

const shortestPause = 250

const listJobs = createRoute({
  method: 'get',
  path: '/jobs',
  summary: 'Lists the jobs of this console that run, and the last 50 that have ended, the newest first.',
  request: { query: noParameters },
  responses: answers('The jobs.', jobsShape),
})

const followJobs = createRoute({
  method: 'get',
  path: '/jobs/live',
  summary: 'Sends the jobs at once, and after each change, at most four times a second.',
  request: { query: noParameters },
  responses: {
    200: {
      description:
        'Server-Sent Events: `event: jobs`, with the same data as GET /api/jobs, and `event: alive` after 15 s without one.',
      content: { 'text/event-stream': { schema: jobsShape } },
    },
  },
})

const cancelJob = actionRoute(
  '/jobs/cancel',
  'Cancels a job. A rebuild can be resumed later.',
  cancelShape,
  jobShape,
)

export function jobRoutes({ closing }: ConsoleContext, jobs: Jobs): Routes {
  return newRoutes()
    .openapi(listJobs, (c) => c.json({ jobs: [...jobs.list()] }, 200))
    .openapi(cancelJob, async (c) => c.json(await jobs.cancel(c.req.valid('json').id), 200))
    .openapi(followJobs, (c) => {
      // Without it, nginx would keep the events back.
      c.header('X-Accel-Buffering', 'no')
      return streamSSE(c, async (stream) => {
        const bell = new Bell()
        const endChanges = jobs.onChange(() => bell.ring())
        const end = () => bell.end()
        closing.addEventListener('abort', end)
        stream.onAbort(end)
        try {
          while (!closing.aborted && !stream.aborted) {
            await stream.writeSSE({ event: 'jobs', data: JSON.stringify({ jobs: jobs.list() }) })
            await stream.sleep(shortestPause)
            while (!(await bell.heard(heartbeatTime))) await stream.writeSSE(heartbeat)
          }
        } finally {
          endChanges()
          closing.removeEventListener('abort', end)
        }
      })
    })
}

/** Wakes one waiter. A ring before the wait counts, and several count once. */
class Bell {
  #isRung = false
  #isEnded = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#isRung = true
    this.#wake?.()
  }

  /** From then on, no wait lasts. */
  end(): void {
    this.#isEnded = true
    this.#wake?.()
  }

  /** Resolves with true after a ring, or with false after the time. */
  async heard(milliseconds: number): Promise<boolean> {
    if (!this.#isRung && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    const isHeard = this.#isRung || this.#isEnded
    this.#isRung = false
    return isHeard
  }
}
