/**
 * `@eventsourced/core/dynamodb/templates`: prints the two tables as infrastructure, and the IAM policies of the
 * processes that use them. It needs no AWS SDK, and sends no request.
 */
export { cloudFormation } from './cloud-formation.ts'
export {
  type AwsPartition,
  type IamPolicy,
  type IamPolicyOptions,
  iamPolicy,
  type PolicyHolder,
} from './iam-policy.ts'
export type {
  StreamTarget,
  TableReplica,
  TableThroughput,
  TemplateOptions,
  ThroughputOfTables,
} from './options.ts'
export { terraform } from './terraform.ts'
