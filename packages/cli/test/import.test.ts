/** What `import` reads: real files, and the real standard input of a process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as later } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { quietly } from '../../../test/child-program.ts'
import { type TemporaryFolder, temporaryFolder } from '../../../test/temporary-folder.ts'
import { rows, run } from './run.ts'

const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const lineOf = (number: number, more: object = {}) =>
  `${JSON.stringify({ streamId: 'a', type: 'Said', data: `ä😀\u2028\r ${number}`, ...more })}\n`

describe('import', () => {
  let folder: TemporaryFolder
  let config: string
  let shown: string
  beforeAll(async () => {
    folder = temporaryFolder('import', fileURLToPath(new URL('.', import.meta.url)))
    config = join(folder.path, 'eventsourced.config.ts')
    shown = join(folder.path, 'log.json')
    // The store writes its events to a file when the command closes it.
    await writeFile(
      config,
      `
import { writeFileSync } from 'node:fs'
import { memoryStore } from '@eventsourced/core'
export const store = memoryStore()
store.close = async () => {
  const log = []
  for await (const event of store.readAll()) log.push(event.data)
  writeFileSync(${JSON.stringify(shown)}, JSON.stringify(log))
}
`,
    )
  })
  afterAll(() => folder?.remove())

  /** Runs `import -`, and gives it these parts, one after the other. */
  async function piped(parts: readonly (string | Uint8Array)[], ...words: readonly string[]) {
    const start = [...quietly, '--conditions=@eventsourced/source', '--import=tsx', program]
    const child = spawn(process.execPath, [...start, '--config', config, '--json', 'import', '-', ...words])
    child.stdin.on('error', () => {})
    let [out, err] = ['', '']
    child.stdout.on('data', (text: Buffer) => {
      out += text
    })
    child.stderr.on('data', (text: Buffer) => {
      err += text
    })
    const closed = once(child, 'close')
    for (const part of parts) {
      child.stdin.write(part)
      await later(5)
    }
    child.stdin.end()
    const [exitCode] = await closed
    return { exitCode, err, result: out === '' ? undefined : JSON.parse(out) }
  }

  it('reads all lines of the standard input, however they are cut into parts', async () => {
    const lines = Array.from({ length: 3_000 }, (_, index) => lineOf(index))
    const bytes = Buffer.from(lines.join('').trimEnd())
    // The second cut is inside a character, the third one inside a line.
    const cuts = [0, bytes.indexOf('ä') + 1, 50_001, 50_002, bytes.length]
    const parts = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end))
    const { exitCode, result } = await piped(parts, '--name', 'notes')
    expect([exitCode, result]).toEqual([0, { read: 3_000, imported: 3_000, skipped: 0 }])
    expect(JSON.parse(await readFile(shown, 'utf8'))).toEqual(lines.map((line) => JSON.parse(line).data))
  })

  it('wants a name for what is on the standard input, if its events have no ids', async () => {
    const withId = lineOf(1, { id: '0190a5b2-0000-7000-8000-000000000001' })
    expect(await piped([withId])).toMatchObject({ exitCode: 0, result: { imported: 1 } })
    const { exitCode, err } = await piped([withId, lineOf(2)])
    expect([exitCode, err]).toEqual([1, expect.stringContaining('Line 2 has no "id": name what is on')])
  })

  const importOf = async (name: string, content: string | Uint8Array) => {
    const file = join(folder.path, name)
    await writeFile(file, content)
    return run('--config', config, '--json', 'import', file)
  }

  it('leaves a byte order mark out, and refuses bytes that are no UTF-8', async () => {
    expect(rows(await importOf('mark.jsonl', `\ufeff${lineOf(1)}`))).toMatchObject([{ imported: 1 }])
    const wrong = Buffer.concat([Buffer.from(lineOf(2)), Buffer.from([0x22, 0xff, 0x22, 0x0a])])
    const { exitCode, err } = await importOf('wrong.jsonl', wrong)
    expect([exitCode, err]).toEqual([1, 'error: The source is no UTF-8 after line 0: convert it first'])
    const cut = await importOf('cut.jsonl', Buffer.from(lineOf(3)).subarray(0, -20))
    expect(cut.exitCode).toBe(1)
  })

  it('fails on a file that was cut', async () => {
    const zipped = gzipSync(Array.from({ length: 500 }, (_, index) => lineOf(index)).join(''))
    const { exitCode, err } = await importOf('cut.jsonl.gz', zipped.subarray(0, zipped.length - 30))
    expect([exitCode, err]).toEqual([1, expect.stringContaining('unexpected end of file')])
  })
})
