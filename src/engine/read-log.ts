/** Reads the events of the log: checks the options, then returns the events of its pages one by one. */
import type { KnownEvents } from '../catalogue/known-events.ts'
import { typeFilter } from '../catalogue/type-filter.ts'
import { InvalidInputError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { checkBoolean, checkInteger, checkOneOf } from '../input/checks.ts'
import { checkedFilter } from '../input/event-filter.ts'
import { optionsOf } from '../input/options.ts'
import { logPages } from '../log/log-pages.ts'
import type { LogReader } from '../log/log-reader.ts'
import type { ReadAllOptions } from '../reads.ts'
import type { Operations } from '../runtime/operations.ts'
import { itemsOf } from '../runtime/paged-reader.ts'
import { fullPace } from '../storage/pace.ts'
import type { Storage } from '../storage/storage.ts'

/**
 * Returns the events of the log. Checks the options in this call, so that a mistake shows where it was made, and reads
 * once the caller iterates.
 * @throws InvalidInputError
 */
export function readLog(
  storage: Pick<Storage, 'readLogPage' | 'pace'>,
  options: ReadAllOptions | undefined,
  log: LogReader,
  operations: Operations,
  known: KnownEvents | undefined,
): AsyncIterable<RecordedEvent> {
  const {
    after = 0,
    until = Number.MAX_SAFE_INTEGER,
    limit = Number.MAX_SAFE_INTEGER,
  } = optionsOf(options, ['after', 'until', 'limit'])
  const { types, streamPrefix, tags } = optionsOf(options, ['types', 'streamPrefix', 'tags'])
  const {
    direction = 'forward',
    follow = false,
    signal,
  } = optionsOf(options, ['direction', 'follow', 'signal'])
  checkInteger(after, 'after', 0)
  checkInteger(until, 'until', 0)
  checkInteger(limit, 'limit', 1)
  checkOneOf(direction, 'direction', ['forward', 'backward'])
  checkBoolean(follow, 'follow')
  const filter = typeFilter(known, checkedFilter({ types, streamPrefix, tags }))
  if (follow && direction === 'backward') {
    throw new InvalidInputError('follow', 'goes with direction forward only', 'backward')
  }
  const query = {
    after,
    until,
    ...filter.stored,
    partition: undefined,
    direction,
    limit,
  }
  return itemsOf(signal, async function* (signal) {
    const { pollInterval } = storage.pace ?? fullPace
    const follower = follow ? log.join({ filter: query, pollInterval }) : undefined
    try {
      const pages = logPages(storage, query, filter, follower, signal, operations)
      for await (const { events } of pages) yield events
    } finally {
      follower?.leave()
    }
  })
}
