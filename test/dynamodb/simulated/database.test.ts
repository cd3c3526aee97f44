/** The simulated database answers as the emulator does: to the requests of whole schedules, and to random ones. */
import * as sdk from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tablesOf } from '../../../src/dynamodb/keys.ts'
import { type Random, randomOf } from '../../../torture/random.ts'
import { emulators, type Ground, startGround } from '../ground.ts'
import { type DatabaseRequest, noChances, SimulatedDatabase } from './database.ts'
import { directedRequests } from './directed-requests.ts'
import { library } from './library.ts'
import { runSchedule } from './schedule.ts'

type Answer = Readonly<Record<string, unknown>>

const comparedParts = [
  ...['Item', 'Items', 'Count', 'ScannedCount', 'LastEvaluatedKey', 'Attributes', 'Responses'],
  ...['UnprocessedKeys', 'UnprocessedItems'],
]

/** The parts of an answer that the store uses, in one form. */
const answerOf = (output: object): Answer =>
  Object.fromEntries(
    Object.entries(output).flatMap(([part, value]) => {
      if (!comparedParts.includes(part) || value === undefined) return []
      return [[part, part === 'Responses' ? unordered(value) : inOneForm(value)]]
    }),
  )

/** Bytes as numbers, and objects without a prototype of their own. */
function inOneForm(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(inOneForm)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inOneForm(one)]))
}

/** The order of the items of a batch means nothing. */
const unordered = (responses: Record<string, readonly { readonly p?: object; readonly s?: object }[]>) =>
  Object.fromEntries(
    Object.entries(responses).map(([table, items]) => [
      table,
      new Map(items.map((item) => [JSON.stringify([item.p, item.s]), inOneForm(item)])),
    ]),
  )

function failureOf(error: unknown): Answer {
  const { name, Item, CancellationReasons } = error as Error & {
    readonly Item?: object
    readonly CancellationReasons?: readonly { readonly Code: string; readonly Item?: object }[]
  }
  const reasons = CancellationReasons?.map(({ Code, Item }) => ({ Code, Item: inOneForm(Item) }))
  return { name, reasons, ...answerOf({ Item }) }
}

describe.runIf(emulators.includes('dynoxide'))('the simulated database and dynoxide', () => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround('dynoxide')
  })
  afterAll(() => ground?.end())

  /** Sends the requests to both, one after the other, and compares the answers. Returns the kind of each answer. */
  async function compare(requests: readonly DatabaseRequest[]): Promise<readonly string[]> {
    const prefix = ground.table()
    const { events, log } = tablesOf(prefix)
    for (const TableName of [events, log]) {
      await ground.admin.send(
        new sdk.CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          KeySchema: [
            { AttributeName: 'p', KeyType: 'HASH' },
            { AttributeName: 's', KeyType: 'RANGE' },
          ],
          AttributeDefinitions: [
            { AttributeName: 'p', AttributeType: 'S' },
            { AttributeName: 's', AttributeType: 'S' },
          ],
        }),
      )
    }
    let now = 0
    const simulated = new SimulatedDatabase(noChances, () => now)
    const kinds: string[] = []
    for (const { command, input } of requests) {
      now++
      const own = renamed(input, prefix) as object
      const expected = await ground.admin.send(commandOf(command, own)).then(answerOf, failureOf)
      let found: Answer
      try {
        found = answerOf(simulated.execute({ command, input: own }).output)
      } catch (error) {
        found = failureOf(error)
      }
      expect(found, JSON.stringify({ command, input: own })).toEqual(expected)
      kinds.push(`${command} ${found.name ?? 'done'}`)
    }
    return kinds
  }

  it('answer the requests of schedules in the same way', async () => {
    // One schedule with inline projections, and one without.
    for (const seed of [1, 2]) {
      const requests: DatabaseRequest[] = []
      await runSchedule(seed, library, { onExecuted: (request) => requests.push(request) })
      await compare(requests.filter(({ command }) => !/Table|TimeToLive/.test(command)).slice(0, 700))
    }
  })

  it('answer random requests, and one of each kind, in the same way', async () => {
    const seed = Math.floor(Math.random() * 1_000_000_000)
    const random = randomOf(seed)
    console.log(`random requests of seed ${seed}`)
    const requests = Array.from({ length: 1_500 }, (_, nth) => randomRequest(random, nth))
    const kinds = await compare([...requests, ...directedRequests.map(([, request]) => request)])
    // The seed decides which answers the random requests get. The directed ones get each kind with any seed.
    expect(kinds.slice(requests.length)).toEqual(directedRequests.map(([kind]) => kind))
  })
})

function commandOf(command: string, input: object): never {
  const Command = (sdk as unknown as Record<string, new (input: object) => object>)[`${command}Command`]
  if (Command === undefined) throw new Error(`The SDK has no command ${command}`)
  return new Command(input) as never
}

const simulatedTables = { simulated_events: 'events', simulated_log: 'log' } as const

/** Returns a copy of the input for tables with another prefix. */
function renamed(value: unknown, prefix: string): unknown {
  if (typeof value === 'string' && value in simulatedTables)
    return `${prefix}_${simulatedTables[value as keyof typeof simulatedTables]}`
  if (Array.isArray(value)) return value.map((one) => renamed(one, prefix))
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [renamed(name, prefix) as string, renamed(one, prefix)]),
  )
}

const TableName = 'simulated_log'

/** A request about few items, with each form of expression. */
function randomRequest(random: Random, nth: number): DatabaseRequest {
  const key = () => ({ p: { S: random.pick(['a', 'b']) }, s: { S: `s${random.below(6)}` } })
  const value = () => random.pick([{ N: `${random.below(5)}` }, { S: random.pick(['x', 'xy', 'z']) }])
  const count = () => ({ N: `${random.below(4)}` })
  const shown = () => random.pick([{}, { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }])
  const condition = () => {
    const text = random.pick([
      'attribute_not_exists(p)',
      'attribute_exists(n) AND attribute_not_exists(z)',
      'attribute_not_exists(n) OR n < :c',
      'n = :c',
      'n <> :c AND NOT (v = :v)',
      'n >= :c OR contains(v, :v)',
      'begins_with(v, :v) AND n <= :c',
      'n BETWEEN :c AND :d',
      '(v > :v OR v = :v) AND attribute_exists(p)',
    ])
    const values = { ':c': count(), ':d': { N: '3' }, ':v': { S: random.pick(['x', 'xy']) } }
    return conditioned(text, values)
  }
  const update = () => {
    const text = random.pick([
      'SET n = if_not_exists(n, :a) + :a',
      'SET v = :b, z = :a REMOVE n',
      'SET v = if_not_exists(v, :b) ADD w :a REMOVE z, #ttl',
      'ADD n :a',
      'REMOVE v, z',
      'SET #ttl = :a, n = :a ADD w :a',
    ])
    const values = { ':a': count(), ':b': { S: random.pick(['x', 'xyz']) } }
    const { ConditionExpression, ExpressionAttributeValues } = condition()
    const all = { ...used(text, values), ...ExpressionAttributeValues }
    return {
      UpdateExpression: text,
      ConditionExpression,
      ...(Object.keys(all).length > 0 && { ExpressionAttributeValues: all }),
      ...(text.includes('#ttl') && { ExpressionAttributeNames: { '#ttl': 'ttl' } }),
    }
  }
  const item = () => ({ ...key(), n: count(), v: { S: random.pick(['x', 'xy', 'z']) } })
  const consistent = { ConsistentRead: true }
  switch (random.below(9)) {
    case 0:
      return {
        command: 'GetItem',
        input: { TableName, Key: key(), ...consistent, ProjectionExpression: 'p, n, v' },
      }
    case 1: {
      const [from, to] = [`s${random.below(6)}`, `s${random.below(6)}`].sort() as [string, string]
      const forms = {
        'p = :p': {},
        'p = :p AND s BETWEEN :from AND :to': { ':from': { S: from }, ':to': { S: to } },
        'p = :p AND s > :from': { ':from': { S: from } },
        'p = :p AND s >= :from': { ':from': { S: from } },
      }
      const KeyConditionExpression = random.pick(Object.keys(forms) as (keyof typeof forms)[])
      return {
        command: 'Query',
        input: {
          TableName,
          ...consistent,
          KeyConditionExpression,
          ExpressionAttributeValues: {
            ':p': { S: random.pick(['a', 'b', 'c']) },
            ...forms[KeyConditionExpression],
          },
          ScanIndexForward: random.percent(50),
          ...(random.percent(50) && { Limit: 1 + random.below(3) }),
          ...(random.percent(30) && { FilterExpression: 'attribute_not_exists(z)' }),
          ...(random.percent(30)
            ? { Select: 'COUNT' }
            : random.percent(50) && { ProjectionExpression: 's, v' }),
        },
      }
    }
    case 2: {
      const keys = [...new Map([key(), key(), key()].map((one) => [JSON.stringify(one), one])).values()]
      return {
        command: 'BatchGetItem',
        input: { RequestItems: { [TableName]: { Keys: keys, ...consistent } } },
      }
    }
    case 3:
      return { command: 'PutItem', input: { TableName, Item: item(), ...condition(), ...shown() } }
    case 4:
      return {
        command: 'UpdateItem',
        input: {
          TableName,
          Key: key(),
          ...update(),
          ...shown(),
          ReturnValues: random.pick(['NONE', 'ALL_NEW']),
        },
      }
    case 5:
      return {
        command: 'DeleteItem',
        input: {
          TableName,
          Key: key(),
          ...condition(),
          ...shown(),
          ReturnValues: random.pick(['NONE', 'ALL_OLD']),
        },
      }
    case 6: {
      const removed = key()
      const put = item()
      const requests = [{ DeleteRequest: { Key: removed } }, { PutRequest: { Item: put } }]
      const isSame = removed.p.S === put.p.S && removed.s.S === put.s.S
      return {
        command: 'BatchWriteItem',
        input: { RequestItems: { [TableName]: isSame ? [requests[0]] : requests } },
      }
    }
    default: {
      const keys = new Map([key(), key(), key()].map((one) => [JSON.stringify(one), one]))
      const TransactItems = [...keys.values()].map((Key) =>
        random.pick<() => object>([
          () => ({
            Put: { TableName, Item: { ...Key, n: count(), v: value() }, ...condition(), ...shown() },
          }),
          () => ({ Update: { TableName, Key, ...update(), ...shown() } }),
          () => ({ Delete: { TableName, Key, ...condition(), ...shown() } }),
          () => ({ ConditionCheck: { TableName, Key, ...condition(), ...shown() } }),
        ])(),
      )
      const ClientRequestToken = random.percent(10) ? 'the same token' : `token ${nth}`
      return { command: 'TransactWriteItems', input: { TransactItems, ClientRequestToken } }
    }
  }
}

/** A condition, with the values that it uses: the service refuses others. */
function conditioned(text: string, values: Readonly<Record<string, object>>) {
  const own = used(text, values)
  return {
    ConditionExpression: text,
    ...(Object.keys(own).length > 0 && { ExpressionAttributeValues: own }),
  }
}

const used = (text: string, values: Readonly<Record<string, object>>) =>
  Object.fromEntries(Object.entries(values).filter(([name]) => text.includes(name)))
