/**
 * Evaluates DynamoDB's expressions: conditions, updates and projections. It knows what the store sends, and throws an
 * `UnknownRequest` on anything else: the simulation must never be wrong without notice.
 */
import { type Attribute, type Item, number } from '../../../src/dynamodb/requests/attributes.ts'

/** Thrown when the simulation does not know a request, or a part of it. */
export class UnknownRequest extends Error {}

/** The names and values that an expression refers to. */
export interface Placeholders {
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>
  readonly ExpressionAttributeValues?: Readonly<Record<string, Attribute>>
}

type Condition = (item: Item | undefined) => boolean
type Operand = (item: Item | undefined) => Attribute | undefined
type Change = (before: Item, after: Record<string, Attribute>) => void

const tokenPattern = /\s*(<>|<=|>=|[=<>+\-(),]|[#:]?[A-Za-z_][A-Za-z0-9_]*)/y
const keywords = new Set(['AND', 'OR', 'NOT', 'BETWEEN', 'IN', 'SET', 'ADD', 'REMOVE', 'DELETE'])
const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}

const tokensByText = new Map<string, readonly string[]>()

function tokensOf(text: string): readonly string[] {
  const known = tokensByText.get(text)
  if (known !== undefined) return known
  const tokens: string[] = []
  tokenPattern.lastIndex = 0
  const trimmed = text.trimEnd()
  while (tokenPattern.lastIndex < trimmed.length) {
    const from = tokenPattern.lastIndex
    const match = tokenPattern.exec(trimmed)
    if (match === null) throw new UnknownRequest(`expression '${text}' from character ${from}`)
    tokens.push(match[1] as string)
  }
  tokensByText.set(text, tokens)
  return tokens
}

/** Returns the order of two values of one type; undefined if their types differ. */
function orderOf(a: Attribute | undefined, b: Attribute | undefined): number | undefined {
  if (a === undefined || b === undefined) return undefined
  if ('N' in a && 'N' in b) return Number(a.N) - Number(b.N)
  if ('S' in a && 'S' in b) return Buffer.compare(Buffer.from(a.S), Buffer.from(b.S))
  if ('B' in a && 'B' in b) return Buffer.compare(a.B, b.B)
  if ('BOOL' in a && 'BOOL' in b) return Number(a.BOOL) - Number(b.BOOL)
  return undefined
}

class Parser {
  readonly #text: string
  readonly #tokens: readonly string[]
  readonly #placeholders: Placeholders
  #at = 0

  constructor(text: string, placeholders: Placeholders) {
    this.#text = text
    this.#tokens = tokensOf(text)
    this.#placeholders = placeholders
  }

  get isAtEnd(): boolean {
    return this.#at === this.#tokens.length
  }

  condition(): Condition {
    let left = this.#conjunction()
    while (this.#take('OR')) {
      const [first, second] = [left, this.#conjunction()]
      left = (item) => first(item) || second(item)
    }
    return left
  }

  #conjunction(): Condition {
    let left = this.#negation()
    while (this.#take('AND')) {
      const [first, second] = [left, this.#negation()]
      left = (item) => first(item) && second(item)
    }
    return left
  }

  #negation(): Condition {
    if (this.#take('NOT')) {
      const negated = this.#negation()
      return (item) => !negated(item)
    }
    if (this.#take('(')) {
      const inner = this.condition()
      this.#expect(')')
      return inner
    }
    return this.#test()
  }

  #test(): Condition {
    const [name, bracket] = [this.#tokens[this.#at], this.#tokens[this.#at + 1]]
    if (bracket === '(' && name !== undefined) {
      this.#at += 2
      return this.#function(name)
    }
    const left = this.#operand()
    if (this.#take('BETWEEN')) {
      const from = this.#operand()
      this.#expect('AND')
      const to = this.#operand()
      return (item) => {
        const value = left(item)
        return (orderOf(value, from(item)) ?? -1) >= 0 && (orderOf(value, to(item)) ?? 1) <= 0
      }
    }
    const comparison = this.#next()
    const holds = comparisons[comparison]
    if (holds === undefined) throw this.#unknown(comparison)
    const right = this.#operand()
    return (item) => {
      const order = orderOf(left(item), right(item))
      // A value that does not exist differs from each other one, and so does a value of another type.
      return order === undefined ? comparison === '<>' : holds(order)
    }
  }

  #function(name: string): Condition {
    const path = this.#path()
    if (name === 'attribute_exists' || name === 'attribute_not_exists') {
      this.#expect(')')
      return (item) => (item?.[path] !== undefined) === (name === 'attribute_exists')
    }
    this.#expect(',')
    const operand = this.#operand()
    this.#expect(')')
    const texts = (item: Item | undefined) => {
      const [value, part] = [item?.[path], operand(item)]
      return value !== undefined && part !== undefined && 'S' in value && 'S' in part
        ? ([value.S, part.S] as const)
        : undefined
    }
    if (name === 'contains' || name === 'begins_with') {
      return (item) => {
        const [value, part] = texts(item) ?? []
        if (value === undefined || part === undefined) return false
        return name === 'contains' ? value.includes(part) : value.startsWith(part)
      }
    }
    throw this.#unknown(name)
  }

  /** Returns the changes of an update expression, in the order of its clauses. */
  changes(): readonly Change[] {
    const changes: Change[] = []
    while (!this.isAtEnd) {
      const clause = this.#next()
      const change = { SET: () => this.#set(), ADD: () => this.#add(), REMOVE: () => this.#remove() }[clause]
      if (change === undefined) throw this.#unknown(clause)
      do changes.push(change())
      while (this.#take(','))
    }
    return changes
  }

  #set(): Change {
    const path = this.#path()
    this.#expect('=')
    let value = this.#operand()
    const sign = this.#take('+') ? 1 : this.#take('-') ? -1 : 0
    if (sign !== 0) {
      const [left, right] = [value, this.#operand()]
      value = (item) => number(this.#numberOf(left(item)) + sign * this.#numberOf(right(item)))
    }
    return (before, after) => {
      const result = value(before)
      if (result === undefined) throw this.#unknown(`a value of ${path} that does not exist`)
      after[path] = result
    }
  }

  #add(): Change {
    const path = this.#path()
    const operand = this.#operand()
    return (before, after) => {
      const sum = this.#numberOf(before[path] ?? number(0)) + this.#numberOf(operand(before))
      after[path] = number(sum)
    }
  }

  #remove(): Change {
    const path = this.#path()
    return (_, after) => {
      delete after[path]
    }
  }

  #operand(): Operand {
    const token = this.#tokens[this.#at] ?? ''
    if (token === 'if_not_exists') {
      this.#at++
      this.#expect('(')
      const path = this.#path()
      this.#expect(',')
      const otherwise = this.#operand()
      this.#expect(')')
      return (item) => item?.[path] ?? otherwise(item)
    }
    if (token.startsWith(':')) {
      this.#at++
      const value = this.#placeholders.ExpressionAttributeValues?.[token]
      if (value === undefined) throw this.#unknown(token)
      return () => value
    }
    const path = this.#path()
    return (item) => item?.[path]
  }

  /** Returns the name of an attribute. */
  path(): string {
    return this.#path()
  }

  #path(): string {
    const token = this.#next()
    if (token.startsWith('#')) {
      const name = this.#placeholders.ExpressionAttributeNames?.[token]
      if (name === undefined) throw this.#unknown(token)
      return name
    }
    if (!/^[A-Za-z_]/.test(token) || keywords.has(token)) throw this.#unknown(token)
    return token
  }

  #numberOf(value: Attribute | undefined): number {
    if (value === undefined || !('N' in value)) throw this.#unknown('a sum of other values than numbers')
    return Number(value.N)
  }

  take(token: string): boolean {
    return this.#take(token)
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false
    this.#at++
    return true
  }

  #next(): string {
    const token = this.#tokens[this.#at++]
    if (token === undefined) throw this.#unknown('its end')
    return token
  }

  #expect(token: string): void {
    const found = this.#next()
    if (found !== token) throw this.#unknown(found)
  }

  #unknown(what: string): UnknownRequest {
    return new UnknownRequest(`expression '${this.#text}': ${what}`)
  }

  end(): void {
    if (!this.isAtEnd) throw this.#unknown(this.#tokens[this.#at] as string)
  }
}

/** Returns whether a condition holds for an item; undefined: there is no item. No expression: it holds. */
export function holds(
  expression: string | undefined,
  placeholders: Placeholders,
  item: Item | undefined,
): boolean {
  if (expression === undefined) return true
  const parser = new Parser(expression, placeholders)
  const condition = parser.condition()
  parser.end()
  return condition(item)
}

/** Returns the item that an update makes of another. All its operands are values before the update. */
export function updated(expression: string, placeholders: Placeholders, before: Item): Item {
  const after = { ...before }
  for (const change of new Parser(expression, placeholders).changes()) change(before, after)
  return after
}

/** Returns the attributes that a projection expression names. No expression: all. */
export function projected(expression: string | undefined, placeholders: Placeholders, item: Item): Item {
  if (expression === undefined) return item
  const parser = new Parser(expression, placeholders)
  const names: string[] = []
  do names.push(parser.path())
  while (parser.take(','))
  parser.end()
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = item[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

/** The partition and the range of sort keys that a query reads. */
export interface KeyRange {
  readonly partition: string
  readonly isIn: (sort: string) => boolean
}

// The forms that the store sends, and their test of a sort key.
const keyConditions: Readonly<Record<string, (sort: string, values: readonly string[]) => boolean>> = {
  'p = :p': () => true,
  'p = :p AND s BETWEEN :from AND :to': (sort, [, from = '', to = '']) => sort >= from && sort <= to,
  'p = :p AND s > :from': (sort, [, from = '']) => sort > from,
  'p = :p AND s >= :from': (sort, [, from = '']) => sort >= from,
}

export function keyRangeOf(expression: string, { ExpressionAttributeValues = {} }: Placeholders): KeyRange {
  const test = keyConditions[expression]
  if (test === undefined) throw new UnknownRequest(`key condition '${expression}'`)
  const values = (expression.match(/:\w+/g) ?? []).map((name) => {
    const value = ExpressionAttributeValues[name]
    if (value === undefined || !('S' in value))
      throw new UnknownRequest(`key condition '${expression}': ${name}`)
    return value.S
  })
  return { partition: values[0] as string, isIn: (sort) => test(sort, values) }
}
