/** Appending, compared with the most that the database can do: with its own load generator, and with COPY. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { Case, Contestant } from '../case.ts'
import { closedLoop } from '../closed-loop.ts'
import { copyEvents, type EventRow } from '../contestants/copy.ts'
import { countLimitEvents, createLimitTables } from '../contestants/limit-table.ts'
import { newOrderId, orderEvents } from '../contestants/order-events.ts'
import { ours } from '../contestants/ours.ts'
import { pgbench, pgbenchSkipReason } from '../contestants/pgbench.ts'
import { expectCount } from '../database.ts'
import { appendBulk, appendNew } from './append.ts'

const bulkSize = 1000

export const appendLimitCases: readonly Case[] = [
  appendLimit(32, 1.15),
  appendLimit(128, 1.9),
  appendLimit(256, 2.3),
  {
    name: 'append-bulk-limit',
    group: 'append',
    work: '1,000 events a call, one caller, against COPY of 1,000 rows into the format before stream keys',
    unit: 'events/s',
    better: 'higher',
    target: 0.7,
    ours: appendBulk(ours),
    peer: copyBulk(),
  },
]

/** Pgbench always has 32 connections: more of them would only wait for the same processors. */
function appendLimit(callers: number, target: number): Case {
  return {
    name: `append-limit-${callers}`,
    group: 'append',
    work: `one event a call, ${callers} callers, new streams, against pgbench with 32 connections and the simplest function`,
    unit: 'events/s',
    better: 'higher',
    target,
    ours: appendNew(ours, callers),
    peer: pgbench,
    skipReason: pgbenchSkipReason,
  }
}

function copyBulk(): Contestant {
  return {
    name: 'COPY',
    async setUp({ url, directUrl, seconds }) {
      await createLimitTables(directUrl)
      const client = new pg.Client(url)
      await client.connect()
      let events = 0
      return {
        async turn() {
          let position = events
          const loop = await closedLoop(1, seconds, () => {
            const rows = rowsOfNewStream(position)
            position += bulkSize
            return copyEvents(client, rows)
          })
          events += loop.operations * bulkSize
          await expectCount(directUrl, countLimitEvents, events, 'COPY')
          return { value: loop.perSecond * bulkSize, loop }
        },
        tearDown: () => client.end(),
      }
    },
  }
}

function rowsOfNewStream(after: number): EventRow[] {
  const streamId = newOrderId()
  const recordedAt = new Date()
  return orderEvents(bulkSize).map(({ type, data, metadata }, index) => ({
    position: after + index + 1,
    version: index + 1,
    recordedAt,
    eventId: randomUUID(),
    streamId,
    type,
    data,
    metadata,
  }))
}
