/** The packed library runs the same program on every runtime, with the same result. See docs/where-it-runs.md. */
import { createServer, type Server } from 'node:net'
import { postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { sleep } from '../../src/runtime/abort.ts'
import { CuttingPostgresProxy } from '../cutting-proxy.ts'
import { createDatabase, type TestDatabase } from '../database.ts'
import { isMissing as emulatorIsMissing, type StartedEmulator, startEmulator } from '../emulators/start.ts'
import { freePort } from '../free-port.ts'
import { type Kind, kinds } from './open-store.ts'
import type { WorkerRequest } from './programs/worker.ts'
import { makeProject, type Project } from './project.ts'
import { isMissing, node22, run, runtimes } from './runtimes.ts'
import { type RunningWorker, startWorker } from './workerd.ts'

// A store that is closed keeps no timer and no socket, so the process ends by itself.
const longestExit = 2_000
// PGlite starts in a few seconds, and in half a minute on a busy machine.
const patience = 120_000

let project: Project
let emulator: StartedEmulator
const databases: TestDatabase[] = []
const reports = new Map<Kind, unknown>()

beforeAll(async () => {
  ;[project, emulator] = await Promise.all([makeProject(), startEmulator('dynoxide')])
}, 120_000)

afterAll(async () => {
  for (const { drop } of databases) await drop()
  await emulator?.stop()
  project?.remove()
})

const hasEmulator = emulatorIsMissing('dynoxide') === undefined
const kindsHere = kinds.filter((kind) => kind !== 'dynamodb' || hasEmulator)

/** Returns the address of an empty database. */
async function freshUrl(kind: Kind): Promise<string> {
  if (kind === 'dynamodb') {
    await emulator.stop()
    emulator = await startEmulator('dynoxide')
    return emulator.endpoint
  }
  if (kind !== 'pg' && kind !== 'postgres-js') return ''
  const database = await createDatabase(inject('servers').postgres)
  databases.push(database)
  return database.url
}

/** What the story reports on the Node.js that runs the tests. */
async function expectedReport(kind: Kind): Promise<unknown> {
  const [thisNode] = runtimes
  if (!reports.has(kind) && thisNode !== undefined) {
    const { report } = await run(thisNode, project.file('story'), [kind, await freshUrl(kind)])
    reports.set(kind, report)
  }
  return reports.get(kind)
}

it('the story sees what the contract promises, on each store', { timeout: patience }, async () => {
  for (const kind of kindsHere) {
    expect(await expectedReport(kind)).toEqual({
      created: [0, { hall: 'große Halle 🎭' }],
      createdTwice: 'stream-already-exists',
      first: [1, 2, false, true],
      conflict: ['wrong-expected-version', 0, 2, true],
      invalid: 'invalid-input',
      both: [
        ['show-1', 3],
        ['show-2', 1],
      ],
      allOrNone: 'wrong-expected-version',
      repeated: [false, true],
      backward: [
        3,
        [
          [3, 'Cancelled', { seats: 1 }],
          [2, 'Booked', { seats: 3 }],
        ],
      ],
      asOf: [1, 2],
      folded: { seats: 5 },
      command: 2,
      refused: 'The show is sold out',
      crowd: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      log: [
        ['show-1', 1, 'Booked', { seats: 2 }],
        ['show-1', 2, 'Booked', { seats: 3 }],
        ['show-1', 3, 'Cancelled', { seats: 1 }],
        ['show-2', 1, 'Booked', { seats: 7 }],
        ['show-3', 1, 'Booked', { seats: 4 }],
        ['show-2', 2, 'Booked', { seats: 5 }],
      ],
      inline: { seats: 4 },
      async: { seats: 12 },
      seen: [['show-1', 3]],
      later: { seats: 10 },
      once: [2, 0, true],
      closed: 'store-closed',
    })
  }
})

const titled = runtimes.map((runtime) => [isMissing(runtime) ?? runtime.name, runtime] as const)
describe.each(titled)('%s', (_, runtime) => {
  const missing = isMissing(runtime)
  it.skipIf(missing).each(kindsHere)(
    'runs the story on %s, and ends by itself',
    { timeout: patience },
    async (kind) => {
      const { report, exitTime, exitCode, complaints } = await run(runtime, project.file('story'), [
        kind,
        await freshUrl(kind),
      ])
      expect({
        report,
        exitCode,
        complaints: complaints.replace(/.*NodeVersionSupportWarning[\s\S]*/, ''),
      }).toEqual({
        report: await expectedReport(kind),
        exitCode: 0,
        complaints: '',
      })
      expect(exitTime).toBeLessThan(longestExit)
    },
  )

  it.skipIf(missing)('names a driver that is not installed', async () => {
    const { report, exitCode } = await run(runtime, project.fileWithoutDrivers('missing-drivers'), [])
    expect({ report, exitCode }).toEqual({
      report: {
        pg: ['missing-driver', 'pg'],
        pglite: ['missing-driver', '@electric-sql/pglite'],
        dynamodb: ['missing-driver', '@aws-sdk/client-dynamodb'],
      },
      exitCode: 0,
    })
  })

  it.skipIf(missing)('reports a wrong address within the timeout, and ends by itself', async () => {
    const timeout = 500
    const silent: Server = createServer((socket) => socket.on('error', () => {}))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    try {
      const ports = [await freePort(), port, timeout].map(String)
      const { report, exitTime, exitCode } = await run(runtime, project.file('mistakes'), ports)
      const times = Object.entries(report as Record<string, { code: string; time: number }>)
      expect(times.map(([name, { code }]) => [name, code])).toEqual(
        ['pg', 'postgres-js', 'dynamodb'].flatMap((kind) =>
          ['closed', 'silent'].map((mistake) => [`${kind} ${mistake}`, 'store-unavailable']),
        ),
      )
      // On DynamoDB, one retry follows: nothing says that the first request did not arrive.
      for (const [name, { time }] of times) expect([name, time < 2 * timeout + 1_500]).toEqual([name, true])
      expect(exitTime).toBeLessThan(longestExit)
      expect(exitCode).toBe(0)
    } finally {
      silent.close()
    }
  })

  it.skipIf(missing).each(['pg', 'postgres-js'] as const)(
    'appends each event once and handles every event when the connections of %s are cut, and closes by `await using`',
    async (kind) => {
      const url = await freshUrl(kind)
      const observer = postgresStore(url, { onWarning() {} })
      await observer.schema.create()
      const proxy = await CuttingPostgresProxy.start(url)
      // The worst cut: the server commits, and the answer is lost.
      proxy.cutAnswers(2)
      try {
        const file = project.file('cut-off', runtime.knowsUsing)
        const { report, exitTime, exitCode } = await run(runtime, file, [kind, proxy.url], (line) => {
          if (line === 'half') for (const time of [100, 200, 300]) setTimeout(() => proxy.cutAll(), time)
        })
        const versions = Array.from({ length: 40 }, (_, index) => index + 1)
        expect(report).toEqual({ firsts: versions })
        const { events } = await observer.readStream('cut')
        expect(events.map(({ data }) => (data as { version: number }).version)).toEqual(versions)
        expect(exitCode).toBe(0)
        expect(exitTime).toBeLessThan(longestExit)
        expect(proxy.cuts).toBe(2)
      } finally {
        await observer.close()
        await proxy.stop()
      }
    },
  )
})

// Since the first date, workerd has all modules of Node.js that the library imports. There its timers are numbers.
const newestDate = '2026-07-01'
const cannotRunWorkers = isMissing({ name: 'Node.js 22', command: [node22], knowsUsing: false })

describe.skipIf(cannotRunWorkers).each(['2025-09-15', newestDate])(
  'workerd, compatibility date %s',
  (date) => {
    let worker: RunningWorker
    beforeAll(async () => {
      worker = await startWorker(await project.bundleWorker('test/runtimes/programs/worker.ts'), date)
    })
    afterAll(() => worker?.stop())

    it.each(kindsHere.filter((kind) => kind !== 'pglite'))('runs the story on %s', async (kind) => {
      const answer = await worker.ask({ scenario: 'story', kind, url: await freshUrl(kind) })
      expect(answer).toEqual({ report: await expectedReport(kind) })
    })

    it('refuses PGlite with a typed error', async () => {
      expect(await worker.ask({ scenario: 'story', kind: 'pglite' })).toMatchObject({
        code: 'storage-failed',
      })
    })

    it.each(['pg', 'postgres-js', 'dynamodb'] as const)('reports a wrong address of %s', async (kind) => {
      const port = await freePort()
      const url = kind === 'dynamodb' ? `http://127.0.0.1:${port}` : `postgres://user@127.0.0.1:${port}/shop`
      expect(await worker.ask({ scenario: 'wrong address', kind, url })).toEqual({
        report: 'store-unavailable',
      })
    })

    it.each(['pg', 'postgres-js', 'dynamodb'] as const)(
      'serves requests that follow each other, and that come at once, with a store of %s for each',
      async (kind) => {
        const url = await freshUrl(kind)
        const ask = () =>
          worker.ask({ scenario: 'append to its own store', kind, url } satisfies WorkerRequest)
        expect(await ask()).toEqual({ report: 1 })
        const answers = await Promise.all([ask(), ask(), ask()])
        expect(answers.map(({ report }) => report).sort()).toEqual([2, 3, 4])
      },
    )

    it('ends a subscription with the request that has started it, without releasing its lease', async () => {
      const url = await freshUrl('postgres-js')
      const observer = postgresStore(url, { onWarning() {} })
      try {
        await observer.append('a', [{ type: 'T', data: {} }])
        const leave = { scenario: 'leave a subscription', kind: 'postgres-js', url } satisfies WorkerRequest
        expect(await worker.ask(leave)).toEqual({ report: 'it runs' })
        await observer.append('a', [{ type: 'T', data: {} }])
        // A subscription that runs polls each 250 ms.
        await sleep(2_000)
        const status = await observer.subscriptionStatus('left')
        expect(status).toMatchObject({ checkpoint: 1, lastPosition: 2 })
        expect(status?.owners).toHaveLength(1)
      } finally {
        await observer.close()
      }
    })

    it('cancels requests that come at once and share a store, as the docs say', async () => {
      const url = await freshUrl('postgres-js')
      const shared = {
        scenario: 'append to the shared store',
        kind: 'postgres-js',
        url,
      } satisfies WorkerRequest
      expect(await worker.ask(shared)).toEqual({ report: 1 })
      const answers = await Promise.all(Array.from({ length: 6 }, () => worker.ask(shared)))
      expect(answers.filter(({ text }) => String(text).includes("your Worker's code had hung"))).not.toEqual(
        [],
      )
    })
  },
)

it.skipIf(cannotRunWorkers)(
  'the example cloudflare-worker.ts appends in requests, and a cron trigger handles each event once',
  async () => {
    const url = await freshUrl('pg')
    const observer = postgresStore(url, { onWarning() {} })
    await observer.schema.create()
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query('create table mails (order_id text, item text)')
    const file = await project.bundleWorker('examples/serverless/cloudflare-worker.ts')
    const worker = await startWorker(file, newestDate, url)
    try {
      for (const orderId of ['order-1', 'order-2'])
        expect(await worker.ask({ orderId, item: 'tea' })).toEqual({ orderId, version: 1 })
      expect([await worker.schedule(), await worker.schedule()]).toEqual([200, 200])
      const { rows } = await client.query('select * from mails order by order_id')
      expect(rows).toEqual([
        { order_id: 'order-1', item: 'tea' },
        { order_id: 'order-2', item: 'tea' },
      ])
      expect((await observer.subscriptionStatus('mails'))?.owners).toEqual([])
    } finally {
      await worker.stop()
      await client.end()
      await observer.close()
    }
  },
)
