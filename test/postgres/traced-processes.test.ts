/** A trace goes through two processes, which share only the database. */
import { otel } from '@eventsourced/core/otel'
import { postgresStore } from '@eventsourced/core/postgres'
import * as api from '@opentelemetry/api'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startProgram } from '../child-program.ts'
import { startCollecting } from '../otel/collected.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'
import type { SentSpan } from './programs/traced-shipper.ts'

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

it('the handler of another process is linked to the append, and its own append continues its trace', async () => {
  const collected = startCollecting()
  const store = postgresStore(database.url, { observe: otel(api) })
  try {
    await store.append('order', [{ type: 'Placed', data: {} }])
    const [append] = collected.spans()
    const shipper = startProgram(new URL('./programs/traced-shipper.ts', import.meta.url), database.url)
    const spans = await shipper.said<SentSpan[]>()
    expect((await shipper.ended).exitCode).toBe(0)
    expect(spans.map(({ name }) => name)).toEqual(['append', 'process shipping'])
    const [packed, process] = spans
    expect(process?.parentId).toBeUndefined()
    expect(process?.links).toEqual([append?.spanContext().spanId])
    expect(packed).toMatchObject({ parentId: process?.spanId, traceId: process?.traceId })
    const [parcel] = (await store.readStream('parcel')).events
    expect(parcel?.metadata.traceparent).toBe(`00-${packed?.traceId}-${packed?.spanId}-01`)
  } finally {
    await store.close()
    await collected.end()
  }
})
