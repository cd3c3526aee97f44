/** `answer` with an entity tag of the program, for example one that names the release too. */
import { answer } from '@eventsourced/core/http'
import { expect, it } from 'vitest'

it.each([
  ['"7-b"', 304],
  ['W/"7-b"', 304],
  ['"7"', 200],
  ['"7-a", "7"', 200],
])('compares If-None-Match %s with the ETag that it sends', (ifNoneMatch, status) => {
  for (const etag of ['"7-b"', 'W/"7-b"']) {
    const request = new Request('http://localhost/', { headers: { 'If-None-Match': ifNoneMatch } })
    const response = answer({ state: {}, version: 7 }, { request, headers: { etag } })
    expect([response.status, response.headers.get('etag')]).toEqual([status, etag])
  }
})
