/** The example of AWS Lambda on DynamoDB runs as it is. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { contextWith, newSlot } from './lambda-events.ts'

describe.each(oneEmulator)('the example lambda-dynamodb.ts on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await ground?.end()
  })

  it('places an order once, and handles it once', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    await store.schema.create()
    vi.stubEnv('TABLE', table)
    // The names of the variables that the SDK reads.
    vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', ground.endpoint)
    vi.stubEnv('AWS_REGION', 'eu-west-1')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test')
    const { place, mails } = await import('../../examples/serverless/lambda-dynamodb.ts')
    const request = { orderId: 'order-1', item: 'tea', requestId: 'request-1' }
    expect(await place(request)).toEqual({ orderId: 'order-1', version: 1 })
    expect(await place(request)).toEqual({ orderId: 'order-1', version: 1 })
    expect(await mails(newSlot, contextWith(20_000))).toMatchObject({ subscriptions: [{ handled: 1 }] })
    expect(await mails(newSlot, contextWith(20_000))).toMatchObject({ subscriptions: [{ handled: 0 }] })
    expect((await store.view('mails').get('order-1'))?.state).toEqual({ item: 'tea' })
  })
})
