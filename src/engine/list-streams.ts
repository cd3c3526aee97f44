/** Lists the streams of a store: by id, page by page, or the largest ones. */
import { checkInteger, checkOneOf, checkReadName } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { refuse } from '../input/refusal.ts'
import type { ListStreamsOptions, StreamInfo } from '../reads.ts'
import type { Operations } from '../runtime/operations.ts'
import { itemsOf } from '../runtime/paged-reader.ts'
import { compareNames } from '../storage/names.ts'
import type { Storage } from '../storage/storage.ts'

type Streams = Pick<Storage, 'listStreams' | 'largestStreams'>
type Pages = AsyncGenerator<readonly StreamInfo[], void, undefined>

const streamsPerPage = 500
const mostOfTheLargest = 1_000

/** Checks the options in this call, and reads once the caller iterates. @throws InvalidInputError */
export function listStreams(
  storage: Streams,
  operations: Operations,
  options: ListStreamsOptions | undefined,
): AsyncIterableIterator<StreamInfo> {
  const {
    prefix,
    after,
    limit,
    order = 'id',
    signal,
  } = optionsOf(options, ['prefix', 'after', 'limit', 'order', 'signal'])
  if (prefix !== undefined) checkReadName(prefix, 'prefix')
  if (after !== undefined) checkReadName(after, 'after')
  checkOneOf(order, 'order', ['id', 'largest'])
  if (order === 'id') {
    if (limit !== undefined) checkInteger(limit, 'limit', 1)
    return itemsOf(signal, (signal) => pagesById(storage, operations, { prefix, after, limit }, signal))
  }
  if (after !== undefined) refuse('after', "must not be given with order 'largest'", after)
  if (limit === undefined) refuse('limit', "must be given with order 'largest'", limit)
  checkInteger(limit, 'limit', 1, mostOfTheLargest)
  return itemsOf(signal, async function* (signal) {
    yield await largest(storage, operations, prefix ?? '', limit, signal)
  })
}

async function* pagesById(
  storage: Pick<Storage, 'listStreams'>,
  operations: Operations,
  { prefix = '', after = '', limit = Number.MAX_SAFE_INTEGER }: ListStreamsOptions,
  signal: AbortSignal,
): Pages {
  let last = after
  for (let left = limit; left > 0; ) {
    const [from, most] = [last, Math.min(left, streamsPerPage)]
    const page = await operations.perform(signal, () => storage.listStreams(prefix, from, most, signal))
    yield page
    if (page.length < most) return
    last = (page.at(-1) as StreamInfo).streamId
    left -= page.length
  }
}

async function largest(
  storage: Streams,
  operations: Operations,
  prefix: string,
  limit: number,
  signal: AbortSignal,
): Promise<readonly StreamInfo[]> {
  const { largestStreams } = storage
  if (largestStreams !== undefined) {
    return operations.perform(signal, () => largestStreams.call(storage, prefix, limit, signal))
  }
  let found: readonly StreamInfo[] = []
  for await (const page of pagesById(storage, operations, { prefix }, signal)) {
    found = [...found, ...page].sort(byFallingVersion).slice(0, limit)
  }
  return found
}

const byFallingVersion = (one: StreamInfo, other: StreamInfo): number =>
  other.version - one.version || compareNames(one.streamId, other.streamId)
