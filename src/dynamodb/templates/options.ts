/** Checks the options of a template, and describes the two tables that CloudFormation and Terraform print. */
import {
  checkBoolean,
  checkInteger,
  InvalidInputError,
  optionsOf,
  readSafely,
  refuse,
} from '../../storage/index.ts'
import { tablesOf } from '../keys.ts'
import { checkTableName, defaultTable } from '../tables/table-name.ts'
import { ttlAttribute } from '../tables/tables.ts'
import {
  checkDestination,
  checkFunctionName,
  checkKmsKey,
  checkRegion,
  entriesOf,
  regionOfKey,
} from './aws-names.ts'

/** Read and write units a second of one table. */
export interface TableThroughput {
  /** Read units a second. @default what AWS sets */
  readonly readUnits?: number | undefined
  /** Write units a second. @default what AWS sets */
  readonly writeUnits?: number | undefined
}

/** Read and write units a second of both tables. An append of one small event takes 2 and 3 write units. */
export interface ThroughputOfTables {
  /** Units of the table of the events. @default what AWS sets */
  readonly events?: TableThroughput | undefined
  /** Units of the table of the log. @default what AWS sets */
  readonly log?: TableThroughput | undefined
}

/** A copy of both tables in another region, for the loss of the first region. */
export interface TableReplica {
  /** The region, such as `eu-central-1`. */
  readonly region: string
  /** The ARN of a KMS key of this region; required if the tables have a `kmsKey`. @default a key of AWS */
  readonly kmsKey?: string | undefined
}

/** The options of `cloudFormation` and `terraform`. */
export interface TemplateOptions {
  /** The prefix of the table names, as in `dynamodbStore`. @default 'eventsourced' */
  readonly table?: string | undefined
  /**
   * Whether the log has a stream of its keys, which starts a Lambda function after each append. An object: the template
   * also connects the stream to this function. `true`: you connect it.
   *
   * @default false
   */
  readonly stream?: boolean | StreamTarget | undefined
  /** The ARN of the KMS key that encrypts both tables. @default a key of AWS */
  readonly kmsKey?: string | undefined
  /** The tags of both tables, 50 at most. @default none */
  readonly tags?: Readonly<Record<string, string>> | undefined
  /**
   * The load that the tables carry at once, without growing first: at least 12,000 read units and 4,000 write units
   * a second. AWS charges once for it.
   *
   * @default what AWS sets
   */
  readonly warmThroughput?: ThroughputOfTables | undefined
  /** The load above which DynamoDB throttles, to limit the cost. @default the quota of the account */
  readonly maxThroughput?: ThroughputOfTables | undefined
  /** Whether AWS refuses to delete the tables. @default true */
  readonly deletionProtection?: boolean | undefined
  /**
   * For how many days, 1 to 35, each second can be restored; `false`: none can.
   *
   * @default 35
   */
  readonly pointInTimeRecovery?: number | false | undefined
  /**
   * Copies of both tables in other regions. Processes may use the tables in one region at a time only.
   *
   * @default none
   */
  readonly replicas?: readonly TableReplica[] | undefined
}

/** The Lambda function that the stream of the log starts. */
export interface StreamTarget {
  /** Its name, or its ARN, also of a version or an alias. Its role needs `iamPolicy({ stream: true })`. */
  readonly function: string
  /**
   * How long Lambda collects records before it calls the function, in whole seconds, 300 at most. A longer time means
   * fewer calls, and later ones.
   *
   * @default 0
   */
  readonly batchWindow?: number | undefined
  /**
   * The ARN of an SQS queue or SNS topic that gets a message when Lambda gives a batch up. Its role must be allowed to
   * send it.
   *
   * @default none
   */
  readonly onFailure?: string | undefined
}

/** One of the two tables, as a template prints it. */
export interface TableSpec {
  readonly resource: 'Events' | 'Log'
  readonly name: string
  /** The attribute by which DynamoDB deletes items. */
  readonly ttl: string | undefined
  readonly stream: 'KEYS_ONLY' | 'NEW_AND_OLD_IMAGES' | undefined
  /** The function that the stream starts. */
  readonly target: StreamTarget | undefined
  readonly kmsKey: string | undefined
  readonly tags: readonly (readonly [string, string])[]
  readonly warm: TableThroughput
  readonly max: TableThroughput
  readonly deletionProtection: boolean
  readonly recoveryDays: number | false
  readonly replicas: readonly TableReplica[]
}

// The values of a new table on demand; AWS refuses smaller ones.
const leastWarm = { readUnits: 12_000, writeUnits: 4_000 }
const leastMax = { readUnits: 1, writeUnits: 1 }

/** Returns both tables. @throws InvalidInputError if an option is not valid */
export function tableSpecs(options: TemplateOptions | undefined): readonly [TableSpec, TableSpec] {
  const given = optionsOf(options, [
    'table',
    'stream',
    'kmsKey',
    'tags',
    'warmThroughput',
    'maxThroughput',
    'deletionProtection',
    'pointInTimeRecovery',
    'replicas',
  ])
  const { table = defaultTable, stream = false, kmsKey, deletionProtection = true } = given
  const { pointInTimeRecovery: recoveryDays = 35 } = given
  checkTableName(table)
  const target = typeof stream === 'boolean' ? undefined : checkedTarget(stream)
  checkBoolean(deletionProtection, 'deletionProtection')
  if (kmsKey !== undefined) checkKmsKey(kmsKey, 'kmsKey')
  checkRecoveryDays(recoveryDays)
  const warm = checkedThroughput(given.warmThroughput, 'warmThroughput', leastWarm)
  const max = checkedThroughput(given.maxThroughput, 'maxThroughput', leastMax)
  const shared = {
    kmsKey,
    tags: given.tags === undefined ? [] : checkedTags(given.tags),
    deletionProtection,
    recoveryDays,
    replicas: given.replicas === undefined ? [] : checkedReplicas(given.replicas, kmsKey),
  }
  // Replicas copy by streams, and need both images in them. The keys are in every kind of stream.
  const copying = shared.replicas.length > 0 ? 'NEW_AND_OLD_IMAGES' : undefined
  const names = tablesOf(table)
  return [
    {
      ...shared,
      resource: 'Events',
      name: names.events,
      ttl: undefined,
      stream: copying,
      target: undefined,
      warm: warm.events,
      max: max.events,
    },
    {
      ...shared,
      resource: 'Log',
      name: names.log,
      ttl: ttlAttribute,
      stream: copying ?? (stream ? 'KEYS_ONLY' : undefined),
      target,
      warm: warm.log,
      max: max.log,
    },
  ]
}

function checkedTarget(given: StreamTarget): StreamTarget {
  if (typeof given !== 'object') refuse('stream', 'must be true, false or an object', given)
  const target = optionsOf(given, ['function', 'batchWindow', 'onFailure'], 'stream', 'stream.')
  checkFunctionName(target.function, 'stream.function')
  if (target.batchWindow !== undefined) checkInteger(target.batchWindow, 'stream.batchWindow', 0, 300)
  if (target.onFailure !== undefined) checkDestination(target.onFailure, 'stream.onFailure')
  return target
}

function checkRecoveryDays(days: number | false): void {
  if (days === false || (Number.isInteger(days) && days >= 1 && days <= 35)) return
  refuse('pointInTimeRecovery', 'must be false or a whole number of days from 1 to 35', days)
}

function checkedThroughput(
  given: ThroughputOfTables | undefined,
  field: string,
  least: Required<TableThroughput>,
): { readonly events: TableThroughput; readonly log: TableThroughput } {
  const { events, log } = optionsOf(given, ['events', 'log'], field, `${field}.`)
  const unitsOf = (units: TableThroughput | undefined, name: string): TableThroughput => {
    const read = optionsOf(units, ['readUnits', 'writeUnits'], name, `${name}.`)
    for (const [kind, value] of Object.entries(read)) {
      checkInteger(value, `${name}.${kind}`, least[kind as keyof TableThroughput] as number)
    }
    return read
  }
  return { events: unitsOf(events, `${field}.events`), log: unitsOf(log, `${field}.log`) }
}

const tagCharacters = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u

function checkedTags(given: unknown): readonly (readonly [string, string])[] {
  const entries = entriesOf(given, 'tags')
  if (entries.length > 50) throw new InvalidInputError('tags', 'must be 50 at most', `${entries.length} tags`)
  return entries.map(([key, value]): [string, string] => {
    if (key === '' || key.length > 128 || key.startsWith('aws:') || !tagCharacters.test(key)) {
      refuse(
        'tags',
        "must have keys of 1 to 128 letters, digits, spaces and _.:/=+-@ that do not begin with 'aws:'",
        key,
      )
    }
    if (typeof value !== 'string' || value.length > 256 || !tagCharacters.test(value)) {
      refuse(`tags.${key}`, 'must be at most 256 letters, digits, spaces and _.:/=+-@', value)
    }
    return [key, value]
  })
}

function checkedReplicas(given: unknown, kmsKey: string | undefined): readonly TableReplica[] {
  const replicas = readSafely('replicas', given, () => {
    if (!Array.isArray(given)) refuse('replicas', 'must be an array', given)
    return Array.from(given as readonly TableReplica[], (replica, index) => {
      const field = `replicas[${index}]`
      if (replica === undefined) refuse(field, 'must be an object', replica)
      return optionsOf(replica, ['region', 'kmsKey'], field, `${field}.`)
    })
  })
  replicas.forEach(({ region, kmsKey: ownKey }, index) => {
    const field = `replicas[${index}]`
    checkRegion(region, `${field}.region`)
    if (replicas.findIndex((other) => other.region === region) < index) {
      refuse(`${field}.region`, 'must differ from the regions of the other replicas', region)
    }
    if (ownKey !== undefined) checkKmsKey(ownKey, `${field}.kmsKey`)
    if ((ownKey === undefined) !== (kmsKey === undefined)) {
      refuse(`${field}.kmsKey`, 'must be given exactly if the tables have a kmsKey', ownKey)
    }
    if (ownKey !== undefined && regionOfKey(ownKey) !== region) {
      refuse(`${field}.kmsKey`, `must be a key of the region '${region}'`, ownKey)
    }
    if (kmsKey !== undefined && regionOfKey(kmsKey) === region) {
      refuse(`${field}.region`, 'must differ from the region of the tables, which their kmsKey names', region)
    }
  })
  return replicas
}
