/** Rebuilds and verifications in the background: their progress, their end, and what a page sees of them. */
import { memoryStore, projection } from '@eventsourced/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Console, console as consoleOf } from '../../src/console/index.ts'
import { Jobs, type JobWork } from '../../src/console/jobs/jobs.ts'
import { type Job, jobShape, jobsShape } from '../../src/console/shapes/projection.ts'
import { act, read } from './call.ts'

/** Work that reports what the test says, and ends when the test or the signal says so. */
function controlledWork() {
  let report: Parameters<JobWork>[0] = () => {}
  let finish: (result: Awaited<ReturnType<JobWork>>) => void = () => {}
  const work: JobWork = (onProgress, signal) => {
    report = onProgress
    return new Promise((resolve, reject) => {
      finish = resolve
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  }
  return {
    work,
    report: (position: number) =>
      report({
        position,
        lastPosition: 100,
        events: position,
        eventsPerSecond: 10,
        timeLeft: Number.POSITIVE_INFINITY,
      }),
    finish: () => finish({ differences: [] }),
  }
}

const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('jobs', () => {
  it('show how far they are, and how they ended', async () => {
    const jobs = new Jobs(String)
    const { work, report, finish } = controlledWork()
    expect(jobs.start('verify', 'stock', work)).toMatchObject({ state: 'running', position: 0 })
    await nextTurn()
    report(40)
    expect(jobs.list()).toMatchObject([{ position: 40, lastPosition: 100, eventsPerSecond: 10 }])
    expect(jobs.list()[0]).not.toHaveProperty('timeLeft')
    finish()
    await nextTurn()
    expect(jobShape.parse(jobs.list()[0])).toMatchObject({ state: 'done', position: 40, differences: [] })
  })

  it('run one at a time for each projection', async () => {
    const jobs = new Jobs(String)
    jobs.start('rebuild', 'stock', controlledWork().work)
    expect(() => jobs.start('verify', 'stock', controlledWork().work)).toThrow(
      /A job of this projection runs: rebuild/,
    )
    jobs.start('rebuild', 'orders', controlledWork().work)
    expect(jobs.list().map(({ projection }) => projection)).toEqual(['orders', 'stock'])
    expect(await jobs.close()).toHaveLength(2)
  })

  it('can be cancelled, once', async () => {
    const jobs = new Jobs(String)
    const { id } = jobs.start('rebuild', 'stock', controlledWork().work)
    expect(await jobs.cancel(id)).toMatchObject({ id, state: 'cancelled', endedAt: expect.any(String) })
    expect(await jobs.cancel(id)).toMatchObject({ state: 'cancelled' })
    await expect(jobs.cancel('another')).rejects.toThrow(/No job/)
  })

  it('say why they failed', async () => {
    const jobs = new Jobs((error, name) => `${name}: ${error}`)
    jobs.start('rebuild', 'stock', () => Promise.reject(new Error('no such item')))
    await nextTurn()
    expect(jobs.list()).toMatchObject([{ state: 'failed', error: 'stock: Error: no such item' }])
  })

  it('are kept after their end, the last 50', async () => {
    const jobs = new Jobs(String)
    for (let number = 0; number < 60; number++) {
      jobs.start('verify', `p-${number}`, async () => ({ differences: [] }))
    }
    await nextTurn()
    expect(jobs.list()).toHaveLength(50)
    expect(jobs.list()[0]).toMatchObject({ projection: 'p-59' })
  })

  it('end with the console, and none begins after it', async () => {
    const jobs = new Jobs(String)
    jobs.start('rebuild', 'stock', controlledWork().work)
    expect(await jobs.close()).toMatchObject([{ kind: 'rebuild', projection: 'stock', state: 'cancelled' }])
    expect(() => jobs.start('rebuild', 'stock', controlledWork().work)).toThrow(/ending/)
  })
})

describe('the jobs of a console', () => {
  let app: Console
  let hold: Promise<void> | undefined
  const secret = 'card 4711'
  let store: ReturnType<typeof memoryStore>
  const stock = projection({
    name: 'stock',
    key: ({ streamId }) => streamId,
    initialState: () => ({ count: 0, note: secret }),
    evolve: (state) => ({ ...state, count: state.count + 1 }),
  })
  /** The same projection, as it was before a mistake in it was mended. */
  const wrongStock = projection({
    name: 'stock',
    key: ({ streamId }) => streamId,
    initialState: () => ({ count: 0, note: secret }),
    evolve: (state) => ({ ...state }),
  })
  const broken = projection({
    name: 'broken',
    key: ({ streamId }) => streamId,
    initialState: () => ({}),
    evolve() {
      throw new Error(`cannot charge ${secret}`)
    },
  })

  beforeEach(async () => {
    hold = undefined
    store = memoryStore()
    await store.append('item-1', [{ type: 'Received', data: {} }])
    const held = Object.assign(Object.create(store) as typeof store, {
      async rebuild(...words: Parameters<typeof store.rebuild>) {
        await Promise.race([
          hold,
          new Promise((_, reject) =>
            words[1]?.signal?.addEventListener('abort', () => reject(words[1]?.signal?.reason)),
          ),
        ])
        return store.rebuild(...words)
      },
    })
    app = consoleOf({
      store: held,
      projections: [stock, broken],
      redact: (value, { kind }) =>
        kind === 'error' ? String(value).replace(secret, '…') : { ...(value as object), note: 'hidden' },
      onError() {},
    })
  })
  afterEach(() => app.close())

  async function ended(id: string): Promise<Job> {
    for (;;) {
      const { jobs } = jobsShape.parse((await read(app, 'jobs')).body)
      const job = jobs.find((one) => one.id === id)
      if (job !== undefined && job.state !== 'running') return job
      await nextTurn()
    }
  }

  it('show no data that the redaction hides', async () => {
    const failed = await act(app, 'projections/rebuild', { name: 'broken' })
    expect(await ended(failed.body.id)).toMatchObject({ state: 'failed', error: 'cannot charge …' })
    await store.rebuild(wrongStock)
    const verify = await act(app, 'projections/verify', { name: 'stock' })
    const { differences } = await ended(verify.body.id)
    expect(differences).toEqual([
      { key: 'item-1', expected: { count: 1, note: 'hidden' }, actual: { count: 0, note: 'hidden' } },
    ])
    const { body } = await read(app, 'audit')
    expect(JSON.stringify(body)).not.toContain(secret)
  })

  it('arrive live, and the stream ends with the console', async () => {
    hold = new Promise(() => {})
    const answer = await app.request('/api/jobs/live')
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    const frames = framesOf(answer)
    expect(await frames.next()).toMatchObject({ value: { event: 'jobs', data: { jobs: [] } } })
    const { body } = await act(app, 'projections/rebuild', { name: 'stock' })
    expect(await act(app, 'projections/rebuild', { name: 'stock' })).toMatchObject({
      status: 409,
      body: { code: 'job-running' },
    })
    expect(await frames.next()).toMatchObject({
      value: { data: { jobs: [{ id: body.id, state: 'running' }] } },
    })
    const begin = performance.now()
    expect(await act(app, 'jobs/cancel', { id: body.id })).toMatchObject({ body: { state: 'cancelled' } })
    expect(await frames.next()).toMatchObject({ value: { data: { jobs: [{ state: 'cancelled' }] } } })
    expect(performance.now() - begin).toBeGreaterThan(150)
    await app.close()
    expect(await frames.next()).toMatchObject({ done: true })
  })

  it('are cancelled when the console closes, which says so', async () => {
    hold = new Promise(() => {})
    await act(app, 'projections/rebuild', { name: 'stock' })
    await nextTurn()
    expect(await app.close()).toMatchObject([{ kind: 'rebuild', projection: 'stock' }])
  })
})

/** The events of an answer of Server-Sent Events. */
async function* framesOf(answer: Response) {
  let text = ''
  for await (const part of (answer.body as ReadableStream<Uint8Array<ArrayBuffer>>).pipeThrough(
    new TextDecoderStream(),
  )) {
    text += part
    const frames = text.split('\n\n')
    text = frames.pop() ?? ''
    for (const frame of frames) {
      const event = /^event: (.*)$/m.exec(frame)?.[1]
      if (event !== undefined) yield { event, data: JSON.parse(/^data: (.*)$/m.exec(frame)?.[1] ?? '') }
    }
  }
}
