/**
 * What is known of each operation, from all its tries. A refusal is final: the version that was expected does not come again, and
 * who tries again what was done is given the first result, and no refusal.
 */
import type { Appended, Invocation, OperationLine, Seen } from '../operation.ts'

export interface Outcome {
  readonly invocation: Invocation
  /** When it was first tried. */
  readonly begin: number
  /** When it was first known to have happened; Infinity if nobody knows. */
  end: number
  /** 'ok': it happened. 'failed': it was refused, at least once, and so never happens. 'unknown': it may have. */
  state: 'ok' | 'failed' | 'unknown'
  /** When it was first refused. */
  refused: number
  /** What the answers told; a repeated call must have told the same. */
  readonly answers: (readonly Appended[])[]
  /** What a read saw. */
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
      throw new Error(`A history tells how ${op} ended, but not that it began`)
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
