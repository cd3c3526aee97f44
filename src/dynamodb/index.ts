/** `@eventsourced/core/dynamodb`: an event store on Amazon DynamoDB. */
export type { DynamodbClient, DynamodbMetric } from './connection.ts'
export { DynamodbFailure } from './errors.ts'
export type { RepairResult, TableProblem, VerifyTablesResult } from './repair.ts'
export { type DynamodbStore, type DynamodbStoreOptions, dynamodbStore } from './store.ts'
export type { TablesStatus, TableWarning } from './tables-status.ts'
export type { DynamodbTransaction } from './transaction.ts'
