/** Appends in the caller's own transaction, which stays open for a while, and is sometimes rolled back. */
import { type AppendResult, type Event, EventSourcedError } from '@eventsourced/core'
import type { PostgresStore } from '@eventsourced/core/postgres'
import pg from 'pg'
import { sleep } from '../../src/runtime/abort.ts'
import type { Random } from '../random.ts'

export type SlowAppend = (streamId: string, events: readonly Event[]) => Promise<AppendResult>

const coded = (code: string, cause?: unknown) => Object.assign(new Error(code, { cause }), { code })

/** The append fails with the code 'rolled-back' (nothing was appended) or 'connection-lost' (the outcome is unknown). */
export function slowAppend(url: string, store: PostgresStore, slowness: number, random: Random): SlowAppend {
  return async (streamId, events) => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('begin')
      const result = await store.inTransaction(client).append(streamId, events)
      await sleep(random.below(slowness))
      if (random.percent(30)) throw coded('rolled-back')
      await client.query('commit')
      return result
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === 'rolled-back') await client.query('rollback').catch(() => {})
      // Other errors of the store are not expected in a campaign, so they must end it.
      if (code === 'rolled-back' || (error instanceof EventSourcedError && code !== 'store-unavailable'))
        throw error
      throw coded('connection-lost', error)
    } finally {
      await client.end().catch(() => {})
    }
  }
}
