/**
 * The compiler reports each mistake of `mistakes.ts` at its place, with the words that its comment names. TypeScript 5.9
 * reports the same mistakes, in other words, and accepts what the files about deciders, projections and catalogues claim.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const lines = readFileSync(pathOf('mistakes.ts'), 'utf8').split('\n')

const typescript = pathOf('../../node_modules/typescript/bin/tsc')
const typescript5 = pathOf('../typescript-5/node_modules/typescript/bin/tsc')

/** Runs a compiler on a program; resolves with what it prints. */
function compilerOutput(compiler: string, program: string): Promise<string> {
  const words = [compiler, '--pretty', 'false', '-p', pathOf(program)]
  // The exit code is not 0, as there are mistakes. Only the output matters.
  return new Promise((resolve) => {
    execFile(process.execPath, words, (_error, stdout, stderr) => resolve(stdout + stderr))
  })
}

/** Returns each reported error with its line, the source text from its column on, and the whole message. */
async function reportedErrors(compiler: string) {
  const errors = (await compilerOutput(compiler, 'tsconfig.mistakes.json')).split(/^(?=\S)/m)
  return errors.map((error) => {
    const [, line, column] = /mistakes\.ts\((\d+),(\d+)\): error TS/.exec(error) ?? []
    if (line === undefined) throw new Error(`not an error in mistakes.ts: ${error}`)
    return { line: Number(line), text: lines[Number(line) - 1]?.slice(Number(column) - 1), error }
  })
}

const mistakes = lines.flatMap((comment, index) => {
  const [, where, words] = /^ *\/\/ (.+) — (.+)$/.exec(comment) ?? []
  return where === undefined || words === undefined ? [] : [{ line: index + 2, where, words }]
})

it('reports every mistake in the right place and in helpful words, and nothing else', async () => {
  const errors = await reportedErrors(typescript)
  for (const { line, where, words } of mistakes) {
    const found = errors.filter((error) => error.line === line && error.text?.startsWith(where))
    expect(found.map(({ error }) => error).join('\n'), `line ${line}`).toContain(words)
  }
  expect([...new Set(errors.map(({ line }) => line))]).toEqual(mistakes.map(({ line }) => line))
  expect(errors.filter(({ error }) => error.includes('No overload matches'))).toEqual([])
})

// The compiler of TypeScript 5.9 takes several times as long.
const timeout = 300_000

it('reports every mistake with TypeScript 5.9, and nothing else', { timeout }, async () => {
  const errors = await reportedErrors(typescript5)
  expect([...new Set(errors.map(({ line }) => line))]).toEqual(mistakes.map(({ line }) => line))
})

it('infers the same types with TypeScript 5.9', { timeout }, async () => {
  expect(await compilerOutput(typescript5, 'tsconfig.claims.json')).toBe('')
})
