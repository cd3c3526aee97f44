/** Writing commits: their items, their slot, and what inline projections make of the events, in one transaction. */

import {
  type AppendSuccess,
  InlineFailure,
  type InlineProjections,
  type PreparedAppend,
  type ProjectionTarget,
  type RecordedEvent,
  recordedEvent,
} from '../storage/index.ts'
import { type Item, isSameAttribute, number, numberOf, sizeOf } from './attributes.ts'
import { type EncodedBody, encodeBody, type OwnPlace } from './commit-body.ts'
import type { Environment } from './environment.ts'
import { eventIdPut, isGiven } from './event-ids.ts'
import type { Head } from './heads.ts'
import { commitKey, commitPartKey, type Key, positionOf, positionsPerSlot, streamKey } from './keys.ts'
import type { DynamodbProjections } from './projection.ts'
import { type Counter, type Run, runsOf, slotItem } from './slots.ts'
import type { DynamodbSubscriptions } from './subscription.ts'
import { WorkTransaction } from './transaction.ts'
import type { FailedPart, Part } from './writer.ts'

/** An append whose place in its stream is known. */
export interface CommitEntry {
  readonly append: PreparedAppend
  /** Behind what it goes. */
  readonly head: Head
  /** Whether the stream must not be there, not even an empty one that was created. */
  readonly mustBeNew: boolean
  /** Of imported events: when each was recorded. */
  readonly times?: readonly number[]
}

/** `stale`: the stream has gone on; `repeat`: an id is taken; `again`: it is nothing about this append. */
export type CommitResult = AppendSuccess | 'stale' | 'repeat' | 'again'

interface CommitPart extends Part {
  readonly about: 'stale' | 'repeat' | 'slot' | 'document'
  /** Which entry it is of. */
  readonly entry?: number
}

/** An event on its way, at its place in the slot. */
interface PlacedEvent {
  readonly entry: number
  /** In its entry. */
  readonly nth: number
}

// A slot that can hold its only commit without costing more.
const mostBytesInSlot = 1_000
// Conflicts over documents are tried again with the same slot so often, before another is taken.
const mostFolds = 20

export class Commits {
  readonly #environment: Environment
  readonly #inline: InlineProjections
  readonly #inlineNames: readonly string[]
  readonly #projections: DynamodbProjections
  readonly #subscriptions: DynamodbSubscriptions
  /** The epoch of the counter at which targets were looked up. */
  readonly #epochs = new WeakMap<readonly ProjectionTarget[], number>()

  constructor(
    environment: Environment,
    inline: InlineProjections,
    inlineNames: readonly string[],
    projections: DynamodbProjections,
    subscriptions: DynamodbSubscriptions,
  ) {
    this.#environment = environment
    this.#inline = inline
    this.#inlineNames = inlineNames
    this.#projections = projections
    this.#subscriptions = subscriptions
  }

  /** Whether the user's code is run for each event. */
  get runProjections(): boolean {
    return !this.#inline.isEmpty
  }

  /** Before anything is looked at: whether the projections are as they should be does not depend on what it finds. */
  async register(signal: AbortSignal | undefined): Promise<void> {
    await this.#targets(signal)
  }

  /** Makes all appends in one transaction, or none; `order` is that of the events in the log, if not the entries'. */
  async write(
    entries: readonly CommitEntry[],
    signal: AbortSignal | undefined,
    order: readonly PlacedEvent[] = entries.flatMap(({ append }, entry) =>
      append.events.map((_, nth) => ({ entry, nth })),
    ),
  ): Promise<readonly CommitResult[]> {
    if (order.length === 0) return this.#check(entries, signal)
    const targets = await this.#targets(signal)
    const taken = Math.ceil(order.length / positionsPerSlot)
    const taking = this.#environment.slots.take(taken, signal)
    // Its error is told below.
    taking.catch(() => {})
    // While the slot is on its way.
    const plan = new CommitPlan(this.#environment, entries, order)
    const counter = await taking
    const giveBack = () => {
      for (let nth = 0; nth < taken; nth++) this.#environment.slots.giveBack(counter.last - nth)
    }
    const slot = counter.last - taken + 1
    if (!this.#mayWrite(targets, counter)) {
      giveBack()
      this.#inline.forget()
      await this.#projections.waitUnlocked(this.#inlineNames, signal)
      return entries.map(() => 'again')
    }
    let isUsed = false
    try {
      const parts = plan.partsAt(slot)
      for (let fold = 1; ; fold++) {
        const documents = await this.#fold(targets, plan, slot, signal)
        if (documents === undefined) return entries.map(() => 'again')
        const failures = await this.#environment.writer.write('Appending', [...parts, ...documents], signal)
        isUsed = failures === undefined || plan.isDone(failures)
        if (isUsed) return plan.done()
        const others = failures as readonly FailedPart<CommitPart>[]
        if (others.every(({ part }) => part.about === 'document')) {
          this.#throwOwn(others)
          if (fold < mostFolds) continue
        }
        isUsed = others.some(({ part }) => part.about === 'slot')
        if (isUsed) this.#reportLate(slot)
        return entries.map((_, index) => verdict(others, index))
      }
    } finally {
      if (!isUsed) giveBack()
    }
  }

  /** Appends without events: nothing is written, and all expectations are met at one moment. */
  async #check(
    entries: readonly CommitEntry[],
    signal: AbortSignal | undefined,
  ): Promise<readonly CommitResult[]> {
    const parts = entries.flatMap((entry, index) => checkParts(this.#environment, entry, index))
    const failures = await this.#environment.writer.write('Checking versions', parts, signal)
    if (failures === undefined) return entries.map(({ head }) => unchanged(head))
    return entries.map((_, index) => verdict(failures, index))
  }

  async #targets(signal: AbortSignal | undefined): Promise<readonly ProjectionTarget[]> {
    if (this.#inline.isEmpty) return []
    let lookedUpAt: number | undefined
    const targets = await this.#inline.targets({
      registerProjections: async (projections) => {
        const { epoch } = await this.#environment.slots.counter(signal)
        lookedUpAt = epoch
        return this.#projections.registerProjections(projections, signal)
      },
    })
    if (lookedUpAt !== undefined) this.#epochs.set(targets, lookedUpAt)
    return targets
  }

  /** Whether what was looked up is what the slot demands, and nobody has locked it. */
  #mayWrite(targets: readonly ProjectionTarget[], { epoch, locks }: Counter): boolean {
    if (this.#inline.isEmpty) return true
    return epoch === this.#epochs.get(targets) && !this.#inlineNames.some((name) => locks.has(name))
  }

  /** What the events mean for the documents; undefined: they need a later slot. */
  async #fold(
    targets: readonly ProjectionTarget[],
    plan: CommitPlan,
    slot: number,
    signal: AbortSignal | undefined,
  ): Promise<CommitPart[] | undefined> {
    if (targets.length === 0) return []
    const transaction = new WorkTransaction(
      this.#environment,
      this.#projections,
      this.#subscriptions,
      slot,
      signal,
    )
    try {
      await this.#inline.apply(targets, plan.recorded(), transaction)
      if (transaction.isTooEarly) return undefined
      return transaction.parts().map((part) => ({ ...part, about: 'document' }))
    } catch (error) {
      if (transaction.isTooEarly) return undefined
      // Also what is wrong with the documents that it made.
      throw error instanceof InlineFailure ? error : new InlineFailure(error)
    } finally {
      await transaction.end()
    }
  }

  /** What the user's own items are refused for is told as the projection's failure. */
  #throwOwn(failures: readonly FailedPart<CommitPart>[]): void {
    for (const { part, reason } of failures) {
      const error = part.failed(reason)
      if (error !== undefined) throw new InlineFailure(error)
    }
  }

  #reportLate(slot: number): void {
    const { connection, tables } = this.#environment
    const subject = { doing: 'Appending', table: tables.log, key: `slot ${slot}` }
    connection.report('late', subject, `slot ${slot} was sealed before it was used`, 1)
  }
}

/** What became of an entry, by what failed. */
function verdict(failures: readonly FailedPart<CommitPart>[], entry: number): CommitResult {
  const own = failures.filter(({ part }) => part.entry === entry)
  if (own.some(({ part }) => part.about === 'repeat')) return 'repeat'
  return own.length > 0 ? 'stale' : 'again'
}

/** The outcome of an append without events. */
export function unchanged({ version, position }: Head): AppendSuccess {
  return { kind: 'appended', version, positions: [], recordedAt: undefined, emptyAt: position }
}

/** What a transaction writes, once it has its slot. */
class CommitPlan {
  readonly #environment: Environment
  readonly #entries: readonly CommitEntry[]
  readonly #order: readonly PlacedEvent[]
  readonly #bodies: readonly EncodedBody[]
  #slot = 0
  readonly #now = Date.now()
  /** When the events of each entry are recorded. */
  readonly #times: readonly (readonly number[])[]
  /** The index in the slot of each event of each entry. */
  readonly #indexes: readonly (readonly number[])[]

  constructor(environment: Environment, entries: readonly CommitEntry[], order: readonly PlacedEvent[]) {
    this.#environment = environment
    this.#entries = entries
    this.#order = order
    // Clocks may step back; time in a stream never does.
    this.#times = entries.map(({ append, head, times }) =>
      append.events.map((_, nth) => times?.[nth] ?? Math.max(this.#now, head.recordedAt)),
    )
    const indexes: number[][] = entries.map(() => [])
    for (const [index, { entry, nth }] of order.entries()) (indexes[entry] as number[])[nth] = index
    this.#indexes = indexes
    this.#bodies = entries.map((entry, index) => this.#bodyOf(entry, index))
  }

  partsAt(slot: number): CommitPart[] {
    this.#slot = slot
    const { tables } = this.#environment
    const parts: CommitPart[] = []
    for (const [index, entry] of this.#entries.entries()) {
      const { append, mustBeNew } = entry
      if (append.events.length === 0) parts.push(...checkParts(this.#environment, entry, index))
      else {
        parts.push(...this.#commitParts(entry, index, this.#bodies[index] as EncodedBody))
        if (mustBeNew)
          parts.push(checkPart(this.#environment, append.streamId, streamKey(append.streamId), index))
        parts.push(...this.#idParts(entry, index))
      }
    }
    for (let from = 0; from < this.#order.length; from += positionsPerSlot) {
      const item = this.#slotItem(from)
      const put = { TableName: tables.log, Item: item, ConditionExpression: 'attribute_not_exists(p)' }
      parts.push({ ...plain, item: { Put: put }, size: sizeOf(item), name: 'slot', about: 'slot' })
    }
    return parts
  }

  #bodyOf({ append, times }: CommitEntry, index: number): EncodedBody {
    const { compress } = this.#environment
    if (times === undefined) return encodeBody(append.events, compress)
    const places = append.events.map(
      (_, nth): OwnPlace => ({
        recordedAt: times[nth] as number,
        index: this.#indexes[index]?.[nth] as number,
      }),
    )
    return encodeBody(append.events, compress, places)
  }

  #commitParts({ append, head }: CommitEntry, index: number, { parts }: EncodedBody): CommitPart[] {
    const { streamId, events } = append
    const indexes = this.#indexes[index] as readonly number[]
    const [first, last] = [indexes[0] as number, indexes.at(-1) as number]
    const version = head.version + 1
    const attributes = {
      v: number(head.version + events.length),
      t: number(this.#times[index]?.at(-1) as number),
      g: number(this.#slot),
      x: number(first),
      ...(last !== first + events.length - 1 && { y: number(last) }),
      ...(parts.length > 1 && { m: number(parts.length) }),
      ...(version === 1 && { w: number(this.#now) }),
    }
    return parts.map((body, part) => {
      const key = part === 0 ? commitKey(streamId, version) : commitPartKey(streamId, version, part)
      const item: Item = { ...key, ...attributes, ...body }
      const put = {
        TableName: this.#environment.tables.events,
        Item: item,
        ...(part === 0 && never),
      }
      return {
        ...plain,
        item: { Put: put },
        size: sizeOf(item),
        // It is asked for only if there is too much.
        get name() {
          return largestEvent(append)
        },
        about: 'stale',
        entry: index,
      }
    })
  }

  #idParts({ append, head }: CommitEntry, entry: number): CommitPart[] {
    const parts: CommitPart[] = []
    for (const [nth, event] of append.events.entries()) {
      if (!isGiven(event)) continue
      const { item, size } = eventIdPut(this.#environment.tables, event.id, {
        streamId: append.streamId,
        version: head.version + nth + 1,
        slot: this.#slot,
        index: this.#indexes[entry]?.[nth] as number,
        recordedAt: this.#times[entry]?.[nth] as number,
      })
      parts.push({
        ...plain,
        item,
        size,
        name: 'event id given by the caller',
        about: 'repeat',
        entry,
      })
    }
    return parts
  }

  /** More events than a slot has positions go on in the next one. */
  #slotItem(from: number): Item {
    const order = this.#order.slice(from, from + positionsPerSlot)
    const slot = this.#slot + from / positionsPerSlot
    const recordedAt = order.map(({ entry, nth }) => this.#times[entry]?.[nth] as number)
    const latest = recordedAt.reduce((a, b) => Math.max(a, b))
    const item = slotItem(slot, this.#runs(order), { recordedAt: latest, writtenAt: this.#now })
    const written = this.#bodies.filter((_, index) => this.#entries[index]?.append.events.length !== 0)
    const body = written.length === 1 ? written[0]?.parts : undefined
    const isSmall = body?.length === 1 && sizeOf(item) + sizeOf(body[0] as Item) <= mostBytesInSlot
    return isSmall && order.length === this.#order.length ? { ...item, ...body[0] } : item
  }

  #runs(order: readonly PlacedEvent[]): Run[] {
    return runsOf(
      order.map(({ entry, nth }) => {
        const { append, head } = this.#entries[entry] as CommitEntry
        const { type } = append.events[nth] as PreparedAppend['events'][number]
        return {
          streamId: append.streamId,
          version: head.version + nth + 1,
          type,
          commit: head.version + 1,
        }
      }),
    )
  }

  /** The events as they will be recorded, in the order of the log. */
  recorded(): RecordedEvent[] {
    return this.#order.map(({ entry, nth }, index) => {
      const { append, head } = this.#entries[entry] as CommitEntry
      return recordedEvent(append.streamId, append.events[nth] as PreparedAppend['events'][number], {
        version: head.version + nth + 1,
        position: positionOf(this.#slot, index),
        recordedAt: new Date(this.#times[entry]?.[nth] as number),
      })
    })
  }

  /** Whether the transaction was done by a request of ours whose answer was lost: what is there is what we would put. */
  isDone(failures: readonly FailedPart<CommitPart>[]): boolean {
    return failures.some(({ part: { entry, about }, reason: { Item: there } }) => {
      if (about !== 'stale' || entry === undefined || numberOf(there, 'g') !== this.#slot) return false
      const own = this.#bodies[entry]?.parts[0]?.e
      return own !== undefined && isSameAttribute(own, there?.e)
    })
  }

  done(): AppendSuccess[] {
    return this.#entries.map(({ append, head }, index) => {
      if (append.events.length === 0) return unchanged(head)
      const positions = (this.#indexes[index] as readonly number[]).map((place) =>
        positionOf(this.#slot, place),
      )
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

const plain = { failed: () => undefined }
const never = {
  ConditionExpression: 'attribute_not_exists(p)',
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
}

/** Checks that a stream is where it was seen to be. */
function checkParts(
  environment: Environment,
  { append, head, mustBeNew }: CommitEntry,
  entry: number,
): CommitPart[] {
  const { streamId, expectedVersion: expected } = append
  // That a stream exists stays so.
  if (expected === 'any' || expected === 'streamExists') return []
  const parts = [checkPart(environment, streamId, commitKey(streamId, head.version + 1), entry)]
  return mustBeNew ? [...parts, checkPart(environment, streamId, streamKey(streamId), entry)] : parts
}

/** A check that an item of a stream is not there. */
function checkPart({ tables }: Environment, streamId: string, key: Key, entry: number): CommitPart {
  const check = { TableName: tables.events, Key: key, ConditionExpression: 'attribute_not_exists(p)' }
  const name = `check of stream '${streamId}'`
  return { ...plain, item: { ConditionCheck: check }, size: 0, name, about: 'stale', entry }
}

function largestEvent({ streamId, events }: PreparedAppend): string {
  const sizes = events.map(({ data, metadata }) => data.length + metadata.length)
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0)
  return `event ${sizes.indexOf(largest)} of stream '${streamId}' (${largest} characters of JSON)`
}
