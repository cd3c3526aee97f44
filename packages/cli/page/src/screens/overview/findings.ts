/** What the checks have found, and what to do about each finding. */
import type { Overview } from '../../../../src/console/shapes/store.ts'
import { duration } from '../../parts/time.tsx'
import { address } from '../../route.ts'

type Check = Overview['checks'][number]

export interface Finding {
  readonly what: string
  /** What an operator should do. */
  readonly remedy: string
  /** Where the operator does it. */
  readonly place: string | undefined
}

/** A reason lists its findings as `what: remedy; what: remedy`. Where it names no remedy, this does. */
export function findingsOf(check: Check): readonly Finding[] {
  const { name, reason, subject } = check
  if (reason === undefined)
    return [{ what: 'no reason was given', remedy: otherwise(name), place: placeOf(check) }]
  return readable(reason)
    .split('; ')
    .map((finding) => {
      const colon = finding.indexOf(': ')
      const what = colon === -1 ? finding : finding.slice(0, colon)
      const remedy = colon === -1 ? otherwise(name) : finding.slice(colon + 2)
      const isParking = subject !== undefined && what.includes('parked')
      return {
        what,
        remedy,
        place: isParking ? address('parked', { subscription: subject }) : placeOf(check),
      }
    })
}

/** Writes long times as minutes or hours. */
const readable = (reason: string) =>
  reason.replace(/(\d{4,}) ms/g, (_found, milliseconds) => duration(Number(milliseconds)))

function otherwise(name: string): string {
  return name === 'subscription'
    ? 'look at its lag: if it grows, its handler is slower than the appends, or its worker hangs'
    : 'look at the log of the database and of the processes that use it'
}

/** The name of a check for readers. */
export function titleOf({ name, subject }: Check): string {
  if (subject !== undefined) return subject
  return { database: 'Database', frontier: 'Frontier', 'last-append': 'Last append' }[name] ?? name
}

/** Where an operator can act on a check. */
export function placeOf({ subject }: Check): string | undefined {
  return subject === undefined ? undefined : address('subscription', { name: subject })
}
