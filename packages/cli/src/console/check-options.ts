/** Checks the options of `console`. A wrong one could show what must stay hidden, or do what must not be done. */
import { InvalidInputError } from '@eventsourced/core'
import type { ConsoleOptions } from './options.ts'

export const tokenRule = 'must have at least 8 characters, all of them letters, digits or signs of ASCII'
/** Whether an HTTP header can carry the token, and few tries cannot find it. */
export const isToken = (token: unknown): boolean => typeof token === 'string' && /^[!-~]{8,}$/.test(token)

const hostName = /^([a-z0-9_-]+\.)*[a-z0-9_-]+$|^\[[0-9a-f:.]+\]$/i
// The longest time that a timer of Node.js can run, in milliseconds.
const longestTimer = 2 ** 31 - 1

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isFunction = (value: unknown): boolean => typeof value === 'function'
const isHost = (value: unknown): boolean => typeof value === 'string' && hostName.test(value)
const isDecider = (value: unknown): boolean => isObject(value) && isFunction(value.evolve)
const isProjection = (value: unknown): boolean => isObject(value) && typeof value.name === 'string'
const isTime = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= longestTimer

/** Each option: whether it may have a value, and what to say if not. */
const rules: { readonly [Option in keyof ConsoleOptions]-?: readonly [(value: unknown) => boolean, string] } =
  {
    store: [(value) => isObject(value) && isFunction(value.readStream), 'must be a store'],
    name: [(value) => typeof value === 'string', 'must be a text'],
    deciders: [
      (value) => isObject(value) && Object.values(value).every(isDecider),
      'must be an object of deciders, by their names',
    ],
    projections: [
      (value) => Array.isArray(value) && value.every(isProjection),
      'must be an array of projections',
    ],
    readOnly: [(value) => typeof value === 'boolean', 'must be true or false'],
    redact: [isFunction, 'must be a function'],
    token: [isToken, tokenRule],
    hosts: [
      (value) => Array.isArray(value) && value.every(isHost),
      'must be an array of names without ports, such as ops.example.org',
    ],
    actor: [isFunction, 'must be a function'],
    timeout: [isTime, `must be a whole number from 1 to ${longestTimer}, in milliseconds`],
    metrics: [
      (value) => isObject(value) && isFunction(value.read),
      'must be a source such as `consoleMetrics()`',
    ],
    onError: [isFunction, 'must be a function'],
  }

/** Returns what the value of an option must be; undefined if it may have this one. */
export function brokenRule(name: keyof ConsoleOptions, value: unknown): string | undefined {
  const [isRight, rule] = rules[name]
  return isRight(value) ? undefined : rule
}

/** @throws InvalidInputError if an option is wrong, or is none */
export function checkOptions(options: ConsoleOptions): void {
  if (!isObject(options)) {
    throw new InvalidInputError('options', 'must be an object with a `store`', shown(options))
  }
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(rules, name)) {
      throw new InvalidInputError(
        name,
        `is no option of console: it has ${Object.keys(rules).join(', ')}`,
        shown(options[name]),
      )
    }
  }
  for (const name of Object.keys(rules) as (keyof ConsoleOptions)[]) {
    const value: unknown = options[name]
    if (value === undefined && name !== 'store') continue
    const rule = brokenRule(name, value)
    if (rule === undefined) continue
    throw new InvalidInputError(name, rule, name === 'token' ? 'another value' : shown(value))
  }
}

/** An object may have no text. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
