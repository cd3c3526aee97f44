/** Starts PgBouncer in transaction mode in front of a Postgres server. Also works as root. */
import { execFileSync, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { sleep } from '../src/runtime/abort.ts'
import { freePort } from './free-port.ts'
import { temporaryFolder } from './temporary-folder.ts'

export interface StartedPgBouncer {
  /** The URL of the same database, through PgBouncer. */
  readonly url: string
  /** Stops PgBouncer, which closes its connections to the server, and removes its folder. */
  stop(): Promise<void>
}

export interface PgBouncerOptions {
  /** Whether PgBouncer keeps track of prepared statements, which version 1.21 and later can. */
  readonly tracksPrepared: boolean
  /** How many server connections all clients share. @default 20 */
  readonly poolSize?: number | undefined
}

const startTimeout = 30_000

// Debian installs the program where only root's PATH leads.
const environment = { ...process.env, PATH: `${process.env.PATH}${delimiter}/usr/sbin` }

/** Returns why PgBouncer cannot keep track of prepared statements here. Undefined if it can, or is not installed. */
export function whyNothingPrepared(): string | undefined {
  const version = installedVersion()
  if (version === undefined) return undefined
  const [major = 0, minor = 0] = version
  return major > 1 || minor >= 21
    ? undefined
    : `PgBouncer ${major}.${minor} does not support prepared statements, which needs 1.21`
}

/** Returns the major and the minor version. Undefined if the program is missing. */
function installedVersion(): readonly number[] | undefined {
  try {
    const answer = execFileSync('pgbouncer', ['--version'], { env: environment, encoding: 'utf8' })
    return /(\d+)\.(\d+)/.exec(answer)?.slice(1).map(Number)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Starts PgBouncer in front of the server of a database. All its clients connect to the server as the user of `url`. */
export async function startPgBouncer(
  url: string,
  { tracksPrepared, poolSize = 20 }: PgBouncerOptions,
): Promise<StartedPgBouncer> {
  if (installedVersion() === undefined)
    throw new Error(
      'These tests need the program pgbouncer: `apt-get install -y pgbouncer` installs it on Debian',
    )
  const server = new URL(url)
  const folder = temporaryFolder('pgbouncer')
  const port = await freePort()
  // Versions before 1.21 do not know this setting.
  const prepared =
    whyNothingPrepared() === undefined ? `max_prepared_statements = ${tracksPrepared ? 200 : 0}` : ''
  // PgBouncer refuses to run as root.
  const user = userInfo().uid === 0 ? 'user = postgres' : ''
  const settings = join(folder.path, 'pgbouncer.ini')
  writeFileSync(
    settings,
    `[databases]
* = host=${server.hostname} port=${server.port} user=${server.username} password=${server.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 1000
server_login_retry = 1
${prepared}
${user}
`,
  )
  const child = spawn('pgbouncer', [settings], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
  const log: string[] = []
  child.stderr.on('data', (data) => log.push(String(data)))
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))

  async function stop(): Promise<void> {
    process.removeListener('exit', killAtExit)
    child.kill('SIGKILL')
    await ended
    folder.remove()
  }

  try {
    for (const end = Date.now() + startTimeout; !(await accepts(port)); await sleep(20)) {
      if (child.exitCode !== null || Date.now() > end) throw new Error('It accepts no connection')
    }
  } catch (error) {
    await stop()
    throw new Error(`PgBouncer does not start:\n${log.slice(-20).join('')}`, { cause: error })
  }
  server.host = `127.0.0.1:${port}`
  return { url: server.href, stop }
}

/** Whether the port accepts connections. PgBouncer then holds the queries of its clients until the server answers. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
