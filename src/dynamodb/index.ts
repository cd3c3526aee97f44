/** `@eventsourced/core/dynamodb`: an event store on Amazon DynamoDB. */
export type { DynamodbClient, DynamodbMetric } from './connection.ts'
export { DynamodbFailure } from './errors.ts'
export type {
  RepairedProblem,
  RepairResult,
  TableCheckOptions,
  TableProblem,
  VerifyTablesResult,
} from './repair/problems.ts'
export { type DynamodbStore, type DynamodbStoreOptions, dynamodbStore } from './store.ts'
export type { TablesStatus } from './tables.ts'
export type { IamPolicy } from './templates.ts'
export type { DynamodbTransaction } from './transaction.ts'
