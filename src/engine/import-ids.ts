/** The ids of imported events that have none: derived from the import's name and the event's index in the source. */
import { createHash } from 'node:crypto'

/**
 * Returns the function that makes the id of the event at an index. The ids are UUIDs of version 8 (RFC 9562, section
 * 5.8): 62 bits of a hash of the name, then 60 bits of the index. They sort in the order of the source, so a database's
 * index grows at one end, and not at random places.
 */
export function importIds(name: string): (index: number) => string {
  const hash = createHash('sha256').update(`eventsourced import ${name}`).digest('hex')
  const variant = (8 + (Number.parseInt(hash.charAt(15), 16) & 3)).toString(16)
  const start = `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(12, 15)}-${variant}`
  return (index) => {
    const digits = index.toString(16).padStart(15, '0')
    return `${start}${digits.slice(0, 3)}-${digits.slice(3)}`
  }
}
