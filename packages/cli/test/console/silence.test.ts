/** A database that accepts everything and answers nothing: every request of the console ends. */
import { projection } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { CuttingPostgresProxy } from '../../../../test/cutting-proxy.ts'
import { createDatabase, type TestDatabase } from '../../../../test/database.ts'
import { stores } from '../../../../test/stores.ts'
import { type Console, console } from '../../src/console/index.ts'
import { act, read } from './call.ts'

const timeout = 1_000
const totals = projection({
  name: 'totals',
  key: ({ streamId }) => streamId,
  initialState: () => ({ count: 0 }),
  evolve: ({ count }) => ({ count: count + 1 }),
})

describe.runIf(stores.some(({ name }) => name === 'pg'))('while the database is silent', () => {
  let database: TestDatabase
  let proxy: CuttingPostgresProxy
  let store: PostgresStore
  let app: Console
  beforeAll(async () => {
    database = await createDatabase(inject('servers').postgres)
    proxy = await CuttingPostgresProxy.start(database.url)
    store = postgresStore(proxy.url)
    await store.append('order-1', [{ type: 'Placed', data: {} }])
    await store.runOnce({ name: 'mailer', handle() {} })
  })
  beforeEach(async () => {
    answer()
    await expect
      .poll(() =>
        store.frontier().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true)
    app = console({ store, timeout, projections: [totals], onError() {} })
  })
  afterAll(async () => {
    answer()
    await store?.close()
    await proxy?.stop()
    await database?.drop()
  })

  function fallSilent(): void {
    proxy.silence('all')
    proxy.swallowConnections(true)
  }

  /** Ends the silence. The connections that were silent are gone. */
  function answer(): void {
    proxy.swallowConnections(false)
    proxy.cutAll()
  }

  /** Lets the database fall silent once an action has begun, or a job. */
  function silentAfterRecord(): void {
    const record = store.audit.record.bind(store.audit)
    Object.assign(store.audit, {
      async record(...given: Parameters<typeof record>) {
        const entry = await record(...given)
        fallSilent()
        Object.assign(store.audit, { record })
        return entry
      },
    })
  }

  it('a read ends as any that gets no answer in time', async () => {
    fallSilent()
    expect(await read(app, 'overview')).toMatchObject({ status: 504, body: { code: 'timeout' } })
    expect(await read(app, 'streams')).toMatchObject({ status: 504, body: { code: 'timeout' } })
  })

  it('an action that has begun ends, and the answer says that a change may have been made', async () => {
    silentAfterRecord()
    const began = performance.now()
    const answer = await act(app, 'subscriptions/pause', { name: 'mailer' })
    expect(performance.now() - began).toBeLessThan(timeout * 4)
    expect(answer).toMatchObject({
      status: 500,
      body: { code: 'not-recorded', detail: expect.stringContaining('may have been made') },
    })
  })

  it('a job can be cancelled while its beginning is recorded', async () => {
    fallSilent()
    const { id } = (await act(app, 'projections/rebuild', { name: 'totals' })).body
    expect(await act(app, 'jobs/cancel', { id })).toMatchObject({ status: 200, body: { state: 'cancelled' } })
  })

  it('a job can be cancelled in its middle', async () => {
    silentAfterRecord()
    const { id } = (await act(app, 'projections/rebuild', { name: 'totals' })).body
    await new Promise((resolve) => setTimeout(resolve, timeout))
    const began = performance.now()
    expect((await act(app, 'jobs/cancel', { id })).status).toBe(200)
    expect(performance.now() - began).toBeLessThan(timeout * 4)
  })
})
