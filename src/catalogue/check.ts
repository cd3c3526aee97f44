/** Tries a catalogue that no process uses yet on stored events, and reports which of them it could not read. */
import { checkFunction, checkInteger } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import { Findings } from './check-findings.ts'
import type { CheckableStore, CheckOptions, CheckResult } from './check-result.ts'
import { resumable } from './check-resume.ts'
import { sampledEvents } from './check-sample.ts'
import type { KnownEvents } from './known-events.ts'

const eventsPerReport = 1000

/** @throws InvalidInputError if an argument is wrong, if only the compiler knows the events, or if a schema is asynchronous */
export async function checkStored(
  known: KnownEvents,
  store: CheckableStore,
  options: CheckOptions | undefined,
): Promise<CheckResult> {
  if (known.isOpen)
    refuse(
      'catalogue',
      'must have schemas: only the compiler knows its events',
      'defineEvents() without schemas',
    )
  readSafely('store', store, () => {
    if (typeof store?.raw?.readAll !== 'function') refuse('store', 'must be a store', store)
  })
  const { after: given, resume: earlier, sample } = optionsOf(options, ['after', 'resume', 'sample'])
  const { limit = 10, onProgress, signal } = optionsOf(options, ['limit', 'onProgress', 'signal'])
  const resume = earlier === undefined ? undefined : resumable(earlier, { after: given, sample })
  const after = given === undefined ? (resume?.position ?? 0) : given
  checkInteger(after, 'after', 0)
  if (sample !== undefined) checkInteger(sample, 'sample', 1)
  checkInteger(limit, 'limit', 0)
  if (onProgress !== undefined) checkFunction(onProgress, 'onProgress')

  const began = performance.now()
  const findings = new Findings(known, limit, resume)
  const first = resume?.after ?? after
  let lastPosition = 0
  // The check ends at the event that is the last one now. Otherwise it might never reach the end.
  for await (const { position } of store.raw.readAll({ direction: 'backward', limit: 1, signal }))
    lastPosition = position
  // Past the end of the log, the store reports that the log is too short.
  const range = { after, until: Math.max(lastPosition, Math.min(after + 1, Number.MAX_SAFE_INTEGER)), signal }
  const events = sample === undefined ? store.raw.readAll(range) : sampledEvents(known, store, range, sample)
  let count = 0
  let position = after
  const result = () => findings.result(first, position, sample !== undefined)
  const report = async () => {
    const eventsPerSecond = Math.round(count / Math.max(0.001, (performance.now() - began) / 1000))
    await onProgress?.({ position, lastPosition, events: count, eventsPerSecond, result: result() })
    signal?.throwIfAborted()
  }
  for await (const event of events) {
    findings.add(event)
    // The events of a sample come in no order.
    position = Math.max(position, event.position)
    if (++count % eventsPerReport === 0 && onProgress !== undefined) await report()
  }
  position = Math.max(position, lastPosition)
  await report()
  return result()
}
