/** Makes recorded events of the events in a test, as a store would return them. */
import type { KnownEvents } from '../catalogue/known-events.ts'
import { upcastAll } from '../catalogue/upcast.ts'
import type { Event, RecordedEvent } from '../event.ts'
import { EventPreparation } from '../input/events.ts'
import { refuse } from '../input/refusal.ts'
import { uuidOf } from '../uuid.ts'
import { isStoredShape } from './stored.ts'

/** An event of a test, which may say in which stream it is. */
export interface TestEvent extends Event {
  /** @default 'given' */
  readonly streamId?: string | undefined
}

/** The made-up time at which the log began. */
const beginning = Date.UTC(2000, 0, 1)

/**
 * Returns the events as a store keeps them: a second apart, and with payloads that went through JSON. A catalogue validates
 * today's events, and makes their stored form. `name`: the name of the list in errors; `after`: how many events precede it.
 * @throws InvalidInputError, InvalidEventError
 */
export function storedEvents(
  known: KnownEvents | undefined,
  events: readonly TestEvent[],
  name: string,
  after: number = 0,
): RecordedEvent[] {
  const preparation = new EventPreparation(undefined, {}, known)
  const versions = new Map<string, number>()
  return events.map((event, index) => {
    const field = `${name}[${index}]`
    const isStored = typeof event === 'object' && event !== null && isStoredShape(event)
    if (isStored && known === undefined) {
      const problem =
        'needs a catalogue that reads stored(…): let catalogue.decider, .projection or .subscription make what you test'
      refuse(field, problem, event)
    }
    // Without a catalogue, every past event is as it is stored. Decided and expected events are new.
    const isAsStored = isStored || (known === undefined && name === 'given')
    const prepared = preparation.imported(event, field, () => uuidOf(name, index), isAsStored)
    // An event that was read from a store keeps its stream, version, position and time.
    const { streamId = 'given', version, position, recordedAt } = event as Partial<RecordedEvent>
    const next = version ?? (versions.get(streamId) ?? after) + 1
    versions.set(streamId, next)
    const place = position ?? after + index + 1
    return {
      type: prepared.type,
      data: JSON.parse(prepared.data),
      id: prepared.id,
      streamId,
      version: next,
      position: place,
      recordedAt: recordedAt ?? new Date(beginning + place * 1000),
      metadata: JSON.parse(prepared.metadata),
      tags: prepared.tags,
    }
  })
}

/**
 * Returns the events as a store would return them: the catalogue reads what is stored.
 * @throws InvalidInputError, InvalidEventError, UnreadableEventError
 */
export function todaysEvents<E extends Event>(
  known: KnownEvents | undefined,
  events: readonly TestEvent[],
  name: string,
  after?: number,
): readonly RecordedEvent<E>[] {
  const stored = storedEvents(known, events, name, after)
  return (known === undefined ? stored : upcastAll(known, stored)) as readonly RecordedEvent<E>[]
}

/** Returns the parts of an event that a test compares: type and data, and the others that the expected event has. */
export function comparedParts({ type, data, id, metadata, tags }: RecordedEvent, expected?: Event): Event {
  return {
    type,
    data,
    ...(expected?.id !== undefined && { id }),
    ...(expected?.metadata !== undefined && { metadata }),
    ...(expected?.tags !== undefined && { tags }),
  }
}
