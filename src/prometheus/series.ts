/** Counts and sums, by metric family and by the values of its labels. */
import type { CounterName, FamilyName, GaugeName, HistogramName } from './families.ts'

/** The values of a family's labels, in the order of the family's labels. */
export type LabelValues = readonly string[]

/** One series of a family. */
export interface Series {
  readonly labels: LabelValues
  /** The value of a counter or gauge; the sum of a histogram. */
  value: number
  /** Of a histogram: how many values lie in each bucket, and in no lower one. The last bucket has no upper bound. */
  readonly buckets: number[] | undefined
}

export class SeriesByFamily {
  /** The upper bounds of the buckets of histograms, rising. */
  readonly bounds: readonly number[]
  readonly #families = new Map<FamilyName, Map<string, Series>>()

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
  }

  add(name: CounterName, labels: LabelValues, value: number): void {
    this.#series(name, labels, false).value += value
  }

  set(name: GaugeName, labels: LabelValues, value: number): void {
    this.#series(name, labels, false).value = value
  }

  observe(name: HistogramName, labels: LabelValues, value: number): void {
    const series = this.#series(name, labels, true)
    series.value += value
    const found = this.bounds.findIndex((bound) => value <= bound)
    const index = found < 0 ? this.bounds.length : found
    const buckets = series.buckets as number[]
    buckets[index] = (buckets[index] as number) + 1
  }

  /** The series of a family, in the order in which they were first seen. */
  of(name: FamilyName): readonly Series[] {
    return [...(this.#families.get(name)?.values() ?? [])]
  }

  #series(name: FamilyName, labels: LabelValues, isHistogram: boolean): Series {
    let family = this.#families.get(name)
    if (family === undefined) {
      family = new Map()
      this.#families.set(name, family)
    }
    const key = JSON.stringify(labels)
    let series = family.get(key)
    if (series === undefined) {
      const buckets = isHistogram ? Array.from({ length: this.bounds.length + 1 }, () => 0) : undefined
      series = { labels, value: 0, buckets }
      family.set(key, series)
    }
    return series
  }
}
