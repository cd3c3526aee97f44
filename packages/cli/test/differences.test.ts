/** The differences of two JSON values. */
import { expect, it } from 'vitest'
import { differences } from '../src/differences.ts'

const changes = (before: unknown, after: unknown) => differences(before, after).changes

it('finds none between equal values', () => {
  for (const value of [null, 0, '', false, [], {}, { a: [{ b: [1, null] }] }]) {
    expect(changes(value, structuredClone(value))).toEqual([])
  }
  expect(changes(Number.NaN, Number.NaN)).toEqual([])
  expect(changes({ a: 1, b: 2 }, { b: 2, a: 1 })).toEqual([])
})

it('names added, removed and changed properties by their path, at any depth', () => {
  expect(changes({ same: 1, gone: 2, sub: { a: 1 } }, { same: 1, sub: { a: 2, b: { c: 1 } } })).toEqual([
    { path: '/gone', kind: 'removed', before: 2 },
    { path: '/sub/a', kind: 'changed', before: 1, after: 2 },
    { path: '/sub/b', kind: 'added', after: { c: 1 } },
  ])
})

it('takes a value whole if its kind changes', () => {
  expect(changes(1, '1')).toEqual([{ path: '', kind: 'changed', before: 1, after: '1' }])
  expect(changes({ a: [] }, { a: {} })).toEqual([{ path: '/a', kind: 'changed', before: [], after: {} }])
  expect(changes({ a: null }, { a: {} })).toEqual([{ path: '/a', kind: 'changed', before: null, after: {} }])
  expect(changes({ a: { b: 1 } }, { a: null })).toEqual([
    { path: '/a', kind: 'changed', before: { b: 1 }, after: null },
  ])
})

it('counts a property that is undefined as absent', () => {
  expect(changes({ a: undefined }, {})).toEqual([])
  expect(changes({ a: undefined }, { a: null })).toEqual([{ path: '/a', kind: 'added', after: null }])
  expect(changes({ a: 0 }, { a: undefined })).toEqual([{ path: '/a', kind: 'removed', before: 0 }])
  expect(changes(undefined, undefined)).toEqual([])
  expect(changes(undefined, 1)).toEqual([{ path: '', kind: 'added', after: 1 }])
  expect(changes(1, undefined)).toEqual([{ path: '', kind: 'removed', before: 1 }])
})

it('shows an insertion into an array, and a removal, as one change', () => {
  expect(changes([1, 2, 3], [1, 2, 3, 4])).toEqual([{ path: '/3', kind: 'added', after: 4 }])
  expect(changes([1, 2, 3], [0, 1, 2, 3])).toEqual([{ path: '/0', kind: 'added', after: 0 }])
  expect(changes([{ a: 1 }, { a: 2 }, { a: 3 }], [{ a: 1 }, { a: 3 }])).toEqual([
    { path: '/1', kind: 'removed', before: { a: 2 } },
  ])
  expect(changes([1, 1], [1, 1, 1])).toEqual([{ path: '/2', kind: 'added', after: 1 }])
  expect(changes([1, 2], [])).toEqual([
    { path: '/0', kind: 'removed', before: 1 },
    { path: '/1', kind: 'removed', before: 2 },
  ])
})

it('compares the items of arrays by their place, and goes into them', () => {
  expect(changes([{ n: 1 }, { n: 2 }], [{ n: 1 }, { n: 3 }])).toEqual([
    { path: '/1/n', kind: 'changed', before: 2, after: 3 },
  ])
  expect(changes({ rows: [[1], [2]] }, { rows: [[1], [2, 3]] })).toEqual([
    { path: '/rows/1/1', kind: 'added', after: 3 },
  ])
})

it('writes pointers that can be followed, also for odd keys', () => {
  expect(changes({}, { 'a/b': 1, 'c~d': 2, '': 3, ['__proto__']: 4, constructor: 5 })).toEqual([
    { path: '/a~1b', kind: 'added', after: 1 },
    { path: '/c~0d', kind: 'added', after: 2 },
    { path: '/', kind: 'added', after: 3 },
    { path: '/__proto__', kind: 'added', after: 4 },
    { path: '/constructor', kind: 'added', after: 5 },
  ])
})

it('stops at the most that it may list, and says so', () => {
  const before = Array.from({ length: 5 }, () => ({ n: 1 }))
  const after = before.map(() => ({ n: 2 }))
  expect(differences(before, after, 5)).toMatchObject({ isCut: false, changes: { length: 5 } })
  expect(differences(before, after, 4)).toMatchObject({ isCut: true, changes: { length: 4 } })
})
