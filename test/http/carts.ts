/** The application of the HTTP tests: carts, their history, and an async view of them. */
import { commandHandler, decider, type EventStore, foldStream, projection } from '@eventsourced/core'
import {
  answer,
  atLeast,
  commandOptions,
  jsonBody,
  notFound,
  type ProblemOptions,
  streamPage,
  withProblems,
} from '@eventsourced/core/http'
import { z } from 'zod'
import type { Route } from './servers.ts'

type CartEvent = { type: 'ItemAdded'; data: { item: string } } | { type: 'CheckedOut'; data: null }
type Command = { add: string } | 'checkOut'

export class CartClosed extends Error {}

const cart = decider({
  initialState: () => ({ items: [] as readonly string[], isOpen: true }),
  decide(command: Command, { isOpen }): CartEvent {
    if (!isOpen) throw new CartClosed('This cart was checked out')
    return command === 'checkOut'
      ? { type: 'CheckedOut', data: null }
      : { type: 'ItemAdded', data: { item: command.add } }
  },
  evolve: (state, event) =>
    event.type === 'CheckedOut'
      ? { ...state, isOpen: false }
      : { ...state, items: [...state.items, event.data.item] },
})

export const sizes = projection({
  name: 'sizes',
  key: ({ streamId }: { streamId: string }) => streamId,
  initialState: () => ({ events: 0 }),
  evolve: ({ events }) => ({ events: events + 1 }),
})

const newItem = z.object({ item: z.string() })
const streamOf = (id: string | undefined) => `cart-${id}`

interface CartOptions extends ProblemOptions {
  readonly onError?: (error: unknown) => void
  /** Runs before each command, for example to wait. */
  readonly beforeCommand?: (request: Request) => Promise<void> | void
}

export function cartRoutes(store: EventStore, { beforeCommand = () => {}, ...options }: CartOptions = {}) {
  const handle = commandHandler({ store, decider: cart, streamId: streamOf })
  const routes: readonly Route[] = [
    {
      method: 'POST',
      path: '/carts/:id/items',
      async handler(request, { id = '' }) {
        const { item } = await jsonBody(request, { schema: newItem, maxBytes: 100_000 })
        await beforeCommand(request)
        const caller = request.headers.get('x-user') ?? undefined
        const handled = await handle(id, { add: item }, commandOptions(request, { caller }))
        return answer(handled, { location: `/carts/${id}` })
      },
    },
    {
      method: 'POST',
      path: '/carts/:id/check-out',
      async handler(request, { id = '' }) {
        return answer(await handle(id, 'checkOut', commandOptions(request, { requirePrecondition: true })))
      },
    },
    {
      method: 'GET',
      path: '/carts/:id',
      async handler(request, { id }) {
        return answer(await foldStream(store, streamOf(id), cart), { request })
      },
    },
    {
      method: 'GET',
      path: '/carts/:id/events',
      handler: (request, { id }) => streamPage(store, request, streamOf(id), { limit: 2, maxLimit: 10 }),
    },
    {
      method: 'GET',
      path: '/carts/:id/size',
      async handler(request, { id }) {
        const document = await store.view(sizes).get(streamOf(id), atLeast(request, { timeout: 300 }))
        return document === undefined ? notFound('This cart has no size yet') : answer(document)
      },
    },
    {
      method: 'GET',
      path: '/broken',
      handler() {
        throw new Error('select secret from postgres://user:password@host')
      },
    },
  ]
  return routes.map((route) => ({ ...route, handler: withProblems(route.handler, options) }))
}
