/** Runs an operation inside an observer, whose mistakes change neither the work nor its outcome. */
import type { Observer } from './observer.ts'
import type { Operation } from './operation.ts'

/**
 * Calls `around`, and settles as the work does. The work runs exactly once: inside `around`, or right after it if `around`
 * has returned without calling the work. So an observer that never calls the work or never settles delays nothing.
 * `fail` receives each mistake of `around`.
 */
export function runAround<T>(
  around: NonNullable<Observer['around']>,
  operation: Operation,
  work: () => Promise<T>,
  fail: (error: unknown) => void,
): Promise<T> {
  let running: Promise<T> | undefined
  let isReturned = false
  const callOnce = (): Promise<T> => {
    if (running !== undefined) {
      if (!isReturned) fail(new Error('it has called the work twice, and the store ran it once'))
      return running
    }
    running = started(work)
    return running
  }
  let returned: unknown
  try {
    returned = around(operation, callOnce)
  } catch (error) {
    fail(error)
  }
  isReturned = true
  if (running === undefined) {
    fail(new Error('it has returned without calling the work, which must begin before its first `await`'))
    running = started(work)
  }
  reportOwnError(returned, running, fail)
  return running
}

function started<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work()
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Passes the error of the observer to `fail`, unless it is the error of the work. Never throws. */
function reportOwnError(returned: unknown, work: Promise<unknown>, fail: (error: unknown) => void): void {
  const failUnlessOf = (error: unknown) => {
    work.then(
      () => fail(error),
      (thrown: unknown) => {
        if (thrown !== error) fail(error)
      },
    )
  }
  try {
    // The observer may return any object, also one that cannot be read.
    if (isThenable(returned)) returned.then(undefined, failUnlessOf)
  } catch (error) {
    fail(error)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise || (typeof value === 'object' && value !== null && 'then' in value)
}
