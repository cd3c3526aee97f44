/** A service whose database cannot be reached: the client may repeat the request, and learns nothing about the database. */
import { hasCode } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import { expect, it } from 'vitest'
import { cartRoutes } from './carts.ts'
import { servers } from './servers.ts'

it.each(Object.entries(servers))(
  '%s: is 503 with Retry-After, and the server gets the error',
  async (_name, start) => {
    const store = postgresStore('postgres://user:password@127.0.0.1:1/none', { retries: 0 })
    const errors: unknown[] = []
    const server = await start(cartRoutes(store, { onError: (error) => errors.push(error) }))
    try {
      const response = await fetch(`${server.url}/carts/1`)
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
      const text = await response.text()
      expect(JSON.parse(text)).toMatchObject({ code: 'store-unavailable', status: 503 })
      expect(text).not.toMatch(/password|127\.0\.0\.1|ECONNREFUSED/)
      expect(errors.map((error) => hasCode(error, 'store-unavailable'))).toEqual([true])
    } finally {
      await server.stop()
      await store.close()
    }
  },
)
