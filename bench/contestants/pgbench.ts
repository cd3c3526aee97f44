/** pgbench, the load generator of Postgres: one event a call with the simplest function, from 32 connections. */
import { execFile } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { callTimesOf } from '../call-times.ts'
import type { Contestant } from '../case.ts'
import type { LoopResult } from '../closed-loop.ts'
import { expectCount } from '../database.ts'
import { countLimitEvents, createLimitTables } from './limit-table.ts'
import { orderEvent } from './order-events.ts'

const run = promisify(execFile)

// In seconds. pgbench opens new connections in each turn, and its sessions must first plan the function. Our sessions
// did so in the warm-up, so the first second of pgbench does not count.
const leadIn = 1

export const pgbench: Contestant = {
  name: 'pgbench',
  async setUp({ url, directUrl, seconds }) {
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
        const length = ['-T', String(seconds + leadIn)]
        const load = ['-n', '-M', 'prepared', '-c', '32', '-j', '2', '-f', script]
        const logs = await mkdtemp(join(folder, 'logs-'))
        const log = ['-l', '--log-prefix', join(logs, 'calls')]
        const { stdout } = await run(findPgbench() ?? '', [...length, ...load, ...log, ...definitions, url])
        events += Number(/transactions actually processed: (\d+)/.exec(stdout)?.[1])
        await expectCount(directUrl, countLimitEvents, events, 'pgbench')
        const loop = await loggedLoop(logs)
        return { value: loop.perSecond, loop }
      },
      tearDown: () => rm(folder, { recursive: true, force: true }),
    }
  },
}

const append = `select bench.append_event(
  'order-' || gen_random_uuid(), gen_random_uuid(), :type, :data, :metadata);
`

export function pgbenchSkipReason(): string | undefined {
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

/**
 * Returns the rate and the times of the calls that `-l` has logged, without the lead-in. Each thread writes a file of
 * its own, with one line for each call: client, number of the call, its time in µs, script, and when it ended, in
 * seconds and µs. The rates that `-P` reports would miss the last second if the connections took long to open.
 */
async function loggedLoop(folder: string): Promise<LoopResult> {
  const calls: { readonly end: number; readonly time: number }[] = []
  for (const file of await readdir(folder)) {
    for (const line of (await readFile(join(folder, file), 'utf8')).trimEnd().split('\n')) {
      const [, , time, , second, microsecond] = line.split(' ').map(Number)
      calls.push({ end: Number(second) + Number(microsecond) / 1e6, time: Number(time) / 1000 })
    }
  }
  calls.sort((a, b) => a.end - b.end)
  const from = (calls[0]?.end ?? 0) + leadIn
  const counted = calls.filter(({ end }) => end >= from)
  const perSecond = counted.length / ((counted.at(-1)?.end ?? 0) - from)
  if (!(perSecond > 0)) throw new Error(`pgbench has logged no call after its first ${leadIn} s`)
  return { operations: counted.length, perSecond, callTimes: callTimesOf(counted.map(({ time }) => time)) }
}
