/** The domain of the story: one concert with a few seats, and one guest for each seat. */
import { decider } from '@eventsourced/core'

export type ConcertEvent =
  | { type: 'ConcertAnnounced'; data: { title: string; seats: readonly string[] } }
  | { type: 'SeatBooked'; data: { guest: string; seat: string } }
  | { type: 'BookingCancelled'; data: { guest: string; seat: string } }

export type ConcertCommand =
  | { type: 'Announce'; title: string; seats: readonly string[] }
  | { type: 'Book'; guest: string }
  | { type: 'Cancel'; guest: string }

/** The guest of each seat; `undefined` for a free seat. */
export type Seating = ReadonlyMap<string, string | undefined>

/** The domain refuses a command. */
export abstract class Refusal extends Error {}
class AlreadyAnnounced extends Refusal {}
class AlreadyBooked extends Refusal {}
class NotBooked extends Refusal {}
class SoldOut extends Refusal {}

export const concert = decider({
  initialState: (): Seating => new Map(),

  decide(command: ConcertCommand, seating): ConcertEvent {
    if (command.type === 'Announce') {
      if (seating.size > 0) throw new AlreadyAnnounced(`${command.title} was already announced`)
      return { type: 'ConcertAnnounced', data: { title: command.title, seats: command.seats } }
    }
    const { guest } = command
    const own = seatOf(seating, guest)
    if (command.type === 'Cancel') {
      if (own === undefined) throw new NotBooked(`${guest} has no seat to cancel`)
      return { type: 'BookingCancelled', data: { guest, seat: own } }
    }
    if (own !== undefined) throw new AlreadyBooked(`${guest} already has seat ${own}`)
    const free = seatOf(seating, undefined)
    if (free === undefined) throw new SoldOut(`no seat is free for ${guest}`)
    return { type: 'SeatBooked', data: { guest, seat: free } }
  },

  evolve(seating, { type, data }) {
    switch (type) {
      case 'ConcertAnnounced':
        return new Map(data.seats.map((seat) => [seat, undefined]))
      case 'SeatBooked':
        return new Map(seating).set(data.seat, data.guest)
      case 'BookingCancelled':
        return new Map(seating).set(data.seat, undefined)
    }
  },
})

/** Returns the first seat of a guest; with `undefined`, the first free seat. */
function seatOf(seating: Seating, guest: string | undefined): string | undefined {
  return [...seating].find(([, sitting]) => sitting === guest)?.[0]
}
