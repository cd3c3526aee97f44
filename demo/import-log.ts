/** Part two of the demo, first half: imports a log into the store. Repeated runs skip what is already there. */
import { type EventStore, hasCode, type ImportResult } from '@eventsourced/core'
import { type Input, InputError } from './input.ts'
import { count, print, printTitle, printWhy, style } from './print.ts'
import { showProgress } from './progress.ts'

export async function importLog(store: EventStore, input: Input, signal: AbortSignal): Promise<ImportResult> {
  printTitle(input.title, input.subtitle)
  const progress = showProgress()
  const begin = performance.now()
  let stored = 0
  try {
    const result = await store.import(input.events(), {
      // Times in a stream never decrease, but real logs are not always in order of time.
      clampTimes: true,
      shape: 'stored',
      signal,
      onProgress({ read }) {
        stored = read
        progress.update(input.progress(), read)
      },
    })
    progress.stop()
    const seconds = (performance.now() - begin) / 1000
    print(
      `  ${style('bold', `${count(result.imported)} imported`)}, ${count(result.skipped)} already there   ` +
        style(
          'dim',
          `${count(result.read, 'event')} in ${seconds.toFixed(1)} s: ${count(result.read / seconds)} events/s`,
        ),
    )
    for (const remark of input.remarks()) print(`  ${remark}`)
    printWhy('Every event keeps its id and its time, so another run, even after a crash, duplicates nothing')
    return result
  } catch (error) {
    progress.stop()
    throw explained(error, input, stored)
  }
}

/** Adds the place in the input to the store's error about an event. */
function explained(error: unknown, input: Input, stored: number): unknown {
  const kept =
    stored === 0
      ? 'Nothing was imported.'
      : `The first ${count(stored)} events are imported and stay in the store.`
  if (error instanceof InputError) return new InputError(`${error.message}\n  ${kept}`)
  if (hasCode(error, 'invalid-input')) {
    const problem = error.message.replace(/^source\[\d+\]\.?/, '').replace(/^streamId\b/, '"stream"')
    return new InputError(`${input.place()}: ${problem}\n  ${kept}`)
  }
  if (hasCode(error, 'duplicate-event-id')) {
    return new InputError(
      `${input.place()} or shortly before: an event of stream '${error.streamId}' already has the event id ${error.eventId}\n  ${kept}`,
    )
  }
  return error
}
