/** The types that the compiler infers for `given`, and the mistakes that it reports. `tsc` checks this file; it never runs. */
import {
  decider,
  defineEvents,
  type Event,
  payload,
  projection,
  type RecordedEvent,
} from '@eventsourced/core'
import {
  type Given,
  type GivenCatalogue,
  type GivenProjection,
  type GivenSubscription,
  given,
  stored,
} from '@eventsourced/core/testing'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_Claim extends true>() => {}

const doors = defineEvents({ Opened: payload<{ by: string }>(), Closed: payload<object>() })
type Opened = Event<'Opened', { by: string }>
type DoorEvent = Opened | Event<'Closed', object>
const opened = { type: 'Opened' as const, data: { by: 'a' } }

// A decider, with and without a catalogue.
const made = doors.decider({
  initialState: () => ({ isOpen: false }),
  decide: (command: 'open' | 'close') => ({
    type: command === 'open' ? 'Opened' : 'Closed',
    data: { by: 'a' },
  }),
  evolve: (_state, { type }) => ({ isOpen: type === 'Opened' }),
})
const plain = decider({
  initialState: () => ({ isOpen: false }),
  decide: (_command: 'open'): Opened => opened,
  evolve: () => ({ isOpen: true }),
})
const givenMade = given(made, [opened, stored('Openned', {})])
holds<Equal<typeof givenMade, Given<{ isOpen: boolean }, 'open' | 'close', DoorEvent>>>()
const givenPlain = given(plain, [opened])
holds<Equal<typeof givenPlain, Given<{ isOpen: boolean }, 'open', Opened>>>()
givenMade.when('close').then([opened])
// A past event that was read from a store is a past event too.
declare const read: readonly RecordedEvent<DoorEvent>[]
given(made, read)

// @ts-expect-error: no event of the decider
given(made, [{ type: 'Openned', data: {} }])
// @ts-expect-error: the wrong data
given(made, [{ type: 'Opened', data: { by: 1 } }])
// @ts-expect-error: no command of the decider
givenMade.when('knock')
// @ts-expect-error: no state of the decider
givenMade.thenState({ isOpen: 1 })
// @ts-expect-error: no event of the decider
givenMade.when('open').then({ type: 'Knocked', data: {} })

// A projection.
const counts = doors.projection({
  name: 'counts',
  key: ({ streamId }) => streamId,
  initialState: () => ({ count: 0 }),
  evolve: ({ count }) => ({ count: count + 1 }),
})
const givenCounts = given(counts, [{ ...opened, streamId: 'a' }, stored('Openned', {})])
holds<Equal<typeof givenCounts, GivenProjection<{ count: number }>>>()
givenCounts.then({ a: { count: 1 } })
// @ts-expect-error: no state of the projection
givenCounts.then({ a: { count: 'one' } })
// @ts-expect-error: no event of the projection
given(counts, [{ type: 'Knocked', data: {} }])
// @ts-expect-error: a raw projection has no documents
given(projection({ name: 'raw', handle() {} }))

// The options of a subscription.
const lamp = doors.pick('Opened').subscription({ name: 'lamp', handle: ({ data }) => void data.by })
const givenLamp = given(lamp, [{ ...opened, streamId: 'a' }])
holds<Equal<typeof givenLamp, GivenSubscription<Opened>>>()
givenLamp.when(stored('Openned', {}))
// @ts-expect-error: no event of the subscription
givenLamp.when({ type: 'Closed', data: {} })
given({ name: 'log', handle: (event: RecordedEvent) => void event.type }).when({ type: 'Any', data: {} })

// A catalogue.
const givenDoors = given(doors, [stored('Openned', {}, 2)])
holds<Equal<typeof givenDoors, GivenCatalogue<DoorEvent>>>()
givenDoors.then([opened])
givenDoors.when(opened).thenStored(stored('Opened', { by: 'a' }))
// @ts-expect-error: an event of today is nothing that is stored
given(doors, [opened])
// @ts-expect-error: no event of the catalogue
givenDoors.when({ type: 'Knocked', data: {} })
// @ts-expect-error: what stored(…) returns is expected
givenDoors.when(opened).thenStored(opened)

// The names in the description of a catalogue are those of its events.
doors.pick('Closed').jsonSchema().Closed
// @ts-expect-error: no event of the picked catalogue
doors.pick('Closed').jsonSchema().Opened
