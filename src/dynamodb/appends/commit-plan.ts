/** Prepares the items of commits and of their slot, and the results of a transaction that was written. */
import {
  type AppendSuccess,
  type CallerOf,
  callersOf,
  type PreparedAppend,
  type RecordedEvent,
  recordedEvent,
} from '../../storage/index.ts'
import { bodyText, type EncodedBody, encodeText, type ImportedPlace } from '../commits/commit-body.ts'
import type { Head } from '../commits/heads.ts'
import type { Environment } from '../environment.ts'
import { commitKey, commitPartKey, type Key, streamKey } from '../keys.ts'
import { commitNameOf, commitNamesOf, type Run, runsOf, slotItem } from '../log/slot-item.ts'
import type { TakenSlot } from '../log/slots.ts'
import { type Item, isSameAttribute, number, numberOf, sizeOf } from '../requests/attributes.ts'
import type { FailedPart, Part } from '../requests/writer.ts'
import { hasCallerId } from './event-ids.ts'
import { type EntryId, idParts } from './id-parts.ts'

/** An append whose next version in its stream is known. */
export interface CommitEntry {
  readonly append: PreparedAppend
  /** The stream head that this commit follows. */
  readonly head: Head
  /** Whether the stream must not exist, not even as a created stream without events. */
  readonly mustBeNew: boolean
  /** When each event was recorded, in milliseconds since 1970: only for imported events. */
  readonly times?: readonly number[]
}

export interface CommitPart extends Part {
  readonly about: 'stale' | 'repeat' | 'slot' | 'document'
  readonly entryIndex?: number
  /** The ids of events that the part adds. */
  readonly ids?: readonly EntryId[]
}

/** An event to write, by the index of its entry, and by its own index there. */
export interface EventReference {
  readonly entryIndex: number
  readonly eventIndex: number
}

/** The outcome of an append without events. */
export function unchanged({ version, position }: Head): AppendSuccess {
  return { kind: 'appended', version, positions: [], recordedAt: undefined, emptyAt: position }
}

/**
 * The items of an append's transaction. Everything that does not depend on the slot is prepared by the
 * constructor.
 */
export class CommitPlan {
  readonly #environment: Environment
  readonly #entries: readonly CommitEntry[]
  readonly #order: readonly EventReference[]
  /** The body of each entry. */
  readonly #texts: readonly string[]
  readonly #bodies: readonly EncodedBody[]
  #slot: Pick<TakenSlot, 'number' | 'first'> = { number: 0, first: 0 }
  readonly #now = Date.now()
  /** When the events of each entry are recorded. */
  readonly #times: readonly (readonly number[])[]
  /** The index in the slot of each event of each entry. */
  readonly #indexes: readonly (readonly number[])[]

  constructor(environment: Environment, entries: readonly CommitEntry[], order: readonly EventReference[]) {
    this.#environment = environment
    this.#entries = entries
    this.#order = order
    // The clock of the machine may step back. The recorded times of a stream never do.
    this.#times = entries.map(({ append, head, times }) =>
      append.events.map((_, eventIndex) => times?.[eventIndex] ?? Math.max(this.#now, head.recordedAt)),
    )
    const indexes: number[][] = entries.map(() => [])
    for (const [index, { entryIndex, eventIndex }] of order.entries()) {
      const own = indexes[entryIndex] as number[]
      own[eventIndex] = index
    }
    this.#indexes = indexes
    this.#texts = entries.map((entry, index) => this.#textOf(entry, index))
    this.#bodies = this.#texts.map((text) => encodeText(text, environment.compress))
  }

  partsAt({ number, first }: TakenSlot): CommitPart[] {
    this.#slot = { number, first }
    const { tables } = this.#environment
    const parts: CommitPart[] = []
    for (const [index, entry] of this.#entries.entries()) {
      const { append, mustBeNew } = entry
      if (append.events.length === 0) parts.push(...checkParts(this.#environment, entry, index))
      else {
        parts.push(...this.#commitParts(entry, index, this.#bodies[index] as EncodedBody))
        if (mustBeNew)
          parts.push(checkPart(this.#environment, append.streamId, streamKey(append.streamId), index))
      }
    }
    parts.push(...idParts(tables, this.#ids()))
    const item = this.#slotItem()
    const put = { TableName: tables.log, Item: item, ConditionExpression: 'attribute_not_exists(p)' }
    parts.push({ ...retriable, item: { Put: put }, size: sizeOf(item), name: 'slot', about: 'slot' })
    return parts
  }

  #textOf({ append, times }: CommitEntry, index: number): string {
    if (times === undefined) return bodyText(append.events)
    const indexes = this.#indexes[index] as readonly number[]
    const places = append.events.map(
      (_, eventIndex): ImportedPlace => ({
        recordedAt: times[eventIndex] as number,
        offset: (indexes[eventIndex] as number) - (indexes[0] as number),
      }),
    )
    return bodyText(append.events, places)
  }

  #commitParts({ append, head }: CommitEntry, index: number, { parts }: EncodedBody): CommitPart[] {
    const { streamId, events } = append
    const indexes = this.#indexes[index] as readonly number[]
    const [first, last] = [indexes[0] as number, indexes.at(-1) as number]
    const version = head.version + 1
    const attributes = {
      v: number(head.version + events.length),
      t: number(this.#times[index]?.at(-1) as number),
      g: number(this.#slot.number),
      o: number(this.#slot.first + first),
      ...(last !== first + events.length - 1 && { y: number(last - first) }),
      ...(parts.length > 1 && { m: number(parts.length) }),
      ...(version === 1 && { w: number(this.#now) }),
    }
    return parts.map((body, part) => {
      const key = part === 0 ? commitKey(streamId, version) : commitPartKey(streamId, version, part)
      const item: Item = { ...key, ...attributes, ...body }
      const put = {
        TableName: this.#environment.tables.events,
        Item: item,
        ...(part === 0 && mustNotExist),
      }
      return {
        ...retriable,
        item: { Put: put },
        size: sizeOf(item),
        // Computed only when the transaction is too large: it looks at all events.
        get name() {
          return largestEvent(append)
        },
        about: 'stale',
        entryIndex: index,
      }
    })
  }

  /** The ids that come from the caller. */
  #ids(): EntryId[] {
    return this.#entries.flatMap(({ append: { streamId, events }, head }, entryIndex) =>
      events.flatMap((event, eventIndex): EntryId | [] => {
        if (!hasCallerId(event)) return []
        const location = {
          streamId,
          version: head.version + eventIndex + 1,
          position: this.#positionOf(entryIndex, eventIndex),
          recordedAt: this.#times[entryIndex]?.[eventIndex] as number,
        }
        return { id: event.id, location, entryIndex }
      }),
    )
  }

  #positionOf(entryIndex: number, eventIndex: number): number {
    return this.#slot.first + (this.#indexes[entryIndex]?.[eventIndex] as number)
  }

  #slotItem(): Item {
    const runs = this.#runs()
    const written = this.#entries.flatMap(({ append, head }, index) => {
      if (append.events.length === 0) return []
      const name = commitNameOf({ commit: head.version + 1, streamId: append.streamId })
      return [{ name, recordedAt: this.#times[index]?.at(-1) as number, body: this.#texts[index] as string }]
    })
    const byName = new Map(written.map((commit) => [commit.name, commit]))
    const content = {
      ...this.#slot,
      recordedAt: this.#times.flat().reduce((latest, time) => Math.max(latest, time)),
      writtenAt: this.#now,
      runs,
      commits: [...commitNamesOf(runs)].map((name) => byName.get(name) as (typeof written)[number]),
    }
    return slotItem(content, this.#environment.compress)
  }

  #runs(): Run[] {
    return runsOf(
      this.#order.map(({ entryIndex, eventIndex }) => {
        const { append, head } = this.#entries[entryIndex] as CommitEntry
        const { type } = append.events[eventIndex] as PreparedAppend['events'][number]
        return {
          streamId: append.streamId,
          version: head.version + eventIndex + 1,
          type,
          commit: head.version + 1,
          bytes: (this.#texts[entryIndex] as string).length,
        }
      }),
    )
  }

  /** The events as they will be recorded, in the order of the log. */
  recorded(): RecordedEvent[] {
    return this.#order.map(({ entryIndex, eventIndex }, index) => {
      const { append, head } = this.#entries[entryIndex] as CommitEntry
      return recordedEvent(append.streamId, append.events[eventIndex] as PreparedAppend['events'][number], {
        version: head.version + eventIndex + 1,
        position: this.#slot.first + index,
        recordedAt: new Date(this.#times[entryIndex]?.[eventIndex] as number),
      })
    })
  }

  callerOf(): CallerOf {
    return callersOf(this.#entries.map(({ append }) => append))
  }

  /**
   * Whether an earlier request of this append, whose answer was lost, has written the transaction. Then the
   * stored commit has this append's slot and body.
   */
  isDone(failures: readonly FailedPart<CommitPart>[]): boolean {
    return failures.some(({ part: { entryIndex, about }, reason: { Item: stored } }) => {
      if (about !== 'stale' || entryIndex === undefined || numberOf(stored, 'g') !== this.#slot.number)
        return false
      const own = this.#bodies[entryIndex]?.parts[0]?.e
      return own !== undefined && isSameAttribute(own, stored?.e)
    })
  }

  /** The results of the written transaction. Also remembers the new heads of the streams. */
  done(): AppendSuccess[] {
    return this.#entries.map(({ append, head }, index) => {
      if (append.events.length === 0) return unchanged(head)
      const positions = append.events.map((_, eventIndex) => this.#positionOf(index, eventIndex))
      const recordedAt = this.#times[index]?.at(-1) as number
      const version = head.version + append.events.length
      this.#environment.heads.remember(append.streamId, {
        version,
        recordedAt,
        position: positions.at(-1) as number,
      })
      return { kind: 'appended', version, positions, recordedAt: new Date(recordedAt) }
    })
  }
}

/** A failed condition of such a part is not an error: the append retries. */
const retriable = { failed: () => undefined }
const mustNotExist = {
  ConditionExpression: 'attribute_not_exists(p)',
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
}

/** Checks that a stream still ends at the head of its entry. */
export function checkParts(
  environment: Environment,
  { append, head, mustBeNew }: CommitEntry,
  entryIndex: number,
): CommitPart[] {
  const { streamId, expectedVersion: expected } = append
  // These expectations need no check: a stream that exists never disappears.
  if (expected === 'any' || expected === 'streamExists') return []
  const parts = [checkPart(environment, streamId, commitKey(streamId, head.version + 1), entryIndex)]
  return mustBeNew ? [...parts, checkPart(environment, streamId, streamKey(streamId), entryIndex)] : parts
}

/** Checks that an item of a stream does not exist. */
function checkPart({ tables }: Environment, streamId: string, key: Key, entryIndex: number): CommitPart {
  const check = { TableName: tables.events, Key: key, ConditionExpression: 'attribute_not_exists(p)' }
  const name = `check of stream '${streamId}'`
  return { ...retriable, item: { ConditionCheck: check }, size: 0, name, about: 'stale', entryIndex }
}

function largestEvent({ streamId, events }: PreparedAppend): string {
  const sizes = events.map(({ data, metadata }) => data.length + metadata.length)
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0)
  return `event ${sizes.indexOf(largest)} of stream '${streamId}' (${largest} characters of JSON)`
}
