/** A copy of the library's sources in a temporary folder, whose SQL a test alters and compiles as `npm run sql` does. */
import { execFile } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { temporaryFolder } from './temporary-folder.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))
const run = promisify(execFile)

/** The file `revision.json`. */
export interface Revision {
  revision: number
  servesFrom: number
  released: Record<string, string>
}

export class AlteredSources {
  readonly #folder = temporaryFolder('sources')
  readonly #sql = join(this.#folder.path, 'src/postgres/sql')

  constructor() {
    for (const part of ['src', 'scripts', 'package.json']) {
      cpSync(join(repository, part), join(this.#folder.path, part), { recursive: true })
    }
    symlinkSync(join(repository, 'node_modules'), join(this.#folder.path, 'node_modules'))
  }

  /** The SQL files in a folder of `src/postgres/sql`. */
  files(folder: string): string[] {
    return readdirSync(join(this.#sql, folder)).map((file) => `${folder}/${file}`)
  }

  /** Replaces the text of a file in `src/postgres/sql`. A file that does not exist has the text ''. */
  alter(file: string, change: (text: string) => string): void {
    const exists = this.files(join(file, '..')).includes(file)
    writeFileSync(join(this.#sql, file), change(exists ? readFileSync(join(this.#sql, file), 'utf8') : ''))
  }

  get revision(): Revision {
    return JSON.parse(readFileSync(join(this.#sql, 'revision.json'), 'utf8'))
  }

  set revision(revision: Revision) {
    writeFileSync(join(this.#sql, 'revision.json'), JSON.stringify(revision))
  }

  /** Runs `scripts/compile-sql.ts`. Rejects with its standard error if it fails. */
  async compile(...words: readonly string[]): Promise<void> {
    await run(process.execPath, ['--import', 'tsx', 'scripts/compile-sql.ts', ...words], {
      cwd: this.#folder.path,
    })
  }

  /** Bundles a program with the altered library. A bundle starts faster than sources. */
  async bundle(program: URL): Promise<URL> {
    const [copy, bundle] = ['program.ts', 'program.mjs'].map((file) => join(this.#folder.path, file))
    cpSync(program, String(copy))
    await build({
      absWorkingDir: this.#folder.path,
      entryPoints: [String(copy)],
      outfile: String(bundle),
      bundle: true,
      platform: 'node',
      format: 'esm',
      conditions: ['@eventsourced/source'],
      external: ['pg', 'postgres', '@electric-sql/pglite'],
      logLevel: 'silent',
    })
    return pathToFileURL(String(bundle))
  }

  remove(): void {
    this.#folder.remove()
  }
}
