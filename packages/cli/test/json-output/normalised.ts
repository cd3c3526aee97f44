/** Replaces what differs between two runs of the same commands: times, ids, positions, places and durations. */

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

/** Fields that hold a position of the log, and fields that hold a time span in milliseconds. */
const positionFields = ['position', 'lastPosition', 'checkpoint']
const spanFields = ['lagTime', 'duration']

/** What a run knows of its own values: each text that must not be in a snapshot, with its name there. */
export type Names = ReadonlyMap<string, string>

/**
 * Returns the value with names in place of what differs. `positions`: the positions of all events, in order; an event's
 * position becomes its place among them, so that a database may leave positions out.
 */
export function normalised(value: unknown, names: Names, positions: readonly number[], field = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => normalised(one, names, positions, field))
  if (typeof value === 'string') return time.test(value) ? '<time>' : named(value, names, positions)
  if (typeof value === 'number') {
    if (spanFields.includes(field)) return value === 0 ? 0 : '<milliseconds>'
    if (positionFields.includes(field) && value > 0) return `<position of event ${placeOf(value, positions)}>`
    return value
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, normalised(one, names, positions, name)]),
  )
}

function named(text: string, names: Names, positions: readonly number[]): string {
  let result = text
  for (const [own, name] of names) result = result.replaceAll(own, name)
  return result
    .replace(uuid, '<id>')
    .replace(/\b\d+ ms\b/g, '<milliseconds> ms')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replace(
      /position (\d+)/g,
      (_, digits: string) => `<position of event ${placeOf(Number(digits), positions)}>`,
    )
    .replace(/\n {4}at [\s\S]*$/, '\n    <stack>')
}

/** The place of the last event at or before a position, from 1. */
const placeOf = (position: number, positions: readonly number[]): number =>
  positions.filter((one) => one <= position).length
