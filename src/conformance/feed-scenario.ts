/**
 * The feed scenario: transactions commit late, roll back, and get their positions in another order than they commit,
 * while readers follow the log. The readers are a parameter, so that a test can also show that a wrong reader fails.
 */

import type { Event } from '../event.ts'
import { sleep } from '../runtime/abort.ts'
import type { EventStore } from '../store.ts'
import { uuidv7 } from '../uuid.ts'
import type { ConformanceContext, OpenTransaction } from './case.ts'
import { counted, range } from './events.ts'
import { allAtOnce } from './expect.ts'

/** What a reader must return of each event. */
export interface FeedEvent {
  readonly id: string
  readonly streamId: string
  readonly version: number
  readonly position: number
}

/** Reads the log from its beginning, and waits for new events until the signal is aborted or the caller breaks off. */
export type FeedReader = (signal: AbortSignal) => AsyncIterable<FeedEvent>

/** The number of faults of one reader, by kind. For a correct reader, all numbers but `recorded` are 0. */
export interface FeedReport {
  /** The number of committed events. */
  readonly recorded: number
  /** Committed events that the reader never showed. */
  readonly missed: number
  /** Events that the reader showed again. */
  readonly repeated: number
  /** Events that the reader showed although they were not committed. */
  readonly phantom: number
  /** Events that the reader showed at a position that is not higher than the one before. */
  readonly reordered: number
  /** Events whose preceding event in the stream was not the last one that the reader showed of that stream. */
  readonly disordered: number
}

/** How many transactions a feed scenario runs, and for how long. */
export interface FeedScenarioOptions {
  /** The number of concurrent writers, each with one open transaction. @default 12 */
  readonly writers?: number
  /** The number of transactions of each writer. @default 12 */
  readonly rounds?: number
  /** The longest pause within a transaction, in milliseconds. @default 25 */
  readonly longest?: number
  /** The seed of the random decisions. @default 1 */
  readonly seed?: number
}

/** Compares the events that a reader has shown with the committed event ids. */
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

/**
 * Lets the readers follow the log while transactions commit and roll back. Resolves with one report for each reader.
 */
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
  const last = newEvents(1)
  const ended = new AbortController()
  const following = readers.map((reader) => follow(reader, last[0]?.id as string, ended.signal))
  // The error of a reader must not count as unhandled before `Promise.all` reports it below.
  for (const one of following) one.catch(() => {})

  await lateCommits(begin, store, longest, commit)
  await lateNumbers(begin, store, commit)
  await allAtOnce(writers, async (writer) => {
    const random = randomNumbers(seed * 1000 + writer)
    for (const _ of range(1, rounds)) {
      if (random() < 0.3) await appendAlone(store, random, commit)
      await writeInTransaction(await begin(), random, longest, commit)
    }
  })
  await store.append('last', last)
  commit(last)
  // A reader that has not shown the last event in 20 s has lost it or hangs.
  const patience = setTimeout(() => ended.abort(), 20_000)
  const shown = await Promise.all(following)
  clearTimeout(patience)
  return shown.map((events) => checkFeed(committed, events))
}

/**
 * Events that get their positions first and are committed last. A reader that only compares positions never sees them.
 */
async function lateCommits(
  begin: ConformanceContext['begin'],
  store: EventStore,
  longest: number,
  commit: (events: readonly Event[]) => void,
): Promise<void> {
  for (const round of range(1, 4)) {
    const [late, early] = [newEvents(2), newEvents(1)]
    const transaction = await begin()
    await transaction.append(`late-${round}`, late)
    await store.append(`early-${round}`, early)
    commit(early)
    await sleep(2 * longest)
    await transaction.commit()
    commit(late)
  }
}

/**
 * A transaction begins before another one and appends after it. A reader that orders by transaction age gets it wrong.
 */
async function lateNumbers(
  begin: ConformanceContext['begin'],
  store: EventStore,
  commit: (events: readonly Event[]) => void,
): Promise<void> {
  for (const _ of range(1, 4)) {
    const [first, second] = [newEvents(1), newEvents(1)]
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
  random: () => number,
  longest: number,
  commit: (events: readonly Event[]) => void,
): Promise<void> {
  if (random() < 0.4) {
    await transaction.writeElsewhere()
    await sleep(random() * longest)
  }
  const written: Event[] = []
  // All transactions append in the order of the stream ids. Otherwise two of them could deadlock.
  const streams = streamNames.filter(() => random() < 0.25)
  for (const streamId of streams) {
    const events = newEvents(1 + Math.floor(random() * 3))
    await transaction.append(streamId, events)
    written.push(...events)
    if (random() < 0.3) await sleep(random() * longest)
  }
  if (random() < 0.5) await sleep(random() * longest)
  if (random() < 0.25) {
    await transaction.rollback()
  } else {
    await transaction.commit()
    commit(written)
  }
}

async function appendAlone(
  store: EventStore,
  random: () => number,
  commit: (events: readonly Event[]) => void,
) {
  const events = newEvents(1 + Math.floor(random() * 2))
  await store.append(random() < 0.5 ? 'own' : (streamNames[0] as string), events)
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

function newEvents(count: number): Event[] {
  return counted(count).map((event) => ({ ...event, id: uuidv7() }))
}

/** Returns random numbers from 0 to 1, always the same ones for a seed (the mulberry32 generator of Tommy Ettinger). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
