/** Prints the tables as infrastructure (CloudFormation, Terraform), and the IAM policy of a process. */
import type { Tables } from './keys.ts'
import { tableDefinition } from './tables.ts'

/** An IAM policy document. */
export interface IamPolicy {
  readonly Version: '2012-10-17'
  readonly Statement: readonly {
    readonly Sid: string
    readonly Effect: 'Allow'
    readonly Action: readonly string[]
    readonly Resource: string
    readonly Condition?: object
  }[]
}

export function cloudFormation({ events, log }: Tables): string {
  const table = (name: string, more: object) => ({
    Type: 'AWS::DynamoDB::Table',
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
    Properties: {
      TableName: name,
      ...tableDefinition,
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      ...more,
    },
  })
  const template = {
    AWSTemplateFormatVersion: '2010-09-09',
    Resources: {
      Events: table(events, {}),
      Log: table(log, { TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true } }),
    },
  }
  return JSON.stringify(template, undefined, 2)
}

export function terraform({ events, log }: Tables): string {
  const table = (
    resource: string,
    name: string,
    more: string,
  ) => `resource "aws_dynamodb_table" "${resource}" {
  name                        = "${name}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "p"
  range_key                   = "s"
  deletion_protection_enabled = true

  attribute {
    name = "p"
    type = "S"
  }

  attribute {
    name = "s"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
${more}}
`
  const ttl = `
  ttl {
    attribute_name = "ttl"
    enabled        = true
  }
`
  return `${table('events', events, '')}\n${table('log', log, ttl)}`
}

/**
 * The policy allows no action that deletes an event. In the events table, it allows updates only for the list
 * of streams. `PutItem`, which appends need, could also replace an event. IAM cannot prevent that; the
 * conditions of an append do. Transactions need no permission of their own.
 */
export function iamPolicy(
  { events, log }: Tables,
  { region = '*', account = '*' }: { readonly region?: string; readonly account?: string },
): IamPolicy {
  const arn = (table: string) => `arn:aws:dynamodb:${region}:${account}:table/${table}`
  const actions = (...names: string[]) => names.map((name) => `dynamodb:${name}`)
  const reads = ['GetItem', 'BatchGetItem', 'Query', 'ConditionCheckItem']
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Events', Effect: 'Allow', Action: actions(...reads, 'PutItem'), Resource: arn(events) },
      {
        Sid: 'Streams',
        Effect: 'Allow',
        Action: actions('UpdateItem'),
        Resource: arn(events),
        Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['T#*', 'listed'] } },
      },
      {
        Sid: 'Log',
        Effect: 'Allow',
        Action: actions(...reads, 'PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'),
        Resource: arn(log),
      },
    ],
  }
}
