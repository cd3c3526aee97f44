/** The event log for imports: a real one, or a generated one of the same shape and size. */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { inChunks } from './chunks.ts'

export interface LoggedEvent {
  readonly streamId: string
  readonly type: string
  readonly recordedAt: Date
  readonly data: unknown
}

/** Reads a log of gzipped JSON Lines: one object a line with `stream`, `type`, `occurredAt` and `data`. */
export async function* readLog(path: string): AsyncGenerator<LoggedEvent> {
  const file = createReadStream(path)
  const gunzip = createGunzip()
  file.on('error', (error) => gunzip.destroy(error))
  let rest = ''
  for await (const chunk of file.pipe(gunzip).setEncoding('utf8')) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield eventOf(line)
  }
  if (rest !== '') yield eventOf(rest)
}

function eventOf(line: string): LoggedEvent {
  const { stream, type, occurredAt, data } = JSON.parse(line)
  return { streamId: stream, type, recordedAt: new Date(occurredAt), data }
}

/** Calls `work` with the log that EVENTSOURCED_BENCH_LOG names, or with a generated one that is deleted afterwards. */
export async function withLogFile<T>(work: (file: string) => Promise<T>): Promise<T> {
  const { EVENTSOURCED_BENCH_LOG: given } = process.env
  if (given !== undefined) return work(given)
  const folder = await mkdtemp(join(tmpdir(), 'eventsourced-log-'))
  try {
    const file = join(folder, 'log.jsonl.gz')
    await writeMadeUpLog(file)
    return await work(file)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const eventCount = 262_200
const streamCount = 13_087
const openStreams = 500
const types = [
  'Submitted',
  'PartlySubmitted',
  'Preaccepted',
  'Accepted',
  'CompletingApplication',
  'Finalised',
]

/**
 * Writes a log like the loan applications of the BPI Challenge 2012: 20 events a stream, 500 streams open at a time,
 * and names in order. Every run writes the same log.
 */
export async function writeMadeUpLog(file: string): Promise<void> {
  await pipeline(Readable.from(inChunks(madeUpLines())), createGzip(), createWriteStream(file))
}

function* madeUpLines(): Generator<string> {
  const begin = Date.parse('2011-10-01T00:00:00Z')
  const open: { stream: string; left: number }[] = []
  let opened = 0
  let seed = 1
  // Lehmer's generator. Any sequence would do, as long as every run has the same one.
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  for (let made = 0; made < eventCount; made++) {
    while (open.length < openStreams && opened < streamCount) {
      open.push({ stream: `loan-${173_688 + opened * 3}`, left: eventsOf(opened++) })
    }
    const at = random(open.length)
    const chosen = open[at]
    if (chosen === undefined) throw new Error('The made-up log has run out of streams')
    if (--chosen.left === 0) open.splice(at, 1)
    yield `${JSON.stringify({
      stream: chosen.stream,
      type: types[random(types.length)],
      occurredAt: new Date(begin + made * 50_000).toISOString(),
      data: {
        'org:resource': String(10_000 + random(1_000)),
        lifecycle: 'COMPLETE',
        ...(random(20) === 0 && { case: { AMOUNT_REQ: String(1_000 * (1 + random(50))) } }),
      },
    })}\n`
  }
}

/** Returns how many events a stream gets. The numbers of all streams add up to `eventCount` exactly. */
function eventsOf(stream: number): number {
  const upTo = (count: number) => Math.floor((count * eventCount) / streamCount)
  return upTo(stream + 1) - upTo(stream)
}
