/** One short program that uses the parts of a store. It reports what it saw, without what differs between two runs. */
import {
  commandHandler,
  type Event,
  type EventStore,
  foldStream,
  type HandlerTransaction,
  hasCode,
  type Projection,
  projection,
} from '@eventsourced/core'

type Booking = Event<'Booked', { seats: number }> | Event<'Cancelled', { seats: number }>

const seats = {
  initialState: () => ({ seats: 0 }),
  evolve: (state: { seats: number }, { type, data }: Booking) => ({
    seats: type === 'Booked' ? state.seats + data.seats : state.seats - data.seats,
  }),
}

/** The projection that the store must be opened with. */
export const inlineSeats: Projection = projection<{ seats: number }, Booking>({
  name: 'seats',
  key: ({ streamId }) => streamId,
  ...seats,
})

const asyncSeats = projection<{ seats: number }, Booking>({
  name: 'seats-later',
  key: ({ streamId }) => streamId,
  ...seats,
})

const booked = (count: number) => ({ type: 'Booked', data: { seats: count } }) as const
const codeOf = (error: unknown) =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error)

/** Runs on a store with no events, and closes it. */
export async function story(store: EventStore<Event, HandlerTransaction>): Promise<Record<string, unknown>> {
  const report: Record<string, unknown> = {}

  const created = await store.createStream('show-1', { metadata: { hall: 'große Halle 🎭' } })
  report.created = [created.version, created.metadata]
  report.createdTwice = await store.createStream('show-1').then(() => 'no error', codeOf)

  const first = await store.append('show-1', [booked(2), booked(3)], { expectedVersion: 0 })
  report.first = [first.firstVersion, first.version, first.deduplicated, first.recordedAt instanceof Date]
  const conflict = await store.append('show-1', [booked(1)], { expectedVersion: 0 }).catch((error) => error)
  report.conflict = hasCode(conflict, 'wrong-expected-version')
    ? [conflict.code, conflict.expected, conflict.actual, conflict instanceof Error]
    : String(conflict)
  report.invalid = await store.append('', [booked(1)]).then(() => 'no error', codeOf)

  const moment = new Date((first.recordedAt as Date).getTime())
  await new Promise((resolve) => setTimeout(resolve, 5))
  const both = await store.appendAll([
    { streamId: 'show-1', events: [{ type: 'Cancelled', data: { seats: 1 } }], expectedVersion: 2 },
    { streamId: 'show-2', events: [booked(7)], expectedVersion: 'noStream' },
  ])
  report.both = both.map(({ streamId, version }) => [streamId, version])
  const half = [
    { streamId: 'show-1', events: [booked(1)] },
    { streamId: 'show-2', events: [booked(1)], expectedVersion: 99 },
  ]
  report.allOrNone = await store.appendAll(half).then(() => 'no error', codeOf)

  const id = '0193b7a0-0000-7000-8000-000000000001'
  const repeated = () => store.append('show-3', [{ id, ...booked(4) }])
  report.repeated = [(await repeated()).deduplicated, (await repeated()).deduplicated]

  const slice = await store.readStream('show-1', { direction: 'backward', limit: 2 })
  report.backward = [slice.version, slice.events.map(({ version, type, data }) => [version, type, data])]
  report.asOf = (await store.readStream('show-1', { asOf: moment })).events.map(({ version }) => version)
  report.folded = (await foldStream(store, 'show-1', seats, { toVersion: 2 })).state

  const handle = commandHandler({
    store,
    decider: {
      ...seats,
      decide: (command: { book: number }, state: { seats: number }) => {
        if (state.seats + command.book > 100) throw new Error('The show is sold out')
        return booked(command.book)
      },
    },
  })
  report.command = (await handle('show-2', { book: 5 })).version
  report.refused = await handle('show-2', { book: 500 }).then(
    () => 'no error',
    (error: Error) => error.message,
  )
  const crowd = await Promise.all(Array.from({ length: 10 }, () => handle('show-4', { book: 1 })))
  report.crowd = crowd.map(({ version }) => version).sort((a, b) => a - b)

  const log: unknown[] = []
  let last = 0
  for await (const event of store.readAll()) {
    if (event.position <= last) throw new Error('the positions do not rise')
    last = event.position
    if (event.streamId !== 'show-4') log.push([event.streamId, event.version, event.type, event.data])
  }
  report.log = log

  report.inline = (await store.view<{ seats: number }>('seats').get('show-1'))?.state
  const seen: unknown[] = []
  const projecting = store.subscribe({ projection: asyncSeats })
  const following = store.subscribe({
    name: 'follower',
    types: ['Cancelled'],
    handle: ({ streamId, version }) => void seen.push([streamId, version]),
  })
  await Promise.all([projecting.caughtUp(), following.caughtUp()])
  report.async = (await store.view(asyncSeats).get('show-2'))?.state
  report.seen = seen
  await following.stop()
  const later = await store.append('show-2', [{ type: 'Cancelled', data: { seats: 2 } }])
  await projecting.caughtUp({ position: later.position })
  report.later = (await store.view(asyncSeats).get('show-2', { atLeast: later.position }))?.state
  const once = await store.runOnce({ name: 'once', types: ['Cancelled'], handle() {} })
  report.once = [once.handled, once.parked, once.caughtUp]

  // The worker of the projection still runs: `close` stops it.
  await store.close()
  report.closed = await store.readStream('show-1').then(() => 'no error', codeOf)
  return report
}
