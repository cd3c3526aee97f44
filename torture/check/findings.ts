/** The findings of the checker: how many of each kind, and the first few of each kind in words. */

/**
 * lost: acknowledged, but absent; or only a part of an operation is recorded.
 * duplicated: the same operation or the same event id is recorded twice, or an event was counted twice.
 * out-of-order: a gap or a step back in a stream or in the log, for a reader or a handler; or an answer with a wrong place.
 * skipped: in the log, but never delivered to a follower.
 * stale: the state that an operation saw or was decided on was not the state just before it.
 * phantom: seen, delivered or recorded, although it never happened.
 */
export const findingKinds = ['lost', 'duplicated', 'out-of-order', 'skipped', 'stale', 'phantom'] as const

export type FindingKind = (typeof findingKinds)[number]

const examplesOfEach = 5

export class Findings {
  readonly counts: Readonly<Record<FindingKind, number>> = {
    lost: 0,
    duplicated: 0,
    'out-of-order': 0,
    skipped: 0,
    stale: 0,
    phantom: 0,
  }
  readonly examples: string[] = []

  note(kind: FindingKind, example: string, times = 1): void {
    if (times === 0) return
    const counts: Record<FindingKind, number> = this.counts
    if (counts[kind] < examplesOfEach) this.examples.push(`${kind}: ${example}`)
    counts[kind] += times
  }

  get isClean(): boolean {
    return findingKinds.every((kind) => this.counts[kind] === 0)
  }
}
