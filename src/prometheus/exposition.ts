/**
 * Writes metrics in the text format of Prometheus, version 0.0.4, or in OpenMetrics 1.0. Both differ in the names of
 * counters' families, and in the last line. Source: "Exposition formats" in the documentation of Prometheus.
 */
import { type FamilyName, families } from './families.ts'
import type { Series, SeriesByFamily } from './series.ts'

export type Format = 'text' | 'openmetrics'

export const contentTypes: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** Returns the text of all families. `sources`: a family is written from the first source that has series of it. */
export function exposition(sources: readonly SeriesByFamily[], prefix: string, format: Format): string {
  const lines = (Object.keys(families) as FamilyName[]).flatMap((name) => {
    const source = sources.find((one) => one.of(name).length > 0)
    return source === undefined ? [] : familyLines(name, source, prefix, format)
  })
  if (format === 'openmetrics') lines.push('# EOF')
  return lines.map((line) => `${line}\n`).join('')
}

function familyLines(
  name: FamilyName,
  source: SeriesByFamily,
  prefix: string,
  format: Format,
): readonly string[] {
  const family = families[name]
  const full = `${prefix}${name}`
  const title = format === 'openmetrics' ? full.replace(/_total$/, '') : full
  return [
    `# HELP ${title} ${family.help}`,
    `# TYPE ${title} ${family.type}`,
    ...source.of(name).flatMap((series) => {
      const labels = family.labels.map((label, index) => labelOf(label, series.labels[index] as string))
      return family.type === 'histogram'
        ? histogramLines(full, labels, series, source.bounds)
        : [sample(full, labels, series.value)]
    }),
  ]
}

function histogramLines(
  name: string,
  labels: readonly string[],
  { buckets = [], value }: Series,
  bounds: readonly number[],
): readonly string[] {
  let count = 0
  const lines = buckets.map((inBucket, index) => {
    count += inBucket
    const bound = bounds[index]
    const text = bound === undefined ? '+Inf' : Number.isInteger(bound) ? `${bound}.0` : String(bound)
    return sample(`${name}_bucket`, [...labels, labelOf('le', text)], count)
  })
  return [...lines, sample(`${name}_sum`, labels, value), sample(`${name}_count`, labels, count)]
}

function sample(name: string, labels: readonly string[], value: number): string {
  return `${name}${labels.length > 0 ? `{${labels.join(',')}}` : ''} ${value}`
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' }

function labelOf(name: string, value: string): string {
  return `${name}="${value.replace(/[\\"\n]/g, (character) => escapes[character] as string)}"`
}
