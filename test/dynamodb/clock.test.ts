/**
 * Tests requests whose signature DynamoDB refuses because of the clock of this machine, as after a pause of the machine,
 * or because a token has expired.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { IncidentMetric, RecordedEvent } from '@eventsourced/core'
import { type DynamodbStoreOptions, dynamodbStore } from '@eventsourced/core/dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { incidentsInto } from './incident.ts'
import { type DynamodbProxy, type ProxiedRequest, type ServiceRefusal, startProxy } from './proxy.ts'

const counted = (number: number) => [{ type: 'Counted', data: { number } }]
const address = { region: 'eu-west-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
const hour = 3_600_000
// AWS accepts signatures of 15 minutes around its own time.
const tolerance = 15 * 60_000

describe.each(oneEmulator)('a clock that is wrong, before %s', (name) => {
  let ground: Ground
  let proxy: DynamodbProxy
  const ends: (() => Promise<void> | void)[] = []
  beforeAll(async () => {
    ground = await startGround(name)
    proxy = await startProxy(ground.endpoint)
  })
  afterAll(async () => {
    for (const end of ends) await end()
    await proxy?.stop()
    await ground?.end()
  })

  /** The treatments of the requests so far: true for a request that the service accepted. */
  let accepted: boolean[] = []

  /** The service from now on: its clock is ahead of this process, and it refuses signatures by that clock. */
  function setClock(ahead: number, refusalOf = refusalBySkew): void {
    accepted = []
    proxy.setClock(ahead)
    proxy.treat((request) => {
      const refused = refusalOf(request, Date.now() + ahead)
      accepted.push(refused === undefined)
      return refused ?? 'pass'
    })
  }

  function refusalBySkew({ signedAt }: ProxiedRequest, now: number): ServiceRefusal | undefined {
    if (Math.abs(signedAt - now) <= tolerance) return undefined
    const message =
      signedAt < now
        ? `Signature expired: ${signedAt} is now earlier than ${now}`
        : `Signature not yet current: ${signedAt} is still later than ${now}`
    return { name: 'InvalidSignatureException', message }
  }

  const clients: Record<string, () => DynamodbStoreOptions> = {
    'the store’s own client': () => ({ endpoint: proxy.endpoint, ...address }),
    'a client of the user without retries of its own': () => {
      const client = new DynamoDBClient({ endpoint: proxy.endpoint, ...address, maxAttempts: 1 })
      ends.push(() => client.destroy())
      return { client }
    },
  }

  async function opened(options: DynamodbStoreOptions) {
    setClock(0)
    const metrics: IncidentMetric[] = []
    const store = dynamodbStore({
      table: ground.table(),
      onMetric: incidentsInto(metrics),
      ...options,
    })
    ends.push(() => store.close())
    await store.append('before', counted(0))
    return { store, metrics }
  }

  describe.each(Object.keys(clients))('with %s', (which) => {
    it.each([hour, -hour])(
      'a request is signed again with the time of the service (%i ms)',
      async (ahead) => {
        const { store, metrics } = await opened(clients[which]?.() ?? {})
        setClock(ahead)
        expect(await store.append('a', counted(1))).toMatchObject({ version: 1 })
        expect(accepted.slice(0, 2)).toEqual([false, true])
        expect(accepted.slice(2)).not.toContain(false)
        expect(metrics).toMatchObject([{ kind: 'credentials', attempt: 1 }])
      },
    )

    it('many requests at once are signed again', async () => {
      const { store } = await opened(clients[which]?.() ?? {})
      setClock(hour)
      await Promise.all(Array.from({ length: 20 }, (_, number) => store.readStream(`s-${number}`)))
    })

    it('a subscription continues', async () => {
      const { store } = await opened(clients[which]?.() ?? {})
      const seen: unknown[] = []
      const subscription = store.subscribe({
        name: 'seen',
        handle: ({ data }: RecordedEvent) => {
          seen.push((data as { number: number }).number)
        },
      })
      await subscription.caughtUp()
      setClock(hour)
      await store.append('a', counted(1))
      await subscription.caughtUp()
      expect(seen).toEqual([0, 1])
      await subscription.stop()
    })
  })

  it.each(['RequestExpired', 'RequestTimeTooSkewed', 'RequestInTheFuture'])(
    'a request refused with %s is repeated',
    async (name) => {
      const { store } = await opened({ endpoint: proxy.endpoint, ...address })
      setClock(hour, (request, now) => refusalBySkew(request, now) && { name, message: 'on purpose' })
      expect(await store.append('a', counted(1))).toMatchObject({ version: 1 })
    },
  )

  it('a wrong secret fails after few requests, with the reason in the words of AWS', async () => {
    const { store } = await opened({ endpoint: proxy.endpoint, ...address })
    setClock(0, () => ({
      name: 'InvalidSignatureException',
      message: 'The request signature we calculated does not match the signature you provided.',
    }))
    const began = performance.now()
    await expect(store.append('a', counted(1))).rejects.toMatchObject({
      code: 'storage-failed',
      cause: { reason: expect.stringContaining('does not match') },
    })
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(accepted.length).toBeLessThanOrEqual(4)
  })

  it('a wrong secret fails at once if there are no retries', async () => {
    const { store } = await opened({ endpoint: proxy.endpoint, ...address, retries: 0 })
    setClock(0, () => ({ name: 'InvalidSignatureException', message: 'does not match' }))
    await expect(store.append('a', counted(1))).rejects.toMatchObject({ code: 'storage-failed' })
    expect(accepted).toEqual([false])
  })

  it('a token that has expired is repeated with the credentials that the provider has then', async () => {
    let provided = 0
    const client = new DynamoDBClient({
      endpoint: proxy.endpoint,
      region: 'eu-west-1',
      maxAttempts: 1,
      credentials: async () => {
        provided++
        // The SDK asks the provider again for credentials that expire soon.
        return {
          ...address.credentials,
          sessionToken: `t${provided}`,
          expiration: new Date(Date.now() + 1_000),
        }
      },
    })
    ends.push(() => client.destroy())
    const { store } = await opened({ client })
    let refused = 0
    setClock(0, () =>
      refused++ < 1 ? { name: 'ExpiredTokenException', message: 'The security token is expired' } : undefined,
    )
    const before = provided
    expect(await store.append('a', counted(1))).toMatchObject({ version: 1 })
    expect(provided).toBeGreaterThan(before)
  })

  it('a token that stays expired is an error for which a subscription waits', async () => {
    const { store } = await opened({ endpoint: proxy.endpoint, ...address })
    setClock(0, () => ({ name: 'ExpiredTokenException', message: 'The security token is expired' }))
    await expect(store.append('a', counted(1))).rejects.toMatchObject({
      code: 'store-unavailable',
      cause: { reason: expect.stringContaining('ExpiredTokenException') },
    })
    expect(accepted.length).toBeLessThanOrEqual(4)
  })
})
