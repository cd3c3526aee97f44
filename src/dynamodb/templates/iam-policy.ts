/** Prints the IAM policies of the processes that use the tables. */
import { checkBoolean, InvalidInputError, optionsOf, refuse } from '../../storage/index.ts'
import { counterKey, eraKey, listedKey, metaKey, tablesOf } from '../keys.ts'
import { slotKeyPrefix } from '../log/slot-stream.ts'
import { checkTableName, defaultTable } from '../tables/table-name.ts'
import { checkAccount, checkKmsKey, checkRegion } from './aws-names.ts'

/** An IAM policy document. */
export interface IamPolicy {
  readonly Version: '2012-10-17'
  readonly Statement: readonly {
    readonly Sid: string
    readonly Effect: 'Allow'
    readonly Action: readonly string[]
    readonly Resource: string | readonly string[]
    readonly Condition?: object
  }[]
}

/** The partitions of AWS, each with its own accounts and ARNs. */
export type AwsPartition =
  | 'aws'
  | 'aws-cn'
  | 'aws-us-gov'
  | 'aws-eusc'
  | 'aws-iso'
  | 'aws-iso-b'
  | 'aws-iso-e'
  | 'aws-iso-f'

/**
 * What the process does. `application`: it appends, reads, and runs subscriptions and projections. `reader`: it reads
 * streams, the log and documents, and looks at subscriptions. `deployer`: it calls `schema.create()` and `status()`.
 * `repair`: it calls `schema.verify()` and `repair()`.
 */
export type PolicyHolder = 'application' | 'reader' | 'deployer' | 'repair'

/** The options of `iamPolicy`. */
export interface IamPolicyOptions {
  /** What the process does. @default 'application' */
  readonly for?: PolicyHolder | undefined
  /** The prefix of the table names, as in `dynamodbStore`. @default 'eventsourced' */
  readonly table?: string | undefined
  /** The region of the tables. @default all regions */
  readonly region?: string | undefined
  /** The number of the account. @default all accounts */
  readonly account?: string | undefined
  /** The partition of AWS. @default the partition of the region, otherwise 'aws' */
  readonly partition?: AwsPartition | undefined
  /** Whether a Lambda function with this policy is started by the stream of the log. @default false */
  readonly stream?: boolean | undefined
  /** The ARN of the KMS key that encrypts the tables. @default none */
  readonly kmsKey?: string | undefined
}

/** Allows actions on a table; with `keys`, only for these partition keys, or for all but these. */
interface Grant {
  readonly id: string
  readonly table: 'events' | 'log'
  readonly actions: readonly string[]
  readonly keys?: { readonly only: readonly string[] } | { readonly except: readonly string[] }
}

// In all eras of the log, and all its chains.
const slots = `${slotKeyPrefix}*`
const counters = 'C#*'
const listing: Grant = {
  id: 'ListStreams',
  table: 'events',
  actions: ['UpdateItem'],
  keys: { only: ['T#*', listedKey.p.S] },
}

/**
 * A process that starts before the tables are there looks at them by `DescribeTable` until they are. An append needs
 * `PutItem`, which could also replace an event. IAM cannot prevent that; the conditions of an append do.
 * A transaction needs the rights of its items, and none of its own.
 */
const grants: Readonly<Record<PolicyHolder, readonly Grant[]>> = {
  application: [
    {
      id: 'Events',
      table: 'events',
      actions: ['DescribeTable', 'GetItem', 'Query', 'BatchGetItem', 'ConditionCheckItem', 'PutItem'],
    },
    listing,
    {
      id: 'Log',
      table: 'log',
      actions: [
        'DescribeTable',
        'GetItem',
        'Query',
        'BatchGetItem',
        'ConditionCheckItem',
        'PutItem',
        'UpdateItem',
      ],
    },
    {
      id: 'DeleteFromLog',
      table: 'log',
      actions: ['DeleteItem', 'BatchWriteItem'],
      keys: { except: [slots, counters, eraKey.p.S, metaKey.p.S] },
    },
  ],
  reader: [
    { id: 'Events', table: 'events', actions: ['DescribeTable', 'GetItem', 'Query', 'BatchGetItem'] },
    listing,
    { id: 'Log', table: 'log', actions: ['DescribeTable', 'GetItem', 'Query', 'BatchGetItem'] },
    // A reader seals a slot that its writer has left open.
    { id: 'SealSlots', table: 'log', actions: ['PutItem'], keys: { only: [slots] } },
  ],
  deployer: [
    {
      id: 'Events',
      table: 'events',
      actions: ['CreateTable', 'DescribeTable', 'DescribeTimeToLive', 'DescribeContinuousBackups'],
    },
    {
      id: 'Log',
      table: 'log',
      actions: [
        'CreateTable',
        'DescribeTable',
        'DescribeTimeToLive',
        'DescribeContinuousBackups',
        'UpdateTimeToLive',
      ],
    },
    { id: 'FindEvents', table: 'events', actions: ['GetItem'], keys: { only: [metaKey.p.S] } },
    {
      id: 'Format',
      table: 'log',
      actions: ['GetItem', 'PutItem'],
      keys: { only: [metaKey.p.S, eraKey.p.S, counterKey.p.S] },
    },
  ],
  repair: [
    { id: 'Events', table: 'events', actions: ['Scan', 'Query', 'PutItem', 'UpdateItem'] },
    { id: 'EndOfList', table: 'events', actions: ['DeleteItem'], keys: { only: [listedKey.p.S] } },
    {
      id: 'Log',
      table: 'log',
      actions: ['GetItem', 'BatchGetItem', 'Query', 'Scan', 'PutItem', 'UpdateItem'],
    },
  ],
}

const holders = Object.keys(grants) as readonly PolicyHolder[]

/** How the regions of each partition begin; all others belong to `aws`. */
const beginnings: Readonly<Record<Exclude<AwsPartition, 'aws'>, string>> = {
  'aws-cn': 'cn-',
  'aws-us-gov': 'us-gov-',
  'aws-eusc': 'eusc-',
  'aws-iso': 'us-iso-',
  'aws-iso-b': 'us-isob-',
  'aws-iso-e': 'eu-isoe-',
  'aws-iso-f': 'us-isof-',
}
const otherPartitions = Object.keys(beginnings) as readonly Exclude<AwsPartition, 'aws'>[]

/**
 * Returns the IAM policy with exactly the rights that a process needs. No policy allows to delete an event.
 *
 * @throws InvalidInputError if an option is not valid
 */
export function iamPolicy(options?: IamPolicyOptions): IamPolicy {
  const given = optionsOf(options, ['for', 'table', 'region', 'account', 'partition', 'stream', 'kmsKey'])
  const { for: holder = 'application', table = defaultTable, region, account, stream = false, kmsKey } = given
  if (!holders.includes(holder)) refuse('for', `must be ${alternatives(holders)}`, holder)
  checkTableName(table)
  if (region !== undefined) checkRegion(region, 'region')
  if (account !== undefined) checkAccount(account, 'account')
  checkBoolean(stream, 'stream')
  if (stream && holder !== 'application') {
    throw new InvalidInputError('stream', "must be given only for 'application'", 'true')
  }
  if (kmsKey !== undefined) checkKmsKey(kmsKey, 'kmsKey')
  const partition = partitionOf(region, given.partition)
  const tables = tablesOf(table)
  const arn = (name: string) => `arn:${partition}:dynamodb:${region ?? '*'}:${account ?? '*'}:table/${name}`
  return {
    Version: '2012-10-17',
    Statement: [
      ...grants[holder].map((grant) => ({
        Sid: grant.id,
        Effect: 'Allow' as const,
        Action: grant.actions.map((action) => `dynamodb:${action}`),
        Resource: arn(tables[grant.table]),
        ...(grant.keys && { Condition: conditionOf(grant.keys) }),
      })),
      ...(stream ? [readStream(`${arn(tables.log)}/stream/*`)] : []),
      ...(kmsKey === undefined ? [] : [useKey(kmsKey, holder, region)]),
    ],
  }
}

function partitionOf(region: string | undefined, given: AwsPartition | undefined): AwsPartition {
  const known: readonly AwsPartition[] = ['aws', ...otherPartitions]
  if (given !== undefined && !known.includes(given)) {
    refuse('partition', `must be ${alternatives(known)}`, given)
  }
  if (region === undefined) return given ?? 'aws'
  const own = otherPartitions.find((partition) => region.startsWith(beginnings[partition])) ?? 'aws'
  if (given !== undefined && given !== own) {
    refuse('partition', `must be '${own}', to which the region '${region}' belongs`, given)
  }
  return own
}

const alternatives = (names: readonly string[]) => names.map((name) => `'${name}'`).join(' or ')

const conditionOf = (keys: NonNullable<Grant['keys']>): object =>
  'only' in keys
    ? { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys.only } }
    : { 'ForAllValues:StringNotLike': { 'dynamodb:LeadingKeys': keys.except } }

/** Lambda reads the stream with the role of the function. */
const readStream = (Resource: string) => ({
  Sid: 'Stream',
  Effect: 'Allow' as const,
  Action: ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'].map(
    (name) => `dynamodb:${name}`,
  ),
  Resource,
})

/** DynamoDB uses the key in the name of the caller. Only the creation of a table makes a grant. */
const useKey = (Resource: string, holder: PolicyHolder, region = '*') => ({
  Sid: 'Key',
  Effect: 'Allow' as const,
  Action: [
    ...['Encrypt', 'Decrypt', 'ReEncrypt*', 'GenerateDataKey*', 'DescribeKey'],
    ...(holder === 'deployer' ? ['CreateGrant'] : []),
  ].map((name) => `kms:${name}`),
  Resource,
  Condition: { StringLike: { 'kms:ViaService': `dynamodb.${region}.*` } },
})
