/**
 * Checks the code blocks of the docs: the compiler accepts each block of TypeScript, JSON parses, and a quoted example
 * equals its file.
 *
 * The rules for writers:
 * - The `ts` blocks of a page are one module, in order: a block may use what an earlier block declares.
 * - A block that begins with an import begins a new module.
 * - An HTML comment that opens with the line `<!-- docs-check` adds code to the block after it: imports and
 *   declarations that readers need not see.
 * - A block that cannot compile says why: ```ts no-check: pseudo code.
 * - A block after "This is [the example](examples/quickstart.ts)" equals that file; the link may be its full address.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { typeCheck } from './type-check.ts'

interface Code {
  /** The number of the first line in the page. */
  readonly line: number
  readonly lines: readonly string[]
}

interface Block extends Code {
  readonly page: string
  /** The words after the fence: the language, and what else is written there. */
  readonly info: string
  /** The code that hidden comments add before the block. */
  readonly hidden: readonly Code[]
  /** The last paragraph before the block. */
  readonly introduction: string
}

export interface DocsCheck {
  readonly problems: readonly string[]
  readonly compiled: number
  /** The place of each block that is not compiled, and the reason. */
  readonly unchecked: readonly string[]
  /** The examples that a page quotes. */
  readonly quoted: readonly string[]
}

const hiddenBlock = '<!-- docs-check'
/** The languages of blocks; any other name may be a block that should be compiled. */
const languages = new Set(['ts', 'sh', 'sql', 'json', 'yaml', 'hcl', ''])
/** The decorators of NestJS, as its own projects compile them. */
const decorators = ['--experimentalDecorators', '--emitDecoratorMetadata', '--erasableSyntaxOnly', 'false']
const repository = 'https://github.com/eventsourced/core/blob/main/'
const unchecking = /@ts-(nocheck|ignore|expect-error)/

/** Checks the pages. `pages`: the text of each page by its path. */
export function checkDocs(pages: ReadonlyMap<string, string>): DocsCheck {
  const problems: string[] = []
  const unchecked: string[] = []
  const quoted: string[] = []
  const compiled: Block[] = []
  for (const [page, text] of pages) {
    for (const block of blocksOf(page, text, problems)) {
      const at = `${page}:${block.line - 1}`
      const quote = /This is \[[^\]]*\]\(([^)]+)\)/.exec(block.introduction)?.[1]
      if (quote !== undefined) {
        const file = quotedFile(page, quote)
        quoted.push(file)
        problems.push(...quoteProblems(block, file))
      }
      const reason = /^ts no-check: (.+)$/.exec(block.info)?.[1]
      if (
        [...block.lines, ...block.hidden.flatMap(({ lines }) => lines)].some((line) => unchecking.test(line))
      )
        problems.push(`${at}: switches the compiler off`)
      if (block.info === 'ts') compiled.push(block)
      else if (block.hidden.length > 0)
        problems.push(`${at}: hidden code is before a block that is not compiled`)
      else if (reason !== undefined) unchecked.push(`${at}: ${reason}`)
      else if (block.info.startsWith('ts ')) problems.push(`${at}: write \`ts\`, or \`ts no-check: REASON\``)
      else if (!languages.has(block.info))
        problems.push(
          `${at}: \`${block.info}\` is none of ${[...languages].join(', ')}: write \`ts\`, so that the block is compiled`,
        )
      else if (block.info === 'json') problems.push(...jsonProblems(block))
    }
    const announced = [...text.matchAll(/This is \[[^\]]*\]\(([^)]+\.ts)\)/g)].map((match) => match[1] ?? '')
    const missing = announced.map((link) => quotedFile(page, link)).filter((file) => !quoted.includes(file))
    for (const file of missing) problems.push(`${page}: says 'This is ${file}', and no block follows`)
  }
  problems.push(...compilerProblems(modulesOf(compiled)))
  return { problems, compiled: compiled.length, unchecked, quoted }
}

function blocksOf(page: string, text: string, problems: string[]): Block[] {
  const blocks: Block[] = []
  const lines = text.split('\n')
  let hidden: Code[] = []
  let introduction = ''
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const [, indent = '', fence = '', info = ''] = /^([\s>]*)(`{3,}|~{3,})(.*)$/.exec(line) ?? []
    const isHidden = line === hiddenBlock
    if (fence === '' && !isHidden) {
      if (line.includes(hiddenBlock))
        problems.push(`${page}:${at + 1}: write \`${hiddenBlock}\` alone on its line`)
      if (line.trim() !== '') introduction = lines[at - 1]?.trim() === '' ? line : `${introduction}\n${line}`
      continue
    }
    const isEnd = (other: string) =>
      isHidden ? other.trim() === '-->' : closes(withoutIndent(other, indent).trim(), fence)
    const length = lines.slice(at + 1).findIndex(isEnd)
    if (length === -1) {
      problems.push(`${page}:${at + 1}: the block has no end`)
      return blocks
    }
    const code = lines.slice(at + 1, at + 1 + length).map((codeLine) => withoutIndent(codeLine, indent))
    if (isHidden) hidden.push({ line: at + 2, lines: code })
    else {
      blocks.push({ page, line: at + 2, lines: code, info: info.trim(), hidden, introduction })
      hidden = []
      introduction = ''
    }
    at += length + 1
  }
  for (const { line } of hidden) problems.push(`${page}:${line - 1}: no block follows to which this belongs`)
  return blocks
}

const closes = (line: string, fence: string) =>
  line.startsWith(fence) && line.replaceAll(fence.charAt(0), '') === ''

const withoutIndent = (line: string, indent: string) =>
  line.startsWith(indent) ? line.slice(indent.length) : line

/** Joins the blocks into modules, by name. Each line keeps the number that it has in its page. */
function modulesOf(blocks: readonly Block[]): Map<string, string> {
  const modules: { page: string; lines: string[] }[] = []
  for (const block of blocks) {
    let module = modules.at(-1)
    if (module?.page !== block.page || beginsWithImport(block.lines)) {
      module = { page: block.page, lines: [] }
      modules.push(module)
    }
    for (const { line, lines } of [...block.hidden, block]) {
      while (module.lines.length < line - 1) module.lines.push('')
      module.lines.push(...lines)
    }
  }
  return new Map(
    modules.map(({ page, lines }, index) => [`${page}.${index}.ts`, `${lines.join('\n')}\nexport {}\n`]),
  )
}

function beginsWithImport(lines: readonly string[]): boolean {
  const code = lines.join('\n').replace(/^(\s|\/\/.*\n|\/\*[\s\S]*?\*\/)*/, '')
  return /^import\b/.test(code)
}

function compilerProblems(modules: ReadonlyMap<string, string>): string[] {
  if (modules.size === 0) return []
  const { passed, output } = typeCheck(modules, decorators)
  if (passed) return []
  return output
    .trim()
    .split(/\n(?! )/)
    .map((problem) => problem.replace(/^(.+\.md)\.\d+\.ts\((\d+),\d+\): error /, '$1:$2: '))
}

function jsonProblems({ page, line, lines }: Block): string[] {
  try {
    JSON.parse(lines.join('\n'))
    return []
  } catch (error) {
    return [`${page}:${line}: ${error instanceof Error ? error.message : error}`]
  }
}

/** Returns the path of a quoted file. A page links a file that is not packed with it by its full address. */
function quotedFile(page: string, link: string): string {
  return link.startsWith(repository) ? link.slice(repository.length) : normalize(join(dirname(page), link))
}

function quoteProblems({ page, line, lines }: Block, file: string): string[] {
  if (!existsSync(file)) return [`${page}:${line - 1}: quotes ${file}, which does not exist`]
  const expected = readFileSync(file, 'utf8').trimEnd().split('\n')
  const differing = expected.findIndex((text, index) => text !== lines[index])
  if (differing === -1 && expected.length === lines.length) return []
  const at = differing === -1 ? expected.length : differing
  return [`${page}:${line + at}: differs from line ${at + 1} of ${file}, which it quotes`]
}

export function readPages(): Map<string, string> {
  const docs = readdirSync('docs', { recursive: true, encoding: 'utf8' })
  const pages = [
    ...[
      'README.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'CHANGELOG.md',
      'bench/README.md',
      'examples/README.md',
      ...readdirSync('packages').map((name) => join('packages', name, 'README.md')),
    ].filter((page) => existsSync(page)),
    ...docs.filter((file) => file.endsWith('.md')).map((file) => join('docs', file)),
  ]
  return new Map(pages.map((page) => [page, readFileSync(page, 'utf8')]))
}

if (process.argv[1] === import.meta.filename) {
  const pages = readPages()
  const { problems, compiled, unchecked, quoted } = checkDocs(pages)
  for (const problem of problems) console.error(problem)
  for (const block of unchecked) console.log(`not checked: ${block}`)
  console.log(
    `docs: ${pages.size} pages, ${compiled} blocks compiled, ${unchecked.length} not checked, ` +
      `${quoted.length} quoted from examples, ${problems.length} problems`,
  )
  process.exitCode = problems.length > 0 ? 1 : 0
}
