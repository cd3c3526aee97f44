/** `check` on every database: what it reports, its exit codes, and how an interrupted check continues. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Catalogue, defineEvents, memoryStore, payload } from '@eventsourced/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { quietly } from '../../../test/child-program.ts'
import { type TemporaryFolder, temporaryFolder } from '../../../test/temporary-folder.ts'
import { runCommandLine } from '../src/program.ts'
import { openTarget } from '../src/target/open.ts'
import { catalogueStore } from './catalogue-store.ts'
import { databases, type StartedDatabase } from './databases.ts'
import { rows, run } from './run.ts'

const paid = z.object({ amount: z.number().positive(), currency: z.string() })
const inEuros = (old: { euros: number }) => ({ amount: old.euros, currency: 'EUR' })
const upcasts = { Paid: { 1: inEuros }, PaidBack: 'Refunded' } as const
const noted = payload<{ text: string }>()
const refunded = payload<{ amount: number }>()
const strict = defineEvents({ Paid: paid, Noted: noted, Refunded: refunded }, { upcasts })
const anyPayment = { Paid: payload<{ amount: number; currency: string }>(), Noted: noted }
const lenient = defineEvents(anyPayment, { upcasts: { Paid: { 1: inEuros } }, unknown: 'skip' })

const message = "'Paid' data.amount: Too small: expected number to be >0"

/** Runs a command line, and interrupts it as Ctrl-C does, when it shows its first progress. */
async function interrupted(...words: readonly string[]) {
  const controller = new AbortController()
  const err: string[] = []
  const terminal = {
    out: async () => {},
    err(line: string) {
      err.push(line)
      controller.abort(new Error('interrupted by Ctrl-C'))
    },
    isInteractive: false,
  }
  return { exitCode: await runCommandLine(words, terminal, controller.signal), err: err.join('\n') }
}

describe.each(databases)('check on $name', { timeout: 120_000 }, ({ start }) => {
  let database: StartedDatabase
  let folder: TemporaryFolder
  let file: string
  let configs = 0
  let catalogue: Catalogue
  /** Names a new configuration file that exports the store with its catalogue: a command closes the store of a file. */
  async function config(): Promise<string> {
    const path = join(folder.path, `config-${++configs}.ts`)
    await writeFile(path, 'export const store = globalThis.storeToCheck()\n')
    return path
  }
  const check = async (...words: string[]) => run('--config', await config(), 'check', ...words)

  /** Appends as older releases did: no catalogue looks at the events. */
  async function append(streamId: string, events: readonly { type: string; data: object }[]) {
    const { store } = await openTarget({ url: database.url }, true)
    await store.append(streamId, events).finally(() => store.close())
  }

  beforeAll(async () => {
    database = await start()
    folder = temporaryFolder('check')
    file = join(folder.path, 'check.json')
    Object.assign(globalThis, { storeToCheck: () => catalogueStore(database.url, catalogue) })
    await append('order-1', [
      { type: 'Paid', data: { euros: 20 } },
      { type: 'Paid', data: { euros: 0 } },
      { type: 'Shipped', data: {} },
      { type: 'Noted', data: { text: 'a' } },
    ])
  }, 120_000)
  beforeEach(() => {
    catalogue = strict
  })
  afterAll(async () => {
    await database?.stop()
    folder?.remove()
  })

  it('counts what fails, shows examples, and exits with 5', async () => {
    const { exitCode, out } = await check()
    expect(exitCode).toBe(5)
    const text = out.join('\n')
    expect(text).toMatch(/^stored type +schema version +events +failed +read as$/m)
    expect(text).toMatch(/^Paid +1 +2 +1 +Paid$/m)
    expect(text).toMatch(/^Shipped +1 +1 +1 +not in the catalogue$/m)
    expect(text).toMatch(/ {2}position \d+ \(version 2 of 'order-1'\): 'Paid' data.amount: Too small/)
    expect(text).toContain("Upcasts that no stored event needs any more: 'PaidBack'.")
    expect(text).toMatch(/2 of 4 events, up to position \d+, cannot be read or do not fit their schema\.$/)

    const [result] = rows(await check('--json'))
    const own = { schemaVersion: 1, isKnown: true, failed: 0, examples: [] }
    expect(result).toEqual({
      ...{ ok: false, events: 4, failed: 2, after: 0, position: expect.any(Number), isSample: false },
      stored: [
        { ...own, type: 'Noted', today: ['Noted'], events: 1 },
        {
          ...{ ...own, type: 'Paid', today: ['Paid'], events: 2, failed: 1 },
          examples: [{ position: expect.any(Number), streamId: 'order-1', version: 2, message }],
        },
        {
          ...{ ...own, type: 'Shipped', isKnown: false, today: [], events: 1, failed: 1 },
          examples: [expect.objectContaining({ version: 3 })],
        },
      ],
      ...{ unlisted: 0, unused: [{ type: 'PaidBack' }] },
    })
  })

  it('exits with 0 when the catalogue reads everything, and changes nothing', async () => {
    catalogue = lenient
    const { exitCode, out } = await run('--config', await config(), '--read-only', 'check')
    expect([exitCode, out.at(-1)]).toEqual([0, expect.stringMatching(/reads all 4 events, up to position/)])
    expect(rows(await run('--url', database.url, '--json', 'audit'))).toEqual([])
  })

  it('takes a position, a sample and a limit', async () => {
    const [{ stored }] = rows(await check('--json'))
    const [{ position }] = stored[1].examples
    const [later] = rows(await check('--json', '--after', String(position)))
    expect(later).toMatchObject({ after: position, events: 2, failed: 1, unused: [] })
    const [sample] = rows(await check('--json', '--sample', '1', '--limit', '0'))
    expect(sample).toMatchObject({ isSample: true, ok: false, stored: [{}, { examples: [] }, {}] })
    const { exitCode, err } = await check('--after', '1000000')
    expect([exitCode, err]).toEqual([1, expect.stringMatching(/log-truncated/)])
  })

  it('continues an interrupted check, and ends with the result of one without interruption', async () => {
    for (const id of ['a', 'b', 'c', 'd'])
      await append(
        id,
        Array.from({ length: 625 }, () => ({ type: 'Noted', data: { text: id } })),
      )
    const { exitCode, err } = await interrupted('--config', await config(), 'check', '--resume', file)
    const { result } = JSON.parse(await readFile(file, 'utf8'))
    expect([exitCode, result]).toEqual([130, expect.objectContaining({ events: 1_000, failed: 2 })])
    expect(err).toContain(`has come to position ${result.position}. Repeat the command to continue there`)

    const resumed = await check('--json', '--resume', file)
    expect(Number(/^(\d+) of \d+ positions/.exec(resumed.err)?.[1])).toBeGreaterThan(result.position)
    expect([resumed.exitCode, existsSync(file)]).toEqual([5, false])
    expect(rows(resumed)).toEqual(rows(await check('--json')))
    expect(rows(resumed)).toMatchObject([{ events: 2_504, failed: 2 }])
  })

  it('refuses a file that belongs to another check, and leaves it as it is', async () => {
    await interrupted('--config', await config(), 'check', '--resume', file)
    const text = await readFile(file, 'utf8')
    const refused = async (content: string, ...words: string[]) => {
      await writeFile(file, content)
      const { exitCode, out, err } = await check('--resume', file, ...words)
      expect([exitCode, out, await readFile(file, 'utf8')]).toEqual([2, [], content])
      return err
    }
    const mark = JSON.parse(text)
    expect(await refused(JSON.stringify({ ...mark, eventId: 'another' }))).toContain('has read another store')
    const pastEnd = { ...mark, result: { ...mark.result, position: 10 ** 9 } }
    expect(await refused(JSON.stringify(pastEnd))).toContain('has read another store')
    expect(await refused('{"name":"shop"}')).toContain('is not the state of an interrupted check')
    expect(await refused(text.slice(0, 100))).toContain('is not the state of an interrupted check')
    expect(await refused(text, '--after', '1')).toContain('began without --after. Repeat it so')
    expect(await refused(text, '--sample', '1')).toContain('A sample cannot be resumed')
    catalogue = lenient
    expect(await refused(text)).toContain('The catalogue has changed since')
    const nowhere = await check('--resume', join(folder.path, 'no-folder', 'check.json'))
    expect([nowhere.exitCode, nowhere.err]).toEqual([2, expect.stringContaining('cannot keep the state')])
  })

  it('needs a catalogue', async () => {
    const { exitCode, err } = await run('--url', database.url, 'check')
    expect([exitCode, err]).toEqual([
      2,
      expect.stringContaining("'check' needs a catalogue, and the store of "),
    ])
    catalogue = defineEvents<{ type: 'Paid'; data: object }>()
    const open = await check()
    expect([open.exitCode, open.err]).toEqual([2, expect.stringContaining('only the compiler knows them')])
    expect((await check('--samples', '3')).err).toContain('Did you mean --sample?')
    expect((await check('--sample', '0')).exitCode).toBe(2)
  })

  it('exports stored events also with a catalogue, which an import has to say', async () => {
    const log = join(folder.path, 'log.jsonl')
    expect((await run('--config', await config(), 'export', log)).exitCode).toBe(0)
    const lines = (await readFile(log, 'utf8')).split('\n')
    expect(lines.slice(0, 2).map((line) => JSON.parse(line).data)).toEqual([{ euros: 20 }, { euros: 0 }])

    // The first event alone: the second one does not fit today's schema.
    const one = join(folder.path, 'one.jsonl')
    await writeFile(one, `${lines[0]}\n`)
    const copy = memoryStore({ events: strict })
    const copyConfig = join(folder.path, 'copy.config.ts')
    await writeFile(copyConfig, 'export const store = globalThis.copyOfChecked\n')
    // A command closes its store, and three commands use this one.
    Object.assign(globalThis, { copyOfChecked: Object.assign(copy, { close: async () => {} }) })
    const unsaid = await run('--config', copyConfig, 'import', one)
    expect([unsaid.exitCode, unsaid.err]).toEqual([
      1,
      expect.stringContaining("shape must be 'current' or 'stored'"),
    ])
    const current = await run('--config', copyConfig, 'import', one, '--shape', 'current')
    expect([current.exitCode, current.err]).toEqual([1, expect.stringContaining('invalid-event')])
    expect((await run('--config', copyConfig, 'import', one, '--shape', 'stored')).exitCode).toBe(0)
    expect((await copy.readStream('order-1')).events).toMatchObject([
      { data: { amount: 20, currency: 'EUR' } },
    ])
  })
})

describe('a process that checks', () => {
  it('leaves a file after Ctrl-C with which another process continues', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder('check', fileURLToPath(new URL('.', import.meta.url)))
    const file = join(folder.path, 'check.json')
    const config = join(folder.path, 'eventsourced.config.ts')
    // Each event takes a millisecond, unless QUICK is set.
    await writeFile(
      config,
      `
import { defineEvents, memoryStore } from '@eventsourced/core'
import * as z from 'zod'
const slow = () => {
  const end = performance.now() + (process.env.QUICK ? 0 : 1)
  while (performance.now() < end);
  return true
}
const events = defineEvents({ Noted: z.object({}).refine(slow) })
export const store = memoryStore({ events })
const id = (number: number) => \`00000000-0000-7000-8000-\${String(number).padStart(12, '0')}\`
const wait = process.env.QUICK
process.env.QUICK = 'yes'
for (let part = 0; part < 20; part++)
  await store.append('a', Array.from({ length: 500 }, (_, index) => ({ id: id(part * 500 + index), type: 'Noted', data: {} })))
if (wait === undefined) delete process.env.QUICK
`,
    )
    const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
    const start = [...quietly, '--conditions=@eventsourced/source', '--import=tsx', program]
    const checking = (env: Record<string, string>) => {
      const words = [...start, '--config', config, '--json', 'check', '--resume', file]
      const child = spawn(process.execPath, words, { env: { ...process.env, ...env } })
      const said = { out: '', err: '' }
      child.stdout.on('data', (text: Buffer) => {
        said.out += text
      })
      child.stderr.on('data', (text: Buffer) => {
        said.err += text
      })
      return { child, said, closed: once(child, 'close') }
    }
    try {
      const first = checking({})
      await Promise.race([once(first.child.stderr, 'data'), first.closed])
      first.child.kill('SIGINT')
      expect([...(await first.closed), first.said.out]).toEqual([130, null, ''])
      const { result } = JSON.parse(await readFile(file, 'utf8'))
      expect(result).toMatchObject({ ok: true, position: result.events })
      expect(result.events % 1_000).toBe(0)
      expect(result.events).toBeLessThan(10_000)

      const second = checking({ QUICK: 'yes' })
      expect(await second.closed).toEqual([0, null])
      expect(second.said.err).toMatch(new RegExp(`^${result.events + 1_000} of 10000 positions`))
      expect(JSON.parse(second.said.out)).toMatchObject({ ok: true, events: 10_000, position: 10_000 })
      expect(existsSync(file)).toBe(false)
    } finally {
      folder.remove()
    }
  })
})
