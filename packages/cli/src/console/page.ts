/** Serves the built page. Its files are read once and kept in memory: no request names a file of the machine. */
import type { Context, MiddlewareHandler } from 'hono'
import type { BuiltPage, PageFile } from './page-files.ts'
import { placeIn } from './place.ts'

const year = 31_536_000

const notBuilt = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not built</title></head><body><h1>The page of the console is not built</h1><p>Run <code>npm run build:page -w packages/cli</code>, and load this page again.</p></body></html>`

/** Answers requests of the page and its files, and passes every other request on. */
export function pageOf(page: BuiltPage): MiddlewareHandler {
  return async (c, next) => {
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') return next()
    const place = placeIn(c)
    // The addresses in the page are relative, so its own must end with a slash.
    if (place === '') {
      const name = encodeURIComponent(c.req.path.split('/').at(-1) ?? '')
      return c.redirect(`./${name}/${new URL(c.req.url).search}`, 308)
    }
    const files = await page.files()
    if (files !== undefined) {
      const file = files.get(place === '/' ? '/index.html' : place)
      return file === undefined ? next() : answerWith(file, c)
    }
    if (place !== '/') return next()
    c.header('Cache-Control', 'no-store')
    return c.html(notBuilt, 503)
  }
}

function answerWith(file: PageFile, c: Context): Response {
  c.header('Cache-Control', file.isHashed ? `public, max-age=${year}, immutable` : 'no-cache')
  c.header('ETag', file.tag)
  c.header('Vary', 'Accept-Encoding')
  if (c.req.header('if-none-match') === file.tag) return c.body(null, 304)
  c.header('Content-Type', file.type)
  const { encoding, bytes } = bodyOf(file, c.req.header('accept-encoding') ?? '')
  if (encoding !== undefined) c.header('Content-Encoding', encoding)
  return c.body(bytes)
}

function bodyOf(file: PageFile, accepted: string) {
  const accepts = (name: string) =>
    accepted.split(',').some((one) => {
      const [encoding, quality] = one.split(';').map((part) => part.trim())
      return encoding === name && quality !== 'q=0'
    })
  if (accepts('br')) return { encoding: 'br', bytes: file.brotli }
  if (accepts('gzip')) return { encoding: 'gzip', bytes: file.gzip }
  return { encoding: undefined, bytes: file.bytes }
}
