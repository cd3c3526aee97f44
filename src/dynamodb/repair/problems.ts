/** What `schema.verify()` and `schema.repair()` return, and their options. */
import { compareNames } from '../../storage/index.ts'

/** One way in which the two tables do not agree. */
export type TableProblem =
  /** A commit that the log does not list. `version`: its first version. */
  | {
      readonly kind: 'commit-without-slot'
      readonly streamId: string
      readonly version: number
      readonly slot: number
    }
  /** A commit that the log lists, but that is not stored. `version`: its first version. */
  | {
      readonly kind: 'slot-without-commit'
      readonly slot: number
      readonly streamId: string
      readonly version: number
    }
  /** A slot whose positions do not follow the positions of the slots before it. `position`: its first position. */
  | { readonly kind: 'slot-out-of-order'; readonly slot: number; readonly position: number }
  /** Slots, positions or checkpoints beyond the counter: writers would take them a second time. */
  | { readonly kind: 'counter-behind'; readonly slot: number; readonly position: number }
  /** The counter is lost. `slot` and `position`: the last ones that are stored. */
  | { readonly kind: 'counter-missing'; readonly slot: number; readonly position: number }
  /** The item is lost that says how the log is divided. */
  | { readonly kind: 'era-missing' }
  /** Lost versions before other versions of the stream: from `version` to `through` (inclusive). */
  | {
      readonly kind: 'missing-version'
      readonly streamId: string
      readonly version: number
      readonly through: number
    }
  /** A commit that has lost some of its items. No repair restores it. `version`: its first version. */
  | { readonly kind: 'incomplete-commit'; readonly streamId: string; readonly version: number }

/** The result of `schema.verify()`. */
export interface VerifyTablesResult {
  /** True if there is no problem. */
  readonly ok: boolean
  /** The number of stored commits. */
  readonly commits: number
  /** The number of stored slots, used or sealed. */
  readonly slots: number
  readonly problems: readonly TableProblem[]
}

/** A problem that `schema.repair()` has repaired, and how. */
export type RepairedProblem = TableProblem & {
  /**
   * `restored`: the missing item is there again, with the same content and the same positions. `emptied`: the events
   * are lost, and their positions stay empty. `moved`: the events have new positions at the end of the log, or the
   * counter was moved forward.
   */
  readonly done: 'restored' | 'emptied' | 'moved'
}

/** The result of `schema.repair()`. */
export interface RepairResult {
  /** The problems that it repaired. */
  readonly repaired: readonly RepairedProblem[]
  /** The problems that remain. */
  readonly left: readonly TableProblem[]
}

/** The options of `schema.verify()` and `schema.repair()`. */
export interface TableCheckOptions {
  /**
   * Called after each page. `scanned`: how many items of both tables were read so far. If it throws, the call fails
   * with that error. @default none
   */
  readonly onProgress?: ((progress: { readonly scanned: number }) => Promise<void> | void) | undefined
  /** Aborts the call. Another `repair` then completes the repair. @default none */
  readonly signal?: AbortSignal | undefined
}

/** The problems of one kind. */
export type ProblemOf<Kind extends TableProblem['kind']> = Extract<TableProblem, { readonly kind: Kind }>

const kinds: readonly TableProblem['kind'][] = [
  'era-missing',
  'counter-missing',
  'counter-behind',
  'slot-out-of-order',
  'slot-without-commit',
  'commit-without-slot',
  'missing-version',
  'incomplete-commit',
]

/** Compares problems by kind, then by slot, by stream and by version. */
export function compareProblems(a: TableProblem, b: TableProblem): number {
  const slotOf = (problem: TableProblem) => ('slot' in problem ? problem.slot : 0)
  const streamOf = (problem: TableProblem) => ('streamId' in problem ? problem.streamId : '')
  const versionOf = (problem: TableProblem) => ('version' in problem ? problem.version : 0)
  return (
    kinds.indexOf(a.kind) - kinds.indexOf(b.kind) ||
    slotOf(a) - slotOf(b) ||
    compareNames(streamOf(a), streamOf(b)) ||
    versionOf(a) - versionOf(b)
  )
}
