/** Where a subscription can be moved, and what each move means for its events. */
import type { SubscriptionShape } from '../../../../src/console/shapes/subscription.ts'
import { counted, digits } from '../../parts/number.ts'

export type Place = 'beginning' | 'end' | 'position' | 'time'

/** As the API takes it. */
export type MoveTarget = 'beginning' | 'end' | { readonly after: number } | { readonly time: string }

export interface Consequence {
  /** `unknown`: only the database knows which position a time has. */
  readonly direction: 'back' | 'forward' | 'none' | 'unknown'
  readonly text: string
}

export const places: readonly { readonly place: Place; readonly label: string }[] = [
  { place: 'end', label: 'at the end of the log' },
  { place: 'beginning', label: 'at the beginning of the log' },
  { place: 'position', label: 'after a position' },
  { place: 'time', label: 'at a time' },
]

/** Returns undefined if the text names no place. */
export function placeOf(place: Place, text: string): MoveTarget | undefined {
  if (place === 'beginning' || place === 'end') return place
  if (place === 'position') return /^\d{1,15}$/.test(text) ? { after: Number(text) } : undefined
  const time = new Date(text)
  return Number.isNaN(time.getTime()) ? undefined : { time: time.toISOString() }
}

export function consequenceOf(
  to: MoveTarget | undefined,
  { checkpoint, lag }: SubscriptionShape,
): Consequence {
  if (to === undefined) return { direction: 'none', text: '' }
  if (typeof to === 'object' && 'time' in to) {
    return {
      direction: 'unknown',
      text: 'If this is before its checkpoint, the handler gets the events after it again; a handler that is not idempotent sends old mails again. If it is after its checkpoint, the handler never gets the events in between.',
    }
  }
  const target = to === 'beginning' ? 0 : to === 'end' ? checkpoint + lag : to.after
  if (target < checkpoint) {
    return {
      direction: 'back',
      text: `It goes back by ${counted(checkpoint - target, 'position')}: the handler gets the events after position ${digits(target)} again. A handler that is not idempotent sends old mails again. Parked events after it are parked no longer.`,
    }
  }
  if (target === checkpoint) return { direction: 'none', text: 'It is there already: nothing is skipped.' }
  return {
    direction: 'forward',
    text: `It skips ${counted(target - checkpoint, 'position')}: the handler never gets the events in between. Parked events stay parked.`,
  }
}
