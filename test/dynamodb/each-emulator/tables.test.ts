/** Tests creating and checking the tables, and the checks of options. */
import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  PutItemCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { hasCode } from '@eventsourced/core'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { emulators, type Ground, startGround } from '../ground.ts'

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

  it('are created once and then up to date; only the log has a time to live', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    expect(await store.schema.status()).toMatchObject({ upToDate: false, format: 0 })
    const tables = [`${table}_events`, `${table}_log`]
    for (let time = 0; time < 2; time++) {
      expect(await store.schema.create()).toMatchObject({ upToDate: true, format: 3, tables })
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

  it('are created by eight processes at once', async () => {
    const table = ground.table()
    const stores = Array.from({ length: 8 }, () => ground.open(table).store)
    await Promise.all(stores.map((store, number) => store.append('a', counted(number))))
    expect((await stores[0]?.readStream('a'))?.version).toBe(8)
  })

  it('cause an error that names create() if they are missing and autoCreate is false', async () => {
    const { store } = ground.open(ground.table(), { autoCreate: false })
    const error = await errorOf(store.append('a', counted(1)))
    expect(hasCode(error, 'schema-mismatch')).toBe(true)
    expect(error?.message).toMatch(/store\.schema\.create\(\)/)
    await store.schema.create()
    await store.append('a', counted(1))
  })

  it('cause a schema mismatch if they are dropped while the store is open', async () => {
    const table = ground.table()
    const { store } = ground.open(table)
    await store.append('a', counted(1))
    await ground.admin.send(new DeleteTableCommand({ TableName: `${table}_events` }))
    const error = await errorOf(store.append('a', counted(1)))
    expect(hasCode(error, 'schema-mismatch')).toBe(true)
  })

  it('are refused if events have a time to live, which would delete them', async () => {
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

  it('are refused if events have a local index, which limits the size of a stream', async () => {
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

  it('are refused if they belong to another program', async () => {
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

  it.each([
    ['newer', '4', /format 4.*update the library/],
    ['older', '1', /format 1.*import the events/],
  ])('are refused if they have a format that is %s than the one of this library', async (_, f, message) => {
    const table = ground.table()
    await ground.open(table).store.schema.create()
    const Item = { p: { S: 'meta' }, s: { S: '0' }, f: { N: f } }
    await ground.admin.send(new PutItemCommand({ TableName: `${table}_log`, Item }))
    const { store } = ground.open(table)
    for (const work of [() => store.append('a', counted(1)), store.schema.create, store.schema.status]) {
      const error = await errorOf(work())
      expect(hasCode(error, 'schema-mismatch')).toBe(true)
      expect(error?.message).toMatch(message)
    }
  })
})

describe('invalid options', () => {
  it('are refused at once, with the option and its rule', () => {
    const mistakes: [object, RegExp][] = [
      [{ table: '' }, /^table must be 1 to 240 letters/],
      [{ table: 'a b' }, /^table must be/],
      [{ client: {} }, /^client must be a DynamoDBClient/],
      [{ client: { send() {} }, endpoint: 'http://x' }, /^endpoint must not be given with a client/],
      [{ endpoint: 'localhost:8000' }, /^endpoint must be a URL such as 'http:/],
      [{ endpoint: 'shop' }, /^endpoint must be a URL/],
      [{ retries: -1 }, /^retries/],
      [{ maxBatch: 0.5 }, /^maxBatch/],
      [{ gapTimeout: -1 }, /^gapTimeout/],
    ]
    for (const [options, message] of mistakes) expect(() => dynamodbStore(options as never)).toThrow(message)
  })

  describe('of the environment', () => {
    const none = [
      'AWS_REGION',
      'AWS_DEFAULT_REGION',
      'AWS_PROFILE',
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
    ]
    beforeEach(() => {
      for (const name of none) vi.stubEnv(name, undefined)
      vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
      for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, '/dev/null')
    })
    afterEach(() => vi.unstubAllEnvs())

    it('a missing region is refused at the first use, also of the client of the caller', async () => {
      for (const options of [{}, { client: new DynamoDBClient({}) }]) {
        const store = dynamodbStore(options)
        const error = await errorOf(store.append('a', counted(1)))
        if (!hasCode(error, 'invalid-input')) throw error
        expect(error.message).toMatch(/^region must be given, or set in the environment \(AWS_REGION\)/)
        await store.close()
      }
    })

    it('missing credentials are an error that says where to set them', async () => {
      const store = dynamodbStore({ endpoint: 'http://127.0.0.1:1', region: 'eu-west-1' })
      const error = await errorOf(store.append('a', counted(1)))
      if (!hasCode(error, 'storage-failed')) throw error
      expect(error.message).toMatch(/found no credentials.*AWS_PROFILE/)
      await store.close()
    })
  })

  it('an endpoint where no server listens fails the first call with the reason', async () => {
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
