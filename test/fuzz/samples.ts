/** Generates values for the arguments of calls: good ones and hostile ones, each with a list of its faults. */
import fc from 'fast-check'
import { anything, type Box } from './json.ts'

/** A value for an argument or a part of one. */
export interface Sample {
  readonly value: unknown
  /** The faults that an error may name. Without a fault, the value must be accepted. */
  readonly faults: readonly Fault[]
}

/** A wrong value, and the field as which the error must name it. */
export interface Fault {
  readonly field: string
  readonly value: unknown
}

/** Generates values for a field. Errors call the field by this name. */
export type Kind = (field: string) => fc.Arbitrary<Sample>

/** The percentage of hostile values. */
export interface Mix {
  readonly hostile: number
}

const thrown = () => {
  throw new RangeError('read me not')
}

/** Returns functions that make kinds of values with this percentage of hostile ones. */
export function kindsIn({ hostile }: Mix) {
  const share = <T>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<T>) =>
    hostile === 0
      ? good
      : fc.oneof({ weight: 100 - hostile, arbitrary: good }, { weight: hostile, arbitrary: bad })

  /** A single value, good or bad. */
  const leaf =
    (
      good: fc.Arbitrary<unknown>,
      isGood: (value: unknown) => boolean,
      bad: fc.Arbitrary<Box> = anything,
    ): Kind =>
    (field) =>
      share(
        good.map((value) => ({ value, faults: [] })),
        bad
          .filter(({ value }) => !isSafely(isGood, value))
          .map(({ value }) => ({ value, faults: [{ field, value }] })),
      )

  const optional =
    (kind: Kind): Kind =>
    (field) =>
      fc.oneof(
        { weight: 1, arbitrary: fc.constant(nothing) },
        {
          weight: 2,
          arbitrary: kind(field).map((sample) => (sample.value === undefined ? nothing : sample)),
        },
      )

  /** An array with items of this kind, or a value that is no array. */
  const list =
    (item: Kind, { least = 0, most = 3 } = {}): Kind =>
    (field) => {
      const items = fc
        .integer({ min: least, max: most })
        .chain((count) => {
          const samples = Array.from({ length: count }, (_, index) => item(`${field}[${index}]`))
          return fc.tuple(fc.tuple(...samples), fc.nat({ max: 7 }))
        })
        // In one of eight arrays, the first item occurs twice.
        .map(([samples, dice]) => joined(dice === 0 && samples.length < most ? twice(samples) : samples))
      return share(
        items,
        noArray.map(({ value }) => ({ value, faults: [{ field, value }] })),
      )
    }

  /** An object with these properties. `nested`: errors name a property with the field before it, as in `options.limit`. */
  const record =
    (shape: Readonly<Record<string, Kind>>, { nested = true, isStrict = false } = {}): Kind =>
    (field) => {
      const samples = Object.entries(shape).map(([key, kind]) => kind(nested ? `${field}.${key}` : key))
      const objects = fc.tuple(...samples).map((all): Sample => {
        const entries = Object.keys(shape).map((key, index) => [key, all[index]?.value])
        // Leaves out two of three undefined properties, and keeps the others as undefined.
        const value = Object.fromEntries(
          entries.filter(([, member], index) => member !== undefined || index % 3 === 0),
        )
        return { value, faults: all.flatMap(({ faults }) => faults) }
      })
      const disguised = fc
        .tuple(objects, fc.constantFrom(...(isStrict ? strictDisguises : disguises)))
        .map(([{ value, faults }, disguise]) => ({
          value: disguise(value as object),
          faults,
        }))
      const trapped = fc
        .tuple(objects, fc.constantFrom(...Object.keys(shape)))
        .map(([{ value, faults }, key]): Sample => {
          const trap = { get: thrown, enumerable: true, configurable: true }
          const named = [field, nested ? `${field}.${key}` : key]
          return {
            value: Object.defineProperty(value as object, key, trap),
            faults: [...named.map((name) => ({ field: name, value: trap })), ...faults],
          }
        })
      const bad = fc.oneof(
        trapped,
        noObject.map(({ value }) => ({ value, faults: [{ field, value }] })),
      )
      return share(fc.oneof({ weight: 3, arbitrary: objects }, { weight: 1, arbitrary: disguised }), bad)
    }

  return { leaf, optional, list, record }
}

const nothing: Sample = { value: undefined, faults: [] }

/** A value of one of two kinds. */
export const either =
  (one: Kind, other: Kind): Kind =>
  (field) =>
    fc.oneof(one(field), other(field))

const twice = (samples: readonly Sample[]) => [...samples, ...samples.slice(0, 1)]

/** Joins samples into one sample whose value is an array. */
export function joined(samples: readonly Sample[]): Sample {
  return { value: samples.map(({ value }) => value), faults: samples.flatMap(({ faults }) => faults) }
}

// Objects with the same properties, made in other ways.
const strictDisguises: readonly ((value: object) => object)[] = [
  (value) => Object.freeze(value),
  (value) => Object.assign(Object.create(null), value),
  (value) => Object.create(value),
  (value) => new Proxy(value, {}),
]
// Most calls ignore properties that they do not know.
const disguises: readonly ((value: object) => object)[] = [
  ...strictDisguises,
  (value) => Object.assign(value, { unknown: Symbol('s'), toString: thrown }),
]

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
const noObject = anything.filter(({ value }) => value !== undefined && !isSafely(isObject, value))
const noArray = anything.filter(({ value }) => !isSafely(Array.isArray, value))

function isSafely(is: (value: unknown) => boolean, value: unknown): boolean {
  try {
    return is(value)
  } catch {
    return false
  }
}
