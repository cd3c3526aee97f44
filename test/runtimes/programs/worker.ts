/** A Worker, as Cloudflare runs it. */
import type { Event, EventStore, HandlerTransaction } from '@eventsourced/core'
import { type Kind, type Opened, openStore } from '../open-store.ts'
import { inlineSeats, story } from '../story.ts'

export interface WorkerRequest {
  /**
   * `append to the shared store`: to a store that the first request opened, and that later requests use too. `leave a
   * subscription`: answers while a subscription runs.
   */
  readonly scenario:
    | 'story'
    | 'wrong address'
    | 'append to the shared store'
    | 'append to its own store'
    | 'leave a subscription'
  readonly kind: Kind
  readonly url?: string | undefined
}

let shared: Promise<Opened> | undefined

export default {
  async fetch(request: Request): Promise<Response> {
    try {
      return Response.json({ report: await run((await request.json()) as WorkerRequest) })
    } catch (error) {
      const { code, message, stack, cause } = error as Error & { code?: unknown }
      return Response.json({ code, message, cause: String(cause), stack }, { status: 500 })
    }
  },
}

async function run({ scenario, kind, url }: WorkerRequest): Promise<unknown> {
  switch (scenario) {
    case 'story':
      return once({ kind, url, inline: [inlineSeats] }, story)
    case 'wrong address':
      return once({ kind, url, timeout: 1_000 }, (store) =>
        store.readStream('a').then(
          () => 'no error',
          ({ code }) => code,
        ),
      )
    case 'append to its own store':
      return once({ kind, url }, append)
    case 'leave a subscription': {
      const { store } = await openStore(kind, { url })
      await store.subscribe({ name: 'left', handle() {} }).caughtUp()
      return 'it runs'
    }
    case 'append to the shared store':
      shared ??= openStore(kind, { url, timeout: 2_000 })
      return append((await shared).store)
  }
}

async function append(store: EventStore<Event, HandlerTransaction>): Promise<number> {
  return (await store.append('requests', [{ type: 'Requested', data: {} }])).version
}

/** Opens a store for this request, and closes it. */
async function once<Result>(
  { kind, ...opening }: { readonly kind: Kind } & Parameters<typeof openStore>[1],
  use: (store: EventStore<Event, HandlerTransaction>) => Promise<Result>,
): Promise<Result> {
  const { store, end } = await openStore(kind, opening)
  try {
    return await use(store)
  } finally {
    await store.close()
    await end()
  }
}
