/**
 * A process of one release after the other. It opens a store with the catalogue of a release, and does what the test asks
 * for: it appends, handles commands, and runs a subscription.
 */
import {
  commandHandler,
  decider,
  type Event,
  type EventStore,
  hasCode,
  type RecordedEvent,
  type Subscription,
  type SubscriptionState,
  type UnreadableReason,
} from '@eventsourced/core'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { postgresStore } from '@eventsourced/core/postgres'
import { emulatorClient } from '../worlds/dynamodb.ts'
import { type Release, recipes } from './recipes.ts'

/** Where the data of a test is. */
export type Place =
  | { readonly url: string; readonly schema: string }
  | { readonly endpoint: string; readonly table: string }

export interface Handled {
  readonly position: number
  readonly type: string
  readonly data: unknown
}

export interface Report {
  readonly handled: readonly Handled[]
  readonly states: readonly SubscriptionState[]
}

export type Ask =
  | { readonly kind: 'open'; readonly place: Place; readonly recipe: string; readonly release: Release }
  | { readonly kind: 'append' | 'command' | 'version' | 'read'; readonly streamId: string }
  | { readonly kind: 'subscribe' | 'caughtUp' | 'report' | 'runOnce' | 'close' }

/** An error of the library: its code and its reason, or those of its cause. */
export interface Failure {
  readonly code: string
  readonly reason: UnreadableReason | undefined
  readonly message: string
}

export type Answer = { readonly value: unknown } | { readonly failure: Failure }

export const subscriptionName = 'bookings'

let store: EventStore | undefined
let subscription: Subscription | undefined
let writes: readonly Event[] = []
let handled: Handled[] = []
let states: SubscriptionState[] = []

function opened(): EventStore {
  if (store === undefined) throw new Error('the store is not open')
  return store
}

function openStore(place: Place, events: NonNullable<EventStore['events']>): EventStore {
  if ('url' in place) return postgresStore(place.url, { schema: place.schema, events })
  return dynamodbStore({
    client: emulatorClient(place.endpoint),
    table: place.table,
    gapTimeout: 200,
    events,
  })
}

const handle = ({ position, type, data }: RecordedEvent) => void handled.push({ position, type, data })

/** Its state is the number of events; a command appends what its release writes. */
const counter = decider({
  initialState: () => 0,
  decide: (_: 'write') => writes,
  evolve: (count) => count + 1,
})

async function perform(ask: Ask): Promise<unknown> {
  switch (ask.kind) {
    case 'open': {
      const recipe = recipes[ask.recipe]
      const deployed = recipe?.[ask.release]
      if (deployed === undefined) throw new Error(`there is no release '${ask.release}' of '${ask.recipe}'`)
      store = openStore(ask.place, deployed.events)
      writes = deployed.writes
      handled = []
      states = []
      return undefined
    }
    case 'append':
      return (await opened().append(ask.streamId, writes)).positions
    case 'command':
      return (await commandHandler({ store: opened(), decider: counter })(ask.streamId, 'write')).version
    case 'version':
      return (await opened().raw.readStream(ask.streamId, { limit: 1 })).version
    case 'read':
      return (await opened().readStream(ask.streamId)).events.map(({ type, data }) => ({ type, data }))
    case 'subscribe':
      subscription = opened().subscribe({
        name: subscriptionName,
        leaseTime: 1_000,
        onError: { retries: 0, action: 'park' },
        handle,
        onStateChange: (state) => void states.push(state),
      })
      return undefined
    case 'caughtUp':
      return subscription?.caughtUp({ timeout: 20_000 })
    case 'report':
      return { handled, states } satisfies Report
    case 'runOnce':
      return (await opened().runOnce({ name: `once ${process.pid}`, handle() {} })).handled
    case 'close':
      await subscription?.stop()
      await opened().close()
      subscription = undefined
      return undefined
  }
}

function failureOf(error: unknown): Failure {
  const isFailed = hasCode(error, 'subscription-failed')
  const cause = isFailed ? error.cause : error
  const reason = hasCode(cause, 'unreadable-event') ? cause.reason : undefined
  const code = (error as { readonly code?: unknown }).code
  return { code: String(code), reason, message: error instanceof Error ? `${error.stack}` : String(error) }
}

process.on('message', async (ask: Ask) => {
  const answer: Answer = await perform(ask).then(
    (value) => ({ value }),
    (error: unknown) => ({ failure: failureOf(error) }),
  )
  process.send?.(answer)
})
