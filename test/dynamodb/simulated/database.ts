/**
 * DynamoDB in memory, as the store can observe it: conditional writes, transactions with tokens, consistent reads, and
 * reads that show each item as it was up to 100 ms ago. While a transaction is written, its items appear one after the
 * other, and other writes to them conflict. It throws an `UnknownRequest` on anything that it does not know.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Key } from '../../../src/dynamodb/keys.ts'
import type { Item } from '../../../src/dynamodb/requests/attributes.ts'
import { serviceError } from '../../worlds/faulty-client.ts'
import { holds, keyRangeOf, type Placeholders, projected, UnknownRequest, updated } from './expressions.ts'

/** A request: the name of its command, and its input. */
export interface DatabaseRequest {
  readonly command: string
  readonly input: object
}

/** What happens by chance inside of the database. */
export interface DatabaseChances {
  /** Returns how old an item is that a read shows which need not be consistent, in milliseconds. */
  age(): number
  /** Returns how long it takes until a reader sees one item of a transaction, in milliseconds. */
  delay(): number
  /** Returns true if a page of a query, or a batch, ends before its next item. */
  endsEarly(): boolean
}

/** A database without chance: what is written can be read at once. */
export const noChances: DatabaseChances = { age: () => 0, delay: () => 0, endsEarly: () => false }

/** The answer to a request, and when it can be sent. */
export interface Executed {
  readonly output: object
  readonly readyAt: number
}

interface StoredVersion {
  readonly visibleAt: number
  readonly item: Item | undefined
}

/** One item with its recent versions, the last one last. */
interface Cell {
  readonly sort: string
  versions: StoredVersion[]
}

interface WriteInput extends Placeholders {
  readonly TableName: string
  readonly Key?: Key
  readonly Item?: Item & Key
  readonly ConditionExpression?: string
  readonly UpdateExpression?: string
  readonly ReturnValues?: string
  readonly ReturnValuesOnConditionCheckFailure?: string
}

interface QueryInput extends Placeholders {
  readonly TableName: string
  readonly KeyConditionExpression: string
  readonly FilterExpression?: string
  readonly ProjectionExpression?: string
  readonly ConsistentRead?: boolean
  readonly ScanIndexForward?: boolean
  readonly Limit?: number
  readonly ExclusiveStartKey?: Key
  readonly Select?: string
}

interface GetInput extends Placeholders {
  readonly TableName: string
  readonly Key: Key
  readonly ProjectionExpression?: string
  readonly ConsistentRead?: boolean
}

interface BatchGetInput {
  readonly RequestItems: Readonly<
    Record<string, { readonly Keys: readonly Key[]; readonly ConsistentRead?: boolean }>
  >
}

interface BatchWriteInput {
  readonly RequestItems: Readonly<
    Record<
      string,
      readonly { readonly PutRequest?: { Item: Item & Key }; readonly DeleteRequest?: { Key: Key } }[]
    >
  >
}

type TransactKind = 'Put' | 'Update' | 'Delete' | 'ConditionCheck'

interface TransactInput {
  readonly TransactItems: readonly Partial<Record<TransactKind, WriteInput>>[]
  readonly ClientRequestToken: string
}

const placeholders = ['ExpressionAttributeNames', 'ExpressionAttributeValues']
const conditional = ['ConditionExpression', 'ReturnValuesOnConditionCheckFailure', ...placeholders]
const range = ['KeyConditionExpression', 'ScanIndexForward', 'Limit', 'ExclusiveStartKey']
const put = ['TableName', 'Item', ...conditional]
const update = ['TableName', 'Key', 'UpdateExpression', ...conditional]
const remove = ['TableName', 'Key', ...conditional]
/** The parts of the requests that are known. */
const parts: Readonly<Record<string, ReadonlySet<string>>> = {
  GetItem: new Set(['TableName', 'Key', 'ConsistentRead', 'ProjectionExpression', ...placeholders]),
  Query: new Set([
    ...['TableName', 'ConsistentRead', 'ProjectionExpression', 'FilterExpression', 'Select'],
    ...[...range, ...placeholders],
  ]),
  BatchGetItem: new Set(['RequestItems']),
  BatchWriteItem: new Set(['RequestItems']),
  PutItem: new Set([...put, 'ReturnValues']),
  UpdateItem: new Set([...update, 'ReturnValues']),
  DeleteItem: new Set([...remove, 'ReturnValues']),
  TransactWriteItems: new Set(['TransactItems', 'ClientRequestToken']),
  Put: new Set(put),
  Update: new Set(update),
  Delete: new Set(remove),
  ConditionCheck: new Set(remove),
  DescribeTable: new Set(['TableName']),
  DescribeTimeToLive: new Set(['TableName']),
  UpdateTimeToLive: new Set(['TableName', 'TimeToLiveSpecification']),
}

function checkParts(kind: string, input: object): void {
  const known = parts[kind]
  if (known === undefined) throw new UnknownRequest(`command '${kind}'`)
  for (const [part, value] of Object.entries(input)) {
    // The metrics of the store ask for it. No answer depends on it.
    if (known.has(part) || value === undefined || part === 'ReturnConsumedCapacity') continue
    throw new UnknownRequest(`'${part}' of '${kind}'`)
  }
}

const failedCondition = 'ConditionalCheckFailed'
/** No read shows an older state, in milliseconds. */
export const oldestRead = 100
// Longer than a delay of a transaction and the oldest read together, in milliseconds.
const timeToKeep = 1_000

export class SimulatedDatabase {
  readonly #tables = new Map<string, Map<string, Cell[]>>()
  readonly #transactions = new Map<string, { readonly items: unknown; readonly doneAt: number }>()
  readonly #chances: DatabaseChances
  readonly #now: () => number

  constructor(chances: DatabaseChances, now: () => number) {
    this.#chances = chances
    this.#now = now
  }

  /** Forgets the tokens of transactions, as DynamoDB does after ten minutes. */
  forgetTokens(): void {
    const now = this.#now()
    for (const [token, { doneAt }] of this.#transactions) if (doneAt <= now) this.#transactions.delete(token)
  }

  /** Executes a request. Throws the errors of the service. */
  execute({ command, input }: DatabaseRequest): Executed {
    checkParts(command, input)
    const now = this.#now()
    switch (command) {
      case 'GetItem':
        return { output: this.#get(input as GetInput), readyAt: now }
      case 'Query':
        return { output: this.#query(input as QueryInput), readyAt: now }
      case 'BatchGetItem':
        return { output: this.#batchGet(input as BatchGetInput), readyAt: now }
      case 'PutItem':
      case 'UpdateItem':
      case 'DeleteItem':
        return { output: this.#write(command, input as WriteInput), readyAt: now }
      case 'BatchWriteItem':
        return { output: this.#batchWrite(input as BatchWriteInput), readyAt: now }
      case 'TransactWriteItems':
        return this.#transact(input as TransactInput)
      case 'DescribeTable':
        return { output: tableDescription, readyAt: now }
      case 'DescribeTimeToLive':
        return { output: ttlDescription, readyAt: now }
      case 'UpdateTimeToLive':
        return { output: {}, readyAt: now }
      default:
        throw new UnknownRequest(`command '${command}'`)
    }
  }

  #partition(table: string, partition: string): Cell[] {
    const partitions = this.#tables.get(table) ?? new Map<string, Cell[]>()
    this.#tables.set(table, partitions)
    const cells = partitions.get(partition) ?? []
    partitions.set(partition, cells)
    return cells
  }

  #cell(table: string, { p, s }: Key): Cell {
    const cells = this.#partition(table, p.S)
    let low = 0
    let high = cells.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cells[middle] as Cell).sort < s.S) low = middle + 1
      else high = middle
    }
    const found = cells[low]
    if (found?.sort === s.S) return found
    if (!/^[ -~]*$/.test(s.S))
      throw new UnknownRequest(`sort key '${s.S}', which may sort otherwise in DynamoDB`)
    const created: Cell = { sort: s.S, versions: [] }
    cells.splice(low, 0, created)
    return created
  }

  /** The item as a read shows it. */
  #read({ versions }: Cell, consistent: boolean): Item | undefined {
    const at = this.#now() - (consistent ? 0 : Math.min(oldestRead, this.#chances.age()))
    return versions.findLast(({ visibleAt }) => visibleAt <= at)?.item
  }

  /** The item as a write finds it. */
  #latest({ versions }: Cell): Item | undefined {
    return versions.at(-1)?.item
  }

  #isBusy({ versions }: Cell): boolean {
    return (versions.at(-1)?.visibleAt ?? 0) > this.#now()
  }

  #store(cell: Cell, item: Item | undefined, visibleAt: number): void {
    const old = this.#now() - timeToKeep
    const first = cell.versions.findLastIndex((version) => version.visibleAt <= old)
    cell.versions = [...cell.versions.slice(Math.max(0, first)), { visibleAt, item }]
  }

  #get({ TableName, Key, ConsistentRead = false, ProjectionExpression, ...names }: GetInput): object {
    const item = this.#read(this.#cell(TableName, Key), ConsistentRead)
    return item === undefined ? {} : { Item: projected(ProjectionExpression, names, item) }
  }

  #query(input: QueryInput): object {
    const {
      TableName,
      ConsistentRead = false,
      ScanIndexForward = true,
      Limit,
      ExclusiveStartKey,
      Select,
    } = input
    const { partition, isIn } = keyRangeOf(input.KeyConditionExpression, input)
    const start = ExclusiveStartKey?.s.S
    const isAfterStart = ({ sort }: Cell) =>
      start === undefined || (ScanIndexForward ? sort > start : sort < start)
    let cells = this.#partition(TableName, partition).filter((cell) => isIn(cell.sort) && isAfterStart(cell))
    if (!ScanIndexForward) cells = cells.reverse()
    const items: Item[] = []
    let scanned = 0
    let last: Item | undefined
    for (const cell of cells) {
      const item = this.#read(cell, ConsistentRead)
      if (item === undefined) continue
      scanned++
      if (holds(input.FilterExpression, input, item))
        items.push(projected(input.ProjectionExpression, input, item))
      if (scanned !== Limit && !this.#chances.endsEarly()) continue
      last = { p: { S: partition }, s: { S: cell.sort } }
      break
    }
    if (Select !== undefined && Select !== 'COUNT') throw new UnknownRequest(`Select '${Select}'`)
    return {
      Count: items.length,
      ScannedCount: scanned,
      ...(Select === undefined && { Items: items }),
      ...(last !== undefined && { LastEvaluatedKey: last }),
    }
  }

  #batchGet({ RequestItems }: BatchGetInput): object {
    const Responses: Record<string, Item[]> = {}
    const UnprocessedKeys: Record<string, { Keys: Key[]; ConsistentRead: boolean }> = {}
    for (const [table, { Keys, ConsistentRead = false, ...others }] of Object.entries(RequestItems)) {
      if (Object.keys(others).length > 0)
        throw new UnknownRequest(`'${Object.keys(others)}' of 'BatchGetItem'`)
      const found: Item[] = []
      for (const key of Keys) {
        if (this.#chances.endsEarly()) {
          UnprocessedKeys[table] ??= { Keys: [], ConsistentRead }
          UnprocessedKeys[table].Keys.push(key)
          continue
        }
        const item = this.#read(this.#cell(table, key), ConsistentRead)
        if (item !== undefined) found.push(item)
      }
      Responses[table] = found
    }
    return { Responses, UnprocessedKeys }
  }

  #write(command: 'PutItem' | 'UpdateItem' | 'DeleteItem', input: WriteInput): object {
    const kind = ({ PutItem: 'Put', UpdateItem: 'Update', DeleteItem: 'Delete' } as const)[command]
    const cell = this.#cell(input.TableName, keyOf(input))
    if (this.#isBusy(cell)) throw serviceError('TransactionConflictException')
    const before = this.#latest(cell)
    if (!holds(input.ConditionExpression, input, before))
      throw serviceError('ConditionalCheckFailedException', shownItem(input, before))
    const after = written(kind, input, before)
    this.#store(cell, after, this.#now())
    const { ReturnValues = 'NONE' } = input
    if (ReturnValues === 'NONE') return {}
    if (ReturnValues === 'ALL_NEW') return { Attributes: after }
    if (ReturnValues === 'ALL_OLD') return before === undefined ? {} : { Attributes: before }
    throw new UnknownRequest(`ReturnValues '${ReturnValues}'`)
  }

  #batchWrite({ RequestItems }: BatchWriteInput): object {
    const UnprocessedItems: Record<string, object[]> = {}
    for (const [table, requests] of Object.entries(RequestItems)) {
      for (const request of requests) {
        const { PutRequest, DeleteRequest } = request
        const key = PutRequest?.Item ?? DeleteRequest?.Key
        if (key === undefined) throw new UnknownRequest(`'${Object.keys(request)}' of 'BatchWriteItem'`)
        const cell = this.#cell(table, key)
        if (this.#isBusy(cell) || this.#chances.endsEarly()) {
          UnprocessedItems[table] ??= []
          UnprocessedItems[table].push(request)
        } else this.#store(cell, PutRequest?.Item, this.#now())
      }
    }
    return { UnprocessedItems }
  }

  #transact({ TransactItems, ClientRequestToken }: TransactInput): Executed {
    const now = this.#now()
    const known = this.#transactions.get(ClientRequestToken)
    if (known !== undefined && !isDeepStrictEqual(known.items, TransactItems))
      throw serviceError('IdempotentParameterMismatchException')
    if (known !== undefined && known.doneAt > now) throw serviceError('TransactionInProgressException')
    if (known !== undefined) return { output: {}, readyAt: now }
    const actions = TransactItems.map((item) => {
      const [[kind, input] = [], ...others] = Object.entries(item)
      if (kind === undefined || others.length > 0)
        throw new UnknownRequest(`'${Object.keys(item)}' of a transaction`)
      checkParts(kind, input as object)
      const action = input as WriteInput
      return { kind: kind as TransactKind, input: action, cell: this.#cell(action.TableName, keyOf(action)) }
    })
    if (new Set(actions.map(({ cell }) => cell)).size < actions.length)
      throw new UnknownRequest('a transaction with two parts for one item')
    const reasons = actions.map(({ input, cell }) => {
      if (this.#isBusy(cell)) return { Code: 'TransactionConflict' }
      const before = this.#latest(cell)
      if (holds(input.ConditionExpression, input, before)) return { Code: 'None' }
      return { Code: failedCondition, ...shownItem(input, before) }
    })
    if (reasons.some(({ Code }) => Code !== 'None'))
      throw serviceError('TransactionCanceledException', { CancellationReasons: reasons })
    let readyAt = now
    for (const { kind, input, cell } of actions) {
      if (kind === 'ConditionCheck') continue
      const visibleAt = now + this.#chances.delay()
      readyAt = Math.max(readyAt, visibleAt)
      this.#store(cell, written(kind, input, this.#latest(cell)), visibleAt)
    }
    this.#transactions.set(ClientRequestToken, { items: TransactItems, doneAt: readyAt })
    return { output: {}, readyAt }
  }
}

const tableDescription = {
  Table: {
    TableStatus: 'ACTIVE',
    KeySchema: [
      { AttributeName: 'p', KeyType: 'HASH' },
      { AttributeName: 's', KeyType: 'RANGE' },
    ],
  },
}
const ttlDescription = { TimeToLiveDescription: { TimeToLiveStatus: 'DISABLED' } }

function keyOf({ Key, Item }: WriteInput): Key {
  const key = Key ?? Item
  if (key === undefined) throw new UnknownRequest('a write without a key')
  return key
}

/** The stored item, as the failure of its condition shows it. */
function shownItem(
  { ReturnValuesOnConditionCheckFailure: shown = 'NONE' }: WriteInput,
  item: Item | undefined,
): object {
  if (shown !== 'ALL_OLD' && shown !== 'NONE') throw new UnknownRequest(`'${shown}' of a failed condition`)
  return shown === 'ALL_OLD' && item !== undefined ? { Item: item } : {}
}

function written(
  kind: 'Put' | 'Update' | 'Delete',
  input: WriteInput,
  before: Item | undefined,
): Item | undefined {
  if (kind === 'Put') return input.Item
  if (kind === 'Delete') return undefined
  if (input.UpdateExpression === undefined) throw new UnknownRequest('an update without an expression')
  const { p, s } = keyOf(input)
  return updated(input.UpdateExpression, input, before ?? { p, s })
}
