/** What operators do with the console, on every database, and what the audit trail keeps of it. */
import { projection } from '@eventsourced/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Console, type ConsoleOptions, console as consoleOf } from '../../src/console/index.ts'
import { auditShape } from '../../src/console/shapes/store.ts'
import { openTarget } from '../../src/target/open.ts'
import { databases, type StartedDatabase } from '../databases.ts'
import { act, read } from './call.ts'

const totals = projection({
  name: 'totals',
  key: ({ streamId }) => streamId,
  initialState: () => ({ count: 0 }),
  evolve: ({ count }) => ({ count: count + 1 }),
})

/** Parks every event that it gets. */
const mailer = {
  name: 'mailer',
  types: ['Paid'],
  handle() {
    throw new Error('550 no mailbox')
  },
  onError: { retries: 0, action: 'park' },
} as const

describe.each(databases)('the actions on $name', ({ start }) => {
  let database: StartedDatabase
  let store: ConsoleOptions['store']
  let app: Console
  const audit = async () => auditShape.parse((await read(app, 'audit?limit=500')).body).entries
  const parked = async () => {
    const positions: number[] = []
    for await (const { position } of store.parked('mailer').list()) positions.push(position)
    return positions
  }

  const runMailer = async () => {
    const running = store.subscribe(mailer)
    await running.caughtUp()
    await running.stop()
  }

  beforeAll(async () => {
    database = await start()
    store = (await openTarget({ url: database.url }, true)).store
    await store.schema?.create()
    for (let number = 1; number <= 12; number++) {
      await store.append(`order-${number}`, [{ type: 'Paid', data: {} }])
    }
    await runMailer()
    app = consoleOf({
      store,
      projections: [totals],
      actor: (request) => request.headers.get('x-user') ?? 'ada',
      onError() {},
    })
  })
  afterAll(async () => {
    await app?.close()
    await store?.close()
    await database?.stop()
  })

  it('retry parked events: one, some, or all that fit a filter', async () => {
    const retry = (selection: object) => act(app, 'parked/retry', { subscription: 'mailer', ...selection })
    const [first = 0, second = 0, third = 0] = await parked()
    expect(await retry({ position: first })).toEqual({ status: 200, body: { count: 1, missing: [] } })
    expect(await retry({ position: 999 })).toMatchObject({ status: 404, body: { code: 'not-parked' } })
    expect(await retry({ positions: [second, 999, third, third] })).toEqual({
      status: 200,
      body: { count: 2, missing: [999] },
    })
    expect(await retry({ filter: { error: 'another' } })).toMatchObject({ body: { count: 0 } })
    expect((await retry({ filter: { streamId: 'order-9', type: 'Paid', error: '550' } })).body.count).toBe(1)
    for (const selection of [{}, { position: first, filter: {} }, { filter: { stream: 'order-1' } }]) {
      expect(await retry(selection)).toMatchObject({ status: 400, body: { code: 'invalid-input' } })
    }
  })

  it('skip parked events, if the subscription is named again', async () => {
    const skip = (body: object) => act(app, 'parked/skip', { subscription: 'mailer', ...body })
    const before = await parked()
    expect((await skip({ filter: {} })).status).toBe(400)
    expect(await skip({ filter: {}, confirm: 'mail' })).toMatchObject({
      status: 400,
      body: { code: 'not-confirmed' },
    })
    expect(await parked()).toEqual(before)
    const [first = 0] = before
    expect(await skip({ position: first, confirm: 'mailer' })).toMatchObject({ body: { count: 1 } })
    const rest = await skip({ filter: {}, confirm: 'mailer' })
    expect(rest).toMatchObject({ status: 200, body: { count: before.length - 1 } })
    expect(await parked()).toEqual([])
  })

  it('pause and resume a subscription', async () => {
    expect(await act(app, 'subscriptions/pause', { name: 'mailer' })).toEqual({
      status: 200,
      body: { name: 'mailer', state: 'paused' },
    })
    expect(await store.subscriptions.get('mailer')).toMatchObject({ state: 'paused' })
    expect(await act(app, 'subscriptions/resume', { name: 'mailer' })).toMatchObject({ status: 200 })
    expect(await store.subscriptions.get('mailer')).toMatchObject({ state: 'active' })
  })

  it('move a subscription: to an end of the log, after a position, to a time; back only with `again`', async () => {
    const move = (to: unknown, again?: boolean) =>
      act(app, 'subscriptions/move', { name: 'mailer', to, again })
    expect(await move('beginning')).toMatchObject({ status: 400, body: { code: 'invalid-input' } })
    expect(await move('beginning', true)).toEqual({ status: 200, body: { name: 'mailer', position: 0 } })
    expect(await move({ after: 2 })).toMatchObject({ body: { position: 2 } })
    expect(await move({ time: '2000-01-01T00:00:00Z' }, true)).toMatchObject({ body: { position: 0 } })
    const { body } = await move('end')
    expect(body.position).toBeGreaterThanOrEqual(12)
    expect(await move({ after: 10 ** 9 })).toMatchObject({ status: 409, body: { code: 'log-truncated' } })
    for (const to of [
      { after: -1 },
      { after: 1, time: '2000-01-01T00:00:00Z' },
      'middle',
      { time: 'today' },
      7,
    ]) {
      expect(await move(to)).toMatchObject({ status: 400, body: { code: 'invalid-input' } })
    }
  })

  it('divide a subscription into partitions', async () => {
    expect(await act(app, 'subscriptions/repartition', { name: 'mailer', partitions: 3 })).toEqual({
      status: 200,
      body: { name: 'mailer', partitions: 3 },
    })
    expect(await store.subscriptions.get('mailer')).toMatchObject({ partitions: 3 })
    const refused = await act(app, 'subscriptions/repartition', { name: 'mailer', partitions: 1_001 })
    expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringContaining('partitions') } })
  })

  it('rebuild and verify a projection in the background, and drop it', async () => {
    const ended = async (id: string) => {
      for (;;) {
        const { jobs } = (await read(app, 'jobs')).body
        const job = jobs.find((one: { id: string }) => one.id === id)
        if (job.state !== 'running') return job
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    const rebuild = await act(app, 'projections/rebuild', { name: 'totals' })
    expect(rebuild).toMatchObject({
      status: 200,
      body: { kind: 'rebuild', projection: 'totals', state: 'running' },
    })
    expect(await ended(rebuild.body.id)).toMatchObject({
      state: 'done',
      events: 12,
      endedAt: expect.any(String),
    })
    const verify = await act(app, 'projections/verify', { name: 'totals' })
    expect(await ended(verify.body.id)).toMatchObject({ state: 'done', differences: [] })
    expect(await act(app, 'projections/rebuild', { name: 'sums' })).toMatchObject({ status: 404 })
    const drop = (confirm: string) => act(app, 'projections/drop', { name: 'totals', confirm })
    expect(await drop('total')).toMatchObject({ status: 400, body: { code: 'not-confirmed' } })
    expect(await drop('totals')).toEqual({ status: 200, body: { name: 'totals', dropped: true } })
    expect(await drop('totals')).toEqual({ status: 200, body: { name: 'totals', dropped: false } })
  })

  it('remove a subscription, if it is named again', async () => {
    const remove = (confirm: string) => act(app, 'subscriptions/remove', { name: 'mailer', confirm })
    expect(await remove('')).toMatchObject({ status: 400, body: { code: 'not-confirmed' } })
    expect(await remove('mailer')).toMatchObject({ status: 200, body: { state: 'removed' } })
    expect(await store.subscriptions.get('mailer')).toBeUndefined()
    expect(await act(app, 'subscriptions/pause', { name: 'mailer' })).toMatchObject({
      status: 404,
      body: { code: 'unknown-subscription' },
    })
  })

  it('are recorded with who acted, on what, how, and how it ended; what was refused is not', async () => {
    const entries = (await audit()).reverse()
    expect(entries[0]).toMatchObject({
      ...{ actor: 'ada', action: 'parked.retry', target: 'mailer', outcome: 'done' },
      details: { count: 1, position: expect.any(Number) },
    })
    const moves = entries.filter(({ action }) => action === 'subscriptions.move')
    expect(moves.slice(0, 3)).toMatchObject([
      { outcome: 'failed', error: expect.stringContaining('again') },
      { outcome: 'done', details: { to: 'beginning', again: true, position: 0 } },
      { outcome: 'done', details: { to: { after: 2 }, position: 2 } },
    ])
    const counts = new Map<string, number>()
    for (const { action } of entries) counts.set(action, (counts.get(action) ?? 0) + 1)
    expect(Object.fromEntries(counts)).toEqual({
      'subscriptions.pause': 2,
      'subscriptions.resume': 1,
      'subscriptions.move': 6,
      'subscriptions.repartition': 1,
      'parked.retry': 5,
      'parked.skip': 2,
      'projections.rebuild': 1,
      'projections.verify': 1,
      'projections.drop': 2,
      'subscriptions.remove': 1,
    })
    expect(entries).toContainEqual(
      expect.objectContaining({
        action: 'projections.rebuild',
        details: expect.objectContaining({ events: 12 }),
      }),
    )
    await app.request('/api/subscriptions/resume', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-user': 'grace' },
      body: '{"name":"mailer"}',
    })
    expect((await read(app, 'audit?limit=1')).body.entries).toMatchObject([
      { actor: 'grace', outcome: 'failed' },
    ])
  })

  it('are not begun if they cannot be recorded', async () => {
    const { audit: trail } = store
    const broken = { ...trail, record: () => Promise.reject(new Error('no rights at db.internal')) }
    const unrecorded = consoleOf({
      store: Object.assign(Object.create(store), { audit: broken }),
      onError() {},
    })
    await runMailer()
    const pause = await act(unrecorded, 'subscriptions/pause', { name: 'mailer' })
    expect(pause).toMatchObject({
      status: 503,
      body: { code: 'not-recorded', detail: expect.stringContaining('Nothing was changed') },
    })
    expect(JSON.stringify(pause)).not.toContain('db.internal')
    expect(await store.subscriptions.get('mailer')).toMatchObject({ state: 'active' })
  })
})
