/**
 * Refuses requests under a name that is not the console's. Without this check, a foreign page could let its own name point to
 * this machine (DNS rebinding), and the browser would take the console for a part of that page.
 */
import type { MiddlewareHandler } from 'hono'
import type { ConsoleContext } from '../options.ts'
import { Refusal } from '../refusal.ts'

const localNames = ['localhost', '127.0.0.1', '[::1]']

/** The names of this machine, and those of the option `hosts`, each with any port. */
export function hostCheck({ hosts = [] }: ConsoleContext): MiddlewareHandler {
  const known = new Set([...localNames, ...hosts].map((name) => name.toLowerCase()))
  return async (c, next) => {
    // A request line may name another host than the header: both must be known.
    for (const host of [c.req.header('host'), new URL(c.req.url).host]) {
      if (host !== undefined && !known.has(nameOf(host))) throw unknownHost()
    }
    await next()
  }
}

/** The answer does not repeat the name: it comes from the client. */
function unknownHost(): Refusal {
  const names =
    'The console answers only to the names of this machine, such as localhost, and to the names that it was given'
  const remedy = 'name this host with --allow-host on the command line, or with the option `hosts`'
  return new Refusal(421, 'unknown-host', 'Unknown host', `${names}: ${remedy}.`)
}

/** The name without the port, in lower case. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}
