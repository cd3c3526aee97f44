/**
 * Locks the folder of an embedded database with a lock file beside it. PGlite itself lets two processes open one
 * folder, which destroys the data. The file names its owner, so that another process can take over the lock of a
 * process that was killed.
 */

import { readFileSync, statSync } from 'node:fs'
import { mkdir, open, readFile, realpath, rmdir, unlink, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { FolderInUseError, sleep } from '../storage/index.ts'

interface Owner {
  readonly pid: number
  readonly host: string
  /**
   * When the process started: distinguishes it from a later process with the same pid. Empty if the system does not
   * say.
   */
  readonly started: string
}

// A process on another machine, or in another container, cannot be looked up. The lock file's modification time is then
// its heartbeat.
const heartbeatMilliseconds = 2_000
const deadAfterMilliseconds = 15_000
// A process that has just created the lock file writes its name into it within this time.
const namedAfterMilliseconds = 1_000

/**
 * Locks a folder. Resolves with the function that releases the lock.
 * @throws FolderInUseError if another living process holds the lock
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  await mkdir(dirname(resolve(folder)), { recursive: true })
  const file = `${await realpath(folder).catch(() => resolve(folder))}.lock`
  const own: Owner = { pid: process.pid, host: hostname(), started: startTimeOf(process.pid) }
  while (!(await createFile(file, JSON.stringify(own)))) {
    await clearStaleLock(folder, file)
  }
  const heartbeat = setInterval(() => {
    utimes(file, new Date(), new Date()).catch(() => {})
  }, heartbeatMilliseconds)
  heartbeat.unref()
  return async () => {
    clearInterval(heartbeat)
    await unlink(file).catch(ignoreMissing)
  }
}

async function createFile(file: string, text: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx')
    await handle.writeFile(text)
    await handle.close()
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/**
 * Removes the lock file if its owner is dead, and throws if it is alive. Two processes may find the same stale lock,
 * and the second must not remove the new lock of the first. Each therefore checks and removes the file while it holds a
 * guard folder, which only one process can create.
 */
async function clearStaleLock(folder: string, file: string): Promise<void> {
  const guard = `${file}.clearing`
  try {
    await mkdir(guard)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    if (ageOf(guard) > deadAfterMilliseconds) await rmdir(guard).catch(ignoreMissing)
    await sleep(20)
    return
  }
  try {
    const text = await readFile(file, 'utf8').catch(ignoreMissing)
    if (text === undefined) return
    const owner = parseOwner(text)
    if (owner === undefined && ageOf(file) < namedAfterMilliseconds) return await sleep(20)
    if (isAlive(owner, file)) {
      const who =
        owner === undefined
          ? 'a process that has not written its name yet'
          : `process ${owner.pid} on ${owner.host}`
      throw new FolderInUseError(folder, who, file)
    }
    await unlink(file)
  } finally {
    await rmdir(guard)
  }
}

function isAlive(owner: Owner | undefined, file: string): boolean {
  if (owner === undefined || owner.host !== hostname()) return ageOf(file) < deadAfterMilliseconds
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    // EPERM means that the process exists and belongs to another user.
    if (codeOf(error) === 'ESRCH') return false
  }
  return startTimeOf(owner.pid) === owner.started
}

/** Returns when the process started, in the system's own unit. Empty if the system does not say. */
export function startTimeOf(pid: number): string {
  try {
    // The process name stands in parentheses and may contain spaces. The start time is the 20th field after it.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function ageOf(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs
  } catch {
    return 0
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    return JSON.parse(text) as Owner
  } catch {
    return undefined
  }
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined)

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}
