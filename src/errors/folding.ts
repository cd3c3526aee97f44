/** Errors of folding in place. */
import { EventSourcedError } from './base.ts'

/**
 * Why a fold in place failed. 'result': the function that was passed to `inPlace` returned a value. 'initial-state':
 * `initialState` returned an object that it had returned before, or a value that cannot be changed. 'state':
 * `structuredClone` cannot copy the state, or the state is a value that cannot be changed.
 */
export type FoldInPlaceReason = 'result' | 'initial-state' | 'state'

/**
 * A fold in place would lose a change, or change a state that another caller has. If a command handler throws this error
 * for an event of its own command, that event is recorded.
 */
export class FoldInPlaceError extends EventSourcedError {
  readonly code = 'fold-in-place'
  readonly reason: FoldInPlaceReason
  /** The value at fault, such as `state.taken` or `the result for 'Reserved'`. */
  readonly part: string
  constructor(reason: FoldInPlaceReason, part: string, problem: string, options?: ErrorOptions) {
    super(`Cannot fold in place: ${part} ${problem}`, options)
    this.reason = reason
    this.part = part
  }
}
