/**
 * Makes one JavaScript file of the client program: a client that is killed each second must be at work again within a fraction
 * of one, and compiling TypeScript anew takes longer than that.
 */
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

export async function compileClient(): Promise<URL> {
  const root = fileURLToPath(new URL('..', import.meta.url))
  // Within the project, so that the drivers, which stay outside the file, are found.
  const outfile = `${root}node_modules/.cache/torture/client-${process.pid}.mjs`
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
  return pathToFileURL(outfile)
}
