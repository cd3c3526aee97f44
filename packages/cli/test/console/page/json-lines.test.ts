/** How the page writes a JSON value as lines. */
import { describe, expect, it } from 'vitest'
import { type JsonExcerpt, jsonExcerpt } from '../../../page/src/parts/json-lines.ts'

const all = { lines: 1_000, text: 1_000 }
const textOf = ({ lines }: JsonExcerpt) =>
  lines.map(({ tokens }) => tokens.map(({ text }) => text).join('')).join('\n')

describe('a JSON value in lines', () => {
  it.each([
    [{ a: 1, b: ['x', null, true], c: {}, d: [], 'e"': { f: -1.5e21 } }],
    [[[1], [[2]]]],
    ['text with "quotes", \\ and \n'],
    [0],
    [null],
  ])('is what JSON.stringify makes: %j', (value) => {
    expect(textOf(jsonExcerpt(value, all))).toBe(JSON.stringify(value, undefined, 2))
  })

  it('marks what changed, with all that is below it', () => {
    const value = { status: 'paid', 'a/b~c': 1, lines: [{ sku: 'tea' }, { sku: 'cup' }] }
    const { lines } = jsonExcerpt(value, all, [
      { path: '/status', kind: 'changed', before: 'new', after: 'paid' },
      { path: '/a~1b~0c', kind: 'added', after: 1 },
      { path: '/lines/1', kind: 'added', after: { sku: 'cup' } },
    ])
    expect(lines.map(({ tokens, mark }) => [tokens.map(({ text }) => text).join(''), mark])).toEqual([
      ['{', undefined],
      ['  "status": "paid",', 'changed'],
      ['  "a/b~c": 1,', 'added'],
      ['  "lines": [', undefined],
      ['    {', undefined],
      ['      "sku": "tea"', undefined],
      ['    },', undefined],
      ['    {', 'added'],
      ['      "sku": "cup"', 'added'],
      ['    }', 'added'],
      ['  ]', undefined],
      ['}', undefined],
    ])
  })

  it('of a large value is its beginning', () => {
    const large = Array.from({ length: 100_000 }, (_, index) => ({ index }))
    const { lines, isCut } = jsonExcerpt(large, { lines: 50, text: 10 })
    expect(lines).toHaveLength(50)
    expect(isCut).toBe(true)
    const long = jsonExcerpt({ note: 'x'.repeat(1_000_000) }, { lines: 50, text: 10 })
    expect(textOf(long)).toContain('"xxxxxxxxxx"… (1,000,000 characters)')
    expect(long.isCut).toBe(true)
  })

  it('is not cut if it ends with its last line', () => {
    expect(jsonExcerpt([1, 2], { lines: 4, text: 10 }).isCut).toBe(false)
    expect(jsonExcerpt([1, 2], { lines: 3, text: 10 }).isCut).toBe(true)
    expect(jsonExcerpt('ten (10 characters)', all).isCut).toBe(false)
  })
})
