/** Installs the peers into their own folder if they are missing, and loads them from there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '..', 'peers')
const require = createRequire(join(folder, 'package.json'))

/** Loads a peer. The caller declares its type, because the peer's own types exist only after the installation. */
export function requirePeer<Module>(name: string): Module {
  return require(name)
}

/** Installs the peers, unless the installed ones are up to date. */
export async function installPeers(log: (line: string) => void): Promise<void> {
  const changed = async (file: string) =>
    (await stat(join(folder, file)).catch(() => undefined))?.mtimeMs ?? 0
  if ((await changed('node_modules/.package-lock.json')) >= (await changed('package-lock.json'))) return
  log('Installing the peers to compare with (npm ci in bench/peers)')
  const npm = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  const [code] = await once(npm, 'close')
  if (code !== 0) throw new Error('The peers could not be installed: see what npm ci says in bench/peers')
}

export function peerVersions(): string[] {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return Object.entries(dependencies).map(([name, version]) => `${name} ${version}`)
}
