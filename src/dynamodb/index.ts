/** `@eventsourced/core/dynamodb`: an event store on Amazon DynamoDB. */
export type { DynamoClient, DynamoMetric } from './connection.ts'
export { DynamoFailure } from './errors.ts'
export type { RepairResult, TableProblem, VerifyTablesResult } from './repair.ts'
export { type DynamodbStore, type DynamodbStoreOptions, dynamodbStore } from './store.ts'
export type { TablesStatus } from './tables.ts'
export type { IamPolicy } from './templates.ts'
export { type DynamoTransaction, WriteConditionError } from './transaction.ts'
