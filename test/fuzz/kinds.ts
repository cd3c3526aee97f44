/** The kinds of values that the calls of the library take: names, numbers, dates, events, options, projections. */
import { projection, type RecordedEvent } from '@eventsourced/core'
import fc from 'fast-check'
import { anyJson, anything, boxed, isFaithful } from './json.ts'
import { kindsIn, type Mix } from './samples.ts'
import { anyText, isName, isReadName, isText } from './texts.ts'

/** A projection with a document for each tag, which counts the events and keeps the last payload. */
export const byTag = projection({
  name: 'by "tag" %',
  key: ({ tags }: RecordedEvent) => tags,
  initialState: () => ({ count: 0, last: null as unknown }),
  evolve: ({ count }, { data }) => ({ count: count + 1, last: data }),
})

const fewIds = Array.from({ length: 12 }, (_, index) => `00000000-0000-4000-8000-0000000000${10 + index}`)
const longest = 2 ** 53 - 1
const longestWait = 2 ** 31 - 1
const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** `names`: the good names of streams, types, tags, keys, projections and subscriptions. */
export function callKinds(mix: Mix, names: fc.Arbitrary<string>) {
  const { leaf, optional, list, record } = kindsIn(mix)
  const badText = fc.oneof(boxed(anyText), anything)
  const name = leaf(names, isName, badText)
  const readName = leaf(
    fc.oneof({ weight: 5, arbitrary: names }, { weight: 1, arbitrary: fc.constantFrom('$', '$all') }),
    isReadName,
    badText,
  )
  // An empty prefix stands for all.
  const prefix = leaf(fc.oneof(names, fc.constant('')), (value) => value === '' || isReadName(value), badText)
  const text = leaf(
    fc.oneof(names, fc.constant('')),
    (value) => typeof value === 'string' && isText(value),
    badText,
  )

  const badNumbers = fc.oneof(
    boxed(
      fc.oneof(
        fc.constantFrom(
          0,
          -1,
          1.5,
          Number.NaN,
          Number.POSITIVE_INFINITY,
          -Infinity,
          2 ** 53,
          -(2 ** 53),
          1e300,
        ),
        fc.constantFrom('1', '', 1n, null, [1], longest, longestWait + 1, 2 ** 31),
        fc.double(),
      ),
    ),
    anything,
  )
  const isWhole = (least: number, most: number) => (value: unknown) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
  /** `few`: the good values to try. All numbers outside of the bounds are bad. */
  const whole = (least: number, few: readonly number[], most = longest) =>
    leaf(fc.constantFrom(...few), isWhole(least, most), badNumbers)
  const number = (...bounds: Parameters<typeof whole>) => optional(whole(...bounds))
  const milliseconds = (least: number, few: readonly number[]) => number(least, few, longestWait)
  const oneOf = (...values: readonly string[]) =>
    leaf(fc.constantFrom(...values), (value) => values.includes(value as string), badText)
  const boolean = leaf(fc.boolean(), (value) => typeof value === 'boolean')
  const callback = leaf(
    fc.constant(() => undefined),
    (value) => typeof value === 'function',
  )

  const isDate = (value: unknown) => {
    const time = Date.prototype.getTime.call(value)
    return time >= Date.parse('0001-01-01T00:00:00Z') && time <= Date.parse('9999-12-31T23:59:59.999Z')
  }
  const oddDates = fc.constantFrom(Number.NaN, 8.64e15, -8.64e15, -62_135_596_800_001, 253_402_300_800_000)
  const badDate = fc.oneof(
    boxed(
      fc.oneof(
        oddDates.map((time) => new Date(time)),
        fc.constant('2020-01-01T00:00:00Z'),
      ),
    ),
    badNumbers,
  )
  const someDate = (...times: string[]) => fc.constantFrom(...times).map((time) => new Date(time))
  const past = [
    '0001-01-01T00:00:00Z',
    '0099-12-31T23:59:59.999Z',
    '1969-12-31T23:59:59.999Z',
    '2020-02-29T12:00:00Z',
  ]
  /** No time of today: two stores would record different events up to it. */
  const date = leaf(someDate(...past, '9999-12-31T23:59:59.999Z'), isDate, badDate)
  const isPast = (value: unknown) => isDate(value) && (value as Date).getTime() <= Date.now()
  const future = someDate('2300-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z')
  const pastDate = leaf(someDate(...past), isPast, fc.oneof(badDate, boxed(future)))

  const isSignal = (value: unknown) => value instanceof AbortSignal && typeof value.aborted === 'boolean'
  const signals = fc.oneof(
    { weight: 9, arbitrary: fc.constant(new AbortController().signal) },
    { weight: 1, arbitrary: fc.constant(AbortSignal.abort(givenUp)) },
  )
  const signal = optional(leaf(signals, isSignal))

  const payload = leaf(anyJson, isFaithful)
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
  const objects = fc.dictionary(fc.oneof(names, fc.constantFrom('userId', 'correlationId')), anyJson, {
    maxKeys: 3,
  })
  const reservedKeys = fc.dictionary(fc.constantFrom('$', '$own', '$schemaVersion', 'userId'), anyJson, {
    minKeys: 1,
  })
  const badObjects = fc.oneof(anything, boxed(reservedKeys))
  const isFree = (value: object) =>
    Object.entries(value).every(([key, member]) => !key.startsWith('$') || member === undefined)
  const isMetadata = (value: unknown): value is object => isObject(value) && isFaithful(value)
  const metadata = optional(leaf(objects, (value) => isMetadata(value) && isFree(value), badObjects))
  /** Metadata of imported events, which may have the version of the stored data. */
  const versioned = fc
    .tuple(objects, fc.constantFrom(undefined, 2, 3, longest))
    .map(([object, $schemaVersion]) => ({ ...object, $schemaVersion }))
  const isVersioned = (value: object) => {
    const { $schemaVersion, ...others } = value as { readonly $schemaVersion?: unknown }
    return isFree(others) && ($schemaVersion === undefined || isWhole(2, longest)($schemaVersion))
  }
  const storedMetadata = optional(
    leaf(versioned, (value) => isMetadata(value) && isVersioned(value), badObjects),
  )
  const ids = fc.oneof(fc.constantFrom(...fewIds), fc.uuid())
  const almostIds = fc.constantFrom('{00000000-0000-4000-8000-000000000001}', `${fewIds[0]}\n`)
  const badIds = fc.oneof(boxed(almostIds), badText)
  const id = leaf(ids, (value) => typeof value === 'string' && idPattern.test(value), badIds)
  /** Details of an audit entry, of which a store keeps 64 kB. */
  const isSmall = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length <= 65_536
  const details = optional(leaf(objects.filter(isSmall), (value) => isMetadata(value) && isSmall(value)))
  const eventShape = { id: optional(id), type: name, data: payload, metadata, tags: optional(list(name)) }
  const event = record(eventShape)
  const events = list(event)
  const versions = fc.constantFrom('any', 'noStream', 'streamExists', 0, 1, 2, longest)
  const isVersion = (value: unknown) =>
    ['any', 'noStream', 'streamExists'].includes(value as string) || isWhole(0, longest)(value)
  const expectedVersion = optional(leaf(versions, isVersion, badNumbers))

  const options = (shape: Parameters<typeof record>[0]) =>
    optional(record({ ...shape, signal }, { nested: false }))
  const someNames = optional(list(name, { least: 1 }))
  const filter = { types: someNames, streamPrefix: optional(readName), tags: someNames }
  const almostProjections = fc.constantFrom<unknown>(
    { kind: 'documents' },
    { kind: 'raw', name: 'a', version: 1 },
    { ...byTag, evolve: 1 },
    { ...byTag, name: '' },
  )
  const badProjection = fc.oneof(boxed(almostProjections), anything)
  const raw = fc.constant(projection({ name: 'raw', handle() {} }))
  const anyProjection = leaf(fc.constant(byTag), (value) => value === byTag, badProjection)
  const documents = leaf(
    fc.constant(byTag),
    (value) => value === byTag,
    fc.oneof({ weight: 4, arbitrary: badProjection }, { weight: 1, arbitrary: boxed(raw) }),
  )
  const viewed = leaf(
    fc.oneof(fc.constant(byTag), names),
    (value) => value === byTag || isName(value),
    badProjection,
  )
  const isPosition = isWhole(0, longest)
  const isFrom = (value: unknown) =>
    value === 'beginning' ||
    value === 'end' ||
    isDate(value) ||
    isPosition((value as { readonly after?: unknown } | null | undefined)?.after)
  const start = leaf(
    fc.oneof(fc.constantFrom('beginning', 'end', { after: 0 }), someDate(...past)),
    isFrom,
    fc.oneof(badNumbers, badText, badDate, boxed(fc.constantFrom<unknown>(0, 1, longest, {}))),
  )
  const from = optional(start)
  const noObject = badNumbers.filter(({ value }) => typeof value !== 'object' || value === null)
  const parkedPosition = leaf(fc.constantFrom(1, longest), isWhole(1, longest), noObject)
  const aborted = leaf(
    fc.constant(AbortSignal.abort(givenUp)),
    isSignal,
    anything.filter(({ value }) => value !== undefined),
  )
  return {
    ...{
      leaf,
      optional,
      list,
      record,
      options,
      name,
      readName,
      prefix,
      text,
      whole,
      number,
      milliseconds,
      oneOf,
      boolean,
    },
    ...{
      callback,
      date,
      pastDate,
      aborted,
      metadata,
      storedMetadata,
      id,
      optionalId: optional(id),
      eventShape,
      event,
      events,
      expectedVersion,
      filter,
      start,
      from,
      parkedPosition,
    },
    ...{ documents, anyProjection, viewed, details },
  }
}

/** The reason of the aborted signals. */
export const givenUp = 'given up'
