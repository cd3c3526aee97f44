/** The fold of a log into a table, written without a library: a cursor of bare `pg`, and batched upserts. */
import pg from 'pg'
import { type Application, emptyApplication, evolveApplication } from './applications.ts'

const batchSize = 5_000

/** Folds the whole log from this library's table into an empty table, and returns the number of events. */
export async function foldByHand(url: string): Promise<number> {
  const [reader, writer] = [new pg.Client(url), new pg.Client(url)]
  await Promise.all([reader.connect(), writer.connect()])
  try {
    await writer.query('drop table if exists applications')
    await writer.query('create table applications (key text primary key, state json not null)')
    const { rows: streams } = await reader.query('select stream_key, stream_id from eventsourced.streams')
    const names = new Map<string, string>(streams.map((row) => [row.stream_key, row.stream_id]))
    await reader.query('begin')
    await reader.query(
      'declare log cursor for select stream_key, type, data::text from eventsourced.events order by position',
    )
    const states = new Map<string, Application>()
    let count = 0
    for (;;) {
      const { rows } = await reader.query(`fetch ${batchSize} from log`)
      if (rows.length === 0) return count
      const changed = new Set<string>()
      for (const { stream_key: key, type, data } of rows) {
        states.set(key, evolveApplication(states.get(key) ?? emptyApplication(), type, JSON.parse(data)))
        changed.add(key)
      }
      const keys = [...changed]
      await writer.query(
        `insert into applications (key, state) select * from unnest($1::text[], $2::json[])
        on conflict (key) do update set state = excluded.state`,
        [keys.map((key) => names.get(key)), keys.map((key) => JSON.stringify(states.get(key)))],
      )
      count += rows.length
    }
  } finally {
    await Promise.all([reader.end(), writer.end()])
  }
}
