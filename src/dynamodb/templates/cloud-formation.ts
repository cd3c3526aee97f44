/** Prints the tables as a CloudFormation template. */
import { tableDefinition } from '../tables/tables.ts'
import {
  type StreamTarget,
  type TableSpec,
  type TableThroughput,
  type TemplateOptions,
  tableSpecs,
} from './options.ts'
import { streamBatchSize, streamFilter } from './stream-mapping.ts'

/**
 * Returns a CloudFormation template of both tables as JSON. Both tables stay when the stack is deleted.
 *
 * @throws InvalidInputError if an option is not valid
 */
export function cloudFormation(options?: TemplateOptions): string {
  const specs = tableSpecs(options)
  const Resources = Object.fromEntries(
    specs.map((spec) => [
      spec.resource,
      {
        Type: spec.replicas.length > 0 ? 'AWS::DynamoDB::GlobalTable' : 'AWS::DynamoDB::Table',
        DeletionPolicy: 'Retain',
        UpdateReplacePolicy: 'Retain',
        Properties: {
          TableName: spec.name,
          ...tableDefinition,
          ...(spec.replicas.length > 0 ? globalTable(spec) : table(spec)),
        },
      },
    ]),
  )
  const mappings = Object.fromEntries(
    specs.flatMap((spec) => (spec.target ? [['LogStream', mapping(spec, spec.target)]] : [])),
  )
  const all = { ...Resources, ...mappings }
  return JSON.stringify({ AWSTemplateFormatVersion: '2010-09-09', Resources: all }, undefined, 2)
}

function mapping({ resource }: TableSpec, target: StreamTarget): object {
  const { function: FunctionName, batchWindow = 0, onFailure } = target
  return {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      EventSourceArn: { 'Fn::GetAtt': [resource, 'StreamArn'] },
      FunctionName,
      // With LATEST, Lambda would skip what is appended until the mapping works.
      StartingPosition: 'TRIM_HORIZON',
      FilterCriteria: { Filters: [{ Pattern: streamFilter }] },
      BatchSize: streamBatchSize,
      MaximumBatchingWindowInSeconds: batchWindow,
      BisectBatchOnFunctionError: false,
      // Until DynamoDB deletes the records, a day later.
      MaximumRetryAttempts: -1,
      MaximumRecordAgeInSeconds: -1,
      ...(onFailure !== undefined && { DestinationConfig: { OnFailure: { Destination: onFailure } } }),
    },
  }
}

/** What both kinds of resources have in the same place. */
function shared({ ttl, stream, warm }: TableSpec): object {
  return {
    ...(ttl !== undefined && { TimeToLiveSpecification: { AttributeName: ttl, Enabled: true } }),
    ...(stream !== undefined && { StreamSpecification: { StreamViewType: stream } }),
    ...given('WarmThroughput', warm, 'ReadUnitsPerSecond', 'WriteUnitsPerSecond'),
  }
}

/** What a table has itself, and a global table has in each replica. */
function local({ tags, deletionProtection, recoveryDays }: TableSpec): object {
  return {
    DeletionProtectionEnabled: deletionProtection,
    PointInTimeRecoverySpecification:
      recoveryDays === false
        ? { PointInTimeRecoveryEnabled: false }
        : { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: recoveryDays },
    ...(tags.length > 0 && { Tags: tags.map(([Key, Value]) => ({ Key, Value })) }),
  }
}

function table(spec: TableSpec): object {
  const { kmsKey, max } = spec
  return {
    ...local(spec),
    ...shared(spec),
    ...given('OnDemandThroughput', max, 'MaxReadRequestUnits', 'MaxWriteRequestUnits'),
    ...(kmsKey !== undefined && {
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: kmsKey },
    }),
  }
}

function globalTable(spec: TableSpec): object {
  const { kmsKey, max, replicas } = spec
  const replica = (Region: unknown, key: string | undefined) => ({
    Region,
    ...local(spec),
    ...(max.readUnits !== undefined && {
      ReadOnDemandThroughputSettings: { MaxReadRequestUnits: max.readUnits },
    }),
    ...(key !== undefined && { SSESpecification: { KMSMasterKeyId: key } }),
  })
  return {
    ...shared(spec),
    ...(max.writeUnits !== undefined && {
      WriteOnDemandThroughputSettings: { MaxWriteRequestUnits: max.writeUnits },
    }),
    ...(kmsKey !== undefined && { SSESpecification: { SSEEnabled: true, SSEType: 'KMS' } }),
    // The list must contain the region of the stack itself.
    Replicas: [
      replica({ Ref: 'AWS::Region' }, kmsKey),
      ...replicas.map(({ region, kmsKey: key }) => replica(region, key)),
    ],
  }
}

/** A property with the units that are given, if any is. */
function given(property: string, units: TableThroughput, read: string, write: string): object {
  const { readUnits, writeUnits } = units
  const value = {
    ...(readUnits !== undefined && { [read]: readUnits }),
    ...(writeUnits !== undefined && { [write]: writeUnits }),
  }
  return Object.keys(value).length > 0 ? { [property]: value } : {}
}
