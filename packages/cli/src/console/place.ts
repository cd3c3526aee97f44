/** Where in the console a request goes, wherever the console is mounted. */
import type { Context } from 'hono'
import { basePath } from 'hono/route'

/** The path after the mount: empty for the mount itself, `/` for the page, `/api/…`. Call it in a route of the whole console. */
export function placeIn(c: Context): string {
  const base = basePath(c)
  return base === '/' ? c.req.path : c.req.path.slice(base.length)
}
