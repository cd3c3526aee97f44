/** Reads the past: by version, by time, backwards, and with a question that is newer than the events. */
import { commandHandler, decider, type Evolution, foldStream, memoryStore } from '@eventsourced/core'

type PriceEvent =
  | { type: 'ProductListed'; data: { price: number } }
  | { type: 'PriceChanged'; data: { price: number; reason: string } }

const product = decider({
  initialState: () => ({ price: 0 }),
  decide({ price, reason }: { price: number; reason: string }, current): PriceEvent | undefined {
    if (price === current.price) return undefined
    if (current.price === 0) return { type: 'ProductListed', data: { price } }
    return { type: 'PriceChanged', data: { price, reason } }
  },
  evolve: (_state, { data }) => ({ price: data.price }),
})

// `import` keeps the times of events from another system; `append` records events at the present time.
const store = memoryStore()
const listed = { type: 'ProductListed', data: { price: 40 } }
const sale = { type: 'PriceChanged', data: { price: 35, reason: 'spring sale' } }
const harvest = { type: 'PriceChanged', data: { price: 42, reason: 'harvest' } }
await store.import(
  [
    { ...listed, streamId: 'tea', recordedAt: new Date('2024-03-01T09:00Z') },
    { ...sale, streamId: 'tea', recordedAt: new Date('2024-04-01T00:00Z') },
    { ...harvest, streamId: 'tea', recordedAt: new Date('2024-05-01T00:00Z') },
  ],
  { name: 'price list of 2024' },
)
const handle = commandHandler({ store, decider: product })
await handle('tea', { price: 44, reason: 'freight' })

// The price when the customer ordered:
const ordered = await foldStream(store, 'tea', product, { asOf: new Date('2024-04-17T12:30Z') })
console.log('on 17 April:', ordered.state.price, `(version ${ordered.version})`)

// The first price, and the present one:
const first = await foldStream(store, 'tea', product, { toVersion: 1 })
const now = await foldStream(store, 'tea', product)
console.log('at first:', first.state.price, '  now:', now.state.price)

// The last two changes, the latest first.
const { events } = await store.readStream<PriceEvent>('tea', { direction: 'backward', limit: 2 })
for (const { recordedAt, data } of events) console.log(recordedAt.toISOString(), data)

// Another fold of the same events answers a new question: the lowest price ever.
const lowest: Evolution<number, PriceEvent> = {
  initialState: () => Number.POSITIVE_INFINITY,
  evolve: (price, { data }) => Math.min(price, data.price),
}
console.log('lowest ever:', (await foldStream(store, 'tea', lowest)).state)
await store.close()
