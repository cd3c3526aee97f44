/** Actions of operators are recorded around them, whatever happens to the action or to the record. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type AuditEntry, memoryStore } from '@eventsourced/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { audited, auditedActions, NotRecordedError } from '../src/audited.ts'
import { runCommandLine } from '../src/program.ts'
import { rows, run } from './run.ts'

const pause = { actor: 'ada@console', reason: 'no mail', action: 'subscriptions.pause', target: 'mailer' }

async function collected(entries: AsyncIterable<AuditEntry>): Promise<AuditEntry[]> {
  const all: AuditEntry[] = []
  for await (const entry of entries) all.push(entry)
  return all
}

describe('an action', () => {
  it('is recorded before it begins, and after it has succeeded', async () => {
    const store = memoryStore()
    let during: AuditEntry[] = []
    const work = async () => {
      during = await collected(store.audit.list())
      return 7
    }
    const action = { ...pause, details: { partitions: 2 } }
    expect(await audited(store, action, work, { results: (count) => ({ count }) })).toBe(7)
    const [end, start] = await collected(store.audit.list())
    expect(during).toEqual([start])
    expect(start).toMatchObject({ ...action, outcome: 'started' })
    expect(end).toMatchObject({
      ...action,
      outcome: 'done',
      startId: start?.id,
      details: { partitions: 2, count: 7 },
    })
  })

  it('that fails is recorded with its error, and the error reaches the caller', async () => {
    const store = memoryStore()
    const error = new Error(`\0${'x'.repeat(5_000)}`)
    await expect(audited(store, pause, () => Promise.reject(error))).rejects.toBe(error)
    const [end] = await collected(store.audit.list())
    expect(end).toMatchObject({ ...pause, outcome: 'failed', error: `\ufffd${'x'.repeat(998)}…` })
    await expect(audited(store, pause, () => store.subscriptions.pause('mailer'))).rejects.toMatchObject({
      code: 'unknown-subscription',
    })
    const [unknown] = await collected(store.audit.list())
    expect(unknown?.error).toContain('(unknown-subscription)')
  })

  it('that Ctrl-C ends is recorded as failed', async () => {
    const store = memoryStore()
    const controller = new AbortController()
    const reason = new Error('interrupted by Ctrl-C')
    const work = async () => {
      controller.abort(reason)
      return store.subscriptions.list({ signal: controller.signal })[Symbol.asyncIterator]().next()
    }
    await expect(audited(store, pause, work, { signal: controller.signal })).rejects.toBe(reason)
    const [end] = await collected(store.audit.list())
    expect(end).toMatchObject({ outcome: 'failed', error: 'interrupted by Ctrl-C' })
  })

  it('is not begun if it cannot be recorded first', async () => {
    const store = memoryStore()
    await store.close()
    let begun = false
    const work = async () => {
      begun = true
    }
    const failure = await audited(store, pause, work).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(NotRecordedError)
    expect(failure).toMatchObject({ outcome: 'not begun', exitCode: 1, cause: { code: 'store-closed' } })
    expect(String(failure)).toContain('Nothing was changed')
    expect(begun).toBe(false)
  })

  it('whose end cannot be recorded tells how it ended', async () => {
    const whileClosing = async (work: () => Promise<void>) => {
      const store = memoryStore()
      const closing = () => store.close().then(work)
      const results = () => ({ count: 3 })
      return audited(store, pause, closing, { results }).catch((error: unknown) => error)
    }
    const done = await whileClosing(async () => {})
    expect(done).toMatchObject({ outcome: 'done', exitCode: 1 })
    expect(String(done)).toContain(
      `'subscriptions.pause' of 'mailer' ({"count":3}) was done, but the store could not record that`,
    )
    const failed = await whileClosing(() => Promise.reject(new Error('no')))
    expect(failed).toMatchObject({ outcome: 'failed', exitCode: 1 })
    expect(String(failed)).toMatch(/no\. 'subscriptions.pause' of 'mailer' failed, but the store could not/)
  })

  it('is listed once: by its end, or by its start while it has none', async () => {
    const store = memoryStore()
    await audited(store, { ...pause, target: 'a' }, async () => {})
    await store.audit.record({ ...pause, target: 'died', outcome: 'started' })
    await audited(store, { ...pause, target: 'b' }, () =>
      audited(store, { ...pause, target: 'inner' }, async () => {}),
    )
    const listed = async (limit: number) =>
      (await collected(auditedActions(store.audit.list(), limit))).map(({ target, outcome }) => [
        target,
        outcome,
      ])
    expect(await listed(10)).toEqual([
      ['b', 'done'],
      ['inner', 'done'],
      ['died', 'started'],
      ['a', 'done'],
    ])
    expect(await listed(2)).toEqual([
      ['b', 'done'],
      ['inner', 'done'],
    ])
  })
})

describe('the command line', () => {
  // Inside the package, so that the configuration file finds the library.
  const here = fileURLToPath(new URL('.', import.meta.url))

  it('tells that an action was done and is not recorded, and exits with 1', async () => {
    const { path, remove } = temporaryFolder('audited', here)
    onTestFinished(remove)
    const file = join(path, 'eventsourced.config.ts')
    // The store breaks between the two entries: it can record the first one only.
    await writeFile(
      file,
      `
import { memoryStore } from '@eventsourced/core'
const memory = memoryStore()
await memory.runOnce({ name: 'mailer', handle() {} })
const record = (entry) =>
  entry.outcome === 'started' ? memory.audit.record(entry) : Promise.reject(new Error('disk full'))
export const store = { ...memory, audit: { ...memory.audit, record } }
`,
    )
    const { exitCode, err, out } = await run('--config', file, 'subscriptions', 'pause', 'mailer')
    expect([exitCode, out]).toEqual([1, []])
    expect(err).toBe(
      "error: 'subscriptions.pause' of 'mailer' was done, but the store could not record that: disk full",
    )
  })

  it('tells that an action which Ctrl-C has ended is not recorded as ended', async () => {
    const { path, remove } = temporaryFolder('audited', here)
    onTestFinished(remove)
    const file = join(path, 'eventsourced.config.ts')
    const controller = new AbortController()
    const interruption = `interrupt ${path}`
    process.once(interruption, () => controller.abort(new Error('interrupted by Ctrl-C')))
    // The store is away from the moment of the interruption on.
    await writeFile(
      file,
      `
import { memoryStore } from '@eventsourced/core'
const memory = memoryStore()
async function pause(name, { signal }) {
  process.emit(${JSON.stringify(interruption)})
  await memory.close()
  signal.throwIfAborted()
}
export const store = { ...memory, subscriptions: { ...memory.subscriptions, pause } }
`,
    )
    const err: string[] = []
    const terminal = { out: async () => {}, err: (line: string) => void err.push(line), isInteractive: false }
    const words = ['--config', file, 'subscriptions', 'pause', 'mailer']
    expect(await runCommandLine(words, terminal, controller.signal)).toBe(1)
    expect(err.join('\n')).toMatch(
      /interrupted by Ctrl-C\. 'subscriptions.pause' of 'mailer' failed, but the store/,
    )
  })

  it('records rebuilds and checks of projections, with the name and the reason that it is given', async () => {
    const { path, remove } = temporaryFolder('audited', here)
    onTestFinished(remove)
    const file = join(path, 'eventsourced.config.ts')
    await writeFile(
      file,
      `
import { memoryStore, projection } from '@eventsourced/core'
export const projections = [projection({
  name: 'stock', key: () => 'all', initialState: () => 0, evolve: (count) => count + 1,
})]
export const store = memoryStore()
store.close = async () => {}
await store.append('a', [{ type: 'Received', data: {} }])
`,
    )
    const who = ['--config', file, '--actor', 'ada', '--reason', 'new version']
    await run(...who, 'projections', 'rebuild', 'stock')
    await run(...who, 'projections', 'verify', 'stock')
    // The configuration file is loaded once for a process, so this is the same store.
    const known = { actor: 'ada', reason: 'new version', target: 'stock', outcome: 'done' }
    expect(rows(await run('--config', file, 'audit', '--json'))).toMatchObject([
      { ...known, action: 'projections.verify', details: { ok: true, documents: 1, events: 1 } },
      { ...known, action: 'projections.rebuild', details: { events: 1, version: 1 } },
    ])
    expect((await run('--actor', '', 'audit')).exitCode).toBe(2)
  })
})

it('begins no action if the store is silent when it must record who does it', {
  timeout: 10_000,
}, async () => {
  let begun = false
  const record = (_entry: unknown, { signal }: { signal?: AbortSignal } = {}) =>
    new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
  const silent = { audit: { ...memoryStore().audit, record } }
  const action = { actor: 'ada', action: 'subscriptions.pause', target: 'mailer' }
  const work = async () => {
    begun = true
  }
  const error = await audited(silent, action, work, { recordTime: 50 }).catch((failure: unknown) => failure)
  expect(error).toMatchObject({ outcome: 'not begun' })
  expect(begun).toBe(false)
})
