/**
 * `@eventsourced/core/dynamodb/lambda`: runs subscriptions in a function of AWS Lambda, which the stream of the log's
 * table starts after each append.
 */
export {
  type LambdaContext,
  type LambdaHandler,
  type LambdaHandlerOptions,
  type LambdaResult,
  lambdaHandler,
  type WokenSubscription,
} from './handler.ts'
