/** Reports the mistakes of an observer: the first one of each of its functions, as a process warning. */
import { reasonOf } from '../errors/base.ts'
import { emitWarning } from '../storage/warnings.ts'

/** By observer, because a store and its adapter call the same one. */
const failedParts = new WeakMap<object, Set<string>>()

/** Warns of the first failure of a function of an observer. `part`: the name of its option. Never throws. */
export function noteFailure(observer: object, part: string, error: unknown): void {
  const failed = failedParts.get(observer) ?? new Set()
  if (failed.has(part)) return
  failedParts.set(observer, failed.add(part))
  emitWarning({
    code: 'observer-failed',
    message: `\`${part}\` failed: ${reasonOf(error)}. The store works on. Further failures of \`${part}\` are not reported`,
  })
}
