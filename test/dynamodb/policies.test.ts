/**
 * Tests the IAM policies: the stores of these tests have the rights of their policy and no others, and use each of
 * them. (All other tests on an emulator have the rights of an application, too: see `test/worlds/dynamodb.ts`.)
 */
import { randomBytes } from 'node:crypto'
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { hasCode, projection, type RecordedEvent } from '@eventsourced/core'
import type { DynamodbStoreOptions } from '@eventsourced/core/dynamodb'
import { type IamPolicyOptions, iamPolicy, type PolicyHolder } from '@eventsourced/core/dynamodb/templates'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { metaKey } from '../../src/dynamodb/keys.ts'
import { isAllowed, type Right, restrict } from '../worlds/iam.ts'
import { type Ground, type OpenedStore, oneEmulator, startGround } from './ground.ts'

const counted = (number: number) => ({ type: 'Counted', data: { number } })
const failing = (number: number) => ({ type: 'Failed', data: { number } })
/** Too large to be stored in its slot, too. */
const large = { type: 'Large', data: { text: randomBytes(50_000).toString('hex') } }
const totals = projection({
  name: 'totals',
  key: ({ streamId }: RecordedEvent) => streamId,
  initialState: () => ({ total: 0 }),
  evolve: ({ total }) => ({ total: total + 1 }),
})
const counts = projection({
  name: 'counts',
  key: ({ streamId }: RecordedEvent) => streamId,
  initialState: () => ({ total: 0 }),
  evolve: ({ total }) => ({ total: total + 1 }),
})

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: { readonly code?: string }) => error.code,
  )
const collected = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const one of source) all.push(one)
  return all
}

describe.each(oneEmulator)('the policies on %s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(() => ground?.end())

  /** Opens a store with the rights of a policy. `used`: the rights that its requests have needed. */
  function open(table: string, holder: PolicyHolder, options: DynamodbStoreOptions = {}) {
    const used = new Map<string, Right>()
    const opened = ground.open(table, { gapTimeout: 50, autoCreate: false, ...options })
    restrict(opened.client, table, [iamPolicy({ table, for: holder })], (right) =>
      used.set(JSON.stringify(right), right),
    )
    return { ...opened, used }
  }

  /** The rights of a policy that nothing has used, as `statement: action`. */
  function unused(table: string, holder: PolicyHolder, used: ReadonlyMap<string, Right>): string[] {
    const { Version, Statement } = iamPolicy({ table, for: holder })
    return Statement.flatMap((statement) =>
      statement.Action.filter((action) => {
        const own = { Version, Statement: [{ ...statement, Action: [action] }] }
        return ![...used.values()].some((right) => isAllowed([own], right))
      }).map((action) => `${statement.Sid}: ${action}`),
    )
  }

  /** Takes a slot that no append will use, as a process does that dies. */
  async function takeSlot({ faults, store }: OpenedStore): Promise<void> {
    // The store would seal the slot itself by `PutItem`.
    faults.before(({ command }) =>
      /^(TransactWriteItems|PutItem)$/.test(command) ? new TypeError('the process dies') : undefined,
    )
    await store.append('lost', [counted(0)]).catch(() => {})
    faults.clear()
  }

  async function useEverything({ store, faults }: OpenedStore): Promise<void> {
    const order = 'order-1'
    await store.createStream(order, { metadata: { owner: 'a' } })
    await store.append(order, [counted(1), counted(2)], { expectedVersion: 0 })
    await store.append(order, [{ ...counted(3), id: crypto.randomUUID() }])
    await store.append('large', [large])
    await store.appendAll([
      { streamId: 'a', events: [counted(4)] },
      { streamId: 'b', events: [failing(5)] },
    ])
    await store.import([{ ...counted(6), streamId: 'imported', id: crypto.randomUUID() }])
    const { events } = await store.readStream(order, { fromVersion: 2 })
    for (const { id } of events) await store.raw.findEvent(id)
    await takeSlot({ store, faults } as OpenedStore)
    await collected(store.readAll())
    await collected(store.listStreams())
    await store.streamInfo('a')

    await store.view(totals).get(order)
    await collected(store.view(totals).list())
    await store.runOnce({ projection: counts })
    await store.rebuild(counts)
    await store.verify(counts)
    await store.rebuild(totals)
    await collected(store.listProjections())
    await store.dropProjection('counts')

    const handle = ({ type }: RecordedEvent) => {
      if (type === 'Failed') throw new Error('the handler fails')
    }
    const mails = { name: 'mails', handle, onError: { retries: 0, action: 'park' } } as const
    await store.runOnce(mails)
    const [parked] = await collected(store.parked('mails').list())
    await store.parked('mails').retry(parked?.position as number)
    await store.runOnce(mails)
    await store.parked('mails').skip(parked?.position as number)
    await store.subscriptions.pause('mails')
    await store.subscriptions.resume('mails')
    await store.subscriptions.repartition('mails', 3)
    await collected(store.subscriptions.list())
    await store.subscriptions.remove('mails')

    await store.snapshots.write('orders', order, { version: 3, json: '{}' })
    await store.snapshots.read('orders', order)
    await store.snapshots.delete('orders')
  }

  it('the deployer creates and checks the tables, and needs each right', async () => {
    const table = ground.table()
    const { store, used } = open(table, 'deployer')
    expect((await store.schema.create()).upToDate).toBe(true)
    expect(unused(table, 'deployer', used)).toEqual([])
    const error = await store.append('a', [counted(1)]).catch((error: Error) => error)
    expect(hasCode(error, 'storage-failed')).toBe(true)
  })

  it('the application does everything that stores do, and needs each right', async () => {
    const table = ground.table()
    const application = open(table, 'application', { inline: [totals] })
    expect(await codeOf(application.store.append('a', [counted(1)]))).toBe('schema-mismatch')
    await ground.open(table).store.schema.create()
    await useEverything(application)
    expect(unused(table, 'application', application.used)).toEqual([])
    for (const call of [application.store.schema.verify, application.store.schema.repair]) {
      expect(hasCode(await call().catch((error: Error) => error), 'storage-failed')).toBe(true)
    }
  })

  it('a reader reads, seals slots and lists streams, needs each right, and appends nothing', async () => {
    const table = ground.table()
    const { store, used } = open(table, 'reader')
    expect(await codeOf(store.readStream('a'))).toBe('schema-mismatch')
    const writer = ground.open(table, { inline: [totals] })
    await useEverything(writer)
    await writer.store.append('new', [large])
    await takeSlot(writer)
    await store.readStream('a')
    await store.readStream('a', { direction: 'backward', limit: 1 })
    for (const { id } of await collected(store.readAll())) await store.raw.findEvent(id)
    await collected(store.listStreams())
    await store.streamInfo('order-1')
    await store.view(totals).get('order-1')
    await collected(store.view(totals).list())
    await collected(store.listProjections())
    await collected(store.subscriptions.list())
    await store.subscriptionStatus('mails')
    await collected(store.parked('mails').list())
    await store.snapshots.read('orders', 'order-1')
    expect(unused(table, 'reader', used)).toEqual([])
    const writes: (() => Promise<unknown>)[] = [
      () => store.append('a', [counted(1)]),
      () => store.createStream('fresh'),
      () => store.snapshots.write('orders', 'order-1', { version: 3, json: '{}' }),
      () => store.subscriptions.pause('mails'),
    ]
    for (const write of writes) expect(await write().catch((error: Error) => error)).toBeInstanceOf(Error)
  })

  it.each([true, false])(
    'a process without the right to look at tables learns that they are missing, or too new (autoCreate: %s)',
    async (autoCreate) => {
      const table = ground.table()
      const open = () => {
        const { store, client } = ground.open(table, { autoCreate })
        const { Version, Statement } = iamPolicy({ table })
        const without = Statement.map((one) => ({
          ...one,
          Action: one.Action.filter((action) => action !== 'dynamodb:DescribeTable'),
        }))
        restrict(client, table, [{ Version, Statement: without }])
        return store
      }
      const missing = await open()
        .append('a', [counted(1)])
        .catch((error: Error) => error)
      expect(String(missing)).toMatch(/SchemaMismatchError: There is no table .*schema\.create\(\)/)
      await ground.open(table).store.schema.create()
      await ground.admin.send(
        new UpdateItemCommand({
          TableName: `${table}_log`,
          Key: metaKey,
          UpdateExpression: 'SET f = :f',
          ExpressionAttributeValues: { ':f': { N: '99' } },
        }),
      )
      const newer = await open()
        .append('a', [counted(1)])
        .catch((error: Error) => error)
      expect(String(newer)).toMatch(/SchemaMismatchError: .*format 99.*update the library/)
    },
  )

  it('the repair repairs everything, and needs each right', async () => {
    const table = ground.table()
    const writer = ground.open(table)
    await writer.store.append('a', [{ ...counted(1), id: crypto.randomUUID() }])
    await writer.store.append('b', [{ ...counted(2), id: crypto.randomUUID() }])
    await writer.store.append('c', [counted(3)])
    await writer.store.append('d', [counted(4)])
    await writer.store.append('e', [{ ...large, id: crypto.randomUUID() }])
    const items = async (kind: string, form: RegExp) =>
      (await ground.items(`${table}_${kind}`)).filter(({ p, s }) => form.test(`${p?.S} ${s?.S}`))
    // The commits of `a` and `e`, of which only `a` has a copy in its slot, and the slots of `b` and `c` are lost; a reader has sealed the slot of `c`.
    const slots = (await items('log', /^L#/)).sort((one, other) => (`${one.s?.S}` < `${other.s?.S}` ? -1 : 1))
    for (const item of await items('events', /^S#[ae] /)) await ground.remove(`${table}_events`, item)
    for (const item of slots.slice(1, 3)) await ground.remove(`${table}_log`, item)
    const { p, s } = slots[2] ?? {}
    await ground.admin.send(
      new UpdateItemCommand({
        TableName: `${table}_log`,
        Key: { p, s } as never,
        UpdateExpression: 'SET x = :x',
        ExpressionAttributeValues: { ':x': { BOOL: true } },
      }),
    )
    const { store, used } = open(table, 'repair')
    expect((await store.schema.repair()).left).toEqual([])
    expect((await store.schema.verify()).problems).toEqual([])
    expect(unused(table, 'repair', used)).toEqual([])
  })
})

describe('a policy', () => {
  const resourceOf = (options: IamPolicyOptions) => iamPolicy(options).Statement[0]?.Resource

  it.each([
    ['eu-west-1', 'aws'],
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
    ['eusc-de-east-1', 'aws-eusc'],
    ['us-iso-east-1', 'aws-iso'],
    ['us-isob-east-1', 'aws-iso-b'],
    ['us-isof-south-1', 'aws-iso-f'],
    ['eu-isoe-west-1', 'aws-iso-e'],
  ] as const)('has the partition of the region %s', (region, partition) => {
    const arn = `arn:${partition}:dynamodb:${region}:123456789012:table/shop_events`
    expect(resourceOf({ table: 'shop', region, account: '123456789012' })).toBe(arn)
    expect(resourceOf({ table: 'shop', region, account: '123456789012', partition })).toBe(arn)
  })

  it('is for all regions and accounts of a partition without `region` and `account`', () => {
    expect(resourceOf({})).toBe('arn:aws:dynamodb:*:*:table/eventsourced_events')
    expect(resourceOf({ partition: 'aws-cn' })).toBe('arn:aws-cn:dynamodb:*:*:table/eventsourced_events')
  })

  it('allows Lambda to read the stream of the log with `stream`', () => {
    const [stream] = iamPolicy({ stream: true, region: 'eu-west-1' }).Statement.filter(
      ({ Sid }) => Sid === 'Stream',
    )
    expect(stream).toEqual({
      Sid: 'Stream',
      Effect: 'Allow',
      Action: ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'].map(
        (one) => `dynamodb:${one}`,
      ),
      Resource: 'arn:aws:dynamodb:eu-west-1:*:table/eventsourced_log/stream/*',
    })
  })

  it('allows DynamoDB to use the key of the tables with `kmsKey`; only the deployer makes grants', () => {
    const kmsKey = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
    const statementOf = (holder: PolicyHolder) => iamPolicy({ kmsKey, for: holder }).Statement.at(-1)
    expect(statementOf('application')).toMatchObject({
      Resource: kmsKey,
      Condition: { StringLike: { 'kms:ViaService': 'dynamodb.*.*' } },
    })
    expect(statementOf('application')?.Action).toContain('kms:Decrypt')
    expect(statementOf('application')?.Action).not.toContain('kms:CreateGrant')
    expect(statementOf('deployer')?.Action).toContain('kms:CreateGrant')
  })

  it.each(['application', 'reader', 'deployer', 'repair'] as const)(
    'for %s deletes no event, no slot and no table',
    (holder) => {
      const policy = iamPolicy({ for: holder })
      const actions = policy.Statement.flatMap(({ Action }) => Action)
      for (const action of ['DeleteTable', 'UpdateTable', 'RestoreTableToPointInTime']) {
        expect(actions).not.toContain(`dynamodb:${action}`)
      }
      const keys = [
        ['eventsourced_events', 'S#order-1'],
        ['eventsourced_log', 'L#1#0#0'],
        ['eventsourced_log', 'C#1#0'],
        ['eventsourced_log', 'E'],
      ] as const
      for (const [table, key] of keys) {
        for (const action of ['DeleteItem', 'BatchWriteItem']) {
          expect(isAllowed([policy], { action, table, key })).toBe(false)
        }
      }
      // The repair moves commits to other slots.
      const mayUpdate = isAllowed([policy], {
        action: 'UpdateItem',
        table: 'eventsourced_events',
        key: 'S#a',
      })
      expect(mayUpdate).toBe(holder === 'repair')
    },
  )

  it.each<[object, RegExp]>([
    [{ for: 'admin' }, /^for must be 'application' or 'reader' or 'deployer' or 'repair'/],
    [{ table: '' }, /^table must be 1 to 240/],
    [{ region: '*' }, /^region must be an AWS region/],
    [{ account: '1234' }, /^account must be an AWS account number/],
    [{ partition: 'aws-mars' }, /^partition must be 'aws' or/],
    [{ region: 'cn-north-1', partition: 'aws' }, /^partition must be 'aws-cn', to which the region/],
    [{ stream: true, for: 'repair' }, /^stream must be given only for 'application'/],
    [{ kmsKey: 'alias/shop' }, /^kmsKey must be the ARN/],
  ])('with %j is refused', (options, message) => {
    expect(() => iamPolicy(options as IamPolicyOptions)).toThrow(message)
  })
})
