/** Mistakes of a route: each error says what to change. */
import { answer, jsonBody, withProblems } from '@eventsourced/core/http'
import { expressHandler } from '@eventsourced/core/http/express'
import express from 'express'
import { expect, it } from 'vitest'
import { z } from 'zod'

const post = () =>
  new Request('https://shop.example/carts', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"item":1}',
  })

it('a schema in place of the options is refused: the body would not be validated', async () => {
  await expect(jsonBody(post(), z.object({ item: z.string() }) as never)).rejects.toThrow(
    expect.objectContaining({ code: 'invalid-input', message: expect.stringContaining('{ schema }') }),
  )
})

it.each<[name: string, read: (request: Request) => Promise<unknown>]>([
  ['jsonBody', (request) => jsonBody(request)],
  ['request.json()', (request) => request.json()],
  ['a reader that has not ended', async (request) => request.body?.getReader()],
])('jsonBody after %s says that the body was read before', async (_, read) => {
  const request = post()
  await read(request)
  await expect(jsonBody(request)).rejects.toThrow(
    expect.objectContaining({ code: 'body-already-read', contentType: 'application/json' }),
  )
})

const forgotten = (async () => {}) as unknown as () => Promise<Response>

it('a handler that returns nothing is a 500, and the reported error says so', async () => {
  const errors: unknown[] = []
  const response = await withProblems(forgotten, { onError: (error) => errors.push(error) })(post())
  expect(response.status).toBe(500)
  expect(errors).toEqual([
    expect.objectContaining({ message: expect.stringContaining('returned undefined') }),
  ])
})

it('on Express, a handler that returns nothing is an error that says so', async () => {
  const errors: unknown[] = []
  const app = express().get('/', expressHandler(forgotten))
  app.use((error: unknown, _req: unknown, res: express.Response, _next: unknown) => {
    errors.push(error)
    res.sendStatus(500)
  })
  const server = app.listen(0)
  try {
    const { port } = server.address() as { port: number }
    expect((await fetch(`http://localhost:${port}`)).status).toBe(500)
    expect(errors).toEqual([
      expect.objectContaining({ message: expect.stringContaining('return a Response') }),
    ])
  } finally {
    server.close()
  }
})

it('answer of a promise is refused', () => {
  expect(() => answer(Promise.resolve({ state: 1 }) as never)).toThrow('an instance of Promise')
})
