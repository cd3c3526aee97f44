/** Hostile texts, and independent checks of what is a text and a name, which share no code with the library. */
import fc from 'fast-check'

/** Any UTF-16 units, also lone surrogates, and more often the units that have a meaning somewhere. */
const mixedUnits = fc
  .array(
    fc.oneof(
      fc.constantFrom(0, 0x22, 0x24, 0x5c, 0x75, 0x7f, 0xd800, 0xdbff, 0xdc00, 0xdfff),
      fc.constantFrom(0xe000, 0xffff, 0x30, 0x64),
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0x20, max: 0x7e }),
    ),
    { maxLength: 30 },
  )
  .map((units) => String.fromCharCode(...units))

const known = fc.constantFrom(
  ...[
    '',
    ' ',
    '%',
    '_',
    'a%b_c',
    '\\',
    "'",
    '"',
    '`',
    '#',
    '|',
    ':',
    ';',
    ',',
    '.',
    '/',
    '*',
    '?',
    '{}',
    '{a,"b"}',
  ],
  ...[
    "'; drop table events; --",
    '$1',
    '$all',
    '$',
    ':schema',
    '/* */',
    '(a,b)',
    'null',
    '0',
    '-1',
    '1e3',
    'true',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'then',
    'length',
    'kind',
    'name',
  ],
  ...[
    '\0',
    'a\0',
    '\x1f',
    'a\x1fb',
    '\x1e',
    '\x7f',
    '\u2028',
    '\ufeff',
    '\n',
    '\t',
    '\u200b',
    '\ufffd',
    '\uffff',
  ],
  ...['caf\u00e9', 'cafe\u0301', 'שלום', 'a\u202eb', '日本語', '😀', '👩‍👩‍👧‍👦', '𝕏', '\u{10ffff}', 'ß', 'İ'],
  ...['\ud83d', '\ude00', '\ude00\ud83d', 'a\ud83d', '\\u0000', '\\ud800'],
)

// Texts at the limit of 512 bytes for names and up to 3 bytes beyond it, of characters of one to four bytes.
const longOnes = fc
  .tuple(fc.constantFrom('x', 'é', '€', '😀', '\x1f', "'"), fc.integer({ min: -3, max: 3 }))
  .map(([character, more]) => {
    const bytes = new TextEncoder().encode(character).length
    return character.repeat(Math.floor(512 / bytes)) + 'x'.repeat(512 % bytes) + 'x'.repeat(Math.max(0, more))
  })

export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: known },
  { weight: 3, arbitrary: mixedUnits },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.tuple(known, known).map((both) => both.join('')) },
  { weight: 1, arbitrary: longOnes },
  {
    weight: 1,
    arbitrary: fc.tuple(mixedUnits, fc.integer({ min: 1, max: 40 })).map(([a, n]) => a.repeat(n)),
  },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(10_000), '😀'.repeat(2_500)) },
)

/** Tells whether a string can be written as UTF-8 and stored by every database. */
export function isText(text: string): boolean {
  try {
    encodeURIComponent(text)
    return !text.includes('\0')
  } catch {
    return false
  }
}

export const isReadName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && isText(value) && new TextEncoder().encode(value).length <= 512

export const isName = (value: unknown): value is string => isReadName(value) && value[0] !== '$'
