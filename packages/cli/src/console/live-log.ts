/** Follows the log for a page, and tells it when the database is away and when it is back. */
import { setTimeout as sleep } from 'node:timers/promises'
import { hasCode, type RecordedEvent } from '@eventsourced/core'
import { health } from '@eventsourced/core/health'
import type { AnyStore } from '../target/known.ts'
import { lastPosition } from '../trace.ts'
import { withinTime } from './within-time.ts'

export interface LiveLogQuery {
  /** Only events after this position. @default the end of the log */
  readonly after: number | undefined
  readonly types: readonly string[] | undefined
  readonly prefix: string | undefined
}

/** What a client gets: an event, why there is none at present, or that events can come again. */
export type LiveEvent =
  | { readonly kind: 'event'; readonly event: RecordedEvent }
  | { readonly kind: 'away'; readonly message: string }
  | { readonly kind: 'back' }

/** How long it waits for an event before it looks whether the database is there, in milliseconds. */
const lookTime = 2_000
const retryTime = 1_000

/** Yields the events of the log until the signal is aborted. */
export async function* liveLog(
  store: AnyStore,
  query: LiveLogQuery,
  signal: AbortSignal,
): AsyncGenerator<LiveEvent, void, undefined> {
  let { after } = query
  let isAway = false
  while (!signal.aborted) {
    try {
      after ??= await lastPosition(store, signal)
      for await (const event of eventsAfter(store, after, query, signal)) {
        // No event for some time: a reader that waits at the end of the log waits for a database that is away, too.
        if (event === undefined) {
          const message = await whyAway(store)
          if (message !== undefined && !isAway) yield { kind: 'away', message }
          if (message === undefined && isAway) yield { kind: 'back' }
          isAway = message !== undefined
          continue
        }
        isAway = false
        after = event.position
        yield { kind: 'event', event }
      }
      return
    } catch (error) {
      if (signal.aborted || hasCode(error, 'store-closed')) return
      // After a failover the log may end before the last event that the page has seen.
      if (hasCode(error, 'log-truncated')) after = undefined
      if (!isAway) yield { kind: 'away', message: messageOf(error) }
      isAway = true
      await sleep(retryTime, undefined, { signal, ref: false }).catch(() => {})
    }
  }
}

/** Yields the events after a position, and undefined each time that none has come for a while. */
async function* eventsAfter(
  store: AnyStore,
  after: number,
  { types, prefix }: LiveLogQuery,
  signal: AbortSignal,
): AsyncGenerator<RecordedEvent | undefined, void, undefined> {
  const query = { after, types, streamPrefix: prefix, follow: true, signal } as const
  const events = store.raw.readAll(query)[Symbol.asyncIterator]()
  const ask = () => {
    const next = events.next()
    // It fails when the client leaves, and then nobody waits for it.
    next.catch(() => {})
    return next
  }
  try {
    for (let next = ask(); !signal.aborted; ) {
      const result = await withinTime(next, lookTime, signal)
      if (result?.done) return
      yield result?.value
      if (result !== undefined) next = ask()
    }
  } finally {
    await events.return?.()
  }
}

/** Returns why the database is away; undefined if it answers. All pages share one look. The reason names no host. */
async function whyAway(store: AnyStore): Promise<string | undefined> {
  const { checks } = await health(store, { subscriptions: [] })
  const database = checks.find(({ name }) => name === 'database')
  return database?.status === 'failed' ? database.reason : undefined
}

/** Says why no events come. The text of the error may name a host, so it is not sent. */
function messageOf(error: unknown): string {
  if (hasCode(error, 'log-truncated')) {
    return 'The log ends before the last event that you have seen; the page continues at its end'
  }
  return hasCode(error, 'store-unavailable')
    ? 'The database does not answer; the page continues when it does'
    : 'The log cannot be read; the page tries again'
}
