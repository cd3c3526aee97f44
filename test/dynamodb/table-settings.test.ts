/**
 * Tests what `schema.status()` and `create()` say about the settings of tables. The emulators know neither backups nor
 * replicas nor table classes, so a client of these tests changes their answers into the answers of AWS.
 */
import {
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { hasCode } from '@eventsourced/core'
import type { TableWarning } from '@eventsourced/core/dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serviceError } from '../worlds/faulty-client.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'

type Answer = Record<string, unknown>

/** The settings of one table, as AWS describes them. */
interface Settings {
  /** Properties of the answer of DescribeTable. */
  readonly described?: Answer
  readonly recovery?: 'ENABLED' | 'DISABLED' | Error
}

const settled: Settings = { described: { DeletionProtectionEnabled: true }, recovery: 'ENABLED' }

/** Adds settings to the answers of an emulator, by the suffix of the table. */
function answerAsAws(client: DynamoDBClient, settings: Readonly<Record<string, Settings>>): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const { TableName = '' } = args.input as { TableName?: string }
      const { described, recovery } = settings[TableName.slice(TableName.lastIndexOf('_') + 1)] ?? {}
      if (context.commandName === 'DescribeContinuousBackupsCommand' && recovery !== undefined) {
        if (recovery instanceof Error) throw recovery
        const PointInTimeRecoveryDescription = { PointInTimeRecoveryStatus: recovery }
        const output = { ContinuousBackupsDescription: { PointInTimeRecoveryDescription } }
        return { output: output as never, response: {} }
      }
      const result = await next(args)
      const { Table } = result.output as { Table?: Answer }
      if (context.commandName === 'DescribeTableCommand' && Table !== undefined) {
        Object.assign(Table, described)
      }
      return result
    },
    { step: 'initialize', name: 'settings' },
  )
}

/** A command about the table, or what to do in words. */
const remedies = (table: string) =>
  new RegExp(`^(aws dynamodb [a-z-]+ --table-name ${table} --|allow dynamodb:|let all processes)`)

const named = (warnings: readonly TableWarning[]) =>
  warnings.map(({ kind, table }) => `${kind} ${table.slice(table.lastIndexOf('_') + 1)}`)

describe.each(oneEmulator)('the settings of tables on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  /** Opens a store whose tables seem to have these settings. */
  async function opened(events: Settings, log: Settings) {
    const table = ground.table()
    await ground.open(table).store.schema.create()
    const { store, client } = ground.open(table)
    answerAsAws(client, { events, log })
    return { store, table }
  }

  const setTtl = (TableName: string, AttributeName: string, Enabled: boolean) =>
    ground.admin.send(
      new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { AttributeName, Enabled } }),
    )

  it('cause no warning if they are those of the templates', async () => {
    const { store } = await opened(settled, {
      ...settled,
      described: {
        ...settled.described,
        StreamSpecification: { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' },
        TableClassSummary: { TableClass: 'STANDARD' },
      },
    })
    expect((await store.schema.status()).warnings).toEqual([])
    expect(await store.schema.create()).toEqual(await store.schema.status())
  })

  const described = (facts: Answer): Settings => ({
    ...settled,
    described: { ...settled.described, ...facts },
  })
  const streaming = (StreamViewType: string) =>
    described({ StreamSpecification: { StreamEnabled: true, StreamViewType } })
  const infrequent = described({ TableClassSummary: { TableClass: 'STANDARD_INFREQUENT_ACCESS' } })
  const replicated = described({
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    Replicas: [{ RegionName: 'eu-central-1' }],
  })
  const denied = serviceError('AccessDeniedException')

  it.each<[string, Settings, Settings, string[], RegExp]>([
    [
      'no point-in-time recovery',
      { ...settled, recovery: 'DISABLED' },
      { ...settled, recovery: 'DISABLED' },
      ['point-in-time-recovery-off events', 'point-in-time-recovery-off log'],
      /lost items cannot be restored: turn it on/,
    ],
    [
      'no right to look at the backups',
      { ...settled, recovery: denied },
      settled,
      ['point-in-time-recovery-unknown events'],
      /allow this process the action dynamodb:DescribeContinuousBackups/,
    ],
    [
      'no deletion protection',
      described({ DeletionProtectionEnabled: false }),
      described({ DeletionProtectionEnabled: undefined }),
      ['deletion-protection-off events', 'deletion-protection-off log'],
      /one call deletes it with all its items: turn it on/,
    ],
    [
      'the class for infrequent access',
      infrequent,
      infrequent,
      ['infrequent-access log'],
      /use the class STANDARD$/,
    ],
    [
      'a stream that carries too much or too little',
      streaming('KEYS_ONLY'),
      streaming('NEW_AND_OLD_IMAGES'),
      ['stream-view events', 'stream-view log'],
      /contains no event: turn it off, or use NEW_IMAGE/,
    ],
    [
      'replicas in other regions',
      replicated,
      replicated,
      ['replicas events', 'replicas log'],
      /replicas \(eu-central-1\).*open stores in one region at a time.*verify\(\)` and `repair\(\)/,
    ],
  ])('cause a warning for %s', async (_, events, log, expected, message) => {
    const { store, table } = await opened(events, log)
    const { upToDate, warnings } = await store.schema.status()
    expect(upToDate).toBe(true)
    expect(named(warnings)).toEqual(expected)
    expect(warnings[0]?.message).toMatch(message)
    expect(warnings[0]?.message).toContain(`'${warnings[0]?.table}'`)
    for (const { remedy, table } of warnings) expect(remedy).toMatch(remedies(table))
    expect(named((await store.schema.create()).warnings)).toEqual(expected)
    // They stop no store.
    await store.append('a', [{ type: 'Counted', data: table }])
  })

  it('cause no warning about backups on an emulator, which has none', async () => {
    const { store } = await opened({}, {})
    expect(named((await store.schema.status()).warnings)).toEqual([
      'deletion-protection-off events',
      'deletion-protection-off log',
    ])
  })

  it('cause an error if AWS does not answer', async () => {
    const { store } = await opened({ ...settled, recovery: serviceError('ValidationException') }, settled)
    const error = await store.schema.status().catch((error: Error) => error)
    expect(hasCode(error, 'storage-failed')).toBe(true)
  })

  it('after a restore: a warning for the missing time to live, which create() turns on', async () => {
    const { store, table } = await opened(settled, settled)
    await store.append('a', [{ type: 'Counted', data: 1 }])
    await setTtl(`${table}_log`, 'ttl', false)
    expect(named((await store.schema.status()).warnings)).toEqual(['time-to-live-off log'])
    expect((await store.schema.create()).warnings).toEqual([])
    const { TimeToLiveDescription } = await ground.admin.send(
      new DescribeTimeToLiveCommand({ TableName: `${table}_log` }),
    )
    expect(TimeToLiveDescription).toMatchObject({ TimeToLiveStatus: 'ENABLED', AttributeName: 'ttl' })
    expect((await store.readStream('a')).version).toBe(1)
  })

  it('are refused if the log has the time to live of another program', async () => {
    const { store, table } = await opened(settled, settled)
    await setTtl(`${table}_log`, 'ttl', false)
    await setTtl(`${table}_log`, 'expires', true)
    for (const look of [store.schema.create, store.schema.status]) {
      const error = await look().catch((error: Error) => error)
      expect(hasCode(error, 'schema-mismatch')).toBe(true)
      expect(String(error)).toMatch(/by the attribute 'expires' .* and not by 'ttl'/)
    }
  })

  it('are refused for a global table with strong consistency, which has no transactions', async () => {
    const strong = described({ MultiRegionConsistency: 'STRONG', Replicas: [{ RegionName: 'us-east-2' }] })
    for (const [events, log] of [
      [strong, settled],
      [settled, strong],
    ] as const) {
      const { store } = await opened(events, log)
      for (const look of [store.schema.create, store.schema.status]) {
        const error = await look().catch((error: Error) => error)
        expect(hasCode(error, 'schema-mismatch')).toBe(true)
        expect(String(error)).toMatch(/MRSC.*refuses transactions.*eventual consistency/)
      }
    }
  })

  it('are refused for strong consistency by the first append, too: no format is stored in such a table', async () => {
    const table = ground.table()
    const { store, client } = ground.open(table)
    const strong = described({ MultiRegionConsistency: 'STRONG' })
    answerAsAws(client, { events: strong, log: strong })
    const error = await store.append('a', [{ type: 'Counted', data: 1 }]).catch((error: Error) => error)
    expect(hasCode(error, 'schema-mismatch')).toBe(true)
    expect((await ground.items(`${table}_log`)).length).toBe(0)
  })

  it('are not known for missing tables', async () => {
    const status = await ground.open(ground.table()).store.schema.status()
    expect(status).toMatchObject({ upToDate: false, format: 0, warnings: [] })
  })
})
