/**
 * A later version of the library, as a release of it would be: it has one more migration, function and query, a view
 * with one more column, another body of every function, and a higher revision. Its programs run in processes of their
 * own.
 */
import type { PostgresStoreOptions } from '@eventsourced/core/postgres'
import { AlteredSources } from '../altered-sources.ts'
import { type Program, startProgram } from '../child-program.ts'
import type { Calls } from './programs/version-user.ts'

const program = new URL('./programs/version-user.ts', import.meta.url)

/** The text that every function of a later version contains. */
export const mark = '/* of tomorrow */'

/** A version of the library, built in a temporary folder. */
export class Version {
  readonly #sources: AlteredSources
  readonly #program: URL
  readonly revision: number

  private constructor(sources: AlteredSources, bundle: URL) {
    this.#sources = sources
    this.#program = bundle
    this.revision = sources.revision.revision
  }

  static async of(sources: AlteredSources): Promise<Version> {
    return new Version(sources, await sources.bundle(program))
  }

  /** Starts a process that opens a store with this version. `stopAll` ends it. */
  open(connection: string, options: PostgresStoreOptions = {}): VersionUser {
    return new VersionUser(this.#program, connection, options)
  }

  remove(): void {
    this.#sources.remove()
  }
}

/** Builds the version under test. */
export function presentVersion(): Promise<Version> {
  return Version.of(new AlteredSources())
}

/** Makes a version whose revision is higher by `raise`. `servesOlder`: whether versions from before can run beside it. */
export async function laterVersion(raise: number, servesOlder: boolean): Promise<Version> {
  const sources = new AlteredSources()
  const present = sources.revision
  const revision = present.revision + raise
  sources.revision = { ...present, revision, servesFrom: servesOlder ? present.servesFrom : revision }
  for (const file of sources.files('functions')) {
    sources.alter(file, (text) => text.replaceAll(/\bas \$\$/g, `as $$$$ ${mark}`))
  }
  sources.alter('functions/of_tomorrow.sql', () => {
    return `create or replace function :schema.of_tomorrow() returns int language sql as $$ ${mark} select 1 $$;\n`
  })
  sources.alter('migrations/9999_of_tomorrow.sql', () => 'create table :schema.of_tomorrow (id int);\n')
  sources.alter('views/views.sql', (text) => text.replace('d.position\n', 'd.position, 1 as of_tomorrow\n'))
  // `is_expected` is internal in the version under test. The later one calls it from a statement, and reads its table.
  sources.alter('queries/of-tomorrow.sql', () => {
    return 'select :schema.of_tomorrow(), :schema.is_expected(0, 0), (select count(*) from :schema.of_tomorrow)\n'
  })
  await sources.compile()
  return Version.of(sources)
}

type Result<Name extends keyof Calls> = Awaited<ReturnType<Calls[Name]>>
type Answer<Name extends keyof Calls> = { readonly value?: Result<Name>; readonly error?: object }

const running = new Set<VersionUser>()

/** Stops all processes that the versions have started. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((user) => user.stop()))
}

/** A process that has a store open. It makes one call after the other. */
class VersionUser {
  readonly #program: Program
  #last: Promise<unknown> = Promise.resolve()

  constructor(file: URL, connection: string, options: PostgresStoreOptions) {
    this.#program = startProgram(file, connection, JSON.stringify(options))
    running.add(this)
  }

  /** Makes a call in the process. Rejects with the `code` and `message` of its error. */
  call<Name extends keyof Calls>(name: Name, ...words: Parameters<Calls[Name]>): Promise<Result<Name>> {
    const called = this.#last.then(async () => {
      this.#program.tell([name, ...words])
      const { value, error } = await this.#program.said<Answer<Name>>()
      if (error !== undefined) throw Object.assign(new Error(), error)
      return value as Result<Name>
    })
    this.#last = called.catch(() => {})
    return called as Promise<Result<Name>>
  }

  async stop(): Promise<void> {
    if (!running.delete(this)) return
    if (this.#program.isRunning) this.#program.tell(['end'])
    const { exitCode, complaints } = await this.#program.ended
    if (exitCode !== 0 || complaints !== '')
      throw new Error(`The process ended with ${exitCode}: ${complaints}`)
  }
}
