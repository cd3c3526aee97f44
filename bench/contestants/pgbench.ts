/** pgbench, Postgres's own load generator: one event a call by the least function, from 32 connections. */
import { execFile } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import type { Contestant } from '../case.ts'
import { expectCount } from '../database.ts'
import { countLimitEvents, createLimitTables } from './limit-table.ts'
import { orderEvent } from './order-events.ts'

const run = promisify(execFile)

export const pgbench: Contestant = {
  name: 'pgbench',
  async enter({ url, directUrl, seconds }) {
    await createLimitTables(directUrl)
    const folder = await mkdtemp(join(tmpdir(), 'eventsourced-pgbench-'))
    const script = join(folder, 'append.sql')
    await writeFile(script, append)
    const { type, data, metadata } = orderEvent(1)
    const variables = { type, data: JSON.stringify(data), metadata: JSON.stringify(metadata) }
    const definitions = Object.entries(variables).flatMap(([name, value]) => ['-D', `${name}=${value}`])
    let events = 0
    return {
      async turn() {
        const load = ['-n', '-M', 'prepared', '-c', '32', '-j', '2', '-T', String(seconds), '-f', script]
        const { stdout } = await run(findPgbench() ?? '', [...load, ...definitions, url])
        events += numberIn(stdout, /transactions actually processed: (\d+)/)
        await expectCount(directUrl, countLimitEvents, events, 'pgbench')
        return numberIn(stdout, /tps = ([\d.]+) \(without initial/)
      },
      leave: () => rm(folder, { recursive: true, force: true }),
    }
  },
}

const append = `select bench.append_event(
  'order-' || gen_random_uuid(), gen_random_uuid(), :type, :data, :metadata);
`

export function pgbenchObstacle(): string | undefined {
  if (findPgbench() !== undefined) return undefined
  return 'pgbench is not in the PATH, nor where Debian puts it; the Debian package postgresql brings it'
}

function findPgbench(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = (() => {
    try {
      return readdirSync(debian).sort((a, b) => Number(b) - Number(a))
    } catch {
      return []
    }
  })()
  const folders = (process.env.PATH ?? '').split(delimiter)
  return [...folders, ...versions.map((version) => join(debian, version, 'bin'))]
    .map((folder) => join(folder, 'pgbench'))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

function numberIn(output: string, pattern: RegExp): number {
  const found = pattern.exec(output)?.[1]
  if (found === undefined) throw new Error(`pgbench says something else than expected:\n${output}`)
  return Number(found)
}
