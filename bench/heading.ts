/** Describes a run: when and where the figures were measured, and with which versions and settings. */
import { readFileSync } from 'node:fs'
import { cpus, platform, release, totalmem } from 'node:os'
import { basename, join } from 'node:path'
import type { Arguments } from './arguments.ts'
import { peerVersions } from './contestants/peers.ts'
import type { DatabaseServer } from './database-server.ts'
import type { Network } from './network.ts'

export async function describeRun(
  server: DatabaseServer | undefined,
  network: Network | undefined,
  { cases, quick }: Pick<Arguments, 'cases' | 'quick'>,
): Promise<string[]> {
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return [
    `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${gigabytes} GB, ${platform()} ${release()}`,
    ...(server === undefined ? [`Node.js ${process.versions.node}`] : await describePostgres(server)),
    ...(cases.some(({ group }) => group === 'dynamodb') ? [`DynamoDB: ${emulatorVersion()}`] : []),
    `@eventsourced/core ${manifest('package.json').version}, ${peerVersions().join(', ')}`,
    ...(network === undefined ? [] : [`The network adds ${network.addedTime.toFixed(2)} ms to a round trip`]),
    ...(server === undefined ? [] : [`The log of import-real: ${logName()}`]),
    ...(quick ? ['A quick run'] : []),
  ]
}

async function describePostgres(server: DatabaseServer): Promise<string[]> {
  const { server_version: postgres, ...settings } = await server.settings()
  return [
    `Node.js ${process.versions.node}, PostgreSQL ${postgres}`,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
    `The smallest transaction that writes takes ${(await server.commitTime()).toFixed(2)} ms`,
  ]
}

function emulatorVersion(): string {
  const versions: Record<string, string> = manifest('test/emulators/package.json').optionalDependencies
  return `the emulator dynoxide ${versions['@dynoxide/linux-x64']}`
}

function logName(): string {
  const log = process.env.EVENTSOURCED_BENCH_LOG
  return log === undefined ? 'made up' : basename(log)
}

function manifest(file: string) {
  return JSON.parse(readFileSync(join(import.meta.dirname, '..', file), 'utf8'))
}
