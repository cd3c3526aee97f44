/**
 * Appending: alone, in a group with what is called at the same time, or to several streams at once.
 *
 *     where does the stream end? ──▶ take a slot ──▶ one transaction: commits, slot, event ids, documents
 *                 ▲                      ▲              ├──▶ done
 *                 │                      ├── late ──────┤    a reader has sealed the slot
 *                 └── somebody else's ───┼──────────────┤    the stream has gone on, or an id is taken
 *                                        └── early ─────┘    a document was written by a later slot
 *
 * The slot is taken after the end of the stream is known: so the versions of a stream have the order of their slots. A
 * commit is put where none is yet, behind a version that was seen to be the last of a commit: that is all it takes for
 * optimistic concurrency, as a commit never goes away.
 */
import {
  type AppendOutcome,
  type AppendSuccess,
  type Failed,
  GroupCommit,
  hasCode,
  InlineFailure,
  isExpected,
  type PreparedAppend,
  pause,
  type Storage,
  StoreUnavailableError,
  settleRepeat,
} from '../storage/index.ts'
import { type CommitEntry, type CommitResult, type Commits, unchanged } from './commit.ts'
import type { Environment } from './environment.ts'
import { isRequestAtFault } from './errors.ts'
import type { EventIds } from './event-ids.ts'
import { isGiven } from './event-ids.ts'
import { type Head, noHead } from './heads.ts'

/** An append on its way. */
interface Entry {
  readonly append: PreparedAppend
  readonly place: number
  /** What was remembered of the stream was not so: it is to be looked at. */
  isStale: boolean
  /** An id of it is taken. */
  isRepeat: boolean
}

interface Placed {
  readonly kind: 'placed'
  readonly entry: Entry
  /** Behind what it goes. */
  readonly head: Head
  readonly mustBeNew: boolean
  /** Where the stream ends now. */
  readonly end: Head
}

type Refused =
  | { readonly kind: 'conflict'; readonly entry: Entry; readonly actual: number }
  | { readonly kind: 'repeat'; readonly entry: Entry }

// How often an append is tried in all when others come first: an append that expects nothing of its stream always may.
const mostTries = 100

export function appending(
  environment: Environment,
  commits: Commits,
  ids: EventIds,
  maxBatch: number,
): Pick<Storage, 'append'> {
  const { heads } = environment
  const group = new GroupCommit({
    alone: async (append, _retried, signal) => (await allOrNone([append], signal))[0] as AppendOutcome,
    together,
    maxBatch,
  })

  const entriesOf = (appends: readonly PreparedAppend[]) =>
    appends.map((append, place): Entry => ({ append, place, isStale: false, isRepeat: false }))

  async function together(appends: readonly PreparedAppend[]): Promise<readonly (AppendOutcome | Failed)[]> {
    const outcomes: (AppendOutcome | Failed)[] = []
    await settle(entriesOf(appends), outcomes)
    return outcomes
  }

  /** Makes each append or finds out why not; those to one stream in their order. */
  async function settle(entries: readonly Entry[], outcomes: (AppendOutcome | Failed)[]): Promise<void> {
    let pending = entries
    for (let tries = 0; pending.length > 0; ) {
      const again: Entry[] = []
      const chains = await Promise.all(chainsOf(pending).map((chain) => placeChain(chain, outcomes, again)))
      const packs = packsOf(chains, again)
      await Promise.all(packs.map((pack) => writePack(pack, outcomes, again)))
      // Nobody waits as long as some append is settled each time.
      tries = again.length < pending.length ? 0 : tries + 1
      pending = again.sort((a, b) => a.place - b.place)
      if (tries > 0) await pause(tries, undefined)
      if (tries < mostTries) continue
      for (const entry of pending) outcomes[entry.place] = { kind: 'failed', error: tooOften(entry) }
      return
    }
  }

  /**
   * Places the appends to one stream one behind the other, to go into one transaction. An append that expects something
   * else is seen to once those before it are written, and so are all behind it.
   */
  async function placeChain(
    chain: readonly Entry[],
    outcomes: (AppendOutcome | Failed)[],
    again: Entry[],
  ): Promise<readonly Placed[]> {
    const placed: Placed[] = []
    for (const [index, entry] of chain.entries()) {
      const before = placed.at(-1)
      if (before !== undefined) {
        const next = placeBehind(before, entry)
        if (next === undefined) {
          again.push(...chain.slice(index))
          break
        }
        placed.push(next)
        continue
      }
      try {
        const where = await place(entry, undefined)
        if (where.kind === 'placed') placed.push(where)
        else outcomes[entry.place] = await settleOne(where)
      } catch (error) {
        outcomes[entry.place] = { kind: 'failed', error }
      }
    }
    return placed
  }

  function placeBehind({ entry: { append }, head, end }: Placed, entry: Entry): Placed | undefined {
    const { expectedVersion, events } = entry.append
    const version = head.version + append.events.length
    if (entry.isRepeat || !isExpected(expectedVersion, true, version)) return undefined
    if (commits.runProjections && events.some(isGiven)) return undefined
    if (ids.mayBeRecorded(events, end.recordedAt)) return undefined
    return { kind: 'placed', entry, head: { ...head, version }, mustBeNew: false, end }
  }

  /** Writes some appends in one transaction; if that fails for good, in smaller ones, to the one at fault. */
  async function writePack(
    pack: readonly Placed[],
    outcomes: (AppendOutcome | Failed)[],
    again: Entry[],
  ): Promise<void> {
    const entries = pack.map(({ entry }) => entry)
    try {
      const results = await commits.write(pack.map(commitEntryOf), undefined)
      for (const [index, entry] of entries.entries()) {
        const result = results[index] as CommitResult
        if (typeof result === 'object') outcomes[entry.place] = result
        else again.push(noted(entry, result))
      }
    } catch (error) {
      const mayBeOneOfThem =
        error instanceof InlineFailure || isRequestAtFault(error) || hasCode(error, 'append-too-large')
      if (entries.length === 1 || !mayBeOneOfThem) {
        for (const entry of entries) outcomes[entry.place] = { kind: 'failed', error }
        return
      }
      const middle = entries.length >> 1
      await settle(entries.slice(0, middle), outcomes)
      await settle(entries.slice(middle), outcomes)
    }
  }

  async function allOrNone(
    appends: readonly PreparedAppend[],
    signal: AbortSignal | undefined,
  ): Promise<readonly AppendOutcome[]> {
    const entries = entriesOf(appends)
    for (let attempt = 1; ; attempt++) {
      if (attempt > 1) await pause(attempt, signal)
      if (attempt > mostTries) throw tooOften(entries[0] as Entry)
      const places = await Promise.all(entries.map((entry) => place(entry, signal)))
      const placed = places.filter((where) => where.kind === 'placed')
      if (placed.length < places.length) {
        const settled = await settleAll(appends, places, signal)
        if (settled !== undefined) return settled
        continue
      }
      const result = await commits.write(placed.map(commitEntryOf), signal)
      if (result.every((outcome) => typeof outcome === 'object')) return result
      for (const [index, entry] of entries.entries()) {
        const outcome = result[index]
        if (typeof outcome === 'string') noted(entry, outcome)
      }
    }
  }

  /** Where the events of an append go, if its expectation is met. */
  async function place(entry: Entry, signal: AbortSignal | undefined): Promise<Placed | Refused> {
    const { append, isStale, isRepeat } = entry
    const { streamId, expectedVersion: expected, events } = append
    if (isRepeat) return { kind: 'repeat', entry }
    await commits.register(signal)
    const remembered = isStale || events.length === 0 ? undefined : heads.remembered(streamId)
    const mayBeNew = (expected === 'noStream' || expected === 0) && !commits.runProjections
    if (mayBeNew && !isStale && remembered === undefined && events.length > 0) {
      // That the stream is not there is for the transaction to find.
      return placed(entry, noHead)
    }
    const isAsRemembered = remembered !== undefined && isExpected(expected, true, remembered.version)
    const head = isAsRemembered ? remembered : await heads.read(streamId, signal)
    const needsItem = head.version === 0 && (expected === 'noStream' || expected === 'streamExists')
    const exists = head.version > 0 || (needsItem && (await heads.existsEmpty(streamId, signal)))
    if (!isExpected(expected, exists, head.version)) return { kind: 'conflict', entry, actual: head.version }
    // Projections are not to be run for what is refused, if that can be seen before.
    if (commits.runProjections || (head.version > 0 && ids.mayBeRecorded(events, head.recordedAt))) {
      const found = await ids.find(new Map([[streamId, events]]), signal)
      if (found.size > 0) return { kind: 'repeat', entry }
    }
    return placed(entry, head)
  }

  async function settleOne(where: Refused): Promise<AppendOutcome> {
    const { append } = where.entry
    const [outcome] = (await repeats([append], undefined)) ?? []
    if (outcome !== undefined) return outcome
    if (where.kind === 'conflict') return { kind: 'conflict', actual: where.actual }
    throw vanished(append)
  }

  /** The outcomes of a call of which some appends cannot be made; undefined: it is to be tried again. */
  async function settleAll(
    appends: readonly PreparedAppend[],
    places: readonly (Placed | Refused)[],
    signal: AbortSignal | undefined,
  ): Promise<readonly AppendOutcome[] | undefined> {
    const repeated = await repeats(appends, signal)
    if (repeated !== undefined) return repeated
    if (places.some(({ kind }) => kind === 'repeat')) throw vanished(appends[0] as PreparedAppend)
    return places.map((where) =>
      where.kind === 'conflict' ? { kind: 'conflict', actual: where.actual } : { kind: 'abandoned' },
    )
  }

  /** The outcomes of a call of which some ids are recorded already; undefined: none is. */
  async function repeats(
    appends: readonly PreparedAppend[],
    signal: AbortSignal | undefined,
  ): Promise<readonly AppendOutcome[] | undefined> {
    if (!appends.some(({ events }) => events.some(isGiven))) return undefined
    const recorded = await ids.find(
      new Map(appends.map(({ streamId, events }) => [streamId, events])),
      signal,
    )
    if (recorded.size === 0) return undefined
    const checked = new Map<string, AppendSuccess>()
    for (const { streamId, events } of appends) {
      if (events.length === 0) checked.set(streamId, unchanged(await heads.read(streamId, signal)))
    }
    return settleRepeat(appends, recorded, ({ streamId }) => checked.get(streamId) as AppendSuccess)
  }

  return {
    async append(appends, signal) {
      const [only] = appends
      if (only === undefined || appends.length > 1 || only.events.length === 0)
        return allOrNone(appends, signal)
      return [await group.append(only, signal)]
    },
  }
}

function noted(entry: Entry, outcome: 'stale' | 'repeat' | 'again'): Entry {
  entry.isStale = outcome === 'stale'
  entry.isRepeat ||= outcome === 'repeat'
  return entry
}

function tooOften({ append }: Entry): Error {
  const cause = new Error(`others were faster each time in stream '${append.streamId}', or in its documents`)
  return new StoreUnavailableError('Appending', mostTries - 1, cause)
}

const placed = (entry: Entry, head: Head): Placed => ({
  kind: 'placed',
  entry,
  head,
  mustBeNew: entry.append.expectedVersion === 'noStream',
  end: head,
})

const commitEntryOf = ({ entry: { append }, head, mustBeNew }: Placed): CommitEntry => ({
  append,
  head,
  mustBeNew,
})

/** By stream, in the order of the calls. */
function chainsOf(entries: readonly Entry[]): readonly (readonly Entry[])[] {
  const chains = new Map<string, Entry[]>()
  for (const entry of entries) {
    const { streamId } = entry.append
    const chain = chains.get(streamId)
    if (chain === undefined) chains.set(streamId, [entry])
    else chain.push(entry)
  }
  return [...chains.values()]
}

// Without documents, of which nobody knows beforehand how many there will be.
const mostItems = 98

/**
 * Divides chains into transactions, into which each probably fits. What one behind the other would be in two of them has
 * to wait: nothing but the transaction says that what is before is there.
 */
function packsOf(chains: readonly (readonly Placed[])[], again: Entry[]): Placed[][] {
  const packs: Placed[][] = []
  let items = Number.POSITIVE_INFINITY
  for (const chain of chains) {
    let own = 0
    const fitting = chain.filter((link) => {
      own += itemsOf(link)
      return own <= mostItems
    })
    const some = fitting.length === 0 ? chain.slice(0, 1) : fitting
    again.push(...chain.slice(some.length).map(({ entry }) => entry))
    const count = some.reduce((sum, link) => sum + itemsOf(link), 0)
    if (items + count > mostItems) {
      packs.push([])
      items = 0
    }
    packs.at(-1)?.push(...some)
    items += count
  }
  return packs
}

const itemsOf = ({ entry, mustBeNew }: Placed): number =>
  1 + (mustBeNew ? 1 : 0) + entry.append.events.filter(isGiven).length

/** The id was taken when the append was tried, and is not any more: somebody deletes items. */
function vanished({ streamId }: PreparedAppend): Error {
  return new StoreUnavailableError(
    'Appending',
    0,
    new Error(`an event id of stream '${streamId}' is taken, and is not`),
  )
}
