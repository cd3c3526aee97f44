/** What `health` answers on each store: about the database, the log, and each subscription. */
import assert from 'node:assert/strict'
import { InvalidInputError, memoryStore } from '@eventsourced/core'
import { type Health, type HealthOptions, health, type SubscriptionCheck } from '@eventsourced/core/health'
import { describe, expect, it, vi } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { onEachStore } from '../each-store.ts'

const fresh = { maxAge: 0 }

function checkOf(answer: Health, subscription: string): SubscriptionCheck {
  const check = answer.checks.find((one) => one.name === 'subscription' && one.subscription === subscription)
  assert(check?.name === 'subscription')
  return check
}

onEachStore((_, withWorld) => {
  it('is ok for an empty store', () =>
    withWorld(async ({ open }) => {
      const answer = await health(await open())
      expect(answer).toMatchObject({
        status: 'ok',
        checks: [
          { name: 'database', status: 'ok', reason: undefined, error: undefined },
          { name: 'frontier', status: 'ok', position: 0, head: 0, heldFor: 0, writers: [] },
          { name: 'last-append', status: 'ok', position: 0, recordedAt: undefined, age: undefined },
        ],
      })
      expect(Math.abs(Date.now() - answer.checkedAt.getTime())).toBeLessThan(5_000)
    }))

  it('reports the last append and its age', () =>
    withWorld(async ({ open }) => {
      const store = await open()
      const { position, recordedAt } = await store.append('a', counted(2))
      const { checks } = await health(store)
      expect(checks[2]).toMatchObject({ name: 'last-append', position, recordedAt, age: expect.any(Number) })
    }))

  it('is ok for a subscription that runs and keeps up, degraded while it is paused, and fails when no worker runs it', () =>
    withWorld(async ({ open }) => {
      const store = await open()
      await store.append('a', counted(2))
      const subscription = store.subscribe({ name: 'mailer', handle: () => {} })
      await subscription.caughtUp()
      const running = await health(store, fresh)
      expect(running.status).toBe('ok')
      expect(checkOf(running, 'mailer')).toMatchObject({
        ...{ status: 'ok', state: 'active', owners: [subscription.worker], unowned: 0, lag: 0, parked: 0 },
      })

      await store.subscriptions.pause('mailer')
      expect(checkOf(await health(store, fresh), 'mailer')).toMatchObject({
        ...{ status: 'degraded', state: 'paused', reason: 'an operator has paused it: resume it' },
      })
      await store.subscriptions.resume('mailer')

      await subscription.stop()
      const stopped = await health(store, fresh)
      expect(stopped.status).toBe('failed')
      expect(checkOf(stopped, 'mailer')).toMatchObject({
        ...{ status: 'failed', owners: [], unowned: 1, reason: 'no worker runs it: start one' },
      })
      const scheduled = { ...fresh, subscriptions: [{ name: 'mailer', scheduled: true }] }
      expect((await health(store, scheduled)).status).toBe('ok')
    }))

  it('fails for an expected subscription that never registered, and ignores subscriptions that are not expected', () =>
    withWorld(async ({ open }) => {
      const store = await open()
      await store.runOnce({ name: 'other', handle: () => {} })
      const answer = await health(store, { subscriptions: ['mailer'] })
      expect(answer.status).toBe('failed')
      expect(answer.checks.length).toBe(4)
      expect(checkOf(answer, 'mailer')).toMatchObject({ status: 'failed', state: 'unregistered' })
      expect(await health(store, { subscriptions: [] })).toMatchObject({ status: 'ok' })
    }))

  it('is degraded for a subscription that lags beyond a limit, by positions or by time', () =>
    withWorld(async ({ open }) => {
      const store = await open()
      await store.runOnce({ name: 'mailer', handle: () => {} })
      const { position } = await store.append('a', counted(3))
      await sleep(20)
      const limited = (limits: HealthOptions) =>
        health(store, { ...fresh, subscriptions: [{ name: 'mailer', scheduled: true }], ...limits })
      expect((await limited({})).status).toBe('ok')
      expect(checkOf(await limited({ maxLag: position - 1 }), 'mailer')).toMatchObject({
        ...{
          status: 'degraded',
          lag: position,
          reason: `it is ${position} positions behind, more than ${position - 1}`,
        },
      })
      const late = checkOf(await limited({ maxLagTime: 10 }), 'mailer')
      expect(late.status).toBe('degraded')
      expect(late.reason).toMatch(/^an event has waited for \d+ ms, longer than 10 ms$/)
    }))

  it('is degraded for parked events, unless a limit allows them', () =>
    withWorld(async ({ open }) => {
      const store = await open()
      await store.append('a', counted(1))
      const handle = () => {
        throw new Error('refused')
      }
      await store.runOnce({ name: 'mailer', handle, onError: { retries: 0, action: 'park' } })
      const scheduled = { name: 'mailer', scheduled: true }
      expect(checkOf(await health(store, { ...fresh, subscriptions: [scheduled] }), 'mailer')).toMatchObject({
        ...{ status: 'degraded', parked: 1, reason: '1 events are parked or blocked: retry or skip them' },
      })
      const subscriptions = [{ ...scheduled, maxParked: 1 }]
      expect((await health(store, { ...fresh, subscriptions })).status).toBe('ok')
    }))

  it('fails for a subscription whose worker in this process has failed', () =>
    withWorld(async ({ open }) => {
      const store = await open()
      await store.append('a', counted(1))
      const error = new Error('the mail server refuses')
      const subscription = store.subscribe({
        name: 'mailer',
        handle: () => Promise.reject(error),
        onError: { retries: 0 },
      })
      await subscription.done.catch(() => {})
      const check = checkOf(await health(store, fresh), 'mailer')
      expect(check).toMatchObject({ status: 'failed', unowned: 1 })
      expect(String(check.error)).toContain('the mail server refuses')
    }))

  it('looks once for calls at the same time, and for calls within maxAge', () =>
    withWorld(async ({ open }) => {
      const store = await open()
      await store.runOnce({ name: 'mailer', handle: () => {} })
      const [frontier, list] = [vi.spyOn(store, 'frontier'), vi.spyOn(store.subscriptions, 'list')]
      const answers = await Promise.all(Array.from({ length: 10 }, () => health(store, { maxAge: 0 })))
      expect(new Set(answers.map(({ checkedAt }) => checkedAt)).size).toBe(1)
      expect([frontier.mock.calls.length, list.mock.calls.length]).toEqual([1, 1])
      await health(store, { maxAge: 60_000, maxLagTime: 5 })
      expect(frontier.mock.calls.length).toBe(1)
      await health(store, { maxAge: 0 })
      expect(frontier.mock.calls.length).toBe(2)
      await health(store, { maxAge: 0, subscriptions: [] })
      expect([frontier.mock.calls.length, list.mock.calls.length]).toEqual([3, 2])
      await Promise.all([1, 2, 3].map(() => health(store, { maxAge: 0, subscriptions: ['mailer'] })))
      expect([frontier.mock.calls.length, list.mock.calls.length]).toEqual([4, 2])
    }))

  it('fails for a store that is closed', () =>
    withWorld(async ({ open }) => {
      const store = await open()
      await store.close()
      const answer = await health(store)
      expect(answer).toMatchObject({ status: 'failed', checks: [{ name: 'database', status: 'failed' }] })
      expect(answer.checks.length).toBe(1)
      expect(answer.checks[0]?.reason).toMatch(/^the store refuses all calls with the error 'store-closed'/)
    }))

  it('checks many subscriptions with few questions about the log', () =>
    withWorld(async ({ open }) => {
      const store = await open()
      await store.append('a', counted(1))
      const names = Array.from({ length: 9 }, (_, index) => `s${index}`)
      for (const name of names) await store.runOnce({ name, handle: () => {} })
      await store.append('a', counted(1))
      await store.runOnce({ name: 's8', handle: () => {} })
      const subscriptions = names.map((name) => ({ name, scheduled: true }))
      const named = await health(store, { ...fresh, subscriptions })
      const all = await health(store, fresh)
      const lagOf = ({ checks }: Health) =>
        checks.flatMap((one) => (one.name === 'subscription' ? [`${one.subscription} ${one.lag > 0}`] : []))
      expect(lagOf(named)).toEqual(names.map((name) => `${name} ${name !== 's8'}`))
      expect(lagOf(all)).toEqual(lagOf(named))
    }))
})

describe('a database that answers slowly about subscriptions', () => {
  it.each([[undefined], [['mailer']]])(
    'is degraded, and not failed, with the subscriptions %s',
    async (subscriptions) => {
      const store = memoryStore()
      await store.append('a', counted(1))
      const never = new Promise<never>(() => {})
      const neverListing = { [Symbol.asyncIterator]: () => ({ next: () => never }) }
      const slow = {
        ...store,
        subscriptions: { ...store.subscriptions, list: () => neverListing, get: () => never },
      }
      const { status, checks } = await health(slow, { timeout: 30, subscriptions })
      expect(status).toBe('degraded')
      expect(checks).toMatchObject([
        {
          ...{ name: 'database', status: 'degraded', error: undefined },
          reason: expect.stringMatching(
            /^the database answers, but did not report all subscriptions within 30 ms/,
          ),
        },
        { name: 'frontier', status: 'ok', position: 1 },
        { name: 'last-append', position: 1 },
      ])
    },
  )
})

describe('a database that never answers', () => {
  /** A store whose database accepts everything, and answers when `answer` is called. */
  function silentStore() {
    const store = memoryStore()
    const answers: (() => void)[] = []
    const frontier = () =>
      new Promise<Awaited<ReturnType<typeof store.frontier>>>((resolve) => {
        answers.push(() => void store.frontier().then(resolve))
      })
    return { store: { ...store, frontier }, answers }
  }

  it('fails within the timeout, gets at most two questions, and is ok as soon as one is answered', async () => {
    const { store, answers } = silentStore()
    for (let look = 0; look < 5; look++) {
      const start = performance.now()
      const { status, checks } = await health(store, { timeout: 30, maxAge: 0 })
      expect(performance.now() - start).toBeLessThan(1_000)
      expect(status).toBe('failed')
      expect(checks).toMatchObject([{ name: 'database', error: new Error('no answer within 30 ms') }])
      expect(checks[0]?.reason).toMatch(/^the database did not answer within 30 ms: /)
    }
    expect(answers.length).toBe(2)
    const again = health(store, { timeout: 2_000, maxAge: 0 })
    answers[0]?.()
    expect((await again).status).toBe('ok')
  })
})

describe('options', () => {
  it.each([
    ['timeout', { timeout: 0 }],
    ['maxAge', { maxAge: -1 }],
    ['maxFrontierAge', { maxFrontierAge: 0.5 }],
    ['maxLag', { maxLag: -1 }],
    ['maxLagTime', { maxLagTime: '5' }],
    ['maxParked', { maxParked: null }],
    ['subscriptions', { subscriptions: 'mailer' }],
    ['subscriptions[1]', { subscriptions: ['a', 5] }],
    ['subscriptions[0].name', { subscriptions: [{}] }],
    ['subscriptions[0].scheduled', { subscriptions: [{ name: 'a', scheduled: 1 }] }],
    ['subscriptions[0].maxLag', { subscriptions: [{ name: 'a', maxLag: '1' }] }],
  ])('refuses a wrong %s before it asks the store', async (field, options) => {
    const store = memoryStore()
    const frontier = vi.spyOn(store, 'frontier')
    const error = await health(store, options as HealthOptions).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidInputError)
    expect(error).toMatchObject({ field })
    expect(frontier).not.toHaveBeenCalled()
  })
})
