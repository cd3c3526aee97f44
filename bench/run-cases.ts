/** Runs the cases one after the other, and prints each result as soon as it is known. */
import type { Arguments } from './arguments.ts'
import type { Case } from './case.ts'
import type { Network } from './network.ts'
import { type Progress, showProgress } from './progress.ts'
import { resultLines } from './report.ts'
import { failedResult, type Result, skippedResult } from './result.ts'
import { runCase } from './run-case.ts'
import type { Server } from './server.ts'

export async function runCases(
  { cases, rounds, quick }: Arguments,
  serverOf: (bench: Case) => Server,
  network: Network | undefined,
  ending: AbortSignal,
): Promise<Result[]> {
  const roundsOf = (bench: Case) => rounds ?? bench.rounds ?? (quick ? 3 : 5)
  const turns = cases.map((bench) => (roundsOf(bench) + 1) * (bench.peer === undefined ? 1 : 2))
  const progress = showProgress(turns.reduce((sum, count) => sum + count, 0))
  const results: Result[] = []
  try {
    for (const bench of cases) {
      ending.throwIfAborted()
      const result = await attempt(bench, progress, () =>
        runCase(bench, serverOf(bench), {
          rounds: roundsOf(bench),
          seconds: quick ? 1 : 2,
          quick,
          network: bench.group === 'network' ? network : undefined,
          onTurn: progress.turn,
        }),
      )
      ending.throwIfAborted()
      results.push(result)
      progress.print(resultLines(result))
    }
  } finally {
    progress.stop()
  }
  return results
}

/** Runs a case. A case that cannot run or that fails does not stop the other cases. */
async function attempt(bench: Case, progress: Progress, run: () => Promise<Result>): Promise<Result> {
  const skipReason = bench.skipReason?.()
  if (skipReason !== undefined) return skippedResult(bench, skipReason)
  progress.begin(bench.name)
  try {
    return await run()
  } catch (error) {
    return failedResult(bench, error)
  }
}
