/** One database of the server, as the benchmark itself uses it: to set it up, and to check what is in it. */
import pg from 'pg'

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

/** Throws if not exactly so many events are there: a contestant that loses or doubles any is out. */
export async function expectCount(
  url: string,
  countEvents: string,
  expected: number,
  whose: string,
): Promise<void> {
  const found = await countOf(url, countEvents)
  if (found !== expected) throw new Error(`${whose}: ${found} events are recorded in place of ${expected}`)
}
