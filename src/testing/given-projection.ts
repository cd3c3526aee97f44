/** Tests a projection: given past events, then these documents are expected. */
import { knownEventsOf } from '../catalogue/known-events.ts'
import { requiredEventsOf } from '../catalogue/required-events.ts'
import { jsonRoundTrip } from '../input/json-round-trip.ts'
import { DocumentStates, keyedEvents } from '../projection/fold-documents.ts'
import type { AnyDocumentProjection } from '../projection/projection.ts'
import { compare, history, refuseCallback } from './assertions.ts'
import { type TestEvent, todaysEvents } from './past-events.ts'

/** A projection and its past events. End the sentence with `then`. */
export interface GivenProjection<State> {
  /**
   * Expects exactly these documents, by their keys.
   *
   * @throws AssertionError if the documents are others.
   */
  then(expected: Readonly<Record<string, State>>): void
}

export function givenProjection<State>(
  projection: AnyDocumentProjection,
  pastEvents: readonly TestEvent[],
): GivenProjection<State> {
  const past = todaysEvents(knownEventsOf(requiredEventsOf(projection)), pastEvents, 'given')
  return {
    // biome-ignore lint/suspicious/noThenProperty: the last word of given, then; guarded below
    then(expected) {
      refuseCallback(expected, 'given(projection) alone checks nothing: end it with .then({ key: state })')
      const message = `${history(past)}, the documents of '${projection.name}' are not the expected ones.`
      compare(documentsOf(projection, past), jsonRoundTrip(expected), message)
    },
  }
}

function documentsOf(
  projection: AnyDocumentProjection,
  past: Parameters<typeof keyedEvents>[1],
): Readonly<Record<string, unknown>> {
  const states = new DocumentStates(projection)
  for (const keyed of keyedEvents(projection, past)) {
    for (const key of keyed.keys) if (!states.has(key)) states.set(key, undefined)
    states.fold(keyed)
  }
  const changes = states.takeChanges(1).filter(({ state }) => state !== null)
  return Object.fromEntries(changes.map(({ key, state }) => [key, JSON.parse(state as string)]))
}
