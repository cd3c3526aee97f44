/** Reads whole tables in parallel segments, one page at a time. */
import { checkFunction, optionsOf } from '../../storage/index.ts'
import type { Item } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import type { TableCheckOptions } from './problems.ts'

// Each segment holds a page of at most 1 MB.
const segments = 4

/** Counts the items that a call has read, and reports them to the caller. */
export class Progress {
  readonly signal: AbortSignal | undefined
  readonly #onProgress: TableCheckOptions['onProgress']
  #scanned = 0

  /** @throws InvalidInputError if an option is not valid */
  constructor(options: TableCheckOptions | undefined) {
    const { onProgress, signal } = optionsOf(options, ['onProgress', 'signal'])
    if (onProgress !== undefined) checkFunction(onProgress, 'onProgress')
    this.#onProgress = onProgress
    this.signal = signal
  }

  async add(items: number): Promise<void> {
    this.#scanned += items
    this.signal?.throwIfAborted()
    await this.#onProgress?.({ scanned: this.#scanned })
  }
}

interface ScanOptions {
  /** The attributes to read, as DynamoDB expects them. */
  readonly attributes: string
  readonly consistent: boolean
}

/**
 * Reads a table. `takers`: called once for each segment, and returns what takes the pages of that segment one after the
 * other. The items of one partition key have the order of their sort keys.
 */
export async function scan(
  connection: Connection,
  table: string,
  { attributes, consistent }: ScanOptions,
  progress: Progress,
  takers: () => (items: readonly Item[], isLast: boolean) => Promise<void> | void,
): Promise<void> {
  const subject = { doing: 'Reading a whole table', table, key: '' }
  const stop = new AbortController()
  const { signal } = progress
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  const readSegment = async (segment: number) => {
    const take = takers()
    for (let start: Item | undefined; ; ) {
      const input = {
        TableName: table,
        ConsistentRead: consistent,
        ProjectionExpression: attributes,
        Segment: segment,
        TotalSegments: segments,
        ...(start && { ExclusiveStartKey: start }),
      }
      type Output = { Items?: Item[]; LastEvaluatedKey?: Item }
      const output = await connection.call<Output>(subject, 'Scan', input, either)
      start = output.LastEvaluatedKey
      await take(output.Items ?? [], start === undefined)
      await progress.add(output.Items?.length ?? 0)
      if (start === undefined) return
    }
  }
  const reading = Array.from({ length: segments }, (_, segment) => readSegment(segment))
  try {
    await Promise.all(reading)
  } finally {
    // After an error, the other segments end too, before the call ends.
    stop.abort()
    await Promise.allSettled(reading)
  }
}
