/** Event ids: their form and their order, and that all of them differ. */
import { createHash } from 'node:crypto'
import { uuidOf, uuidv7 } from '@eventsourced/core'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { numberedUuid } from '../src/uuid.ts'

afterEach(() => {
  vi.useRealTimers()
})

const form = (version: 5 | 7 | 8) =>
  new RegExp(`^[0-9a-f]{8}-[0-9a-f]{4}-${version}[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

function millisecondsOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

describe('uuidv7', () => {
  it('makes ids of version 7 that all differ and ascend', () => {
    let last = ''
    const ids = new Set<string>()
    for (let count = 0; count < 200_000; count++) {
      const id = uuidv7()
      if (!form(7).test(id) || id <= last) expect.fail(`${id} comes after ${last}`)
      ids.add(id)
      last = id
    }
    expect(ids.size).toBe(200_000)
  })

  it('puts the time into the id', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2100, 0, 1) })
    expect(millisecondsOf(uuidv7())).toBe(Date.UTC(2100, 0, 1))
    vi.setSystemTime(Date.UTC(2100, 0, 1) + 12_345)
    expect(millisecondsOf(uuidv7())).toBe(Date.UTC(2100, 0, 1) + 12_345)
  })

  it('keeps the order when the clock stands still or steps back', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2101, 0, 1) })
    const ids = Array.from({ length: 20_000 }, uuidv7)
    vi.setSystemTime(Date.UTC(2100, 6, 1))
    ids.push(...Array.from({ length: 20_000 }, uuidv7))
    expect(ids).toEqual([...new Set(ids)].sort())
  })

  it('fills the other bits at random', () => {
    const ends = new Set(Array.from({ length: 2000 }, () => uuidv7().slice(24)))
    expect(ends.size).toBe(2000)
  })
})

describe('uuidOf', () => {
  it('makes the same id for the same parts in every release', () => {
    expect(uuidOf('command', 'cart-1', 'c', 0)).toBe(uuidOf('command', 'cart-1', 'c', 0))
    // The store recognises recorded events by these ids, so they must never change.
    const namespace = Buffer.from('7d0a4a3e5c1f4c5b9a5e0c6a2f8b1d43', 'hex')
    const hash = createHash('sha1').update(namespace).update('["import","shop",7]').digest('hex')
    const id = uuidOf('import', 'shop', 7)
    expect(id).toMatch(form(5))
    expect(id.slice(0, 13).replace('-', '')).toBe(hash.slice(0, 12))
    expect(id.slice(15, 18)).toBe(hash.slice(13, 16))
    expect(id.slice(20).replace('-', '')).toBe(hash.slice(17, 32))
  })

  it('makes another id for any other parts', () => {
    const part = fc.oneof(fc.string({ unit: 'binary', maxLength: 3 }), fc.integer({ min: 0, max: 9 }))
    const parts = fc.array(part, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(uuidOf(...a) === uuidOf(...b)).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
    )
    const alike = [['a', 'b'], ['ab'], ['a,b'], ['a","b'], ['a', 'b', ''], [1], ['1'], ['', 'ab']]
    expect(new Set(alike.map((one) => uuidOf(...one))).size).toBe(alike.length)
  })
})

describe('numberedUuid', () => {
  it('makes the same id for the same parts and index in every release', () => {
    // The store recognises the events of a command by these ids, so they must never change.
    const namespace = Buffer.from('7d0a4a3e5c1f4c5b9a5e0c6a2f8b1d43', 'hex')
    for (const [index, block, digit] of [
      [0, 0, '0'],
      [15, 0, 'f'],
      [16, 1, '0'],
      [1_000_010, 62_500, 'a'],
    ] as const) {
      const hash = createHash('sha1').update(namespace).update(`["command","cart-1","c",${block}]`)
      const hex = hash.digest('hex')
      const id = numberedUuid(['command', 'cart-1', 'c'], index)
      expect(id).toMatch(form(8))
      expect(id.slice(0, 13).replace('-', '')).toBe(hex.slice(0, 12))
      expect(id.slice(15, 18)).toBe(hex.slice(13, 16))
      expect(id.slice(20).replace('-', '')).toBe(hex.slice(17, 31) + digit)
    }
  })

  it('makes another id for each index, and neighbours that differ only in the last digit', () => {
    const ids = Array.from({ length: 5000 }, (_, index) => numberedUuid(['a'], index))
    expect(new Set(ids).size).toBe(5000)
    expect(new Set(ids.map((id) => id.slice(0, -1))).size).toBe(Math.ceil(5000 / 16))
  })
})
