/** The problem of every error: what docs/http.md says, and nothing that a client must not see. */
import { readFileSync } from 'node:fs'
import {
  type ErrorCode,
  InvalidInputError,
  ProjectionVersionError,
  StoreClosedError,
  UnreadableEventError,
  WrongExpectedVersionError,
} from '@eventsourced/core'
import { problem, withProblems } from '@eventsourced/core/http'
import { describe, expect, it, vi } from 'vitest'
import { everyError } from './every-error.ts'

const codes = Object.keys(everyError) as ErrorCode[]

/** The members of the answer. */
// biome-ignore lint/suspicious/noExplicitAny: each case knows the answer that it expects
const membersOf = async (response: Response): Promise<any> => response.json()
const requestWith = (headers: Record<string, string>) =>
  new Request('http://localhost/', { method: 'PUT', headers })

describe('the table of docs/http.md', () => {
  /** The status and the members by code. */
  const rows = new Map(
    [
      ...readFileSync('docs/http.md', 'utf8').matchAll(
        /^\| \[`([a-z-]+)`\]\(errors\.md#\1\) \| (\d+) \| (.*) \|$/gm,
      ),
    ].map(([, code = '', status, members = '']) => [
      code,
      { status: Number(status), members: [...members.matchAll(/`(\w+)`/g)].map(([, member]) => member) },
    ]),
  )
  const standard = ['type', 'title', 'status', 'detail', 'code']

  it('names every code that answers with a code', async () => {
    const named = codes.filter((code) => problem(everyError[code]).status !== 500)
    expect([...rows.keys()].toSorted()).toEqual(named.toSorted())
  })

  it.each([...rows])('is right about %s', async (code, { status, members }) => {
    const response = problem(everyError[code as ErrorCode])
    expect(response.status).toBe(status)
    expect(response.headers.get('retry-after')).toEqual(
      status === 503 ? expect.stringMatching(/^[15]$/) : null,
    )
    const body = await membersOf(response)
    expect(body).toMatchObject({ status, code, title: expect.any(String), detail: expect.any(String) })
    expect(body.type).toBe(`https://github.com/eventsourced/core/blob/main/docs/errors.md#${code}`)
    expect(Object.keys(body).filter((member) => !standard.includes(member))).toEqual(members)
  })
})

it.each(codes)(
  'of %s shows no ids of streams, no names of hosts, and no text of the database',
  async (code) => {
    const response = problem(everyError[code])
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    const text = await response.text()
    expect(text).not.toContain('SECRET')
    if (response.status === 500)
      expect(JSON.parse(text)).toEqual({ type: 'about:blank', title: 'Internal Server Error', status: 500 })
  },
)

describe('an error', () => {
  const secret = 'select * from users -- password'

  it.each([
    new Error(secret),
    Object.assign(new Error(secret), { code: '42P01' }),
    secret,
    undefined,
    null,
    { code: 'invalid-input', message: secret },
    new Proxy(new Error(secret), {
      get() {
        throw new Error(secret)
      },
    }),
  ])('that the library does not know is a 500 without details (%#)', async (error) => {
    const response = problem(error)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('password')
  })

  it('of a second installed copy of the library is known by its code', () => {
    expect(problem(Object.assign(new Error('closed'), { code: 'store-closed' })).status).toBe(503)
  })

  it('whose remedy is in this process is a 500, and one that a newer process can serve is a 503', () => {
    const event = { type: 'A', streamId: 's', version: 1, position: 1 }
    expect(problem(new UnreadableEventError('upcast-failed', event, 1, 'broken')).status).toBe(500)
    expect(problem(new UnreadableEventError('newer-version', event, 2, 'newer')).status).toBe(503)
    expect(problem(new ProjectionVersionError('p', 2, 1, 'inline', 'inline')).status).toBe(500)
    expect(problem(new ProjectionVersionError('p', 1, 2, 'inline', 'inline')).status).toBe(503)
  })

  it('of an aborted request is no failure of the server', () => {
    const controller = new AbortController()
    const request = new Request('http://localhost/', { signal: controller.signal })
    controller.abort()
    expect(problem(request.signal.reason, request).status).toBe(499)
    expect(problem(new StoreClosedError(), request).status).toBe(503)
  })
})

describe('a wrong version', () => {
  const error = new WrongExpectedVersionError('s', 7, 8)

  it('is 412 with the present ETag if the request has named the version, and 409 otherwise', () => {
    const statusAfter = (headers: Record<string, string>, thrown = error) => {
      const response = problem(thrown, requestWith(headers))
      return [response.status, response.headers.get('etag')]
    }
    expect(statusAfter({ 'If-Match': '"7"' })).toEqual([412, '"8"'])
    expect(statusAfter({})).toEqual([409, null])
    // The error is of another stream than the one that the client has read.
    expect(statusAfter({ 'If-Match': '"6"' })).toEqual([409, null])
    expect(statusAfter({ 'If-Match': 'nonsense' })).toEqual([409, null])
    const exists = new WrongExpectedVersionError('s', 'noStream', 8)
    expect(statusAfter({ 'If-None-Match': '*' }, exists)).toEqual([412, '"8"'])
    // A stream that does not exist has no ETag.
    const missing = new WrongExpectedVersionError('s', 'streamExists', 0)
    expect(statusAfter({ 'If-Match': '*' }, missing)).toEqual([412, null])
  })
})

describe('the option problems', () => {
  it('is asked first, and its members and headers reach the client', async () => {
    const problems = () => ({ status: 402, type: '/p', detail: 'Pay', headers: { 'X-A': 'b' }, balance: 30 })
    const response = problem(new StoreClosedError(), undefined, { problems })
    expect([response.status, response.headers.get('x-a')]).toEqual([402, 'b'])
    expect(await response.json()).toEqual({
      type: '/p',
      title: 'Payment Required',
      status: 402,
      detail: 'Pay',
      balance: 30,
    })
  })

  it('leaves the other errors to the library by returning undefined', () => {
    expect(problem(new StoreClosedError(), undefined, { problems: () => undefined }).status).toBe(503)
  })

  it('never sends two content types, whichever case its headers have', () => {
    const problems = () => ({ status: 409, headers: { 'content-type': 'text/plain', 'Retry-After': '1' } })
    const { headers } = problem(new Error('x'), undefined, { problems })
    expect([...headers]).toEqual([
      ['content-type', 'application/problem+json'],
      ['retry-after', '1'],
    ])
  })

  it.each([200, 399, 600, '404', undefined, Number.NaN])('must not return the status %s', (status) => {
    const problems = () => ({ status: status as number })
    expect(() => problem(new Error('x'), undefined, { problems })).toThrow(InvalidInputError)
  })
})

const mistake = (): never => {
  throw new Error('a mistake')
}

describe('withProblems', () => {
  it('reports what the answer does not show, and nothing else', async () => {
    const reported: unknown[] = []
    const answerTo = (error: unknown) =>
      withProblems(
        () => {
          throw error
        },
        { onError: (error, request) => reported.push([error, request.url]) },
      )(new Request('http://localhost/a'))
    const broken = new Error('broken')
    expect((await answerTo(broken)).status).toBe(500)
    expect((await answerTo(everyError['invalid-input'])).status).toBe(400)
    expect((await answerTo(everyError['store-unavailable'])).status).toBe(503)
    expect(reported).toEqual([
      [broken, 'http://localhost/a'],
      [everyError['store-unavailable'], 'http://localhost/a'],
    ])
  })

  it.each([
    ['problems throws', { problems: () => mistake() }],
    ['problems returns a member that is no JSON', { problems: () => ({ status: 409, balance: 30n }) }],
    ['problems returns a wrong status', { problems: () => ({ status: 200 }) }],
  ])('answers 500 and reports the error and the mistake if %s', async (_, options) => {
    const reported: unknown[] = []
    const onError = (error: unknown) => reported.push(error)
    const error = new Error('of the handler')
    const failing = () => Promise.reject(error)
    const response = await withProblems(failing, { ...options, onError })(new Request('http://localhost/'))
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('of the handler')
    expect(reported).toHaveLength(2)
    expect(reported[1]).toBe(error)
  })

  it.each([
    ['throws', () => mistake()],
    ['rejects', async () => mistake()],
  ])('answers all the same if onError %s, and shows that on the console', async (_, onError) => {
    const shown = vi.spyOn(console, 'error').mockImplementation(() => {})
    const failing = () => Promise.reject(new Error('of the handler'))
    const response = await withProblems(failing, { onError })(new Request('http://localhost/'))
    expect(response.status).toBe(500)
    await new Promise((resolve) => setImmediate(resolve))
    expect(shown).toHaveBeenCalledWith(expect.objectContaining({ message: 'a mistake' }))
    shown.mockRestore()
  })

  it('passes on the further arguments of the server', async () => {
    const handler = withProblems(
      (_request, context: { params: { id: string } }) => new Response(context.params.id),
    )
    const response = await handler(new Request('http://localhost/'), { params: { id: '7' } })
    expect(await response.text()).toBe('7')
  })

  it.each([
    ['problems', { problems: 'x' }],
    ['onError', { onError: 'x' }],
    ['errorsPage', { errorsPage: 7 }],
  ])('refuses a wrong option %s at once', (field, options) => {
    expect(() => withProblems(() => new Response(), options as never)).toThrow(
      expect.objectContaining({ code: 'invalid-input', field }),
    )
  })
})
