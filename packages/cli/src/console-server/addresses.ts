/** The addresses and names under which a server is reached that listens at an address. */
import { hostname, networkInterfaces } from 'node:os'

const wildcards = ['0.0.0.0', '::']

/** Whether only this machine reaches the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** The names that a browser may use, as in a URL. */
export function namesOf(host: string): readonly string[] {
  if (!wildcards.includes(host)) return [inUrl(host)]
  return [hostname(), ...addresses().map(inUrl)]
}

/** The host of the URL to show. */
export function shownHost(host: string): string {
  if (!wildcards.includes(host)) return inUrl(host)
  return inUrl(addresses().find((address) => address.includes('.')) ?? hostname())
}

/** The addresses at which other machines reach this one. */
function addresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map(({ address }) => address)
}

const inUrl = (host: string) => (host.includes(':') ? `[${host}]` : host)
