/** Tests connections that go silent: every call of the store ends, with the store's own client and with any other. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { IncidentMetric, RecordedEvent } from '@eventsourced/core'
import { type DynamodbStoreOptions, dynamodbStore } from '@eventsourced/core/dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emulatorClient } from '../worlds/dynamodb.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { incidentsInto } from './incident.ts'
import { type DynamodbProxy, type ProxiedRequest, startProxy, type Treatment } from './proxy.ts'

const counted = (number: number) => [{ type: 'Counted', data: { number } }]
const requestTimeout = 300
const address = { region: 'eu-west-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }

describe.each(oneEmulator)('a silent connection to %s', (name) => {
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

  async function opened(options: DynamodbStoreOptions = {}) {
    proxy.treat(() => 'pass')
    const metrics: IncidentMetric[] = []
    const store = dynamodbStore({
      table: ground.table(),
      requestTimeout,
      onMetric: incidentsInto(metrics),
      ...options,
    })
    ends.push(() => store.close())
    await store.append('before', counted(0))
    return { store, metrics }
  }

  /** Treats the first `times` requests of the kind like this, and passes all others. */
  function treatFirst(times: number, treatment: Treatment, isMeant: (request: ProxiedRequest) => boolean) {
    let left = times
    proxy.treat((request) => (isMeant(request) && left-- > 0 ? treatment : 'pass'))
  }

  const clients: Record<string, () => DynamodbStoreOptions> = {
    'the store’s own client': () => ({ endpoint: proxy.endpoint, ...address }),
    'a client of the user with its default settings': () => {
      const client = new DynamoDBClient({ endpoint: proxy.endpoint, ...address })
      ends.push(() => client.destroy())
      return { client }
    },
  }

  describe.each(Object.keys(clients))('with %s', (which) => {
    const open = () => opened(clients[which]?.())

    it('an append repeats a request that gets no answer, and other appends behind it succeed', async () => {
      const { store, metrics } = await open()
      treatFirst(2, 'silent', () => true)
      const results = await Promise.all([1, 2, 3].map((number) => store.append('a', counted(number))))
      expect(results.map(({ version }) => version)).toEqual([1, 2, 3])
      const reason = expect.stringContaining(`no answer within ${requestTimeout} ms`)
      expect(metrics[0]).toMatchObject({ kind: 'retry', attempt: 1, reason })
    })

    it.each(['unanswered', 'half'] as const)(
      'an append whose transaction is written is recorded once (%s)',
      async (treatment) => {
        const { store } = await open()
        treatFirst(1, treatment, ({ command }) => command === 'TransactWriteItems')
        expect(await store.append('a', counted(1))).toMatchObject({ version: 1 })
        expect((await store.readStream('a')).events.length).toBe(1)
      },
    )

    it.each(['silent', 'half'] as const)('a read is repeated (%s)', async (treatment) => {
      const { store } = await open()
      treatFirst(1, treatment, ({ command }) => command === 'Query' || command === 'GetItem')
      expect((await store.readStream('before')).version).toBe(1)
    })

    it('a request on connections that the server does not read is repeated', async () => {
      const { store } = await open()
      proxy.ignoreConnections(true)
      const reading = store.readStream('before')
      setTimeout(() => proxy.ignoreConnections(false), 1.5 * requestTimeout)
      expect((await reading).version).toBe(1)
    })

    it('a subscription continues after a silence that is longer than its lease', async () => {
      const { store } = await open()
      const seen: unknown[] = []
      const subscription = store.subscribe({
        name: `sub-${which}`,
        leaseTime: 1_000,
        handle: ({ data }: RecordedEvent) => {
          seen.push((data as { number: number }).number)
        },
      })
      await subscription.caughtUp()
      proxy.treat(() => 'silent')
      setTimeout(() => proxy.treat(() => 'pass'), 2_000)
      await store.append('a', counted(1))
      await subscription.caughtUp()
      expect(seen).toEqual([0, 1])
      await subscription.stop()
    })
  })

  it('each call fails when the silence lasts, and the store closes', async () => {
    const { store } = await opened({ ...clients['the store’s own client']?.(), retries: 1 })
    proxy.treat(() => 'silent')
    const calls = [store.append('a', counted(1)), store.append('a', counted(2)), store.readStream('before')]
    const closed = store.close()
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({
        status: 'rejected',
        reason: { code: 'store-unavailable', cause: { reason: expect.stringContaining('no answer') } },
      })
    }
    await closed
  })

  it('the first call fails when the service stays silent from the beginning', async () => {
    proxy.treat(() => 'silent')
    const { endpoint } = proxy
    const store = dynamodbStore({ endpoint, ...address, table: ground.table(), retries: 1, requestTimeout })
    await expect(store.append('a', counted(1))).rejects.toMatchObject({ code: 'store-unavailable' })
    await store.close()
  })

  it('the first call fails when the credentials never arrive', async () => {
    const client = new DynamoDBClient({
      endpoint: proxy.endpoint,
      region: 'eu-west-1',
      credentials: () => new Promise(() => {}),
    })
    ends.push(() => client.destroy())
    const store = dynamodbStore({ client, table: ground.table(), retries: 1, requestTimeout })
    await expect(store.append('a', counted(1))).rejects.toMatchObject({ code: 'store-unavailable' })
    await store.close()
  })

  it('an aborted read ends at once, and so close() does', async () => {
    const { store, metrics } = await opened({
      ...clients['the store’s own client']?.(),
      requestTimeout: 60_000,
    })
    proxy.treat(() => 'silent')
    const controller = new AbortController()
    const reading = store.readStream('before', { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 50)
    await expect(reading).rejects.toThrow('enough')
    await store.close()
    expect(metrics).toEqual([])
  })

  it('a client that ignores the deadline holds no call', async () => {
    const client = emulatorClient(ground.endpoint)
    ends.push(() => client.destroy())
    let isSilent = false
    const deaf = {
      send: (command: never) => (isSilent ? new Promise(() => {}) : client.send(command)),
      destroy() {},
    }
    const { store } = await opened({ client: deaf, retries: 1 })
    isSilent = true
    await expect(store.readStream('before')).rejects.toMatchObject({ code: 'store-unavailable' })
    await store.close()
  })

  it('an answer that takes longer than requestTimeout arrives, because reads of pages wait longer each time', async () => {
    const client = emulatorClient(ground.endpoint)
    ends.push(() => client.destroy())
    let isSlow = false
    const slow = {
      async send(command: never, { abortSignal }: { abortSignal?: AbortSignal } = {}) {
        const { name } = (command as object).constructor
        if (isSlow && name === 'QueryCommand') {
          await new Promise((resolve) => setTimeout(resolve, 2.5 * requestTimeout))
          abortSignal?.throwIfAborted()
        }
        return client.send(command)
      },
      destroy() {},
    }
    const { store, metrics } = await opened({ client: slow, retries: 2 })
    isSlow = true
    expect((await store.readStream('before')).version).toBe(1)
    expect(metrics).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
  })
})
