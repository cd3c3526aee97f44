/**
 * The outcome of each operation, from all its tries. A refusal is final: the expected version does not come again, and a
 * retry of an operation that happened returns the first result, not a refusal.
 */
import type { Appended, Invocation, OperationLine, Seen } from '../operation.ts'

export interface Outcome {
  readonly invocation: Invocation
  /** When the first try began. */
  readonly begin: number
  /** When a client first knew that it happened; Infinity if no client knows. */
  end: number
  /** 'ok': it happened. 'failed': it was refused at least once, so it never happens. 'unknown': it may have happened. */
  state: 'ok' | 'failed' | 'unknown'
  /** When it was first refused; Infinity if it was not. */
  refused: number
  /** The answers to all tries, which must agree. */
  readonly answers: (readonly Appended[])[]
  /** The state that a read saw. */
  seen: Seen | undefined
}

export function outcomesOf(lines: readonly OperationLine[]): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>()
  for (const line of lines) {
    const { op } = line
    const known = outcomes.get(op)
    if (line.what === 'invoke') {
      if (known === undefined) outcomes.set(op, begun(line))
    } else if (known === undefined) {
      throw new Error(`A history has the end of ${op}, but not its beginning`)
    } else if (line.what === 'ok') {
      known.state = 'ok'
      known.end = Math.min(known.end, line.at)
      if (line.appended !== undefined) known.answers.push(line.appended)
      known.seen = line.seen
    } else if (line.what === 'fail') {
      known.refused = Math.min(known.refused, line.at)
    }
  }
  for (const outcome of outcomes.values()) if (Number.isFinite(outcome.refused)) outcome.state = 'failed'
  return outcomes
}

const begun = (invocation: Invocation): Outcome => ({
  invocation,
  begin: invocation.at,
  end: Number.POSITIVE_INFINITY,
  state: 'unknown',
  refused: Number.POSITIVE_INFINITY,
  answers: [],
  seen: undefined,
})
