/** Starts the database of a campaign. */
import { join } from 'node:path'
import { CuttingPostgresProxy } from '../test/cutting-proxy.ts'
import { type EmulatorName, startEmulator } from '../test/emulators/start.ts'
import { type OwnServer, startOwnServer } from '../test/postgres/own-server.ts'
import { temporaryFolder } from '../test/temporary-folder.ts'
import type { StoreAddress } from './task.ts'

export type StoreName = 'postgres' | 'pglite' | 'dynamodb'

export interface CampaignDatabase {
  readonly name: string
  /** The address of the database. */
  readonly address: StoreAddress
  /** The address that clients use: the proxy's, if there is one. */
  readonly clientAddress: StoreAddress
  readonly server?: OwnServer
  readonly proxy?: CuttingPostgresProxy
  stop(): Promise<void>
}

export interface DatabaseOptions {
  readonly isBehindProxy: boolean
  readonly emulator: EmulatorName
}

export async function startDatabase(
  store: StoreName,
  { isBehindProxy, emulator }: DatabaseOptions,
): Promise<CampaignDatabase> {
  if (store === 'postgres') return startPostgres(isBehindProxy)
  if (store === 'dynamodb') {
    const { endpoint, stop } = await startEmulator(emulator)
    const address = { kind: 'dynamodb', endpoint } as const
    return { name: emulator, address, clientAddress: address, stop }
  }
  const folder = temporaryFolder('pglite')
  const address = { kind: 'pglite', folder: join(folder.path, 'data') } as const
  const stop = async () => folder.remove()
  return { name: 'PGlite', address, clientAddress: address, stop }
}

/** Starts Postgres with its default settings, so that a crash has the same effects as in production. */
async function startPostgres(isBehindProxy: boolean): Promise<CampaignDatabase> {
  const server = await startOwnServer(['max_connections=400'])
  const proxy = isBehindProxy ? await CuttingPostgresProxy.start(server.url) : undefined
  return {
    name: 'PostgreSQL 18',
    address: { kind: 'postgres', url: server.url },
    clientAddress: { kind: 'postgres', url: proxy?.url ?? server.url },
    server,
    ...(proxy && { proxy }),
    async stop() {
      await proxy?.stop()
      await server.remove()
    },
  }
}
