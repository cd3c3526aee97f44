/** Any value as JSON. */
import { expect, it } from 'vitest'
import { jsonOf } from '../src/json-of.ts'

it('keeps what is JSON, as a copy', () => {
  const value = { a: [1, 'b', null, true, { c: {} }] }
  expect(jsonOf(value)).toEqual(value)
  expect(jsonOf(value)).not.toBe(value)
  for (const simple of [null, 0, '', false]) expect(jsonOf(simple)).toBe(simple)
})

it('shows maps, sets, dates and big numbers', () => {
  const seats = new Map([['A1', new Set(['Ada'])]])
  expect(jsonOf({ seats, total: 10n ** 20n, at: new Date(0), never: new Date(Number.NaN) })).toEqual({
    seats: { A1: ['Ada'] },
    total: '100000000000000000000',
    at: '1970-01-01T00:00:00.000Z',
    never: 'Invalid Date',
  })
  expect(jsonOf(new Map([[1, 'a']]))).toEqual({ 1: 'a' })
  expect(jsonOf(new Map([[{ row: 1 }, 'a']]))).toEqual([[{ row: 1 }, 'a']])
  // As an object, one of the two would be lost.
  expect(
    jsonOf(
      new Map<unknown, string>([
        [1, 'number'],
        ['1', 'text'],
      ]),
    ),
  ).toEqual([
    [1, 'number'],
    ['1', 'text'],
  ])
  expect(Object.keys(jsonOf(new Map([['__proto__', 1]])) as object)).toEqual(['__proto__'])
})

it('shows numbers, texts and bytes that JSON would lose', () => {
  expect(jsonOf([Number.NaN, -Infinity, /a/g, new URL('https://example.org/x')])).toEqual([
    'NaN',
    '-Infinity',
    '/a/g',
    'https://example.org/x',
  ])
  expect(jsonOf([new Uint8Array([104, 105]), new ArrayBuffer(1), Symbol('s'), () => 1])).toEqual([
    'aGk=',
    'AA==',
    'Symbol(s)',
    '[function]',
  ])
})

it('leaves undefined out of objects, and shows it as null elsewhere', () => {
  expect(jsonOf({ a: undefined, b: [undefined] })).toEqual({ b: [null] })
  expect(jsonOf(undefined)).toBe(null)
})

it('shows objects of classes by their own properties, or as they say', () => {
  class Money {
    readonly amount = 1n
    get double() {
      return 2
    }
  }
  class Id {
    toJSON() {
      return 'id-1'
    }
  }
  expect(jsonOf({ price: new Money(), id: new Id(), error: new TypeError('no') })).toEqual({
    price: { amount: '1' },
    id: 'id-1',
    error: { name: 'TypeError', message: 'no' },
  })
})

it('never throws, and never runs for ever', () => {
  const circle: Record<string, unknown> = { a: 1 }
  circle.self = [circle]
  expect(jsonOf(circle)).toEqual({ a: 1, self: ['[circular]'] })
  const shared = { n: 1 }
  expect(jsonOf([shared, shared])).toEqual([{ n: 1 }, { n: 1 }])
  const failing = {
    good: 1,
    get bad() {
      throw new Error('secret')
    },
  }
  expect(jsonOf(failing)).toEqual({ good: 1, bad: '[unreadable]' })
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  expect(jsonOf([proxy])).toEqual(['[unreadable]'])
  let deep: unknown = 1
  for (let level = 0; level < 100_000; level++) deep = [deep]
  expect(JSON.stringify(jsonOf(deep))).toContain('[too deep]')
  let wide: unknown = 1
  for (let level = 0; level < 60; level++) wide = [wide, wide]
  expect(JSON.stringify(jsonOf(wide, { values: 1_000 })).length).toBeLessThan(100_000)
})
