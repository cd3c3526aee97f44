/**
 * Opens a store, and makes the calls that the messages name. A test also runs a copy of this program beside another
 * version of the library.
 */
import { type PostgresStoreOptions, postgresStore } from '@eventsourced/core/postgres'

const [connection = '', options = '{}'] = process.argv.slice(2)
const store = postgresStore(connection, JSON.parse(options) as PostgresStoreOptions)
const handled: number[] = []
const subscription = { failure: undefined as string | undefined, stop: async () => {} }

const calls = {
  append: async (streamId: string) =>
    (await store.append(streamId, [{ type: 'Counted', data: { number: 1 } }])).version,
  async log() {
    const positions: number[] = []
    for await (const { position } of store.readAll()) positions.push(position)
    return positions
  },
  async subscribe(name: string) {
    const started = store.subscribe({
      name,
      handle: async ({ position }) => void handled.push(position),
      onStateChange: (_, { error }) => {
        if (error !== undefined) subscription.failure = String(error)
      },
    })
    subscription.stop = () => started.stop()
  },
  handled: async () => ({ handled, failure: subscription.failure }),
  create: () => store.schema.create(),
  status: () => store.schema.status(),
  sql: async () => store.schema.sql(),
  grantSql: async (role: string) => store.schema.grantSql(role),
}

/** The functions that a test can call in this program. */
export type Calls = typeof calls

process.on('message', async ([name, ...words]: [keyof Calls | 'end', ...string[]]) => {
  if (name === 'end') {
    await subscription.stop()
    await store.close()
    process.disconnect()
    return
  }
  try {
    const call = calls[name] as (...words: readonly string[]) => Promise<unknown>
    process.send?.({ value: await call(...words) })
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string }
    process.send?.({ error: { code, message } })
  }
})
