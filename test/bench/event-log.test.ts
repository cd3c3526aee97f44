/** The generated log that the benchmark imports, and the reader of such a log. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readLog, writeMadeUpLog } from '../../bench/event-log.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eventsourced-log-'))
})
afterAll(() => rm(folder, { recursive: true }))

it('generates the same log each time: 262,200 events in 13,087 streams, in order of time', async () => {
  const [first, second] = [join(folder, 'first.gz'), join(folder, 'second.gz')]
  await writeMadeUpLog(first)
  await writeMadeUpLog(second)
  expect(gunzipSync(await readFile(first)).equals(gunzipSync(await readFile(second)))).toBe(true)

  const streams = new Set<string>()
  let events = 0
  let last = 0
  for await (const { streamId, recordedAt } of readLog(first)) {
    streams.add(streamId)
    events++
    if (recordedAt.getTime() < last) throw new Error(`Event ${events} is older than the one before`)
    last = recordedAt.getTime()
  }
  expect({ events, streams: streams.size }).toEqual({ events: 262_200, streams: 13_087 })
})

it('reads lines, with and without a line feed at the end', async () => {
  const line =
    '{"stream":"loan-1","type":"Größe","occurredAt":"2011-10-01T00:38:44.546+02:00","data":{"a":1}}'
  for (const text of [line, `${line}\n`]) {
    const file = join(folder, 'log.gz')
    await writeFile(file, gzipSync(text))
    expect(await Readable.from(readLog(file)).toArray()).toEqual([
      { streamId: 'loan-1', type: 'Größe', recordedAt: new Date('2011-09-30T22:38:44.546Z'), data: { a: 1 } },
    ])
  }
})

it('fails on a missing file, and on a file that is no log', async () => {
  await expect(readLog(join(folder, 'missing.gz')).next()).rejects.toMatchObject({ code: 'ENOENT' })
  const file = join(folder, 'plain.gz')
  await writeFile(file, 'not gzipped')
  await expect(readLog(file).next()).rejects.toMatchObject({ code: 'Z_DATA_ERROR' })
})
