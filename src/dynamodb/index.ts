/** `@eventsourced/core/dynamodb`: an event store on Amazon DynamoDB. */
export type { DynamodbClient } from './client.ts'
export { DynamodbFailure } from './errors.ts'
export type { DynamodbCapacity, DynamodbIncident, DynamodbMetric } from './metric.ts'
export type {
  RepairedProblem,
  RepairResult,
  TableCheckOptions,
  TableProblem,
  VerifyTablesResult,
} from './repair/problems.ts'
export { type DynamodbStore, type DynamodbStoreOptions, dynamodbStore } from './store.ts'
export type { TablesStatus, TableWarning } from './tables-status.ts'
export type { DynamodbTransaction } from './transaction.ts'
