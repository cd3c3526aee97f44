/** Follows the log for a page, also while the database is away. */
import { setTimeout as sleep } from 'node:timers/promises'
import { hasCode, type RecordedEvent } from '@eventsourced/core'
import type { AnyStore } from '../target/known.ts'
import { lastPosition } from '../trace.ts'

export interface LiveLogQuery {
  /** Only events after this position. @default the end of the log */
  readonly after: number | undefined
  readonly types: readonly string[] | undefined
  readonly prefix: string | undefined
}

/** What a client gets: an event, or why there is none at present. */
export type LiveEvent =
  | { readonly kind: 'event'; readonly event: RecordedEvent }
  | { readonly kind: 'away'; readonly message: string }

const firstPause = 1_000
const longestPause = 5_000

/** Yields the events of the log until the signal is aborted. It never throws. */
export async function* liveLog(
  store: AnyStore,
  { after, types, prefix }: LiveLogQuery,
  signal: AbortSignal,
  pauses: { readonly first: number; readonly longest: number } = { first: firstPause, longest: longestPause },
): AsyncGenerator<LiveEvent, void, undefined> {
  let last = after
  let pause = pauses.first
  let told: string | undefined
  while (!signal.aborted) {
    try {
      last ??= await lastPosition(store, signal)
      const query = { after: last, types, streamPrefix: prefix, follow: true, signal } as const
      for await (const event of store.raw.readAll(query)) {
        last = event.position
        pause = pauses.first
        told = undefined
        yield { kind: 'event', event }
      }
      return
    } catch (error) {
      if (signal.aborted || hasCode(error, 'store-closed')) return
      // After a failover the log may end before the last event that the page has seen.
      if (hasCode(error, 'log-truncated')) last = undefined
      const message = messageOf(error)
      if (message !== told) yield { kind: 'away', message }
      told = message
      await sleep(pause, undefined, { signal, ref: false }).catch(() => {})
      pause = Math.min(pause * 2, pauses.longest)
    }
  }
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
