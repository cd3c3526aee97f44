/** What a figure means nothing without: when, where, and with which versions and settings it was measured. */
import { readFileSync } from 'node:fs'
import { cpus, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { peerVersions } from './contestants/peers.ts'
import type { DatabaseServer } from './database-server.ts'
import type { Network } from './network.ts'

export async function describeRun(
  server: DatabaseServer,
  network: Network | undefined,
  quick: boolean,
): Promise<string[]> {
  const { server_version: postgres, ...settings } = await server.settings()
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'))
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return [
    `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${gigabytes} GB, ${platform()} ${release()}`,
    `Node.js ${process.versions.node}, PostgreSQL ${postgres}`,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
    `@eventsourced/core ${version}, ${peerVersions().join(', ')}`,
    ...(network === undefined ? [] : [`The network adds ${network.addedTime.toFixed(2)} ms to a round trip`]),
    ...(quick ? ['A quick run: 1,000,000 events stand for many'] : []),
  ]
}
