/** The objects that a state consists of: copies them, and refuses a state that `structuredClone` would not copy exactly. */
import { types } from 'node:util'
import { FoldInPlaceError, type FoldInPlaceReason } from '../errors/index.ts'
import { beginning } from '../input/refusal.ts'

/** An object within a state, and the way to it: its key or index in the part that it is within. */
interface Part {
  readonly value: object
  readonly key: unknown
  readonly within: Part | undefined
}

/**
 * Returns a copy of a state. @throws FoldInPlaceError if `structuredClone` cannot copy it
 */
export function copyOfState<State>(state: State): State {
  visitParts(state, 'state', () => {})
  try {
    return structuredClone(state)
  } catch (cause) {
    throw new FoldInPlaceError('state', 'state', `cannot be copied by structuredClone; ${advice}`, { cause })
  }
}

/**
 * Returns a new initial state that nobody else has.
 * @throws FoldInPlaceError if two calls of `make` return the same object, at any depth
 */
export function newState<State>(make: () => State): State {
  const others = new Set<object>()
  visitParts(make(), 'initial-state', ({ value }) => others.add(value))
  const state = make()
  visitParts(state, 'initial-state', (part) => {
    if (!others.has(part.value)) return
    const problem =
      'is the same object each time that initialState is called, so one stream would change the state of another; create it inside initialState'
    throw new FoldInPlaceError('initial-state', pathOf(part), problem)
  })
  return state
}

/**
 * Calls `visit` once for each object of a state.
 * @throws FoldInPlaceError with this reason if the state is no object, or `structuredClone` would not copy it exactly
 */
function visitParts(state: unknown, reason: FoldInPlaceReason, visit: (part: Part) => void): void {
  if (typeof state !== 'object' || state === null) {
    const problem = `must be an object or an array, because a change of ${beginning(state)} would be lost`
    throw new FoldInPlaceError(reason, 'state', problem)
  }
  const seen = new Set<object>([state])
  // A list and no recursion: a state may be nested deeper than the call stack.
  const waiting: Part[] = [{ value: state, key: undefined, within: undefined }]
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    const within = part
    visit(within)
    visitMembers(within, reason, (value, key) => {
      if (typeof value !== 'object' || value === null)
        refuseCopy({ value: within.value, key, within }, reason, value)
      if (seen.has(value)) return
      seen.add(value)
      waiting.push({ value, key, within })
    })
  }
}

/** Calls `visit` with the members of a part, and their keys. Leaves out primitive values, which any copy has. */
function visitMembers(
  part: Part,
  reason: FoldInPlaceReason,
  visit: (member: unknown, key: unknown) => void,
): void {
  const { value } = part
  switch (kindOf(value)) {
    case 'plain':
      checkProperties(part, reason)
      for (const key of Object.keys(value)) {
        const member = (value as Record<string, unknown>)[key]
        if (!isPrimitive(member)) visit(member, key)
      }
      return
    case 'array':
      for (let index = 0; index < (value as unknown[]).length; index++) {
        const member = (value as unknown[])[index]
        if (!isPrimitive(member)) visit(member, index)
      }
      return
    case 'collection':
      for (const [key, member] of (value as Map<unknown, unknown> | Set<unknown>).entries()) {
        if (!isPrimitive(key)) visit(key, key)
        if (!isPrimitive(member)) visit(member, key)
      }
      return
    case 'leaf':
      return
    case undefined:
      refuseCopy(part, reason, value)
  }
}

/** Returns true for a value that `structuredClone` copies and that has no members. */
function isPrimitive(value: unknown): boolean {
  switch (typeof value) {
    case 'object':
      return value === null
    case 'function':
    case 'symbol':
      return false
    default:
      return true
  }
}

/** Refuses properties that a copy would not have, and getters: the copy would keep their present result. */
function checkProperties(part: Part, reason: FoldInPlaceReason): void {
  const { value } = part
  if (Object.getOwnPropertySymbols(value).length > 0) refuseCopy(part, reason, value)
  // The look at every property would double the time of a copy. Only `initialState` is likely to make a getter.
  if (reason !== 'initial-state') return
  for (const [key, { get }] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    if (get !== undefined) refuseCopy({ value, key, within: part }, reason, get)
  }
}

/** What `structuredClone` makes of an object; `undefined` if the copy would not be the same as the object. */
function kindOf(value: object): 'plain' | 'array' | 'collection' | 'leaf' | undefined {
  const prototypes = prototypesOf(value)
  if (prototypes === 1) return 'plain'
  if (prototypes === 2) {
    if (Array.isArray(value)) return 'array'
    if (types.isMap(value) || types.isSet(value)) return 'collection'
    const isLeaf = types.isDate(value) || types.isRegExp(value) || types.isAnyArrayBuffer(value)
    return isLeaf || types.isDataView(value) ? 'leaf' : undefined
  }
  return prototypes === 3 && types.isTypedArray(value) ? 'leaf' : undefined
}

/** Counts the prototypes of an object. An object of a subclass has more of them than one of the built-in class. */
function prototypesOf(value: object): number {
  let count = 0
  for (let next = Object.getPrototypeOf(value); next !== null; next = Object.getPrototypeOf(next)) count++
  return count
}

const advice =
  'keep plain objects, arrays, maps, sets and dates in the state, or use an evolve without inPlace'

function refuseCopy(part: Part, reason: FoldInPlaceReason, value: unknown): never {
  const isBare = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null
  const what = isBare ? 'an object without a prototype' : beginning(value)
  const problem = `is ${what}, which structuredClone does not copy as what it is; ${advice}`
  throw new FoldInPlaceError(reason, pathOf(part), problem)
}

const mostSteps = 8

/** Returns the path of a part, such as `state.nights["2026-12-24"]`, for an error. */
function pathOf(part: Part): string {
  const steps: string[] = []
  for (let next = part; next.within !== undefined; next = next.within) {
    const { key } = next
    const isName = typeof key === 'string' && /^[a-z_]\w{0,39}$/i.test(key)
    steps.unshift(isName ? `.${key}` : `[${beginning(key)}]`)
  }
  return `state${steps.slice(0, mostSteps).join('')}${steps.length > mostSteps ? '…' : ''}`
}
