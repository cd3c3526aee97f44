/** The domain of the story: one concert, a few seats, one guest to a seat. */
import { decider } from '@eventsourced/core'

export type ConcertEvent =
  | { type: 'ConcertAnnounced'; data: { title: string; seats: readonly string[] } }
  | { type: 'SeatBooked'; data: { guest: string; seat: string } }
  | { type: 'BookingCancelled'; data: { guest: string; seat: string } }

export type ConcertCommand =
  | { type: 'Announce'; title: string; seats: readonly string[] }
  | { type: 'Book'; guest: string }
  | { type: 'Cancel'; guest: string }

/** Who sits where; `undefined`: nobody yet. */
export type Seating = ReadonlyMap<string, string | undefined>

/** The domain says no: a command that must not happen now. */
export abstract class Refusal extends Error {}
class AlreadyAnnounced extends Refusal {}
class AlreadyBooked extends Refusal {}
class NotBooked extends Refusal {}
class SoldOut extends Refusal {}

export const concert = decider({
  initialState: (): Seating => new Map(),

  decide(command: ConcertCommand, seating): ConcertEvent {
    if (command.type === 'Announce') {
      if (seating.size > 0) throw new AlreadyAnnounced(`${command.title} has its seats already`)
      return { type: 'ConcertAnnounced', data: { title: command.title, seats: command.seats } }
    }
    const { guest } = command
    const own = seatOf(seating, guest)
    if (command.type === 'Cancel') {
      if (own === undefined) throw new NotBooked(`${guest} has no seat to give back`)
      return { type: 'BookingCancelled', data: { guest, seat: own } }
    }
    if (own !== undefined) throw new AlreadyBooked(`${guest} has seat ${own} already`)
    const free = seatOf(seating, undefined)
    if (free === undefined) throw new SoldOut(`no seat is left for ${guest}`)
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

/** The first seat of this guest, or the first free one. */
function seatOf(seating: Seating, guest: string | undefined): string | undefined {
  return [...seating].find(([, sitting]) => sitting === guest)?.[0]
}
