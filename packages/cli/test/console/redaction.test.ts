/** What leaves the console when the user redacts values, and when the redaction fails. */
import { decider, memoryStore, projection, type RecordedEvent } from '@eventsourced/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { console } from '../../src/console/console.ts'
import type { Redact, RedactedValue } from '../../src/console/options.ts'
import { framesOf, pathOf } from './api.ts'

const secret = 'ada@example.org'
const store = memoryStore()
const customers = projection({
  name: 'customers',
  version: 1,
  key: ({ streamId }: RecordedEvent) => streamId,
  initialState: (): unknown => null,
  evolve: (_, { data }) => data,
})
const customer = decider({
  initialState: (): unknown => ({}),
  decide: () => undefined,
  evolve: (_, { type, data }: RecordedEvent) => {
    if (type === 'Broken') throw new Error(`cannot fold ${JSON.stringify(data)}`)
    return data
  },
})

beforeAll(async () => {
  await store.createStream('customer-1', { metadata: { createdFor: secret } })
  const metadata = { userId: secret, correlationId: 'c-1' }
  await store.append('customer-1', [{ type: 'Registered', data: { mail: secret, n: 1 }, metadata }])
  await store.append('customer-1', [{ type: 'Moved', data: { mail: secret, n: 2 }, metadata }])
  await store.append('customer-2', [{ type: 'Broken', data: { mail: secret, large: 'x'.repeat(5_000) } }])
  await store.runOnce({ projection: customers })
  await store.runOnce({
    name: 'letters',
    onError: { retries: 0, action: 'park' },
    handle() {
      throw new Error(`cannot write to ${secret}`)
    },
  })
})
afterAll(() => store.close())

/** Every answer of the API that has values of users. */
async function answersWith(redact: Redact): Promise<ReadonlyMap<string, string>> {
  const app = console({ store, deciders: { customer }, projections: [customers], redact })
  const paths = [
    pathOf('/streams'),
    pathOf('/streams', { order: 'newest' }),
    pathOf('/stream', { id: 'customer-1' }),
    pathOf('/stream', { id: 'customer-2' }),
    pathOf('/state', { id: 'customer-1', decider: 'customer' }),
    pathOf('/state', { id: 'customer-2', decider: 'customer' }),
    pathOf('/event', { position: 1 }),
    pathOf('/log'),
    pathOf('/trace', { correlation: 'c-1' }),
    pathOf('/documents', { projection: 'customers' }),
    pathOf('/document', { projection: 'customers', key: 'customer-1' }),
    pathOf('/parked', { subscription: 'letters' }),
    pathOf('/parked-event', { subscription: 'letters', position: 1 }),
  ]
  const answers = new Map<string, string>()
  for (const path of paths) answers.set(path, await (await app.request(path)).text())
  const live = await app.request(pathOf('/log/live', { after: 0 }))
  const isEnough = (frames: readonly { event?: string }[]) =>
    frames.filter(({ event }) => event === 'event').length === 3
  answers.set('live', JSON.stringify(await framesOf(live, isEnough)))
  await app.close()
  return answers
}

it('redacts every value that leaves, and says which value it is', async () => {
  const seen: RedactedValue[] = []
  const answers = await answersWith((value, of) => {
    seen.push(of)
    return JSON.parse(JSON.stringify(value).replaceAll(secret, '***'))
  })
  for (const [path, text] of answers) {
    expect([path, text.includes(secret), text.includes('***')]).toEqual([path, false, true])
  }
  for (const of of [
    { kind: 'event', source: 'customer-1', name: 'Registered' },
    { kind: 'metadata', source: 'customer-1', name: 'Registered' },
    { kind: 'metadata', source: 'customer-1', name: '' },
    { kind: 'state', source: 'customer-1', name: 'customer' },
    { kind: 'document', source: 'customers', name: 'customer-2' },
    { kind: 'error', source: 'letters', name: 'Registered' },
    { kind: 'error', source: 'customer-2', name: 'customer' },
  ]) {
    expect(seen).toContainEqual(of)
  }
})

it.each<[string, Redact]>([
  [
    'throws',
    () => {
      throw new Error(secret)
    },
  ],
  ['rejects', () => Promise.reject(new Error(secret))],
  ['is asynchronous', async (value) => value],
])('sends no value if the redaction %s', async (_, redact) => {
  for (const [path, text] of await answersWith(redact)) {
    expect([path, text.includes(secret), text.includes('$redaction')]).toEqual([path, false, true])
  }
})

it('computes the changes from the redacted states', async () => {
  const app = console({
    store,
    deciders: { customer },
    redact: (value) => ({ mail: (value as { mail: string }).mail }),
  })
  const path = pathOf('/state', { id: 'customer-1', decider: 'customer' })
  // Only the number differs between the two, and the redaction has left it out.
  expect(await (await app.request(path)).json()).toMatchObject({ changes: [], state: { mail: secret } })
  await app.close()
})

it('gives the redaction a copy', async () => {
  const app = console({
    store,
    deciders: { customer },
    redact(value) {
      if (typeof value === 'object' && value !== null) Object.assign(value, { mail: '***' })
      return value
    },
  })
  await app.request(pathOf('/log'))
  expect((await store.readStream('customer-1')).events[0]?.data).toMatchObject({ mail: secret })
  await app.close()
})
