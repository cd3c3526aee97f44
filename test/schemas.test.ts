/** A catalogue takes schemas of zod, Valibot and ArkType. */
import { commandHandler, defineEvents, hasCode, memoryStore, type StandardSchema } from '@eventsourced/core'
import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'

type Placed = { customer: string; items: { sku: string; count: number }[]; note?: string | undefined }

const schemas: Readonly<Record<string, StandardSchema<Placed>>> = {
  zod: z.object({
    customer: z.string().min(1),
    items: z.array(z.object({ sku: z.string(), count: z.number().int() })).min(1),
    note: z.string().optional(),
  }),
  valibot: v.object({
    customer: v.pipe(v.string(), v.minLength(1)),
    items: v.pipe(
      v.array(v.object({ sku: v.string(), count: v.pipe(v.number(), v.integer()) })),
      v.minLength(1),
    ),
    note: v.optional(v.string()),
  }),
  arktype: type({
    customer: 'string > 0',
    items: type({ sku: 'string', count: 'number.integer' }).array().atLeastLength(1),
    'note?': 'string',
  }),
}

describe.each(Object.entries(schemas))('schemas of %s', (_library, schema) => {
  const events = defineEvents({ OrderPlaced: schema })
  const items = [{ sku: 'a', count: 1 }]

  it('validate what is appended and what a command decides', async () => {
    await using store = memoryStore({ events })
    await store.append('a', [{ type: 'OrderPlaced', data: { customer: 'c', items, note: 'quick' } }])
    const decider = events.decider({
      initialState: () => 0,
      decide: (customer: string) => ({ type: 'OrderPlaced', data: { customer, items } }),
      evolve: { OrderPlaced: (count, { items }) => count + items.length },
    })
    const handle = commandHandler({ store, decider })
    expect((await handle('a', 'd')).state).toBe(2)
    const { events: stored } = await store.readStream('a')
    expect(stored.map(({ data }) => data)).toEqual([
      { customer: 'c', items, note: 'quick' },
      { customer: 'd', items },
    ])
    await expect(handle('a', '')).rejects.toMatchObject({ code: 'invalid-event' })
    expect((await store.readStream('a')).version).toBe(2)
  })

  it('report all issues of all events, with their paths', async () => {
    await using store = memoryStore({ events })
    const wrong = [
      { type: 'OrderPlaced' as const, data: { customer: '', items: [{ sku: 'a', count: 1.5 }] } },
      { type: 'OrderPlaced' as const, data: { customer: 'c', items: [] } },
    ]
    const error = await store.append('a', wrong).catch((error: unknown) => error)
    if (!hasCode(error, 'invalid-event')) throw error
    expect(error.issues.map(({ path }) => path)).toEqual([
      ['events', 0, 'data', 'customer'],
      ['events', 0, 'data', 'items', 0, 'count'],
      ['events', 1, 'data', 'items'],
    ])
    for (const { message } of error.issues) expect(error.message).toContain(message)
    expect(error.message).toContain('events[0].data.items[0].count: ')
    expect((await store.readStream('a')).exists).toBe(false)
  })
})

it('stores the data that a schema returns, with its defaults', async () => {
  const catalogues = [
    defineEvents({ Paid: z.object({ amount: z.number(), currency: z.string().default('EUR') }) }),
    defineEvents({ Paid: v.object({ amount: v.number(), currency: v.optional(v.string(), 'EUR') }) }),
    defineEvents({ Paid: type({ amount: 'number', currency: "string = 'EUR'" }) }),
  ]
  for (const events of catalogues) {
    await using store = memoryStore({ events })
    // The event has the type of the data that is read. Its default is for data of unknown origin.
    await store.append('a', [{ type: 'Paid', data: JSON.parse('{"amount":1}') }])
    expect((await store.readStream('a')).events[0]?.data).toEqual({ amount: 1, currency: 'EUR' })
  }
})
