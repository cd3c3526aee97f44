/** Payloads of all kinds: values that JSON keeps, values that JSON would lose or change, and a check that tells them apart. */
import fc from 'fast-check'
import { anyValue } from './any-value.ts'
import { anyText, isText } from './texts.ts'

/** Wraps a value that throws when fast-check reads it. */
export interface Box {
  readonly value: unknown
}

export const boxed = (values: fc.Arbitrary<unknown>): fc.Arbitrary<Box> => values.map((value) => ({ value }))

const thrown = () => {
  throw new RangeError('read me not')
}

class Money {
  amount = 1
}

function cycle(): unknown {
  const self: { inner: unknown[] } = { inner: [] }
  self.inner.push(self)
  return self
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

/** An object that throws on every access. */
function hostileObject(target: object): object {
  const traps = ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor', 'set', 'apply']
  return new Proxy(target, Object.fromEntries(traps.map((trap) => [trap, thrown])))
}

/** Values that are hard to read. Each use creates a new one. */
const strange: fc.Arbitrary<Box> = fc
  .constantFrom<() => unknown>(
    () => undefined,
    () => null,
    () => Number.NaN,
    () => Number.NEGATIVE_INFINITY,
    () => 1n,
    () => Symbol('s'),
    () => () => 1,
    () => Object(1),
    () => Object('text'),
    () => Object(1n),
    () => Object(Symbol('s')),
    () => new Date(0),
    () => new Date(Number.NaN),
    () => new Map([['a', 1]]),
    () => new Set([1]),
    () => /a/,
    () => new Uint8Array(2),
    () => Promise.resolve(1),
    () => new Error('e'),
    () => new Money(),
    () => class Unknown {},
    () => Object.create(Date.prototype),
    () => Object.create(Array.prototype),
    () => new Proxy(new Date(), {}),
    () => AbortSignal.abort('no'),
    () => Object.create(AbortSignal.prototype),
    () => ({ toString: () => 'a' }),
    () => ({ toString: thrown }),
    () => ({ [Symbol.toPrimitive]: thrown }),
    () => ({ toJSON: () => 1 }),
    () => Object.defineProperty({}, 'toJSON', { value: thrown, enumerable: false }),
    () => Object.defineProperty({}, 'a', { get: thrown, enumerable: true }),
    () => Object.defineProperty([1], 0, { get: thrown, enumerable: true }),
    () => Object.assign([1], { toJSON: thrown }),
    () => new Array(3),
    () => cycle(),
    () => revoked({}),
    () => revoked([]),
    () => revoked(() => 1),
    () => hostileObject({}),
    () => hostileObject([]),
    () => hostileObject(() => 1),
    () => Object.create({ constructor: { name: 'x'.repeat(10_000) } }),
    () => Object.create(Object.defineProperty({}, 'constructor', { get: thrown })),
    () => Object.freeze({ a: Object.freeze([]) }),
    () => JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
  )
  .map((make) => ({ value: make() }))

const strangeInside = fc.oneof(
  fc
    .array(strange, { minLength: 1, maxLength: 2 })
    .map((boxes) => ({ value: boxes.map(({ value }) => value) })),
  fc.array(fc.tuple(anyText, strange), { minLength: 1, maxLength: 2 }).map((members) => ({
    value: Object.fromEntries(members.map(([key, { value }]) => [key, value])),
  })),
)

/** Any JavaScript value, alone and within objects and arrays. */
export const anything: fc.Arbitrary<Box> = fc.oneof(
  { weight: 3, arbitrary: strange },
  { weight: 1, arbitrary: boxed(anyText) },
  { weight: 1, arbitrary: strangeInside },
  { weight: 3, arbitrary: boxed(anyValue) },
)

const numbers = fc.oneof(
  fc.constantFrom(
    0,
    1e21,
    5e-324,
    2 ** 53,
    2 ** 53 - 1,
    -(2 ** 53) - 2,
    1.7976931348623157e308,
    1e-7,
    0.1 + 0.2,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
)

const goodText = anyText.filter((text) => isText(text))

/** JSON values: with texts of all kinds, keys in any order, and the same object in several places. */
export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue({ stringUnit: 'grapheme' }) },
  {
    weight: 4,
    arbitrary: fc.object({
      key: goodText,
      values: [goodText, numbers, fc.boolean(), fc.constant(null)],
      maxDepth: 3,
    }),
  },
  { weight: 1, arbitrary: numbers },
  { weight: 1, arbitrary: goodText },
  { weight: 1, arbitrary: fc.jsonValue().map((shared) => ({ z: shared, a: [shared, { shared }] })) },
)

/** Tells whether JSON keeps the value. It looks at the parts of the value, and does not use JSON. */
export function isFaithful(value: unknown): boolean {
  try {
    return isKept(value, 0)
  } catch {
    return false
  }
}

function isKept(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'boolean') return true
  if (typeof value === 'string') return isText(value)
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depth === 1000) return false
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (Array.isArray(value)) {
    return prototype === Array.prototype && Array.from(value).every((member) => isKept(member, depth + 1))
  }
  if (prototype !== null && prototype !== Object.prototype) return false
  return Object.entries(value).every(
    ([key, member]) => member === undefined || (isText(key) && isKept(member, depth + 1)),
  )
}
