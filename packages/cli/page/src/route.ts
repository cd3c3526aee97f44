/**
 * The address of what the page shows: `#/stream?id=order-1&version=5`. It stays behind the `#`, so a mounted console needs
 * no routes of the server for it, and the names of streams do not reach the server's log of addresses.
 */
import { useEffect, useState } from 'preact/hooks'

export interface Route {
  readonly screen: string
  readonly params: Readonly<Record<string, string>>
}

/** A parameter that is undefined or empty is left out. */
export type Params = Readonly<Record<string, string | number | boolean | undefined>>

/** Returns the address of a screen, for links. */
export function address(screen: string, params: Params = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== '' && value !== false) query.set(name, String(value))
  }
  return query.size === 0 ? `#/${screen}` : `#/${screen}?${query}`
}

/** Shows another screen. `replace`: the back button does not return to this one. */
export function go(to: string, { replace = false } = {}): void {
  if (!replace) {
    location.hash = to
    return
  }
  history.replaceState(null, '', to)
  dispatchEvent(new HashChangeEvent('hashchange'))
}

/** Changes parameters of the present screen, and keeps the others. The back button returns to the screen before. */
export function changeParams(changes: Params): void {
  const { screen, params } = presentRoute()
  go(address(screen, { ...params, ...changes }), { replace: true })
}

export function useRoute(): Route {
  const [route, setRoute] = useState(presentRoute)
  useEffect(() => {
    const changed = () => setRoute(presentRoute())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return route
}

function presentRoute(): Route {
  const [path = '', query] = location.hash.replace(/^#\/?/, '').split('?')
  return { screen: path === '' ? 'overview' : path, params: Object.fromEntries(new URLSearchParams(query)) }
}
