/** Compares what the processes of a schedule have done and seen with the log as it is stored. */
import { strict as assert } from 'node:assert'
import type { RecordedEvent } from '../../../src/event.ts'
import type { LogQuery } from '../../../src/storage/log-query.ts'
import { isInPartition } from '../../../src/storage/partition.ts'
import type { AppendOutcome, AppendSuccess } from '../../../src/storage/storage.ts'
import type { Attempt, Batch, History, Intent } from './history.ts'
import type { Truth } from './truth.ts'

const idsOf = (events: readonly RecordedEvent[]) => events.map(({ id }) => id)
const namesOf = (events: readonly RecordedEvent[]) =>
  events.map(({ position, data }) => `${position} ${(data as { name: string }).name}`)
const isSuccess = (outcome: AppendOutcome): outcome is AppendSuccess =>
  outcome.kind === 'appended' || outcome.kind === 'repeated'

function isWanted({ types, tags, streamPrefix, partition }: LogQuery, event: RecordedEvent): boolean {
  return (
    (types === undefined || types.includes(event.type)) &&
    (tags === undefined || tags.every((tag) => event.tags.includes(tag))) &&
    (streamPrefix === undefined || event.streamId.startsWith(streamPrefix)) &&
    (partition === undefined || isInPartition(event.streamId, partition))
  )
}

/** Throws an AssertionError that says what is wrong. */
export function checkHistory(history: History, truth: Truth): void {
  const acknowledged = new Acknowledged(history)
  for (const intent of history.intents) checkIntent(intent, truth)
  for (const batch of history.batches) checkBatch(batch, truth)
  checkRealTime(history)
  checkPages(history, truth, acknowledged)
  for (const { query, ids } of history.followed) {
    const wanted = truth.events.filter((event) => event.position > query.after && isWanted(query, event))
    assert.deepEqual(ids, idsOf(wanted), `what a follower after ${query.after} has read in all`)
  }
  checkReads(history, truth, acknowledged)
}

/** The highest positions and versions that were acknowledged before a moment. */
export class Acknowledged {
  readonly #all: { readonly at: number; readonly streamId: string; readonly success: AppendSuccess }[] = []

  constructor({ intents }: History) {
    for (const { appends, attempts } of intents) {
      for (const { endedAt, outcomes = [] } of attempts) {
        for (const [index, outcome] of outcomes.entries()) {
          const streamId = appends[index]?.streamId
          if (endedAt === undefined || streamId === undefined || !isSuccess(outcome)) continue
          this.#all.push({ at: endedAt, streamId, success: outcome })
        }
      }
    }
  }

  before(moment: number) {
    return this.#all.filter(({ at }) => at < moment)
  }

  position(moment: number): number {
    return Math.max(0, ...this.before(moment).map(({ success }) => success.positions.at(-1) ?? 0))
  }

  version(moment: number, streamId: string): number {
    const own = this.before(moment).filter((one) => one.streamId === streamId)
    return Math.max(0, ...own.map(({ success }) => success.version))
  }
}

/** Acknowledged: recorded once, at the place that the call returned. Refused: not recorded. Unknown: all or nothing. */
function checkIntent({ appends, isTheft, attempts }: Intent, truth: Truth): void {
  const about = JSON.stringify([
    appends.map(({ streamId, events }) => [streamId, idsOf(events as never)]),
    attempts,
  ])
  const events = appends.flatMap((append) =>
    append.events.map((event) => ({ ...event, streamId: append.streamId })),
  )
  const recorded = events.map(({ id, streamId }) => {
    const event = truth.byId.get(id)
    return event?.streamId === streamId ? event : undefined
  })
  const count = recorded.filter((event) => event !== undefined).length
  let isRecorded = false
  let mayBeRecorded = false
  for (const attempt of attempts) {
    if (attempt.outcomes === undefined) mayBeRecorded = true
    else isRecorded = checkOutcomes(appends, attempt, truth, about) || isRecorded
  }
  assert(!(isTheft && isRecorded), `event ids of another stream were accepted: ${about}`)
  if (isRecorded) assert.equal(count, events.length, `acknowledged, and not recorded: ${about}`)
  else if (isTheft || !mayBeRecorded) assert.equal(count, 0, `refused, and recorded: ${about}`)
  else
    assert([0, events.length].includes(count), `${count} of ${events.length} events are recorded: ${about}`)
  const [first] = attempts
  const isRepeated = first?.outcomes?.some(({ kind }) => kind === 'repeated')
  assert(!isRepeated, `the first call was called a repeated one: ${about}`)
  const places = recorded.flatMap((event) => (event === undefined ? [] : [event.position]))
  assert.deepEqual(
    places,
    places.map((_, index) => (places[0] as number) + index),
    `the positions of one call: ${about}`,
  )
  const slots = new Set(places.map((position) => truth.slotOf.get(position)))
  assert(slots.size <= 1, `one call in several slots: ${about}`)
}

/** The events of a batch are recorded in its order, once, and all of them if the import was acknowledged. */
function checkBatch({ events, isDone }: Batch, truth: Truth): void {
  const recorded = events.map(({ id }) => truth.byId.get(id))
  const found = recorded.filter((event) => event !== undefined)
  const about = JSON.stringify(events.map(({ id, streamId }) => [id, streamId]))
  if (isDone) assert.equal(found.length, events.length, `imported, and not recorded: ${about}`)
  assert(!recorded.slice(0, found.length).includes(undefined), `events before others are missing: ${about}`)
  for (const [index, event] of found.entries()) {
    assert.equal(event.streamId, events[index]?.streamId, `imported into another stream: ${about}`)
    const before = found[index - 1]?.position ?? 0
    assert(event.position > before, `imported in another order: ${about}`)
  }
}

/** Returns whether the attempt succeeded. */
function checkOutcomes(
  appends: Intent['appends'],
  { outcomes = [] }: Attempt,
  truth: Truth,
  about: string,
): boolean {
  assert.equal(outcomes.length, appends.length, about)
  const isDone = outcomes.every(isSuccess)
  assert(isDone || !outcomes.some(isSuccess), `some appends of a call succeeded: ${about}`)
  for (const [index, outcome] of outcomes.entries()) {
    const { streamId, events, expectedVersion } = appends[index] as Intent['appends'][number]
    const stream = truth.byStream.get(streamId) ?? []
    if (outcome.kind === 'conflict') {
      assert(
        outcome.actual <= stream.length && outcome.actual !== expectedVersion,
        `a wrong conflict: ${about}`,
      )
    } else if (outcome.kind === 'duplicate') {
      assert.equal(truth.byId.get(outcome.eventId)?.streamId, outcome.streamId, `a wrong duplicate: ${about}`)
    } else if (outcome.kind !== 'abandoned') {
      const { version, positions, recordedAt } = outcome
      const own = stream.slice(version - events.length, version)
      assert.deepEqual(idsOf(own), idsOf(events as never), `version ${version} was returned: ${about}`)
      assert.deepEqual(
        own.map(({ position }) => position),
        positions,
        `positions that were returned: ${about}`,
      )
      assert.deepEqual(own.at(-1)?.recordedAt, recordedAt, `the time that was returned: ${about}`)
      const { emptyAt = 0 } = outcome
      if (events.length === 0) assert.equal(emptyAt, stream[version - 1]?.position ?? 0, about)
    }
  }
  return isDone
}

/** An append that was acknowledged before another one began is earlier in the log. */
function checkRealTime({ intents }: History): void {
  const spans = intents.flatMap(({ attempts }) =>
    attempts.flatMap(({ begunAt, endedAt, outcomes = [] }) => {
      const positions = outcomes.flatMap((one) => (one.kind === 'appended' ? one.positions : []))
      return endedAt === undefined || positions.length === 0 ? [] : [{ begunAt, endedAt, positions }]
    }),
  )
  for (const later of spans) {
    for (const earlier of spans) {
      if (earlier.endedAt >= later.begunAt) continue
      const [first, last] = [Math.min(...later.positions), Math.max(...earlier.positions)]
      assert(first > last, `position ${first} was taken after ${last} was acknowledged`)
    }
  }
}

/** Each page has exactly the events of its part of the log, in their order. */
function checkPages({ pages }: History, truth: Truth, acknowledged: Acknowledged): void {
  for (const { query, page, begunAt } of pages) {
    const { after, until, direction, limit, mayLag = false } = query
    const about = `page ${JSON.stringify({ ...query, ...page, events: namesOf(page.events), begunAt })}`
    const forward = direction === 'forward'
    const low = !forward && page.full ? page.through - 1 : after
    const high = Math.min(until, forward && page.full ? page.through : page.frontier)
    const wanted = truth.events.filter(
      (event) => event.position > low && event.position <= high && isWanted(query, event),
    )
    const expected = forward ? wanted : wanted.toReversed()
    assert.deepEqual(namesOf(page.events), namesOf(expected), about)
    assert.deepEqual(page.events, expected, about)
    assert(page.events.length <= limit, `more than the limit: ${about}`)
    assert(page.through === after || truth.byPosition.has(page.through), `through no event: ${about}`)
    if (forward) {
      const passed = Math.max(after, page.events.at(-1)?.position ?? 0)
      assert(page.through >= passed && page.through <= Math.max(after, until), `through: ${about}`)
      assert(!page.full || page.through > after, `no progress: ${about}`)
    }
    if (mayLag) continue
    const known = acknowledged.position(begunAt)
    assert(page.frontier >= known, `position ${known} was acknowledged before: ${about}`)
  }
}

function checkReads(history: History, truth: Truth, acknowledged: Acknowledged): void {
  for (const { slice, begunAt } of history.slices) {
    const { streamId, version, events } = slice
    const stream = truth.byStream.get(streamId) ?? []
    const sorted = events.toSorted((a, b) => a.version - b.version)
    assert.deepEqual(sorted, stream.slice(0, version), `stream '${streamId}' as it was read`)
    assert(version >= acknowledged.version(begunAt, streamId), `stream '${streamId}' was read at ${version}`)
  }
  for (const { position, begunAt } of history.lastPositions) {
    const known = acknowledged.position(begunAt)
    assert(position === 0 || truth.byPosition.has(position), `${position} is the position of no event`)
    assert(position >= known, `the last position was ${position}, and ${known} was acknowledged before`)
  }
  for (const { time, position, begunAt } of history.positionsBefore) {
    const next = truth.events.findIndex(({ recordedAt }) => recordedAt >= time)
    const expected = (next === -1 ? truth.events.at(-1) : truth.events[next - 1])?.position ?? 0
    const about = `${position} was returned as the position before ${time.toISOString()}, which is ${expected}`
    if (position === expected) continue
    // The log was shorter then.
    assert(position < expected && (position === 0 || truth.byPosition.has(position)), about)
    assert(position >= Math.min(expected, acknowledged.position(begunAt)), about)
  }
  for (const { streamIds, begunAt } of history.lists) {
    const listed = new Set(streamIds)
    assert.equal(listed.size, streamIds.length, 'a stream was listed twice')
    for (const streamId of listed)
      assert(truth.byStream.has(streamId), `'${streamId}' was listed without events`)
    for (const { streamId, success } of acknowledged.before(begunAt))
      if (success.version > 0) assert(listed.has(streamId), `'${streamId}' was not listed`)
  }
}
