/** Access of the benchmark itself to a database: to set it up, and to count the events in it. */
import pg from 'pg'
import { median } from './result.ts'

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

export async function countOf(url: string, countEvents: string): Promise<number> {
  const { rows } = await withClient(url, (client) => client.query(countEvents))
  return Number(rows[0]?.count)
}

/** Throws if the number of rows differs: a contestant that loses or duplicates an event fails. */
export async function expectCount(
  url: string,
  countEvents: string,
  expected: number,
  contestant: string,
): Promise<void> {
  const found = await countOf(url, countEvents)
  if (found !== expected)
    throw new Error(`${contestant}: ${found} events are recorded instead of ${expected}`)
}

/** Measures the median time of a statement, including the round trip, in milliseconds. */
export async function statementTime(url: string, statement: string): Promise<number> {
  return withClient(url, async (client) => {
    const times: number[] = []
    for (let asked = 0; asked < 200; asked++) {
      const begin = performance.now()
      await client.query(statement)
      times.push(performance.now() - begin)
    }
    return median(times)
  })
}
