/** The rebuilds and verifications of this console: the running ones, and the last ones that have ended. */
import { randomUUID } from 'node:crypto'
import type { RebuildProgress } from '@eventsourced/core'
import { NotRecordedError } from '../../audited.ts'
import { Refusal } from '../refusal.ts'
import { NotFound } from '../routes/not-found.ts'
import type { Job } from '../shapes/projection.ts'

export type JobKind = Job['kind']
type Differences = NonNullable<Job['differences']>

/** One job as it changes, and how to end it. */
interface RunningJob {
  shown: Job
  readonly controller: AbortController
  readonly ended: Promise<void>
}

/** The outcome of the work of a job: what a verification found. */
interface JobResult {
  readonly differences?: Differences
}

/** The work of a job. It reports its progress, and ends with the signal. */
export type JobWork = (
  onProgress: (progress: RebuildProgress) => void,
  signal: AbortSignal,
) => Promise<JobResult>

const mostEnded = 50

/** One job of a projection runs at a time. The last 50 ended jobs are kept. */
export class Jobs {
  readonly #running = new Map<string, RunningJob>()
  #ended: Job[] = []
  readonly #listeners = new Set<() => void>()
  readonly #shownError: (error: unknown, projection: string) => string
  #isClosed = false

  /** `shownError` returns what the page may see of an error. */
  constructor(shownError: (error: unknown, projection: string) => string) {
    this.#shownError = shownError
  }

  /** The newest first. */
  list(): readonly Job[] {
    return [...[...this.#running.values()].map(({ shown }) => shown).reverse(), ...this.#ended]
  }

  /** Calls the listener after each change. Returns a function that ends this. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Starts a job, and returns it as it begins.
   * @throws Refusal if a job of this projection runs, or the console is closed
   */
  start(kind: JobKind, projection: string, work: JobWork): Job {
    if (this.#isClosed) {
      throw new Refusal(503, 'console-closed', 'Shutting down', 'The console is ending and starts no job.')
    }
    const other = this.list().find((job) => job.projection === projection && job.state === 'running')
    if (other !== undefined) {
      const detail = `A job of this projection runs: ${other.kind}. Wait for its end, or cancel it.`
      throw new Refusal(409, 'job-running', 'Job running', detail)
    }
    const id = randomUUID()
    const controller = new AbortController()
    const shown: Job = {
      id,
      kind,
      projection,
      state: 'running',
      startedAt: new Date().toISOString(),
      position: 0,
      lastPosition: 0,
      events: 0,
      eventsPerSecond: 0,
    }
    const ended = Promise.resolve().then(() => this.#run(shown, work, controller.signal))
    this.#running.set(id, { shown, controller, ended })
    this.#changed()
    return shown
  }

  /** Resolves once the job has ended. A job that has ended already stays as it is. @throws NotFound */
  async cancel(id: string): Promise<Job> {
    const running = this.#running.get(id)
    running?.controller.abort(new Error('The job was cancelled'))
    await running?.ended
    const job = this.list().find((one) => one.id === id)
    if (job === undefined) throw new NotFound('No job has this id, or it ended long ago.')
    return job
  }

  /** Cancels all jobs, and resolves once they have ended. Returns the jobs that ran. */
  async close(): Promise<readonly Job[]> {
    this.#isClosed = true
    const ids = [...this.#running.keys()]
    return Promise.all(ids.map((id) => this.cancel(id)))
  }

  async #run({ id, projection }: Job, work: JobWork, signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted()
      const result = await work((progress) => this.#update(id, shownProgress(progress)), signal)
      this.#end(id, { state: 'done', ...result })
    } catch (error) {
      if (isEndedBy(error, signal)) return this.#end(id, { state: 'cancelled' })
      this.#end(id, { state: 'failed', error: this.#shownError(error, projection) })
    }
  }

  #update(id: string, change: Partial<Job>): void {
    const running = this.#running.get(id)
    if (running === undefined) return
    running.shown = { ...running.shown, ...change }
    this.#changed()
  }

  #end(id: string, change: Partial<Job>): void {
    const { shown } = this.#running.get(id) as RunningJob
    const { timeLeft: _, ...rest } = shown
    this.#running.delete(id)
    this.#ended = [{ ...rest, ...change, endedAt: new Date().toISOString() }, ...this.#ended].slice(
      0,
      mostEnded,
    )
    this.#changed()
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** The end may have come while the beginning was recorded: the error of that has it as its cause. */
function isEndedBy(error: unknown, { aborted, reason }: AbortSignal): boolean {
  if (!aborted) return false
  return error === reason || (error instanceof NotRecordedError && error.cause === reason)
}

function shownProgress({ timeLeft, eventsPerSecond, ...progress }: RebuildProgress): Partial<Job> {
  return {
    ...progress,
    eventsPerSecond: Number.isFinite(eventsPerSecond) ? eventsPerSecond : 0,
    ...(Number.isFinite(timeLeft) && { timeLeft }),
  }
}
