/**
 * Appends events: alone, in a group with the appends that are called at the same time, or to several streams
 * at once.
 *
 *     read the stream's head ──▶ take a slot ──▶ one transaction: commits, slot, event ids, documents
 *                 ▲                   ▲              ├──▶ done
 *                 │                   ├── late ──────┤    a reader has sealed the slot
 *                 └── stale, repeat ──┼──────────────┤    the stream has changed, or an event id is taken
 *                                     └── early ─────┘    a later slot has written one of the documents
 *
 * The append takes its slot after it knows the head of the stream. So the versions of a stream have the order
 * of their slots. The transaction puts the commit behind the head, under the condition that no commit is
 * there. Because commits never disappear, this condition is all that optimistic concurrency needs.
 */
import {
  type AppendOutcome,
  type AppendSuccess,
  GroupCommit,
  type GroupOutcome,
  hasCode,
  InlineFailure,
  isExpected,
  type PreparedAppend,
  pause,
  type Storage,
  StoreUnavailableError,
  settleRepeat,
} from '../../storage/index.ts'
import { type Head, noHead } from '../commits/heads.ts'
import type { Environment } from '../environment.ts'
import type { Throttled } from '../requests/connection.ts'
import { isRequestAtFault } from '../requests/errors.ts'
import { maxTransactionItems } from '../requests/writer.ts'
import type { CommitResult, Commits } from './commit.ts'
import { type CommitEntry, unchanged } from './commit-plan.ts'
import { type EventIds, hasCallerId } from './event-ids.ts'
import { itemsFor } from './id-item.ts'

/** An append that has no outcome yet. */
interface PendingAppend {
  readonly append: PreparedAppend
  /** Its index in the call, or in the group. */
  readonly index: number
  /** The remembered head was out of date: read it again. */
  isStale: boolean
  /** One of its event ids is taken. */
  isRepeat: boolean
}

/** An append whose expected version is met, as far as is known before its transaction. */
interface Accepted {
  readonly kind: 'accepted'
  readonly pending: PendingAppend
  /** The head that its commit follows: within a chain, the end of the append before it. */
  readonly head: Head
  readonly mustBeNew: boolean
  /** The head of the stream as it is stored, before the chain. */
  readonly storedHead: Head
}

type Refused =
  | { readonly kind: 'conflict'; readonly pending: PendingAppend; readonly actual: number }
  | { readonly kind: 'repeat'; readonly pending: PendingAppend }

// Maximum number of attempts of an append when other writers are faster each time. An append without an
// expected version is always allowed, so nothing else would end its retries.
const maxAttempts = 100

// Without the slot and a reserve. Documents come on top: how many is known only after the projections have
// run.
const maxPackItems = maxTransactionItems - 2

export function appends(
  environment: Environment,
  commits: Commits,
  ids: EventIds,
  maxBatch: number,
): Pick<Storage, 'append'> {
  const { heads, connection } = environment
  const { retries } = connection
  const group = new GroupCommit({
    alone: async (append, _retried, signal) => (await appendAllOrNone([append], signal))[0] as AppendOutcome,
    together,
    maxBatch,
    maxThrottled: retries,
    // Each group has to take a slot, which costs a request and write units.
    gather: () => 'all',
  })

  const pendingOf = (appends: readonly PreparedAppend[]) =>
    appends.map((append, index): PendingAppend => ({ append, index, isStale: false, isRepeat: false }))

  async function together(appends: readonly PreparedAppend[]): Promise<readonly GroupOutcome[]> {
    const outcomes: GroupOutcome[] = []
    await settle(pendingOf(appends), outcomes)
    return outcomes
  }

  /**
   * Finds the outcome of each append. Appends to the same stream are written in their order. If DynamoDB throttles a
   * request, returns that, and the appends that are not written are `throttled`.
   */
  async function settle(
    appends: readonly PendingAppend[],
    outcomes: GroupOutcome[],
  ): Promise<Throttled | undefined> {
    let pending = appends
    for (let attempts = 0; pending.length > 0; ) {
      const retries: PendingAppend[] = []
      const chains = await Promise.all(
        chainsOf(pending).map((chain) => acceptChain(chain, outcomes, retries)),
      )
      const packs = packsOf(chains, retries)
      const throttled = await Promise.all(packs.map((pack) => writePack(pack, outcomes, retries)))
      const [refused] = throttled.filter((one) => one !== undefined)
      if (refused !== undefined) {
        // All of them, also the ones that were not throttled: the appends to a stream keep their order.
        markThrottled(retries, refused, outcomes)
        return refused
      }
      // Pause only if this round settled no append.
      attempts = retries.length < pending.length ? 0 : attempts + 1
      pending = retries.sort((a, b) => a.index - b.index)
      if (attempts > 0) await pause(attempts, undefined)
      if (attempts < maxAttempts) continue
      for (const one of pending) outcomes[one.index] = { kind: 'failed', error: tooManyAttempts(one) }
      return undefined
    }
    return undefined
  }

  /**
   * Accepts the appends to one stream one behind the other, for one transaction. An append that expects
   * another version waits for the next round, when the appends before it are written. All appends behind it
   * wait too.
   */
  async function acceptChain(
    chain: readonly PendingAppend[],
    outcomes: GroupOutcome[],
    retries: PendingAppend[],
  ): Promise<readonly Accepted[]> {
    const accepted: Accepted[] = []
    for (const [nth, pending] of chain.entries()) {
      const before = accepted.at(-1)
      if (before !== undefined) {
        const next = acceptBehind(before, pending)
        if (next === undefined) {
          retries.push(...chain.slice(nth))
          break
        }
        accepted.push(next)
        continue
      }
      try {
        const decision = await decide(pending, undefined)
        if (decision.kind === 'accepted') accepted.push(decision)
        else outcomes[pending.index] = await outcomeOf(decision)
      } catch (error) {
        outcomes[pending.index] = { kind: 'failed', error }
      }
    }
    return accepted
  }

  function acceptBehind(
    { pending: { append }, head, storedHead }: Accepted,
    next: PendingAppend,
  ): Accepted | undefined {
    const { expectedVersion, events } = next.append
    const version = head.version + append.events.length
    if (next.isRepeat || !isExpected(expectedVersion, true, version)) return undefined
    if (commits.runsProjections && events.some(hasCallerId)) return undefined
    if (ids.mayBeRecorded(events, storedHead.recordedAt)) return undefined
    return { kind: 'accepted', pending: next, head: { ...head, version }, mustBeNew: false, storedHead }
  }

  /**
   * Writes appends in one transaction. If it fails permanently, halves the pack until the append at fault is
   * alone.
   */
  async function writePack(
    pack: readonly Accepted[],
    outcomes: GroupOutcome[],
    retries: PendingAppend[],
  ): Promise<Throttled | undefined> {
    const appends = pack.map(({ pending }) => pending)
    try {
      const results = await commits.writeGroup(pack.map(commitEntryOf))
      if ('throttled' in results) {
        retries.push(...appends)
        return results
      }
      for (const [nth, pending] of appends.entries()) {
        const result = results[nth] as CommitResult
        if (typeof result === 'object') outcomes[pending.index] = result
        else retries.push(noteResult(pending, result))
      }
      return undefined
    } catch (error) {
      const mayBeOneAppend =
        error instanceof InlineFailure || isRequestAtFault(error) || hasCode(error, 'append-too-large')
      if (appends.length === 1 || !mayBeOneAppend) {
        for (const { index } of appends) outcomes[index] = { kind: 'failed', error }
        return undefined
      }
      const middle = appends.length >> 1
      const rest = appends.slice(middle)
      const throttled = await settle(appends.slice(0, middle), outcomes)
      if (throttled === undefined) return settle(rest, outcomes)
      // They may follow appends of the first half, in the same streams.
      markThrottled(rest, throttled, outcomes)
      return throttled
    }
  }

  async function appendAllOrNone(
    appends: readonly PreparedAppend[],
    signal: AbortSignal | undefined,
  ): Promise<readonly AppendOutcome[]> {
    const pending = pendingOf(appends)
    for (let attempt = 1; ; attempt++) {
      if (attempt > 1) await pause(attempt, signal)
      if (attempt > maxAttempts) throw tooManyAttempts(pending[0] as PendingAppend)
      const decisions = await Promise.all(pending.map((one) => decide(one, signal)))
      const accepted = decisions.filter((decision) => decision.kind === 'accepted')
      if (accepted.length < decisions.length) return outcomesOfRefused(appends, decisions, signal)
      const results = await commits.write(accepted.map(commitEntryOf), signal)
      if (results.every((result) => typeof result === 'object')) return results
      for (const [nth, one] of pending.entries()) {
        const result = results[nth]
        if (typeof result === 'string') noteResult(one, result)
      }
    }
  }

  /** Decides whether the expected version of an append is met, and which head its commit follows. */
  async function decide(
    pending: PendingAppend,
    signal: AbortSignal | undefined,
  ): Promise<Accepted | Refused> {
    const { append, isStale, isRepeat } = pending
    const { streamId, expectedVersion: expected, events } = append
    if (isRepeat) return { kind: 'repeat', pending }
    await commits.register(signal)
    const remembered = isStale || events.length === 0 ? undefined : heads.remembered(streamId)
    const mayBeNew = (expected === 'noStream' || expected === 0) && !commits.runsProjections
    if (mayBeNew && !isStale && remembered === undefined && events.length > 0) {
      // No read: the transaction itself finds out whether the stream exists.
      return accept(pending, noHead)
    }
    const isAsRemembered = remembered !== undefined && isExpected(expected, true, remembered.version)
    const head = isAsRemembered ? remembered : await heads.read(streamId, signal)
    const needsItem = head.version === 0 && (expected === 'noStream' || expected === 'streamExists')
    const exists = head.version > 0 || (needsItem && (await heads.existsEmpty(streamId, signal)))
    if (!isExpected(expected, exists, head.version))
      return { kind: 'conflict', pending, actual: head.version }
    // Look for the ids before projections run, so that they do not run for an append that will be refused.
    if (commits.runsProjections || (head.version > 0 && ids.mayBeRecorded(events, head.recordedAt))) {
      const found = await ids.find(new Map([[streamId, events]]), signal)
      if (found.size > 0) return { kind: 'repeat', pending }
    }
    return accept(pending, head)
  }

  async function outcomeOf(refused: Refused): Promise<AppendOutcome> {
    const { append } = refused.pending
    const [outcome] = (await repeatOutcomes([append], undefined)) ?? []
    if (outcome !== undefined) return outcome
    if (refused.kind === 'conflict') return { kind: 'conflict', actual: refused.actual }
    throw vanishedId(append)
  }

  /** The outcomes of a call that is not written, because at least one of its appends is refused. */
  async function outcomesOfRefused(
    appends: readonly PreparedAppend[],
    decisions: readonly (Accepted | Refused)[],
    signal: AbortSignal | undefined,
  ): Promise<readonly AppendOutcome[]> {
    const repeated = await repeatOutcomes(appends, signal)
    if (repeated !== undefined) return repeated
    if (decisions.some(({ kind }) => kind === 'repeat')) throw vanishedId(appends[0] as PreparedAppend)
    return decisions.map((decision) =>
      decision.kind === 'conflict' ? { kind: 'conflict', actual: decision.actual } : { kind: 'abandoned' },
    )
  }

  /** The outcomes of a call some of whose event ids are already recorded; undefined if none is. */
  async function repeatOutcomes(
    appends: readonly PreparedAppend[],
    signal: AbortSignal | undefined,
  ): Promise<readonly AppendOutcome[] | undefined> {
    if (!appends.some(({ events }) => events.some(hasCallerId))) return undefined
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
        return appendAllOrNone(appends, signal)
      return [await group.append(only, signal)]
    },
  }
}

function markThrottled(
  appends: readonly PendingAppend[],
  { throttled: error }: Throttled,
  outcomes: GroupOutcome[],
): void {
  for (const { index } of appends) outcomes[index] = { kind: 'throttled', error }
}

/** Notes why an append was not written, for its next attempt. */
function noteResult(pending: PendingAppend, result: 'stale' | 'repeat' | 'again'): PendingAppend {
  pending.isStale = result === 'stale'
  pending.isRepeat ||= result === 'repeat'
  return pending
}

function tooManyAttempts({ append }: PendingAppend): Error {
  const cause = new Error(`others were faster each time in stream '${append.streamId}', or in its documents`)
  return new StoreUnavailableError('Appending', maxAttempts - 1, cause)
}

const accept = (pending: PendingAppend, head: Head): Accepted => ({
  kind: 'accepted',
  pending,
  head,
  mustBeNew: pending.append.expectedVersion === 'noStream',
  storedHead: head,
})

const commitEntryOf = ({ pending: { append }, head, mustBeNew }: Accepted): CommitEntry => ({
  append,
  head,
  mustBeNew,
})

/** Groups appends by stream. A chain has the order of the calls. */
function chainsOf(appends: readonly PendingAppend[]): readonly (readonly PendingAppend[])[] {
  const chains = new Map<string, PendingAppend[]>()
  for (const pending of appends) {
    const { streamId } = pending.append
    const chain = chains.get(streamId)
    if (chain === undefined) chains.set(streamId, [pending])
    else chain.push(pending)
  }
  return [...chains.values()]
}

/**
 * Packs chains into transactions of at most `maxPackItems` items. Documents come on top, so a pack may still be too
 * large. All links of one chain that are written in this round are in one pack: in two transactions, no condition would
 * check that the first links were written. Links that do not fit are added to `retries`, for the next round.
 */
function packsOf(chains: readonly (readonly Accepted[])[], retries: PendingAppend[]): Accepted[][] {
  const packs: Accepted[][] = []
  let packItems = Number.POSITIVE_INFINITY
  for (const chain of chains) {
    let chainItems = 0
    const fitting = chain.filter((link) => {
      chainItems += itemsOf(link)
      return chainItems <= maxPackItems
    })
    const links = fitting.length === 0 ? chain.slice(0, 1) : fitting
    retries.push(...chain.slice(links.length).map(({ pending }) => pending))
    const items = links.reduce((sum, link) => sum + itemsOf(link), 0)
    if (packItems + items > maxPackItems) {
      packs.push([])
      packItems = 0
    }
    packs.at(-1)?.push(...links)
    packItems += items
  }
  return packs
}

const itemsOf = ({ pending, mustBeNew }: Accepted): number =>
  1 + (mustBeNew ? 1 : 0) + itemsFor(pending.append.events.filter(hasCallerId).map(({ id }) => id))

/**
 * The transaction found the id taken, and a moment later it was free: another program deletes items of the
 * table.
 */
function vanishedId({ streamId }: PreparedAppend): Error {
  return new StoreUnavailableError(
    'Appending',
    0,
    new Error(`an event id of stream '${streamId}' is taken, and is not`),
  )
}
