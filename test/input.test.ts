/** The input rules on random values: a value that passes reads back unchanged, and an error names every other value. */
import assert from 'node:assert/strict'
import { hasCode, InvalidInputError, memoryStore } from '@eventsourced/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { checkName } from '../src/input/checks.ts'
import { toJson } from '../src/input/json.ts'
import { beginning } from '../src/input/refusal.ts'
import { anyValue } from './fuzz/any-value.ts'
import { runs } from './fuzz/runs.ts'
import { anyText, isName, isText } from './fuzz/texts.ts'

function refusal(call: () => unknown): InvalidInputError | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    if (hasCode(error, 'invalid-input')) return error
    throw error
  }
}

it('accepts as a name every text of at most 512 bytes that is not reserved', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(refusal(() => checkName(text, 'streamId')) === undefined).toBe(isName(text))
    }),
    runs(3000, 5),
  )
})

it('accepts every text in payloads, as a value and as a key', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const data of [text, [text], { [text]: text }, { a: { [text]: 1 } }]) {
        const error = refusal(() => toJson(data, 'data'))
        expect(error === undefined).toBe(isText(text))
        if (error === undefined) assert.deepEqual(JSON.parse(toJson(data, 'data')), data)
      }
    }),
    runs(3000, 5),
  )
})

it('accepts JSON values, which read back unchanged', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (data) => {
      assert.equal(toJson(data, 'data'), JSON.stringify(data))
    }),
    runs(2000, 5),
  )
})

it('refuses all JavaScript values that would not read back unchanged', () => {
  fc.assert(
    fc.property(anyValue, (data) => {
      const error = refusal(() => toJson(data, 'data'))
      if (error === undefined) assert.deepEqual(JSON.parse(toJson(data, 'data')), plain(data))
      else expect(error.message.length).toBeLessThan(500)
    }),
    runs(5000, 20),
  )
})

/** Returns the value without undefined properties, with zero for minus zero, and with plain prototypes. */
function plain(value: unknown): unknown {
  if (Object.is(value, -0)) return 0
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(entries.map(([key, member]) => [key, plain(member)]))
}

it('accepts and refuses values of another realm as values of this one', async () => {
  const { runInNewContext } = await import('node:vm')
  const foreign: unknown = runInNewContext('({ list: [1, { a: null }], empty: {} })')
  expect(toJson(foreign, 'data')).toBe('{"list":[1,{"a":null}],"empty":{}}')
  expect(refusal(() => toJson(runInNewContext('new Date()'), 'data'))?.field).toBe('data')
})

it('shows any value in an error in less than 120 characters', () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true }),
      (value) => {
        expect(beginning(value).length).toBeLessThan(120)
      },
    ),
  )
  expect(beginning('x'.repeat(1000))).toMatch(/^"x{50}…"$/)
  expect(beginning(-0)).toBe('-0')
  expect(beginning(new Date('nonsense'))).toBe('an invalid Date')
  expect(beginning(Symbol('secret'))).toBe('a symbol')
})

it('applies the limits that are set for a store', async () => {
  const store = memoryStore({ maxPayloadBytes: 20, maxAppendBytes: 50 })
  const append = (...texts: string[]) =>
    store.append(
      'a',
      texts.map((data) => ({ type: 'T', data })),
    )
  await append('x'.repeat(18))
  await expect(append('x'.repeat(19))).rejects.toThrow(/20 bytes as JSON \(it has 21\)/)
  await expect(append('é'.repeat(10))).rejects.toThrow(/20 bytes as JSON \(it has 22\)/)
  await append('x'.repeat(10), 'x'.repeat(10))
  const tooMuch = append(...Array<string>(5).fill('x'.repeat(10)))
  await expect(tooMuch).rejects.toBeInstanceOf(InvalidInputError)
  expect((await store.readStream('a')).version).toBe(3)
})
