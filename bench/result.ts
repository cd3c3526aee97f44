/** The result of a case: its figures, and whether they meet the target. */
import type { CallTimes } from './call-times.ts'
import type { Case, Turn } from './case.ts'

/** One entry of the file that `--json` writes. The figures of a case that did not run are null. */
export interface Result {
  readonly case: string
  readonly group: string
  /** Medians over the rounds. */
  readonly ours: number | null
  readonly peer: number | null
  readonly oursName: string
  readonly peerName: string | null
  readonly unit: string
  /** The median of the rounds' own ratios. Null without a peer: then `ours` is compared with the target. */
  readonly ratio: number | null
  readonly target: number
  readonly better: 'higher' | 'lower'
  readonly ok: boolean | null
  /** The lowest and the highest figure of the rounds. */
  readonly oursSpread: Spread | null
  readonly peerSpread: Spread | null
  readonly ratioSpread: Spread | null
  readonly rounds: number
  /** Medians of the rounds' percentiles. Null if the turns are no closed loops of calls. */
  readonly oursCallTimes: CallTimes | null
  readonly peerCallTimes: CallTimes | null
  /**
   * How many appends our store makes in the time that the smallest transaction that writes takes. Null if the case is
   * not in the group `append`.
   */
  readonly appendsPerCommitTime: number | null
  /** Why the case could not run on this machine. */
  readonly skipped?: string
  /** The message of the error that ended the case. */
  readonly failed?: string
}

export type Spread = readonly [least: number, most: number]

/**
 * Judges the figures of the rounds. Each list has one turn for each round. `commitTime` is the time that the smallest
 * transaction that writes takes on this server, in milliseconds.
 */
export function resultOf(
  bench: Case,
  oursTurns: readonly Turn[],
  peerTurns: readonly Turn[],
  commitTime?: number,
): Result {
  const ours = oursTurns.map(({ value }) => value)
  const peer = peerTurns.map(({ value }) => value)
  const ratios = peer.map((peerFigure, round) => {
    const oursFigure = ours[round] ?? Number.NaN
    return bench.better === 'higher' ? oursFigure / peerFigure : peerFigure / oursFigure
  })
  const judged = median(peer.length > 0 ? ratios : ours)
  return {
    ...describe(bench),
    ours: median(ours),
    peer: peer.length > 0 ? median(peer) : null,
    ratio: peer.length > 0 ? judged : null,
    ok: bench.better === 'higher' ? judged >= bench.target : judged <= bench.target,
    oursSpread: spread(ours),
    peerSpread: peer.length > 0 ? spread(peer) : null,
    ratioSpread: peer.length > 0 ? spread(ratios) : null,
    rounds: ours.length,
    oursCallTimes: medianCallTimes(oursTurns),
    peerCallTimes: medianCallTimes(peerTurns),
    appendsPerCommitTime: bench.group === 'append' ? appendsWithin(commitTime, oursTurns) : null,
  }
}

export function skippedResult(bench: Case, reason: string): Result {
  return { ...withoutFigures(bench), skipped: reason }
}

export function failedResult(bench: Case, error: unknown): Result {
  return { ...withoutFigures(bench), failed: error instanceof Error ? error.message : String(error) }
}

function withoutFigures(bench: Case): Result {
  const none = { ours: null, peer: null, ratio: null, ok: null, rounds: 0 }
  const noSpreads = { oursSpread: null, peerSpread: null, ratioSpread: null }
  const noTimes = { oursCallTimes: null, peerCallTimes: null, appendsPerCommitTime: null }
  return { ...describe(bench), ...none, ...noSpreads, ...noTimes }
}

function describe({ name, group, ours, peer, unit, target, better }: Case) {
  return { case: name, group, oursName: ours.name, peerName: peer?.name ?? null, unit, target, better }
}

function medianCallTimes(turns: readonly Turn[]): CallTimes | null {
  const times = turns.flatMap(({ loop }) => loop?.callTimes ?? [])
  if (times.length === 0) return null
  return {
    p50: median(times.map(({ p50 }) => p50)),
    p95: median(times.map(({ p95 }) => p95)),
    p99: median(times.map(({ p99 }) => p99)),
  }
}

/** Returns how many calls the turns made in so many milliseconds. In the group `append`, each call is one append. */
function appendsWithin(milliseconds: number | undefined, turns: readonly Turn[]): number | null {
  const rates = turns.flatMap(({ loop }) => loop?.perSecond ?? [])
  return milliseconds === undefined || rates.length === 0 ? null : (median(rates) * milliseconds) / 1000
}

export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const below = sorted[Math.ceil(middle) - 1] ?? Number.NaN
  const above = sorted[Math.floor(middle)] ?? Number.NaN
  return (below + above) / 2
}

function spread(figures: readonly number[]): Spread {
  return [Math.min(...figures), Math.max(...figures)]
}
