/** Selects parked events as the API does, and groups them by their errors. */
import type { ParkedShape } from '../../../../src/console/shapes/subscription.ts'

/** As the API takes it: every part must fit. */
export interface Filter {
  readonly type?: string
  readonly streamId?: string
  /** A part of the text of the error. */
  readonly error?: string
}

/** Reads the filter of an address. */
export function filterOf({ type, stream, error }: Readonly<Record<string, string>>): Filter {
  return { ...(type && { type }), ...(stream && { streamId: stream }), ...(error && { error }) }
}

export const isFiltered = (filter: Filter): boolean => Object.keys(filter).length > 0

export function isSelected(event: ParkedShape, { type, streamId, error }: Filter): boolean {
  return (
    (type === undefined || event.type === type) &&
    (streamId === undefined || event.streamId === streamId) &&
    (error === undefined || event.error.includes(error))
  )
}

export interface Group {
  /** The error, with `…` where the events differ. */
  readonly title: string
  /** The longest text that the errors share. */
  readonly error: string
  readonly count: number
  readonly types: readonly string[]
}

/** What differs between errors of one cause: numbers, and words with digits, such as ids and versions. */
const varying = /[\w.-]*\d[\w.-]*/g
const longestTitle = 160
const mostGroups = 20

/** The most frequent first. */
export function groupsOf(events: readonly ParkedShape[]): readonly Group[] {
  const groups = new Map<string, { error: string; count: number; types: Set<string>; first: string }>()
  for (const { error, type } of events) {
    const line = error.split('\n', 1)[0] ?? ''
    const title = line.replace(varying, '…')
    const group = groups.get(title) ?? {
      error: longest(line.split(varying)),
      count: 0,
      types: new Set<string>(),
      first: line,
    }
    group.count++
    group.types.add(type)
    groups.set(title, group)
  }
  return [...groups]
    .map(([title, { error, count, types, first }]) => ({
      title: short(count === 1 ? first : title),
      error: error.trim() === '' ? first : error.trim(),
      count,
      types: [...types],
    }))
    .sort((a, b) => b.count - a.count)
    .slice(0, mostGroups)
}

const longest = (texts: readonly string[]) => texts.reduce((a, b) => (b.length > a.length ? b : a), '')
const short = (text: string) => (text.length > longestTitle ? `${text.slice(0, longestTitle)}…` : text)
