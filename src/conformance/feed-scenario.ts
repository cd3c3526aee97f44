/**
 * The trial of a feed: transactions that commit late, roll back, and take their numbers in another order than
 * they commit, while readers follow. A reader is a parameter, so that one can see that wrong ones fail.
 */

import type { Event } from '../event.ts'
import { sleep } from '../runtime/abort.ts'
import type { EventStore } from '../store.ts'
import { uuidv7 } from '../uuid.ts'
import type { ConformanceContext, OpenTransaction } from './case.ts'
import { counted, range } from './events.ts'
import { allAtOnce } from './expect.ts'

/** What a reader must give of each event. */
export interface FeedEvent {
  readonly id: string
  readonly streamId: string
  readonly version: number
  readonly position: number
}

/** Reads the log from its beginning, on and on until the signal is aborted or the caller breaks off. */
export type FeedReader = (signal: AbortSignal) => AsyncIterable<FeedEvent>

/** How many events went wrong for one reader. Of a right one, all but `recorded` is 0. */
export interface FeedReport {
  /** Events that were committed. */
  readonly recorded: number
  /** Committed, but never shown. */
  readonly missed: number
  /** Shown again. */
  readonly repeated: number
  /** Shown, but rolled back. */
  readonly phantom: number
  /** Shown at a position that is not above the one before. */
  readonly reordered: number
  /** Shown although the event before it in its stream was not shown yet. */
  readonly disordered: number
}

export interface FeedScenarioOptions {
  /** Transactions open side by side. @default 12 */
  readonly writers?: number
  /** Transactions of each writer. @default 12 */
  readonly rounds?: number
  /** The longest a transaction stays open, in milliseconds. @default 25 */
  readonly longest?: number
  readonly seed?: number
}

/** Compares what a reader was shown with what was committed. */
export function checkFeed(committed: ReadonlySet<string>, shown: readonly FeedEvent[]): FeedReport {
  const seen = new Set<string>()
  const versions = new Map<string, number>()
  let [repeated, phantom, reordered, disordered, last] = [0, 0, 0, 0, 0]
  for (const { id, streamId, version, position } of shown) {
    if (seen.has(id)) repeated++
    if (!committed.has(id)) phantom++
    if (position <= last) reordered++
    if (version !== (versions.get(streamId) ?? 0) + 1) disordered++
    seen.add(id)
    versions.set(streamId, version)
    last = position
  }
  const missed = [...committed].filter((id) => !seen.has(id)).length
  return { recorded: committed.size, missed, repeated, phantom, reordered, disordered }
}

/** Lets the readers follow while transactions come and go; one report a reader. */
export async function runFeedScenario(
  { begin }: Pick<ConformanceContext, 'begin'>,
  store: EventStore,
  readers: readonly FeedReader[],
  { writers = 12, rounds = 12, longest = 25, seed = 1 }: FeedScenarioOptions = {},
): Promise<readonly FeedReport[]> {
  const committed = new Set<string>()
  const commit = (events: readonly Event[]) => {
    for (const { id } of events) committed.add(id as string)
  }
  const last = some(1)
  const ended = new AbortController()
  const following = readers.map((reader) => follow(reader, last[0]?.id as string, ended.signal))
  // A reader that fails is heard at the end.
  for (const one of following) one.catch(() => {})

  await lateCommits(begin, store, longest, commit)
  await lateNumbers(begin, store, commit)
  await allAtOnce(writers, async (writer) => {
    const dice = randomNumbers(seed * 1000 + writer)
    for (const _ of range(1, rounds)) {
      if (dice() < 0.3) await appendAlone(store, dice, commit)
      await writeInTransaction(await begin(), dice, longest, commit)
    }
  })
  await store.append('last', last)
  commit(last)
  // Who has not come to the last event by now, has lost it, or stands still.
  const patience = setTimeout(() => ended.abort(), 20_000)
  const shown = await Promise.all(following)
  clearTimeout(patience)
  return shown.map((events) => checkFeed(committed, events))
}

/** An event that is numbered first and committed last: the one that a reader by position alone never sees. */
async function lateCommits(
  begin: ConformanceContext['begin'],
  store: EventStore,
  longest: number,
  commit: (events: readonly Event[]) => void,
): Promise<void> {
  for (const round of range(1, 4)) {
    const [late, early] = [some(2), some(1)]
    const transaction = await begin()
    await transaction.append(`late-${round}`, late)
    await store.append(`early-${round}`, early)
    commit(early)
    await sleep(2 * longest)
    await transaction.commit()
    commit(late)
  }
}

/** A transaction that is older than the one before it in the stream: whoever reads by their age, reads it first. */
async function lateNumbers(
  begin: ConformanceContext['begin'],
  store: EventStore,
  commit: (events: readonly Event[]) => void,
): Promise<void> {
  for (const _ of range(1, 4)) {
    const [first, second] = [some(1), some(1)]
    const transaction = await begin()
    await transaction.writeElsewhere()
    await store.append('older', first)
    commit(first)
    await transaction.append('older', second)
    await transaction.commit()
    commit(second)
  }
}

const streamNames = range(1, 6).map((number) => `shared-${number}`)

async function writeInTransaction(
  transaction: OpenTransaction,
  dice: () => number,
  longest: number,
  commit: (events: readonly Event[]) => void,
): Promise<void> {
  if (dice() < 0.4) {
    await transaction.writeElsewhere()
    await sleep(dice() * longest)
  }
  const written: Event[] = []
  // In the order of the names, so that no two transactions wait for each other.
  const streams = streamNames.filter(() => dice() < 0.25)
  for (const streamId of streams) {
    const events = some(1 + Math.floor(dice() * 3))
    await transaction.append(streamId, events)
    written.push(...events)
    if (dice() < 0.3) await sleep(dice() * longest)
  }
  if (dice() < 0.5) await sleep(dice() * longest)
  if (dice() < 0.25) {
    await transaction.rollback()
  } else {
    await transaction.commit()
    commit(written)
  }
}

async function appendAlone(
  store: EventStore,
  dice: () => number,
  commit: (events: readonly Event[]) => void,
) {
  const events = some(1 + Math.floor(dice() * 2))
  await store.append(dice() < 0.5 ? 'own' : (streamNames[0] as string), events)
  commit(events)
}

async function follow(
  reader: FeedReader,
  lastId: string,
  signal: AbortSignal,
): Promise<readonly FeedEvent[]> {
  const shown: FeedEvent[] = []
  try {
    for await (const { id, streamId, version, position } of reader(signal)) {
      shown.push({ id, streamId, version, position })
      if (id === lastId) break
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return shown
}

function some(count: number): Event[] {
  return counted(count).map((event) => ({ ...event, id: uuidv7() }))
}

/** The same numbers between 0 and 1 for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
