/**
 * Makes one JavaScript file of the client program: a client that is killed each second must be at work again within a fraction
 * of one, and compiling TypeScript anew takes longer than that.
 */
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { temporaryFolder } from '../test/temporary-folder.ts'

export interface ClientProgram {
  readonly file: URL
  remove(): void
}

export async function compileClient(): Promise<ClientProgram> {
  // Within the project, so that the drivers, which stay outside the file, are found.
  const cache = fileURLToPath(new URL('../node_modules/.cache', import.meta.url))
  const folder = temporaryFolder('torture', cache)
  const outfile = join(folder.path, 'client.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('./programs/client.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@eventsourced/source'],
    external: ['@aws-sdk/*', '@electric-sql/*', 'pg', 'postgres'],
    logLevel: 'warning',
  })
  return { file: pathToFileURL(outfile), remove: folder.remove }
}
