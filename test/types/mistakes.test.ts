/** The compiler reports each mistake of `mistakes.ts` at its place, with the words that its comment names. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const lines = readFileSync(pathOf('mistakes.ts'), 'utf8').split('\n')

/** Runs the compiler on the mistakes; resolves with what it prints. */
function compilerOutput(): Promise<string> {
  const compiler = pathOf('../../node_modules/typescript/bin/tsc')
  const words = [compiler, '--pretty', 'false', '-p', pathOf('tsconfig.mistakes.json')]
  // The exit code is not 0, as there are mistakes. Only the output matters.
  return new Promise((resolve) => {
    execFile(process.execPath, words, (_error, stdout, stderr) => resolve(stdout + stderr))
  })
}

/** Returns each reported error with its line, the source text from its column on, and the whole message. */
async function reportedErrors() {
  const errors = (await compilerOutput()).split(/^(?=\S)/m)
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
  const errors = await reportedErrors()
  for (const { line, where, words } of mistakes) {
    const found = errors.filter((error) => error.line === line && error.text?.startsWith(where))
    expect(found.map(({ error }) => error).join('\n'), `line ${line}`).toContain(words)
  }
  expect([...new Set(errors.map(({ line }) => line))]).toEqual(mistakes.map(({ line }) => line))
  expect(errors.filter(({ error }) => error.includes('No overload matches'))).toEqual([])
})
