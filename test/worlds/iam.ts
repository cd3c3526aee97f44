/** Evaluates IAM policies, as AWS does for the requests of a store: which rights a request needs, and what allows them. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { IamPolicy } from '@eventsourced/core/dynamodb/templates'
import { serviceError } from './faulty-client.ts'

/** A right that a request needs. */
export interface Right {
  /** The action, such as `PutItem`. */
  readonly action: string
  readonly table: string
  /** The partition key; undefined for a whole table, or where the request does not show it as a key. */
  readonly key: string | undefined
}

type Input = Record<string, unknown>
type Item = Readonly<Record<string, { readonly S?: string }>>

/** Returns the rights that a request needs. A transaction needs the rights of its items. */
function rightsOf(command: string, input: Input): readonly Right[] {
  const right = (action: string, one: Input): Right => ({
    action,
    table: one.TableName as string,
    key: ((one.Key ?? one.Item) as Item | undefined)?.p?.S,
  })
  switch (command) {
    case 'TransactWriteItems':
      return (input.TransactItems as Record<string, Input>[]).flatMap((item) =>
        Object.entries(item).map(([kind, one]) =>
          right(kind === 'ConditionCheck' ? 'ConditionCheckItem' : `${kind}Item`, one),
        ),
      )
    case 'BatchGetItem':
      return Object.entries(input.RequestItems as Record<string, { Keys: Item[] }>).flatMap(
        ([TableName, { Keys }]) => Keys.map((Key) => right(command, { TableName, Key })),
      )
    case 'BatchWriteItem':
      return Object.entries(input.RequestItems as Record<string, Record<string, Input>[]>).flatMap(
        ([TableName, requests]) =>
          requests.flatMap((one) => Object.values(one).map((own) => right(command, { TableName, ...own }))),
      )
    case 'Query': {
      const values = input.ExpressionAttributeValues as Item
      return [{ ...right(command, input), key: values[':p']?.S }]
    }
    default:
      return [right(command, input)]
  }
}

/** Whether one of the policies allows a right. */
export function isAllowed(policies: readonly IamPolicy[], { action, table, key }: Right): boolean {
  return policies
    .flatMap(({ Statement }) => Statement)
    .some(
      ({ Action, Resource, Condition }) =>
        Action.includes(`dynamodb:${action}`) &&
        [Resource].flat().some((arn) => arn.endsWith(`:table/${table}`)) &&
        isMet(Condition, key),
    )
}

function isMet(condition: object | undefined, key: string | undefined): boolean {
  return Object.entries(condition ?? {}).every(([operator, value]) => {
    const patterns = (value as Record<string, readonly string[]>)['dynamodb:LeadingKeys']
    // The store never depends on a condition that it meets only because a request shows no key.
    if (patterns === undefined || key === undefined) return false
    const isLike = patterns.some((pattern) =>
      pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : key === pattern,
    )
    return operator === 'ForAllValues:StringLike' ? isLike : !isLike
  })
}

/**
 * Refuses the requests of a client that the policies do not allow. They say nothing about tables without the prefix:
 * these are the tables of the user. `used` receives each allowed right.
 */
export function restrict(
  client: DynamoDBClient,
  table: string,
  policies: readonly IamPolicy[],
  used: (right: Right) => void = () => {},
): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const command = String(context.commandName).replace(/Command$/, '')
      for (const right of rightsOf(command, args.input as Input)) {
        if (right.table !== `${table}_events` && right.table !== `${table}_log`) continue
        if (!isAllowed(policies, right)) {
          throw serviceError('AccessDeniedException', {
            message: `no policy allows dynamodb:${right.action} on ${right.table} for the key ${right.key}`,
          })
        }
        used(right)
      }
      return next(args)
    },
    { step: 'initialize', name: 'policies', priority: 'high' },
  )
}
