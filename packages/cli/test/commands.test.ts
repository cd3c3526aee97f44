/** Every command on every database, by its URL alone. */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { memoryStore } from '@eventsourced/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import type { CommandContext } from '../src/context.ts'
import { openTarget } from '../src/target/open.ts'
import { correlatedEvents } from '../src/trace.ts'
import { databases, type StartedDatabase } from './databases.ts'
import { rows, run } from './run.ts'

describe.each(databases)('the command line on $name', ({ name, start }) => {
  let database: StartedDatabase
  let folder: string
  const here = (...words: string[]) => run('--url', database.url, ...words)
  const withStore = async (
    use: (store: Awaited<ReturnType<typeof openTarget>>['store']) => Promise<unknown>,
  ) => {
    const { store } = await openTarget({ url: database.url }, true)
    await use(store).finally(() => store.close())
  }

  beforeAll(async () => {
    database = await start()
    folder = await mkdtemp(join(tmpdir(), 'cli-'))
  })
  afterAll(async () => {
    await database?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('finds that the tables are missing, creates them, and finds that they are there', async () => {
    expect((await here('migrate', '--check')).exitCode).toBe(3)
    expect((await here('--read-only', 'migrate')).exitCode).toBe(2)
    expect((await here('doctor')).exitCode).toBe(4)
    const streams = await here('streams')
    expect([streams.exitCode, streams.err]).toEqual([1, expect.stringContaining('`eventsourced migrate`')])
    expect((await here('status', '--json')).exitCode).toBe(0)
    expect((await here('migrate', '--check')).exitCode).toBe(3)
    expect((await here('migrate')).exitCode).toBe(0)
    expect((await here('migrate', '--check')).exitCode).toBe(0)
    expect((await here('migrate')).exitCode).toBe(0)
    const actor = `${userInfo().username}@${hostname()}`
    expect(rows(await here('audit', '--json'))).toMatchObject([
      { actor, action: 'migrate', target: 'tables', outcome: 'done', startId: null, error: null },
    ])
    expect((await here('doctor')).exitCode).toBe(0)
  })

  it('shows streams, events and the log', async () => {
    await withStore(async (store) => {
      await store.append('order-1', [
        { type: 'Placed', data: { sku: 'book' } },
        { type: 'Paid', data: { amount: 10 }, metadata: { correlationId: 'trace-1' } },
      ])
      await store.append('order-2', [{ type: 'Placed', data: { sku: '\u001b[31mred' } }])
    })
    expect(rows(await here('streams', '--json'))).toMatchObject([
      { streamId: 'order-1', version: 2 },
      { streamId: 'order-2', version: 1 },
    ])
    const stream = rows(await here('stream', 'order-1', '--json'))
    expect(stream).toMatchObject([
      { type: 'Placed', version: 1 },
      { type: 'Paid', version: 2 },
    ])
    expect(rows(await here('stream', 'order-1', '--json', '--to-version', '1'))).toHaveLength(1)
    expect(rows(await here('event', String(stream[1].position), '--json'))).toEqual([stream[1]])
    expect(rows(await here('event', stream[1].id, '--json'))).toEqual([stream[1]])
    expect(rows(await here('event', stream[0].id.toUpperCase(), '--json'))).toEqual([stream[0]])
    expect(rows(await here('tail', '--json', '--limit', '2'))).toMatchObject([
      { type: 'Paid' },
      { type: 'Placed' },
    ])
    expect(rows(await here('tail', '--json', '--type', 'Paid'))).toMatchObject([{ type: 'Paid' }])
    expect(rows(await here('trace', 'trace-1', '--json'))).toMatchObject([{ type: 'Paid', depth: 0 }])
    expect(rows(await here('stats', '--json'))).toMatchObject([
      { type: 'Placed', events: 2, streams: 2 },
      { type: 'Paid', events: 1, streams: 0 },
    ])
    // Data cannot control the terminal.
    expect((await here('stream', 'order-2')).out.join('')).not.toContain('\u001b')
  })

  it('pauses, moves and removes a subscription, and retries what it has parked', async () => {
    await withStore(async (store) => {
      const handle = () => {
        throw new Error('550 no mailbox \u001b[2J')
      }
      const onError = { retries: 0, action: 'park' } as const
      await store.subscribe({ name: 'mailer', types: ['Paid'], handle, onError }).caughtUp()
    })
    expect(rows(await here('subscriptions', '--json'))).toMatchObject([
      { name: 'mailer', parked: 1, owners: [] },
    ])
    const [parked] = rows(await here('parked', 'list', 'mailer', '--json'))
    expect(parked).toMatchObject({ type: 'Paid', error: expect.stringContaining('550') })
    expect((await here('parked', 'show', 'mailer', String(parked.position))).out.join('\n')).toContain(
      '550 no mailbox \ufffd[2J',
    )
    expect(rows(await here('parked', 'retry', 'mailer', '--error', '550', '--json'))).toMatchObject([
      { count: 1 },
    ])
    expect((await here('parked', 'skip', 'mailer', '--all')).exitCode).toBe(2)
    expect((await here('parked', 'retry', 'mailer')).exitCode).toBe(2)
    expect(rows(await here('subscriptions', 'pause', 'mailer', '--json'))).toEqual([
      { name: 'mailer', state: 'paused' },
    ])
    expect(rows(await here('subscriptions', '--json'))).toMatchObject([{ state: 'paused' }])
    expect((await here('subscriptions', 'resume', 'mailer')).exitCode).toBe(0)
    expect((await here('subscriptions', 'move', 'mailer', 'beginning')).err).toContain('again')
    expect((await here('subscriptions', 'move', 'mailer', 'beginning', '--again')).exitCode).toBe(0)
    const unconfirmed = await here('subscriptions', 'remove', 'mailer')
    expect([unconfirmed.exitCode, unconfirmed.err]).toEqual([2, expect.stringContaining('--yes mailer')])
    expect((await here('subscriptions', 'remove', 'mailer', '--yes', 'mail')).exitCode).toBe(2)
    expect((await here('--read-only', 'subscriptions', 'remove', 'mailer', '--yes', 'mailer')).exitCode).toBe(
      2,
    )
    expect((await here('subscriptions', 'remove', 'mailer', '--yes', 'mailer')).exitCode).toBe(0)
    expect(rows(await here('subscriptions', '--json'))).toEqual([])
  })

  it('lists who did what, the newest first, also what failed, and nothing that was refused', async () => {
    expect(
      (await here('--actor', 'ada', '--reason', 'a \u001b[2J', 'projections', 'drop', 'x')).exitCode,
    ).toBe(2)
    const dropping = ['projections', 'drop', 'stock', '--yes', 'stock']
    expect((await here('--actor', 'ada', '--reason', 'unused \u001b[2J', ...dropping)).exitCode).toBe(0)
    const [dropped, ...others] = rows(await here('audit', '--json', '--limit', '7'))
    expect(dropped).toMatchObject({
      actor: 'ada',
      reason: 'unused \u001b[2J',
      action: 'projections.drop',
      target: 'stock',
      outcome: 'done',
      details: { dropped: false },
    })
    expect(others.map(({ action, outcome, details }) => [action, outcome, details])).toEqual([
      ['subscriptions.remove', 'done', null],
      ['subscriptions.move', 'done', { to: 'beginning', again: true, position: 0 }],
      ['subscriptions.move', 'failed', { to: 'beginning' }],
      ['subscriptions.resume', 'done', null],
      ['subscriptions.pause', 'done', null],
      ['parked.retry', 'done', { filter: { error: '550' }, count: 1 }],
    ])
    const text = (await here('audit', '--limit', '1')).out.join('\n')
    expect(text).toMatch(/projections.drop +stock +done +{"dropped":false} {2}reason: unused \ufffd/)
    expect(await here('--read-only', 'audit', '--limit', '1')).toMatchObject({ exitCode: 0 })
  })

  it('exports a log, resumes an interrupted export, and imports it once', async () => {
    const [file, zipped] = [join(folder, `${name}.jsonl`), join(folder, `${name}.jsonl.gz`)]
    expect((await here('export', file)).exitCode).toBe(0)
    const whole = await readFile(file, 'utf8')
    expect(whole.trim().split('\n')).toHaveLength(3)
    expect((await here('export', file)).exitCode).toBe(2)
    expect((await here('export', zipped)).exitCode).toBe(0)
    expect(gunzipSync(await readFile(zipped)).toString()).toBe(whole)

    // The process was killed after the first event was safe, while it wrote the second one.
    const [first = ''] = whole.split('\n')
    const bytes = Buffer.byteLength(`${first}\n`)
    await writeFile(
      `${file}.unfinished`,
      JSON.stringify({ position: JSON.parse(first).position, bytes, options: {} }),
    )
    await truncate(file, bytes + 10)
    expect((await here('export', file)).exitCode).toBe(0)
    expect(await readFile(file, 'utf8')).toBe(whole)

    // What was resumed is the whole export, so these cannot be.
    const unfinished = (mark: string) => writeFile(`${file}.unfinished`, mark)
    await unfinished(JSON.stringify({ position: 1, bytes: 10 ** 6, options: {} }))
    expect((await here('export', file)).err).toContain('shorter')
    await unfinished(JSON.stringify({ position: 1, bytes: 1, options: {} }))
    expect((await here('export', file, '--type', 'Paid')).err).toContain('other options')
    await unfinished('half wri')
    expect((await here('export', file)).err).toContain('does not say how far')
    expect(await readFile(file, 'utf8')).toBe(whole)

    expect(rows(await here('import', zipped, '--json'))).toEqual([{ read: 3, imported: 0, skipped: 3 }])
    await writeFile(join(folder, 'new.jsonl'), '{"stream":"order-3","type":"Placed","data":{}}\n')
    const imported = await here('import', join(folder, 'new.jsonl'), '--json')
    expect(rows(imported)).toEqual([{ read: 1, imported: 1, skipped: 0 }])
    await writeFile(join(folder, 'wrong.jsonl'), '{"stream":"order-3"}\n')
    const wrong = await here('import', join(folder, 'wrong.jsonl'))
    expect([wrong.exitCode, wrong.err]).toEqual([1, expect.stringContaining('Line 1')])
    const [failed, done] = rows(await here('audit', '--json', '--limit', '2'))
    expect(failed).toMatchObject({
      target: 'wrong.jsonl',
      outcome: 'failed',
      error: expect.stringContaining('Line 1'),
    })
    expect(done).toMatchObject({
      action: 'import',
      target: 'new.jsonl',
      outcome: 'done',
      details: { imported: 1 },
    })
  })

  it('copies everything into another store, and back nothing', async () => {
    await withStore((store) => store.createStream('empty', { metadata: { owner: 'ada' } }))
    const target = `pglite:${join(folder, `copy-${name}`)}`
    expect(rows(await here('copy', '--to', target, '--json'))).toMatchObject([
      { imported: 4, skipped: 0, streams: 1 },
    ])
    expect(rows(await here('copy', '--to', target, '--json'))).toMatchObject([
      { imported: 0, skipped: 4, streams: 0 },
    ])
    const [here1, there] = [await here('export', '-'), await run('--url', target, 'export', '-')]
    const withoutPositions = (lines: readonly string[]) =>
      lines.map((line) => ({ ...JSON.parse(line), position: 0 }))
    expect(withoutPositions(there.out)).toEqual(withoutPositions(here1.out))
    // One opening for both: PGlite takes seconds to start.
    const { store: copied } = await openTarget({ url: target }, false)
    expect(await copied.streamInfo('empty')).toMatchObject({ metadata: { owner: 'ada' } })
    const recorded = []
    for await (const entry of copied.audit.list({ limit: 2 })) recorded.push(entry)
    await copied.close()
    expect(recorded).toMatchObject([
      { action: 'copy', outcome: 'done', details: { imported: 0, skipped: 4 } },
      { action: 'copy', outcome: 'started', details: { from: expect.stringMatching(/^\w+:/) } },
    ])
  })

  it('lists the largest streams', async () => {
    const noted = { type: 'Noted', data: {} }
    await withStore((store) =>
      store.append(
        'z-last',
        Array.from({ length: 9 }, () => noted),
      ),
    )
    await withStore((store) => store.append('z-first', [noted]))
    expect(rows(await here('streams', '--largest', '--limit', '2', '--json'))).toMatchObject([
      { streamId: 'z-last', version: 9 },
      { version: 2 },
    ])
    expect(rows(await here('streams', '--largest', '--prefix', 'z-', '--json'))).toMatchObject([
      { streamId: 'z-last' },
      { streamId: 'z-first' },
    ])
  })

  it('explains mistakes', async () => {
    expect((await here('strems')).err).toContain('Did you mean stream')
    expect((await here('stream', 'order-9')).err).toBe("error: The stream 'order-9' does not exist")
    expect((await here('event', 'first')).exitCode).toBe(2)
    expect((await here('streams', '--largest', '--after', 'a')).exitCode).toBe(2)
    expect((await here('streams', '--largest', '--limit', '1001')).exitCode).toBe(2)
    expect((await here('event', '0')).exitCode).toBe(2)
    expect((await here('event', '999')).err).toBe('error: No event has the position 999')
    const none = '00000000-0000-7000-8000-000000000000'
    expect((await here('event', none)).err).toBe(`error: No event has the id ${none}`)
    expect((await here('projections', 'rebuild', 'stock')).err).toContain('eventsourced.config.ts')
    expect((await here('subscriptions', 'pause', 'nobody')).err).toContain('(unknown-subscription)')
  })
})

describe('trace', () => {
  it('shows each event once, after its cause, also if events name each other as their causes', async () => {
    const store = memoryStore()
    const id = (number: number) => `00000000-0000-7000-8000-00000000000${number}`
    const caused = (number: number, cause: number) => ({
      id: id(number),
      type: 'Happened',
      data: {},
      metadata: { correlationId: 'c', causationId: id(cause) },
    })
    const causes = [caused(1, 9), caused(2, 1), caused(3, 1), caused(4, 2), caused(5, 6), caused(6, 5)]
    await store.append('a', causes)
    const context = { store, signal: new AbortController().signal } as CommandContext
    const tree = await correlatedEvents(context, 'c')
    expect(tree.map(({ version, depth }) => [version, depth])).toEqual([
      [1, 0],
      [2, 1],
      [4, 2],
      [3, 1],
      [5, 0],
      [6, 1],
    ])
  })
})

describe('the command line without a store', () => {
  it('says how to name one', async () => {
    const { exitCode, err } = await run('status')
    expect([exitCode, err]).toEqual([2, expect.stringContaining('--url')])
  })

  it.each([
    ['subscriptions pause mailer --yess', "unknown option '--yess'"],
    ['parked retry mailer --al', 'Did you mean --all?'],
    ['parked skp mailer', 'Did you mean skip?'],
    ['projections drop', "missing required argument 'name'"],
    ['subscriptions puase mailer', "unknown command 'subscriptions puase': the commands are pause, resume"],
    ['projections --jsno', 'Did you mean --json?'],
  ])('refuses `%s` with the exit code of a wrong command line', async (words, message) => {
    const { exitCode, err } = await run('--url', 'pglite:no-folder', ...words.split(' '))
    expect([exitCode, err]).toEqual([2, expect.stringContaining(message)])
  })

  it('makes no database of a misspelt folder', async () => {
    const folder = join(tmpdir(), 'no-such-folder-of-eventsourced')
    const { exitCode, err } = await run('--url', `pglite:${folder}`, 'status')
    expect([exitCode, err]).toEqual([1, expect.stringContaining('no database')])
    expect(existsSync(folder)).toBe(false)
  })

  it.each(['deciders = []', 'deciders = { order: 1 }', 'projections = {}', 'redact = true'])(
    'refuses a configuration file with %s',
    async (mistake) => {
      const { path, remove } = temporaryFolder('cli-config')
      const file = join(path, 'eventsourced.config.mjs')
      await writeFile(file, `export const store = { readStream() {} }\nexport const ${mistake}\n`)
      const { exitCode, err } = await run('--config', file, 'streams')
      remove()
      const name = mistake.split(' ')[0]
      expect([exitCode, err]).toEqual([1, expect.stringMatching(`^error: \`${name}\` of '.*' must be`)])
    },
  )

  it.each([
    ['eventsourced.config.mjs', 'export const redacted = () => 1', 1],
    ['eventsourced.config.mjs', 'export default { redacted: () => 1 }', 1],
    ['store.mjs', 'export const redacted = () => 1', 0],
  ])('of a file %s with `%s`, refuses an unknown name: exit code %i', async (name, line, code) => {
    const { path, remove } = temporaryFolder('cli-config')
    const file = join(path, name)
    const core = import.meta.resolve('@eventsourced/core')
    await writeFile(
      file,
      `import { memoryStore } from '${core}'\nexport const store = memoryStore()\n${line}\n`,
    )
    const { exitCode, err } = await run('--config', file, 'streams')
    remove()
    expect(exitCode).toBe(code)
    if (code === 1) expect(err).toContain("exports 'redacted', but only store, deciders, projections, redact")
  })

  it('never prints a password', async () => {
    const wrong = await run('--url', 'mysql://ada:secret@host/database?token=secret', 'status')
    expect([wrong.exitCode, wrong.err.includes('secret')]).toEqual([2, false])
    const away = await run('--url', 'postgres://ada:secret@127.0.0.1:1/shop', 'status', '--json')
    expect([away.exitCode, away.err.includes('secret'), away.out]).toEqual([1, false, []])
  })
})
