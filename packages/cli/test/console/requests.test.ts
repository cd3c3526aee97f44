/** Requests with mistakes: none is accepted in silence, and none is made on when nobody waits for it. */
import { memoryStore } from '@eventsourced/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Console, type ConsoleOptions, console } from '../../src/console/index.ts'
import { Sampler } from '../../src/console/sampler.ts'
import { openTarget } from '../../src/target/open.ts'
import { databases } from '../databases.ts'
import { act, read } from './call.ts'

async function opened(options: Partial<ConsoleOptions> = {}): Promise<Console> {
  const store = memoryStore()
  await store.append('order-1', [{ type: 'Placed', data: {} }])
  return console({ store, ...options })
}

it('a parameter that a route does not have is refused, on every route that reads', async () => {
  const app = await opened()
  const { paths } = (await read(app, 'openapi.json')).body as { paths: Record<string, object> }
  const routes = Object.entries(paths).flatMap(([path, methods]) => ('get' in methods ? [path] : []))
  const statuses = routes.map(async (path) => [path, (await app.request(`${path}?limt=1`)).status])
  expect(await Promise.all(statuses)).toEqual(routes.map((path) => [path, 400]))
  await app.close()
})

it.each(['0x1', '1e1', ' 5', '0', '501', '1.5'])('a page has no limit of %j', async (limit) => {
  expect((await read(await opened(), `streams?limit=${encodeURIComponent(limit)}`)).status).toBe(400)
})

it('a limit without text counts as absent', async () => {
  expect((await read(await opened(), 'streams?limit=')).status).toBe(200)
})

it.each(['prefix=%00', `type=${'x'.repeat(600)}`])(
  'the live log refuses what no event has: %s',
  async (query) => {
    const app = await opened()
    const answer = await app.request(`/api/log/live?${query}`)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/problem+json'])
  },
)

it('the `next` of a page with a prefix is none of a page without it', async () => {
  const app = await opened()
  expect((await read(app, 'streams?order=newest&after=123%20order-1')).status).toBe(400)
  expect((await read(app, 'streams?order=newest&prefix=o&after=123%20order-1')).status).toBe(200)
})

describe.each(databases.filter(({ name }) => name === 'postgres'))('on $name', ({ start }) => {
  it('a place far beyond the end of the log is its end', async () => {
    const database = await start()
    const { store } = await openTarget({ url: database.url }, true)
    onTestFinished(async () => {
      await store.close()
      await database.stop()
    })
    await store.schema?.create()
    await store.append('order-1', [{ type: 'Placed', data: {} }])
    const app = await opened({ store })
    const { events, next } = (await read(app, 'log?before=9007199254740991')).body
    expect([events.length, next]).toEqual([1, undefined])
    const page = (await read(app, 'streams?order=newest&after=9007199254740991')).body
    expect([page.streams.length, page.next]).toEqual([1, undefined])
  })
})

it.each(['x'.repeat(2_000), 'a\0b', '\ud800'])(
  'a name that none can have is refused as such',
  async (name) => {
    const app = await opened()
    const refused = {
      status: 400,
      body: { code: 'invalid-input', detail: expect.stringContaining('Nothing') },
    }
    expect(await act(app, 'subscriptions/pause', { name })).toMatchObject(refused)
    expect(await act(app, 'projections/drop', { name, confirm: name })).toMatchObject(refused)
  },
)

it('HEAD of the live log leaves nobody who reads the log', async () => {
  const inMemory = memoryStore()
  let begun = 0
  let readers = 0
  async function* readAll(...options: Parameters<typeof inMemory.raw.readAll>) {
    begun++
    readers++
    try {
      yield* inMemory.raw.readAll(...options)
    } finally {
      readers--
    }
  }
  const app = await opened({ store: { ...inMemory, raw: { ...inMemory.raw, readAll } } })
  const answer = await app.request('/api/log/live?after=0', { method: 'HEAD' })
  expect([answer.status, answer.body]).toEqual([200, null])
  await expect.poll(() => begun).toBeGreaterThan(0)
  await expect.poll(() => readers).toBe(0)
  await app.close()
})

it.each([
  [
    'throws',
    () => {
      throw new Error('no metrics today')
    },
  ],
  ['never answers', () => new Promise<undefined>(() => {})],
])('the store is measured while the source of metrics %s', async (_, read) => {
  const ending = new AbortController()
  onTestFinished(() => ending.abort())
  const context = { store: memoryStore(), metrics: { read }, closing: ending.signal }
  const sampler = new Sampler(context, { interval: 10, timeout: 50 })
  for await (const measured of sampler.follow(0, AbortSignal.timeout(5_000))) {
    expect(measured.kind).toBe('sample')
    return
  }
  expect.unreachable()
})

it('many pages at once are no leak that Node.js warns of', async () => {
  const warnings: string[] = []
  const note = ({ message }: Error) => void warnings.push(message)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  const app = await opened()
  for (const path of ['jobs/live', 'samples', 'log/live']) {
    const open = Array.from({ length: 12 }, () => app.request(`/api/${path}`))
    for (const answer of await Promise.all(open)) await answer.body?.getReader().read()
  }
  await app.close()
  expect(warnings).toEqual([])
})
