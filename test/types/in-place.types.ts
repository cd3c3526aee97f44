/** The types that the compiler infers for `inPlace`, and the mistakes that it reports. `tsc` checks this file; it never runs. */
import {
  commandHandler,
  type Decider,
  type DocumentProjection,
  decider,
  fold,
  inPlace,
  memoryStore,
  projection,
  type RecordedEvent,
} from '@eventsourced/core'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_Claim extends true>() => {}

type Reserved = { type: 'Reserved'; data: { night: string; bookingId: string } }
type Released = { type: 'Released'; data: { night: string } }
type RoomEvent = Reserved | Released
type Room = { taken: Record<string, string>; status: 'open' | 'closed' }

const empty = (): Room => ({ taken: {}, status: 'open' })

// The compiler infers the state from `initialState`, and the event from `decide`.
const room = decider({
  initialState: empty,
  decide: (night: string, { taken }): RoomEvent | undefined =>
    taken[night] === undefined
      ? { type: 'Reserved', data: { night, bookingId: 'b' } }
      : { type: 'Released', data: { night } },
  evolve: inPlace((state, event) => {
    holds<Equal<typeof state, Room>>()
    holds<Equal<typeof event, RecordedEvent<RoomEvent>>>()
    if (event.type === 'Reserved') state.taken[event.data.night] = event.data.bookingId
    else delete state.taken[event.data.night]
    // @ts-expect-error a misspelt status
    state.status = 'opne'
    // @ts-expect-error a payload that the event does not have
    event.data.guest
  }),
})
holds<Equal<typeof room, Decider<Room, string, RoomEvent>>>()
commandHandler({ store: memoryStore(), decider: room })
holds<Equal<ReturnType<typeof fold<Room, RoomEvent>>, Room>>()
fold(room, [])

// A function that is typed by hand, outside of a decider.
const evolve = inPlace((state: Room, { type, data }: RoomEvent) => {
  if (type === 'Reserved') state.taken[data.night] = data.bookingId
})
holds<Equal<typeof evolve, (state: Room, event: RoomEvent) => Room>>()
decider({ initialState: empty, decide: (_night: string): RoomEvent[] => [], evolve })

const nights = projection({
  name: 'nights',
  events: ['Reserved'],
  key: ({ streamId }: RecordedEvent<RoomEvent>) => streamId,
  initialState: () => ({ count: 0, bookings: [] as string[] }),
  evolve: inPlace((state, event, key) => {
    holds<Equal<typeof state, { count: number; bookings: string[] }>>()
    holds<Equal<typeof event.data, Reserved['data']>>()
    holds<Equal<typeof key, string>>()
    state.count++
    state.bookings.push(event.data.bookingId)
  }),
})
holds<Equal<typeof nights, DocumentProjection<{ count: number; bookings: string[] }, RoomEvent>>>()

decider({
  initialState: empty,
  decide: (_night: string): RoomEvent[] => [],
  // @ts-expect-error a new state, which would be lost
  evolve: inPlace((state) => ({ ...state })),
})
decider({
  initialState: empty,
  decide: (_night: string): RoomEvent[] => [],
  // @ts-expect-error a change after an await, which would come too late
  evolve: inPlace(async (state) => {
    state.status = 'closed'
  }),
})
decider({
  initialState: () => 0,
  decide: (_night: string): RoomEvent[] => [],
  // @ts-expect-error a number cannot be changed in place
  evolve: inPlace((_state: number) => {}),
})
projection({
  name: 'nights',
  key: ({ streamId }: RecordedEvent<RoomEvent>) => streamId,
  initialState: empty,
  // @ts-expect-error a change in place cannot delete a document
  evolve: inPlace((_state) => null),
})
