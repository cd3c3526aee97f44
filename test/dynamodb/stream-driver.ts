/**
 * Reads a stream of DynamoDB as Lambda does: in batches by shard, with the filter and the batch size of an event source
 * mapping. It repeats a batch whose call has failed, and does not go on before that.
 */
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type _Record as StreamRecord,
} from '@aws-sdk/client-dynamodb-streams'
import { sleep } from '../../src/runtime/abort.ts'

/** The properties of an event source mapping, as a template prints them. */
interface Mapping {
  readonly FilterCriteria: { readonly Filters: readonly { readonly Pattern: string }[] }
  readonly BatchSize: number
}

export interface StreamDriver {
  /** How many records the stream had so far. */
  readonly records: number
  /** How many of them the filter let pass. */
  readonly passed: number
  /** How many calls have failed, and were repeated. */
  readonly failures: number
  /** Resolves when the driver has read all shards twice without a record, and no call runs. Rejects if it has failed. */
  atRest(): Promise<void>
  stop(): Promise<void>
}

export interface DriverOptions {
  readonly admin: DynamoDBClient
  readonly endpoint: string
  readonly table: string
  readonly mapping: Mapping
  /** How many calls handle a batch side by side, by the partition keys of its records. */
  readonly parallelization: number
  /** Calls the function. Rejects if the call fails. `lane`: which of the calls side by side it is, 0-based. */
  invoke(records: readonly StreamRecord[], lane: number): Promise<void>
}

const pause = 50

export function driveStream(options: DriverOptions): StreamDriver {
  const { admin, endpoint, table, mapping, parallelization, invoke } = options
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = new DynamoDBStreamsClient({ endpoint, region: 'eu-west-1', credentials })
  const patterns = mapping.FilterCriteria.Filters.map(({ Pattern }) => JSON.parse(Pattern) as object)
  const counts = { records: 0, passed: 0, failures: 0 }
  const stopping = new AbortController()
  /** How many rounds in a row have found no record. */
  let quietRounds = 0

  async function run(): Promise<void> {
    const { Table } = await admin.send(new DescribeTableCommand({ TableName: `${table}_log` }))
    const StreamArn = Table?.LatestStreamArn
    if (StreamArn === undefined) throw new Error('the log has no stream')
    /** Where each shard continues; undefined: it has ended. */
    const iterators = new Map<string, string | undefined>()
    while (!stopping.signal.aborted) {
      const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamArn }))
      for (const { ShardId } of StreamDescription?.Shards ?? []) {
        if (ShardId === undefined || iterators.has(ShardId)) continue
        const from = { StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' as const }
        const { ShardIterator } = await client.send(new GetShardIteratorCommand(from))
        iterators.set(ShardId, ShardIterator)
      }
      let found = 0
      for (const [shard, ShardIterator] of iterators) {
        if (ShardIterator === undefined) continue
        const read = new GetRecordsCommand({ ShardIterator, Limit: mapping.BatchSize })
        const { Records = [], NextShardIterator } = await client.send(read)
        found += Records.length
        counts.records += Records.length
        await handle(Records.filter((record) => patterns.some((pattern) => matches(pattern, record))))
        iterators.set(shard, NextShardIterator)
      }
      quietRounds = found === 0 ? quietRounds + 1 : 0
      await sleep(pause)
    }
  }

  async function handle(batch: readonly StreamRecord[]): Promise<void> {
    counts.passed += batch.length
    const lanes: StreamRecord[][] = Array.from({ length: parallelization }, () => [])
    for (const record of batch) lanes[laneOf(record, parallelization)]?.push(record)
    await Promise.all(
      lanes.map((records, lane) => (records.length > 0 ? untilDone(records, lane) : undefined)),
    )
  }

  async function untilDone(records: readonly StreamRecord[], lane: number): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        return await invoke(records, lane)
      } catch {
        counts.failures++
        await sleep(pause)
      }
    }
  }

  const running = run()
  running.catch(() => {})
  return {
    get records() {
      return counts.records
    },
    get passed() {
      return counts.passed
    },
    get failures() {
      return counts.failures
    },
    async atRest() {
      quietRounds = 0
      while (quietRounds < 2) {
        await Promise.race([sleep(pause), running])
        if (stopping.signal.aborted) throw new Error('the driver has stopped')
      }
    },
    async stop() {
      stopping.abort()
      await running
      client.destroy()
    },
  }
}

/** Records of one item go to one lane. */
function laneOf({ dynamodb }: StreamRecord, lanes: number): number {
  const key = dynamodb?.Keys?.p?.S ?? ''
  return [...key].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % lanes
}

/** Whether a value matches a pattern of EventBridge, as far as the templates use them. */
function matches(pattern: unknown, value: unknown): boolean {
  if (Array.isArray(pattern))
    return pattern.some((one: string | { readonly prefix: string }) =>
      typeof one === 'string' ? one === value : typeof value === 'string' && value.startsWith(one.prefix),
    )
  return Object.entries(pattern as object).every(([name, inner]) =>
    matches(inner, (value as Record<string, unknown> | undefined)?.[name]),
  )
}
