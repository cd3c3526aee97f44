/** Prints at the end of a run which tests were skipped, and why. */
import type { Reporter, TestModule, Vitest } from 'vitest/node'

export default class SkipReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    // What a name pattern on the command line leaves out counts as skipped too, without a note.
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
