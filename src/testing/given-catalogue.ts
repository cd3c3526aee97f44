/** Tests a catalogue: given stored events, then these are the events of today; and how an event of today is stored. */
import { issueTexts } from '../catalogue/accept.ts'
import type { EventDefinitions } from '../catalogue/definitions.ts'
import { isParts, type KnownEvents, knownEventsOf } from '../catalogue/known-events.ts'
import { schemaVersionKey, schemaVersionOf } from '../catalogue/stored-event.ts'
import { upcast } from '../catalogue/upcast.ts'
import { unusedUpcasts } from '../catalogue/upcast-use.ts'
import { type EventIssue, InvalidEventError, pathText, type UnreadableReason } from '../errors/index.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { EventPreparation } from '../input/events.ts'
import { compare, fail, history, onOneLine, refuseCallback } from './assertions.ts'
import { comparedParts, storedEvents, type TestEvent, todaysEvents } from './past-events.ts'
import type { StoredShape } from './stored.ts'

/** A catalogue and stored events. Continue with `when`, or end the sentence. */
export interface GivenCatalogue<E extends Event> {
  /**
   * Expects that the stored events are read as exactly these events, and that each one fits its schema. Compares type and
   * data, and the metadata and tags only where the expected event has them.
   *
   * @throws AssertionError if they are others. UnreadableEventError if one cannot be read.
   */
  then(expected: E | readonly E[]): void
  /**
   * Expects that at least one of the stored events cannot be read.
   *
   * @param reason The reason of the first such event. @default any
   * @throws AssertionError if all can be read, or if the reason is another one.
   */
  thenUnreadable(reason?: UnreadableReason): void
  /**
   * Expects that the stored events run each upcast of the catalogue, that each one can be read, and that today's data fits
   * the schemas. For samples that were recorded from a store.
   *
   * @throws AssertionError with the upcasts that no sample runs, and with the samples that fail.
   */
  thenEveryUpcastRuns(): void
  /** Appends an event of today. End the sentence with a method of `WhenAppended`. */
  when(event: E): WhenAppended
}

/** The checks that end a sentence about an event that is appended. @throws AssertionError if the check fails */
export interface WhenAppended {
  /** Expects that the event is stored with this type, data and version. */
  thenStored(expected: StoredShape): void
  /**
   * Expects that the catalogue refuses the event, at exactly these paths, such as 'data.price'; 'type' if it does not have the
   * event.
   *
   * @default any paths
   */
  thenInvalid(...paths: readonly string[]): void
}

export function givenCatalogue<E extends Event>(
  catalogue: EventDefinitions<E>,
  samples: readonly TestEvent[],
): GivenCatalogue<E> {
  const known = knownEventsOf(catalogue)
  const stored = storedEvents(known, samples, 'given')
  const given = history(stored)

  return {
    // biome-ignore lint/suspicious/noThenProperty: the last word of given, then; guarded below
    then(expected) {
      refuseCallback(
        expected,
        'given(catalogue) alone checks nothing: end it with .then([events]) or .when(event)',
      )
      const wanted = [expected].flat() as readonly E[]
      const { events, unreadable } = upcast(known, stored)
      if (unreadable !== undefined) throw unreadable
      const problems = events.flatMap((event) => issueTexts(known, event))
      if (problems.length > 0)
        fail([`${given}, today's data does not fit the schemas:`, ...problems].join('\n  '))
      const required = todaysEvents(known, wanted, 'then')
      compare(
        events.map((event, index) => comparedParts(event, wanted[index])),
        required.map((event, index) => comparedParts(event, wanted[index])),
        `${given}, the events of today are not the expected ones.`,
      )
    },

    thenUnreadable(reason) {
      const { events, unreadable } = upcast(known, stored)
      const wanted =
        reason === undefined ? 'an event that cannot be read' : `an event that cannot be read ('${reason}')`
      if (unreadable === undefined)
        fail(
          `${given}: ${wanted} was expected, but they are read as ${events.map(({ type }) => type).join(', ') || 'no events'}`,
        )
      if (reason !== undefined && unreadable.reason !== reason)
        fail(
          `${given}: ${wanted} was expected, but the reason is '${unreadable.reason}': ${unreadable.message}`,
          unreadable,
        )
    },

    thenEveryUpcastRuns() {
      const failed = stored.flatMap((event, index) => {
        const { events, unreadable } = upcast(known, [event])
        const problems = unreadable
          ? [unreadable.message]
          : events.flatMap((today) => issueTexts(known, today))
        return problems.map((problem) => `sample ${index}: ${problem}`)
      })
      const missing = missingSamples(known, stored)
      if (missing.length + failed.length > 0)
        fail(['The samples do not prove the catalogue:', ...missing, ...failed].join('\n  '))
    },

    when(event) {
      const scene = `When ${onOneLine(event)} is appended:`
      return {
        thenStored(expected) {
          const appended = prepared(known, event)
          if ('issues' in appended) fail(`${scene} the catalogue refuses it: ${issueText(appended.issues)}`)
          compare(
            storedParts(appended),
            storedParts(storedEvents(known, [expected], 'thenStored')[0] as RecordedEvent),
            `${scene} it is not stored as expected.`,
          )
        },
        thenInvalid(...paths) {
          const appended = prepared(known, event)
          const wanted = paths.length === 0 ? 'a refusal' : `a refusal at ${paths.join(', ')}`
          if (!('issues' in appended)) fail(`${scene} ${wanted} was expected, but the catalogue accepts it`)
          const found = new Set(appended.issues.map(({ path }) => pathText(path)))
          if (paths.length === 0) return
          if (found.size === new Set(paths).size && paths.every((path) => found.has(path))) return
          fail(
            `${scene} ${wanted} was expected, but the catalogue refuses it for ${issueText(appended.issues)}`,
          )
        },
      }
    },
  }
}

/** Drops and renames have no function, but a sample of a renamed event proves that its data fits. */
function missingSamples(known: KnownEvents, stored: readonly RecordedEvent[]): readonly string[] {
  const kinds = stored.map(({ type, metadata }) => ({ type, schemaVersion: schemaVersionOf(metadata) }))
  return unusedUpcasts(known, kinds).flatMap(({ type, schemaVersion }) => {
    const route = known.routes.get(type)
    if (route !== undefined && isParts(route) && route.size === 0) return []
    return [
      `no sample runs the upcast of '${type}'${schemaVersion === undefined ? '' : ` from version ${schemaVersion}`}`,
    ]
  })
}

/** Returns the event as it would be stored, or the reasons why it is refused, with paths within the event. */
function prepared(
  known: KnownEvents,
  event: Event,
): Pick<RecordedEvent, 'type' | 'data' | 'metadata'> | { readonly issues: readonly EventIssue[] } {
  try {
    const [first] = new EventPreparation(undefined, {}, known).append('given', [event]).events
    const { type, data, metadata } = first as NonNullable<typeof first>
    return { type, data: JSON.parse(data), metadata: JSON.parse(metadata) }
  } catch (error) {
    if (!(error instanceof InvalidEventError)) throw error
    // Each path begins with `events[0]`.
    return { issues: error.issues.map(({ path, message }) => ({ path: path.slice(2), message })) }
  }
}

function storedParts({ type, data, metadata }: Pick<RecordedEvent, 'type' | 'data' | 'metadata'>): object {
  return { type, data, version: metadata[schemaVersionKey] ?? 1 }
}

function issueText(issues: readonly EventIssue[]): string {
  return issues.map(({ path, message }) => `${pathText(path)} (${message})`).join(', ')
}
