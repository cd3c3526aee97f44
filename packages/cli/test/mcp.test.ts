/** The MCP server, as an assistant uses it: the SDK's own client starts the program and speaks over its pipes. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'

const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
// Inside the package, so that the configuration file finds the library.
const folder = temporaryFolder('mcp', fileURLToPath(new URL('.', import.meta.url)))
const config = `
import { memoryStore, decider } from '@eventsourced/core'
export const store = memoryStore()
export const deciders = {
  order: decider({
    initialState: () => ({ status: 'new' }),
    decide: () => undefined,
    evolve: (_, { type }) => ({ status: type.toLowerCase() }),
  }),
}
await store.append('order-1', [
  { type: 'Placed', data: { sku: 'book' }, metadata: { correlationId: 'c1' } },
  { type: 'Cancelled', data: { reason: 'out of stock' }, metadata: { correlationId: 'c1' } },
])
store.subscribe({ name: 'mailer', onError: { retries: 0, action: 'park' }, handle() { throw new Error('550') } })
`
const client = new Client({ name: 'test', version: '1.0.0' })

beforeAll(async () => {
  const file = join(folder.path, 'eventsourced.config.ts')
  await writeFile(file, config)
  const words = ['--conditions=@eventsourced/source', '--import', 'tsx', program, '--config', file, 'mcp']
  await client.connect(new StdioClientTransport({ command: process.execPath, args: words, cwd: folder.path }))
})
afterAll(async () => {
  await client.close()
  folder.remove()
})

async function ask(name: string, words: Record<string, unknown> = {}) {
  const { content, isError } = await client.callTool({ name, arguments: words })
  const [{ text }] = content as [{ text: string }]
  return isError ? { failure: text } : JSON.parse(text)
}

it('offers tools that only read', async () => {
  const { tools } = await client.listTools()
  expect(tools.map(({ name }) => name)).toEqual([
    'streams',
    'stream',
    'event',
    'search',
    'trace',
    'state',
    'difference',
    'subscriptions',
    'parked',
  ])
  expect(tools.every(({ annotations }) => annotations?.readOnlyHint)).toBe(true)
})

it('answers why an order is in its state', async () => {
  expect(await ask('streams', { prefix: 'order-' })).toMatchObject([{ streamId: 'order-1', version: 2 }])
  expect(await ask('streams', { order: 'largest' })).toMatchObject([{ streamId: 'order-1' }])
  expect(await ask('state', { streamId: 'order-1', decider: 'order' })).toMatchObject({
    version: 2,
    state: { status: 'cancelled' },
  })
  expect(await ask('state', { streamId: 'order-1', decider: 'order', version: 1 })).toMatchObject({
    state: { status: 'placed' },
  })
  expect(await ask('difference', { streamId: 'order-1', decider: 'order', from: 1, to: 2 })).toMatchObject({
    before: { status: 'placed' },
    after: { status: 'cancelled' },
    changes: [{ path: '/status', kind: 'changed', before: 'placed', after: 'cancelled' }],
    isCut: false,
    events: [{ type: 'Cancelled', data: { reason: 'out of stock' } }],
  })
  const { events } = await ask('stream', { streamId: 'order-1' })
  expect(await ask('event', { position: events[0].position })).toEqual(events[0])
  expect(await ask('event', { id: events[1].id })).toEqual(events[1])
  expect(await ask('search', { text: 'out of stock' })).toMatchObject([{ type: 'Cancelled' }])
  expect(await ask('trace', { correlationId: 'c1' })).toHaveLength(2)
  expect(await ask('stream', { streamId: 'order-1' })).toMatchObject({
    events: [{ version: 1 }, { version: 2 }],
  })
})

it('shows what is parked', async () => {
  await expect.poll(() => ask('parked', { subscription: 'mailer' })).toHaveLength(2)
  expect(await ask('subscriptions')).toMatchObject([{ name: 'mailer', parked: 2 }])
})

it('explains mistakes', async () => {
  expect(await ask('event', { position: 99 })).toEqual({ failure: 'No event has the position 99' })
  expect(await ask('state', { streamId: 'order-1', decider: 'cart' })).toMatchObject({
    failure: expect.stringContaining('order'),
  })
  const id = '00000000-0000-7000-8000-000000000000'
  expect(await ask('event', { id })).toEqual({ failure: `No event has the id ${id}` })
  for (const both of [{}, { id, position: 1 }]) {
    expect(await ask('event', both)).toEqual({
      failure: 'Give the position of the event, or its id, and not both',
    })
  }
  expect(await ask('event', { id: 'first' })).toMatchObject({ failure: expect.stringContaining('id') })
  expect(await ask('event', { position: 'x' })).toMatchObject({
    failure: expect.stringContaining('position'),
  })
})
