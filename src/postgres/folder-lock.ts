/**
 * A lock file beside an embedded database's folder: PGlite itself lets two processes open one folder, and
 * ruin it. The file names its owner, so that the lock of a process that was killed can be taken over.
 */

import { readFileSync, statSync } from 'node:fs'
import { mkdir, open, readFile, realpath, rmdir, unlink, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { FolderInUseError, sleep } from '../storage/index.ts'

interface Owner {
  readonly pid: number
  readonly host: string
  /** Tells a process from a later one with the same number, where the system shows it. */
  readonly started: string
}

// On another machine (or in another container) a process cannot be looked up: there its beat is watched.
const beatMilliseconds = 2_000
const deadAfterMilliseconds = 15_000

/** Takes the lock and resolves with the way to give it back. @throws FolderInUseError */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  await mkdir(dirname(resolve(folder)), { recursive: true })
  const file = `${await realpath(folder).catch(() => resolve(folder))}.lock`
  const own: Owner = { pid: process.pid, host: hostname(), started: startOf(process.pid) }
  while (!(await createFile(file, JSON.stringify(own)))) {
    await clearStaleLock(folder, file)
  }
  const beat = setInterval(() => void utimes(file, new Date(), new Date()).catch(() => {}), beatMilliseconds)
  beat.unref()
  return async () => {
    clearInterval(beat)
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
 * Removes the file if its owner is gone, and refuses if not. Two processes may find the same stale lock: the
 * second must not remove the new lock of the first, so both look and remove within a folder only one can make.
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
    if (isAlive(owner, file)) {
      const who =
        owner === undefined ? 'a process that is just starting' : `process ${owner.pid} on ${owner.host}`
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
    // EPERM: there is such a process, of another user.
    if (codeOf(error) === 'ESRCH') return false
  }
  return startOf(owner.pid) === owner.started
}

/** When the process was started, in the system's own unit; empty where the system does not tell. */
function startOf(pid: number): string {
  try {
    // The name, in parentheses, may hold spaces; the start time is the 20th field after it.
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
