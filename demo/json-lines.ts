/** Reads any event log in JSON Lines, plain or gzipped: line by line, never as a whole. */
import { isUtf8 } from 'node:buffer'
import { createReadStream, type ReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { type ImportedEvent, type Metadata, uuidOf } from '@eventsourced/core'
import { type Input, InputError } from './input.ts'
import { count, quote } from './print.ts'

interface Line {
  /** 1-based. */
  readonly number: number
  readonly text: string
}

const longestLine = 64 * 1024 * 1024
const newline = 0x0a
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const isoDate = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s?(Z|[+-]\d\d:?\d\d)?)?$/i

export async function jsonLines(path: string, shownPath: string = path): Promise<Input> {
  const { size, gzipped } = await inspect(path, shownPath)
  const name = basename(shownPath)
  let file: ReadStream | undefined
  let at = 0
  let older = 0

  /** Yields the lines that are not blank. */
  async function* lines(): AsyncGenerator<Line> {
    file = createReadStream(path, { highWaterMark: 64 * 1024 })
    const bytes: Readable = gzipped ? file.pipe(createGunzip()) : file
    // `pipe` does not forward errors. With this listener, the iteration throws them.
    if (gzipped) file.on('error', (error) => bytes.destroy(error))
    try {
      for await (const line of splitLines(bytes, name)) {
        at = line.number
        if (line.text.trim() !== '') yield line
      }
    } catch (error) {
      throw explained(error, name)
    } finally {
      file.destroy()
      bytes.destroy()
    }
  }

  const first = await lines().next()
  // Checks the first line, so that the demo refuses a file that is not a log before it does anything else.
  if (first.value !== undefined) parseEvent(first.value.text, 0, `${name}, line ${first.value.number}`)

  return {
    title: name,
    subtitle: `${gzipped ? 'a gzipped log' : 'a log'} with one JSON object in each line`,
    // Another log at the same path has another first line, and gets another schema.
    schema: `log_${uuidOf('json-lines', resolve(path), first.value?.text ?? '').slice(0, 8)}`,

    catalogue: undefined,

    async *events() {
      const latest = new Map<string, number>()
      let place = 0
      for await (const { number, text } of lines()) {
        const event = parseEvent(text, place++, `${name}, line ${number}`)
        const { streamId, recordedAt } = event
        if (recordedAt !== undefined) {
          const previous = latest.get(streamId) ?? Number.NEGATIVE_INFINITY
          if (recordedAt.getTime() < previous) older++
          else latest.set(streamId, recordedAt.getTime())
        }
        yield event
      }
    },
    progress: () => (size === 0 ? 1 : (file?.bytesRead ?? 0) / size),
    place: () => `${name}, line ${at}`,
    remarks: () =>
      older === 0
        ? []
        : [
            `${count(older, 'event')} older than the previous event of the stream, and recorded at the time of that event`,
          ],
  }
}

/** Checks that the path is a readable file, and finds out its size and whether it is gzipped. */
async function inspect(path: string, shownPath: string): Promise<{ size: number; gzipped: boolean }> {
  try {
    const stats = await stat(path)
    if (stats.isDirectory()) throw new InputError(`${shownPath}: is a folder, not a log`)
    if (!stats.isFile())
      throw new InputError(`${shownPath}: is not a regular file, which the demo could read twice`)
    await using file = await open(path)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return { size: stats.size, gzipped: bytesRead === 2 && buffer.readUInt16BE() === 0x1f8b }
  } catch (error) {
    throw explained(error, shownPath)
  }
}

/** Splits at line feeds only. `node:readline` would also split at U+2028, which JSON may contain unescaped. */
async function* splitLines(bytes: AsyncIterable<Buffer>, name: string): AsyncGenerator<Line> {
  let number = 0
  let rest: Buffer[] = []
  let restLength = 0
  const finish = (end: Buffer): Line => {
    number++
    const line = rest.length === 0 ? end : Buffer.concat([...rest, end])
    rest = []
    restLength = 0
    if (!isUtf8(line)) throw new InputError(`${name}, line ${number}: is not UTF-8 text`)
    // A file may begin with a byte order mark, which is not part of its text.
    return { number, text: number === 1 ? line.toString().replace(/^\uFEFF/, '') : line.toString() }
  }
  for await (const chunk of bytes) {
    let from = 0
    for (let to = chunk.indexOf(newline); to >= 0; to = chunk.indexOf(newline, from)) {
      yield finish(chunk.subarray(from, to))
      from = to + 1
    }
    if (from === chunk.length) continue
    rest.push(chunk.subarray(from))
    restLength += chunk.length - from
    if (restLength > longestLine) {
      throw new InputError(
        `${name}, line ${number + 1}: has more than 64 MB; is this one JSON object a line?`,
      )
    }
  }
  if (restLength > 0) yield finish(Buffer.alloc(0))
}

function parseEvent(text: string, place: number, where: string): ImportedEvent {
  const refuse = (problem: string): never => {
    throw new InputError(`${where}: ${problem}\n  ${quote(text, 100)}`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return refuse(`not JSON (${quote((error as Error).message, 120)})`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('not a JSON object')

  const { stream, type, data, id, occurredAt, recordedAt, metadata, tags, ...others } = value as Record<
    string,
    unknown
  >
  for (const [name, given] of Object.entries({ stream, type })) {
    if (given === undefined) return refuse(`has no "${name}"`)
    if (typeof given !== 'string' || given === '') return refuse(`"${name}" must be a text that is not empty`)
  }
  if (data === undefined) return refuse('has no "data"; null will do for an event without any')
  if (id !== undefined && typeof id !== 'string') return refuse('"id" must be a text')
  if (
    metadata !== undefined &&
    (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
  )
    return refuse('"metadata" must be an object')
  if (tags !== undefined && !Array.isArray(tags)) return refuse('"tags" must be a list')
  const at = recordedAt ?? occurredAt
  if (at !== undefined) {
    const field = recordedAt === undefined ? '"occurredAt"' : '"recordedAt"'
    const moment = typeof at === 'string' && isoDate.test(at) ? Date.parse(at) : Number.NaN
    if (Number.isNaN(moment)) return refuse(`${field} must be a date as in ISO 8601`)
    if (moment > Date.now() + 60_000) return refuse(`${field} lies in the future`)
  }

  // Properties that are not part of an event become metadata, so that nothing is lost.
  const rest = { ...others, ...(recordedAt !== undefined && occurredAt !== undefined && { occurredAt }) }
  return {
    streamId: stream as string,
    type: type as string,
    data,
    id: idOf(id, stream as string, place, text),
    metadata: { ...rest, ...(metadata as Metadata | undefined) },
    tags: (tags ?? []) as string[],
    recordedAt: at === undefined ? undefined : new Date(at as string),
  }
}

/** Returns the same id for the same event in every run, so that the store recognises an event that it already has. */
function idOf(id: string | undefined, stream: string, place: number, text: string): string {
  if (id === undefined) return uuidOf('json-lines', place, text)
  return uuid.test(id) ? id : uuidOf('json-lines', stream, id)
}

/** Turns an error of a file or of gunzip into an InputError with a sentence. */
function explained(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  switch (error.code) {
    case 'ENOENT':
      return new InputError(`${name}: no such file`)
    case 'EACCES':
      return new InputError(`${name}: no permission to read this file`)
    case 'Z_BUF_ERROR':
      return new InputError(`${name}: the gzip data ends too early; the file is not complete`)
    case 'Z_DATA_ERROR':
      return new InputError(`${name}: the gzip data is damaged (${error.message})`)
    default:
      return error
  }
}
