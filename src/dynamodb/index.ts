/** `@eventsourced/core/dynamodb`: an event store on Amazon DynamoDB. */

export type { DynamodbTransaction } from './documents/transaction.ts'
export type {
  RepairedProblem,
  RepairResult,
  TableCheckOptions,
  TableProblem,
  VerifyTablesResult,
} from './repair/problems.ts'
export type { DynamodbClient } from './requests/client.ts'
export { DynamodbFailure } from './requests/errors.ts'
export { type DynamodbStore, type DynamodbStoreOptions, dynamodbStore } from './store.ts'
export type { TablesStatus, TableWarning } from './tables/tables-status.ts'
