/**
 * Given past events, when something happens, then this is expected: tests deciders, projections, subscriptions and catalogues
 * without a store, in any test runner. The form is that of behaviour-driven development (Dan North, 2006), as Greg Young
 * uses it for events.
 */
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { EventsOf } from '../catalogue/definitions.ts'
import { isCatalogue } from '../catalogue/known-events.ts'
import type { Decider } from '../command/decider.ts'
import type { Event } from '../event.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { AnyDocumentProjection, DocumentProjection } from '../projection/projection.ts'
import type { HandlerSubscription } from '../subscription/subscription.ts'
import { type GivenCatalogue, givenCatalogue } from './given-catalogue.ts'
import { type Given, givenDecider } from './given-decider.ts'
import { type GivenProjection, givenProjection } from './given-projection.ts'
import { type GivenSubscription, givenSubscription } from './given-subscription.ts'
import type { TestEvent } from './past-events.ts'
import type { StoredShape } from './stored.ts'

// biome-ignore lint/suspicious/noExplicitAny: the states, commands and events may have any type
type AnyDecider = Decider<any, any, any>
// biome-ignore lint/suspicious/noExplicitAny: the events and the transaction may have any type
type AnyHandler = HandlerSubscription<any, any>

/** Anything that `given` tests. */
export type Subject = AnyDecider | AnyDocumentProjection | AnyHandler | Catalogue

// The types below compare `[S]`, because the options of a subscription are a union, which must not be taken apart.

/** The events that a subject knows. */
type EventsOfSubject<S> = [S] extends [Decider<infer _State, infer _Command, infer E>]
  ? E
  : [S] extends [DocumentProjection<infer _State, infer E>]
    ? E
    : [S] extends [HandlerSubscription<infer E, infer _Tx>]
      ? E
      : Event

/** The past events that `given` takes for a subject. */
export type PastOf<S> = [S] extends [Catalogue]
  ? readonly StoredShape[]
  : [S] extends [AnyDecider]
    ? readonly (EventsOfSubject<S> | StoredShape)[]
    : readonly ((EventsOfSubject<S> | StoredShape) & { readonly streamId?: string | undefined })[]

/** The sentence that `given` begins for a subject. */
export type GivenOf<S> = [S] extends [Catalogue]
  ? GivenCatalogue<EventsOf<S>>
  : [S] extends [Decider<infer State, infer Command, infer E>]
    ? Given<State, Command, E>
    : [S] extends [DocumentProjection<infer State, infer _E>]
      ? GivenProjection<State>
      : GivenSubscription<EventsOfSubject<S>>

/**
 * Begins a test. Past events are events of today, or what `stored` returns, for a subject that a catalogue has made.
 *
 * - A decider: `given(cart, [opened]).when({ type: 'Close' }).then([closed])`
 * - A projection: `given(visits, [{ ...opened, streamId: 'door-1' }]).then({ 'door-1': { count: 1 } })`
 * - The options of a subscription: `given(mailer).when(opened).thenHandled()`
 * - A catalogue: `given(events, [stored('Openned', {})]).then([opened])`
 *
 * Past, decided and expected events must follow the input rules of the stores, and fit the catalogue.
 *
 * @throws InvalidInputError if an event breaks an input rule, or if the subject is none of these.
 * @throws InvalidEventError if an event does not fit the catalogue.
 * @throws UnreadableEventError if the catalogue cannot read a past event.
 * @throws UndefinedStateError if `evolve` returns `undefined` for an event.
 */
export function given<S extends Subject>(subject: S, past?: PastOf<S>): GivenOf<S> {
  const events = (past ?? []) as readonly TestEvent[]
  return begin(subject, events) as GivenOf<S>
}

function begin(subject: Subject, events: readonly TestEvent[]): unknown {
  if (isCatalogue(subject)) return givenCatalogue(subject, events)
  switch (readSafely('subject', subject, () => kindOf(subject))) {
    case 'projection':
      return givenProjection(subject as AnyDocumentProjection, events)
    case 'decider':
      return givenDecider(subject as AnyDecider, events)
    case 'handler':
      return givenSubscription(subject as AnyHandler, events)
  }
  const problem =
    'must be a decider, a projection into documents, the options of a subscription with a handler, or a catalogue'
  return refuse('subject', problem, subject)
}

function kindOf(subject: Subject): 'projection' | 'decider' | 'handler' | undefined {
  if (typeof subject !== 'object' || subject === null) return undefined
  if ('kind' in subject) return subject.kind === 'documents' ? 'projection' : undefined
  if ('decide' in subject) return 'decider'
  return !('projection' in subject) && ('handle' in subject || 'handleBatch' in subject)
    ? 'handler'
    : undefined
}
