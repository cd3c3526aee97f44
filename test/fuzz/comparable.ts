/** Makes the answers of two stores comparable: with places in the log instead of positions, and without times of today. */
import { EventSourcedError, type EventStore } from '@eventsourced/core'
import { collect } from '../program.ts'
import type { Outcome } from './outcome.ts'

// Earlier times were passed by the caller. Later times come from the store, and differ between two stores.
const present = Date.UTC(2022, 0, 1)
const madeId = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g
const isoTime = /\d{4}-\d\d-\d\dT[\d:.]+Z/g
const ofThisRun = new Set(['duration', 'lag', 'lagTime', 'lastPosition', 'head', 'worker', 'owners'])
const positions = new Set(['position', 'checkpoint'])

export async function comparable(outcome: Outcome, store: EventStore): Promise<unknown> {
  if (outcome.kind === 'refused') return { refused: factsOf(outcome.error) }
  if (outcome.kind === 'given up') return outcome
  return { done: plain(outcome.value, await placesIn(store)) }
}

/** Reads all events and streams of the store. */
export async function contentOf(store: EventStore): Promise<unknown> {
  const log = await collect(store.readAll())
  const streams = await collect(store.listStreams())
  return plain({ log, streams }, await placesIn(store))
}

function factsOf(error: EventSourcedError): unknown {
  const { cause, ...facts } = error
  const causeFacts = cause instanceof EventSourcedError ? factsOf(cause) : undefined
  return plain({ ...facts, message: error.message, cause: causeFacts }, new Map())
}

async function placesIn(store: EventStore): Promise<ReadonlyMap<unknown, number>> {
  const log = await collect(store.readAll())
  return new Map([0, ...log.map(({ position }) => position)].map((position, place) => [position, place]))
}

const timeOf = (text: string) => (Date.parse(text) < present ? text : 'now')

function plain(value: unknown, places: ReadonlyMap<unknown, number>): unknown {
  if (typeof value === 'string') return value.replace(madeId, '(made)').replace(isoTime, timeOf)
  if (value instanceof Date) return timeOf(value.toISOString())
  if (Array.isArray(value)) return value.map((item) => plain(item, places))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, member]) => {
    if (ofThisRun.has(key)) return [key, typeof member]
    // As text, so that the order of keys is compared too.
    if (key === 'data' || key === 'metadata' || key === 'state')
      return [key, plain(JSON.stringify(member), places)]
    if (positions.has(key)) return [key, places.get(member) ?? member]
    if (key === 'positions') return [key, (member as number[]).map((position) => places.get(position))]
    return [key, plain(member, places)]
  })
  return Object.fromEntries(entries)
}
