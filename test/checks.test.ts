/** The checks of `npm run check` find the problems that they are for. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { checkDocs, readPages } from '../scripts/check-docs.ts'
import { catalogueCostProgram, costProblems, typeCostProgram } from '../scripts/check-type-cost.ts'
import { checkWords, filesWithWords } from '../scripts/check-words.ts'
import { typeCheck } from '../scripts/type-check.ts'

const page = (...lines: string[]) => lines.join('\n')

it('compiles the blocks of a page as modules, and reports errors with their lines', () => {
  const good = page(
    '<!-- docs-check',
    "import type { EventStore } from '@eventsourced/core'",
    'declare const store: EventStore',
    '-->',
    '```ts',
    "const { events } = await store.readStream('cart-1')",
    '```',
    '- The next block uses what the block before declares:',
    '  ```ts',
    '  const versions: number[] = events.map(({ version }) => version)',
    '  ```',
    '> ```ts',
    '> const last = versions.at(-1)',
    '> ```',
    'An import begins a new module:',
    '```ts',
    "import { memoryStore } from '@eventsourced/core'",
    'const store = memoryStore()',
    '```',
    '```ts no-check: pseudo code',
    'const store = …',
    '```',
  )
  const bad = page(
    '```ts',
    'const total: number = 1',
    '```',
    '```ts',
    'const text: string = total',
    '```',
    '```ts',
    '// A new module does not see the one before.',
    "import { memoryStore } from '@eventsourced/core'",
    'console.log(memoryStore(), total)',
    '```',
  )
  const { problems, compiled, unchecked } = checkDocs(
    new Map([
      ['docs/good.md', good],
      ['docs/bad.md', bad],
    ]),
  )
  expect(problems).toEqual([
    "docs/bad.md:5: TS2322: Type 'number' is not assignable to type 'string'.",
    "docs/bad.md:10: TS2304: Cannot find name 'total'.",
  ])
  expect(compiled).toBe(7)
  expect(unchecked).toEqual(['docs/good.md:20: pseudo code'])
})

it.each([
  ['a block without an end', page('```ts', 'const a = 1'), 1],
  ['a block left out without a reason', page('', '```ts no-check', '```'), 2],
  ['a block under a name that is not compiled', page('```typescript', '```'), 1],
  ['JSON that does not parse', page('```json', '{ "a": 1, }', '```'), 2],
  ['hidden code with words beside its mark', page('<!-- docs-check: declare const a: 1', '-->'), 1],
  ['hidden code without a block', page('<!-- docs-check', 'declare const a: 1', '-->'), 1],
  ['hidden code before another block', page('<!-- docs-check', '-->', '```sh', 'ls', '```'), 3],
  [
    'a quote of a file that does not exist',
    page('This is [it](examples/none.ts):', '```ts no-check: x', '```'),
    2,
  ],
])('refuses %s', (_name, text, line) => {
  expect(checkDocs(new Map([['page.md', text]])).problems).toEqual([
    expect.stringMatching(new RegExp(`^page\\.md:${line}: `)),
  ])
})

it('compares a quoted example with its file', () => {
  const code = readFileSync('examples/quickstart.ts', 'utf8').trimEnd()
  const quote = (text: string) =>
    checkDocs(
      new Map([
        ['a.md', page('This is [it](examples/quickstart.ts):', '', '```ts no-check: x', text, '```')],
      ]),
    ).problems
  const end = code.split('\n').length
  expect(quote(code)).toEqual([])
  expect(quote(code.replace('total: 0', 'total: 1'))).toEqual([
    'a.md:8: differs from line 5 of examples/quickstart.ts, which it quotes',
  ])
  expect(quote(`${code}\nextra()`)).toEqual([
    `a.md:${end + 4}: differs from line ${end + 1} of examples/quickstart.ts, which it quotes`,
  ])
})

it('finds the quote in a paragraph of several lines, and misses a quote without a block', () => {
  const link = 'This is [it](examples/quickstart.ts). It needs'
  const differing = ['', '```ts no-check: x', 'other()', '```']
  const quoting = checkDocs(new Map([['a.md', page(link, 'nothing:', ...differing)]]))
  expect(quoting.problems).toEqual([expect.stringContaining('differs from line 1 of examples/quickstart.ts')])
  const lost = checkDocs(new Map([['a.md', page(link, 'nothing.', '', 'More text:', ...differing)]]))
  expect(lost.problems).toEqual(["a.md: says 'This is examples/quickstart.ts', and no block follows"])
})

it('knows the pages, and the example that the README quotes', () => {
  const pages = readPages()
  expect([...pages.keys()]).toEqual(expect.arrayContaining(['CHANGELOG.md', 'docs/decisions/README.md']))
  const readme = new Map([
    ['README.md', (pages.get('README.md') ?? '').replaceAll('```ts', '```ts no-check: x')],
  ])
  expect(checkDocs(readme).quoted).toEqual(['examples/quickstart.ts'])
})

it('finds phrases in comments, strings and SQL, also across lines, and says what to write instead', () => {
  const text = page(
    '/**',
    ' * Fails in',
    ' * passing. Rolled back, told apart by type, and a rollback gives no finding.',
    ' */',
    "throw new Error('Whoever holds it is told of it')",
    '-- made anew, for good',
  )
  expect(checkWords('src/x.ts', text)).toEqual([
    'src/x.ts:2: "in passing" - transient, transiently',
    'src/x.ts:5: "Whoever" - name the actor: the caller, the worker, the process',
    expect.stringContaining('src/x.ts:5: "is told of" - '),
    expect.stringContaining('src/x.ts:6: "anew" - '),
    expect.stringContaining('src/x.ts:6: "for good" - '),
  ])
  expect(
    checkWords('src/x.ts', 'The fields are told apart by type, for good reason: a number’s are fixed.'),
  ).toEqual([])
})

it('reads the words of all sources and docs, but not what is generated', () => {
  const files = filesWithWords()
  const some = ['README.md', 'src/store.ts', 'docs/decisions/README.md', 'test/checks.test.ts']
  expect(files).toEqual(expect.arrayContaining(some.slice(0, 3)))
  expect(files).not.toContain(some[3])
  expect(files.filter((file) => /node_modules|\.generated\.ts|schema\.sql/.test(file))).toEqual([])
})

it('measures what types cost, and refuses more than a ceiling', () => {
  const compile = (program: string) =>
    typeCheck(new Map([['program.ts', program]]), ['--extendedDiagnostics'])
  const [first, second] = [compile(typeCostProgram(2)), compile(catalogueCostProgram(2))]
  expect(first.passed, first.output).toBe(true)
  expect(second.passed, second.output).toBe(true)
  const base = 'Types: 10\nInstantiations: 10\nSymbols: 10\nRubles: 10\n'
  const many = 1_000_000
  expect(costProblems(first.output, base, { Instantiations: many, Types: many })).toEqual([])
  expect(costProblems('Types: 111\n', base, { Types: 101 })).toEqual([])
  expect(costProblems(second.output, base, { Types: 100, Symbols: many, Rubles: 1 })).toEqual([
    expect.stringMatching(/^Types: \d+ is more than the ceiling of 100$/),
    "the compiler did not print 'Rubles'",
  ])
})
