/** Subscriptions in processes that are killed, suspended and started while events are appended. */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect, counted, range } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type FreshDatabase, freshDatabase } from '../postgres/fresh-database.ts'
import { totals } from '../postgres/programs/totals.ts'
import { type Program, startProgram, startSkewed } from '../postgres/programs.ts'
import { rounds } from '../rounds.ts'

let database: FreshDatabase
let store: PostgresStore
let programs: Program[]

beforeEach(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
  programs = []
  await store.schema.create()
  await database.query(
    'create table handled (id serial, position bigint, stream_id text, version bigint, worker text)',
  )
})

afterEach(async () => {
  await Promise.all(programs.map((program) => program.kill()))
  await store.close()
  await database.drop()
})

async function start(name: string, ...words: readonly (string | number)[]): Promise<Program> {
  const program = startProgram(name, database.url, ...words.map(String))
  programs.push(program)
  return program
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20)
}

async function handledCount(): Promise<number> {
  const [row] = await database.query<{ count: string }>('select count(*) from handled')
  return Number(row?.count)
}

/** Checks that every event was handled once, and the events of each stream in order. */
async function expectEachOnceInOrder(): Promise<void> {
  const [faults] = await database.query(`
    select
      (select count(*)::int from eventsourced.events e
        where not exists (select from handled h where h.position = e.position)) as lost,
      (select count(*)::int - count(distinct position)::int from handled) as doubled,
      (select count(*)::int from handled h
        where not exists (select from eventsourced.events e where e.position = h.position)) as phantom,
      (select count(*)::int from (
        select version, lag(version) over (partition by stream_id order by id) as previous from handled
      ) h where version <= previous) as disordered`)
  expect(faults).toEqual({ lost: 0, doubled: 0, phantom: 0, disordered: 0 })
}

/** Appends to several streams with several callers, until `stop` is called. */
function appendLoad(streams: number): { stop(): Promise<number> } {
  let enough = false
  const writing = range(1, 4).map(async (writer) => {
    let appended = 0
    for (let call = 0; !enough; call++) {
      await store.append(`s${(call * 5 + writer) % streams}`, counted(20))
      appended += 20
    }
    return appended
  })
  return {
    async stop() {
      enough = true
      return (await Promise.all(writing)).reduce((sum, count) => sum + count, 0)
    },
  }
}

describe('workers in processes', { timeout: 180_000 }, () => {
  it.each([
    [2, 4],
    [4, 8],
  ])(
    '%i processes share %i partitions while one after the other is killed and started again',
    async (count, partitions) => {
      const workers = await Promise.all(
        range(1, count).map(() => start('subscriber', 'shared', partitions, 600)),
      )
      const load = appendLoad(40)
      for (const round of range(1, 6)) {
        await until(async () => (await handledCount()) > round * 200)
        const victim = workers[round % count] as Program
        await victim.kill()
        workers[round % count] = await start('subscriber', 'shared', partitions, 600)
      }
      const appended = await load.stop()
      await until(async () => (await handledCount()) >= appended)
      await expectEachOnceInOrder()
      const owners = (await store.subscriptionStatus('shared'))?.owners ?? []
      expect(owners.length).toBeGreaterThan(1)
    },
  )

  it('share partitions and take over leases with wrong clocks', async () => {
    const [day, year] = [86_400_000, 365 * 86_400_000]
    const startWith = (clock: number | 'steps') => {
      const program = startSkewed(clock, 'subscriber', database.url, 'skewed', '4', '600')
      programs.push(program)
      return program
    }
    const workers = [startWith(-day), startWith(year), startWith('steps')]
    const load = appendLoad(20)
    for (const round of range(1, 3 * rounds)) {
      await until(async () => (await handledCount()) > round * 200)
      await workers.shift()?.kill()
      workers.push(startWith(([year, 'steps', -day] as const)[round % 3] as number | 'steps'))
    }
    const appended = await load.stop()
    await until(async () => (await handledCount()) >= appended)
    await expectEachOnceInOrder()
  })

  it('a process that was suspended for longer than its lease cannot write afterwards', async () => {
    const zombie = await start('subscriber', 'alone', 1, 500, 200)
    const load = appendLoad(10)
    await until(async () => (await handledCount()) > 100)
    process.kill(zombie.pid, 'SIGSTOP')
    const heir = await start('subscriber', 'alone', 1, 500)
    await until(
      async () =>
        (await database.query(`select from handled where worker = '${heir.pid}' limit 1`)).length > 0,
    )
    process.kill(zombie.pid, 'SIGCONT')
    await sleep(1_000)
    const appended = await load.stop()
    await until(async () => (await handledCount()) >= appended)
    expect(zombie.isRunning).toBe(true)
    await expectEachOnceInOrder()
  })

  it('continues without help when the server ends its connections repeatedly', async () => {
    const worker = await start('subscriber', 'alone', 2, 2_000)
    const load = appendLoad(10)
    for (const round of range(1, 8)) {
      await until(async () => (await handledCount()) > round * 50)
      await database.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`)
    }
    const appended = await load.stop()
    await until(async () => (await handledCount()) >= appended)
    expect(worker.isRunning).toBe(true)
    await expectEachOnceInOrder()
  })
})

// With fewer events, all of them would fit into the allowed memory.
describe('a long backlog', { timeout: 180_000 * rounds }, () => {
  const events = 1_000_000 * rounds
  it(`of ${events} events is handled, and read, in order and in bounded memory`, async () => {
    await database.query(`
      insert into eventsourced.streams (stream_key, stream_id, version, created_at)
      select n, 's' || n, ${events / 100}, now() from generate_series(0, 99) n`)
    await database.query(`
      insert into eventsourced.events (position, stream_key, version, recorded_at, event_id, type, data)
      select n, (n - 1) % 100, (n - 1) / 100 + 1, now(), gen_random_uuid(), 'Counted', '{"number": 1}'
      from generate_series(1, ${events}) n`)
    await database.query(`select setval('eventsourced.event_positions', ${events})`)
    await database.query('vacuum analyze eventsourced.events')
    for (const how of ['subscribe', 'readAll']) {
      const { handled, disorder, megabytes } = await (await start('backlog', how)).said<{
        handled: number
        disorder: number
        megabytes: number
      }>()
      expect({ handled, disorder }, how).toEqual({ handled: events, disorder: 0 })
      expect(megabytes, how).toBeLessThan(150)
    }
  })
})

describe('a rebuild in a process', { timeout: 180_000 }, () => {
  it('that is killed in the middle leaves the documents unchanged, and the next rebuild resumes it', async () => {
    for (const stream of range(1, 20)) await store.append(`s${stream}`, counted(200))
    await store.runOnce({ projection: totals })
    const before = await collect(store.view(totals).list())
    const rebuilder = await start('rebuilder')
    for (const _ of range(1, 3)) {
      await rebuilder.said()
      rebuilder.tell('go on')
    }
    await rebuilder.said()
    await rebuilder.kill()
    expect(await collect(store.view(totals).list())).toEqual(before)

    await store.append('s1', counted(1))
    const { resumed, events } = await store.rebuild(totals)
    expect(resumed).toBe(true)
    expect(events).toBeLessThan(4_001 - 1_500 + 1)
    expect((await store.view(totals).get('s1'))?.state).toEqual({ count: 201, sum: 20_101 })
    expect((await store.verify(totals)).differences).toEqual([])
  })
})
