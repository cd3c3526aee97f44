import { memoryStore, projection, type RecordedEvent } from '@eventsourced/core'
import { sse } from '@eventsourced/core/http'

type StockEvent = { type: 'Received' | 'Sold'; data: { item: string; quantity: number } }
const stock = projection({
  name: 'stock',
  events: ['Received', 'Sold'],
  key: ({ data }: RecordedEvent<StockEvent>) => data.item,
  initialState: () => ({ available: 0 }),
  evolve: ({ available }, { type, data }) => ({
    available: available + (type === 'Received' ? data.quantity : -data.quantity),
  }),
})
const store = memoryStore({ inline: [stock] })
const change = (type: StockEvent['type'], quantity: number) =>
  store.append('warehouse', [{ type, data: { item: 'blanket', quantity } }])

await change('Received', 10)
let last = { position: 0, generation: 0 }
for await (const { state, position, generation, reset } of store.view(stock).watch('blanket')) {
  console.log(state, position, reset ? 'the present state' : 'a change')
  last = { position, generation }
  if (position === 3) break
  await change('Sold', position)
}

// Another watch resumes there, perhaps in another process: all documents that have changed since.
await change('Received', 5)
const resume = { after: last.position, generation: last.generation }
for await (const one of store.view(stock).watch({ prefix: '' }, resume)) {
  if (one.reset) console.log('everything:', one.documents)
  else console.log(one.key, one.state)
  if (one.position > last.position) break
}

// A route of your server: it takes a Request, and returns a Response that goes on.
const route = (request: Request): Response => sse(store.view(stock), request, { key: 'blanket' })
// A client that saw the change at position 2 before its connection was cut. A browser sends the header by itself.
const again = new Request('https://shop.example/live/blanket', { headers: { 'Last-Event-ID': '1-2' } })
const decoder = new TextDecoder()
for await (const bytes of route(again).body ?? []) {
  const text = decoder.decode(bytes)
  console.log(text)
  if (text.includes('data:')) break
}
await store.close()
