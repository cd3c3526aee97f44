/** Reads the options of a call: each property once, so that a getter cannot return another value after the check. */
import { readSafely, refuse } from './refusal.ts'

const none: object = Object.freeze({})

/**
 * Returns the options with these names; an option that is undefined is left out. Checks that `options` is an object and
 * that `signal` is an AbortSignal. The caller checks the other values. `within`: what errors put before the name of an
 * option, such as `snapshot.`.
 * @throws InvalidInputError
 */
export function optionsOf<Options extends object, Name extends keyof Options & string>(
  options: Options | undefined,
  names: readonly Name[],
  field = 'options',
  within = '',
): Pick<Options, Name> {
  if (options === undefined) return none as Pick<Options, Name>
  return readSafely(field, options, () => {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      refuse(field, 'must be an object', options)
    }
    const read: Partial<Pick<Options, Name>> = {}
    for (const name of names) {
      const value = readSafely(within + name, options, () => options[name])
      if (value === undefined) continue
      read[name] = name === 'signal' ? (checkedSignal(value) as typeof value) : value
    }
    return read as Pick<Options, Name>
  })
}

/**
 * Refuses properties that the call does not know, for an object where a misspelled one would change what the caller means.
 * @throws InvalidInputError
 */
export function checkProperties(value: object, names: readonly string[], field: string): void {
  const properties = readSafely(field, value, () => Object.keys(value))
  const unknown = properties.find((property) => !names.includes(property))
  if (unknown === undefined) return
  const shown = unknown.slice(0, 40)
  refuse(field, `must have no other properties than ${names.join(', ')}, but has ${shown}`, value)
}

/** `AbortSignal.any` refuses a signal of another realm, so a signal of this realm follows each of these. */
const followers = new WeakMap<AbortSignal, AbortSignal>()

function checkedSignal(value: unknown): AbortSignal {
  // An object that only inherits from a signal throws when its properties are read.
  if (!readSafely('signal', value, () => isSignal(value))) refuse('signal', 'must be an AbortSignal', value)
  if (value instanceof AbortSignal) return value
  const signal = value as AbortSignal
  const known = followers.get(signal)
  if (known !== undefined) return known
  const follower = new AbortController()
  const abort = () => follower.abort(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  followers.set(signal, follower.signal)
  return follower.signal
}

function isSignal(value: unknown): boolean {
  const { aborted, addEventListener, throwIfAborted } = (value ?? {}) as Partial<AbortSignal>
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof throwIfAborted === 'function'
  )
}
