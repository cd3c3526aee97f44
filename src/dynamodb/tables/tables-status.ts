/** Says whether the tables are as they must be, and what would protect them better. */

import type { Tables } from '../keys.ts'
import type { Connection } from '../requests/connection.ts'
import { describe, isUsable, type TableDescription } from './table-state.ts'
import { checkTables, format, namesOf, readFormat, refusedAs } from './tables.ts'

/** A setting of a table that works, but may lose events or cost money. */
export interface TableWarning {
  /** Names the setting. A name never changes. */
  readonly kind:
    | 'time-to-live-off'
    | 'point-in-time-recovery-off'
    | 'point-in-time-recovery-unknown'
    | 'deletion-protection-off'
    | 'infrequent-access'
    | 'stream-view'
    | 'replicas'
  /** The name of the table. */
  readonly table: string
  /** What follows from the setting, and what to do. */
  readonly message: string
  /** The command of the AWS command line that changes it, or in words what to do. */
  readonly remedy: string
}

/** The state of the two tables. */
export interface TablesStatus {
  /** Whether both tables exist, in the format of this library. */
  readonly upToDate: boolean
  /** The format of the tables; 0 if they are missing or were not set up. */
  readonly format: number
  /** The names of both tables. */
  readonly tables: readonly string[]
  /** Settings that work, but may lose events or cost money; empty if all is well, or a table is missing. */
  readonly warnings: readonly TableWarning[]
}

/**
 * Checks the tables.
 *
 * @throws SchemaMismatchError if they have another format, or are not as they must be
 */
export async function tablesStatus(connection: Connection, tables: Tables): Promise<TablesStatus> {
  const names = namesOf(tables)
  const [events, log] = await Promise.all(names.map((table) => describe(connection, table)))
  if (events === undefined || log === undefined || !isUsable(events) || !isUsable(log)) {
    return { upToDate: false, format: 0, tables: names, warnings: [] }
  }
  const ttls = await checkTables(connection, tables, [events, log])
  const [found, recoveryOfEvents, recoveryOfLog] = await Promise.all([
    readFormat(connection, tables),
    recoveryOf(connection, tables.events),
    recoveryOf(connection, tables.log),
  ])
  const warnings = [
    ...protection(tables.events, events, recoveryOfEvents),
    ...protection(tables.log, log, recoveryOfLog),
    ...settingsOfEvents(tables.events, events),
    ...settingsOfLog(tables.log, log, ttls.log),
  ]
  return { upToDate: found === format, format: found, tables: names, warnings }
}

/** Whether a table can be restored to a point in time. `unsupported`: an emulator answers. */
type Recovery = 'on' | 'off' | 'unknown' | 'unsupported'

async function recoveryOf(connection: Connection, table: string): Promise<Recovery> {
  const subject = { doing: 'Looking at a table', table, key: '' }
  type Output = {
    ContinuousBackupsDescription?: {
      PointInTimeRecoveryDescription?: { PointInTimeRecoveryStatus?: string }
    }
  }
  try {
    const output = await connection.call<Output>(subject, 'DescribeContinuousBackups', { TableName: table })
    const { PointInTimeRecoveryDescription } = output.ContinuousBackupsDescription ?? {}
    return PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus === 'ENABLED' ? 'on' : 'off'
  } catch (error) {
    const name = refusedAs(error)
    if (name === 'UnknownOperationException') return 'unsupported'
    if (name === 'AccessDeniedException') return 'unknown'
    throw error
  }
}

const regionsOf = ({ Replicas = [] }: TableDescription) =>
  Replicas.map(({ RegionName }) => RegionName).filter((region) => region !== undefined)

function protection(table: string, description: TableDescription, recovery: Recovery): TableWarning[] {
  const warnings: TableWarning[] = []
  if (recovery === 'off') {
    const message = `Table '${table}' has no point-in-time recovery, so lost items cannot be restored: turn it on, for example with a template of '@eventsourced/core/dynamodb/templates'`
    const remedy = `aws dynamodb update-continuous-backups --table-name ${table} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true`
    warnings.push({ kind: 'point-in-time-recovery-off', table, message, remedy })
  }
  if (recovery === 'unknown') {
    const message = `AWS does not say whether table '${table}' has point-in-time recovery: allow this process the action dynamodb:DescribeContinuousBackups, as the policy for 'deployer' does`
    const remedy = 'allow dynamodb:DescribeContinuousBackups, and look again'
    warnings.push({ kind: 'point-in-time-recovery-unknown', table, message, remedy })
  }
  if (description.DeletionProtectionEnabled !== true) {
    const message = `Table '${table}' has no deletion protection, so one call deletes it with all its items: turn it on, for example with a template of '@eventsourced/core/dynamodb/templates'`
    const remedy = `aws dynamodb update-table --table-name ${table} --deletion-protection-enabled`
    warnings.push({ kind: 'deletion-protection-off', table, message, remedy })
  }
  const regions = regionsOf(description)
  if (regions.length > 0) {
    const message = `Table '${table}' has replicas (${regions.join(', ')}), and a transaction is atomic only in the region that writes it: open stores in one region at a time, also stores that only read. Before you change the region, call \`await store.schema.verify()\` and \`repair()\` there`
    const remedy = 'let all processes use the table in one region'
    warnings.push({ kind: 'replicas', table, message, remedy })
  }
  return warnings
}

function settingsOfEvents(table: string, { StreamSpecification }: TableDescription): TableWarning[] {
  const view = viewOf(StreamSpecification)
  if (view === undefined || view.startsWith('NEW_')) return []
  const message = `The stream of table '${table}' has the view type ${view}, so it contains no event: turn it off, or use NEW_IMAGE`
  return [{ kind: 'stream-view', table, message, remedy: withoutStream(table) }]
}

function settingsOfLog(table: string, log: TableDescription, ttl: string | undefined): TableWarning[] {
  const warnings: TableWarning[] = []
  if (ttl === undefined) {
    const message = `Table '${table}' has no time to live, so items of ended processes stay in it: call \`await store.schema.create()\``
    const remedy = `aws dynamodb update-time-to-live --table-name ${table} --time-to-live-specification Enabled=true,AttributeName=ttl`
    warnings.push({ kind: 'time-to-live-off', table, message, remedy })
  }
  if (log.TableClassSummary?.TableClass === 'STANDARD_INFREQUENT_ACCESS') {
    const message = `Table '${table}' has the class STANDARD_INFREQUENT_ACCESS, with which each request costs more, and each append writes to this table: use the class STANDARD`
    const remedy = `aws dynamodb update-table --table-name ${table} --table-class STANDARD`
    warnings.push({ kind: 'infrequent-access', table, message, remedy })
  }
  const view = viewOf(log.StreamSpecification)
  // Replicas need both images.
  if (view !== undefined && view !== 'KEYS_ONLY' && regionsOf(log).length === 0) {
    const message = `The stream of table '${table}' has the view type ${view}, and a function that it starts needs only the keys: use KEYS_ONLY, with which more records fit into a batch`
    warnings.push({ kind: 'stream-view', table, message, remedy: withoutStream(table) })
  }
  return warnings
}

const viewOf = (stream: TableDescription['StreamSpecification']) =>
  stream?.StreamEnabled === true ? stream.StreamViewType : undefined

/** The view type of a stream cannot be changed: the stream is turned off, and a new one turned on. */
const withoutStream = (table: string) =>
  `aws dynamodb update-table --table-name ${table} --stream-specification StreamEnabled=false`
