/**
 * Bundles the client program into one JavaScript file. A client that is killed each second must work again within a
 * fraction of a second, and to compile TypeScript at each start would take longer.
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
  // The file is inside the project, so that it finds the drivers, which are not part of the bundle.
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
