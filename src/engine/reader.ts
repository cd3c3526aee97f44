/** The reads of a store, through its catalogue or as the events are stored. */
import type { KnownEvents } from '../catalogue/known-events.ts'
import { upcastSlice } from '../catalogue/stored-slice.ts'
import { upcastAll } from '../catalogue/upcast.ts'
import { checkedDate, checkInteger, checkOneOf, checkReadName } from '../input/checks.ts'
import { checkId } from '../input/events.ts'
import { optionsOf } from '../input/options.ts'
import type { LogReader } from '../log/log-reader.ts'
import type { Observation } from '../observe/observation.ts'
import type { ReadStreamOptions, StoredEvents, StreamSlice } from '../reads.ts'
import type { Operations } from '../runtime/operations.ts'
import type { Storage, StreamWindow } from '../storage/storage.ts'
import { observeRead } from './observed.ts'
import { readLog } from './read-log.ts'

type Reads = Pick<StoredEvents, 'readStream' | 'readAll'>

/** `known`: the catalogue to read through; undefined: returns the events as they are stored. */
export function reader(
  storage: Pick<Storage, 'readStream' | 'readLogPage'>,
  log: LogReader,
  operations: Operations,
  known: KnownEvents | undefined,
  observation: Observation | undefined,
): Reads {
  return {
    async readStream(streamId: string, options?: ReadStreamOptions): Promise<StreamSlice> {
      const window = streamWindow(streamId, options)
      const { signal } = optionsOf(options, ['signal'])
      const read = () => operations.perform(signal, () => storage.readStream(streamId, window, signal))
      const slice = await (observation === undefined ? read() : observeRead(observation, streamId, read))
      if (known === undefined) return slice
      const events = upcastAll(known, slice.events, window.direction)
      return events === slice.events ? slice : upcastSlice(slice, events)
    },
    readAll: (options) => readLog(storage, options, log, operations, known),
  }
}

/** The reads that return events as they are stored. */
export function storedEvents(
  storage: Pick<Storage, 'readStream' | 'readLogPage' | 'findEvent'>,
  log: LogReader,
  operations: Operations,
  observation: Observation | undefined,
): StoredEvents {
  return {
    ...reader(storage, log, operations, undefined, observation),
    async findEvent(id, options) {
      checkId(id, 'id')
      const { signal } = optionsOf(options, ['signal'])
      return operations.perform(signal, () => storage.findEvent(id.toLowerCase(), signal))
    },
  }
}

function streamWindow(streamId: string, options: ReadStreamOptions | undefined): StreamWindow {
  checkReadName(streamId, 'streamId')
  const {
    fromVersion = 1,
    toVersion = Number.MAX_SAFE_INTEGER,
    asOf,
    direction = 'forward',
  } = optionsOf(options, ['fromVersion', 'toVersion', 'asOf', 'direction'])
  const { limit = Number.MAX_SAFE_INTEGER } = optionsOf(options, ['limit'])
  checkInteger(fromVersion, 'fromVersion', 1)
  checkInteger(toVersion, 'toVersion', 0)
  const moment = asOf === undefined ? undefined : checkedDate(asOf, 'asOf')
  checkOneOf(direction, 'direction', ['forward', 'backward'])
  checkInteger(limit, 'limit', 1)
  return { fromVersion, toVersion, asOf: moment, direction, limit }
}
