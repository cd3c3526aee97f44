/** Tests tables that are not there at once: DynamoDB creates, changes and deletes them over many seconds. */
import {
  CreateTableCommand,
  DescribeTimeToLiveCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { dynamodbStore } from '@eventsourced/core/dynamodb'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Ground, letTimePass, oneEmulator, startGround } from './ground.ts'
import { type DynamodbProxy, type ProxiedRequest, startProxy, type Treatment } from './proxy.ts'

const counted = (number: number) => [{ type: 'Counted', data: { number } }]
const address = { region: 'eu-west-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
const notFound = { name: 'ResourceNotFoundException', message: 'Requested resource not found' }
const inUse = { name: 'ResourceInUseException', message: 'Table is being created' }
const control = new Set(['DescribeTable', 'CreateTable'])

describe.each(oneEmulator)('tables of %s that are not active', (name) => {
  let ground: Ground
  let proxy: DynamodbProxy
  const ends: (() => Promise<void>)[] = []
  beforeAll(async () => {
    ground = await startGround(name)
    proxy = await startProxy(ground.endpoint)
  })
  afterEach(() => {
    vi.restoreAllMocks()
    proxy.treat(() => 'pass')
    proxy.changeAnswers(() => {})
  })
  afterAll(async () => {
    for (const end of ends) await end()
    await proxy?.stop()
    await ground?.end()
  })

  function opened(table: string, options = {}) {
    const store = dynamodbStore({ endpoint: proxy.endpoint, ...address, table, ...options })
    ends.push(() => store.close())
    return store
  }

  /** Creates both tables as another process does that has not noted the format yet. */
  async function createdByAnother(table: string): Promise<void> {
    for (const TableName of [`${table}_events`, `${table}_log`]) {
      await ground.admin.send(
        new CreateTableCommand({
          TableName,
          KeySchema: [
            { AttributeName: 'p', KeyType: 'HASH' },
            { AttributeName: 's', KeyType: 'RANGE' },
          ],
          AttributeDefinitions: ['p', 's'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
          BillingMode: 'PAY_PER_REQUEST',
        }),
      )
    }
  }

  const tableOf = ({ input }: ProxiedRequest) => String(input.TableName)

  /** Each table has this state for its first `times` descriptions, and refuses all other requests meanwhile. */
  function inState(state: string, times: number, refusal: Treatment = notFound): Map<string, number> {
    const described = new Map<string, number>()
    const count = (request: ProxiedRequest) => described.get(tableOf(request)) ?? 0
    proxy.treat((request) => {
      const isMeant = request.input.TableName !== undefined && !control.has(request.command)
      return isMeant && count(request) < times ? refusal : 'pass'
    })
    proxy.changeAnswers((request, { Table }) => {
      if (request.command !== 'DescribeTable' || Table === undefined) return
      described.set(tableOf(request), count(request) + 1)
      if (count(request) <= times) (Table as { TableStatus: string }).TableStatus = state
    })
    return described
  }

  it('are used once another process has created them', async () => {
    const table = ground.table()
    await createdByAnother(table)
    inState('CREATING', 3)
    expect(await opened(table).append('a', counted(1))).toMatchObject({ version: 1 })
  })

  it('are used although both processes create them', async () => {
    const table = ground.table()
    await createdByAnother(table)
    const described = inState('CREATING', 3)
    const missing = new Set<string>()
    proxy.treat((request) => {
      // The first description comes before the other process creates the table.
      if (request.command === 'DescribeTable' && !missing.has(tableOf(request))) {
        missing.add(tableOf(request))
        return notFound
      }
      if (request.input.TableName === undefined || control.has(request.command)) return 'pass'
      return (described.get(tableOf(request)) ?? 0) <= 3 ? notFound : 'pass'
    })
    expect((await opened(table).schema.create()).upToDate).toBe(true)
  })

  it('are used once requests find them, although they are active before', async () => {
    const table = ground.table()
    await createdByAnother(table)
    const refused = new Map<string, number>()
    proxy.treat((request) => {
      if (request.command !== 'GetItem') return 'pass'
      const times = (refused.get(tableOf(request)) ?? 0) + 1
      refused.set(tableOf(request), times)
      return times <= 2 ? notFound : 'pass'
    })
    expect(await opened(table).append('a', counted(1))).toMatchObject({ version: 1 })
  })

  it('are not up to date for status(), which does not wait', async () => {
    const table = ground.table()
    await createdByAnother(table)
    inState('CREATING', 1)
    expect(await opened(table).schema.status()).toMatchObject({ upToDate: false, format: 0 })
  })

  it('are used by a process that creates none, once another one has set them up', async () => {
    const table = ground.table()
    await createdByAnother(table)
    inState('CREATING', 3)
    const [result] = await Promise.all([
      opened(table, { autoCreate: false }).append('a', counted(1)),
      opened(table).schema.create(),
    ])
    expect(result.version).toBe(1)
  })

  it('are used while DynamoDB changes them', async () => {
    const table = ground.table()
    await opened(table).schema.create()
    inState('UPDATING', Number.POSITIVE_INFINITY, 'pass')
    expect((await opened(table).schema.create()).upToDate).toBe(true)
  })

  it.each(['DELETING', 'ARCHIVED', 'INACCESSIBLE_ENCRYPTION_CREDENTIALS'])(
    'cause an error that names the state %s',
    async (state) => {
      const table = ground.table()
      await createdByAnother(table)
      inState(state, Number.POSITIVE_INFINITY)
      await expect(opened(table).append('a', counted(1))).rejects.toMatchObject({
        code: 'schema-mismatch',
        message: expect.stringMatching(new RegExp(`'${table}_(events|log)' .*${state}`)),
      })
    },
  )

  it('cause an error if they do not become active', async () => {
    const table = ground.table()
    await createdByAnother(table)
    const described = inState('CREATING', Number.POSITIVE_INFINITY)
    const creating = opened(table).schema.create()
    setTimeout(() => letTimePass(121_000), 600)
    await expect(creating).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringContaining('CREATING'),
    })
    expect(described.size).toBe(2)
  })

  it.each([inUse, { name: 'ValidationException', message: 'TimeToLive is already being updated' }])(
    'get their time to live though DynamoDB refuses it at first ($name)',
    async (refusal) => {
      const table = ground.table()
      let refused = 0
      proxy.treat(({ command }) => (command === 'UpdateTimeToLive' && refused++ < 2 ? refusal : 'pass'))
      expect((await opened(table).schema.create()).upToDate).toBe(true)
      const { TimeToLiveDescription } = await ground.admin.send(
        new DescribeTimeToLiveCommand({ TableName: `${table}_log` }),
      )
      expect(TimeToLiveDescription).toMatchObject({ AttributeName: 'ttl', TimeToLiveStatus: 'ENABLED' })
    },
  )

  it('are set up although another process has just set the time to live', async () => {
    const table = ground.table()
    let hasSet = false
    await createdByAnother(table)
    proxy.treat(({ command }) => {
      if (command !== 'UpdateTimeToLive') return 'pass'
      if (!hasSet) {
        hasSet = true
        const TimeToLiveSpecification = { AttributeName: 'ttl', Enabled: true }
        void ground.admin.send(
          new UpdateTimeToLiveCommand({ TableName: `${table}_log`, TimeToLiveSpecification }),
        )
      }
      return { name: 'ValidationException', message: 'TimeToLive is already enabled' }
    })
    expect((await opened(table).schema.create()).upToDate).toBe(true)
  })
})
