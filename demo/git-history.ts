/** Reads the git history of this clone as an event log: one stream per file, one event per change, oldest first. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpath } from 'node:fs/promises'
import { promisify } from 'node:util'
import { defineEvents, type ImportedEvent, payload, uuidOf } from '@eventsourced/core'
import { type Input, InputError } from './input.ts'
import { count } from './print.ts'

const root = `${import.meta.dirname}/..`
const fewestChanges = 20

interface FileChange {
  readonly commit: string
  readonly authoredAt: string
  readonly subject: string
}

/** The log keeps the letters of git. Everything that reads it gets these names. */
const files = defineEvents(
  {
    FileAdded: payload<FileChange>(),
    FileChanged: payload<FileChange>(),
    FileRemoved: payload<FileChange>(),
  },
  // M: modified; T: a file became a link, or the reverse
  { upcasts: { A: 'FileAdded', M: 'FileChanged', T: 'FileChanged', D: 'FileRemoved' } },
)

interface Change {
  readonly commit: string
  readonly authoredAt: string
  readonly committedAt: string
  readonly subject: string
  readonly status: string
  readonly path: Buffer
}

/** Returns the history; `undefined` if there is no git, no clone, or fewer than 20 changes in it. */
export async function gitHistory(): Promise<Input | undefined> {
  const commits = await countCommits()
  const beginning: Change[] = []
  if (commits > 0) {
    for await (const change of readChanges()) {
      if (beginning.push(change) === fewestChanges) break
    }
  }
  const first = beginning[0]
  if (first === undefined || beginning.length < fewestChanges) return undefined

  let commitsRead = 0
  let leftOut = 0
  let commit = ''

  return {
    title: 'The git history of this clone',
    subtitle: 'one stream per file, one event per change',
    schema: `git_${uuidOf('git', await realpath(root), first.commit).slice(0, 8)}`,

    catalogue: files,

    async *events() {
      for await (const change of readChanges()) {
        if (change.commit !== commit) commitsRead++
        commit = change.commit
        const event = toEvent(change)
        if (event === undefined) leftOut++
        else yield event
      }
    },
    progress: () => Math.min(1, commitsRead / commits),
    place: () => `commit ${commit}`,
    remarks: () => [
      'Stored with the letters of git (A, M, D), and read as FileAdded, FileChanged and FileRemoved',
      ...(leftOut === 0
        ? []
        : [
            `${count(leftOut, 'change')} left out, because no stream can have such a name (not UTF-8, over 512 bytes, $…)`,
          ]),
    ],
  }
}

function toEvent({
  commit,
  authoredAt,
  committedAt,
  subject,
  status,
  path,
}: Change): ImportedEvent | undefined {
  const name = path.toString()
  // Bytes that are not UTF-8 become U+FFFD.
  if (path.length > 512 || name.includes('\uFFFD') || name.startsWith('$')) return undefined
  return {
    streamId: name,
    type: status,
    data: { commit, authoredAt, subject },
    id: uuidOf('git', commit, status, name),
    // A commit may come from a machine with a fast clock, and an import refuses times in the future.
    recordedAt: new Date(Math.min(Date.parse(committedAt), Date.now())),
  }
}

/** Overrides settings of the user that would change the output. */
const git = ['-C', root, '-c', 'log.showSignature=false', '-c', 'i18n.logOutputEncoding=UTF-8']

async function countCommits(): Promise<number> {
  try {
    const run = promisify(execFile)
    // A copy of this package inside another repository has no history of its own.
    const { stdout: top } = await run('git', [...git, 'rev-parse', '--show-toplevel'])
    if ((await realpath(top.trim())) !== (await realpath(root))) return 0
    const { stdout: commits } = await run('git', [...git, 'rev-list', '--count', 'HEAD'])
    return Number(commits)
  } catch {
    return 0
  }
}

/**
 * Streams the output of `git log`. With -z, every field ends with NUL. A commit is its hash (marked by \x01), two dates
 * and the subject. Then follow pairs of status and path; a line feed is before the first pair.
 */
async function* readChanges(): AsyncGenerator<Change> {
  const format = '--format=%x01%H%x00%aI%x00%cI%x00%s'
  const options = ['log', '--reverse', '--no-renames', '--name-status', '-z', format, 'HEAD']
  const child = spawn('git', [...git, ...options], { stdio: ['ignore', 'pipe', 'ignore'] })
  const exit = once(child, 'close')
  try {
    const fields = splitAtNul(child.stdout)
    const next = async () => (await fields.next()).value ?? Buffer.alloc(0)
    let commit = { commit: '', authoredAt: '', committedAt: '', subject: '' }
    for await (const field of fields) {
      const text = field.toString().trimStart()
      if (text === '') continue
      if (text.startsWith('\x01')) {
        commit = {
          commit: text.slice(1),
          authoredAt: (await next()).toString(),
          committedAt: (await next()).toString(),
          subject: (await next()).toString(),
        }
      } else {
        yield { ...commit, status: text, path: await next() }
      }
    }
    const [code] = await exit
    if (code !== 0) throw new InputError(`git log ended with code ${code} at commit ${commit.commit}`)
  } finally {
    child.kill()
  }
}

async function* splitAtNul(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of bytes) {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let from = 0
    for (let to = all.indexOf(0); to >= 0; to = all.indexOf(0, from)) {
      yield all.subarray(from, to)
      from = to + 1
    }
    rest = all.subarray(from)
  }
  if (rest.length > 0) yield rest
}
