/** What is known of each operation, from all its tries. */
import type { Appended, Invocation, OperationLine, Seen } from '../operation.ts'

export interface Outcome {
  readonly invocation: Invocation
  /** When it was first tried. */
  readonly begin: number
  /** When it was first known to have happened; Infinity if nobody knows. */
  end: number
  /** 'ok': it happened. 'failed': it did not. 'unknown': it may have. */
  state: 'ok' | 'failed' | 'unknown'
  /** What the answers told; a repeated call must have told the same. */
  readonly answers: (readonly Appended[])[]
  /** What a read saw. */
  seen: Seen | undefined
}

export function outcomesOf(lines: readonly OperationLine[]): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>()
  const open = new Map<string, number>()
  for (const line of lines) {
    const { op } = line
    const known = outcomes.get(op)
    if (line.what === 'invoke') {
      if (known === undefined) outcomes.set(op, begun(line))
      open.set(op, (open.get(op) ?? 0) + 1)
    } else if (known === undefined) {
      throw new Error(`A history tells how ${op} ended, but not that it began`)
    } else if (line.what === 'ok') {
      known.state = 'ok'
      known.end = Math.min(known.end, line.at)
      if (line.appended !== undefined) known.answers.push(line.appended)
      known.seen = line.seen
    } else if (line.what === 'fail') {
      open.set(op, (open.get(op) ?? 0) - 1)
    }
  }
  // Only what failed as often as it was tried is known not to have happened.
  for (const [op, outcome] of outcomes) {
    if (outcome.state !== 'ok') outcome.state = open.get(op) === 0 ? 'failed' : 'unknown'
  }
  return outcomes
}

const begun = (invocation: Invocation): Outcome => ({
  invocation,
  begin: invocation.at,
  end: Number.POSITIVE_INFINITY,
  state: 'unknown',
  answers: [],
  seen: undefined,
})
