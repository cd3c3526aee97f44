/** The decider and the projection of the cases of observers. */
import { type Decider, decider } from '../command/decider.ts'
import { type DocumentProjection, projection } from '../projection/projection.ts'
import { type Counted, counted } from './events.ts'

export const counter: Decider<number, number, Counted> = decider({
  initialState: () => 0,
  decide(number: number, sum: number): Counted[] {
    if (number < 0) throw new RangeError('must not be negative')
    return number === 0 ? [] : counted(1, sum + number)
  },
  evolve: (_: number, { data }: Counted) => data.number,
})

export const sums: DocumentProjection<{ sum: number }, Counted> = projection<{ sum: number }, Counted>({
  name: 'sums',
  version: 1,
  events: ['Counted'],
  key: (event) => event.streamId,
  initialState: () => ({ sum: 0 }),
  evolve: ({ sum }, { data }) => ({ sum: sum + data.number }),
})
