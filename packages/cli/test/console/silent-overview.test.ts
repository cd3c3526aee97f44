/** The overview of a database that accepts requests and does not answer. */
import { memoryStore } from '@eventsourced/core'
import { expect, it } from 'vitest'
import { console } from '../../src/console/console.ts'
import type { AnyStore } from '../../src/target/known.ts'
import { pathOf } from './api.ts'

it('is a timeout, after which the page asks again', async () => {
  const store = { ...memoryStore(), frontier: () => new Promise(() => {}) } as unknown as AnyStore
  const app = console({ store, timeout: 100, onError: () => {} })
  const response = await app.request(pathOf('/overview'))
  expect([response.status, await response.json()]).toMatchObject([504, { code: 'timeout' }])
  await app.close()
})
