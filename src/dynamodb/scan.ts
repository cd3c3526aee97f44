/** Reads a whole table. */
import type { Item } from './attributes.ts'
import type { Connection } from './connection.ts'

/** Calls `take` for each item of a table, page by page. `options`: further parameters of the scan. */
export async function scan(
  connection: Connection,
  table: string,
  options: object,
  take: (item: Item) => void,
): Promise<void> {
  const subject = { doing: 'Reading a whole table', table, key: '' }
  for (let start: Item | undefined; ; ) {
    const input = {
      TableName: table,
      ConsistentRead: true,
      ...options,
      ...(start && { ExclusiveStartKey: start }),
    }
    const output = await connection.call<{ Items?: Item[]; LastEvaluatedKey?: Item }>(subject, 'Scan', input)
    for (const item of output.Items ?? []) take(item)
    start = output.LastEvaluatedKey
    if (start === undefined) return
  }
}
