/** Server-Sent Events of a live view: frames, resuming, heartbeats, errors, slow clients and clients that leave. */

import { connect } from 'node:net'
import { type EventStore, memoryStore, projection, type RecordedEvent } from '@eventsourced/core'
import { type SseOptions, sse } from '@eventsourced/core/http'
import { afterEach, expect, it } from 'vitest'
import { balances, deposit } from '../../src/conformance/balances.ts'
import { range } from '../../src/conformance/events.ts'
import { type Frame, framesOf } from './frames.ts'
import { serveViews } from './serve-views.ts'

type Said = { readonly type: 'Said'; readonly data: { readonly text: string } }

const sayings = projection({
  name: 'sayings',
  events: ['Said'],
  key: (event: RecordedEvent<Said>) => event.streamId,
  initialState: () => '',
  evolve: (_, { data }) => data.text,
})

let store: EventStore
afterEach(() => store.close())

const open = () => {
  store = memoryStore({ inline: [balances, sayings] })
  return store
}

function request(lastEventId?: string, signal?: AbortSignal): Request {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }
  return new Request('http://shop.example/live', { headers, signal: signal ?? null })
}

/** Reads so many frames of a response, then leaves. */
async function take(count: number, response: Response): Promise<Frame[]> {
  const frames: Frame[] = []
  for await (const frame of framesOf(response)) {
    frames.push(frame)
    if (frames.length === count) break
  }
  return frames
}

it('sends a reset with the present state, and each change, with ids that resume', async () => {
  const { position } = await open().append('s', [deposit('a', 1)])
  const view = store.view(balances)
  const response = sse(view, request(), { key: 'a' })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const frames = take(2, response)
  await new Promise((resolve) => setTimeout(resolve, 20))
  await store.append('s', [deposit('a', 2)])
  const [first, second] = await frames
  expect(first).toMatchObject({ event: 'reset', id: `1-${position}`, data: { state: { balance: 1 } } })
  expect(second).toMatchObject({ event: 'change', id: `1-${position + 1}`, data: { state: { balance: 3 } } })
  const resumed = await take(1, sse(view, request(first?.id), { key: 'a' }))
  expect(resumed).toEqual([second])
  const byQuery = new Request(`http://shop.example/live?lastEventId=${first?.id}`)
  expect(await take(1, sse(view, byQuery, { key: 'a' }))).toEqual([second])
})

it('sends null for a document that does not exist, and a snapshot of a prefix', async () => {
  await open().append('s', [deposit('a-1', 1), deposit('a-2', 2)])
  const view = store.view(balances)
  const [none] = await take(1, sse(view, request(), { key: 'nobody' }))
  expect(none?.data).toMatchObject({ key: 'nobody', state: null, revision: 0, reset: true })
  const [some] = await take(1, sse(view, request(), { prefix: 'a-' }))
  expect(some?.data.documents.map(({ key }: { key: string }) => key)).toEqual(['a-1', 'a-2'])
})

it('begins with the present state after an id of another service, of another generation, or beyond the log', async () => {
  await open().append('s', [deposit('a', 1)])
  for (const id of ['', 'x', '1', '1-x', '-1-1', '1-1-1', '7-1', '1-1000', `1-${'9'.repeat(40)}`]) {
    const [frame] = await take(1, sse(store.view(balances), request(id), { key: 'a' }))
    expect(frame).toMatchObject({ event: 'reset', id: '1-1', data: { state: { balance: 1 } } })
  }
})

it('sends any text as one line of data', async () => {
  const texts = ['two\nlines', 'and\r\nmore', '\r', 'data: x\n\nevent: error\ndata: {}', '\u2028\u2029', '😀']
  open()
  for (const text of texts) {
    await store.append(`s-${texts.indexOf(text)}`, [{ type: 'Said', data: { text } }])
    const [frame] = await take(1, sse(store.view(sayings), request(), { key: `s-${texts.indexOf(text)}` }))
    expect(frame?.data.state).toBe(text)
  }
})

it('sends a comment without an id when no change comes', async () => {
  open()
  const response = sse(store.view(balances), request(), { key: 'a', heartbeat: 20, retry: 7 })
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  let text = ''
  while (text.split(': \n\n').length < 4) text += new TextDecoder().decode((await reader.read()).value)
  expect(text.startsWith('retry: 7\n\n')).toBe(true)
  expect(text.match(/^id: /gm)).toHaveLength(1)
  await reader.cancel()
})

it('answers 400 to a key that no document can have, and throws what the server does wrong', async () => {
  open()
  const view = store.view(balances)
  const refusal = sse(view, request(), { key: 'x'.repeat(600) })
  expect(refusal.status).toBe(400)
  expect(refusal.headers.get('content-type')).toBe('application/problem+json')
  expect(await refusal.json()).toMatchObject({ status: 400, code: 'invalid-input', field: 'key' })
  expect(sse(view, request(), { prefix: 'a\0' }).status).toBe(400)
  const wrong: readonly [unknown, string][] = [
    [{}, 'key'],
    [{ key: 'a', prefix: 'a' }, 'prefix'],
    [{ key: 'a', heartbeat: 0 }, 'heartbeat'],
    [{ key: 'a', retry: -1 }, 'retry'],
  ]
  for (const [options, field] of wrong) {
    expect(() => sse(view, request(), options as SseOptions)).toThrow(expect.objectContaining({ field }))
  }
  // Collections cannot be watched, whatever the client asks for.
  expect(() => sse(store.view('by hand'), request(), { key: 'a' })).toThrow(
    expect.objectContaining({ code: 'invalid-input', field: 'projection' }),
  )
})

it('sends an error event with the code, and ends', async () => {
  open()
  await store.append('s', [deposit('a', 1)])
  const newer = projection({ ...balances, version: 2 })
  const frames = await take(9, sse(store.view(newer), request(), { key: 'a' }))
  expect(frames).toEqual([{ event: 'error', id: undefined, data: { code: 'projection-version' } }])
})

it('ends without an error when the store is closed, so that clients connect to another process', async () => {
  open()
  const frames = take(9, sse(store.view(balances), request(), { key: 'a' }))
  await new Promise((resolve) => setTimeout(resolve, 20))
  await store.close()
  expect((await frames).map(({ event }) => event)).toEqual(['reset'])
})

it('ends the watch when the client disconnects, also before the first frame', async () => {
  open()
  let watching = 0
  const view = store.view(balances)
  const counted: Pick<typeof view, 'watch'> = {
    watch: ((keys: string, options: object) => {
      const changes = view.watch(keys, options)
      return (async function* () {
        watching++
        try {
          yield* changes
        } finally {
          watching--
        }
      })()
    }) as unknown as (typeof view)['watch'],
  }
  const controller = new AbortController()
  const aborted = sse(counted, request(undefined, controller.signal), { key: 'a' })
  const reader = (aborted.body as ReadableStream).getReader()
  await reader.read()
  await reader.read()
  expect(watching).toBe(1)
  controller.abort()
  const canceled = sse(counted, request(), { key: 'a' })
  await canceled.body?.cancel()
  const already = sse(counted, request(undefined, AbortSignal.abort()), { key: 'a' })
  expect(await take(1, already)).toEqual([])
  while (watching > 0) await new Promise((resolve) => setTimeout(resolve, 5))
})

it('keeps little for a client that does not read, and sends it the present state later', async () => {
  open()
  const { url, server } = await serveViews(store, 0, store.view(sayings))
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write('GET /?prefix= HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await new Promise((resolve) => socket.once('readable', resolve))
  socket.pause()
  // 60 MB of states for one client. The operating system keeps the first few.
  const rounds = 10
  const text = 'x'.repeat(20_000)
  for (const round of range(1, rounds)) {
    for (const stream of range(1, 300))
      await store.append(`s-${stream}`, [{ type: 'Said', data: { text: `round ${round}: ${text}` } }])
  }
  await new Promise((resolve) => setTimeout(resolve, 200))
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk
  })
  socket.resume()
  const count = (pattern: RegExp) => received.match(pattern)?.length ?? 0
  const deadline = performance.now() + 20_000
  while (count(/round 10: /g) < 300 && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 100))
  expect(count(/round 10: /g)).toBeGreaterThanOrEqual(300)
  expect(count(/round \d+: /g)).toBeLessThan((300 * rounds) / 2)
  const resets = count(/^event: reset/gm)
  expect(resets).toBeGreaterThanOrEqual(2)
  expect(resets).toBeLessThan(rounds)
  socket.destroy()
  server.closeAllConnections()
  server.close()
})
