/** Making and checking the tables, and what is printed for those who deploy them in their own way. */
import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  PutItemCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { hasCode } from '@eventsourced/core'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emulators, type Ground, startGround } from './ground.ts'

const counted = (number: number) => [{ type: 'Counted', data: { number } }]
const errorOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: Error) => error,
  )

async function setTtl(admin: DynamoDBClient, TableName: string): Promise<void> {
  const TimeToLiveSpecification = { AttributeName: 'expires', Enabled: true }
  await admin.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
}

describe.each(emulators)('the tables on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  it('are made by create, once, and then up to date; time to live is on for the log only', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    expect(await store.schema.status()).toMatchObject({ upToDate: false, format: 0 })
    const tables = [`${table}_events`, `${table}_log`]
    for (let time = 0; time < 2; time++) {
      expect(await store.schema.create()).toEqual({ upToDate: true, format: 1, tables })
    }
    const ttls = await Promise.all(
      tables.map(async (TableName) => {
        const { TimeToLiveDescription } = await ground.admin.send(
          new DescribeTimeToLiveCommand({ TableName }),
        )
        return TimeToLiveDescription?.AttributeName
      }),
    )
    expect(ttls).toEqual([undefined, 'ttl'])
    for (const TableName of tables) {
      const { Table } = await ground.admin.send(new DescribeTableCommand({ TableName }))
      expect([Table?.GlobalSecondaryIndexes, Table?.LocalSecondaryIndexes]).toEqual([undefined, undefined])
    }
  })

  it('are made by eight processes at once', async () => {
    const table = ground.table()
    const stores = Array.from({ length: 8 }, () => ground.open(table).store)
    await Promise.all(stores.map((store, number) => store.append('a', counted(number))))
    expect((await stores[0]?.readStream('a'))?.version).toBe(8)
  })

  it('that are missing are told so when they are not to be made', async () => {
    const { store } = ground.open(ground.table(), { autoCreate: false })
    const error = await errorOf(store.append('a', counted(1)))
    expect(hasCode(error, 'schema-mismatch')).toBe(true)
    expect(error?.message).toMatch(/store\.schema\.create\(\)/)
    await store.schema.create()
    await store.append('a', counted(1))
  })

  it('that are dropped while the store is open are told by their name', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    await store.append('a', counted(1))
    await ground.admin.send(new DeleteTableCommand({ TableName: `${table}_events` }))
    const error = await errorOf(store.append('a', counted(1)))
    expect(hasCode(error, 'schema-mismatch')).toBe(true)
  })

  it('refuse a time to live on events, which would lose them', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    await store.schema.create()
    await setTtl(ground.admin, `${table}_events`)
    for (const look of [store.schema.create, store.schema.status]) {
      const error = await errorOf(look())
      expect(hasCode(error, 'schema-mismatch')).toBe(true)
      expect(error?.message).toContain("'expires'")
    }
  })

  it('refuse a local index on events, with which a stream has a limit', async () => {
    const table = ground.table()
    const keys = (...names: [string, string]) => [
      { AttributeName: names[0], KeyType: 'HASH' as const },
      { AttributeName: names[1], KeyType: 'RANGE' as const },
    ]
    await ground.admin.send(
      new CreateTableCommand({
        TableName: `${table}_events`,
        KeySchema: keys('p', 's'),
        AttributeDefinitions: ['p', 's', 'o'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        LocalSecondaryIndexes: [
          { IndexName: 'by-other', KeySchema: keys('p', 'o'), Projection: { ProjectionType: 'KEYS_ONLY' } },
        ],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    )
    const error = await errorOf(ground.open(table).store.append('a', counted(1)))
    expect(hasCode(error, 'schema-mismatch')).toBe(true)
    expect(error?.message).toContain("'by-other'")
  })

  it('refuse a table of somebody else’s', async () => {
    const table = ground.table()
    await ground.admin.send(
      new CreateTableCommand({
        TableName: `${table}_log`,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    )
    const error = await errorOf(ground.open(table).store.schema.create())
    expect(hasCode(error, 'schema-mismatch')).toBe(true)
    expect(error?.message).toContain("'id HASH'")
  })

  it('refuse a format that this library does not know yet', async () => {
    const table = ground.table()
    await ground.open(table).store.schema.create()
    const Item = { p: { S: 'meta' }, s: { S: '0' }, f: { N: '2' } }
    await ground.admin.send(new PutItemCommand({ TableName: `${table}_log`, Item }))
    const { store } = ground.open(table)
    for (const work of [() => store.append('a', counted(1)), store.schema.create, store.schema.status]) {
      const error = await errorOf(work())
      expect(hasCode(error, 'schema-mismatch')).toBe(true)
      expect(error?.message).toContain('format 2')
    }
  })

  it('can be deployed from the CloudFormation template as it is printed', async () => {
    const table = ground.table()
    const { store } = ground.open(table, { autoCreate: false })
    const { Resources } = JSON.parse(store.schema.cloudFormation())
    for (const { Type, Properties } of Object.values(Resources) as {
      Type: string
      Properties: Record<string, unknown>
    }[]) {
      expect(Type).toBe('AWS::DynamoDB::Table')
      const { TimeToLiveSpecification, PointInTimeRecoverySpecification, ...rest } = Properties
      expect(PointInTimeRecoverySpecification).toEqual({ PointInTimeRecoveryEnabled: true })
      expect(rest.DeletionProtectionEnabled).toBe(true)
      // What is left is what CreateTable takes; the emulators know no deletion protection.
      const { DeletionProtectionEnabled: _, ...input } = rest
      await ground.admin.send(new CreateTableCommand(input as never))
      if (TimeToLiveSpecification !== undefined) {
        const { TableName } = input as { TableName: string }
        const ttl = { TableName, TimeToLiveSpecification } as never
        await ground.admin.send(new UpdateTimeToLiveCommand(ttl))
      }
    }
    expect((await store.schema.create()).upToDate).toBe(true)
    await store.append('a', counted(1))
  })
})

describe('what is printed', () => {
  const { schema } = dynamodbStore({ endpoint: 'http://127.0.0.1:1', table: 'shop' })

  it('is a Terraform file with both tables, of which only the log has a time to live', () => {
    const text = schema.terraform()
    expect([...text.matchAll(/\bname += "(\w+)"/g)].map(([, name]) => name)).toEqual([
      'shop_events',
      'p',
      's',
      'shop_log',
      'p',
      's',
    ])
    expect(text.match(/ttl \{/g)).toHaveLength(1)
    expect(text.indexOf('ttl {')).toBeGreaterThan(text.indexOf('shop_log'))
    expect(text.match(/deletion_protection_enabled = true/g)).toHaveLength(2)
    expect(text.split('{').length).toBe(text.split('}').length)
  })

  it('is a policy that lets nobody delete an event, nor change one', () => {
    const { Statement } = schema.iamPolicy({ region: 'eu-west-1', account: '123456789012' })
    const events = Statement.filter(({ Resource }) => Resource.endsWith('table/shop_events'))
    const actions = events.flatMap(({ Action }) => Action)
    expect(actions).not.toContain('dynamodb:DeleteItem')
    expect(actions).not.toContain('dynamodb:BatchWriteItem')
    for (const { Action, Condition } of events) {
      if (Action.includes('dynamodb:UpdateItem')) expect(JSON.stringify(Condition)).toContain('T#*')
    }
    expect(
      Statement.every(({ Resource }) => Resource.startsWith('arn:aws:dynamodb:eu-west-1:123456789012:')),
    ).toBe(true)
  })
})

describe('mistakes in the options', () => {
  it('are told at once, and say what is meant', () => {
    const mistakes: [object, RegExp][] = [
      [{ table: '' }, /^table must be 1 to 240 letters/],
      [{ table: 'a b' }, /^table must be/],
      [{ client: {} }, /^client must be a DynamoDBClient/],
      [{ client: { send() {} }, endpoint: 'http://x' }, /^endpoint must not be given with a client/],
      [{ retries: -1 }, /^retries/],
      [{ maxBatch: 0.5 }, /^maxBatch/],
      [{ gapTimeout: -1 }, /^gapTimeout/],
    ]
    for (const [options, message] of mistakes) expect(() => dynamodbStore(options as never)).toThrow(message)
  })

  it('an address where nothing listens is told as such', async () => {
    const credentials = { accessKeyId: 'x', secretAccessKey: 'x' }
    const store = dynamodbStore({
      endpoint: 'http://127.0.0.1:1',
      region: 'eu-west-1',
      credentials,
      retries: 1,
    })
    const error = await errorOf(store.append('a', counted(1)))
    if (!hasCode(error, 'store-unavailable')) throw error
    expect(error.message).toContain('ECONNREFUSED')
    await store.close()
  })
})
