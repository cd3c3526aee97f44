/** The compiler reports mistakes where they are, and names what is wrong. */
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
  // The exit code says only that there are mistakes.
  return new Promise((resolve) => {
    execFile(process.execPath, words, (_error, stdout, stderr) => resolve(stdout + stderr))
  })
}

/** Each error as the place where it begins, in the source, and all that the compiler says about it. */
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

it('are reported in the right place and in helpful words, and nothing else is reported', async () => {
  const errors = await reportedErrors()
  for (const { line, where, words } of mistakes) {
    const found = errors.filter((error) => error.line === line && error.text?.startsWith(where))
    expect(found.map(({ error }) => error).join('\n'), `line ${line}`).toContain(words)
  }
  expect([...new Set(errors.map(({ line }) => line))]).toEqual(mistakes.map(({ line }) => line))
  expect(errors.filter(({ error }) => error.includes('No overload matches'))).toEqual([])
})
