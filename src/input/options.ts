/** The options of a call: an object, of which each property is read once, and of what kind those are that many calls have. */
import { readSafely, refuse } from './refusal.ts'

const none: object = Object.freeze({})

/** The options of these names. A signal among them is one; what else they must be is the caller's to check. */
export function optionsOf<Options extends object, Name extends keyof Options & string>(
  options: Options | undefined,
  names: readonly Name[],
  field = 'options',
): Pick<Options, Name> {
  if (options === undefined) return none as Pick<Options, Name>
  return readSafely(field, options, () => {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      refuse(field, 'must be an object', options)
    }
    const read: Partial<Pick<Options, Name>> = {}
    for (const name of names) {
      const value = readSafely(name, options, () => options[name])
      if (value === undefined) continue
      read[name] = name === 'signal' ? (ownSignal(value) as typeof value) : value
    }
    return read as Pick<Options, Name>
  })
}

/** As `AbortSignal.any` takes none of another realm, one of our own follows each. */
const followers = new WeakMap<AbortSignal, AbortSignal>()

function ownSignal(value: unknown): AbortSignal {
  // What only inherits from a signal throws when it is asked.
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
