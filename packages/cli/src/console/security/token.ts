/**
 * Lets in who knows the token. A program sends it with each request: `Authorization: Bearer …`. A browser shows it once, as
 * `?token=…` of the page, and gets a cookie instead, which no script can read and no foreign page can let a browser send.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import { getCookie } from 'hono/cookie'
import { placeIn } from '../place.ts'
import { Refusal } from '../refusal.ts'
import { WrongTries } from './wrong-tries.ts'

const digest = (text: string) => createHash('sha256').update(text).digest()
const isSame = (first: string, second: string) => timingSafeEqual(digest(first), digest(second))

const howToGetIn =
  'Open the address that the command printed when it started, with `?token=…`, or ask who runs this console for it. A program sends `Authorization: Bearer …`.'

/** Checks the token of the API and of the page. The files of the page are the same for everybody, and need none. */
export class TokenCheck {
  readonly #token: string
  readonly #cookie: { readonly name: string; readonly value: string }
  readonly #tries = new WrongTries()

  constructor(token: string) {
    this.#token = token
    // Cookies do not know ports: the name tells the consoles of one machine apart, and a new token from an old one.
    const name = digest(`name ${token}`).toString('hex').slice(0, 8)
    this.#cookie = { name: `eventsourced-console-${name}`, value: digest(`cookie ${token}`).toString('hex') }
  }

  /** For the API: refuses requests without the token. */
  readonly api: MiddlewareHandler = async (c, next) => {
    if (!(await this.#isKnown(c))) throw refusal()
    await next()
  }

  /** For the page: exchanges the token of the address for the cookie, and says how to get in. */
  readonly page: MiddlewareHandler = async (c, next) => {
    if (placeIn(c) !== '/' || !['GET', 'HEAD'].includes(c.req.method)) return next()
    const given = c.req.query('token')
    if (given !== undefined && isSame(given, this.#token)) return this.#letIn(c)
    if (given !== undefined) {
      await this.#tries.note(c.req.raw.signal)
      return refusedPage(c)
    }
    // A browser keeps the cookie back when a link of a foreign page leads here. The page has no data, and what it asks
    // the API for comes with the cookie.
    const isLinked = ['cross-site', 'same-site'].includes(c.req.header('sec-fetch-site') ?? '')
    if (!isLinked && !(await this.#isKnown(c))) return refusedPage(c)
    await next()
  }

  async #isKnown(c: Context): Promise<boolean> {
    const bearer = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1]
    const cookie = getCookie(c, this.#cookie.name)
    const isRight =
      (bearer !== undefined && isSame(bearer, this.#token)) ||
      (cookie !== undefined && isSame(cookie, this.#cookie.value))
    if (!isRight && (bearer ?? cookie) !== undefined) await this.#tries.note(c.req.raw.signal)
    return isRight
  }

  #letIn(c: Context): Response {
    const { name, value } = this.#cookie
    const isSecure = new URL(c.req.url).protocol === 'https:' || c.req.header('x-forwarded-proto') === 'https'
    // Without a path, a browser takes the folder of this request: the mount, as the browser sees it through any proxy.
    const attributes = `HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
    c.header('Set-Cookie', `${name}=${value}; ${attributes}`)
    c.header('Cache-Control', 'no-store')
    const { searchParams } = new URL(c.req.url)
    searchParams.delete('token')
    return c.redirect(searchParams.size === 0 ? './' : `./?${searchParams}`, 303)
  }
}

function refusal(): Refusal {
  return new Refusal(401, 'token-needed', 'Token needed', howToGetIn, { 'WWW-Authenticate': 'Bearer' })
}

function refusedPage(c: Context): Response {
  if (!c.req.header('accept')?.includes('text/html')) throw refusal()
  c.header('Cache-Control', 'no-store')
  c.header('WWW-Authenticate', 'Bearer')
  return c.html(
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Token needed</title></head><body><h1>This console needs a token</h1><p>${howToGetIn}</p></body></html>`,
    401,
  )
}
