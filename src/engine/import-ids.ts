/** The ids of imported events that came without: made of the import's name and their place in the source. */
import { createHash } from 'node:crypto'

/**
 * Ids of version 8 (RFC 9562, 5.8): 62 bits of a hash of the name, then 60 bits of the place. As their order is that of
 * the source, each is entered beside the one before it in a database's index, and not at a random place.
 */
export function importIds(name: string): (place: number) => string {
  const hash = createHash('sha256').update(`eventsourced import ${name}`).digest('hex')
  const variant = (8 + (Number.parseInt(hash.charAt(15), 16) & 3)).toString(16)
  const start = `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(12, 15)}-${variant}`
  return (place) => {
    const digits = place.toString(16).padStart(15, '0')
    return `${start}${digits.slice(0, 3)}-${digits.slice(3)}`
  }
}
