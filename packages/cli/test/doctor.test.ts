/** What `doctor` finds on a real database, and the command that it names for it. Each finding is provoked. */
import { projection, type RecordedEvent } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { type ApplicationRole, createApplicationRole } from '../../../test/application-role.ts'
import { type FreshDatabase, freshDatabase } from '../../../test/postgres/fresh-database.ts'
import { startOwnServer } from '../../../test/postgres/own-server.ts'
import type { Finding } from '../src/doctor/finding.ts'
import type { AnyStore } from '../src/target/known.ts'
import { openTarget } from '../src/target/open.ts'
import { databases, type StartedDatabase } from './databases.ts'
import { rows, run } from './run.ts'

async function doctor(url: string, ...words: string[]): Promise<{ exitCode: number; findings: Finding[] }> {
  const outcome = await run('--url', url, '--json', 'doctor', ...words)
  expect(outcome.err).toBe('')
  return { exitCode: outcome.exitCode, findings: rows(outcome) }
}

/** The findings that are not `ok`: of these, each one must name a remedy. */
async function wrong(url: string, ...words: string[]): Promise<Finding[]> {
  const { exitCode, findings } = await doctor(url, ...words)
  const found = findings.filter(({ severity }) => severity !== 'ok')
  for (const { remedy } of found) expect(remedy).toMatch(/\w/)
  expect(exitCode).toBe(found.some(({ severity }) => severity === 'problem') ? 4 : 0)
  return found
}

async function withStore(url: string, use: (store: AnyStore) => Promise<unknown>): Promise<void> {
  const { store } = await openTarget({ url }, true)
  await use(store).finally(() => store.close())
}

const stock = projection({
  name: 'stock',
  key: ({ data }: RecordedEvent<{ type: 'Placed'; data: { sku: string } }>) => data.sku,
  initialState: () => ({ placed: 0 }),
  evolve: ({ placed }) => ({ placed: placed + 1 }),
})

describe.each(databases)('doctor on $name', ({ start }) => {
  let database: StartedDatabase
  beforeAll(async () => {
    database = await start()
    await withStore(database.url, async (store) => {
      await store.append('order-1', [{ type: 'Placed', data: { sku: 'book' } }])
      const handle = () => {
        throw new Error('550 no mailbox')
      }
      const onError = { retries: 0, action: 'park' } as const
      await store.subscribe({ name: "the mailer's", handle, onError }).caughtUp()
      await store.subscribe({ name: 'paused', handle: () => {} }).caughtUp()
      await store.subscriptions.pause('paused')
      await store.subscribe({ projection: stock }).caughtUp()
      await store.subscribe({ name: 'before', handle: () => {} }).caughtUp()
      const from = { after: 'before', otherwise: 'end' } as const
      await store.subscribe({ name: 'next', from, handle: () => {} }).caughtUp()
    })
  })
  afterAll(() => database?.stop())

  it('finds parked events, paused and superseded subscriptions, and subscriptions and projections that no worker runs', async () => {
    const found = await wrong(database.url)
    expect(found.filter(({ subject }) => /^(subscription|projection)/.test(subject))).toEqual([
      {
        severity: 'warning',
        subject: 'subscription before',
        finding: "'next' has taken over its place",
        remedy: 'once no process starts it any more: eventsourced subscriptions remove before',
      },
      {
        severity: 'problem',
        subject: 'subscription next',
        finding: 'no worker runs it',
        remedy:
          'start a process that runs it; if no program has it any more: eventsourced subscriptions remove next',
      },
      {
        severity: 'warning',
        subject: 'subscription paused',
        finding: 'an operator has paused it',
        remedy: 'eventsourced subscriptions resume paused',
      },
      {
        severity: 'problem',
        subject: 'subscription stock',
        finding: 'no worker runs it',
        remedy:
          'start a process that runs it; if no program has it any more: eventsourced projections drop stock; eventsourced subscriptions remove stock',
      },
      {
        severity: 'problem',
        subject: "subscription the mailer's",
        finding: 'no worker runs it',
        remedy: `start a process that runs it; if no program has it any more: eventsourced subscriptions remove 'the mailer'\\''s'`,
      },
      {
        severity: 'warning',
        subject: "subscription the mailer's",
        finding: '1 events are parked or blocked',
        remedy: `eventsourced parked list 'the mailer'\\''s'; eventsourced parked retry 'the mailer'\\''s' --all`,
      },
      {
        severity: 'warning',
        subject: 'projection stock',
        finding: expect.stringMatching(/^its documents stay as of position \d+: no worker runs it$/),
        remedy:
          'start a process that runs it; if no program has it any more: eventsourced projections drop stock',
      },
    ])
  })

  it('finds nothing wrong with a projection that was dropped as it says', async () => {
    const on = ['--url', database.url]
    for (const command of ['projections drop', 'subscriptions remove']) {
      const { exitCode, err } = await run(...on, ...command.split(' '), 'stock', '--yes', 'stock')
      expect([exitCode, err]).toEqual([0, ''])
    }
    const { findings } = await doctor(database.url)
    expect(findings.filter(({ subject }) => subject.endsWith('stock'))).toEqual([
      {
        severity: 'ok',
        subject: 'projection stock',
        finding: expect.stringContaining('dropped'),
        remedy: null,
      },
    ])
  })
})

describe.runIf(databases.some(({ name }) => name === 'postgres'))('doctor on Postgres', () => {
  let database: FreshDatabase
  let role: ApplicationRole
  let name: string
  beforeEach(async () => {
    database = await freshDatabase()
    role = await createApplicationRole(database.url)
    await role.createTables('eventsourced')
    await database.query(`alter role ${role.name} set idle_in_transaction_session_timeout = '1min'`)
    name = role.name
    return async () => {
      await database.query(`drop owned by ${name}`)
      await database.drop()
      await role.drop(inject('servers').postgres)
    }
  })

  /** What the application's role finds, beside `fsync = off`: the server that the tests start runs with it. */
  const found = async (...words: string[]) =>
    (await wrong(role.url, ...words)).filter(({ finding }) => !finding.includes('fsync'))

  it('finds nothing else with a role of the application that has a timeout', async () => {
    expect(await found()).toEqual([])
    for (const { remedy } of await wrong(role.url)) {
      expect(remedy).toBe("psql -c 'alter system set fsync = on' -c 'select pg_reload_conf()'")
    }
  })

  it('finds a transaction that has appended and stays open, and names its process', async () => {
    const client = await database.session('the shop', role.url)
    const store = postgresStore(role.url)
    await client.query('begin')
    await store.inTransaction(client).append('a', [{ type: 'T', data: {} }])
    const { rows: pids } = await client.query('select pg_backend_pid() as pid')
    expect(await found('--max-frontier-age', '0')).toEqual([
      {
        severity: 'warning',
        subject: 'frontier',
        finding: expect.stringMatching(
          `^readers wait at position 0 of 1, for .+: process ${pids[0].pid} of the server, application name 'the shop', idle in transaction, open for `,
        ),
        remedy: `psql -c 'select pg_terminate_backend(${pids[0].pid})'`,
      },
    ])
    // An append that is not open for long is nothing to look at.
    expect(await found('--max-frontier-age', '600000')).toEqual([])
    await client.query('rollback')
    await store.close()
  })

  it('finds the roles, and the database, whose sessions lose appends', async () => {
    const [{ database: own } = {}] = await database.query<{ database: string }>(
      'select current_database() as database',
    )
    await database.query(`alter role ${name} set synchronous_commit = off`)
    await database.query(`alter role ${name} in database ${own} set synchronous_commit = false`)
    await database.query(`alter database ${own} set synchronous_commit = off`)
    // Another role's finding: the operator of the database runs doctor.
    const seen = (await wrong(database.url)).filter(({ finding }) => finding.includes('synchronous_commit'))
    expect(seen.map(({ remedy }) => remedy)).toEqual([
      `psql -c 'alter role "${name}" in database "${own}" reset synchronous_commit'`,
      `psql -c 'alter role "${name}" reset synchronous_commit'`,
      `psql -c 'alter database "${own}" reset synchronous_commit'`,
    ])
    for (const { remedy = '' } of seen) await database.query(String(remedy.match(/'(.*)'/)?.[1]))
    expect(await found()).toEqual([])
  })

  it('finds sessions without a timeout for open transactions, and tables that autovacuum leaves out', async () => {
    await database.query(`alter role ${name} reset all`)
    await database.query('alter table eventsourced.streams set (autovacuum_enabled = off)')
    const seen = await found()
    expect(seen.map(({ subject, finding, remedy }) => [subject, finding.split(':')[0], remedy])).toEqual([
      [
        'settings',
        'The session has no idle_in_transaction_session_timeout',
        `psql -c 'alter role "${name}" set idle_in_transaction_session_timeout = '\\''1min'\\'''`,
      ],
      [
        'settings',
        "Table 'streams' has autovacuum_enabled = off",
        `psql -c 'alter table "eventsourced"."streams" reset (autovacuum_enabled)'`,
      ],
    ])
  })

  it('finds a role that may change events, and a trigger that does not protect them', async () => {
    await database.query(`grant delete, truncate on eventsourced.events to ${name}`)
    await database.query('alter table eventsourced.events disable trigger protect_events')
    const seen = await found()
    expect(seen.map(({ severity, subject, remedy }) => [severity, subject, remedy])).toEqual([
      ['problem', 'tables', 'eventsourced migrate'],
      ['warning', 'rights', `psql -c 'revoke delete, truncate on "eventsourced".events from ${name}'`],
    ])
    const ownerFound = await wrong(role.ownerUrl)
    expect(ownerFound).toContainEqual({
      severity: 'warning',
      subject: 'rights',
      finding: expect.stringContaining('owns the events'),
      remedy: 'eventsourced migrate --grant ROLE | psql',
    })
  })

  it('finds the privileges that a role lacks, and the command gives them', async () => {
    const remedy = `as the owner: eventsourced migrate --grant ${name} | psql`
    const script = await run('--url', role.ownerUrl, 'migrate', '--grant', name)
    await database.query(`revoke select on eventsourced.streams from ${name}`)
    expect(await found()).toEqual([
      {
        severity: 'problem',
        subject: 'rights',
        finding: expect.stringContaining(`Role '${name}' lacks SELECT on eventsourced.streams`),
        remedy,
      },
    ])
    await database.query(`drop owned by ${name}`)
    expect((await found()).map(({ severity, subject, remedy }) => [severity, subject, remedy])).toEqual([
      [
        'problem',
        'rights',
        expect.stringMatching(/^as the owner: eventsourced migrate --grant \S+ \| psql$/),
      ],
    ])
    const owner = await database.session('owner', role.ownerUrl)
    await owner.query(script.out.join('\n'))
    expect(await found()).toEqual([])
  })

  it('finds the settings of the server, also if a role has them too, with commands that Postgres accepts', async () => {
    const server = await startOwnServer(['synchronous_commit=off', 'full_page_writes=off', 'autovacuum=off'])
    const client = new pg.Client(server.url)
    try {
      expect((await run('--url', server.url, 'migrate')).exitCode).toBe(0)
      await client.connect()
      await client.query('create role careless superuser; alter role careless set synchronous_commit = off')
      const remedies = (await wrong(server.url)).map(({ remedy = '' }) => String(remedy))
      const [pages, role, commit, , vacuum] = remedies
      expect(pages).toContain('full_page_writes')
      expect(role).toContain('"careless"')
      expect(commit).toContain('alter system set synchronous_commit')
      expect(vacuum).toContain('autovacuum')
      // As `psql` does, each `-c` is one request.
      for (const remedy of [pages, role, commit, vacuum]) {
        for (const [, statement = ''] of String(remedy).matchAll(/ -c '([^']+)'/g))
          await client.query(statement)
      }
    } finally {
      await client.end()
      await server.remove()
    }
  })

  it('finds autovacuum switched off, and transaction ids that it has not frozen', async () => {
    const server = await startOwnServer(['autovacuum=off', 'autovacuum_freeze_max_age=100000'])
    try {
      expect((await run('--url', server.url, 'migrate')).exitCode).toBe(0)
      const seen = async () =>
        (await wrong(server.url))
          .filter(({ subject }) => subject === 'settings')
          .map(({ finding }) => finding)
      expect(await seen()).toEqual([
        expect.stringContaining('idle_in_transaction'),
        expect.stringContaining('autovacuum = off'),
      ])
      const [holder, writer] = [new pg.Client(server.url), new pg.Client(server.url)]
      await Promise.all([holder.connect(), writer.connect()])
      // As long as this transaction is open, nothing that is younger can be frozen.
      await holder.query('begin; select pg_current_xact_id()')
      await writer.query(
        'do $$ begin for i in 1..200100 loop perform pg_current_xact_id(); commit; end loop; end $$',
      )
      expect(await seen()).toContainEqual(
        expect.stringMatching(
          /^The oldest transaction id of database 'postgres' is 20\d{4} transactions old/,
        ),
      )
      await Promise.all([holder.end(), writer.end()])
    } finally {
      await server.remove()
    }
  })
})
