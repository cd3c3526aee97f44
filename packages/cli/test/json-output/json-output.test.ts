/**
 * What each command prints with `--json`, as a specification: `all-stores.txt` holds for every store, and `postgres.txt`,
 * `pglite.txt` and `dynamodb.txt` hold what only that store prints (Postgres: on the server that the tests start). Run with `-u` to accept a change.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decider, defineEvents, payload, projection, type RecordedEvent } from '@eventsourced/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AnyStore } from '../../src/target/known.ts'
import { openTarget } from '../../src/target/open.ts'
import { storeAddress } from '../../src/target/store-url.ts'
import { catalogueStore } from '../catalogue-store.ts'
import { databases, type StartedDatabase } from '../databases.ts'
import { run } from '../run.ts'
import { normalised } from './normalised.ts'

type Placed = { type: 'Placed'; data: { sku: string } }

const stock = projection({
  name: 'stock',
  key: ({ data }: RecordedEvent<Placed>) => data.sku,
  initialState: () => ({ placed: 0 }),
  evolve: ({ placed }) => ({ placed: placed + 1 }),
})
const order = decider({
  initialState: () => ({ status: 'new' }),
  decide: (_command: 'place'): Placed => ({ type: 'Placed', data: { sku: 'book' } }),
  evolve: () => ({ status: 'placed' }),
})
/** It does not know the event `Paid`. */
const catalogue = defineEvents({ Placed: payload<{ sku: string }>() })
const migrations = 'Postgres has migrations and functions; DynamoDB has two tables of one format.'
const exported = { deciders: { order }, projections: [stock] }

/** Stands for the position of an event among the words of a command: `@1` is the first event of the log. */
const eventMark = /^@(\d+)$/

const ids = [1, 2, 3].map((number) => `00000000-0000-7000-8000-00000000000${number}`)

// A command opens its own store, and PGlite needs a second for it. Eleven commands run in the longest test.
describe.each(databases)('with --json on $name', { timeout: 180_000 }, ({ name, start }) => {
  let database: StartedDatabase
  let folder: string
  const ofAll: string[] = []
  const ofThis: string[] = []
  let positions: number[] = []

  async function withStore(use: (store: AnyStore) => Promise<unknown>): Promise<void> {
    const { store } = await openTarget({ url: database.url }, true)
    try {
      await use(store)
      positions = []
      for await (const { position } of store.raw.readAll()) positions.push(position)
    } finally {
      await store.close()
    }
  }

  /** Runs a command, and returns its lines for a snapshot. */
  async function printed(words: readonly string[], store: readonly string[]): Promise<string> {
    const position = (_: string, number: string) => String(positions[Number(number) - 1])
    const { exitCode, out } = await run(
      ...store,
      '--json',
      ...words.map((word) => word.replace(eventMark, position)),
    )
    const names = new Map([
      [copyUrl(), '<other store>'],
      [storeAddress(copyUrl()).shown, '<other store>'],
      [storeAddress(database.url).shown, '<store>'],
      [folder, '<folder>'],
    ])
    const rows = out.map((line) =>
      JSON.stringify(normalised(JSON.parse(line), names, positions), undefined, 2),
    )
    const shownWords = words.map((word) => word.replace(eventMark, '<position of event $1>'))
    const shown = normalised(shownWords.join(' '), names, positions)
    return [`$ eventsourced --json ${shown}`, ...rows, `exit code ${exitCode}`, ''].join('\n')
  }
  /** A second store beside the first one; PGlite needs a folder of its own. */
  const copyUrl = () => {
    if (name === 'pglite') return `pglite:${join(folder, 'copy')}`
    const url = new URL(database.url)
    if (name === 'dynamodb') url.pathname += '_copy'
    else url.searchParams.set('schema', 'copy')
    return url.href
  }

  const byUrl = () => ['--url', database.url]
  const all = async (...words: string[]) => void ofAll.push(await printed(words, byUrl()))
  /** For a command whose output depends on the store: `why` stands in the file. */
  const own = async (why: string, ...words: string[]) =>
    void ofThis.push(`# ${why}\n${await printed(words, byUrl())}`)
  /** For a command that needs what only a program knows. */
  const withConfig = async (...words: string[]) => {
    await configured('commandLineConfig', words)
  }
  const configured = async (config: string, words: readonly string[]) => {
    const file = join(folder, `config-${ofAll.length}.ts`)
    await writeFile(file, `export default await globalThis.${config}()\n`)
    const line = await printed(words, ['--config', file])
    ofAll.push(line.replace('--json', '--config eventsourced.config.ts --json'))
  }

  beforeAll(async () => {
    database = await start()
    folder = await mkdtemp(join(tmpdir(), 'cli-json-'))
    Object.assign(globalThis, {
      commandLineConfig: async () => {
        const { store } = await openTarget({ url: database.url }, true)
        return { ...exported, store }
      },
      configWithCatalogue: () => ({ store: catalogueStore(database.url, catalogue) }),
    })
  }, 180_000)
  afterAll(async () => {
    await database?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('prints the state of the tables', async () => {
    await own(migrations, 'migrate', '--check')
    await own(migrations, 'status')
    await all('doctor')
    await own(migrations, 'migrate')
  })

  it('prints streams and events', async () => {
    await withStore(async (store) => {
      await store.createStream('order-0', { metadata: { owner: 'ada' } })
      await store.append('order-1', [
        { id: ids[0], type: 'Placed', data: { sku: 'book' }, metadata: { correlationId: 'trace-1' } },
        {
          id: ids[1],
          type: 'Paid',
          data: { amount: 10 },
          metadata: { correlationId: 'trace-1', causationId: ids[0] },
          tags: ['customer:7'],
        },
      ])
      await store.append('order-2', [{ id: ids[2], type: 'Placed', data: { sku: 'pen \u001b[31m' } }])
    })
    await all('streams')
    await all('stream', 'order-1')
    await withConfig('stream', 'order-1', '--fold', 'order')
    await all('event', '@1')
    await all('tail', '--limit', '1')
    await all('trace', 'trace-1')
    await all('stats')
  })

  it('prints what the catalogue of a program cannot read', async () => {
    await configured('configWithCatalogue', ['check'])
    await withConfig('check')
  })

  it('prints subscriptions and parked events', async () => {
    await withStore(async (store) => {
      const handle = () => {
        throw new Error('550 no mailbox')
      }
      const onError = { retries: 0, action: 'park' } as const
      await store.subscribe({ name: 'mailer', types: ['Placed'], handle, onError }).caughtUp()
    })
    await all('subscriptions')
    await all('parked', 'list', 'mailer')
    await all('parked', 'show', 'mailer', '@1')
    await all('parked', 'retry', 'mailer', '@1')
    await own('The settings of the server, and the rights of the role, are those of one database.', 'doctor')
    await all('parked', 'skip', 'mailer', '--all', '--yes', 'mailer')
    await all('subscriptions', 'pause', 'mailer')
    await all('subscriptions', 'resume', 'mailer')
    await all('subscriptions', 'move', 'mailer', 'beginning', '--again')
    await all('subscriptions', 'repartition', 'mailer', '4')
    await all('subscriptions', 'remove', 'mailer', '--yes', 'mailer')
  })

  it('prints projections', async () => {
    await withConfig('projections', 'rebuild', 'stock')
    await all('projections')
    await withConfig('projections', 'verify', 'stock')
    await all('projections', 'drop', 'stock', '--yes', 'stock')
  })

  it('prints what was exported, imported and copied', async () => {
    const file = join(folder, 'log.jsonl')
    await all('export', '-')
    await all('export', file)
    await all('import', file)
    await all('copy', '--to', copyUrl())
    await own(migrations, 'status')
  })

  it('has printed what the specification says', async () => {
    const place = (snapshot: string) => join(import.meta.dirname, `${snapshot}.txt`)
    await expect(ofAll.join('\n')).toMatchFileSnapshot(place('all-stores'))
    await expect(ofThis.join('\n')).toMatchFileSnapshot(place(name))
  })
})
