/** What the checker found: how much of each kind, and the first of them in words. */

/**
 * lost: acknowledged, and absent; or one half of what was to happen whole.
 * duplicated: the same operation, or the same event id, twice; or an event that was counted twice.
 * out-of-order: gaps or steps back in a stream or in the log, for whoever reads or handles it; an answer that told another place.
 * skipped: in the log, but never delivered to somebody who followed it.
 * stale: what an operation saw or was decided on was not what came just before it.
 * phantom: seen, delivered or recorded, though it never happened.
 */
export const faults = ['lost', 'duplicated', 'out-of-order', 'skipped', 'stale', 'phantom'] as const

export type Fault = (typeof faults)[number]

const examplesOfEach = 5

export class Findings {
  readonly counts: Readonly<Record<Fault, number>> = {
    lost: 0,
    duplicated: 0,
    'out-of-order': 0,
    skipped: 0,
    stale: 0,
    phantom: 0,
  }
  readonly examples: string[] = []

  note(fault: Fault, example: string, times = 1): void {
    if (times === 0) return
    const counts: Record<Fault, number> = this.counts
    if (counts[fault] < examplesOfEach) this.examples.push(`${fault}: ${example}`)
    counts[fault] += times
  }

  get isClean(): boolean {
    return faults.every((fault) => this.counts[fault] === 0)
  }
}
