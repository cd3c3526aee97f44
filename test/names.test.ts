/** `compareNames`: names sort in the order of their UTF-8 bytes. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compareNames } from '../src/storage/names.ts'

// Few characters, from all parts of Unicode, so that names often have the same beginning.
const character = fc.constantFrom(
  'a',
  'b',
  '\x7f',
  'é',
  '\ud7ff',
  '\ue000',
  '\ufeff',
  '\uffff',
  '𐀀',
  '😀',
  '\u{10ffff}',
)
const name = fc.array(character, { maxLength: 4 }).map((characters) => characters.join(''))

it('compares names as Buffer.compare compares their UTF-8', () => {
  fc.assert(
    fc.property(name, name, (a, b) => {
      expect(Math.sign(compareNames(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
    { numRuns: 5000 },
  )
})
