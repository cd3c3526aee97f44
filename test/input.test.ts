/** The input rules against everything fast-check can think of: what passes reads back, the rest is refused by name. */
import assert from 'node:assert/strict'
import { hasCode, InvalidInputError, memoryStore } from '@eventsourced/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { beginning, checkName, toJson } from '../src/input.ts'

/** Any UTF-16 units, also such as are no text; often the ones that matter. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        0,
        0x22,
        0x24,
        0x5c,
        0x75,
        0x7f,
        0xd800,
        0xdbff,
        0xdc00,
        0xdfff,
        0xe000,
        0xffff,
        0x30,
        0x64,
      ),
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0x20, max: 0x7e }),
    ),
    { maxLength: 30 },
  )
  .map((units) => String.fromCharCode(...units))

/** Whether a text can be written as UTF-8 at all, by somebody else's judgement. */
function isText(text: string): boolean {
  try {
    encodeURIComponent(text)
    return !text.includes('\0')
  } catch {
    return false
  }
}

function refusal(call: () => unknown): InvalidInputError | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    if (hasCode(error, 'invalid-input')) return error
    throw error
  }
}

it('names: whatever is text, within 512 bytes, and not reserved', () => {
  const name = fc.oneof(
    anyText,
    fc.tuple(anyText, fc.integer({ min: 1, max: 40 })).map(([text, times]) => text.repeat(times)),
  )
  fc.assert(
    fc.property(name, (text) => {
      const bytes = new TextEncoder().encode(text).length
      const isName = text !== '' && isText(text) && bytes <= 512 && !text.startsWith('$')
      expect(refusal(() => checkName(text, 'streamId')) === undefined).toBe(isName)
    }),
    { numRuns: 3000 },
  )
})

it('strings in payloads, as values and as keys: whatever is text', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const data of [text, [text], { [text]: text }, { a: { [text]: 1 } }]) {
        const error = refusal(() => toJson(data, 'data'))
        expect(error === undefined).toBe(isText(text))
        if (error === undefined) assert.deepEqual(JSON.parse(toJson(data, 'data')), data)
      }
    }),
    { numRuns: 3000 },
  )
})

it('JSON values pass, and read back as they are', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (data) => {
      assert.equal(toJson(data, 'data'), JSON.stringify(data))
    }),
    { numRuns: 2000 },
  )
})

it('of all values of JavaScript, those that pass read back as they are, and the others are refused', () => {
  const anything = fc.anything({
    maxDepth: 3,
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  })
  fc.assert(
    fc.property(anything, (data) => {
      const error = refusal(() => toJson(data, 'data'))
      if (error === undefined) assert.deepEqual(JSON.parse(toJson(data, 'data')), plain(data))
      else expect(error.message.length).toBeLessThan(500)
    }),
    { numRuns: 5000 },
  )
})

/** The same without what is undefined in objects, without minus zero, and with plain prototypes. */
function plain(value: unknown): unknown {
  if (Object.is(value, -0)) return 0
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(entries.map(([key, member]) => [key, plain(member)]))
}

it('values of another realm are as good as our own', async () => {
  const { runInNewContext } = await import('node:vm')
  const foreign: unknown = runInNewContext('({ list: [1, { a: null }], empty: {} })')
  expect(toJson(foreign, 'data')).toBe('{"list":[1,{"a":null}],"empty":{}}')
  expect(refusal(() => toJson(runInNewContext('new Date()'), 'data'))?.field).toBe('data')
})

it('anything can be shown in an error, in a few words', () => {
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
  expect(beginning(Symbol('secret'))).toBe('a symbol')
})

it('limits can be set for a store', async () => {
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
