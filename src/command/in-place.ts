/**
 * Folding in place: an `evolve` that changes its state. A pure `evolve` that spreads a state of n parts copies n parts for
 * each event, so that n events take time in proportion to n².
 */
import { FoldInPlaceError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { checkFunction } from '../input/checks.ts'
import { beginning } from '../input/refusal.ts'
import { copyOfJson } from '../log/event-copy.ts'
import { copyOfState, newState } from './state-parts.ts'

/** A function that changes a state, as `inPlace` takes it. `rest`: the event, and for a projection the key. */
type Change = (state: unknown, ...rest: readonly unknown[]) => undefined

const changes = new WeakMap<object, Change>()

/**
 * Returns an `evolve` for a decider or a projection, made of a function that changes the state and returns nothing. Use it
 * for states of many parts, which take long to copy. A fold passes `change` a state that nobody else has: if the state
 * cache or the caller has it too, the fold copies it first (`structuredClone`), once for all events. The event is a copy,
 * so `change` may put parts of its data into the state.
 *
 * The state must be an object or an array that `structuredClone` can copy, and `initialState` must create a new one in
 * each call. If you call the returned function yourself, it changes a copy of the state, and returns that copy.
 * @throws InvalidInputError if `change` is no function. A fold throws a `FoldInPlaceError` if `change` returns a value,
 * or if the state breaks these rules
 */
export function inPlace<State extends object, Rest extends readonly unknown[]>(
  change: (state: State, ...rest: Rest) => undefined,
): (state: State, ...rest: Rest) => State {
  checkFunction(change, 'change')
  const known = change as unknown as Change
  function evolve(this: unknown, state: State, ...rest: Rest): State {
    const copy = copyOfState(state)
    applyChange(known, this, copy, rest)
    return copy
  }
  changes.set(evolve, known)
  return evolve
}

/** Returns the function that `inPlace` has made this `evolve` of; `undefined` if the `evolve` is a pure one. */
export function changeOf(evolve: object): Change | undefined {
  return changes.get(evolve)
}

/**
 * Changes a state, which nobody else may have. `self`: the decider or projection, the `this` of the change.
 * @throws FoldInPlaceError if the change returns a value
 */
export function applyChange(change: Change, self: unknown, state: unknown, rest: readonly unknown[]): void {
  // The state may keep a part of the event, and change it for a later event. Other readers must not see that.
  const result: unknown = change.call(self, state, ...rest.map(copyOfJson))
  if (result === undefined) return
  if (result instanceof Promise) result.catch(() => {})
  const problem = `is ${beginning(result)}, which would be lost: the function that is passed to inPlace must change the state that it gets, without await, and return nothing`
  throw new FoldInPlaceError('result', `the result for ${typeOf(rest)}`, problem)
}

function typeOf(rest: readonly unknown[]): string {
  const event = rest.find(
    (one) => typeof (one as Partial<RecordedEvent> | null | undefined)?.type === 'string',
  )
  return event === undefined ? 'an event' : `'${(event as RecordedEvent).type}'`
}

/** Applies a change for several events, to a copy of the state if `isShared`. Returns the changed state. */
export function foldInPlace<State>(
  change: Change,
  self: unknown,
  state: State,
  isShared: boolean,
  events: Iterable<RecordedEvent>,
): State {
  let own = isShared ? undefined : state
  for (const event of events) {
    own ??= copyOfState(state)
    applyChange(change, self, own, [event])
  }
  return own ?? state
}

/**
 * Returns the initial state for this `evolve`.
 * @throws FoldInPlaceError if `evolve` changes the state in place, and `make` does not return a new one in each call
 */
export function initialStateFor<State>(evolve: object, make: () => State): State {
  return changeOf(evolve) === undefined ? make() : newState(make)
}
