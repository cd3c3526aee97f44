/** What a client of a NestJS application gets for the errors of the store. */
import 'reflect-metadata'
import { commandHandler, decider, memoryStore } from '@eventsourced/core'
import { commandOptions } from '@eventsourced/core/http'
import { ProblemFilter } from '@eventsourced/nestjs'
import { Body, Controller, type INestApplication, NotFoundException, Post, Req } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'

class Refusal extends Error {}

const count = commandHandler({
  store: memoryStore(),
  decider: decider({
    initialState: () => 0,
    decide(by: unknown) {
      if (by === 'refused') throw new Refusal('not this one')
      if (by === 'unknown') throw new NotFoundException('no such counter')
      if (by === 'broken') throw new TypeError('secret of the server')
      return { type: 'Counted', data: { by } }
    },
    evolve: (sum) => sum + 1,
  }),
})

@Controller('counters')
class Counters {
  @Post()
  async add(@Req() request: { headers: Record<string, string> }, @Body() { by }: { by: unknown }) {
    const { expectedVersion } = commandOptions(new Request('http://localhost', { headers: request.headers }))
    return count('a', by, { expectedVersion })
  }
}

let app: INestApplication
let address: string

beforeEach(async () => {
  const module = await Test.createTestingModule({ controllers: [Counters] }).compile()
  app = module.createNestApplication({ logger: false })
  const problems = (error: unknown) =>
    error instanceof Refusal ? { status: 422, code: 'refused' } : undefined
  app.useGlobalFilters(new ProblemFilter(app.getHttpAdapter(), { problems }))
  await app.listen(0)
  address = `${await app.getUrl()}/counters`
})
afterEach(() => app.close())

const post = (by: unknown, headers: Record<string, string> = {}) =>
  fetch(address, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ by }),
  })

it('answers a wrong version with 412 and the present ETag, and a malformed header with 400', async () => {
  expect((await post(1)).status).toBe(201)
  const stale = await post(1, { 'If-Match': '"9"' })
  expect([stale.status, stale.headers.get('etag')]).toEqual([412, '"1"'])
  expect(stale.headers.get('content-type')).toMatch('application/problem+json')
  expect(await stale.json()).toMatchObject({ code: 'wrong-expected-version', status: 412 })
  expect((await post(1, { 'If-Match': 'seven' })).status).toBe(400)
})

it('answers the errors that `problems` names, and leaves all others to NestJS', async () => {
  const refused = await post('refused')
  expect([refused.status, await refused.json()]).toEqual([422, expect.objectContaining({ code: 'refused' })])
  const unknown = await post('unknown')
  expect([unknown.status, await unknown.json()]).toEqual([
    404,
    expect.objectContaining({ message: 'no such counter' }),
  ])
  const broken = await post('broken')
  expect(broken.status).toBe(500)
  expect(await broken.text()).not.toContain('secret')
})

it('refuses wrong options when it is made', () => {
  const wrong = () => new ProblemFilter(app.getHttpAdapter(), { problems: 1 as never })
  expect(wrong).toThrow('problems must be a function')
})
