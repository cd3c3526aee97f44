/** Reading streams of 1,000 events, compared with another store and with the bare query. */
import pg from 'pg'
import type { Case, Contestant, Turn } from '../case.ts'
import { closedLoop } from '../closed-loop.ts'
import { emmett } from '../contestants/emmett.ts'
import { type BenchStore, type BenchStoreKind, storeContestant } from '../contestants/event-store.ts'
import { newOrderId, orderEvents } from '../contestants/order-events.ts'
import { ours } from '../contestants/ours.ts'

const streamCount = 10
const streamLength = 1000

export const readCases: readonly Case[] = [
  {
    name: 'read-stream',
    group: 'read',
    work: 'whole streams of 1,000 events, one caller',
    unit: 'events/s',
    better: 'higher',
    target: 1.8,
    ours: readStream(ours),
    peer: readStream(emmett),
  },
  {
    name: 'read-limit',
    group: 'read',
    work: 'the same, against the bare prepared query with `JSON.parse` of payload and metadata',
    unit: 'events/s',
    better: 'higher',
    target: 1.2,
    ours: readStream(ours),
    peer: bareQuery(),
  },
]

function readStream(kind: BenchStoreKind): Contestant {
  return storeContestant(kind, async (store, { seconds }) => {
    const streams = await fillStreams(store)
    return {
      filled: streamCount * streamLength,
      turn: async () => ({ ...(await readInTurn(seconds, streams, (id) => store.read(id))), appended: 0 }),
    }
  })
}

/** The least work that returns the same events from the same table, as a contestant. */
function bareQuery(): Contestant {
  return {
    name: 'bare pg',
    async setUp({ url, directUrl, seconds }) {
      const store = await ours.open(directUrl)
      const streams = await fillStreams(store)
      await store.close()
      const client = new pg.Client(url)
      await client.connect()
      return {
        turn: () => readInTurn(seconds, streams, async (id) => (await queryEvents(client, id)).length),
        tearDown: () => client.end(),
      }
    },
  }
}

const query = {
  name: 'read_stream',
  text: `select position, version, recorded_at, event_id, type, data::text, metadata::text, tags
    from eventsourced.events
    where stream_key = (select stream_key from eventsourced.streams where stream_id = $1)
    order by version`,
}

async function queryEvents(client: pg.Client, streamId: string) {
  const { rows } = await client.query({ ...query, values: [streamId] })
  return rows.map((row) => ({
    id: row.event_id,
    streamId,
    version: Number(row.version),
    position: Number(row.position),
    recordedAt: row.recorded_at,
    type: row.type,
    data: JSON.parse(row.data),
    metadata: row.metadata === null ? {} : JSON.parse(row.metadata),
    tags: row.tags ?? [],
  }))
}

async function fillStreams(store: BenchStore): Promise<string[]> {
  const streams = Array.from({ length: streamCount }, newOrderId)
  for (const stream of streams) await store.appendNew(stream, orderEvents(streamLength))
  return streams
}

/** Reads the streams one after the other. The figure is how many events it read per second. */
async function readInTurn(
  seconds: number,
  streams: readonly string[],
  read: (streamId: string) => Promise<number>,
): Promise<Turn> {
  let next = 0
  const loop = await closedLoop(1, seconds, async () => {
    const stream = streams[next++ % streams.length] ?? ''
    const found = await read(stream)
    if (found !== streamLength) throw new Error(`${found} events were read instead of ${streamLength}`)
  })
  return { value: loop.perSecond * streamLength, loop }
}
