/** The descriptions of a catalogue, read by the parsers of their own standards. */

import asyncApiSchemas from '@asyncapi/specs'
import {
  causedBy,
  cloudEvent,
  defineEvents,
  memoryStore,
  mergeEvents,
  payload,
  type RecordedEvent,
} from '@eventsourced/core'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { Ajv, type AnySchema } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { type } from 'arktype'
import { CloudEvent, HTTP } from 'cloudevents'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'

const Folder = z.object({
  name: z.string().default('$ref'),
  get folders() {
    return z.array(Folder)
  },
})
const Line = z.object({ sku: z.string(), count: z.int().positive() }).meta({ id: 'Line' })

const orders = defineEvents(
  {
    'Order/Placed': z.object({ lines: z.array(Line), gift: Line.optional() }),
    'Order Placed': type({ item: 'string', 'amount?': 'number > 0' }),
    FolderMade: Folder,
    Paid: payload<{ amount: number }>(),
    Packed: v.object({ boxes: v.number() }),
    Sent: toStandardJsonSchema(v.object({ by: v.string() })),
    Weighed: z.object({ weight: z.string().transform((text) => text.trim()) }),
  },
  { upcasts: { FolderMade: { 1: (old: { name: string }) => ({ ...old, folders: [] }) } } },
)
const base = 'https://example.org/events'

/** Data of each described event: valid, and not valid. */
const samples = {
  'Order/Placed': [{ lines: [{ sku: 'a', count: 1 }] }, { lines: [{ sku: 'a', count: 0 }] }],
  'Order Placed': [{ item: 'a' }, { item: 'a', amount: 0 }],
  Sent: [{ by: 'post' }, { by: 1 }],
  FolderMade: [
    { name: 'a', folders: [{ name: 'b', folders: [] }] },
    { name: 'a', folders: [{ name: 'b' }] },
  ],
} as const

describe('jsonSchema', () => {
  it.each(['draft-2020-12', 'draft-07'] as const)(
    'gives a schema of %s for each event, which says what is valid',
    (target) => {
      for (const options of [{ target }, { target, base }]) {
        const schemas: Readonly<Record<string, object>> = orders.jsonSchema(options)
        expect(Object.keys(schemas)).toEqual([...orders.types])
        const ajv = target === 'draft-07' ? new Ajv({ strict: true }) : new Ajv2020({ strict: true })
        formats.default(ajv)
        for (const [name, [good, bad]] of Object.entries(samples)) {
          const validate = ajv.compile(schemas[name] as object)
          expect([name, validate(good), validate(bad)]).toEqual([name, true, false])
        }
        for (const name of ['Paid', 'Packed', 'Weighed'])
          expect(ajv.compile(schemas[name] as object)({ any: 1 })).toBe(true)
      }
    },
  )

  it('says why an event is not described', () => {
    const notes = Object.values(orders.jsonSchema()).map(({ $comment }) => $comment)
    expect(notes).toEqual([
      undefined,
      undefined,
      undefined,
      "The data of 'Paid' is not described: only the compiler knows its type",
      "The data of 'Packed' is not described: the schema (of valibot) has no '~standard'.jsonSchema",
      undefined,
      "The data of 'Weighed' is not described: the schema (of zod) cannot be written as JSON Schema: Transforms cannot be represented in JSON Schema",
    ])
    const odd = {
      '~standard': { version: 1, vendor: 'odd', validate: (value: unknown) => ({ value }) },
    } as const
    const silent = { '~standard': { ...odd['~standard'], jsonSchema: { output: () => undefined as never } } }
    expect(defineEvents({ Silent: silent }).jsonSchema().Silent.$comment).toContain('returned no JSON Schema')
  })

  it('names each schema by its event and version below the base', () => {
    const ids = Object.values(orders.jsonSchema({ base })).map(({ $id }) => $id)
    expect(ids.slice(0, 3)).toEqual([
      `${base}/Order%2FPlaced/1`,
      `${base}/Order%20Placed/1`,
      `${base}/FolderMade/2`,
    ])
    expect(orders.jsonSchema({ base: `${base}/` }).Paid.$id).toBe(`${base}/Paid/1`)
    expect(orders.jsonSchema().Paid.$id).toBeUndefined()
  })

  it('describes the events of a picked or a merged catalogue, and refuses one that only the compiler knows', () => {
    expect(Object.keys(orders.pick('Paid').jsonSchema())).toEqual(['Paid'])
    const merged = mergeEvents(orders.pick('Paid'), defineEvents({ Left: z.object({}) }))
    expect(Object.keys(merged.jsonSchema())).toContain('Left')
    const open = defineEvents<{ type: 'A'; data: object }>()
    for (const describeAll of [() => open.jsonSchema(), () => open.asyncApi({ title: 'a', version: '1' })])
      expect(describeAll).toThrow('catalogue must have schemas: only the compiler knows its events')
  })
})

describe('asyncApi', () => {
  const options = { title: 'Orders', version: '1.2.3', description: 'All *orders*', address: 'orders.events' }

  it('is a valid AsyncAPI 3.0 document', () => {
    const ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true })
    formats.default(ajv)
    const validate = ajv.compile(asyncApiSchemas.schemasWithoutId['3.0.0'] as AnySchema)
    for (const given of [options, { title: 'Orders', version: '1' }]) {
      const document = JSON.parse(JSON.stringify(orders.asyncApi(given)))
      validate(document)
      expect(validate.errors).toBe(null)
    }
    expect(validate({ ...orders.asyncApi(options), info: {} })).toBe(false)
  })

  it('has a message for each event, whose payload resolves within the document', () => {
    const document = orders.asyncApi(options)
    const messages = document.channels.events.messages as Record<string, { $ref: string }>
    expect(Object.keys(messages)).toEqual([
      ...['Order_Placed', 'Order_Placed_2', 'FolderMade', 'Paid', 'Packed', 'Sent', 'Weighed'],
    ])
    const ajv = new Ajv({ strict: false })
    formats.default(ajv)
    ajv.addSchema(document, 'document')
    for (const [index, name] of orders.types.entries()) {
      const key = Object.keys(messages)[index] as string
      const message = resolve(document, messages[key]?.$ref ?? '') as Record<string, unknown>
      expect(message).toMatchObject({ name, 'x-schema-version': name === 'FolderMade' ? 2 : 1 })
      const { $ref } = message.payload as { $ref: string }
      const [good, bad] = samples[name as keyof typeof samples] ?? [{ any: 1 }]
      const validate = ajv.compile({ $ref: `document${$ref}` })
      expect([name, validate(good), bad === undefined || !validate(bad)]).toEqual([name, true, true])
    }
    expect(JSON.stringify(document.components.schemas.FolderMade)).toContain('"default":"$ref"')
  })

  it('refuses wrong options', () => {
    expect(() => orders.asyncApi(undefined as never)).toThrow('options must have title and version')
    expect(() => orders.asyncApi({ title: '', version: '1' })).toThrow('title must not be empty')
    expect(() => orders.asyncApi({ title: 'a' } as never)).toThrow('version must be a string')
    expect(() => orders.jsonSchema({ target: 'draft-04' as never })).toThrow('target must be')
    expect(() => orders.jsonSchema({ base: 'events' })).toThrow('base must be an absolute URI')
  })
})

function resolve(document: unknown, reference: string): unknown {
  return reference
    .slice(2)
    .split('/')
    .reduce((at, key) => (at as Record<string, unknown>)[key], document)
}

describe('cloudEvent', () => {
  async function recorded(): Promise<RecordedEvent[]> {
    const store = memoryStore({ events: orders })
    const first = { type: 'FolderMade' as const, data: { name: 'ä', folders: [] } }
    await store.append('order 1', [
      { ...first, metadata: { correlationId: 'request-7', traceparent: '00-a-b-01' } },
    ])
    const [cause] = (await store.readStream('order 1')).events
    await store.append('order 1', [{ ...first, metadata: causedBy(cause as RecordedEvent) }])
    await store.append('order 1', [{ type: 'Paid', data: { amount: 1 }, metadata: { correlationId: '' } }])
    const { events } = await store.readStream('order 1')
    await store.close()
    return [...events]
  }

  it('is a valid CloudEvents 1.0 envelope, which a receiver reads back', async () => {
    const options = { source: '/orders', typePrefix: 'org.example.', events: orders, schemaBase: base }
    for (const event of await recorded()) {
      const envelope = cloudEvent(event, options)
      expect(new CloudEvent(envelope).validate()).toBe(true)
      const received = HTTP.toEvent({
        headers: { 'content-type': 'application/cloudevents+json' },
        body: JSON.stringify(envelope),
      }) as CloudEvent<unknown>
      expect(received.validate()).toBe(true)
      expect(received.toJSON()).toEqual(envelope)
      expect(received.data).toEqual(event.data)
    }
  })

  it('has what the event says of itself and of its cause', async () => {
    const [first, second, third] = (await recorded()) as [RecordedEvent, RecordedEvent, RecordedEvent]
    expect(
      cloudEvent(first, { source: 'https://example.org/orders', events: orders, schemaBase: base }),
    ).toEqual({
      specversion: '1.0',
      id: first.id,
      source: 'https://example.org/orders',
      type: 'FolderMade',
      subject: 'order 1',
      time: first.recordedAt.toISOString(),
      datacontenttype: 'application/json',
      dataschema: `${base}/FolderMade/2`,
      data: { name: 'ä', folders: [] },
      sequence: String(first.position).padStart(16, '0'),
      partitionkey: 'order 1',
      correlationid: 'request-7',
      traceparent: '00-a-b-01',
    })
    const { $id } = orders.jsonSchema({ base }).FolderMade
    expect($id).toBe(`${base}/FolderMade/2`)
    const after = cloudEvent(second, { source: '/orders' })
    expect(after).toMatchObject({ correlationid: 'request-7', causationid: first.id })
    expect(after.sequence > cloudEvent(first, { source: '/orders' }).sequence).toBe(true)
    expect(cloudEvent(third, { source: '/orders' })).not.toHaveProperty('correlationid')
    expect(cloudEvent(third, { source: '/orders' })).not.toHaveProperty('dataschema')
  })

  it('refuses wrong options', async () => {
    const [event] = (await recorded()) as [RecordedEvent]
    const refused = (options: object, message: string) =>
      expect(() => cloudEvent(event, options as never)).toThrow(message)
    refused({}, 'source must be a string')
    refused({ source: '' }, 'source must be a URI')
    refused({ source: 'a b' }, 'source must be a URI')
    refused({ source: '/a', schemaBase: base }, 'events must be given with schemaBase')
    refused({ source: '/a', events: orders }, 'schemaBase must be given with events')
    refused({ source: '/a', events: defineEvents(), schemaBase: base }, 'events must have schemas')
    refused(
      { source: '/a', events: defineEvents({ A: z.object({}) }), schemaBase: base },
      'event.type must be',
    )
    expect(() => cloudEvent({} as never, { source: '/a' })).toThrow('event could not be read')
  })
})
