/** The HTTP answers of `healthz` and `livez`. */
import { InvalidInputError, memoryStore } from '@eventsourced/core'
import { healthz, livez } from '@eventsourced/core/health'
import { expect, it, vi } from 'vitest'
import { counted } from '../../src/conformance/events.ts'

const secret = 'connect ECONNREFUSED db-7.internal:5432'

/** A store whose worker has failed with an error that names a host. */
async function failedStore() {
  const store = memoryStore({ worker: 'pod-17.internal' })
  await store.append('a', counted(1))
  const subscription = store.subscribe({
    name: 'mailer',
    handle: () => Promise.reject(new Error(secret)),
    onError: { retries: 0 },
  })
  await subscription.done.catch(() => {})
  return store
}

it('readiness is 200 with the checks for a healthy store, and nothing may cache it', async () => {
  const response = await healthz(memoryStore())(new Request('http://localhost/healthz'))
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe('application/json')
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  expect(await response.json()).toEqual({
    status: 'ok',
    checkedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    checks: [
      { name: 'database', status: 'ok', duration: expect.any(Number) },
      { name: 'frontier', status: 'ok', position: 0, head: 0, heldFor: 0 },
      { name: 'last-append', status: 'ok', position: 0 },
    ],
  })
})

it('readiness is 503 when a check has failed, without errors and names of hosts unless they are wanted', async () => {
  const store = await failedStore()
  const response = await healthz(store)()
  expect(response.status).toBe(503)
  const text = await response.text()
  expect(text).not.toContain('internal')
  expect(JSON.parse(text)).toMatchObject({
    status: 'failed',
    checks: [{}, {}, {}, { subscription: 'mailer', status: 'failed', reason: expect.any(String) }],
  })
  expect(await (await healthz(store, { detail: true })()).text()).toContain(secret)
})

it('readiness is 200 while the health is degraded, or 503 with failOnDegraded', async () => {
  const store = memoryStore()
  await store.runOnce({ name: 'mailer', handle: () => {} })
  await store.subscriptions.pause('mailer')
  expect((await healthz(store)()).status).toBe(200)
  expect((await healthz(store, { failOnDegraded: true })()).status).toBe(503)
})

it('HEAD gets the same status and headers without a body, and other methods are refused', async () => {
  for (const probe of [healthz(memoryStore()), livez(memoryStore())]) {
    const head = await probe({ method: 'HEAD' })
    expect([head.status, head.headers.get('Cache-Control'), await head.text()]).toEqual([200, 'no-store', ''])
    const post = await probe({ method: 'POST' })
    expect([post.status, post.headers.get('Allow')]).toEqual([405, 'GET, HEAD'])
  }
})

it('liveness is 200 while the database fails, and does not ask it', async () => {
  const store = memoryStore()
  const frontier = vi.spyOn(store, 'frontier').mockRejectedValue(new Error(secret))
  const subscription = store.subscribe({ name: 'mailer', handle: () => {} })
  const response = await livez(store)()
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({ status: 'ok', workers: [{ subscription: 'mailer' }] })
  expect(frontier).not.toHaveBeenCalled()
  await subscription.stop()
  expect(await (await livez(store)()).json()).toEqual({ status: 'ok', workers: [] })
})

it('liveness is 503 when a worker of this process has failed, until the subscription runs again', async () => {
  const store = await failedStore()
  const response = await livez(store)()
  expect(response.status).toBe(503)
  expect(await response.json()).toEqual({
    status: 'failed',
    workers: [{ subscription: 'mailer', state: 'failed' }],
  })
  const detailed = await (await livez(store, { detail: true })()).text()
  expect(detailed).toContain(secret)
  expect(detailed).toContain('pod-17.internal')
  const again = store.subscribe({ name: 'mailer', handle: () => {} })
  expect((await livez(store)()).status).toBe(200)
  await again.stop()
})

it('wrong options are refused when the handler is made', () => {
  const store = memoryStore()
  for (const make of [
    () => healthz(store, { detail: 'yes' as never }),
    () => healthz(store, { failOnDegraded: 1 as never }),
    () => healthz(store, { timeout: 0 }),
    () => livez(store, { detail: 'yes' as never }),
  ]) {
    expect(make).toThrow(InvalidInputError)
  }
})

it('a probe answers when the database fails with a value that cannot be shown as text', async () => {
  const store = { ...memoryStore(), frontier: () => Promise.reject(Object.create(null)) }
  const response = await healthz(store, { detail: true })()
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({ checks: [{ error: 'a value that cannot be shown as text' }] })
})
