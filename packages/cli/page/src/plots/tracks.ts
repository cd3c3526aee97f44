/** Makes the lines of plots from samples. */
import type { Sample } from '../../../src/console/shapes/store.ts'

/** Values over time. null: nothing was measured. */
export interface Track {
  readonly name: string
  readonly values: readonly (number | null)[]
}

export interface Tracks {
  /** Seconds since 1970. */
  readonly times: readonly number[]
  readonly tracks: readonly Track[]
}

/** Between samples that are further apart, in seconds, the line has a gap: the database was away, or no page was open. */
const longestStep = 5

/** Reads a value of a sample. `before`: the sample before it, and the seconds in between; undefined after a gap. */
export type Reading = (sample: Sample, before: Before | undefined) => number | undefined

interface Before {
  readonly sample: Sample
  readonly seconds: number
}

/** One track for each reading. */
export function tracksOf(samples: readonly Sample[], readings: Readonly<Record<string, Reading>>): Tracks {
  const times: number[] = []
  const tracks = Object.entries(readings).map(([name, read]) => ({
    name,
    read,
    values: [] as (number | null)[],
  }))
  let last: { readonly sample: Sample; readonly time: number } | undefined
  for (const sample of samples) {
    const time = Date.parse(sample.at) / 1000
    const seconds = last === undefined ? 0 : time - last.time
    if (last !== undefined && seconds > longestStep) {
      times.push(last.time + 1)
      for (const { values } of tracks) values.push(null)
    }
    const before =
      last !== undefined && seconds > 0 && seconds <= longestStep
        ? { sample: last.sample, seconds }
        : undefined
    times.push(time)
    for (const { read, values } of tracks) values.push(read(sample, before) ?? null)
    last = { sample, time }
  }
  return { times, tracks }
}

export interface Summary {
  readonly last: number
  readonly min: number
  readonly max: number
}

/** Returns undefined if nothing was measured. */
export function summaryOf({ values }: Track): Summary | undefined {
  const known = values.filter((value) => value !== null)
  const last = known.at(-1)
  if (last === undefined) return undefined
  return { last, min: Math.min(...known), max: Math.max(...known) }
}
