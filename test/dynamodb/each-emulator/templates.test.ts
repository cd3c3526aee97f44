/** Tests the printed templates: the emulator accepts the tables, and each option has the same meaning in both forms. */
import { cloudFormation, type TemplateOptions, terraform } from '@eventsourced/core/dynamodb/templates'
import { describe, expect, it } from 'vitest'
import { emulators, startGround } from '../ground.ts'
import { parseHcl } from '../hcl.ts'
import { createTablesOf } from '../template-tables.ts'

interface Resource {
  readonly Type: string
  readonly DeletionPolicy: string
  readonly UpdateReplacePolicy: string
  readonly Properties: Record<string, unknown>
}

const resourcesOf = (options?: TemplateOptions): Record<'Events' | 'Log', Resource> =>
  JSON.parse(cloudFormation(options)).Resources
const propertiesOf = (options?: TemplateOptions) => {
  const { Events, Log } = resourcesOf(options)
  return [Events.Properties, Log.Properties] as const
}
const blocksOf = (options?: TemplateOptions) => {
  const { events, log } = parseHcl(terraform(options)).aws_dynamodb_table as Record<string, object>
  return [events, log] as const
}

const key = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const otherKey = key.replace('eu-west-1', 'eu-central-1')
const both = <T>(value: T): readonly [T, T] => [value, value]

describe('the tables of the templates', () => {
  it('are protected, and only the log has a time to live', () => {
    const names = ['shop_events', 'shop_log']
    const ttls = [undefined, { AttributeName: 'ttl', Enabled: true }]
    const recovery = { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 35 }
    expect(propertiesOf({ table: 'shop' })).toEqual(
      names.map((TableName, index) => ({
        TableName,
        KeySchema: [
          { AttributeName: 'p', KeyType: 'HASH' },
          { AttributeName: 's', KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [
          { AttributeName: 'p', AttributeType: 'S' },
          { AttributeName: 's', AttributeType: 'S' },
        ],
        BillingMode: 'PAY_PER_REQUEST',
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: recovery,
        ...(ttls[index] && { TimeToLiveSpecification: ttls[index] }),
      })),
    )
    for (const { Type, ...policies } of Object.values(resourcesOf())) {
      expect(Type).toBe('AWS::DynamoDB::Table')
      expect(policies).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
    }
    expect(blocksOf({ table: 'shop' })).toEqual(
      names.map((name, index) => ({
        name,
        billing_mode: 'PAY_PER_REQUEST',
        hash_key: 'p',
        range_key: 's',
        deletion_protection_enabled: true,
        attribute: [
          { name: 'p', type: 'S' },
          { name: 's', type: 'S' },
        ],
        point_in_time_recovery: [{ enabled: true, recovery_period_in_days: 35 }],
        ...(index === 1 && { ttl: [{ attribute_name: 'ttl', enabled: true }] }),
        lifecycle: [{ prevent_destroy: true }],
      })),
    )
  })

  const stream = [undefined, 'KEYS_ONLY']
  it.each<[string, TemplateOptions, readonly (object | undefined)[], readonly (object | undefined)[]]>([
    [
      'stream',
      { stream: true },
      stream.map((view) => ({ StreamSpecification: view && { StreamViewType: view } })),
      stream.map((view) => ({ stream_enabled: view && true, stream_view_type: view })),
    ],
    [
      'kmsKey',
      { kmsKey: key },
      both({ SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: key } }),
      both({ server_side_encryption: [{ enabled: true, kms_key_arn: key }] }),
    ],
    [
      'tags',
      { tags: { team: 'shop', 'cost centre': 'a+b/c @1' } },
      both({
        Tags: [
          { Key: 'team', Value: 'shop' },
          { Key: 'cost centre', Value: 'a+b/c @1' },
        ],
      }),
      both({ tags: { team: 'shop', 'cost centre': 'a+b/c @1' } }),
    ],
    [
      'warmThroughput',
      { warmThroughput: { events: { writeUnits: 20_000 }, log: { readUnits: 12_000, writeUnits: 30_000 } } },
      [
        { WarmThroughput: { WriteUnitsPerSecond: 20_000 } },
        { WarmThroughput: { ReadUnitsPerSecond: 12_000, WriteUnitsPerSecond: 30_000 } },
      ],
      [
        { warm_throughput: [{ write_units_per_second: 20_000 }] },
        { warm_throughput: [{ read_units_per_second: 12_000, write_units_per_second: 30_000 }] },
      ],
    ],
    [
      'maxThroughput',
      { maxThroughput: { log: { readUnits: 1, writeUnits: 500 } } },
      [
        { OnDemandThroughput: undefined },
        { OnDemandThroughput: { MaxReadRequestUnits: 1, MaxWriteRequestUnits: 500 } },
      ],
      [
        { on_demand_throughput: undefined },
        { on_demand_throughput: [{ max_read_request_units: 1, max_write_request_units: 500 }] },
      ],
    ],
    [
      'deletionProtection',
      { deletionProtection: false },
      both({ DeletionProtectionEnabled: false }),
      both({ deletion_protection_enabled: false, lifecycle: undefined }),
    ],
    [
      'pointInTimeRecovery, a shorter period',
      { pointInTimeRecovery: 7 },
      both({
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 7 },
      }),
      both({ point_in_time_recovery: [{ enabled: true, recovery_period_in_days: 7 }] }),
    ],
    [
      'pointInTimeRecovery, none',
      { pointInTimeRecovery: false },
      both({ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false } }),
      both({ point_in_time_recovery: [{ enabled: false }] }),
    ],
  ])('take %s', (_, options, properties, blocks) => {
    const withUndefined = (found: object, expected: object | undefined) =>
      Object.fromEntries(Object.keys(expected ?? {}).map((name) => [name, found[name as keyof typeof found]]))
    expect(propertiesOf(options).map((found, index) => withUndefined(found, properties[index]))).toEqual(
      properties,
    )
    expect(blocksOf(options).map((found, index) => withUndefined(found ?? {}, blocks[index]))).toEqual(blocks)
  })

  it('connect the stream to a function, which only new slots start', () => {
    const onFailure = 'arn:aws:sqs:eu-west-1:123456789012:failed-calls'
    const stream = { function: 'shop-subscriptions', batchWindow: 5, onFailure }
    const [pattern] = ['{"eventName":["INSERT"],"dynamodb":{"Keys":{"p":{"S":[{"prefix":"L#"}]}}}}']
    const { Log, LogStream } = JSON.parse(cloudFormation({ stream })).Resources
    expect(Log.Properties).toMatchObject({ StreamSpecification: { StreamViewType: 'KEYS_ONLY' } })
    expect(LogStream).toEqual({
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: {
        EventSourceArn: { 'Fn::GetAtt': ['Log', 'StreamArn'] },
        FunctionName: 'shop-subscriptions',
        StartingPosition: 'TRIM_HORIZON',
        FilterCriteria: { Filters: [{ Pattern: pattern }] },
        BatchSize: 1_000,
        MaximumBatchingWindowInSeconds: 5,
        BisectBatchOnFunctionError: false,
        MaximumRetryAttempts: -1,
        MaximumRecordAgeInSeconds: -1,
        DestinationConfig: { OnFailure: { Destination: onFailure } },
      },
    })
    const blocks = parseHcl(terraform({ stream }))
    expect(blocks.aws_dynamodb_table?.log).toMatchObject({ stream_view_type: 'KEYS_ONLY' })
    expect(blocks.aws_lambda_event_source_mapping).toEqual({
      log_stream: {
        event_source_arn: { reference: 'aws_dynamodb_table.log.stream_arn' },
        function_name: 'shop-subscriptions',
        starting_position: 'TRIM_HORIZON',
        batch_size: 1_000,
        maximum_batching_window_in_seconds: 5,
        bisect_batch_on_function_error: false,
        maximum_retry_attempts: -1,
        maximum_record_age_in_seconds: -1,
        filter_criteria: [{ filter: [{ pattern }] }],
        destination_config: [{ on_failure: [{ destination_arn: onFailure }] }],
      },
    })
    const alone: TemplateOptions = { stream: { function: 'f' }, replicas: [{ region: 'eu-central-1' }] }
    const { LogStream: without } = JSON.parse(cloudFormation(alone)).Resources
    expect(without.Properties).toMatchObject({ MaximumBatchingWindowInSeconds: 0 })
    expect(without.Properties).not.toHaveProperty('DestinationConfig')
    for (const none of [cloudFormation({ stream: true }), cloudFormation()])
      expect(Object.keys(JSON.parse(none).Resources)).toEqual(['Events', 'Log'])
  })

  it('take replicas, which keep the protection, the tags and the limits of the tables', () => {
    const options: TemplateOptions = {
      stream: true,
      kmsKey: key,
      tags: { team: 'shop' },
      maxThroughput: { events: { readUnits: 100, writeUnits: 200 } },
      warmThroughput: { log: { writeUnits: 9_000 } },
      replicas: [{ region: 'eu-central-1', kmsKey: otherKey }],
    }
    const { Events, Log } = resourcesOf(options)
    expect([Events.Type, Log.Type]).toEqual(both('AWS::DynamoDB::GlobalTable'))
    const replica = (Region: unknown, KMSMasterKeyId: string) => ({
      Region,
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 35 },
      Tags: [{ Key: 'team', Value: 'shop' }],
      ReadOnDemandThroughputSettings: { MaxReadRequestUnits: 100 },
      SSESpecification: { KMSMasterKeyId },
    })
    expect(Events.Properties).toMatchObject({
      StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
      WriteOnDemandThroughputSettings: { MaxWriteRequestUnits: 200 },
      Replicas: [replica({ Ref: 'AWS::Region' }, key), replica('eu-central-1', otherKey)],
    })
    // These are properties of a table that is not global.
    for (const { Properties } of [Events, Log]) {
      for (const name of ['DeletionProtectionEnabled', 'Tags', 'OnDemandThroughput']) {
        expect(Properties).not.toHaveProperty(name)
      }
    }
    expect(Log.Properties).toMatchObject({
      StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
      TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
      WarmThroughput: { WriteUnitsPerSecond: 9_000 },
    })
    for (const block of blocksOf(options)) {
      expect(block).toMatchObject({
        stream_enabled: true,
        stream_view_type: 'NEW_AND_OLD_IMAGES',
        replica: [
          {
            region_name: 'eu-central-1',
            deletion_protection_enabled: true,
            point_in_time_recovery: true,
            propagate_tags: true,
            kms_key_arn: otherKey,
          },
        ],
      })
    }
  })
})

describe('wrong options of a template', () => {
  const replica = (region: string, kmsKey?: string) => ({ region, ...(kmsKey && { kmsKey }) })
  it.each<[object, RegExp]>([
    [{ table: 'a b' }, /^table must be 1 to 240 letters/],
    [{ stream: 'yes' }, /^stream must be true, false or an object/],
    [
      { stream: {} },
      /^stream\.function must be the name or the ARN of a Lambda function; received undefined/,
    ],
    [{ stream: { function: 'a b' } }, /^stream\.function must be the name or the ARN/],
    [{ stream: { function: key } }, /^stream\.function must be the name or the ARN/],
    [{ stream: { function: 'f', batchWindow: 301 } }, /^stream\.batchWindow .* from 0 to 300/],
    [{ stream: { function: 'f', onFailure: 'queue' } }, /^stream\.onFailure must be the ARN of an SQS queue/],
    [{ kmsKey: 'alias/shop' }, /^kmsKey must be the ARN of a KMS key/],
    [{ kmsKey: key.replace(':key/', ':alias/') }, /^kmsKey must be the ARN/],
    [{ tags: ['a'] }, /^tags must be an object/],
    [{ tags: { 'aws:a': 'b' } }, /^tags must have keys .* that do not begin with 'aws:'/],
    [{ tags: { a: 'b\n' } }, /^tags\.a must be at most 256 letters/],
    [{ tags: { a: 1 } }, /^tags\.a must be/],
    [{ tags: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [n, ''])) }, /^tags must be 50 at most/],
    [{ warmThroughput: { log: { readUnits: 11_999 } } }, /^warmThroughput\.log\.readUnits .* from 12000/],
    [{ warmThroughput: { events: { writeUnits: 1 } } }, /^warmThroughput\.events\.writeUnits .* from 4000/],
    [{ maxThroughput: { log: { writeUnits: 0 } } }, /^maxThroughput\.log\.writeUnits .* from 1 /],
    [{ maxThroughput: { log: 5 } }, /^maxThroughput\.log must be an object/],
    [{ deletionProtection: 1 }, /^deletionProtection must be true or false/],
    [{ pointInTimeRecovery: true }, /^pointInTimeRecovery must be false or .* from 1 to 35/],
    [{ pointInTimeRecovery: 36 }, /^pointInTimeRecovery must be/],
    [{ replicas: {} }, /^replicas must be an array/],
    [{ replicas: ['eu-central-1'] }, /^replicas\[0\] must be an object/],
    [{ replicas: [{}] }, /^replicas\[0\]\.region must be an AWS region/],
    [{ replicas: [replica('Frankfurt')] }, /^replicas\[0\]\.region must be an AWS region/],
    [{ replicas: [replica('eu-west-1'), replica('eu-west-1')] }, /^replicas\[1\]\.region must differ/],
    [{ kmsKey: key, replicas: [replica('eu-central-1')] }, /^replicas\[0\]\.kmsKey must be given exactly if/],
    [{ replicas: [replica('eu-central-1', otherKey)] }, /^replicas\[0\]\.kmsKey must be given exactly if/],
    [
      { kmsKey: key, replicas: [replica('eu-central-1', key)] },
      /^replicas\[0\]\.kmsKey must be a key of the region 'eu-central-1'/,
    ],
    [{ kmsKey: key, replicas: [replica('eu-west-1', key)] }, /^replicas\[0\]\.region must differ/],
  ])('%j is refused', (options, message) => {
    for (const print of [cloudFormation, terraform]) {
      expect(() => print(options as TemplateOptions)).toThrow(message)
    }
  })
})

describe.each(emulators)('the CloudFormation template on %s', (name) => {
  it('makes tables that a store accepts', async () => {
    const ground = await startGround(name)
    try {
      const table = ground.table()
      const { store } = ground.open(table, { autoCreate: false })
      await createTablesOf({ table, stream: true }, ground.admin)
      expect((await store.schema.create()).upToDate).toBe(true)
      await store.append('a', [{ type: 'Counted', data: { number: 1 } }])
    } finally {
      await ground.end()
    }
  })
})
