/** A Vitest reporter that prints, at the end of a run, how many tests were skipped for each reason. */
import type { Reporter, TestModule, Vitest } from 'vitest/node'

export default class SkipReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    // Vitest also counts a test as skipped, without a note, if a name pattern on the command line leaves it out.
    const isNarrowed = this.#vitest?.config.testNamePattern !== undefined
    const reasons = new Map<string, number>()
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const result = test.result()
        const note = result.state === 'skipped' ? result.note : undefined
        if (note === undefined && isNarrowed) continue
        const reason = note ?? `${test.fullName} (without a reason)`
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      }
    }
    for (const [reason, count] of reasons) console.log(`skipped ${count}: ${reason}`)
  }
}
