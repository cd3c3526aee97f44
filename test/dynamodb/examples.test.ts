/** The examples run on DynamoDB after a change of one line, and print the same. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { run } from './run-program.ts'

// Inside the package, so that the package's own subpaths resolve; ignored by git.
const folder = '.demo/examples'
/** Removes the positions: they differ from store to store. */
const withoutPositions = (printed: string) => printed.replace(/^\d+ /gm, '')

describe.each(oneEmulator)('examples on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
    mkdirSync(folder, { recursive: true })
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await ground?.end()
  })

  it.each(['quickstart.ts', 'orders.ts'])('%s prints the same as in memory', async (example) => {
    const lines = readFileSync(`examples/${example}`, 'utf8').split('\n')
    const changed = lines.map((line) => {
      const options = /^const store = memoryStore\((?:\{ (.*) \})?\)/.exec(line)
      if (options === null) return line
      const own = [
        `endpoint: '${ground.endpoint}'`,
        `table: '${ground.table()}'`,
        ...(options[1] ? [options[1]] : []),
      ]
      return `const store = dynamodbStore({ ${own.join(', ')} })`
    })
    expect(changed.filter((line, index) => line !== lines[index])).toHaveLength(1)
    const file = join(folder, `${name}-${example}`)
    writeFileSync(
      file,
      ["import { dynamodbStore } from '@eventsourced/core/dynamodb'", ...changed].join('\n'),
    )
    const [here, there] = await Promise.all([run(`examples/${example}`), run(file)])
    expect(withoutPositions(there)).toBe(withoutPositions(here))
    expect(here).not.toBe('')
  })
})
