/**
 * Type-checks generated files with the compiler and the options of `npm run check:types`. While the compiler runs, the
 * files are in a folder of this repository, so that `@eventsourced/core` resolves to the sources, as in the tests.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)

export interface TypeCheck {
  readonly passed: boolean
  /** The compiler's output, in which generated files have the names that the caller gave them. */
  readonly output: string
}

/** The compilers by their version: the one of the project, and the last one before version 7. */
const compilers = {
  7: 'node_modules/typescript/bin/tsc',
  5: 'test/typescript-5/node_modules/typescript/bin/tsc',
} as const

/** Type-checks the files. `files`: the text of each file by its name. `flags`: more flags for the compiler. */
export function typeCheck(
  files: ReadonlyMap<string, string>,
  flags: readonly string[] = [],
  version: keyof typeof compilers = 7,
): TypeCheck {
  // .gitignore lists this name.
  const folder = mkdtempSync(join(root, '.check-'))
  try {
    for (const [name, text] of files) {
      mkdirSync(join(folder, dirname(name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    const config = { extends: '../tsconfig.check.json', include: [], files: [...files.keys()] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const { status, stdout, stderr, error } = spawnSync(
      process.execPath,
      // Not through npx: within another `npx -c` it would run the outer command.
      [join(root, compilers[version]), '-p', join(folder, 'tsconfig.json'), '--pretty', 'false', ...flags],
      { cwd: root, encoding: 'utf8' },
    )
    if (error) throw error
    return { passed: status === 0, output: `${stdout}${stderr}`.replaceAll(`${basename(folder)}/`, '') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
