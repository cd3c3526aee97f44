/** Generates random programs of calls, and runs them on a store or on its model, so that the outcomes can be compared. */
import type { Event, Metadata } from '@eventsourced/core'
import fc from 'fast-check'
import type { ExpectedVersion } from '../src/expected-version.ts'
import type { ImportedEvent, ImportOptions } from '../src/imported-event.ts'
import type * as reads from '../src/reads.ts'
import type * as contract from '../src/store.ts'
import { Refusal } from './model.ts'

/** A store or the model of one, on which a program runs. */
export interface Subject {
  createStream(streamId: string, options?: { metadata?: Metadata }): unknown
  append(streamId: string, events: readonly Event[], options?: contract.AppendOptions): unknown
  appendAll(appends: readonly contract.StreamAppend[], options?: { metadata?: Metadata }): unknown
  readStream(streamId: string, options?: reads.ReadStreamOptions): unknown
  readAll(options?: reads.ReadAllOptions): AsyncIterable<Recorded> | Iterable<Recorded>
  streamInfo(streamId: string): unknown
  listStreams(options?: reads.ListStreamsOptions): AsyncIterable<unknown> | Iterable<unknown>
  import(source: readonly ImportedEvent[], options?: ImportOptions): unknown
}

type Recorded = { readonly position: number; readonly recordedAt: Date }

/** A place in the log, as the number of events up to it. Positions cannot be used, as they differ between stores. */
interface Place {
  readonly nth: number
}

/** A time: `later` milliseconds after the nth event of the log was recorded. */
interface Moment extends Place {
  readonly later: number
}

/** One step of a program. */
export type Command =
  | { readonly kind: 'createStream'; readonly streamId: string; readonly metadata: Metadata | undefined }
  | (contract.StreamAppend & { readonly kind: 'append'; readonly metadata: Metadata | undefined })
  | { readonly kind: 'appendAll'; readonly appends: readonly contract.StreamAppend[] }
  | { readonly kind: 'import'; readonly source: readonly ImportedEvent[]; readonly clampTimes: boolean }
  /** Makes the writing call `back` calls before again, with another expected version. */
  | {
      readonly kind: 'repeat'
      readonly back: number
      readonly expectedVersion: ExpectedVersion | undefined
    }
  | {
      readonly kind: 'readStream'
      readonly streamId: string
      readonly options: Omit<reads.ReadStreamOptions, 'asOf'>
      readonly asOf: Moment | undefined
    }
  | {
      readonly kind: 'readAll'
      readonly options: Omit<reads.ReadAllOptions, 'after' | 'until'>
      readonly after: Place | undefined
      readonly until: Place | undefined
    }
  | { readonly kind: 'listStreams'; readonly options: reads.ListStreamsOptions }
  | { readonly kind: 'streamInfo'; readonly streamId: string }
  /** Moves the clock forward or back. */
  | { readonly kind: 'tick'; readonly milliseconds: number }

// Few names and ids, so that calls meet each other. Two of the names sort differently by UTF-16 units.
const streamId = fc.constantFrom('a', 'ab', 'a%', 'b', '\uffff', '😀')
const type = fc.constantFrom('A', 'B', '__proto__')
const id = fc
  .integer({ min: 0, max: 40 })
  .map((number) => `0190a5b2-0000-7000-8000-${String(number).padStart(12, '0')}`)
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
const metadata = fc.dictionary(
  fc.constantFrom('userId', 'correlationId', '__proto__'),
  fc.jsonValue({ maxDepth: 1 }),
)
const tags = fc.array(fc.constantFrom('t:1', 't:2', '{}'), { maxLength: 2 })
const event = fc.record({
  id,
  type,
  data: fc.jsonValue({ maxDepth: 2 }),
  metadata: optional(metadata),
  tags: optional(tags),
})
const events = fc.uniqueArray(event, { maxLength: 4, selector: (one) => one.id })
const expectedVersion = optional(
  fc.oneof(fc.constantFrom('any', 'noStream', 'streamExists'), fc.integer({ min: 0, max: 8 })),
) as fc.Arbitrary<ExpectedVersion | undefined>
const append = fc.record({ streamId, events, expectedVersion })
const direction = fc.constantFrom(undefined, 'forward', 'backward') as fc.Arbitrary<
  reads.Direction | undefined
>
const prefix = optional(fc.constantFrom('a', '\uffff'))
const limit = optional(fc.integer({ min: 1, max: 6 }))
const place = optional(fc.record({ nth: fc.integer({ min: 0, max: 25 }) }))
const start = Date.UTC(2020, 0, 1)

export const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append'),
      streamId,
      events,
      expectedVersion,
      metadata: optional(metadata),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('appendAll'), appends: fc.array(append, { maxLength: 3 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('repeat'),
      back: fc.integer({ min: 1, max: 5 }),
      expectedVersion,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('createStream'), streamId, metadata: optional(metadata) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('import'),
      clampTimes: fc.boolean(),
      source: fc.array(
        fc.tuple(event, streamId, optional(fc.integer({ min: 0, max: 5 }))).map(([one, name, second]) => ({
          ...one,
          streamId: name,
          recordedAt: second === undefined ? undefined : new Date(start + second * 1000),
        })),
        { maxLength: 6 },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('readStream'),
      streamId,
      options: fc.record({
        fromVersion: optional(fc.integer({ min: 1, max: 9 })),
        toVersion: optional(fc.integer({ min: 0, max: 9 })),
        direction,
        limit,
      }),
      asOf: optional(
        fc.record({ nth: fc.integer({ min: 0, max: 25 }), later: fc.integer({ min: -1, max: 1 }) }),
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('readAll'),
      options: fc.record({
        types: optional(fc.array(type, { minLength: 1, maxLength: 2 })),
        streamPrefix: optional(fc.constantFrom('a', 'a%', '😀', '\ud83d\ude00x')),
        direction,
        limit,
      }),
      after: place,
      until: place,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('listStreams'),
      options: fc.oneof(
        fc.record({ prefix, after: optional(streamId), limit }),
        fc.record({ prefix, order: fc.constant('largest'), limit: fc.integer({ min: 1, max: 6 }) }),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('streamInfo'), streamId }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('tick'), milliseconds: fc.integer({ min: -3, max: 5 }) }),
  },
) as fc.Arbitrary<Command>

/** Replaces each `repeat` with the call that it repeats. */
export function withoutRepeats(commands: readonly Command[]): readonly Command[] {
  const calls: Command[] = []
  return commands.map((one) => {
    const earlier = one.kind === 'repeat' ? calls.at(-one.back) : undefined
    if (one.kind === 'append' || one.kind === 'appendAll' || one.kind === 'import') calls.push(one)
    if (one.kind !== 'repeat') return one
    if (earlier?.kind === 'append') return { ...earlier, expectedVersion: one.expectedVersion }
    return earlier ?? { kind: 'tick', milliseconds: 0 }
  })
}

/** The outcome of a command: its result, or the properties of its error. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown }

/** Runs one command. Only an error of the library is an outcome; any other error is thrown. */
export async function run(subject: Subject, one: Command): Promise<Outcome> {
  try {
    return { value: await call(subject, one) }
  } catch (error) {
    if (error instanceof Refusal) return { error: error.facts }
    if (error instanceof Error && 'code' in error) {
      const { received: _, ...facts } = error as Error & {
        readonly code: unknown
        readonly received?: unknown
      }
      return { error: { ...facts } }
    }
    throw error
  }
}

async function call(subject: Subject, one: Command): Promise<unknown> {
  switch (one.kind) {
    case 'createStream':
      return subject.createStream(one.streamId, one.metadata === undefined ? {} : { metadata: one.metadata })
    case 'append':
      return subject.append(one.streamId, one.events, {
        expectedVersion: one.expectedVersion,
        metadata: one.metadata,
      })
    case 'appendAll':
      return subject.appendAll(one.appends)
    case 'import':
      return subject.import(one.source, { clampTimes: one.clampTimes })
    case 'readStream':
      return subject.readStream(one.streamId, {
        ...one.options,
        asOf: one.asOf && (await momentIn(subject, one.asOf)),
      })
    case 'readAll':
      return collect(
        subject.readAll({
          ...one.options,
          after: await positionIn(subject, one.after, one.options.direction !== 'backward'),
          until: await positionIn(subject, one.until),
        }),
      )
    case 'listStreams':
      return collect(subject.listStreams(one.options))
    case 'streamInfo':
      return subject.streamInfo(one.streamId)
    default:
      return undefined
  }
}

export async function collect<T>(items: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

/** The position of the nth event. Behind the end of the log, it is a position that does not exist yet, unless it must exist. */
async function positionIn(
  subject: Subject,
  where: Place | undefined,
  mustExist = false,
): Promise<number | undefined> {
  if (where === undefined) return undefined
  const log = await collect(subject.readAll())
  if (where.nth === 0) return 0
  const last = log.at(-1)?.position ?? 0
  return log[where.nth - 1]?.position ?? (mustExist ? last : last + where.nth)
}

/** The time of a moment in the log of this subject. */
export async function momentIn(subject: Subject, moment: Moment): Promise<Date> {
  const time = (await collect(subject.readAll()))[moment.nth]?.recordedAt ?? new Date()
  return new Date(time.getTime() + moment.later)
}
